"""Images to send, made in advance: small, synthetic, each with the id that Orthanc will give it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import generate_uid

from benchmarks.synthetic_archive import orthanc_id
from tests import builders as build

FIRST = 1000
"""Numbers of images, and their z in mm, have four digits, so that all files of a series differ in those bytes alone."""


@dataclass(frozen=True)
class Image:
    """A DICOM file on disk; `orthanc_id`, `study` and `patient` are Orthanc's ids."""

    path: Path
    orthanc_id: str
    study: str
    patient: str
    sop_instance_uid: str


def make_series(
    folder: Path, patient: str, count: int, side: int = 8, frame: str | None = None
) -> list[Image]:
    """Parallel axial MR images, 1 mm apart, of one new study: `side` x `side` pixels of noise, 16 bit.

    `frame` is their Frame of Reference UID, by default one of their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    study, series = generate_uid(), generate_uid()
    root = generate_uid()[:50].rstrip(".0")
    dataset = build.classic(
        (0, 0, FIRST), PatientID=patient, StudyInstanceUID=study, SeriesInstanceUID=series,
        FrameOfReferenceUID=frame or generate_uid(), SOPInstanceUID=f"{root}.{FIRST}", InstanceNumber=FIRST,
        Rows=side, Columns=side,
    )  # fmt: skip
    dataset.PixelData = os.urandom(2 * side * side)
    template = build.as_file(dataset)
    made = []
    for number in range(FIRST, FIRST + count):
        file, uid = template, f"{root}.{number}"
        for pattern in (f"{root}.%d", "\\%d", "IS\x04\0%d"):
            file = file.replace((pattern % FIRST).encode(), (pattern % number).encode())
        path = folder / f"{uid}.dcm"
        path.write_bytes(file)
        instance = orthanc_id(patient, study, series, uid)
        made.append(Image(path, instance, orthanc_id(patient, study), orthanc_id(patient), uid))
    return made


def ids(images: Sequence[Image]) -> set[str]:
    """Orthanc's ids of them."""
    return {image.orthanc_id for image in images}
