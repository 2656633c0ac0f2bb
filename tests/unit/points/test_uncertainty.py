"""What an answer says of its own error: at the point, on one scale, and never more than is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from longitudinal.points.answer import Match
from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.checks import CHECKS
from longitudinal.transforms.error_at_place import ErrorGrid, join_errors, split_errors
from tests.unit.patients.ward import Ward, registration, shift, volume

HEIGHTS = range(0, 61, 3)
PASSED = f'{{"checks":{CHECKS}}}'
FIRST, SECOND, THIRD = "1.9.1", "1.9.2", "1.9.3"


def measured(*bounds: float, decision: str | None = None) -> Notes:
    """Bounds along x of the target frame: up to 25, 75, 125 ... mm."""
    grid = ErrorGrid(np.array([[bounds]]), np.diag([50.0, 1000.0, 1000.0, 1.0]))
    errors = split_errors(join_errors({1: grid}))[1]
    return Notes(
        1.0, "forwardBackward", "automatic", decision=decision, quality=PASSED, error_at_place=errors
    )


def ward(folder: Path, *notes: Notes, **more: Any) -> Ward:
    """Scans in a row of frames, each 40 mm further along x, with a transform from each to the one before."""
    frames = (FIRST, SECOND, THIRD)[: len(notes) + 1]
    scans = [
        volume(number, heights=HEIGHTS, frame_of_reference_uid=frame, **more)
        for number, frame in enumerate(frames, start=1)
    ]
    objects = [
        registration(number, frames[number - 1], frames[number - 2], shift(-5, 0, 0), notes=said,
                     maker="orthanc-longitudinal", label="MATRIX" if said.error_source == "declared" else "")
        for number, said in enumerate(notes, start=2)
    ]  # fmt: skip
    return Ward(folder, *scans, *objects)


def match_in(answer: Any, frame: str) -> Match:
    (match,) = [match for match in answer.matches if match.frame_of_reference_uid == frame]
    return match


def said(match: Match) -> tuple[float | None, str, str]:
    return match.uncertainty_mm, match.uncertainty_source, match.grade


def test_it_is_that_of_the_place_from_either_side(tmp_path: Path) -> None:
    patient = ward(tmp_path, measured(1.2, 3.3, np.nan))
    # in FIRST, where it was measured, at x = 20 and 70; a point of SECOND arrives 5 mm before
    for x, expected in ((20.0, (1.2, "forwardBackward", "green")), (70.0, (3.3, "forwardBackward", "amber"))):
        assert said(match_in(patient.point(x, 30, 30, FIRST), SECOND)) == expected
        assert said(match_in(patient.point(x + 5, 30, 30, SECOND), FIRST)) == expected


def test_where_nothing_was_measured_nothing_is_said(tmp_path: Path) -> None:
    patient = ward(tmp_path, measured(np.nan, 1.0, decision="accepted"))
    match = match_in(patient.point(10, 30, 30, FIRST), SECOND)
    assert said(match) == (None, "unknown", "unknown")
    assert match.reviewed


def test_along_a_path_bounds_add_each_at_its_own_place(tmp_path: Path) -> None:
    patient = ward(tmp_path, measured(1.0, 2.0), measured(0.4, np.nan))
    # from THIRD at x: in SECOND at x - 5 (second transform), in FIRST at x - 10 (first one)
    assert said(match_in(patient.point(20, 30, 30, THIRD), FIRST)) == (1.4, "forwardBackward", "green")
    assert said(match_in(patient.point(20, 30, 30, THIRD), SECOND))[0] == 0.4
    assert said(match_in(patient.point(32, 30, 30, THIRD), FIRST)) == (None, "unknown", "unknown")
    assert said(match_in(patient.point(29.5, 30, 30, FIRST), THIRD)) == (None, "unknown", "unknown")


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        (Notes(1.0, "declared"), (1.0, "declared", "amber")),
        (Notes(1.0, "declared", decision="accepted"), (1.0, "declared", "green")),
        (Notes(7.0, "declared"), (7.0, "declared", "red")),
        (Notes(0.5, "forwardBackward", "automatic", quality=PASSED), (None, "unknown", "unknown")),
        (
            Notes(0.5, "forwardBackward", "automatic", decision="accepted", quality=PASSED),
            (None, "unknown", "unknown"),
        ),
        (replace(measured(1.0), quality=None), (None, "unknown", "unknown")),
        (replace(measured(1.0), quality='{"checks":1}', decision="accepted"), (None, "unknown", "unknown")),
        (Notes(0.5, "landmarks", "person"), (None, "unknown", "unknown")),
        (Notes(), (None, "unknown", "unknown")),
    ],
)
def test_what_was_not_measured_here_is_never_green(tmp_path: Path, notes: Notes, expected: Any) -> None:
    patient = ward(tmp_path, notes)
    assert said(match_in(patient.point(20, 30, 30, FIRST), SECOND)) == expected


def test_a_claim_on_the_way_keeps_the_whole_from_green(tmp_path: Path) -> None:
    patient = ward(tmp_path, measured(1.0, 1.0), Notes(0.5, "declared"))
    assert said(match_in(patient.point(20, 30, 30, THIRD), FIRST))[::2] == (1.5, "amber")


def test_a_measured_transform_goes_before_one_that_was_measured_as_a_whole(tmp_path: Path) -> None:
    patient = ward(tmp_path, measured(1.0, 1.0))
    old = Notes(0.1, "forwardBackward", "automatic", quality=PASSED)
    patient.put(
        registration(2, SECOND, FIRST, shift(-9, 0, 0), number=91, notes=old, maker="orthanc-longitudinal")
    )
    match = match_in(patient.point(20, 30, 30, FIRST), SECOND)
    assert (match.x, match.uncertainty_mm) == (25.0, 1.0)
    assert len(match.alternatives) == 1
