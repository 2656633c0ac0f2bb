"""Small patients on which a viewer can go wrong, kind by kind: all synthetic, made from the builders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests import builders as build

CT = {"SOPClassUID": build.CT, "Modality": "CT"}
REGISTRATION = build.STORAGE + "66.1"
SPECTROSCOPY = build.STORAGE + "4.2"
RT_PLAN = build.STORAGE + "481.5"
RT_STRUCTURES = build.STORAGE + "481.3"
RAW_DATA = build.STORAGE + "66"


def new_uids(patient: str, **attributes: Any) -> dict[str, Any]:
    """Identity of a new study with one series, in a frame of its own."""
    names = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    return {"PatientID": patient, "PatientName": patient, "StudyDate": "20200101"} | {
        name: generate_uid() for name in names
    } | attributes  # fmt: skip


def of(ds: Dataset, patient: str, **attributes: Any) -> Dataset:
    """An instance in a study of its own, with pixels to its size where it has any."""
    build.change(ds, new_uids(patient) | attributes)
    if "PixelData" in ds and isinstance(ds.get("Rows"), int) and isinstance(ds.get("Columns"), int):
        frames = int(ds.get("NumberOfFrames") or 1)
        ds["PixelData"].value = bytes(2 * ds.Rows * ds.Columns * frames)
    return ds


def volume(patient: str, heights: Sequence[float] = (0, 2, 4, 6), **attributes: Any) -> list[Dataset]:
    """An axial series of 60 x 60 mm from (-30, -30)."""
    shared = new_uids(patient) | {"Rows": 60, "Columns": 60} | attributes
    x, y = shared.pop("corner", (-30.0, -30.0))
    return [
        of(build.classic((x, y, z)), patient, InstanceNumber=number, **shared)
        for number, z in enumerate(heights, 1)
    ]


def beside(patient: str, ds: Dataset, scan: list[Dataset], **attributes: Any) -> list[Dataset]:
    """An instance in the study and frame of a scan, in a series of its own, and the scan."""
    same = {name: scan[0].get(name) for name in ("StudyInstanceUID", "FrameOfReferenceUID", "StudyDate")}
    return [of(ds, patient, **{"SeriesInstanceUID": generate_uid()} | same | attributes), *scan]


def with_private(ds: Dataset, group: int, creator: str, element: int, vr: str, value: object) -> Dataset:
    """The dataset with one private element more."""
    ds.private_block(group, creator, create=True).add_new(element, vr, value)
    return ds


def registration(of_scan: Dataset, *items: Dataset, **attributes: Any) -> Dataset:
    """A registration object in the study of an image."""
    ds = build.dataset(REGISTRATION, "REG", Rows=None, Columns=None, ImageType=None)
    names = ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "FrameOfReferenceUID")
    same = {name: of_scan.get(name) for name in names}
    build.change(ds, same | {"SeriesInstanceUID": generate_uid(), "Manufacturer": "Other"} | attributes)
    ds.RegistrationSequence = list(items)
    return ds


def registration_item(
    images: Sequence[Dataset] = (), frame: str | None = None, shift: Sequence[float] = (0, 0, 0)
) -> Dataset:
    """An item that moves points by a shift, of the images, the frame, or both."""
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    part = Dataset()
    part.FrameOfReferenceTransformationMatrixType = "RIGID"
    part.FrameOfReferenceTransformationMatrix = [f"{value:g}" for value in matrix.ravel()]
    item = build.change(Dataset(), {"FrameOfReferenceUID": frame})
    item.MatrixRegistrationSequence = [build.change(Dataset(), {"MatrixSequence": [part]})]
    if images:
        item.ReferencedImageSequence = [_reference(image) for image in images]
    return item


def _reference(image: Dataset) -> Dataset:
    uids = {"ReferencedSOPClassUID": image.SOPClassUID, "ReferencedSOPInstanceUID": image.SOPInstanceUID}
    return build.change(Dataset(), uids)


def enhanced(patient: str, heights: Sequence[float], **attributes: Any) -> Dataset:
    """An enhanced MR of one frame at each height."""
    frames = [build.functional_groups(PlanePositionSequence=build.place((0, 0, z))) for z in heights]
    return of(build.enhanced(frames), patient, **attributes)


def noisy(
    patient: str, heights: Sequence[float], sigma: float, seed: int = 11, **attributes: Any
) -> list[Dataset]:
    """Axial planes of 200 x 200 mm about the z axis, each turned a little about its own centre line."""
    shared = new_uids(patient) | {"Rows": 200, "Columns": 200} | attributes
    angles = np.random.default_rng(seed).normal(0, sigma, len(heights))
    return [
        of(
            build.classic((-100, -100 * np.cos(angle), z - 100 * np.sin(angle)), (1, 0, 0, 0, np.cos(angle), np.sin(angle))),
            patient, InstanceNumber=number, **shared,
        )
        for number, (z, angle) in enumerate(zip(heights, angles, strict=True), 1)
    ]  # fmt: skip
