"""A third of the blocks: they are half the time of a small alignment, and a phantom needs no more."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from longitudinal.registration import engine


@pytest.fixture(autouse=True, scope="package")
def few_blocks() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(engine, "WHOLE", replace(engine.WHOLE, most=20))
    patch.setattr(engine, "PLACES", replace(engine.PLACES, most=60))
    yield
    patch.undo()
