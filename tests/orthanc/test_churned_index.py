"""A tenth of `python -m benchmarks.soak.churned_index`, whose 500 steps run in `make soak` and on every Orthanc there is."""

import os
from pathlib import Path

import pytest

from benchmarks.soak.churned_index import churn

STEPS = int(os.environ.get("LONGITUDINAL_STEPS", "50"))
SEED = 20261128


@pytest.mark.timeout(60 + 10 * STEPS)
def test_the_index_equals_one_that_is_made_anew(tmp_path: Path) -> None:
    found = churn(tmp_path / "orthanc", STEPS, SEED, every=25)
    assert found.comparisons >= 2
    assert found.differences == []
