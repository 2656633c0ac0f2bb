"""Lines on an image, against the shapes they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pydicom.dataset import Dataset

from tests.builders import change, functional_groups, segmentation
from tests.unit.http.served import Served
from tests.unit.points.radiotherapy.test_at_point import FOLLOW_UP, FOLLOW_UP_FRAME, follow_up, registration
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def draw(served: Served, image: str, **more: Any) -> Json:
    answer = served.ask("POST", "/overlays", {"sopInstanceUid": image, **more})
    assert answer.status == 200, answer.json
    return dict(answer.json)


def area(lines: list[list[list[float]]]) -> shapely.Geometry:
    shape = shapely.Polygon()
    for line in lines:
        shape = shape.symmetric_difference(shapely.make_valid(shapely.Polygon([(x, y) for y, x in line])))
    return shape


def test_an_outline_is_the_contour_to_the_step(served: Served) -> None:
    served.store(*rt.whole())
    found = draw(served, rt.IMAGES[1])
    (outline,) = found["structures"]
    assert (outline["name"], outline["colour"], outline["path"], outline["reason"]) == (
        "Target",
        [255, 0, 0],
        [],
        None,
    )
    drawn, true = area(outline["lines"]), shapely.box(10, 10, 30, 30)
    assert drawn.symmetric_difference(true).area < found["stepMm"] * true.length
    assert 0 < found["stepMm"] <= 0.51


def test_through_a_transform_it_is_where_the_transform_puts_it(served: Served) -> None:
    served.store(*rt.whole(), *follow_up(), registration())
    (outline,) = draw(served, f"{FOLLOW_UP}.1.2")["structures"]
    x0, y0, x1, y1 = area(outline["lines"]).bounds
    # points of the follow-up are 3 mm further left in the planning frame
    assert (x0, y0, x1, y1) == pytest.approx((7, 10, 27, 30), abs=0.51)
    assert outline["path"] == [f"{FOLLOW_UP}.6.1.2"]


def test_isodose_lines_are_where_the_dose_is(served: Served) -> None:
    served.store(*rt.whole())
    (dose,) = draw(served, rt.IMAGES[1], levelsGy=[8.0, 1_000.0])["doses"]
    near, far = dose["levels"]
    # z = 2: 7 Gy, and 0.1 Gy more for each mm along x from -5
    columns = [column for line in near["lines"] for _, column in line]
    assert np.array(columns) == pytest.approx(5.0, abs=0.05)
    assert (far["lines"], dose["largestGy"]) == ([], pytest.approx(7 + 4, abs=0.1))


def test_what_cannot_be_drawn_says_why(served: Served) -> None:
    served.store(*rt.scan(), rt.structure_set([]), rt.dose(DoseGridScaling=None), *follow_up())
    own = draw(served, rt.IMAGES[0])
    assert [each["reason"] for each in own["structures"]] == ["noContours"]
    assert [each["reason"] for each in own["doses"]] == ["noScaling"]
    other = draw(served, f"{FOLLOW_UP}.1.1")
    assert [each["reason"] for each in other["structures"]] == ["needsAlignment"]


TILTED = np.array([[0.8, 0, 0.6], [0, 1, 0]])
"""Rows rise by 0.6 for each mm."""


def mask_of(number: int = 1, **more: Any) -> Dataset:
    """A segmentation of one segment in 12 axial planes of 40 x 40 pixels of 1 mm, 1 mm apart: x 10..20, y 15..30, z 2..8."""
    ds = segmentation([(0.0, 0.0, 1.0 * plane) for plane in range(12)], [1])
    mask = np.zeros((12, 40, 40), dtype=np.uint8)
    mask[2:9, 15:31, 10:21] = 1
    return change(
        ds,
        {
            "PatientID": "RT", "StudyInstanceUID": rt.STUDY, "SeriesInstanceUID": f"{rt.STUDY}.8",
            "SOPInstanceUID": f"{rt.STUDY}.8.{number}", "FrameOfReferenceUID": rt.FRAME, "Rows": 40, "Columns": 40,
            "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "SegmentationType": "BINARY", "NumberOfFrames": 12,
            "PixelData": np.packbits(mask.ravel(), bitorder="little").tobytes(),
            "SegmentSequence": [rt.item(SegmentNumber=1, SegmentLabel="Liver", SegmentAlgorithmType="MANUAL")],
            "SharedFunctionalGroupsSequence": [
                functional_groups(
                    PixelMeasuresSequence={"PixelSpacing": [1, 1], "SliceThickness": 1},
                    PlaneOrientationSequence={"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
                )
            ],
            **more,
        },
    )  # fmt: skip


def eight_bits(inside: int, around: int = 0, **more: Any) -> Dataset:
    """The same, with a value for each voxel."""
    values = np.full((12, 40, 40), around, dtype=np.uint8)
    values[2:9, 15:31, 10:21] = inside
    return mask_of(BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=values.tobytes(), **more)


def test_the_outline_of_a_segment_runs_between_its_voxels(served: Served) -> None:
    served.store(*rt.scan(), mask_of())
    (outline,) = draw(served, rt.IMAGES[1])["structures"]
    assert (outline["kind"], outline["roiNumber"], outline["name"], outline["reason"], outline["path"]) == (
        "segment", 1, "Liver", None, [],
    )  # fmt: skip
    drawn = area(outline["lines"])
    assert drawn.symmetric_difference(shapely.box(9.5, 14.5, 20.5, 30.5)).area < 1
    # below the first plane and its slab there is none
    assert draw(served, rt.IMAGES[0])["structures"][0]["lines"] == []


def test_a_segment_on_a_tilted_image(served: Served) -> None:
    """A tilted plane meets the block of x 9.5 to 20.5 between its floor at z 1.5 and its ceiling at 8.5."""
    tilted = rt.scan("1.2.3.71", rt.FRAME)[0]
    tilted.ImageOrientationPatient = TILTED.ravel().tolist()
    tilted.ImagePositionPatient = [0, 0, -3]
    served.store(*rt.scan(), mask_of(), tilted)
    (outline,) = draw(served, tilted.SOPInstanceUID)["structures"]
    # along a row x = 0.8 c and z = 0.6 c - 3: x from 9.5 to 20.5 is c 11.9 to 25.6, z from 1.5 to 8.5 is c 7.5 to 19.2
    drawn = area(outline["lines"])
    assert drawn.bounds == pytest.approx((11.875, 14.5, 19.17, 30.5), abs=0.51)
    assert drawn.symmetric_difference(shapely.box(11.875, 14.5, 19.17, 30.5)).area < 0.51 * drawn.length


def test_a_segment_through_a_transform(served: Served) -> None:
    served.store(*rt.whole(), mask_of(), *follow_up(), registration())
    found = draw(served, f"{FOLLOW_UP}.1.2")["structures"]
    (outline,) = [each for each in found if each["kind"] == "segment"]
    assert area(outline["lines"]).bounds == pytest.approx((6.5, 14.5, 17.5, 30.5), abs=0.51)
    assert outline["path"] == [f"{FOLLOW_UP}.6.1.2"]


@pytest.mark.parametrize(
    ("inside", "more", "detail", "is_drawn"),
    [
        (200, {"MaximumFractionalValue": 255}, "half of Maximum Fractional Value", True),
        (100, {"MaximumFractionalValue": 255}, "no voxel", False),
        (50, {"MaximumFractionalValue": 100}, "half of Maximum Fractional Value", True),
    ],
)
def test_a_fractional_segment_from_half_of_its_maximum_on(
    served: Served, inside: int, more: dict[str, Any], detail: str, is_drawn: bool
) -> None:
    served.store(*rt.scan(), eight_bits(inside, 3, SegmentationType="FRACTIONAL", **more))
    (outline,) = draw(served, rt.IMAGES[1])["structures"]
    assert detail in outline["detail"]
    assert (outline["reason"] is None, bool(outline["lines"])) == (is_drawn, is_drawn)


@pytest.mark.parametrize(
    ("detail", "ds"),
    [
        ("Maximum Fractional Value", eight_bits(200, SegmentationType="FRACTIONAL")),
        ("Segmentation Type", eight_bits(1, SegmentationType=None)),
        ("too few", mask_of(PixelData=bytes(100))),
        ("Bits Allocated", mask_of(BitsAllocated=32)),
    ],
)
def test_a_segment_that_cannot_be_read_says_why(served: Served, detail: str, ds: Dataset) -> None:
    served.store(*rt.scan(), ds)
    (outline,) = draw(served, rt.IMAGES[1])["structures"]
    assert (outline["reason"], outline["lines"]) == ("unreadablePixels", [])
    assert detail in outline["detail"]


def test_a_binary_segment_of_eight_bits(served: Served) -> None:
    served.store(*rt.scan(), eight_bits(1))
    (outline,) = draw(served, rt.IMAGES[1])["structures"]
    assert area(outline["lines"]).bounds == pytest.approx((9.5, 14.5, 20.5, 30.5), abs=0.01)


def test_a_dose_of_another_patients_plan_is_not_drawn(served: Served) -> None:
    other = rt.plan(None, uid="1.2.98", PatientID="Somebody else", StudyInstanceUID="1.2.97")
    served.store(*rt.scan(), other, rt.dose("1.2.98"))
    (dose,) = draw(served, rt.IMAGES[1], levelsGy=[8.0])["doses"]
    assert (dose["reason"], dose["levels"], dose["largestGy"]) == ("otherPatient", [], None)


def test_a_second_question_draws_nothing(served: Served) -> None:
    served.store(*rt.whole())
    first = draw(served, rt.IMAGES[1], levelsGy=[8.0])
    assert draw(served, rt.IMAGES[1], levelsGy=[8.0, 8.0]) == first
    assert served.drawer.drawn == 1
    draw(served, rt.IMAGES[1], levelsGy=[9.0])
    assert served.drawer.drawn == 2


def test_an_object_that_is_gone_is_not_drawn(served: Served) -> None:
    served.store(*rt.whole())
    assert draw(served, rt.IMAGES[1])["structures"] != []
    stored = {ds.SOPInstanceUID: key for key, ds in served.archive.datasets()}
    served.archive.delete(stored[rt.SETS])  # behind the plugin's back
    assert draw(served, rt.IMAGES[1])["structures"] == []


def test_an_answer_is_kept_until_something_changes(served: Served) -> None:
    served.store(*rt.whole(), *follow_up(), registration())
    image = f"{FOLLOW_UP}.1.2"
    assert draw(served, image) == draw(served, image)
    served.ask("POST", f"/transforms/{FOLLOW_UP}.6.1.2/review", {"decision": "rejected"})
    assert [each["reason"] for each in draw(served, image)["structures"]] == ["needsAlignment"]
    assert FOLLOW_UP_FRAME  # the frame of the image, to which nothing leads any more
