"""Real heads in small: studies made of the two real ones with fewer pixels, new identifiers and a motion of our choice."""

import copy
from collections.abc import Sequence
from functools import cache

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import RLELossless

from longitudinal.geometry import affine
from longitudinal.registration.volume import Volume
from tests.builders import as_file
from tests.data import dicom_files

STEP = 2
"""Every second pixel is kept: a quarter of the work, and enough to see that everything is where it should be."""
ROOT = "1.2.826.0.1.3680043.8.498.77"


@cache
def _slices(study: int) -> tuple[Dataset, ...]:
    read = [pydicom.dcmread(path) for path in dicom_files(f"openms_dicom/patient01/study{study}_FLAIR")]
    return tuple(sorted(read, key=lambda slice_: int(slice_.InstanceNumber)))


def motion(degrees: float, shift: Sequence[float]) -> np.ndarray:
    """(4, 4): a turn about z, then a shift in mm."""
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift
    return matrix


def frame_of(number: int) -> str:
    return f"{ROOT}.{number}.9"


def study_of(number: int) -> str:
    return f"{ROOT}.{number}"


def head(
    number: int, real: int = 1, moved: np.ndarray | None = None, *, patient: str = "HEAD", rle: bool = False,
    noise: int | None = None, **attributes: object,
) -> list[bytes]:  # fmt: skip
    """Study `number`: the head of real study 1 or 2, where it lay after `moved`.

    `noise` replaces it by noise of that seed; `rle` compresses it.
    """
    matrix = np.eye(4) if moved is None else moved
    random = None if noise is None else np.random.default_rng(noise)
    return [_slice(one, number, matrix, patient, rle, random, attributes) for one in _slices(real)]


def _slice(
    real: Dataset, number: int, matrix: np.ndarray, patient: str, rle: bool, random: np.random.Generator | None,
    attributes: dict[str, object],
) -> bytes:  # fmt: skip
    ds = copy.deepcopy(real)  # Dataset(real) would share its elements
    instance = int(real.InstanceNumber)
    ds.PatientID, ds.PatientName = patient, f"{patient}^Small"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_of(number), f"{study_of(number)}.1"
    ds.SOPInstanceUID, ds.FrameOfReferenceUID = f"{study_of(number)}.1.{instance}", frame_of(number)
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = f"20{10 + number}0101"
    position = np.array(real.ImagePositionPatient, float)
    turn = matrix[:3, :3]
    axes = np.array(real.ImageOrientationPatient, float).reshape(2, 3) @ turn.T
    ds.ImagePositionPatient = [f"{value:.6f}" for value in matrix[:3, :3] @ position + matrix[:3, 3]]
    ds.ImageOrientationPatient = [f"{value:.9f}" for value in axes.ravel()]
    pixels = real.pixel_array[::STEP, ::STEP]
    if random is not None:
        pixels = random.integers(0, 1000, pixels.shape)
    ds.Rows, ds.Columns = pixels.shape
    ds.PixelSpacing = [f"{float(value) * STEP:.6f}" for value in real.PixelSpacing]
    ds.PixelData = pixels.astype("<i2").tobytes()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    if not rle:
        return as_file(ds)
    plain = pydicom.dcmread(pydicom.filebase.DicomBytesIO(as_file(ds)))
    plain.compress(RLELossless, generate_instance_uid=False)
    return _file_of(plain)


def slices_of(scan: Volume, number: int, patient: str = "HEAD") -> list[bytes]:
    """Study `number` with the voxels of a volume, every `STEP`-th along a row and a column."""
    return [_laid(scan, k, number, patient) for k in range(len(scan.voxels))]


def _laid(scan: Volume, k: int, number: int, patient: str) -> bytes:
    ds = copy.deepcopy(_slices(2)[0])
    ds.PatientID, ds.PatientName = patient, f"{patient}^Small"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_of(number), f"{study_of(number)}.1"
    ds.SOPInstanceUID, ds.FrameOfReferenceUID = f"{study_of(number)}.1.{k + 1}", frame_of(number)
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = f"20{10 + number}0101"
    ds.InstanceNumber = k + 1
    position = affine.apply(scan.point_from_index, np.array([0.0, 0.0, k]))
    ds.ImagePositionPatient = [f"{value:.6f}" for value in position]
    ds.ImageOrientationPatient = [f"{value:.9f}" for value in scan.directions[:, :2].T.ravel()]
    pixels = scan.voxels[k, ::STEP, ::STEP]
    ds.Rows, ds.Columns = pixels.shape
    ds.PixelSpacing = [f"{scan.spacing[1] * STEP:.6f}", f"{scan.spacing[0] * STEP:.6f}"]
    ds.SliceThickness = ds.SpacingBetweenSlices = f"{scan.spacing[2]:.4f}"
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    ds.PixelData = np.round(pixels).astype("<i2").tobytes()
    return as_file(ds)


def _file_of(ds: Dataset) -> bytes:
    buffer = pydicom.filebase.DicomBytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def landmarks(real: int = 1) -> np.ndarray:
    """(n, 3) places inside the head of a real study, LPS mm: where it is bright, on a grid through the volume."""
    slices = _slices(real)
    found = []
    for one in slices[6:-6:4]:
        rows, columns = np.nonzero(one.pixel_array[::40, ::40] > np.percentile(one.pixel_array, 80))
        axes = np.array(one.ImageOrientationPatient, float).reshape(2, 3)
        spacing = np.array(one.PixelSpacing, float)
        for row, column in zip(rows * 40, columns * 40, strict=True):
            found.append(
                np.array(one.ImagePositionPatient, float)
                + column * spacing[1] * axes[0]
                + row * spacing[0] * axes[1]
            )
    return np.array(found)
