"""A made patient in a server: its truth, its files, and by brute force which slice holds a point."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray

from benchmarks.longitudinal_patients import load
from tests.orthanc.server import OrthancServer


class MadePatient:
    """Stored and indexed; files are found by SOP Instance UID."""

    def __init__(self, server: OrthancServer, folder: Path, truth: dict[str, Any]) -> None:
        self.truth, self.studies = truth, truth["studies"]
        self.id: str = truth["patientId"]
        before = server.health()["instances"]
        count = load(folder, server.url, (server.user, server.password))
        server.wait_indexed(lambda health: health["instances"] >= before + count)
        found = [(pydicom.dcmread(path, stop_before_pixels=True), path) for path in folder.rglob("*.dcm")]
        self.files = {header.SOPInstanceUID: path for header, path in found}
        self._slices = {
            study["studyInstanceUid"]: Slices(
                [
                    header
                    for header, _ in found
                    if header.StudyInstanceUID == study["studyInstanceUid"]
                    and "ImagePositionPatient" in header
                ]
            )
            for study in self.studies
        }

    def dataset(self, sop_instance_uid: str) -> pydicom.Dataset:
        return pydicom.dcmread(self.files[sop_instance_uid])

    def slices(self, study: dict[str, Any]) -> "Slices":
        return self._slices[study["studyInstanceUid"]]


class Slices:
    """The parallel slices of one study, from their headers alone."""

    def __init__(self, headers: list[pydicom.Dataset]) -> None:
        rows, columns = np.array(headers[0].ImageOrientationPatient, float).reshape(2, 3)
        self.normal: NDArray[np.float64] = np.cross(rows, columns)
        ordered = sorted(
            headers, key=lambda header: self.normal @ np.array(header.ImagePositionPatient, float)
        )
        self.uids = [str(header.SOPInstanceUID) for header in ordered]
        self.positions = np.array([header.ImagePositionPatient for header in ordered], float)
        self.heights = self.positions @ self.normal
        self.rows, self.columns = rows, columns
        self.spacing = np.array(headers[0].PixelSpacing, float)

    def point(self, at: int, row: float, column: float) -> NDArray[np.float64]:
        """LPS mm of a pixel of slice `at` (0-based)."""
        found: NDArray[np.float64] = (
            self.positions[at] + column * self.spacing[1] * self.rows + row * self.spacing[0] * self.columns
        )
        return found

    def holding(self, point: NDArray[np.float64]) -> tuple[str | None, float]:
        """The slice within half a gap of a point, or None; and how far from the border to another answer the point is."""
        off = np.abs(self.heights - self.normal @ point)
        order = np.argsort(off)
        gap = float(np.median(np.diff(self.heights)))
        nearest = off[order[0]]
        if nearest > gap / 2:
            return None, nearest - gap / 2
        return self.uids[order[0]], gap / 2 - nearest


def image_of(patient: MadePatient, study: dict[str, Any]) -> sitk.Image:
    """The scan of a study as SimpleITK has it, from the files."""
    slices = patient.slices(study)
    image = sitk.GetImageFromArray(
        np.stack([patient.dataset(uid).pixel_array for uid in slices.uids]).astype(np.float64)
    )
    gap = float(slices.heights[-1] - slices.heights[0]) / (len(slices.uids) - 1)
    image.SetOrigin(slices.positions[0].tolist())
    image.SetSpacing([float(slices.spacing[1]), float(slices.spacing[0]), gap])
    image.SetDirection(np.column_stack([slices.rows, slices.columns, slices.normal]).ravel().tolist())
    return image


def resampled(
    image: sitk.Image, corner: NDArray[Any], right: NDArray[Any], down: NDArray[Any],
    shape: tuple[int, int], transform: sitk.Transform, outside: float = -1e6,
) -> NDArray[np.float64]:  # fmt: skip
    """What SimpleITK yields on a plane: `right` and `down` are mm a pixel, `transform` takes its points to the image."""
    steps = float(np.linalg.norm(right)), float(np.linalg.norm(down))
    axes = np.column_stack([right / steps[0], down / steps[1], np.cross(right, down) / (steps[0] * steps[1])])
    grid = sitk.Image([shape[1], shape[0], 1], sitk.sitkFloat64)
    grid.SetOrigin(corner.tolist())
    grid.SetSpacing([*steps, 1.0])
    grid.SetDirection(axes.ravel().tolist())
    found = sitk.GetArrayFromImage(sitk.Resample(image, grid, transform, sitk.sitkLinear, outside))[0]
    return np.asarray(np.where(found == outside, np.nan, found), np.float64)
