"""docs/alignment.md and docs/reason-codes.md say what the code does."""

import re
from typing import get_args

from longitudinal.alignment import candidate
from longitudinal.jobs import pulse, worker, worker_start
from longitudinal.jobs.messages import LONGEST_SECONDS
from longitudinal.jobs.supervisor import MAX_ATTEMPTS
from longitudinal.patients.standing import AlignmentState, Standing
from longitudinal.reasons import AlignmentFailure, Rejection, UnusableScan
from longitudinal.registration import volume
from longitudinal.registration.alignment import Stage
from longitudinal.transforms.grid_size import MOST_BYTES
from tests.data import ROOT

TEXT = " ".join((ROOT / "docs" / "alignment.md").read_text().split())
CODES = (ROOT / "docs" / "reason-codes.md").read_text()


def test_numbers() -> None:
    assert f"needs {candidate.LEAST_PLANES} planes and {candidate.LEAST_EXTENT_MM:.0f} mm" in TEXT
    assert (candidate.LEAST_PLANES, candidate.LEAST_EXTENT_MM) == (
        volume.LEAST_PLANES,
        volume.LEAST_EXTENT_MM,
    )
    assert f"{MAX_ATTEMPTS} times at most" in TEXT
    assert (worker_start._IDLE_SECONDS, "after two idle minutes" in TEXT) == (120, True)
    assert (pulse.SILENT_SECONDS, "sign of life for 120 s" in TEXT) == (120, True)
    affine, deform, check = (worker._LONGEST[stage] for stage in (Stage.AFFINE, Stage.DEFORM, Stage.CHECK))
    declared = (
        f"{LONGEST_SECONDS:.0f} s; affine {affine:,.0f}, deformable {deform:,.0f}, the check {check:,.0f}"
    )
    assert f"({declared})" in TEXT
    assert (MOST_BYTES, "more than 1 MB packed" in TEXT) == (1_000_000, True)


def test_each_rejection_names_what_would_help() -> None:
    assert [code for code in Rejection if "andmarks" not in code.explanation] == []
    # what a search cannot find a person may start; what no search finds a person may give
    assert "starting point" in Rejection.NO_OVERLAP.explanation
    for words in ("starting point", "rigid one", "transform from landmarks"):
        assert words in Rejection.INCONSISTENT.explanation
    assert "make a transform" in Rejection.LOCALLY_DIFFERENT.explanation


def test_modalities_and_states() -> None:
    named = re.search(r"\(([A-Z, ]+); others are never aligned\)", TEXT)
    assert named is not None
    assert set(named[1].split(", ")) == candidate.VOLUME_MODALITIES
    assert {state for state in get_args(AlignmentState) if f"`{state}`" not in TEXT} == set()
    assert set(get_args(Standing)) < set(get_args(AlignmentState))


def test_every_reason_for_a_refusal_has_a_row() -> None:
    codes = {*Rejection, *AlignmentFailure, *UnusableScan}
    assert {code for code in codes if f"| `{code}` |" not in CODES} == set()
