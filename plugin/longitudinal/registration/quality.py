"""How well an alignment is known, by looks that do not share their mistakes, and whether that suffices.

There and back finds a search that went astray; blocks of the scans find what fits as a whole and not in particular
(`block_match`); the mirror control finds another person's head and swapped sides (`mirror`).
"""

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Points
from longitudinal.reasons import Rejection
from longitudinal.registration.pyramid import Image, Pyramid
from longitudinal.registration.volume import Floats, Volume
from longitudinal.settings import Acceptance
from longitudinal.transforms.model import Transform

CHECK_SPACING_MM = 6.0
"""Voxels of the fixed scan that are mapped there and back; of a head some thousand."""

MOST_CHECK_POINTS = 4000

NOT_RIGID_ALLOWANCE = 3.0
"""How much more an affine or deformable way there and back may miss than its rigid part.

At the border of a scan, and where organs slide, a field is guesswork: 4.5 mm on the lung pair, whose landmarks it
takes back to 0.6 mm.
"""


CLEAR_MIRROR_RATIO = 1.3
"""From here on a scan is so unlike its mirror image that no other person and no swapped side is taken for it; what
breathes may then ask for displacements up to the whole `Acceptance.most_block_spread_mm`."""

CLOSE_MIRROR_RATIO = 1.06
"""Up to here the mirror image fits so nearly as well that the blocks must agree to `CLOSE_BLOCK_SPREAD_MM`."""

CLOSE_BLOCK_SPREAD_MM = 0.35
"""Right pairs of heads: up to 0.12 mm where the limit was set, 0.28 elsewhere; mirror images 0.39, other persons 0.9."""

MIRROR_IMAGE_RATIO = 0.96
"""Below it the mirror image fits clearly better. Two persons, for whom both fit alike, were never seen below 0.98."""


@dataclass(frozen=True)
class Quality:
    """The figures of one alignment.

    Attributes
    ----------
    forward_backward_mean_mm, forward_backward_max_mm
        Distance of points of the fixed scan from themselves after fixed -> moving -> fixed, with the way back
        registered on its own, over the tissue in the overlap. NaN when there was no overlap.
    rigid_forward_backward_mm
        The mean of the rigid part alone, which every alignment begins with: where a search went astray it shows here.
    overlap
        Part of the smaller scan that the other one covers, 0..1.
    metric
        Mattes mutual information, the larger the better; comparable within one pair alone.
    block_offset_mm
        Median length of the local displacements that small blocks ask for after the alignment. A rigid alignment of
        a chest that breathes agrees with itself to a millimetre and is off by this much.
    block_spread_mm
        Median distance of a block's displacement from that of its neighbours: breathing moves neighbours alike,
        another person's anatomy does not.
    rigid_block_spread_mm
        The same after the rigid part alone: a deformation brings another person's blocks together too.
    blocks
        How many blocks were matched.
    mirror_ratio
        Mutual information over that of the best alignment to the mirror image; infinite where that does not align.
    rejection
        Why the alignment is not used, or None.
    """

    forward_backward_mean_mm: float
    forward_backward_max_mm: float
    rigid_forward_backward_mm: float
    overlap: float
    metric: float
    block_offset_mm: float
    block_spread_mm: float
    rigid_block_spread_mm: float
    blocks: int
    mirror_ratio: float
    rejection: Rejection | None

    @property
    def accepted(self) -> bool:
        """Whether the figures suffice."""
        return self.rejection is None


NO_OVERLAP = Quality(
    np.nan, np.nan, np.nan, 0.0, 0.0, np.nan, np.nan, np.nan, 0, np.nan, Rejection.NO_OVERLAP
)  # fmt: skip
"""Of scans that overlapped from no start."""


def judge(quality: Quality, acceptance: Acceptance) -> Quality:
    """The same figures with the first reason to reject them, if any; a figure that is NaN does not suffice."""
    demands = {
        Rejection.NO_OVERLAP: quality.overlap >= acceptance.least_overlap,
        Rejection.INCONSISTENT: (
            quality.rigid_forward_backward_mm <= acceptance.most_forward_backward_mm
            and quality.forward_backward_mean_mm <= NOT_RIGID_ALLOWANCE * acceptance.most_forward_backward_mm
        ),
        Rejection.TOO_LITTLE_STRUCTURE: quality.blocks >= acceptance.least_blocks,
        Rejection.MIRROR_IMAGE_FITS_BETTER: (
            quality.mirror_ratio >= min(MIRROR_IMAGE_RATIO, acceptance.least_mirror_ratio)
        ),
        Rejection.LOCALLY_DIFFERENT: (
            quality.block_spread_mm <= acceptance.most_block_spread_mm and _blocks_agree(quality, acceptance)
        ),
        Rejection.LIKE_ITS_MIRROR_IMAGE: quality.mirror_ratio >= acceptance.least_mirror_ratio,
    }
    rejection = next((reason for reason, met in demands.items() if not met), None)
    return replace(quality, rejection=rejection)


def _blocks_agree(quality: Quality, acceptance: Acceptance) -> bool:
    """Whether blocks lie where the rigid part puts them, the better so the better the mirror image fits.

    Each of the two tells persons apart, and what makes one err does not touch the other: a body that is alike on both
    sides has a low ratio and still blocks that agree; a breath moves blocks apart, and nobody's chest is like its mirror
    image.
    """
    if quality.mirror_ratio >= CLEAR_MIRROR_RATIO:
        return True
    most = acceptance.most_block_spread_mm
    limits = min(CLOSE_BLOCK_SPREAD_MM, most), most
    ratios = CLOSE_MIRROR_RATIO, CLEAR_MIRROR_RATIO
    return bool(quality.rigid_block_spread_mm <= np.interp(quality.mirror_ratio, ratios, limits))


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
