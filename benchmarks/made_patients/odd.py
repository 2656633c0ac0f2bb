"""A patient in whom little is as a viewer expects: what the page must meet with a clear word, and go on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RTDoseStorage, SecondaryCaptureImageStorage, UltrasoundMultiFrameImageStorage

from benchmarks.made_patients.files import Grid, Look, Person, save, study_of, write_scan

NAME = "<img src=x onerror=alert(1)>^Odd"
_CENTRE = (10.0, -20.0, 30.0)
_LARGE = 4_000
_DAY = date(2019, 5, 2)

Change = Callable[[Dataset], None]


@dataclass(frozen=True)
class OddStudy:
    """One study: `what` is wrong or rare in it; `pixel_mm`, columns and rows, slices of its scan."""

    what: str
    when: date | None
    size: tuple[int, int, int] = (64, 64, 12)
    pixel_mm: float = 3.0
    intercept: float = -1024.0
    change: Change | None = None


def _without_frame(ds: Dataset) -> None:
    del ds.FrameOfReferenceUID


def _inverted(ds: Dataset) -> None:
    ds.PhotometricInterpretation = "MONOCHROME1"


def _cut(ds: Dataset) -> None:
    if ds.InstanceNumber == 6:
        ds.PixelData = ds.PixelData[: len(ds.PixelData) // 3]


def _twelve_bits(ds: Dataset) -> None:
    """Signs that nobody extended, and an old overlay in the bits above."""
    values = np.frombuffer(ds.PixelData, "<i2")
    ds.BitsStored, ds.HighBit = 12, 11
    ds.PixelData = ((values & 0x0FFF) | 0x4000).astype("<u2").tobytes()


def _table(ds: Dataset) -> None:
    row = Dataset()
    row.add_new(0x00283002, "US", [2, 0, 16])
    row.LUTExplanation, row.ModalityLUTType = "two steps", "US"
    row.add_new(0x00283006, "US", [0, 1000])
    ds.ModalityLUTSequence = [row]
    del ds.RescaleSlope, ds.RescaleIntercept


STUDIES = (
    OddStudy("ordinary", _DAY),
    OddStudy("no date at all", None),
    OddStudy("a single slice", date(2019, 8, 1), size=(64, 64, 1)),
    OddStudy("4000 x 4000 pixels", date(2020, 1, 3), size=(_LARGE, _LARGE, 2), pixel_mm=0.05),
    OddStudy("one frame does not decode", date(2020, 6, 4), change=_cut),
    OddStudy("no Frame of Reference", date(2020, 9, 5), change=_without_frame),
    OddStudy("MONOCHROME1", date(2021, 2, 6), change=_inverted),
    OddStudy("12 bits with an overlay above", date(2021, 7, 7), intercept=0.0, change=_twelve_bits),
    OddStudy("values by a table", date(2022, 3, 8), change=_table),
)


def make_odd(folder: Path, *, seed: int = 1) -> dict[str, Any]:
    """Write the studies, and return which is which.

    All but the one without a Frame of Reference share a frame. A last study has what has no place (colours, ultrasound), and
    a dose of 32 bits, whose pixels Orthanc 1.10 does not send.
    """
    person = Person(f"ODD-{seed}", NAME)
    studies = []
    for number, study in enumerate(STUDIES, 1):
        grid = Grid.centred(
            _CENTRE, np.eye(3), (study.pixel_mm, study.pixel_mm, 5.0), study.size
        ).as_written()
        look = Look("CT", study.what, study.when, intercept=study.intercept, window=(40, 400),
                    more={"FrameOfReferenceUID": person.uid("frame")})  # fmt: skip
        files = write_scan(folder / f"study{number:03d}", person, number, _ball(grid), grid, look)
        for path in files if study.change is not None else ():
            ds = pydicom.dcmread(path)
            assert study.change is not None
            study.change(ds)
            save(ds, path)
        studies.append(_named(person, number, study.what, study.when))
    number = len(STUDIES) + 1
    made = folder / f"study{number:03d}"
    made.mkdir(parents=True, exist_ok=True)
    for place, ds in enumerate(_without_place(person, number), 1):
        save(ds, made / f"{number:03d}-{place}.dcm")
    studies.append(_named(person, number, "colours, ultrasound, a dose of 32 bits", date(2022, 9, 9)))
    return {"patientId": person.patient_id, "patientName": NAME, "centre": list(_CENTRE), "studies": studies}


def _named(person: Person, number: int, what: str, when: date | None) -> dict[str, Any]:
    return {
        "studyInstanceUid": person.uid(number),
        "seriesInstanceUid": person.uid(number, 1),
        "studyDate": None if when is None else when.isoformat(),
        "what": what,
    }


def _ball(grid: Grid) -> NDArray[np.float32]:
    """A bright ball in the middle of the body, Hounsfield units."""
    voxels = np.full(grid.size[::-1], -1000, np.float32)
    grid.add_ball(voxels, np.array(_CENTRE), 40.0, 40.0)
    grid.add_ball(voxels, np.array(_CENTRE), 6.0, 400.0)
    return voxels


def _without_place(person: Person, number: int) -> list[Dataset]:
    colours = np.zeros((48, 64, 3), "u1")
    colours[..., 0], colours[..., 1] = np.arange(64) * 4, np.arange(48)[:, None] * 5
    capture = _instance(person, number, 1, "OT", SecondaryCaptureImageStorage, colours, 8)
    capture.SamplesPerPixel, capture.PhotometricInterpretation, capture.PlanarConfiguration = 3, "RGB", 0
    cine = np.indices((10, 48, 64)).sum(axis=0).astype("u1") * 2
    ultrasound = _instance(person, number, 2, "US", UltrasoundMultiFrameImageStorage, cine, 8)
    ultrasound.NumberOfFrames = 10
    dose = _instance(person, number, 3, "RTDOSE", RTDoseStorage, np.full((3, 16, 16), 70_000, "<u4"), 32)
    dose.NumberOfFrames, dose.FrameOfReferenceUID = 3, person.uid("frame")
    dose.ImagePositionPatient, dose.ImageOrientationPatient = list(_CENTRE), [1, 0, 0, 0, 1, 0]
    dose.PixelSpacing, dose.GridFrameOffsetVector, dose.SliceThickness = [4, 4], [0, 5, 10], "5"
    dose.DoseGridScaling, dose.DoseUnits, dose.DoseType, dose.DoseSummationType = (
        "1e-5",
        "GY",
        "PHYSICAL",
        "PLAN",
    )
    return [capture, ultrasound, dose]


def _instance(
    person: Person, number: int, series: int, modality: str, sop_class: str, pixels: NDArray[Any], bits: int
) -> Dataset:
    ds = study_of(person, number, date(2022, 9, 9))
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, person.uid(number, series, 0)
    ds.SeriesInstanceUID, ds.SeriesNumber, ds.InstanceNumber = person.uid(number, series), series, 1
    ds.Modality, ds.SeriesDescription, ds.PatientOrientation = modality, modality, ""
    rows_axis = 0 if modality == "OT" else 1
    ds.Rows, ds.Columns = pixels.shape[rows_axis : rows_axis + 2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits, bits - 1, 0
    ds.add_new(0x7FE00010, "OW" if bits > 8 else "OB", pixels.tobytes())
    return ds
