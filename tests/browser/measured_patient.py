"""A patient with a lesion that grows: three CTs, a PET and an MR of one frame, and one CT of another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from tests import builders as build
from tests.browser.made_studies import picture_of

PATIENT = "MEASURED"
UID = "2.25.7044"
FRAME, OTHER = f"{UID}.900", f"{UID}.901"
ROWS, COLUMNS, SLICES = 96, 112, 24
SPACING, GAP = 2.0, 3.0
LESION = np.array([110.0, 90.0, 36.0])
"""LPS mm, in the middle of a slice."""

SHIFT = np.array([6.0, -4.0, 3.0])
"""From the first frame into the other."""

PET = build.STORAGE + "128"
RADII = {1: 8.0, 2: 10.0, 3: 13.0, 4: 10.0, 5: 10.0, 6: 12.0}
"""Of the lesion, by study."""


def body(study: int, background: int, lesion: int, centre: NDArray[np.float64] = LESION) -> NDArray[np.int16]:
    """(slices, rows, columns): air, an elliptic body, structure, a ball, a little noise."""
    z, y, x = np.mgrid[:SLICES, :ROWS, :COLUMNS]
    x, y, z = x * SPACING, y * SPACING, z * GAP
    inside = ((x - 112) / 95) ** 2 + ((y - 96) / 80) ** 2 <= 1
    grey = np.where(inside, background + 30 * np.sin(x / 14) * np.cos(y / 11), -1000.0)
    ball = np.linalg.norm(np.stack([x, y, z], -1) - centre, axis=-1) <= RADII[study]
    grey = np.where(ball, lesion, grey)
    return (grey + np.random.default_rng(study).normal(0, 8, grey.shape)).astype(np.int16)


def study(number: int, values: NDArray[np.int16], year: int, modality: str, **more: Any) -> list[Dataset]:
    kinds = {"CT": build.CT, "MR": build.MR, "PT": PET}
    uid = f"{UID}.{number}"
    identity = {
        "SOPClassUID": kinds[modality], "Modality": modality, "PatientID": PATIENT, "PatientName": "Measured^Mary",
        "StudyInstanceUID": uid, "SeriesInstanceUID": f"{uid}.1", "StudyDate": f"{year}0307", "SliceThickness": GAP,
        "FrameOfReferenceUID": FRAME, "SeriesDescription": f"{modality} axial", "SeriesNumber": 1,
    }  # fmt: skip
    return [
        picture_of(
            pixels, (0, 0, z * GAP), (SPACING, SPACING), SOPInstanceUID=f"{uid}.1.{z + 1}", InstanceNumber=z + 1,
            **identity | more,
        )
        for z, pixels in enumerate(values)
    ]  # fmt: skip


def tracer() -> Dataset:
    ds = Dataset()
    ds.RadiopharmaceuticalStartTime, ds.RadionuclideTotalDose, ds.RadionuclideHalfLife = (
        "100000",
        3.7e8,
        6586.2,
    )
    return ds


def files() -> list[bytes]:
    """All of the patient."""
    pet = {
        "Units": "BQML", "DecayCorrection": "START", "PatientWeight": "70", "CorrectedImage": ["DECY", "ATTN"],
        "SeriesDate": "20230307", "SeriesTime": "110000", "AcquisitionDate": "20230307", "AcquisitionTime": "110100",
        "RadiopharmaceuticalInformationSequence": [tracer()], "RescaleSlope": "20",
    }  # fmt: skip
    made = [
        *study(1, body(1, 40, 90), 2020, "CT"),
        *study(2, body(2, 40, 110), 2021, "CT"),
        *study(3, body(3, 40, 130), 2023, "CT"),
        *study(4, np.clip(body(4, 100, 900), 0, None), 2023, "PT", **pet),
        *study(5, np.clip(body(5, 300, 500), 0, None), 2024, "MR", RescaleSlope=None, RescaleIntercept=None),
        *study(6, body(6, 40, 120, LESION + SHIFT), 2024, "CT", FrameOfReferenceUID=OTHER),
    ]
    return [build.as_file(ds) for ds in made]
