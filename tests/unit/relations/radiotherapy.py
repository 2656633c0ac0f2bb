"""A small radiotherapy: a planning scan, a structure set, a plan and a dose, all of whose links are right."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from tests.builders import CT, RT_DOSE, change, classic, dataset

STORAGE = "1.2.840.10008.5.1.4.1.1."
STRUCTURE_SET, PLAN, RECORD, RT_IMAGE = (STORAGE + suffix for suffix in ("481.3", "481.5", "481.4", "481.1"))
STUDY, FRAME = "1.2.3.50", "1.2.3.50.9"
SERIES = f"{STUDY}.1"
IMAGES = tuple(f"{SERIES}.{number}" for number in range(1, 5))
SETS, PLANS, DOSES = f"{STUDY}.2.1", f"{STUDY}.3.1", f"{STUDY}.4.1"
SQUARE = (10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0)
"""x and y of four corners."""


def item(**attributes: Any) -> Dataset:
    return change(Dataset(), attributes)


def named(sop_class: str, uid: str) -> Dataset:
    """A reference to an instance."""
    return item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)


def scan(study: str = STUDY, frame: str | None = FRAME, patient: str = "RT", **more: Any) -> list[Dataset]:
    """Four axial slices of 40 x 40 pixels of 1 mm, 2 mm apart, from z = 0."""
    return [
        classic(
            (0, 0, 2.0 * number), SOPClassUID=CT, Modality="CT", PatientID=patient, StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.{number + 1}", FrameOfReferenceUID=frame,
            StudyDate="20240101", InstanceNumber=number + 1, SliceThickness=2.0, Rows=40, Columns=40,
            PixelData=bytes(3200), **more,
        )
        for number in range(4)
    ]  # fmt: skip


def _object(sop_class: str, modality: str, number: int, uid: str, **more: Any) -> Dataset:
    ds = dataset(
        sop_class, modality, PatientID="RT", StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.{number}",
        SOPInstanceUID=uid, FrameOfReferenceUID=FRAME, StudyDate="20240101", Rows=None, Columns=None, ImageType=None,
        PixelData=None,
    )  # fmt: skip
    return change(ds, more)


def contour(
    z: float, corners: tuple[float, ...] = SQUARE, kind: str = "CLOSED_PLANAR", **more: Any
) -> Dataset:
    """One contour in the plane z, of x and y of its corners."""
    pairs = zip(corners[::2], corners[1::2], strict=True)
    data = [value for x, y in pairs for value in (x, y, z)]
    return item(
        ContourGeometricType=kind, NumberOfContourPoints=len(data) // 3, ContourData=[f"{value:g}" for value in data], **more
    )  # fmt: skip


def squares() -> list[Dataset]:
    """A block of 20 x 20 x 8 mm, 3.2 cc: a square in each slice."""
    return [contour(2.0 * number, ContourImageSequence=[named(CT, IMAGES[number])]) for number in range(4)]


def structure_set(contours: list[Dataset] | None = None, uid: str = SETS, **more: Any) -> Dataset:
    """One ROI, "Target", of the number 1."""
    series = item(SeriesInstanceUID=SERIES, ContourImageSequence=[named(CT, image) for image in IMAGES])
    study = item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=STUDY, RTReferencedSeriesSequence=[series]
    )  # fmt: skip
    ds = _object(STRUCTURE_SET, "RTSTRUCT", 2, uid, StructureSetLabel="Set A", FrameOfReferenceUID=None)
    ds.ReferencedFrameOfReferenceSequence = [
        item(FrameOfReferenceUID=FRAME, RTReferencedStudySequence=[study])
    ]
    ds.StructureSetROISequence = [
        item(
            ROINumber=1,
            ROIName="Target",
            ReferencedFrameOfReferenceUID=FRAME,
            ROIGenerationAlgorithm="MANUAL",
        )
    ]
    ds.ROIContourSequence = [
        item(ROIDisplayColor=[255, 0, 0], ContourSequence=squares() if contours is None else contours,
             ReferencedROINumber=1)
    ]  # fmt: skip
    ds.RTROIObservationsSequence = [
        item(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="PTV")
    ]
    return change(ds, more)


def plan(structures: str | None = SETS, uid: str = PLANS, **more: Any) -> Dataset:
    """A plan of one beam in 20 fractions."""
    ds = _object(
        PLAN, "RTPLAN", 3, uid, RTPlanLabel="Plan A", RTPlanGeometry="PATIENT", PlanIntent="CURATIVE"
    )
    ds.BeamSequence = [item(BeamNumber=1, BeamName="AP", BeamType="STATIC", RadiationType="PHOTON")]
    beam = item(ReferencedBeamNumber=1, BeamDose="1.5")
    ds.FractionGroupSequence = [
        item(FractionGroupNumber=1, NumberOfFractionsPlanned=20, ReferencedBeamSequence=[beam])
    ]
    ds.DoseReferenceSequence = [
        item(DoseReferenceNumber=1, DoseReferenceStructureType="VOLUME", DoseReferenceType="TARGET", ReferencedROINumber=1,
             TargetPrescriptionDose="40")
    ]  # fmt: skip
    if structures is not None:
        ds.ReferencedStructureSetSequence = [named(STRUCTURE_SET, structures)]
    return change(ds, more)


def dose(plan_uid: str | None = PLANS, uid: str = DOSES, **more: Any) -> Dataset:
    """A grid of 5 x 5 x 3 voxels of 10 mm from (-5, -5, -5): 1 Gy more for each column, 10 for each frame."""
    ds = _object(
        RT_DOSE, "RTDOSE", 4, uid, Rows=5, Columns=5, NumberOfFrames=3, DoseUnits="GY", DoseType="PHYSICAL",
        DoseSummationType="PLAN", DoseGridScaling="0.01", GridFrameOffsetVector=[0, 10, 20], PixelSpacing=[10, 10],
        ImagePositionPatient=[-5, -5, -5], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
    )  # fmt: skip
    import numpy as np

    frame, _, column = np.mgrid[0:3, 0:5, 0:5]
    ds.add_new("PixelData", "OW", (100 * column + 1000 * frame).astype("<u2").tobytes())
    if plan_uid is not None:
        ds.ReferencedRTPlanSequence = [named(PLAN, plan_uid)]
    return change(ds, more)


def whole() -> list[Dataset]:
    """All of it."""
    return [*scan(), structure_set(), plan(), dose()]
