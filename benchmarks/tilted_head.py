"""The real head of the tests, cut again along tilted slices and moved: a third study whose transform is known exactly."""

import copy
from collections.abc import Sequence

import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray

from tests.builders import as_file

STUDY = "2.25.7019"
TILT_DEGREES = 12.0
SHIFT_MM = (7.0, -11.0, 5.0)


def rotation(degrees: float) -> NDArray[np.float64]:
    """(3, 3): a nod, about the axis from right to left."""
    angle = np.radians(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])


def tilted(slices: Sequence[pydicom.Dataset]) -> tuple[list[bytes], NDArray[np.float64]]:
    """Files of the study, and the map (4, 4) of points of the original into it, LPS mm."""
    ordered = sorted(slices, key=lambda each: float(each.ImagePositionPatient[2]))
    image = _volume(ordered)
    turn = np.array(image.GetDirection()).reshape(3, 3) @ rotation(TILT_DEGREES)
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()]))
    spacing, size = np.array(image.GetSpacing()), np.array(image.GetSize())
    origin = middle - turn @ (spacing * (size - 1) / 2)
    grid = image.GetSize(), SimpleITK.Transform(), SimpleITK.sitkLinear, origin.tolist(), image.GetSpacing()
    cut = SimpleITK.Resample(image, *grid, turn.ravel().tolist(), 0.0)
    pixels = SimpleITK.GetArrayFromImage(cut)
    files = [
        as_file(_slice(ordered[0], number, pixels[number], origin + number * spacing[2] * turn[:, 2], turn))
        for number in range(len(ordered))
    ]
    moved = np.eye(4)
    moved[:3, 3] = SHIFT_MM
    return files, moved


def _volume(ordered: Sequence[pydicom.Dataset]) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(np.stack([each.pixel_array for each in ordered]).astype(np.int16))
    first, last = (
        np.array([float(v) for v in each.ImagePositionPatient]) for each in (ordered[0], ordered[-1])
    )
    along = np.array([float(value) for value in ordered[0].ImageOrientationPatient])
    gap = np.linalg.norm(last - first) / (len(ordered) - 1)
    between, beside = (float(value) for value in ordered[0].PixelSpacing)
    image.SetSpacing((beside, between, float(gap)))
    image.SetOrigin(first.tolist())
    normal = (last - first) / np.linalg.norm(last - first)
    image.SetDirection(np.column_stack([along[:3], along[3:], normal]).ravel().tolist())
    return image


def _slice(
    like: pydicom.Dataset,
    number: int,
    pixels: NDArray[np.int16],
    position: NDArray[np.float64],
    turn: NDArray[np.float64],
) -> pydicom.Dataset:
    ds = copy.deepcopy(like)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = STUDY, f"{STUDY}.1", f"{STUDY}.2"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{STUDY}.3.{number + 1}"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20130601"
    ds.InstanceNumber = number + 1
    ds.ImagePositionPatient = [round(float(value), 6) for value in position + np.array(SHIFT_MM)]
    ds.ImageOrientationPatient = [round(float(value), 8) for value in (*turn[:, 0], *turn[:, 1])]
    ds.PixelData = pixels.astype(np.uint16 if ds.PixelRepresentation == 0 else np.int16).tobytes()
    return ds
