"""What the checks of another version make of a transform, and whose word holds."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from longitudinal.sidecar.tables.records import Notes
from longitudinal.sidecar.tables.transforms import read_unchecked
from longitudinal.transforms.checks import (
    AUTOMATIC,
    CHECKS,
    checked,
    figures_of,
    flags_of,
    is_outdated,
    is_rejected_by_checks,
)
from longitudinal.transforms.error_at_place import ErrorGrid, encode_error
from tests.unit.patients.ward import Ward, registration, shift, volume

OLD = Notes(0.4, "forwardBackward", "automatic", "", "2026-01-01", quality='{"overlap":0.9,"metric":1.1}')
FOUND = {"overlap": 0.9, "mirrorRatio": 0.7}


def again(notes: Notes, rejection: str | None, at: str = "2026-03-01") -> Notes:
    reason = None if rejection is None else "left and right may be swapped"
    return checked(notes, FOUND, 0.6, rejection, reason, "engine 2", at)


def test_only_what_was_aligned_by_itself_can_be_outdated() -> None:
    assert is_outdated(OLD, AUTOMATIC)
    assert is_outdated(replace(OLD, quality=None), AUTOMATIC)
    assert is_outdated(replace(OLD, quality=f'{{"checks":{CHECKS - 1}}}'), AUTOMATIC)
    assert not is_outdated(replace(OLD, quality=f'{{"checks":{CHECKS}}}'), AUTOMATIC)
    assert not is_outdated(OLD, "person")
    assert is_outdated(Notes(), AUTOMATIC), "what nobody has signed says nothing of checks"


def test_what_passes_is_measured_anew() -> None:
    found = again(OLD, None)
    assert (found.expected_error_mm, found.error_source, found.decision) == (0.6, "forwardBackward", None)
    assert figures_of(found) == {
        "overlap": 0.9, "metric": 1.1, "mirrorRatio": 0.7, "checks": CHECKS, "checkedBy": "engine 2",
        "checkedAt": "2026-03-01",
    }  # fmt: skip
    assert flags_of(found, AUTOMATIC) == []
    assert not is_outdated(found, AUTOMATIC)


def test_what_fails_is_rejected_by_the_version_that_found_it() -> None:
    found = again(OLD, "mirrorImageFitsBetter")
    assert (found.decision, found.decided_by, found.decided_at) == ("rejected", "engine 2", "2026-03-01")
    assert figures_of(found)["reason"] == "left and right may be swapped"
    assert is_rejected_by_checks(found)
    assert again(found, None, "2026-04-01").decision is None


@pytest.mark.parametrize("decision", ["accepted", "rejected"])
def test_a_person_is_never_overruled(decision: str) -> None:
    decided = replace(OLD, decision=decision, decided_by="ann", decided_at="2026-02-01")
    for rejection in (None, "mirrorImageFitsBetter"):
        found = again(decided, rejection)
        assert (found.decision, found.decided_by, found.decided_at) == (decision, "ann", "2026-02-01")
        wants_another_look = decision == "accepted" and rejection is not None
        assert flags_of(found, AUTOMATIC) == (["needsReview"] if wants_another_look else [])
    assert (
        flags_of(replace(again(decided, "mirrorImageFitsBetter"), decided_at="2026-03-02"), AUTOMATIC) == []
    )


def test_until_then_it_is_not_measured(tmp_path: Path) -> None:
    errors = encode_error(ErrorGrid(np.full((2, 2, 2), 0.5), np.eye(4)))
    old = replace(OLD, error_at_place=errors)
    new = replace(old, quality=msgspec.json.encode({"checks": CHECKS}).decode())
    for number, (notes, error) in enumerate([(old, None), (new, 0.4)]):
        record = registration(2, "1.2.2", "1.2.1", shift(1, 2, 3), notes=notes, maker="orthanc-longitudinal")
        ward = Ward(
            tmp_path / str(number),
            volume(1, frame_of_reference_uid="1.2.1"),
            volume(2, frame_of_reference_uid="1.2.2"),
            record,
        )
        (stored,) = ward.catalogue.patient(1).transforms
        assert stored.edge is not None
        assert stored.edge.expected_error_mm == error
        assert stored.edge.bound_mm((0.0, 0.0, 0.0)) == (error and 0.5)
        assert stored.notes.expected_error_mm == error
        assert flags_of(stored.notes, stored.origin) == ([] if error else ["notChecked"])


@pytest.mark.parametrize(
    ("notes", "waits"),
    [
        (OLD, True),
        (replace(OLD, quality=None), True),
        (Notes(), True),
        (again(OLD, None), False),
        (again(OLD, "mirrorImageFitsBetter"), False),
        (replace(OLD, decision="rejected", decided_by="ann"), False),
        (replace(OLD, decision="accepted", decided_by="ann"), True),
        (replace(OLD, decision="rejected", decided_by="e1", quality='{"checks":1,"checkedBy":"e1"}'), True),
    ],
)
def test_what_waits_for_a_check(tmp_path: Path, notes: Notes, waits: bool) -> None:
    ward = Ward(
        tmp_path, registration(2, "1.2.2", "1.2.1", shift(1, 2, 3), notes=notes, maker="m", label="l")
    )
    assert read_unchecked(ward.connection, CHECKS, "m", {"g"}) == (["1.2.9.90.1"] if waits else [])
    assert read_unchecked(ward.connection, CHECKS, "other", {"g"}) == [], "nothing of ours"
    assert read_unchecked(ward.connection, CHECKS, "m", {"g", "l"}) == [], "a person gave it"
