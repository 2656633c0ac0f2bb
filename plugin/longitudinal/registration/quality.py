"""How well an alignment is known, by two looks that do not share their mistakes, and whether that suffices."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Points
from longitudinal.registration.pyramid import Image, Pyramid
from longitudinal.registration.volume import Floats, Volume
from longitudinal.transforms.model import Transform

CHECK_SPACING_MM = 6.0
"""Voxels of the fixed scan that are mapped there and back; of a head some thousand."""

MOST_CHECK_POINTS = 4000


class Rejection(StrEnum):
    """Why an alignment is not used; `REJECTIONS` explains each in one line."""

    NO_OVERLAP = "noOverlap"
    INCONSISTENT = "inconsistent"
    LOCALLY_DIFFERENT = "locallyDifferent"
    TOO_LITTLE_STRUCTURE = "tooLittleStructure"


REJECTIONS: dict[Rejection, str] = {
    Rejection.NO_OVERLAP: "The scans share too little of the patient.",
    Rejection.INCONSISTENT: "Aligned there and back, points do not return to where they were.",
    Rejection.LOCALLY_DIFFERENT: "Small blocks of the aligned scans do not match each other in place.",
    Rejection.TOO_LITTLE_STRUCTURE: "Too few blocks have structure to check the alignment by.",
}


@dataclass(frozen=True)
class Quality:
    """The figures of one alignment.

    Attributes
    ----------
    forward_backward_mean_mm, forward_backward_max_mm
        Distance of points of the fixed scan from themselves after fixed -> moving -> fixed, with the way back
        registered on its own, over the overlap. NaN when there was no overlap.
    overlap
        Part of the smaller scan that the other one covers, 0..1.
    metric
        Mattes mutual information, the larger the better; comparable within one pair alone.
    block_offset_mm
        Median length of the local displacements that small blocks ask for after the alignment.
    block_spread_mm
        Their 80 % quantile: another person's head fits on the whole and nowhere in particular.
    blocks
        How many blocks were matched.
    rejection
        Why the alignment is not used, or None.
    """

    forward_backward_mean_mm: float
    forward_backward_max_mm: float
    overlap: float
    metric: float
    block_offset_mm: float
    block_spread_mm: float
    blocks: int
    rejection: Rejection | None

    @property
    def accepted(self) -> bool:
        """Whether the figures suffice."""
        return self.rejection is None


def forward_backward(points: Points, moving_from_fixed: Transform, fixed_from_moving: Transform) -> Floats:
    """Distance (n,) of points of the fixed scan from themselves after the way there and back, mm.

    Points that leave either transform are left out.
    """
    returned = fixed_from_moving.map_points(moving_from_fixed.map_points(points))
    distances = np.linalg.norm(returned - points, axis=1)
    return np.asarray(distances[np.isfinite(distances)])


def tissue_points(fixed: Pyramid) -> Points:
    """Points (n, 3) of the fixed scan that are brighter than its mean: in the patient, not in the air beside."""
    image, mask = fixed.level(CHECK_SPACING_MM)
    voxels = sitk.GetArrayViewFromImage(image)
    inside = voxels > voxels.mean()
    if mask is not None:
        inside &= sitk.GetArrayViewFromImage(mask) > 0
    return _spread(_points(image, np.argwhere(inside)))


def covered(points: Points, volume: Volume) -> NDArray[np.bool_]:
    """Which points (n,) lie on voxels of a volume."""
    index = affine.apply(affine.invert(volume.point_from_index), points)
    inside = np.asarray(((index >= -0.5) & (index < np.array(volume.size) - 0.5)).all(axis=1))
    if volume.covered is not None:
        i, j, k = np.rint(index[inside]).astype(int).T
        inside[inside] = volume.covered[k, j, i]
    return inside


def overlap(fixed: Pyramid, moving: Pyramid, moving_from_fixed: Transform) -> float:
    """Part of the smaller scan that the other covers."""
    image, _ = fixed.level(CHECK_SPACING_MM)
    points = _spread(_points(image, np.argwhere(np.ones(image.GetSize()[::-1], bool))))
    both = covered(points, fixed.volume) & covered(moving_from_fixed.map_points(points), moving.volume)
    shared = both.mean() * fixed.extent.prod()
    return float(min(1.0, shared / min(_scanned(fixed), _scanned(moving))))


def _scanned(pyramid: Pyramid) -> float:
    """Scanned volume in mm3."""
    cover = pyramid.volume.covered
    return float(pyramid.extent.prod() * (1.0 if cover is None else cover.mean()))


def _points(image: Image, kji: NDArray[np.intp]) -> Points:
    directions = np.reshape(image.GetDirection(), (3, 3))
    return np.asarray(
        np.array(image.GetOrigin()) + (kji[:, ::-1] * np.array(image.GetSpacing())) @ directions.T
    )


def _spread(points: Points) -> Points:
    """At most `MOST_CHECK_POINTS` of them, evenly picked."""
    return points[:: max(1, len(points) // MOST_CHECK_POINTS)]
