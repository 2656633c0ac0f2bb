"""The rest of what is wrong with real objects: through the route, a reason that names it and never a number."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from tests.builders import as_file, change, dataset, from_file, registration_item
from tests.unit.http.served import Served
from tests.unit.points.radiotherapy.test_at_point import (
    FOLLOW_UP,
    FOLLOW_UP_FRAME,
    IN,
    ask,
    contours,
    dose,
    follow_up,
    roi,
)
from tests.unit.points.radiotherapy.test_outlines import mask_of
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def field(shift: float = 3.0, near: float = -100.0) -> Dataset:
    """Points of the follow-up are further left in the planning frame, in a cube of 200 mm that begins at `near`."""
    ds = dataset(
        "1.2.840.10008.5.1.4.1.1.66.3", "REG", Rows=None, Columns=None, ImageType=None, PatientID="RT", PixelData=None,
        StudyInstanceUID=FOLLOW_UP, SeriesInstanceUID=f"{FOLLOW_UP}.7", SOPInstanceUID=f"{FOLLOW_UP}.7.1",
        FrameOfReferenceUID=FOLLOW_UP_FRAME, Manufacturer="Other", StudyDate="20240601",
    )  # fmt: skip
    grid = rt.item(
        ImagePositionPatient=[near] * 3, ImageOrientationPatient=[1, 0, 0, 0, 1, 0], GridDimensions=[3, 3, 3],
        GridResolution=[100.0, 100.0, 100.0],
        VectorGridData=np.broadcast_to([shift, 0, 0], (27, 3)).astype("<f4").tobytes(),
    )  # fmt: skip
    ds.DeformableRegistrationSequence = [
        rt.item(SourceFrameOfReferenceUID=rt.FRAME, DeformableRegistrationGridSequence=[grid])
    ]
    return ds


def test_through_a_field_and_outside_of_it(served: Served) -> None:
    served.store(*rt.whole(), *follow_up(), field())
    found, at = (
        roi(served, (17.0, 20.0, 3.0), FOLLOW_UP_FRAME),
        dose(served, (17.0, 20.0, 3.0), FOLLOW_UP_FRAME),
    )
    assert (found["x"], found["inside"], found["distanceMm"]) == (pytest.approx(20), True, pytest.approx(-4))
    assert at["gy"] == pytest.approx(10.5, abs=1e-4)
    beyond = (500.0, 20.0, 3.0)
    found, at = roi(served, beyond, FOLLOW_UP_FRAME), dose(served, beyond, FOLLOW_UP_FRAME)
    assert (found["reason"], found["inside"], found["distanceMm"]) == ("outsideTransform", None, None)
    assert (at["reason"], at["gy"], at["minGy"]) == ("outsideTransform", None, None)


def cut(served: Served, stored: str, at: bytes) -> None:
    """End a stored file in front of some bytes."""
    entry = served.archive.stored[stored]
    entry.file = entry.file[: entry.file.index(at)]


def test_an_object_that_was_cut_off_after_it_was_indexed(served: Served) -> None:
    (stored,) = served.store(rt.structure_set())
    served.store(*rt.scan())
    cut(served, stored, b"CLOSED_PLANAR")
    found = roi(served)
    assert (found["name"], found["reason"], found["inside"], found["distanceMm"]) == (
        "Target",
        "unreadable",
        None,
        None,
    )
    outline = served.ask("POST", "/overlays", {"sopInstanceUid": rt.IMAGES[0]}).json["structures"][0]
    assert (outline["reason"], outline["lines"]) == ("unreadable", [])


@pytest.mark.parametrize(
    ("ds", "at"), [(rt.structure_set(), b"CLOSED_PLANAR"), (mask_of(), b"Liver")], ids=["set", "seg"]
)
def test_an_object_that_was_cut_off_before_it_was_indexed(served: Served, ds: Dataset, at: bytes) -> None:
    (stored,) = served.archive.store([ds])
    cut(served, stored, at)
    served.ingest.index(stored)
    served.store(*rt.scan())
    found = roi(served)
    assert (found["roiNumber"], found["reason"], found["inside"]) == (0, "unreadable", None)
    assert found["detail"]
    outline = served.ask("POST", "/overlays", {"sopInstanceUid": rt.IMAGES[0]}).json["structures"][0]
    assert (outline["roiNumber"], outline["reason"], outline["lines"]) == (0, "unreadable", [])


def test_a_segmentation_without_places_or_pixels(served: Served) -> None:
    unplaced = mask_of(
        SharedFunctionalGroupsSequence=[], PerFrameFunctionalGroupsSequence=[Dataset() for _ in range(12)]
    )
    served.store(*rt.scan(), unplaced)
    assert (roi(served)["reason"], roi(served)["inside"]) == ("noGeometry", None)
    served.store(mask_of(PixelData=bytes(10)))
    assert (roi(served)["reason"], roi(served)["inside"]) == ("unreadablePixels", None)


TWICE = rt.item(ROINumber=1, ROIName="Target", ReferencedFrameOfReferenceUID=rt.FRAME)
OTHER_NAME = rt.item(ROINumber=1, ROIName="Cord", ReferencedFrameOfReferenceUID=rt.FRAME)
DRAWN = rt.item(ContourSequence=rt.squares(), ReferencedROINumber=1)


@pytest.mark.parametrize(
    ("detail", "ds"),
    [
        ("2 regions have the ROI Number", rt.structure_set(StructureSetROISequence=[TWICE, OTHER_NAME])),
        ("two items of ROI Contour Sequence", rt.structure_set(ROIContourSequence=[DRAWN, DRAWN])),
        (
            "not finite, or beyond any patient",
            contours(rt.contour(0.0, (1e8, 10, 30, 10, 30, 30)), rt.contour(2.0)),
        ),
    ],
)
def test_a_region_that_is_not_clear(served: Served, detail: str, ds: Dataset) -> None:
    served.store(*rt.scan(), ds)
    found = roi(served)
    assert (found["reason"], found["inside"], found["distanceMm"]) == ("damagedContours", None, None)
    assert detail in found["detail"]


def test_a_region_of_ten_thousand_points(served: Served) -> None:
    angle = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    ring = tuple(
        np.round(np.stack((20 + 10 * np.cos(angle), 20 + 10 * np.sin(angle)), axis=1), 3).ravel().tolist()
    )
    served.store(*rt.scan(), contours(rt.contour(0.0, ring), rt.contour(2.0, ring), rt.contour(4.0, ring)))
    found = roi(served, (24.0, 20.0, 2.0))
    assert (found["inside"], found["distanceMm"]) == (True, pytest.approx(-3.0, abs=1e-3))


def test_references_to_nothing_do_not_move_a_region(served: Served) -> None:
    images = [
        rt.contour(2.0 * n, ContourImageSequence=[rt.named("1.2.840.10008.5.1.4.1.1.2", f"1.2.99.{n}")])
        for n in range(4)
    ]
    served.store(*rt.scan(), rt.structure_set(images))
    assert (roi(served)["inside"], roi(served)["distanceMm"]) == (True, -4)


def _signed(low: int) -> Dataset:
    values = np.frombuffer(rt.dose().PixelData, "<u2").astype("<i2") + low
    return rt.dose(PixelRepresentation=1, PixelData=values.astype("<i2").tobytes())


@pytest.mark.parametrize(
    ("reason", "detail", "ds"),
    [
        ("unreadablePixels", "Pixel Representation", _signed(-50)),
        ("errorDose", "", change(_signed(-50), {"DoseType": "ERROR"})),
        ("unreadablePixels", "Bits Stored", rt.dose(BitsStored=8)),
        ("ambiguousOffsets", "", rt.dose(GridFrameOffsetVector=[7, 17, 27])),
        ("noGrid", "", rt.dose(GridFrameOffsetVector=[0, 10, 5, 20])),
    ],
)
def test_a_dose_that_is_none(served: Served, reason: str, detail: str, ds: Dataset) -> None:
    served.store(*rt.scan(), ds)
    at = dose(served)
    assert (at["reason"], at["gy"], at["minGy"], at["maxGy"]) == (reason, None, None, None)
    assert detail in at["detail"]


def test_signed_values_that_are_not_negative_are_a_dose(served: Served) -> None:
    served.store(*rt.scan(), _signed(0))
    assert dose(served)["gy"] == pytest.approx(10.5, abs=1e-6)


@pytest.mark.parametrize(
    ("offsets", "at", "gy"),
    [
        ([0, 10, 30], (20.0, 20.0, 15.0), 2.5 + 15),  # half-way between the last two, which are 20 mm apart
        ([0, -10, -30], (20.0, 20.0, -10.0), 2.5 + 5),
        ([-5, 5, 25], (20.0, 20.0, 15.0), 2.5 + 15),
    ],
    ids=["uneven", "downwards", "absolute"],
)
def test_offsets_that_are_uneven_negative_or_decreasing(
    served: Served, offsets: list[int], at: tuple[float, float, float], gy: float
) -> None:
    served.store(*rt.scan(), rt.dose(GridFrameOffsetVector=offsets))
    assert dose(served, at)["gy"] == pytest.approx(gy, abs=1e-6)


def test_a_dose_of_one_frame_is_a_plane(served: Served) -> None:
    one = rt.dose(NumberOfFrames=1, GridFrameOffsetVector=[0], PixelData=rt.dose().PixelData[:50])
    served.store(*rt.scan(), one)
    assert dose(served, (20.0, 20.0, -5.0))["gy"] == pytest.approx(2.5, abs=1e-6)
    assert dose(served, (20.0, 20.0, -4.0))["reason"] == "outsideGrid"


def test_a_tilted_dose_grid(served: Served) -> None:
    """Rows rise by 0.6 for each mm; the frames follow each other along the normal (-0.6, 0, 0.8)."""
    served.store(*rt.scan(), rt.dose(ImageOrientationPatient=[0.8, 0, 0.6, 0, 1, 0]))
    along, across = 2.5, 1.5  # columns and frames
    place = (
        np.array([-5.0, -5, -5])
        + 10 * along * np.array([0.8, 0, 0.6])
        + 10 * across * np.array([-0.6, 0, 0.8])
    )
    x, y, z = (place + [0, 20, 0]).tolist()
    assert dose(served, (x, y, z))["gy"] == pytest.approx(along + 10 * across, abs=1e-6)


def test_a_dose_in_another_frame_with_an_identity(served: Served) -> None:
    reg = dataset(
        "1.2.840.10008.5.1.4.1.1.66.1", "REG", Rows=None, Columns=None, ImageType=None, PatientID="RT", PixelData=None,
        StudyInstanceUID=rt.STUDY, SeriesInstanceUID=f"{rt.STUDY}.6", SOPInstanceUID=f"{rt.STUDY}.6.1",
        FrameOfReferenceUID=rt.FRAME, Manufacturer="Other",
    )  # fmt: skip
    reg.RegistrationSequence = [registration_item(rt.FRAME, 0), registration_item("1.2.77", 0)]
    served.store(*rt.scan(), rt.dose(FrameOfReferenceUID="1.2.77"), reg)
    at = dose(served)
    assert (at["gy"], at["path"]) == (pytest.approx(10.5, abs=1e-6), [f"{rt.STUDY}.6.1.2"])
    # nobody measured the registration, so neither the range
    assert (at["minGy"], at["maxGy"]) == (None, None)


def _file(ds: Dataset, syntax: str) -> bytes:
    file = BytesIO()
    if syntax == RLELossless:
        made = from_file(as_file(ds))
        made.compress(RLELossless)
        made.save_as(file)
        return file.getvalue()
    as_file(ds)  # for its file meta information
    ds.file_meta.TransferSyntaxUID = syntax
    ds["PixelData"].value = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.save_as(file, implicit_vr=False, little_endian=False)
    return file.getvalue()


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, RLELossless], ids=["bigEndian", "compressed"])
def test_doses_and_structures_in_other_syntaxes(served: Served, syntax: str) -> None:
    (stored,) = served.archive.store([rt.dose()])
    served.archive.stored[stored].file = _file(rt.dose(), syntax)
    served.ingest.index(stored)
    served.store(*rt.scan())
    at = dose(served)
    assert (at["gy"], at["reason"]) in ((None, "unreadablePixels"), (pytest.approx(10.5, abs=1e-6), None))
    assert ask(served, IN)["studies"][0]["doses"][0]["units"] == "GY"
