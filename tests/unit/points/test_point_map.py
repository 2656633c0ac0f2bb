"""Mapped points against resolve, which goes the same way point by point: places, errors, paths, reasons."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.errors import Ambiguous, NotFound, TransformRefused
from longitudinal.http.exchange import Request
from longitudinal.http.router import Limits, Router
from longitudinal.http.routes.point_map import point_map_routes
from longitudinal.points.answer import Match
from longitudinal.points.point_map import MappedPoint, MappedPoints, PointMapper
from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.checks import CHECKS
from longitudinal.transforms.error_at_place import ErrorGrid, join_errors, split_errors
from longitudinal.transforms.grid_storage import encode_field
from tests.unit.patients.ward import Ward, image, plane, registration, shift, unplaced, volume

FIRST, SECOND, THIRD = "1.9.1", "1.9.2", "1.9.3"
FRAMES = (FIRST, SECOND, THIRD)
HEIGHTS = range(-60, 200, 5)
SAME_MM = 1e-9


def turned(degrees: float, stretch: float = 1.0) -> np.ndarray:
    """A turn about an oblique axis and a shift; stretched along x it is affine."""
    angle = np.radians(degrees)
    axis = np.array([1.0, 2.0, 2.0]) / 3
    cross = np.cross(np.eye(3), -axis)
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, :3] @= np.diag([stretch, 1.0, 1.0])
    matrix[:3, 3] = (3.25, -4.5, 6.125)
    return matrix


def wave(seed: int = 1) -> DisplacementField:
    """A smooth field over 80 x 80 x 80 mm from the origin, with a hole of undefined vectors."""
    random = np.random.default_rng(seed)
    k, j, i = np.indices((17, 17, 17)) / 5
    vectors = np.stack(
        [4 * np.sin(p + a * i + b * j + c * k) for p, a, b, c in random.uniform(0.3, 1, (3, 4))], -1
    )
    vectors[6:9, 6:9, 6:9] = np.nan
    return DisplacementField(
        position=np.zeros(3), orientation=np.array([1.0, 0, 0, 0, 1, 0]), resolution=np.full(3, 5.0),
        dimensions=(17, 17, 17), vectors=vectors.astype(np.float32), pre=turned(4), post=shift(2, -1, 3),
    )  # fmt: skip


def joined(number: int, kind: str, notes: Notes | None = None) -> Any:
    """A transform of a kind from the frame of study `number` to that before it."""
    matrix = turned(7, 1.08) if kind == "affine" else turned(7)
    made = registration(number, FRAMES[number - 1], FRAMES[number - 2], matrix, kind=kind)
    item = made.transforms[0]
    if kind == "deformable":
        item = msgspec.structs.replace(item, matrix=None, grid=encode_field(wave()))
    if notes is not None:
        item = msgspec.structs.replace(item, notes=notes, maker="orthanc-longitudinal")
    return msgspec.structs.replace(made, transforms=(item,))


def scan(study: int, frame: str) -> list[Any]:
    """Axial slices round everything that is asked for."""
    return [
        image(
            study, 1, number, planes=plane(position=(-100, -100, z), size=400), frame_of_reference_uid=frame
        )
        for number, z in enumerate(HEIGHTS, 1)
    ]


class Room:
    """Three scans in frames of their own, which hold every point that is asked for, and what joins them."""

    def __init__(self, folder: Path, *objects: Any) -> None:
        scans = [scan(number, frame) for number, frame in enumerate(FRAMES, 1)]
        self.ward = Ward(folder, *scans, *objects)
        self.mapper = PointMapper(self.ward.readers, self.ward.catalogue, self.ward.archive, self.ward.heal)

    def map_points(self, source: str, target: str, points: Any, patient: str | None = "P") -> MappedPoints:
        return self.mapper.map_points(source, target, patient, np.array(points, float).reshape(-1, 3))

    def resolved(self, source: str, target: str, point: Any) -> Match | None:
        """What resolve says of one point; None where the transform does not reach."""
        answer = self.ward.point(*point, source)
        number = FRAMES.index(target) + 1
        for match in answer.matches:
            if match.study_instance_uid == f"1.{number}":
                return match
        (missing,) = [item for item in answer.unresolved if item.study_instance_uid == f"1.{number}"]
        assert missing.reason == "outsideTransform", missing
        return None


def assert_like_resolve(found: MappedPoint, whole: MappedPoints, match: Match | None) -> None:
    if match is None:
        assert found == MappedPoint(None, "outsideTransform", None, "unknown", "unknown")
        return
    assert found.point == pytest.approx((match.x, match.y, match.z), abs=SAME_MM, rel=0)
    assert (found.uncertainty_mm, found.uncertainty_source, found.grade, found.reason) == (
        match.uncertainty_mm, match.uncertainty_source, match.grade, None,
    )  # fmt: skip
    assert (whole.path, whole.alternatives, whole.method, whole.reviewed) == (
        match.path, match.alternatives, match.method, match.reviewed,
    )  # fmt: skip


@pytest.mark.parametrize("kinds", [("rigid", "rigid"), ("affine", "rigid"), ("deformable", "affine")])
@pytest.mark.parametrize(
    ("source", "target"), [(FIRST, SECOND), (SECOND, FIRST), (THIRD, FIRST), (FIRST, THIRD)]
)
def test_points_go_where_resolve_leads(
    tmp_path: Path, kinds: tuple[str, str], source: str, target: str
) -> None:
    room = Room(tmp_path, *[joined(number, kind) for number, kind in enumerate(kinds, 2)])
    points = np.random.default_rng(3).uniform(15, 65, (40, 3))
    found = room.map_points(source, target, points)
    assert len(found.path or ()) == (2 if THIRD in (source, target) and FIRST in (source, target) else 1)
    reached = 0
    for point, mapped in zip(points.tolist(), found.points, strict=True):
        match = room.resolved(source, target, point)
        reached += match is not None
        assert_like_resolve(mapped, found, match)
    assert reached > 20


def test_what_the_field_does_not_reach_is_null_among_others_that_it_reaches(tmp_path: Path) -> None:
    room = Room(tmp_path, joined(2, "deformable"))
    beyond, hole, inside = (150.0, 40.0, 40.0), (36.0, 36.0, 36.0), (20.0, 60.0, 30.0)
    found = room.map_points(FIRST, SECOND, [beyond, inside, hole])
    assert [one.reason for one in found.points] == ["outsideTransform", None, "outsideTransform"]
    assert [one.point is None for one in found.points] == [True, False, True]
    assert "outside" in found.detail
    assert room.resolved(FIRST, SECOND, hole) is None


def test_errors_are_those_of_each_place(tmp_path: Path) -> None:
    grid = ErrorGrid(np.array([[[1.2, 3.3, 9.0, np.nan]]]), np.diag([25.0, 1000.0, 1000.0, 1.0]))
    measured = Notes(
        1.0, "forwardBackward", "automatic", quality=f'{{"checks":{CHECKS}}}', decision="accepted",
        error_at_place=split_errors(join_errors({1: grid}))[1],
    )  # fmt: skip
    room = Room(tmp_path, joined(2, "rigid", measured), joined(3, "rigid", Notes(0.5, "declared")))
    points = np.column_stack([np.linspace(0, 95, 30), np.full(30, 40.0), np.full(30, 50.0)])
    for source, target in ((FIRST, SECOND), (SECOND, FIRST), (THIRD, FIRST), (THIRD, SECOND)):
        found = room.map_points(source, target, points)
        for point, mapped in zip(points.tolist(), found.points, strict=True):
            assert_like_resolve(mapped, found, room.resolved(source, target, point))
    grades = {one.grade for one in room.map_points(FIRST, SECOND, points).points}
    assert grades == {"green", "amber", "red", "unknown"}


def test_within_one_frame_points_stay_and_nobody_measured_it(tmp_path: Path) -> None:
    room = Room(tmp_path)
    found = room.map_points(FIRST, FIRST, [(1.5, 2.5, 3.5)])
    assert (found.path, found.method, found.reviewed) == ((), "sharedFrame", False)
    assert found.points == [MappedPoint((1.5, 2.5, 3.5), None, None, "sharedFrame", "unknown")]


def test_without_a_path_every_point_has_the_reason_of_resolve(tmp_path: Path) -> None:
    room = Room(tmp_path, joined(2, "rigid"))
    found = room.map_points(FIRST, THIRD, [(1, 2, 3), (4, 5, 6)])
    assert (found.path, found.method, found.reason) == (None, None, "needsAlignment")
    assert [one.reason for one in found.points] == ["needsAlignment"] * 2
    assert "no transform" in found.detail


def test_frames_are_named_by_series_and_by_slice_as_resolve_takes_them(tmp_path: Path) -> None:
    bare = scan(5, "series:1.5.1")
    each = [
        msgspec.structs.replace(one, frame_of_reference_uid=f"1.9.6.{one.instance_number}")
        for one in scan(6, "")
    ]
    objects = [
        registration(5, "series:1.5.1", FIRST, turned(3)),
        registration(6, "1.9.6.4", FIRST, turned(5)),
    ]
    room = Room(tmp_path, bare, each, *objects)
    for source, study in (("series:1.5.1", 5), ("1.9.6.7", 6)):
        (mapped,) = room.map_points(source, FIRST, [(10, 20, 30)], None).points
        (match,) = [m for m in room.ward.point(10, 20, 30, source).matches if m.study_instance_uid == "1.1"]
        assert mapped.point == pytest.approx((match.x, match.y, match.z), abs=SAME_MM)
        (back,) = room.map_points(FIRST, source, [mapped.point], None).points
        assert back.point == pytest.approx((10, 20, 30), abs=1e-6), study


def test_a_frame_without_images_is_reached_where_the_patient_is_named(tmp_path: Path) -> None:
    room = Room(tmp_path, registration(2, "1.77.7", FIRST, shift(1, 2, 3)))
    assert room.map_points("1.77.7", FIRST, [(0, 0, 0)]).points[0].point == (1, 2, 3)
    assert room.map_points(FIRST, "1.77.7", [(1, 2, 3)]).points[0].point == pytest.approx((0, 0, 0), abs=1e-9)


def test_a_transform_that_was_rejected_or_deleted_elsewhere_is_not_gone_by(tmp_path: Path) -> None:
    room = Room(tmp_path, joined(2, "rigid"))
    assert room.map_points(FIRST, SECOND, [(0, 0, 0)]).path
    room.ward.archive.gone.add("i1.2.9.90")
    assert room.map_points(FIRST, SECOND, [(0, 0, 0)]).reason == "needsAlignment"


def test_whose_frames_they_are(tmp_path: Path) -> None:
    def others(study: int, frame: str, patient: str) -> list[Any]:
        return [
            msgspec.structs.replace(
                one, patient_id=patient, orthanc_patient=f"p{patient}", frame_of_reference_uid=frame
            )
            for one in volume(study, heights=range(3))
        ]

    room = Room(tmp_path, others(20, FIRST, "Q"), others(21, SECOND, "Q"), others(22, "1.9.99", "R"))
    with pytest.raises(Ambiguous) as both:
        room.map_points(FIRST, SECOND, [(0, 0, 0)], None)
    assert set(both.value.orthanc_ids) == {"pP", "pQ"}
    assert room.map_points(FIRST, SECOND, [(0, 0, 0)], "Q").patient_id == "Q"
    for patient, wrong in ((None, "otherPatient"), ("P", "otherPatient")):
        with pytest.raises(TransformRefused) as refused:
            room.map_points(THIRD, "1.9.99", [(0, 0, 0)], patient)
        assert (refused.value.code, refused.value.fields[0].field) == (wrong, "/targetFrameOfReferenceUid")
    with pytest.raises(TransformRefused) as unknown:
        room.map_points("1.2.3.4", "1.2.3.5", [(0, 0, 0)], "P")
    assert unknown.value.code == "unknownFrame"
    assert [wrong.field for wrong in unknown.value.fields] == [
        "/sourceFrameOfReferenceUid", "/targetFrameOfReferenceUid",
    ]  # fmt: skip
    with pytest.raises(NotFound):
        room.map_points(FIRST, SECOND, [(0, 0, 0)], "nobody")


def test_every_wrong_field_of_a_request_is_named(tmp_path: Path) -> None:
    room = Room(tmp_path, unplaced(9))
    (route,) = point_map_routes(room.mapper)

    def ask(body: Any) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        response = Router([route], Limits(1, 1)).run(route, {}, Request("POST", "/points/map", body=raw))
        return response.status, json.loads(response.body)

    frames = {"sourceFrameOfReferenceUid": FIRST, "targetFrameOfReferenceUid": SECOND}
    status, problem = ask(
        {
            "sourceFrameOfReferenceUid": 5,
            "points": [[1, 2, 3], [1, 2], [1, "x", 3], [1e9, 0, 0], None],
            "colour": 1,
        }
    )
    assert (status, problem["code"]) == (400, "invalidRequest")
    named = {error["field"] for error in problem["errors"]}
    assert {
        "/sourceFrameOfReferenceUid", "/targetFrameOfReferenceUid", "/points/1", "/points/2/1", "/points/3/0", "/points/4",
        "/colour",
    } <= named  # fmt: skip
    assert "/points/0" not in named
    for number in (b"NaN", b"Infinity", b"1e400"):
        raw = (
            json.dumps({**frames, "points": [[0, 0, 1]]})
            .encode()
            .replace(b"[0, 0, 1]", b"[0, 0, " + number + b"]")
        )
        status, problem = ask(raw)
        assert status == 400, problem
        assert problem["errors"][0]["field"] == "/points/0/2"
    assert ask({**frames, "points": [[0, 0, 0]] * 1001})[1]["errors"][0]["field"] == "/points"
    status, answer = ask({**frames, "points": []})
    assert (status, answer["points"]) == (200, [])
