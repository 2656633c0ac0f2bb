"""Rows of the sidecar -> frames and edges: what notes make of an edge, and grids unpacked once."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.sidecar.tables.records import InstanceRecord, Notes
from longitudinal.transforms.annotation import read_annotation, write_annotation
from longitudinal.transforms.checks import CHECKS
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.error_at_place import LandmarkError, join_errors, split_errors
from longitudinal.transforms.stored import StoredTransform
from tests.annotations import decide
from tests.unit.patients.ward import Ward, registration, shift, volume

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
    stored = read(tmp_path, notes=notes, maker="orthanc-longitudinal", label="MATRIX")
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
    passed = f'{{"checks":{CHECKS}}}'
    notes = Notes(0.9, source, "automatic", "", decision="accepted", quality=passed, error_at_place=errors)
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
    assert not read(tmp_path, maker=maker, notes=Notes(given_origin=origin)).is_own


@pytest.mark.parametrize("given", [None, "person", "automatic"])
@pytest.mark.parametrize(
    ("maker", "label", "origin"),
    [
        ("orthanc-longitudinal", "AUTOMATIC", "automatic"),
        ("orthanc-longitudinal", "", "automatic"),
        ("orthanc-longitudinal", "MATRIX", "person"),
        ("orthanc-longitudinal", "LANDMARKS", "person"),
        ("Somebody Else", "AUTOMATIC", "vendor"),
        ("", "MATRIX", "vendor"),
    ],
)
def test_the_origin_is_what_the_object_says(
    tmp_path: Path, maker: str, label: str, origin: str, given: str | None
) -> None:
    stored = read(tmp_path, maker=maker, label=label, notes=Notes(given_origin=given))
    assert stored.edge is not None
    assert stored.origin == stored.edge.origin == origin


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


IDENTITY = shift(0, 0, 0)
OF_FIRST, OF_SECOND = "1.1.1.1", "1.2.1.1"


def several(*items: dict[str, object]) -> InstanceRecord:
    """A registration object of several items in the frame FIRST, identities unless one says otherwise."""
    one = registration(2, SECOND, FIRST, IDENTITY).transforms[0]
    made = [replace(one, **({"item": number} | item)) for number, item in enumerate(items, 1)]  # type: ignore[arg-type]
    return replace(registration(2, SECOND, FIRST, IDENTITY), transforms=tuple(made))


def stored_of(folder: Path, record: InstanceRecord, *more: object) -> list[StoredTransform]:
    return list(Ward(folder, scans(), *more, record).catalogue.patient(1).transforms)  # type: ignore[arg-type]


def test_an_identity_by_the_images_of_another_frame_is_a_transform(tmp_path: Path) -> None:
    """PS3.3 C.20.2: the two frames coincide."""
    item = {"source_frame": None, "source_references": (OF_SECOND,), "target_references": (OF_SECOND,)}
    (stored,) = stored_of(tmp_path, several(item))
    assert (stored.refusal, stored.source_frame, stored.target_frame) == (None, SECOND, FIRST)
    assert stored.edge is not None
    np.testing.assert_array_equal(stored.edge.transform.map_points([[1.0, 2, 3]]), [[1, 2, 3]])


def test_an_identity_by_the_images_of_the_own_frame_is_none(tmp_path: Path) -> None:
    names = {"source_frame": None, "source_references": (OF_FIRST,), "target_references": (OF_FIRST,)}
    moves = {"source_references": (), "target_references": (OF_FIRST,), "matrix": shift(1, 2, 3).tobytes()}
    (stored,) = stored_of(tmp_path, several(names, moves))
    assert (stored.id.rpartition(".")[2], stored.refusal, stored.target_frame) == ("2", None, FIRST)
    (alone,) = stored_of(tmp_path / "b", several(names))
    assert (alone.refusal, alone.edge) == ("noRegistration", None)


def test_a_placeholder_beside_the_images_of_the_own_frame(tmp_path: Path) -> None:
    """The form in which frames without a UID are written."""
    series = volume(3, frame_of_reference_uid="series:1.3.1")
    names = {
        "source_frame": None,
        "source_references": ("1.3.1.1",),
        "target_frame": "2.25.9",
        "target_references": ("1.3.1.1",),
    }
    moves = names | {"source_frame": SECOND, "source_references": (), "matrix": shift(1, 2, 3).tobytes()}
    (stored,) = stored_of(tmp_path, several(names, moves), series)
    assert (stored.refusal, stored.source_frame, stored.target_frame) == (None, SECOND, "series:1.3.1")
    for where in ("source", "target"):
        named = {f"{where}_frame": "2.25.9", f"{where}_references": ("1.3.1.1",)}
        (stored,) = stored_of(tmp_path / where, several(named | {"matrix": shift(1, 2, 3).tobytes()}), series)
        assert stored.refusal is None


@pytest.mark.parametrize(
    "item",
    [
        {"source_references": (OF_FIRST,)},
        {"source_references": (OF_SECOND, OF_FIRST)},
        {"source_frame": None, "source_references": (OF_SECOND, OF_FIRST)},
        {"source_frame": "1.2.99", "source_references": (OF_SECOND,)},
        {"source_frame": FIRST, "source_references": (OF_SECOND,), "target_references": (OF_SECOND,)},
        {"source_frame": FIRST, "source_references": (OF_SECOND,), "matrix": None, "refusal": "sameFrame"},
    ],
)
def test_uid_and_images_that_disagree(tmp_path: Path, item: dict[str, object]) -> None:
    (stored,) = stored_of(tmp_path, several(item))
    assert (stored.refusal, stored.edge) == ("frameConflict", None)
    assert SECOND in stored.detail or FIRST in stored.detail


def test_an_own_frame_whose_images_lie_elsewhere_is_trusted_by_no_item(tmp_path: Path) -> None:
    names = {"source_frame": FIRST, "source_references": (OF_SECOND,), "target_references": (OF_SECOND,)}
    moves = {"target_references": (OF_SECOND,), "matrix": shift(1, 2, 3).tobytes()}
    assert [stored.refusal for stored in stored_of(tmp_path, several(names, moves))] == ["frameConflict"] * 2


def test_images_that_are_not_stored_say_nothing(tmp_path: Path) -> None:
    (stored,) = stored_of(tmp_path, several({"source_references": ("1.9.9",)}))
    assert stored.refusal is None
    unnamed = {"source_frame": None, "source_references": ("1.9.9",), "target_references": ("1.9.9",)}
    (stored,) = stored_of(tmp_path / "b", several(unnamed))
    assert stored.refusal == "unknownImages"


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


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [(shift(1e9, 0, 0), "badMatrix"), (np.full((4, 4), np.nan), "badMatrix"), (np.diag([0.0, 1, 1, 1]), "badMatrix"),
     (np.full((4, 4), 1e300), "badMatrix"), (np.eye(3), "badMatrix")],
)  # fmt: skip
def test_a_matrix_that_was_indexed_before_it_was_refused_is_refused_when_read(
    tmp_path: Path, matrix: np.ndarray, reason: str
) -> None:
    ward = Ward(tmp_path, scans(), registration(2, SECOND, FIRST, matrix))
    (stored,) = ward.catalogue.patient(1).transforms
    assert (stored.refusal, stored.edge, bool(stored.detail)) == (reason, None, True)
    answer = ward.point(10, 5, 0, SECOND)
    assert ([match.study_instance_uid for match in answer.matches], answer.unresolved[0].reason) == (
        ["1.2"], "needsAlignment",
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"vectors": np.full((3, 6, 6, 3), 3e38, np.float32)}, {"position": np.array([1e300, 0, 0])},
     {"resolution": np.array([1, 1e-300, 1])}, {"resolution": np.array([np.nan, 1, 1])}, {"pre": shift(1e300, 0, 0)},
     {"post": np.zeros((4, 4))}],
)  # fmt: skip
def test_a_grid_that_was_indexed_before_it_was_refused_is_refused_when_read(
    tmp_path: Path, change: dict[str, np.ndarray]
) -> None:
    field = DisplacementField(
        position=np.zeros(3), orientation=np.array([1.0, 0, 0, 0, 1, 0]), resolution=np.full(3, 20.0),
        dimensions=(6, 6, 3), vectors=np.ones((3, 6, 6, 3), np.float32), pre=np.eye(4), post=np.eye(4),
    )  # fmt: skip
    ward = Ward(tmp_path, scans(), deformable(DisplacementGrid(replace(field, **change)).to_bytes()))
    (stored,) = ward.catalogue.patient(1).transforms
    assert (stored.refusal, stored.edge) == ("badGrid", None)
    assert [item.reason for item in ward.point(10, 5, 0, SECOND).unresolved] == ["needsAlignment"]


@pytest.mark.parametrize("grid", [b"", b"LDG1", b"x" * 1000])
def test_bytes_that_are_no_grid_cost_one_transform_not_the_patient(tmp_path: Path, grid: bytes) -> None:
    ward = Ward(tmp_path, scans(), deformable(grid))
    assert ward.catalogue.patient(1).transforms[0].refusal == "badGrid"
    assert len(ward.point(10, 5, 0, SECOND).matches) == 1


def test_a_chain_that_leads_out_of_all_bounds_leads_nowhere(tmp_path: Path) -> None:
    """Each step stretches as much as one may; after enough of them no float holds the place."""
    stretch = np.diag([999.0, 999.0, 999.0, 1.0])
    frames = [f"1.2.{number}" for number in range(1, 130)]
    chain = [
        registration(2, source, target, stretch, number=1000 + number)
        for number, (source, target) in enumerate(pairwise(frames))
    ]
    last = volume(3, frame_of_reference_uid=frames[-1])
    ward = Ward(tmp_path, scans(), last, *chain)
    with np.errstate(all="ignore"):
        answer = ward.point(10, 5, 1, FIRST)
    assert [item.reason for item in answer.unresolved][-1] == "outsideTransform"


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
