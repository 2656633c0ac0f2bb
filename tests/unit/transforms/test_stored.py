"""Rows of the sidecar -> frames and edges: what notes make of an edge, and grids unpacked once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from longitudinal.dicom.spatial_registration import DisplacementField
from longitudinal.sidecar.records import InstanceRecord, Notes
from longitudinal.transforms.annotation import decide, read_annotation, write_annotation
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.error_at_place import LandmarkError, join_errors, split_errors
from longitudinal.transforms.stored import StoredTransform
from tests.unit.points.patients import Ward, registration, shift, volume

FIRST, SECOND = "1.2.1", "1.2.2"
LANDMARKS = LandmarkError(0.8, 5, np.array([1.0, 2.0, 3.0]), np.diag([1e-4, 2e-4, 3e-4]))


def scans() -> list:
    return [
        *volume(1, frame_of_reference_uid=FIRST),
        *volume(2, frame_of_reference_uid=SECOND),
    ]


def read(folder: Path, **more: object) -> StoredTransform:
    ward = Ward(folder, scans(), registration(2, SECOND, FIRST, shift(1, 2, 3), **more))
    (stored,) = ward.catalogue.patient(1).transforms
    return stored


def deformable(grid: bytes) -> InstanceRecord:
    record = registration(2, SECOND, FIRST, shift(0, 0, 0))
    item = replace(record.transforms[0], matrix=None, grid=grid, kind="deformable")
    return replace(record, transforms=(item,))


def test_notes_become_the_edge(tmp_path: Path) -> None:
    notes = Notes(
        1.5, "landmarks", "person", "ann", "2026-01-02T03:04:05+00:00", "accepted", "bob", "2026-01-03",
        error_at_place=split_errors(join_errors({2: LANDMARKS}))[2],
    )  # fmt: skip
    stored = read(tmp_path, notes=notes, maker="orthanc-longitudinal")
    edge = stored.edge
    assert edge is not None
    assert (edge.expected_error_mm, edge.error_source, edge.reviewed) == (1.5, "landmarks", True)
    assert edge.bound_mm((7.0, 8.0, 9.0)) == LANDMARKS.bound_mm(7.0, 8.0, 9.0)
    assert (edge.origin, edge.created, edge.rejected) == ("person", notes.given_at, False)
    assert stored.is_own
    assert stored.notes == notes


@pytest.mark.parametrize("errors", [None, b"", b"something else", b'{"kind": "grid", "grid": "AAAA"}'])
@pytest.mark.parametrize("source", ["landmarks", "forwardBackward", "local"])
def test_an_error_of_the_whole_says_nothing_of_a_place(
    tmp_path: Path, source: str, errors: bytes | None
) -> None:
    notes = Notes(0.9, source, "automatic", "", decision="accepted", error_at_place=errors)
    stored = read(tmp_path, notes=notes, maker="orthanc-longitudinal")
    assert stored.edge is not None
    assert (stored.edge.expected_error_mm, stored.edge.error_source) == (None, "unknown")
    assert stored.edge.bound_mm((0.0, 0.0, 0.0)) is None
    assert stored.edge.reviewed
    assert stored.is_own
    assert stored.notes.expected_error_mm is None


def test_what_is_declared_holds_at_every_place(tmp_path: Path) -> None:
    errors = split_errors(join_errors({2: LANDMARKS}))[2]
    stored = read(tmp_path, notes=Notes(0.9, "declared", error_at_place=errors))
    assert stored.edge is not None
    assert [stored.edge.bound_mm(place) for place in ((0, 0, 0), (900, 0, 0))] == [0.9, 0.9]
    assert stored.edge.is_claimed


def test_without_notes_nothing_is_claimed(tmp_path: Path) -> None:
    stored = read(tmp_path)
    assert stored.edge is not None
    assert (stored.edge.expected_error_mm, stored.edge.error_source) == (None, "unknown")
    assert (stored.edge.reviewed, stored.edge.rejected, stored.edge.origin) == (False, False, "vendor")
    assert not stored.is_own


@pytest.mark.parametrize(("maker", "origin"), [("orthanc-longitudinal", None), ("Somebody Else", "person")])
def test_ours_is_what_both_object_and_notes_say(tmp_path: Path, maker: str, origin: str | None) -> None:
    stored = read(tmp_path, maker=maker, notes=Notes(given_origin=origin))
    assert not stored.is_own
    assert stored.edge is not None
    assert stored.edge.origin == "vendor"


def test_rejected_is_on_no_path(tmp_path: Path) -> None:
    ward = Ward(
        tmp_path, scans(), registration(2, SECOND, FIRST, shift(1, 2, 3), notes=Notes(decision="rejected"))
    )
    answer = ward.point(10, 5, 0, SECOND)
    assert [item.reason for item in answer.unresolved] == ["needsAlignment"]


def test_the_uid_counts_only_where_an_image_bears_it(tmp_path: Path) -> None:
    """A type 1 placeholder beside the images that name the frame."""
    stored = read(tmp_path, source_frame="2.25.99", source_references=("1.2.1.1",))
    assert stored.source_frame == SECOND
    (tmp_path / "b").mkdir()
    stored = read(tmp_path / "b", source_references=("1.1.1.1",))
    assert stored.source_frame == SECOND


def test_a_grid_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    field = DisplacementField(
        position=np.zeros(3), orientation=np.array([1.0, 0, 0, 0, 1, 0]), resolution=np.full(3, 20.0),
        dimensions=(6, 6, 3), vectors=np.ones((3, 6, 6, 3), np.float32), pre=np.eye(4), post=np.eye(4),
    )  # fmt: skip
    unpacked = []
    original = DisplacementGrid.from_bytes
    monkeypatch.setattr(DisplacementGrid, "from_bytes", lambda data: unpacked.append(1) or original(data))
    packed = DisplacementGrid(field).to_bytes()
    made = deformable(packed)
    ward = Ward(tmp_path, scans(), made)
    first = ward.catalogue.patient(1)
    ward.put(volume(3, frame_of_reference_uid=FIRST))
    second = ward.catalogue.patient(1)
    assert first is not second
    assert len(unpacked) == 1
    assert first.transforms[0].edge.transform is second.transforms[0].edge.transform

    field.vectors[:] = 2
    ward.put(deformable(DisplacementGrid(field).to_bytes()))
    third = ward.catalogue.patient(1)
    assert len(unpacked) == 2
    np.testing.assert_allclose(
        third.transforms[0].edge.transform.map_points([[50.0, 50, 20]]), [[48, 48, 18]]
    )


def test_annotations_survive_the_way_there_and_back() -> None:
    notes = {2: Notes(1.25, "declared", "person", "änn", "2026-01-02"), 3: Notes(decision="rejected")}
    assert read_annotation(write_annotation(notes)) == notes
    decided = read_annotation(decide(write_annotation(notes), 2, "accepted", "bob", "2026-01-03"))
    assert decided[3] == notes[3]
    assert (decided[2].expected_error_mm, decided[2].decision, decided[2].decided_by) == (
        1.25,
        "accepted",
        "bob",
    )


@pytest.mark.parametrize(
    "text",
    [
        None, "", "[]", "{", "null", '{"items": 3}', '{"items": {"x": {}}}', '{"items": {"2": {"expectedErrorMm": "1"}}}',
        '{"items": {"2": {"expectedErrorMm": -1, "errorSource": "declared", "decision": "maybe"}}}',
        '{"items": {"2": {"expectedErrorMm": 1, "errorSource": "a guess", "givenOrigin": "nobody"}}}',
    ],
)  # fmt: skip
def test_what_others_write_into_metadata_claims_nothing(text: str | None) -> None:
    assert all(notes == Notes() for notes in read_annotation(text).values())
