"""The stacks of a series as a client gets them: what the index says, what the headers say, and when they are read again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.stored_values import STORED_VALUE_TAGS
from longitudinal.dicom.tags import Tags
from longitudinal.errors import Ambiguous, NotFound
from longitudinal.geometry.image_plane import PLANE
from longitudinal.http.links import stored_values_of
from longitudinal.points import series_stacks
from longitudinal.points.series_stacks import StackReader
from longitudinal.points.stack_answer import SeriesStacks
from tests import builders as build
from tests.unit.patients.ward import CORONAL, Ward, image, plane, unplaced, volume

HEADER = tags_from_dataset(
    build.classic(RescaleSlope=2, RescaleIntercept=-5, WindowCenter=40, WindowWidth=400), STORED_VALUE_TAGS
)


class Headers:
    """Headers by Orthanc id, the same for all but those named; counts what is read."""

    def __init__(self) -> None:
        self.of: dict[str, Tags | None] = {}
        self.read: list[str] = []

    def __call__(self, series: str, orthanc_ids: Sequence[str]) -> Iterator[Tags | None]:
        for orthanc_id in orthanc_ids:
            self.read.append(orthanc_id)
            yield self.of.get(orthanc_id, HEADER)


class Room:
    """A ward with a reader of stacks."""

    def __init__(self, folder: Path, *records: Any) -> None:
        self.ward = Ward(folder, *records)
        self.headers = Headers()
        self.deep: set[str] = set()
        self.reader = StackReader(
            self.ward.readers,
            self.ward.catalogue,
            self.headers,
            lambda _series, ids: iter([one in self.deep for one in ids]),
            self.ward.archive.has_instance,
            self.ward.heal,
            stored_values_of,
        )

    def stacks(self, series: str = "1.1.1") -> SeriesStacks:
        return self.reader.stacks(series)


def test_planes_are_in_stack_order_with_the_slice_index_that_resolve_has(tmp_path: Path) -> None:
    heights = [10.0, 0.0, 4.0, 6.0]
    room = Room(tmp_path, volume(1, heights=heights), volume(2, heights=range(0, 12, 2)))
    (stack,) = room.stacks().stacks
    assert [one.image_position_patient[2] for one in stack.planes] == sorted(heights)
    assert [one.slice_index for one in stack.planes] == [0, 1, 2, 3]
    assert stack.normal == (0, 0, 1)
    assert stack.spacing_mm == 4
    assert [one.reach_mm for one in stack.planes] == [(2, 2), (2, 1), (1, 2), (2, 2)]
    for one in stack.planes:
        match = next(m for m in room.ward.click(one.sop_instance_uid, 5, 7).matches if m.is_source)
        assert (match.slice_index, match.frame_number) == (one.slice_index, one.frame_number)
        assert one.links.pixels == f"/instances/{one.orthanc_instance_id}/frames/0/numpy?rescale=false"


def test_a_single_slice_has_no_spacing_and_reaches_half_its_thickness(tmp_path: Path) -> None:
    (stack,) = Room(tmp_path, volume(1, heights=[3.0], thickness=5.0)).stacks().stacks
    assert stack.spacing_mm is None
    assert stack.planes[0].reach_mm == (2.5, 2.5)


def test_orientations_and_frames_are_stacks_of_their_own(tmp_path: Path) -> None:
    coronal = [
        image(1, 1, 20 + number, planes=plane(position=(0, y, 0), orientation=CORONAL))
        for number, y in enumerate((0.0, 3.0))
    ]
    found = Room(tmp_path, volume(1), coronal).stacks()
    assert [stack.index for stack in found.stacks] == [0, 1]
    assert [len(stack.planes) for stack in found.stacks] == [10, 2]
    assert found.stacks[1].image_orientation_patient == CORONAL
    assert {stack.frame_of_reference_uid for stack in found.stacks} == {"1.2.9"}
    assert all(stack.is_uniform for stack in found.stacks)


def test_a_plane_that_differs_from_the_first_says_in_what(tmp_path: Path) -> None:
    turned = (1.0, 0.0, 0.0, 0.0, 0.99999, 0.004)
    other = image(1, 1, 3, planes=plane(4.0, orientation=turned, spacing=0.5, size=200))
    (stack,) = Room(tmp_path, volume(1, heights=[0.0, 2.0]), other).stacks().stacks
    assert not stack.is_uniform
    first, second, third = stack.planes
    assert first.own_geometry is None
    assert second.own_geometry is None
    assert third.own_geometry is not None
    assert third.own_geometry.image_orientation_patient == turned
    assert third.own_geometry.pixel_spacing == (0.5, 0.5)
    assert (third.own_geometry.rows, third.own_geometry.columns) == (200, 200)


def test_values_are_those_of_each_header(tmp_path: Path) -> None:
    room = Room(tmp_path, volume(1, heights=[0.0, 2.0]))
    steep = build.classic(Modality="PT", Units="BQML", RescaleSlope=7.5, RescaleIntercept=0)
    room.headers.of["i1.1.1.2"] = tags_from_dataset(steep, STORED_VALUE_TAGS)
    first, second = room.stacks().stacks[0].planes
    assert (first.rescale_slope, first.rescale_intercept, first.window_width) == (2, -5, 400)
    assert (second.rescale_slope, second.unit, second.window_width) == (7.5, "BQML", None)


def test_a_header_that_cannot_be_read_leaves_the_place_and_no_values(tmp_path: Path) -> None:
    room = Room(tmp_path, volume(1, heights=[0.0]))
    room.headers.of["i1.1.1.1"] = None
    (one,) = room.stacks().stacks[0].planes
    assert one.image_position_patient == (0, 0, 0)
    assert (one.rescale_slope, one.rescale_reason) == (None, "the header cannot be read")
    assert one.links.pixels is None


def test_what_has_no_place_is_listed_with_its_reason(tmp_path: Path) -> None:
    room = Room(tmp_path, volume(1), unplaced(1, 1, "noGeometry", number=50, number_of_frames=3))
    report = tags_from_dataset(build.dataset("1.2.3", "SR", Rows=None, Columns=None), STORED_VALUE_TAGS)
    room.ward.put(unplaced(1, 1, "notAnImage", number=51))
    room.headers.of["i1.1.1.51"] = report
    found = room.stacks()
    assert len(found.stacks[0].planes) == 10
    picture, no_picture = found.not_indexed
    assert (picture.reason, picture.number_of_frames, picture.frame_numbers) == ("noGeometry", 3, None)
    assert (picture.rows, picture.columns, picture.rescale_slope) == (8, 6, 2)
    assert picture.links.pixels == "/instances/i1.1.1.50/frames/0/numpy?rescale=false"
    assert (no_picture.reason, no_picture.links.pixels) == ("notAnImage", None)


def test_frames_beside_those_with_a_place_are_named(tmp_path: Path) -> None:
    planes = np.concatenate([np.frombuffer(plane(float(z)), PLANE) for z in range(3)])
    planes["frame_number"] = (2, 4, 5)
    enhanced = image(1, planes=planes.tobytes(), number_of_frames=6)
    found = Room(tmp_path, enhanced).stacks()
    assert [one.frame_number for one in found.stacks[0].planes] == [2, 4, 5]
    assert [one.links.pixels for one in found.stacks[0].planes] == [
        f"/instances/i1.1.1.1/frames/{number}/numpy?rescale=false" for number in (1, 3, 4)
    ]
    (left,) = found.not_indexed
    assert (left.frame_numbers, left.reason) == ([1, 3, 6], "projection")
    assert left.links.pixels == "/instances/i1.1.1.1/frames/0/numpy?rescale=false"


def test_headers_are_read_once_until_the_series_changes(tmp_path: Path) -> None:
    room = Room(tmp_path, volume(1), volume(1, 2))
    first = room.stacks()
    assert len(room.headers.read) == 10
    assert room.stacks("e1.1.1") is first
    room.ward.put(volume(1, 2))
    assert room.stacks() is first
    room.ward.put(image(1, 1, 3, planes=plane(4.5)))
    assert room.stacks().stacks[0].planes[2].image_position_patient == (0, 0, 4.5)
    assert len(room.headers.read) == 20


def test_what_is_kept_has_a_limit_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path, *[volume(1, number) for number in range(1, 5)])
    room.stacks("1.1.1")
    monkeypatch.setattr(series_stacks, "MAX_CACHED_BYTES", 2 * room.reader.kept_bytes)
    for number in (2, 3, 4):
        room.stacks(f"1.1.{number}")
    assert room.reader.kept_bytes <= series_stacks.MAX_CACHED_BYTES
    room.headers.read.clear()
    room.stacks("1.1.4")
    assert room.headers.read == []
    room.stacks("1.1.1")
    assert len(room.headers.read) == 10


def test_images_that_are_gone_leave_the_index_before_the_answer(tmp_path: Path) -> None:
    room = Room(tmp_path, volume(1))
    for number in (2, 3):
        room.headers.of[f"i1.1.1.{number}"] = None
        room.ward.archive.gone.add(f"i1.1.1.{number}")
    (stack,) = room.stacks().stacks
    assert [one.image_position_patient[2] for one in stack.planes] == [0, 6, 8, 10, 12, 14, 16, 18]


def test_an_unknown_series_is_not_found_and_a_doubled_uid_names_the_ids(tmp_path: Path) -> None:
    again = [
        msgspec.structs.replace(one, orthanc_id=f"x{one.orthanc_id}", orthanc_series="e-again", orthanc_study="s-again",
                            orthanc_patient="p-again", patient_id="Q")
        for one in volume(1)
    ]  # fmt: skip
    room = Room(tmp_path, volume(1), again)
    with pytest.raises(NotFound):
        room.stacks("9.9.9")
    with pytest.raises(Ambiguous) as found:
        room.stacks("1.1.1")
    assert set(found.value.orthanc_ids) == {"e1.1.1", "e-again"}
    assert [room.stacks(name).patient_id for name in ("e1.1.1", "e-again")] == ["P", "Q"]
