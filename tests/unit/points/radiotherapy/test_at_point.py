"""What the route says of made objects: every bad input has a reason and never a number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from longitudinal.points.radiotherapy.structures import membership_of
from longitudinal.reasons import DoseReason, DoseSumReason, StructureReason
from tests.builders import dataset, registration_item, segmentation
from tests.unit.http.served import Served
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]
IN, OUT = (20.0, 20.0, 3.0), (20.0, 20.0, 12.0)
"""In and above the block of 20 x 20 x 8 mm."""
FOLLOW_UP, FOLLOW_UP_FRAME = "1.2.3.70", "1.2.3.70.9"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def ask(served: Served, at: tuple[float, float, float] = IN, frame: str = rt.FRAME, **more: Any) -> Json:
    x, y, z = at
    body = {"patientId": "RT", "frameOfReferenceUid": frame, "x": x, "y": y, "z": z, **more}
    answer: Json = served.ask("POST", "/points/radiotherapy", body).json
    return answer


def roi(served: Served, at: tuple[float, float, float] = IN, frame: str = rt.FRAME) -> Json:
    (found,) = [each for study in ask(served, at, frame)["studies"] for each in study["structures"]]
    return dict(found)


def dose(served: Served, at: tuple[float, float, float] = IN, frame: str = rt.FRAME) -> Json:
    (found,) = [each for study in ask(served, at, frame)["studies"] for each in study["doses"]]
    return dict(found)


def registration(error: float | None = None, **more: Any) -> Dataset:
    """Points of the follow-up are 3 mm further left in the planning frame."""
    ds = dataset(
        "1.2.840.10008.5.1.4.1.1.66.1", "REG", Rows=None, Columns=None, ImageType=None, PatientID="RT",
        StudyInstanceUID=FOLLOW_UP, SeriesInstanceUID=f"{FOLLOW_UP}.6", SOPInstanceUID=f"{FOLLOW_UP}.6.1",
        FrameOfReferenceUID=rt.FRAME, Manufacturer="Other", StudyDate="20240601", PixelData=None, **more,
    )  # fmt: skip
    ds.RegistrationSequence = [registration_item(rt.FRAME, 0), registration_item(FOLLOW_UP_FRAME, 3)]
    return ds


def follow_up() -> list[Dataset]:
    return rt.scan(FOLLOW_UP, FOLLOW_UP_FRAME)


def test_in_its_own_frame(served: Served) -> None:
    served.store(*rt.whole())
    found = roi(served)
    assert (found["inside"], found["distanceMm"], found["path"], found["reason"]) == (True, -4, [], None)
    assert (found["name"], found["roiNumber"], found["colour"]) == ("Target", 1, [255, 0, 0])
    assert (found["interpretedType"], found["label"]) == ("PTV", "Set A")
    # a scanner declares the frame, and nobody measured how well the patient lay still
    assert (found["membership"], found["uncertaintySource"]) == ("notMeasured", "sharedFrame")
    above = roi(served, OUT)
    assert (above["inside"], above["distanceMm"]) == (False, 5)
    at = dose(served)
    # 2.5 columns and 0.8 frames from the first voxel centre
    assert at["gy"] == pytest.approx(2.5 + 8, abs=1e-6)
    assert (at["minGy"], at["maxGy"], at["units"], at["summationType"]) == (None, None, "GY", "PLAN")
    assert at["planSopInstanceUid"] == rt.PLANS


def test_through_a_transform_with_a_measured_error(served: Served) -> None:
    served.store(*rt.whole(), *follow_up())
    made = served.ask(
        "POST",
        "/transforms",
        {
            "sourceFrameOfReferenceUid": FOLLOW_UP_FRAME, "targetFrameOfReferenceUid": rt.FRAME, "expectedErrorMm": 2,
            "matrix": [[1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        },
    ).json  # fmt: skip
    found = roi(served, (17.0, 20.0, 3.0), FOLLOW_UP_FRAME)
    assert (found["x"], found["inside"], found["distanceMm"]) == (20, True, -4)
    assert (found["path"], found["uncertaintyMm"], found["membership"]) == ([made["id"]], 2, "inside")
    assert roi(served, (8.5, 20.0, 3.0), FOLLOW_UP_FRAME)["membership"] == "border"
    assert roi(served, (4.0, 20.0, 3.0), FOLLOW_UP_FRAME)["membership"] == "outside"
    at = dose(served, (17.0, 20.0, 3.0), FOLLOW_UP_FRAME)
    # 0.1 Gy a mm along x, 1 along z: the steepest way is nearly along z
    steepest = float(np.hypot(0.1, 1.0)) * 2
    assert at["gy"] == pytest.approx(10.5, abs=1e-6)
    assert (at["minGy"], at["maxGy"]) == (
        pytest.approx(10.5 - steepest, abs=0.02), pytest.approx(10.5 + steepest, abs=0.02),
    )  # fmt: skip
    # near the edge of the grid part of the range is not known
    edge = dose(served, (17.0, 20.0, -4.5), FOLLOW_UP_FRAME)
    assert (edge["gy"] is not None, edge["minGy"], edge["flags"]) == (True, None, ["uncertaintyLeavesGrid"])


@pytest.mark.parametrize(
    ("distance", "uncertainty", "expected"),
    [(-2.0, 2.0, "border"), (2.0, 2.0, "border"), (-2.1, 2.0, "inside"), (2.1, 2.0, "outside"), (2.1, None, "notMeasured"),
     (None, 2.0, "notMeasured")],
)  # fmt: skip
def test_membership(distance: float | None, uncertainty: float | None, expected: str) -> None:
    inside = None if distance is None else distance < 0
    assert membership_of(inside, distance, uncertainty) == expected


def test_without_a_transform(served: Served) -> None:
    served.store(*rt.whole(), *follow_up())
    found, at = roi(served, IN, FOLLOW_UP_FRAME), dose(served, IN, FOLLOW_UP_FRAME)
    assert (found["inside"], found["distanceMm"], found["reason"]) == (None, None, "needsAlignment")
    assert (at["gy"], at["reason"], at["path"]) == (None, "needsAlignment", None)


def contours(*items: Dataset) -> Dataset:
    return rt.structure_set(list(items))


def _bent() -> Dataset:
    bent = rt.contour(0.0)
    bent.ContourData = ["10", "10", "0", "30", "10", "4", "30", "30", "0", "10", "30", "4"]
    return bent


def _changed(**attributes: Any) -> Dataset:
    ds = rt.contour(0.0)
    for name, value in attributes.items():
        setattr(ds, name, value)
    return ds


def _upright() -> Dataset:
    ds = rt.contour(0.0)
    ds.ContourData = ["10", "10", "0", "30", "10", "0", "30", "10", "20", "10", "10", "20"]
    return ds


BAD_STRUCTURES = [
    ("noContours", contours()),
    ("noContours", rt.structure_set(ROIContourSequence=[])),
    ("noContours", contours(rt.contour(0.0, (10.0, 10.0, 20.0, 10.0)), rt.contour(2.0, (10.0, 10.0, 20.0, 10.0)))),
    ("notClosed", contours(rt.contour(0.0, kind="OPEN_PLANAR"), rt.contour(2.0, kind="OPEN_PLANAR"))),
    ("notClosed", contours(rt.contour(0.0, (20.0, 20.0), kind="POINT"))),
    ("damagedContours", contours(_changed(ContourData=["1", "2", "3", "4"], NumberOfContourPoints=None))),
    ("damagedContours", contours(_changed(NumberOfContourPoints=9), rt.contour(2.0))),
    ("damagedContours", contours(_changed(ContourData=[]), rt.contour(2.0))),
    ("damagedContours", contours(_changed(ContourOffsetVector=["0", "0", "2.5"]), rt.contour(2.0))),
    ("notPlanar", contours(_bent(), rt.contour(2.0))),
    ("mixedPlanes", contours(_upright(), rt.contour(2.0))),
    ("singlePlane", contours(rt.contour(2.0))),
    ("noFrame", rt.structure_set(ReferencedFrameOfReferenceSequence=[], StructureSetROISequence=[
        rt.item(ROINumber=1, ROIName="Target")])),
    ("needsAlignment", rt.structure_set(StructureSetROISequence=[
        rt.item(ROINumber=1, ROIName="Target", ReferencedFrameOfReferenceUID="1.2.99.1")])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "ds"), BAD_STRUCTURES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_bad_structure_has_a_reason_and_no_number(served: Served, reason: str, ds: Dataset) -> None:
    served.store(*rt.scan(), ds)
    found = roi(served)
    assert (found["reason"], found["inside"], found["membership"]) == (reason, None, "notMeasured")
    # of open contours and points the distance is known, and nothing else
    assert (found["distanceMm"] is None) == (reason != "notClosed")


@pytest.mark.parametrize(
    "wrong", [b"1e999\\0\\0\\3\\1", b"nan\\10\\0\\30\\1", b"1_0\\10\\0\\30\\1", b" ab\\10\\0\\30\\1"]
)
def test_numbers_that_are_none_are_damaged(served: Served, wrong: bytes) -> None:
    (stored,) = served.store(contours(rt.contour(0.0), rt.contour(2.0)))
    served.store(*rt.scan())
    right = b"10\\10\\0\\30\\10"
    entry = served.archive.stored[stored]
    assert (entry.file.count(right), len(right)) == (1, len(wrong))
    entry.file = entry.file.replace(right, wrong)
    found = roi(served)
    assert (found["reason"], found["inside"], found["distanceMm"]) == ("damagedContours", None, None)


def test_a_frame_of_another_patient(served: Served) -> None:
    served.store(*rt.scan("1.2.90", "1.2.90.9", "Somebody else"), *rt.scan())
    served.store(
        rt.structure_set(
            StructureSetROISequence=[
                rt.item(ROINumber=1, ROIName="T", ReferencedFrameOfReferenceUID="1.2.90.9")
            ]
        )
    )
    assert roi(served)["reason"] == "otherPatient"


def test_ambiguous_contours_have_no_inside_and_no_distance(served: Served) -> None:
    shifted = (20.0, 10.0, 40.0, 10.0, 40.0, 30.0, 20.0, 30.0)
    parts = [part for z in (0.0, 2.0, 4.0) for part in (rt.contour(z), rt.contour(z, shifted))]
    served.store(*rt.scan(), contours(*parts))
    both = roi(served, (25.0, 20.0, 2.0))
    assert (both["inside"], both["distanceMm"], both["reason"]) == (None, None, "ambiguousContours")
    assert [roi(served, (x, 20.0, 2.0))["inside"] for x in (15.0, 35.0, 45.0)] == [True, True, False]


def test_25_copies_are_one_contour_and_the_flag_says_so(served: Served) -> None:
    served.store(*rt.scan(), contours(*[rt.contour(0.0)] * 25, rt.contour(2.0), rt.contour(4.0)))
    found = roi(served, (20.0, 20.0, 0.0))
    assert (found["inside"], found["flags"]) == (True, ["duplicateContours"])


def test_a_tilted_region_and_a_gap_are_flagged(served: Served) -> None:
    tilted = []
    for offset in (0.0, 2.0, 4.0, 10.0, 12.0):
        ds = rt.contour(0.0)
        # the plane rises by 0.3 for each mm along x
        ds.ContourData = [
            f"{v:.6f}" for x, y in ((10, 10), (30, 10), (30, 30), (10, 30)) for v in (x, y, offset + 0.3 * x)
        ]
        tilted.append(ds)
    served.store(*rt.scan(), contours(*tilted))
    found = roi(served, (20.0, 20.0, 13.2))
    assert (found["inside"], found["flags"]) == (False, ["tilted", "gaps", "inGap"])
    assert roi(served, (20.0, 20.0, 8.1))["inside"] is True


def test_a_single_plane_with_a_stated_slab(served: Served) -> None:
    served.store(*rt.scan(), contours(rt.contour(2.0, ContourSlabThickness="3")))
    assert roi(served, (20.0, 20.0, 3.4))["inside"] is True
    assert roi(served, (20.0, 20.0, 3.6))["inside"] is False


BAD_DOSES: list[tuple[str, dict[str, Any]]] = [
    ("noScaling", {"DoseGridScaling": None}),
    ("noScaling", {"DoseGridScaling": "0"}),
    ("noScaling", {"DoseGridScaling": "-0.01"}),
    ("relativeUnits", {"DoseUnits": "RELATIVE"}),
    ("unknownUnits", {"DoseUnits": None}),
    ("unknownUnits", {"DoseUnits": "CGY"}),
    ("errorDose", {"DoseType": "ERROR"}),
    ("ambiguousOffsets", {"GridFrameOffsetVector": [3, 13, 23]}),
    ("noGrid", {"GridFrameOffsetVector": [0, 10]}),
    ("noGrid", {"GridFrameOffsetVector": [0, 10, 10]}),
    ("noGrid", {"PixelData": None, "NumberOfFrames": None, "GridFrameOffsetVector": None}),
    ("noGrid", {"PixelSpacing": [0, 10]}),
    ("unreadablePixels", {"PixelData": bytes(100)}),
    ("unreadablePixels", {"BitsAllocated": 64}),
    ("noFrame", {"FrameOfReferenceUID": None, "PixelData": None}),
    ("needsAlignment", {"FrameOfReferenceUID": None}),
    ("needsAlignment", {"FrameOfReferenceUID": "1.2.99.2"}),
]


@pytest.mark.parametrize(
    ("reason", "change"), BAD_DOSES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_bad_dose_has_a_reason_and_no_number(served: Served, reason: str, change: dict[str, Any]) -> None:
    served.store(*rt.scan(), rt.plan(None), rt.dose(**change))
    at = dose(served)
    assert (at["reason"], at["gy"], at["minGy"], at["maxGy"]) == (reason, None, None, None)


def test_outside_the_voxel_centres_is_not_zero(served: Served) -> None:
    served.store(*rt.scan(), rt.dose())
    for at in ((-5.1, 20.0, 3.0), (20.0, 36.0, 3.0), (20.0, 20.0, 16.0)):
        found = dose(served, at)
        assert (found["reason"], found["gy"]) == ("outsideGrid", None)


def test_a_dose_whose_plan_is_another_patients(served: Served) -> None:
    other = rt.plan(None, uid="1.2.98", PatientID="Somebody else", StudyInstanceUID="1.2.97")
    served.store(*rt.scan(), other, rt.dose("1.2.98"))
    assert (dose(served)["reason"], dose(served)["gy"]) == ("otherPatient", None)


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("offsets", [[0, 10, 20], [-5, 5, 15]])
def test_16_and_32_bits_relative_and_absolute_offsets(served: Served, bits: int, offsets: list[int]) -> None:
    ds = rt.dose(GridFrameOffsetVector=offsets)
    if bits == 32:
        wide = np.frombuffer(ds.PixelData, "<u2").astype("<u4") * 100_000
        ds.BitsAllocated = ds.BitsStored = 32
        ds.HighBit = 31
        ds.PixelData, ds.DoseGridScaling = wide.tobytes(), "1e-7"
    served.store(*rt.scan(), ds)
    assert dose(served)["gy"] == pytest.approx(10.5, abs=1e-6)


def test_frames_from_above_are_turned_round(served: Served) -> None:
    ds = rt.dose(GridFrameOffsetVector=[0, -10, -20], ImagePositionPatient=[-5, -5, 15])
    served.store(*rt.scan(), ds)
    # the first frame, without dose, is now the topmost
    assert dose(served, (20.0, 20.0, 13.0))["gy"] == pytest.approx(2.5 + 2, abs=1e-6)


def test_a_segmentation_is_asked_by_its_voxels(served: Served) -> None:
    ds = segmentation([(0.0, 0.0, 2.0 * number) for number in range(3)], [1, 2])
    for name, value in (("PatientID", "RT"), ("StudyInstanceUID", rt.STUDY), ("SeriesInstanceUID", f"{rt.STUDY}.8"),
                        ("SOPInstanceUID", f"{rt.STUDY}.8.1"), ("FrameOfReferenceUID", rt.FRAME)):  # fmt: skip
        setattr(ds, name, value)
    rows, columns = int(ds.Rows), int(ds.Columns)
    mask = np.zeros((6, rows, columns), dtype=np.uint8)
    mask[0:3, 2:5, 1:4] = 1
    mask[4, 0, 0] = 1
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit, ds.SegmentationType = 0, "BINARY"
    ds.PixelData = np.packbits(mask.ravel(), bitorder="little").tobytes() + b"\0"
    ds.SegmentSequence = [
        rt.item(SegmentNumber=number, SegmentLabel=f"Segment {number}", SegmentAlgorithmType="MANUAL")
        for number in (1, 2)
    ]
    served.store(*rt.scan(), ds)
    found = {
        each["name"]: each
        for study in ask(served, (2.0, 3.0, 2.0))["studies"]
        for each in study["structures"]
    }
    first = found["Segment 1"]
    assert (first["inside"], first["kind"], first["reason"]) == (True, "segment", None)
    assert first["distanceMm"] == pytest.approx(-1.5)
    second = found["Segment 2"]
    # one voxel in one plane: its slab is the thickness that the object states
    assert (second["inside"], second["reason"]) in ((False, None), (None, "singlePlane"))


def test_studies_without_objects_say_so_and_filters_hold(served: Served) -> None:
    served.store(*rt.whole(), *follow_up())
    reasons = {study["studyInstanceUid"]: study["reason"] for study in ask(served)["studies"]}
    assert reasons == {rt.STUDY: None, FOLLOW_UP: "noObjects"}
    only = ask(served, studyInstanceUids=[FOLLOW_UP])["studies"]
    assert [study["studyInstanceUid"] for study in only] == [FOLLOW_UP]
    none = ask(served, structures=False)["studies"][0]
    assert (none["structures"], len(none["doses"])) == ([], 1)
    neither = ask(served, structures=False, doses=False)["studies"][0]
    assert (neither["structures"], neither["doses"]) == ([], [])


def test_by_a_pixel_and_in_a_batch(served: Served) -> None:
    served.store(*rt.whole())
    pixel = {"sopInstanceUid": rt.IMAGES[1], "row": 20, "column": 20}
    answer = served.ask(
        "POST", "/points/radiotherapy", {"points": [pixel, {"row": 1}, {**pixel, "sopInstanceUid": "1.9"}]}
    )
    first, second, third = answer.json["results"]
    assert (first["point"]["z"], first["studies"][0]["structures"][0]["inside"]) == (2, True)
    assert (second["code"], third["code"]) == ("invalidRequest", "notFound")
    refine = served.ask("POST", "/points/radiotherapy", {**pixel, "refine": True})
    assert (refine.code, refine.fields()) == ("invalidRequest", ["/refine"])


def test_what_is_overwritten_or_deleted_is_not_answered_from_memory(served: Served) -> None:
    served.store(*rt.whole())
    assert roi(served)["inside"] is True
    stored = {ds.SOPInstanceUID: key for key, ds in served.archive.datasets()}
    served.archive.delete(stored[rt.SETS])  # behind the plugin's back
    assert [study["structures"] for study in ask(served)["studies"]] == [[]]


def test_a_rejected_registration_is_not_gone_by(served: Served) -> None:
    served.store(*rt.whole(), *follow_up(), registration())
    found = roi(served, (17.0, 20.0, 3.0), FOLLOW_UP_FRAME)
    assert (found["inside"], found["uncertaintyMm"], found["membership"]) == (True, None, "notMeasured")
    served.ask("POST", f"/transforms/{FOLLOW_UP}.6.1.2/review", {"decision": "rejected"})
    assert roi(served, (17.0, 20.0, 3.0), FOLLOW_UP_FRAME)["reason"] == "needsAlignment"


def total(served: Served) -> Json:
    return dict(ask(served, sum=True)["sum"])


def test_doses_of_two_plans_are_added(served: Served) -> None:
    second = rt.plan(None, uid="1.2.80")
    served.store(*rt.scan(), rt.plan(None), second, rt.dose(), rt.dose("1.2.80", uid="1.2.81"))
    found = total(served)
    assert (found["gy"], found["reason"]) == (pytest.approx(21.0), None)
    assert found["doseSopInstanceUids"] == sorted([rt.DOSES, "1.2.81"])
    assert (found["minGy"], found["maxGy"]) == (None, None)
    assert ask(served)["sum"] is None


def _beam_dose(number: int, uid: str) -> Dataset:
    reference = rt.named(rt.PLAN, rt.PLANS)
    beam = rt.item(ReferencedBeamNumber=number)
    reference.ReferencedFractionGroupSequence = [
        rt.item(ReferencedFractionGroupNumber=1, ReferencedBeamSequence=[beam])
    ]
    return rt.dose(uid=uid, DoseSummationType="BEAM", ReferencedRTPlanSequence=[reference])


def _two_beams() -> Dataset:
    beams = [rt.item(ReferencedBeamNumber=number) for number in (1, 2)]
    return rt.plan(None, FractionGroupSequence=[rt.item(FractionGroupNumber=1, ReferencedBeamSequence=beams)])


def test_all_beams_of_a_plan_are_its_dose(served: Served) -> None:
    served.store(*rt.scan(), _two_beams(), _beam_dose(1, "1.2.82"), _beam_dose(2, "1.2.83"))
    assert total(served)["gy"] == pytest.approx(21.0)


REFUSED_SUMS: list[tuple[str, list[Dataset]]] = [
    ("noDoses", []),
    ("notInGray", [rt.dose(DoseGridScaling=None)]),
    ("notPhysical", [rt.dose(DoseType="EFFECTIVE")]),
    ("noPlan", [rt.dose(None)]),
    ("severalDoses", [rt.dose(), rt.dose(uid="1.2.84")]),
    ("severalDoses", [rt.dose(), _beam_dose(1, "1.2.85")]),
    ("missingBeams", [_beam_dose(1, "1.2.86")]),
    ("missingBeams", [_beam_dose(1, "1.2.86"), _beam_dose(1, "1.2.87")]),
    ("otherSummation", [rt.dose(DoseSummationType="FRACTION")]),
    ("otherSummation", [rt.dose(DoseSummationType="MULTI_PLAN")]),
]


@pytest.mark.parametrize(
    ("reason", "doses"), REFUSED_SUMS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_sum_is_refused_with_a_reason(served: Served, reason: str, doses: list[Dataset]) -> None:
    served.store(*rt.scan(), _two_beams(), *doses)
    found = total(served)
    assert (found["reason"], found["gy"], found["minGy"], found["maxGy"]) == (reason, None, None, None)


def test_every_reason_has_a_test() -> None:
    structures = {reason for reason, _ in BAD_STRUCTURES} | {
        "otherPatient", "ambiguousContours", "outsideTransform", "unreadable", "unreadablePixels", "noGeometry",
    }  # fmt: skip
    assert structures == set(StructureReason)
    assert {reason for reason, _ in BAD_DOSES} | {"outsideGrid", "otherPatient", "outsideTransform"} == set(
        DoseReason
    )
    assert {reason for reason, _ in REFUSED_SUMS} == set(DoseSumReason)
