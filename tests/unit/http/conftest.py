"""All routes over a sidecar in a temporary folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.http.served import Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()
