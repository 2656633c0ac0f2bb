"""A made course of radiotherapy: planning scan with its objects, treatments, portal images, and a follow-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from tests import builders as build
from tests.orthanc.server import OrthancServer
from tests.unit.relations import radiotherapy as rt

UID = "2.25.7044"
PATIENT = "COURSE"
PLANNING, FOLLOW_UP, TREATMENT = f"{UID}.1", f"{UID}.2", f"{UID}.3"
FRAME, LATER_FRAME = f"{UID}.8", f"{UID}.9"
CENTRE = np.array([8.0, -6.0, 12.0])
"""Of the target in the planning scan, LPS mm."""
SHIFT = np.array([6.0, -4.0, 3.0])
"""Of the follow-up: later = planning + SHIFT."""
TARGET_MM, ORGAN_MM = 12.0, 9.0
SIZE, SLICES, PIXEL_MM, SLICE_MM = 96, 16, 2.0, 3.0
FRACTIONS = 30
SPATIAL_FIDUCIALS = rt.STORAGE + "66.2"


def scan(study: str, frame: str, shift: NDArray[Any], date: str, *, slices: int = SLICES) -> list[Dataset]:
    """A head of water in a skull, with a denser target, HU + 1024."""
    corner = -PIXEL_MM * (SIZE - 1) / 2
    line = corner + PIXEL_MM * np.arange(SIZE)
    made = []
    for number in range(slices):
        z = -12.0 + SLICE_MM * number
        x, y = np.meshgrid(line - shift[0], line - shift[1])
        body = (x / 70) ** 2 + (y / 82) ** 2
        value = np.where(body < 1, 40.0 + 15 * np.sin(x / 9) * np.cos(y / 11), -1000)
        value[(body < 1) & (body > 0.86)] = 900
        inside = (x - CENTRE[0]) ** 2 + (y - CENTRE[1]) ** 2 + (z - shift[2] - CENTRE[2]) ** 2 < TARGET_MM**2
        value[inside] = 110
        uid = f"{study}.1.{number + 1}"
        ds = build.classic(
            (corner, corner, z), spacing=(PIXEL_MM, PIXEL_MM), SOPClassUID=build.CT, Modality="CT", PatientID=PATIENT,
            PatientName="Course^Made", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=uid,
            FrameOfReferenceUID=frame, StudyDate=date, InstanceNumber=number + 1, SliceThickness=SLICE_MM, Rows=SIZE,
            Columns=SIZE, RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU", WindowCenter=40, WindowWidth=400,
            SeriesDescription="Head", PixelData=(value + 1024).round().astype("<u2").tobytes(),
        )  # fmt: skip
        made.append(ds)
    return made


def ring(centre: Sequence[float], radius: float, z: float) -> Dataset | None:
    """The contour of a ball in a plane; none where it does not meet it."""
    squared = radius**2 - (z - centre[2]) ** 2
    if squared <= 1:
        return None
    turns = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    corners = np.column_stack([np.cos(turns), np.sin(turns)]) * np.sqrt(squared) + np.array(centre[:2])
    return rt.contour(z, tuple(float(f"{value:.2f}") for value in corners.ravel()))


def balls(heights: Sequence[float], centre: Sequence[float], radius: float) -> list[Dataset]:
    """The contours of a ball in the planes at these heights."""
    return [made for z in heights if (made := ring(centre, radius, z)) is not None]


def objects_on(images: Sequence[Dataset], centre: NDArray[Any], root: str) -> list[Dataset]:
    """Structure set, plan, dose and fiducials on an axial scan, in its study; UIDs below `root`."""
    first = images[0]
    heights = [float(one.ImagePositionPatient[2]) for one in images]
    own = {
        "PatientID": first.PatientID, "PatientName": first.PatientName, "StudyInstanceUID": first.StudyInstanceUID,
        "StudyDate": first.StudyDate, "FrameOfReferenceUID": first.FrameOfReferenceUID, "SeriesNumber": 90,
    }  # fmt: skip
    organ = centre + np.array([-28.0, 10.0, 0.0])
    return [
        _structures(images, {"GTV": (centre, TARGET_MM, [255, 80, 80]), "Brainstem": (organ, ORGAN_MM, [90, 200, 255])},
                    heights, own, root),
        _plan(own, root),
        _dose(centre, own, root),
        _fiducials({"Nasion": centre + [0, -30, 3], "Left ear": centre + [34, 8, 0]}, own, root),
    ]  # fmt: skip


def _structures(
    images: Sequence[Dataset],
    regions: dict[str, Any],
    heights: Sequence[float],
    own: dict[str, Any],
    root: str,
) -> Dataset:
    frame, series = own["FrameOfReferenceUID"], images[0].SeriesInstanceUID
    ds = rt.structure_set(
        [], uid=f"{root}.2.1", StructureSetLabel="Head", **own, SeriesInstanceUID=f"{root}.2"
    )
    drawn = rt.item(SeriesInstanceUID=series,
                    ContourImageSequence=[rt.named(one.SOPClassUID, one.SOPInstanceUID) for one in images])  # fmt: skip
    study = rt.item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=own["StudyInstanceUID"],
                    RTReferencedSeriesSequence=[drawn])  # fmt: skip
    ds.ReferencedFrameOfReferenceSequence = [
        rt.item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[study])
    ]
    ds.StructureSetROISequence = [
        rt.item(
            ROINumber=number,
            ROIName=name,
            ReferencedFrameOfReferenceUID=frame,
            ROIGenerationAlgorithm="MANUAL",
        )
        for number, name in enumerate(regions, 1)
    ]
    ds.ROIContourSequence = [
        rt.item(
            ReferencedROINumber=number, ROIDisplayColor=colour, ContourSequence=balls(heights, centre, radius)
        )
        for number, (centre, radius, colour) in enumerate(regions.values(), 1)
    ]
    ds.RTROIObservationsSequence = []
    del ds.FrameOfReferenceUID
    return ds


def _plan(own: dict[str, Any], root: str) -> Dataset:
    ds = rt.plan(
        f"{root}.2.1", uid=f"{root}.3.1", RTPlanLabel="Brain 60 Gy", **own, SeriesInstanceUID=f"{root}.3"
    )
    ds.BeamSequence = [
        rt.item(BeamNumber=number, BeamName=name, BeamType="STATIC", RadiationType="PHOTON")
        for number, name in ((1, "AP"), (2, "LAT"))
    ]
    beams = [rt.item(ReferencedBeamNumber=number) for number in (1, 2)]
    ds.FractionGroupSequence = [
        rt.item(FractionGroupNumber=1, NumberOfFractionsPlanned=FRACTIONS, ReferencedBeamSequence=beams)
    ]
    return ds


def _dose(centre: NDArray[Any], own: dict[str, Any], root: str) -> Dataset:
    """60 Gy in the middle, falling off around it, on 4 mm."""
    size, step = 32, 4.0
    corner = centre - step * (size - 1) / 2
    axis = [corner[number] + step * np.arange(size) - centre[number] for number in range(3)]
    z, y, x = np.meshgrid(axis[2], axis[1], axis[0], indexing="ij")
    gray = 60 / (1 + np.exp((np.sqrt(x**2 + 1.3 * y**2 + z**2) - 22) / 5))
    ds = rt.dose(
        f"{root}.3.1", uid=f"{root}.4.1", **own, SeriesInstanceUID=f"{root}.4", Rows=size, Columns=size, NumberOfFrames=size,
        GridFrameOffsetVector=[step * number for number in range(size)], PixelSpacing=[step, step],
        ImagePositionPatient=[float(value) for value in corner], DoseGridScaling="0.001",
    )  # fmt: skip
    ds.add_new("PixelData", "OW", (gray * 1000).round().astype("<u2").tobytes())
    return ds


def _fiducials(points: dict[str, NDArray[Any]], own: dict[str, Any], root: str) -> Dataset:
    ds = build.dataset(
        SPATIAL_FIDUCIALS, "FID", **own, SeriesInstanceUID=f"{root}.5", SOPInstanceUID=f"{root}.5.1", Rows=None,
        Columns=None, ImageType=None, PixelData=None, ContentLabel="MARKS",
    )  # fmt: skip
    made = rt.item(FrameOfReferenceUID=own["FrameOfReferenceUID"])
    made.FiducialSequence = [
        rt.item(FiducialIdentifier=name, ShapeType="POINT", NumberOfContourPoints=1,
                ContourData=[f"{value:.2f}" for value in point])
        for name, point in points.items()
    ]  # fmt: skip
    ds.FiducialSetSequence = [made]
    return ds


def treatments(own: dict[str, Any], plan: str, root: str, days: Sequence[str]) -> list[Dataset]:
    """A record a day, the second of which was interrupted, and portal images on the first and the last day."""
    own = {**own, "SeriesNumber": 91}
    made = []
    for number, day in enumerate(days, 1):
        beams = [
            rt.item(ReferencedBeamNumber=beam, BeamName=label, CurrentFractionNumber=number,
                    TreatmentDeliveryType="TREATMENT",
                    TreatmentTerminationStatus="MACHINE" if (number, beam) == (2, 2) else "NORMAL")
            for beam, label in ((1, "AP"), (2, "LAT"))
        ]  # fmt: skip
        made.append(
            rt.plan(None, uid=f"{root}.5.{number}", SOPClassUID=rt.RECORD, Modality="RTRECORD", **own,
                    SeriesInstanceUID=f"{root}.5", TreatmentDate=day, TreatmentTime="103000", FrameOfReferenceUID=None,
                    FractionGroupSequence=None, BeamSequence=None, DoseReferenceSequence=None, RTPlanLabel=None,
                    PlanIntent=None, TreatmentSessionBeamSequence=beams, ReferencedRTPlanSequence=[rt.named(rt.PLAN, plan)])
        )  # fmt: skip
    for number, day in ((1, days[0]), (len(days), days[-1])):
        made.append(
            build.classic(
                SOPClassUID=rt.RT_IMAGE, Modality="RTIMAGE", **own, SeriesInstanceUID=f"{root}.7",
                SOPInstanceUID=f"{root}.7.{number}", ImageType=["ORIGINAL", "PRIMARY", "PORTAL"], RTImageLabel="AP portal",
                AcquisitionDate=day, AcquisitionTime="103100", FractionNumber=number, ReferencedBeamNumber=1,
                GantryAngle="0", ReferencedRTPlanSequence=[rt.named(rt.PLAN, plan)],
                ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None, FrameOfReferenceUID=None,
            )
        )  # fmt: skip
    return made


DAYS = ("20240201", "20240202", "20240205", "20240301", "20240315")


def course() -> list[Dataset]:
    """All of the made patient: planning scan and its objects, treatments, and a follow-up in a frame of its own."""
    images = scan(PLANNING, FRAME, np.zeros(3), "20240110")
    own = {
        "PatientID": PATIENT,
        "PatientName": "Course^Made",
        "StudyInstanceUID": TREATMENT,
        "StudyDate": DAYS[0],
    }
    return [
        *images,
        *objects_on(images, CENTRE, PLANNING),
        *treatments(own, f"{PLANNING}.3.1", TREATMENT, DAYS),
        *scan(FOLLOW_UP, LATER_FRAME, SHIFT, "20240901", slices=SLICES - 4),
    ]


def join(server: OrthancServer) -> None:
    """The transform between the planning scan and the follow-up."""
    matrix = np.eye(4)
    matrix[:3, 3] = SHIFT
    given = {
        "sourceFrameOfReferenceUid": FRAME,
        "targetFrameOfReferenceUid": LATER_FRAME,
        "matrix": matrix.tolist(),
    }
    answer = server.session.post("/imaging/transforms", json=given)
    assert answer.status_code == 201, answer.text
