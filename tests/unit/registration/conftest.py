"""A third of the blocks: they are half the time of a small alignment, and a phantom needs no more."""

from collections.abc import Iterator

import pytest

from longitudinal.registration import block_match


@pytest.fixture(autouse=True, scope="package")
def few_blocks() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(block_match, "MOST_BLOCKS", 20)
    yield
    patch.undo()
