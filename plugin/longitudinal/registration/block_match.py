"""Local displacements: where a small block of the fixed scan lies best in the moving one, after an alignment.

An alignment by mutual information of whole scans, there and back, agrees with itself on another person's head too.
Blocks of 40 mm do not: each looks only at its own surroundings, by gradients, and has no share in the fit.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from longitudinal.geometry.affine import Points
from longitudinal.registration.pyramid import Image, Pyramid
from longitudinal.registration.search import AXES, PRODUCT_WEIGHTS, gradient_products, mean_gradient
from longitudinal.registration.volume import Voxels

SPACING_MM = 2.0
"""Voxel of the blocks; peaks are found to about a fifth of it."""

BLOCK_MM = 40.0
SEARCH_MM = 16.0
"""How far a block may lie off; farther is "somewhere else" whatever the number."""

STRIDE_MM = 20.0
MOST_BLOCKS = 60

NEIGHBOURS = 6
"""With how many of the nearest blocks a block is compared."""

LEAST_STRUCTURE = 0.02
"""Smallest eigenvalue of a block's mean gradient products: below it the block slides along an edge or is empty."""

LEAST_COVER = 0.6
"""Part of a block that both scans must cover: a slab of 30 mm is looked at too."""


@dataclass(frozen=True, eq=False)
class BlockMatches:
    """Blocks of the fixed scan and where they lie in the aligned moving one.

    Attributes
    ----------
    centres
        (n, 3) LPS mm in the fixed frame.
    displacements
        (n, 3) mm in the fixed frame: what the alignment should add there.
    scores
        (n,) agreement of the gradients at the best place, 0..1.
    """

    centres: Points
    displacements: Points
    scores: NDArray[np.float64]

    @property
    def offset_mm(self) -> float:
        """Median length of the displacements; NaN without blocks."""
        lengths = np.linalg.norm(self.displacements, axis=1)
        return float(np.median(lengths)) if len(lengths) else np.nan

    @property
    def spread_mm(self) -> float:
        """Median distance of a displacement from the median one of its neighbours; NaN with too few blocks."""
        if len(self.centres) <= NEIGHBOURS:
            return np.nan
        distances = np.linalg.norm(self.centres[:, None] - self.centres[None], axis=2)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, 1 : NEIGHBOURS + 1]
        usual = np.median(self.displacements[nearest], axis=1)
        return float(np.median(np.linalg.norm(self.displacements - usual, axis=1)))


@dataclass(frozen=True, eq=False)
class Sampled:
    """A scan on a grid of `SPACING_MM`.

    Attributes
    ----------
    voxels
        (k, j, i).
    scanned
        (k, j, i) 1 where this voxel and its neighbours were scanned: nowhere else is a gradient anatomy.
    noise
        `mean_gradient` of the scan.
    """

    voxels: Voxels
    scanned: Voxels
    noise: float

    @classmethod
    def on(cls, grid: Image, scan: Pyramid, transform: sitk.Transform, around: int = 0) -> "Sampled":
        """Sample a scan through a map from the grid's points into it, with ``around`` voxels of nothing outside."""
        voxels = sitk.GetArrayFromImage(sitk.Resample(scan.level(SPACING_MM)[0], grid, transform))
        scanned = np.pad(scan.covers(grid, transform), 1)
        inner = scanned[1:-1, 1:-1, 1:-1].copy()
        for axis, shift in product(range(3), (-1, 1)):
            inner &= np.roll(scanned, shift, axis)[1:-1, 1:-1, 1:-1]
        noise = mean_gradient(voxels)
        return cls(np.pad(voxels, around, mode="edge"), np.pad(inner, around).astype(np.float32), noise)

    def part(self, corner: NDArray[np.int_], size: int) -> "Sampled":
        """A cube of it."""
        cube = tuple(slice(at, at + size) for at in corner)
        return Sampled(self.voxels[cube], self.scanned[cube], self.noise)

    def products(self) -> list[Voxels]:
        """`gradient_products` where there is anatomy, 0 elsewhere."""
        return [values * self.scanned for values in gradient_products(self.voxels, self.noise)]


_HALF, _REACH = round(BLOCK_MM / SPACING_MM / 2), round(SEARCH_MM / SPACING_MM)
_WIDTH = 2 * (_HALF + _REACH)
_INNER = (slice(_REACH, -_REACH),) * 3


def match_blocks(fixed: Pyramid, moving: Pyramid, transform: sitk.Transform) -> BlockMatches:
    """Match blocks of high structure after an alignment, *moving from fixed*."""
    image = fixed.cube(SPACING_MM)
    around = _HALF + _REACH
    mine = Sampled.on(image, fixed, sitk.Transform(3, sitk.sitkIdentity), around)
    theirs = Sampled.on(image, moving, transform, around)
    corners = _corners(mine, theirs)
    found = [match_block(mine.part(corner, _WIDTH), theirs.part(corner, _WIDTH)) for corner in corners]
    directions = np.reshape(image.GetDirection(), (3, 3))
    centres = np.array(image.GetOrigin()) + ((corners[:, ::-1] - 0.5) * SPACING_MM) @ directions.T
    shifts = np.array([shift[::-1] for shift, _ in found]).reshape(-1, 3)
    displacements = (shifts * SPACING_MM) @ directions.T
    return BlockMatches(centres, displacements, np.array([score for _, score in found]))


def _corners(mine: Sampled, theirs: Sampled) -> NDArray[np.int_]:
    """First voxels (n, 3) (k, j, i) of the blocks' surroundings, those with most structure first."""
    stride = round(STRIDE_MM / SPACING_MM)
    both = mine.scanned * theirs.scanned
    ranked = []
    for corner in product(*(range(_HALF, count - _WIDTH + 1, stride) for count in both.shape)):
        cube = tuple(slice(at + _REACH, at + _WIDTH - _REACH) for at in corner)
        if both[cube].mean() < LEAST_COVER:
            continue
        structure = _structure(mine.part(np.array(corner) + _REACH, 2 * _HALF))
        if structure >= LEAST_STRUCTURE:
            ranked.append((-structure, corner))
    return np.array([corner for _, corner in sorted(ranked)[:MOST_BLOCKS]], int).reshape(-1, 3)


def _structure(block: Sampled) -> float:
    """Smallest eigenvalue of the mean products: how well the block is held in its weakest direction."""
    xx, yy, zz, xy, xz, yz = (float(values.mean()) for values in block.products())
    return float(np.linalg.eigvalsh([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])[0])


def match_block(mine: Sampled, theirs: Sampled) -> tuple[NDArray[np.float64], float]:
    """Shift (k, j, i) in voxels and score, 0..1, of the best place of a block.

    Both are cubes with the block in the middle and `SEARCH_MM` around it.
    """
    block = [values[_INNER] for values in mine.products()]
    field = theirs.products()
    shape = field[0].shape
    agreement = sum(
        weight * np.fft.rfftn(theirs_, shape, AXES) * np.conj(np.fft.rfftn(mine_, shape, AXES))
        for weight, theirs_, mine_ in zip(PRODUCT_WEIGHTS, field, block, strict=True)
    )
    ones = np.conj(np.fft.rfftn(np.ones_like(block[0]), shape, AXES))
    energy = np.fft.irfftn(np.fft.rfftn(field[0] + field[1] + field[2], shape, AXES) * ones, shape, AXES)
    own = max(float((block[0] + block[1] + block[2]).sum()), 1.0)
    places = (slice(0, 2 * _REACH + 1),) * 3
    # a place half out of the scan has little energy to be divided by: it must not win by that
    score = np.fft.irfftn(agreement, shape, AXES)[places] / np.sqrt(
        np.maximum(energy[places], LEAST_COVER * own) * own
    )
    peak = np.array(np.unravel_index(int(np.argmax(score)), score.shape))
    return _between_voxels(np.asarray(score, np.float32), peak) - _REACH, float(score.max())


def _between_voxels(score: Voxels, peak: NDArray[np.int_]) -> NDArray[np.float64]:
    """The top of a parabola through the peak and its neighbours along each axis."""
    top = peak.astype(np.float64)
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        if 0 < peak[axis] < score.shape[axis] - 1:
            below, at, above = (float(score[tuple(peak + by)]) for by in (-step, 0 * step, step))
            curvature = below - 2 * at + above
            if curvature < 0:
                top[axis] += 0.5 * (below - above) / curvature
    return top
