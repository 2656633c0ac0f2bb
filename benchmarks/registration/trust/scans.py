"""The real scans of the trust figures, and what is done to them: turned, mirrored, slices in reverse order."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.cases import BASELINE, FOLLOWUP, mirrored, moved, volume
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.search import rotation_matrix
from longitudinal.registration.volume import Volume
from tests.data import data

SOURCES = {
    "A1": "openms_dicom/patient01/study1_FLAIR",
    "A2": "openms_dicom/patient01/study2_FLAIR",
    "A1t": "openms_cross_contrast/patient01/study1_T1W",
    "A2t": "openms_cross_contrast/patient01/study2_T1W",
    "P4": "openms_other/p04_FLAIR",
    "P9": "openms_other/p09_FLAIR",
    "B1": "dcm_decubitus_mr/HFS",
    "B2": "dcm_decubitus_mr/HFP",
    "C1": "dcm_philips_classic_vs_enhanced/classic",
    "D1": BASELINE,
    "D2": FOLLOWUP,
    "E1": "chest_breath/study1",
    "E2": "chest_breath/study2",
}
"""By person and study; t: T1W instead of FLAIR. A to C and P are heads, D and E chests."""

PERSONS = {
    "A": "patient01, MR FLAIR and T1W, two studies",
    "P4": "p04, MR FLAIR",
    "P9": "p09, MR FLAIR",
    "B": "decubitus, MR T1, supine and prone",
    "C": "perfusion, MR",
    "D": "lung CT, two breaths",
    "E": "chest CT, breathing warp",
}
HEADS = ("A", "P4", "P9", "B", "C")
SET_ON = frozenset({"A", "P4"})
"""Persons on whose pairs the limits were set; all others are reported only."""

SHIFT_MM = (10.0, -10.0, 15.0)
AXIAL_MM = (0.9, 0.9, 3.0)
"""Voxel of the axial grid a head is laid onto when it turns in its grid."""

_KEPT = 6


def person_of(source: str) -> str:
    """Whose scan it is."""
    return source if source in PERSONS else source[0]


@dataclass(frozen=True)
class Scan:
    """A scan and what is done to it, in this order.

    Attributes
    ----------
    source
        Key of `SOURCES`.
    reversed
        The slices in reverse order at the places of the others: head and feet swapped, a mirror image.
    mirrored
        Left and right of the pixels swapped.
    header
        Degrees by which the grid is turned about the body's axis, pixels untouched.
    grid
        Degrees by which the patient is turned in an axial grid, resampled.
    tilt
        Degrees by which the axis of both leans from the body's own, forward.
    """

    source: str
    reversed: bool = False
    mirrored: bool = False
    header: float = 0.0
    grid: float = 0.0
    tilt: float = 0.0

    @property
    def person(self) -> str:
        return person_of(self.source)

    @property
    def is_mirror_image(self) -> bool:
        """Whether no motion takes the person to this scan."""
        return self.mirrored != self.reversed

    def __str__(self) -> str:
        words = [self.source]
        words += ["reversed"] * self.reversed + ["mirrored"] * self.mirrored
        words += [
            f"{name} {value:+g}" for name in ("header", "grid", "tilt") if (value := getattr(self, name))
        ]
        return " ".join(words)

    def motion(self) -> Matrix:
        """(4, 4) LPS mm: point of this scan from point of the source, mirroring left aside."""
        centre = _centre(_source(self.source))
        header, grid = (_turn(degrees, self.tilt, centre) for degrees in (self.header, self.grid))
        return affine.compose(grid, header)

    def centre(self) -> np.ndarray:
        """(3,) middle of the source, LPS mm, which it turns about."""
        return _centre(_source(self.source))

    def volume(self) -> Volume:
        """The voxels."""
        scan = _source(self.source)
        if self.reversed:
            scan = replace(scan, voxels=np.ascontiguousarray(scan.voxels[::-1]))
        if self.mirrored:
            scan = mirrored(scan)
        centre = _centre(scan)
        if self.header:
            scan = moved(scan, _turn(self.header, self.tilt, centre))
        if self.grid:
            scan = _in_axial_grid(scan, _turn(self.grid, self.tilt, centre))
        return scan


def _turn(degrees: float, tilt: float, centre: np.ndarray) -> Matrix:
    """(4, 4): a turn about the body's axis through a point, and a shift; the identity for none."""
    if not degrees:
        return np.eye(4)
    lean = np.deg2rad(tilt)
    axis = np.array([0.0, np.sin(lean), np.cos(lean)])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrix(np.deg2rad(degrees) * axis)
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + SHIFT_MM
    return matrix


def _centre(scan: Volume) -> np.ndarray:
    return affine.apply(scan.point_from_index, (np.array(scan.size) - 1) / 2)


@lru_cache(_KEPT)
def _source(name: str) -> Volume:
    return volume(data(SOURCES[name]))


def _in_axial_grid(scan: Volume, motion: Matrix) -> Volume:
    """The scan after a motion, resampled on an axial grid that holds all of it; the lowest value around it."""
    image = _image(scan)
    corners = (
        np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1).T * np.array(scan.size)
        + (np.array(scan.size) - 1) / 2
    )
    moved_corners = affine.apply(affine.compose(motion, scan.point_from_index), corners)
    low, high = moved_corners.min(axis=0), moved_corners.max(axis=0)
    spacing = np.array(AXIAL_MM) if scan.contrast.modality == "MR" else np.maximum(scan.spacing, 1.0)
    size = np.ceil((high - low) / spacing).astype(int)
    grid = sitk.Image([int(count) for count in size], sitk.sitkUInt8)
    grid.SetSpacing(spacing.tolist())
    grid.SetOrigin((low + spacing / 2).tolist())
    inverse = affine.invert(motion)
    back = sitk.AffineTransform(3)
    back.SetMatrix(inverse[:3, :3].ravel().tolist())
    back.SetTranslation(inverse[:3, 3].tolist())
    turned = sitk.Resample(image, grid, back, sitk.sitkLinear, float(scan.voxels.min()))
    return Volume(
        sitk.GetArrayFromImage(turned), None, np.array(grid.GetOrigin()), np.eye(3), spacing, scan.contrast
    )


def _image(scan: Volume) -> Any:
    image = sitk.GetImageFromArray(scan.voxels)
    image.SetOrigin(scan.origin.tolist())
    image.SetSpacing(scan.spacing.tolist())
    image.SetDirection(scan.directions.ravel().tolist())
    return image
