"""Local displacements: where a small block of the fixed scan lies best in the moving one, after an alignment.

An alignment by mutual information of whole scans, there and back, agrees with itself on another person's head too.
Blocks of 40 mm do not: each looks only at its own surroundings, by gradients, and has no share in the fit.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from longitudinal.geometry.affine import Points
from longitudinal.registration.pyramid import Pyramid
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

LEAST_COVER = 0.9
"""Part of a block and its surroundings that the moving scan must cover."""


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


def match_blocks(fixed: Pyramid, moving: Pyramid, transform: sitk.Transform) -> BlockMatches:
    """Match blocks of high structure after an alignment, *moving from fixed*."""
    image = fixed.cube(SPACING_MM)
    mine = sitk.GetArrayViewFromImage(image)
    theirs = sitk.GetArrayFromImage(sitk.Resample(moving.level(SPACING_MM)[0], image, transform))
    cover = moving.covers(image, transform) & fixed.covers(image, sitk.Transform(3, sitk.sitkIdentity))
    noise = mean_gradient(mine), mean_gradient(theirs)
    half, reach = int(BLOCK_MM / SPACING_MM / 2), int(SEARCH_MM / SPACING_MM)
    corners = _corners(mine, cover, noise[0], half, reach)
    found = []
    for corner in corners:
        around = tuple(slice(at, at + 2 * (half + reach)) for at in corner)
        found.append(match_block(mine[around], theirs[around], noise))
    directions = np.reshape(image.GetDirection(), (3, 3))
    index = corners[:, ::-1] + (half + reach - 0.5)
    centres = np.array(image.GetOrigin()) + (index * SPACING_MM) @ directions.T
    shifts = np.array([shift[::-1] for shift, _ in found]).reshape(-1, 3)
    displacements = (shifts * SPACING_MM) @ directions.T
    return BlockMatches(centres, displacements, np.array([score for _, score in found]))


def _corners(mine: Voxels, cover: NDArray[np.bool_], noise: float, half: int, reach: int) -> NDArray[np.int_]:
    """First voxels (n, 3) (k, j, i) of the blocks' surroundings, those with most structure first."""
    stride, width = int(STRIDE_MM / SPACING_MM), 2 * (half + reach)
    ranked = []
    for k in range(0, mine.shape[0] - width + 1, stride):
        for j in range(0, mine.shape[1] - width + 1, stride):
            for i in range(0, mine.shape[2] - width + 1, stride):
                around = np.s_[k : k + width, j : j + width, i : i + width]
                if cover[around].mean() < LEAST_COVER:
                    continue
                structure = _structure(mine[around][reach:-reach, reach:-reach, reach:-reach], noise)
                if structure >= LEAST_STRUCTURE:
                    ranked.append((-structure, k, j, i))
    return np.array([place for _, *place in sorted(ranked)[:MOST_BLOCKS]], int).reshape(-1, 3)


def _structure(block: Voxels, noise: float) -> float:
    """Smallest eigenvalue of the mean products: how well the block is held in its weakest direction."""
    xx, yy, zz, xy, xz, yz = (float(values.mean()) for values in gradient_products(block, noise))
    return float(np.linalg.eigvalsh([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])[0])


def match_block(
    mine: Voxels, theirs: Voxels, noise: tuple[float, float]
) -> tuple[NDArray[np.float64], float]:
    """Shift (k, j, i) in voxels and score, 0..1, of the best place of a block.

    Parameters
    ----------
    mine, theirs
        (n, n, n) voxels of `SPACING_MM`: the block in the middle and `SEARCH_MM` around it.
    noise
        `mean_gradient` of either scan.
    """
    reach = int(SEARCH_MM / SPACING_MM)
    inner = (slice(reach, -reach),) * 3
    block = [values[inner] for values in gradient_products(mine, noise[0])]
    field = gradient_products(theirs, noise[1])
    shape = field[0].shape
    agreement = sum(
        weight * np.fft.rfftn(theirs_, shape, AXES) * np.conj(np.fft.rfftn(mine_, shape, AXES))
        for weight, theirs_, mine_ in zip(PRODUCT_WEIGHTS, field, block, strict=True)
    )
    ones = np.conj(np.fft.rfftn(np.ones_like(block[0]), shape, AXES))
    energy = np.fft.irfftn(np.fft.rfftn(field[0] + field[1] + field[2], shape, AXES) * ones, shape, AXES)
    own = float((block[0] + block[1] + block[2]).sum())
    places = (slice(0, 2 * reach + 1),) * 3
    score = np.fft.irfftn(agreement, shape, AXES)[places] / np.sqrt(np.maximum(energy[places], 1.0) * own)
    peak = np.array(np.unravel_index(int(np.argmax(score)), score.shape))
    return _between_voxels(np.asarray(score, np.float32), peak) - reach, float(score.max())


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
