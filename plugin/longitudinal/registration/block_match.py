"""Local displacements: where a small block of the fixed scan lies best in the moving one, after an alignment.

An alignment by mutual information of whole scans, there and back, agrees with itself on another person's head too.
Blocks of 40 mm do not: each looks only at its own surroundings, by gradients, and has no share in the fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from longitudinal.geometry.affine import Points
from longitudinal.registration import small_fourier
from longitudinal.registration.pyramid import Image, Pyramid
from longitudinal.registration.search import PRODUCT_WEIGHTS, mean_gradient, normalised_gradient
from longitudinal.registration.volume import Voxels

SPACING_MM = 2.0
"""Voxel of the blocks; peaks are found to about a fifth of it."""

SEARCH_MM = 16.0
"""How far a block may lie off; farther is "somewhere else" whatever the number."""


@dataclass(frozen=True)
class Layout:
    """Which blocks are matched.

    Attributes
    ----------
    edge_mm
        Of a block.
    stride_mm
        Between the places where blocks are looked for.
    most
        At most so many.
    room_mm
        None: those of most structure, wherever they are. Else at most one for each cube of this edge that the scan has
        room for, and the best of every cube of two strides come first: no part of the body is left out.
    search_mm
        How far a block may lie off.
    """

    edge_mm: float
    stride_mm: float
    most: int
    room_mm: float | None = None
    search_mm: float = SEARCH_MM

    @property
    def half(self) -> int:
        """Voxels of half a block."""
        return round(self.edge_mm / SPACING_MM / 2)

    @property
    def reach(self) -> int:
        """Voxels that a block may lie off."""
        return round(self.search_mm / SPACING_MM)


WHOLE = Layout(40.0, 20.0, 60)
"""To judge an alignment as a whole."""

PLACES = Layout(28.0, 16.0, 800, room_mm=30.0)
"""To judge its places: smaller blocks average less of what moves differently, and are found less exactly."""

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
    """A scan on a grid of `SPACING_MM`, as its edges.

    Attributes
    ----------
    edges
        (3, k, j, i) normalised gradients along the grid's axes; 0 where this voxel or a neighbour was not scanned: nowhere
        else is a gradient anatomy.
    scanned
        (k, j, i) whether they were.
    """

    edges: Voxels
    scanned: NDArray[np.bool_]

    @classmethod
    def on(cls, grid: Image, scan: Pyramid, transform: sitk.Transform, around: int = 0) -> "Sampled":
        """Sample a scan through a map from the grid's points into it, with ``around`` voxels of nothing outside."""
        voxels = sitk.GetArrayFromImage(sitk.Resample(scan.level(SPACING_MM)[0], grid, transform))
        scanned = np.pad(scan.covers(grid, transform), 1)
        inner = scanned[1:-1, 1:-1, 1:-1].copy()
        for axis, shift in product(range(3), (-1, 1)):
            inner &= np.roll(scanned, shift, axis)[1:-1, 1:-1, 1:-1]
        edges = normalised_gradient(voxels, mean_gradient(voxels)) * inner
        sides = ((around, around),) * 3
        return cls(np.pad(edges, ((0, 0), *sides)), np.pad(inner, sides))

    def part(self, corner: Sequence[int], size: int) -> "Sampled":
        """A cube of it."""
        cube = tuple(slice(at, at + size) for at in corner)
        return Sampled(self.edges[(slice(None), *cube)], self.scanned[cube])

    def products(self) -> Voxels:
        """(6, k, j, i) xx, yy, zz, xy, xz, yz of the gradient."""
        products = np.empty((len(_PAIRS), *self.scanned.shape), np.float32)
        for product_, (first, second) in zip(products, _PAIRS, strict=True):
            np.multiply(self.edges[first], self.edges[second], out=product_)
        return products


_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
_WEIGHTS = np.array(PRODUCT_WEIGHTS, np.float32)[:, None, None, None]


def match_blocks(
    fixed: Pyramid, moving: Pyramid, transform: sitk.Transform, layout: Layout = WHOLE
) -> BlockMatches:
    """Match blocks of high structure after an alignment, *moving from fixed*."""
    return match_layouts(fixed, moving, transform, layout)[0]


def match_layouts(
    fixed: Pyramid, moving: Pyramid, transform: sitk.Transform, *layouts: Layout
) -> list[BlockMatches]:
    """The blocks of each layout, from one sampling of the scans."""
    image = fixed.cube(SPACING_MM)
    around = max(layout.half + layout.reach for layout in layouts)
    mine = Sampled.on(image, fixed, sitk.Transform(3, sitk.sitkIdentity), around)
    theirs = Sampled.on(image, moving, transform, around)
    return [_matches(image, mine, theirs, around, layout) for layout in layouts]


def _matches(image: Image, mine: Sampled, theirs: Sampled, around: int, layout: Layout) -> BlockMatches:
    corners = _corners(mine, theirs, around, layout)
    width = 2 * (layout.half + layout.reach)
    found = [
        match_block(mine.part(corner, width), theirs.part(corner, width), layout.reach) for corner in corners
    ]
    directions = np.reshape(image.GetDirection(), (3, 3))
    middles = corners[:, ::-1] + (width / 2 - 0.5 - around)
    centres = np.array(image.GetOrigin()) + (middles * SPACING_MM) @ directions.T
    shifts = np.array([shift[::-1] for shift, _ in found]).reshape(-1, 3)
    displacements = (shifts * SPACING_MM) @ directions.T
    return BlockMatches(centres, displacements, np.array([score for _, score in found]))


def _corners(mine: Sampled, theirs: Sampled, around: int, layout: Layout) -> NDArray[np.int_]:
    """First voxels (n, 3) (k, j, i) of the blocks' surroundings, in the order in which blocks are taken."""
    stride, edge = round(layout.stride_mm / SPACING_MM), 2 * layout.half
    both = mine.scanned & theirs.scanned
    ranked: dict[tuple[int, ...], list[tuple[float, tuple[int, ...]]]] = {}
    # half of the last block may reach beyond the scan
    for first in product(*(range(around, count - around - layout.half + 1, stride) for count in both.shape)):
        block = tuple(slice(at, at + edge) for at in first)
        if both[block].mean() < LEAST_COVER:
            continue
        structure = _structure(mine.part(first, edge))
        if structure >= LEAST_STRUCTURE:
            cube = () if layout.room_mm is None else tuple(at // (2 * stride) for at in first)
            ranked.setdefault(cube, []).append((-structure, tuple(at - layout.reach for at in first)))
    in_turn = sorted(
        (turn if layout.room_mm else 0, *entry)
        for entries in ranked.values()
        for turn, entry in enumerate(sorted(entries))
    )
    most = layout.most
    if layout.room_mm is not None:
        scanned = int(mine.scanned.sum()) * SPACING_MM**3
        most = min(most, round(scanned / layout.room_mm**3))
    return np.array([corner for _, _, corner in in_turn][:most], int).reshape(-1, 3)


def _structure(block: Sampled) -> float:
    """Smallest eigenvalue of the mean products: how well the block is held in its weakest direction."""
    vectors = block.edges.reshape(3, -1)
    return float(np.linalg.eigvalsh(vectors @ vectors.T / vectors.shape[1])[0])


def match_block(mine: Sampled, theirs: Sampled, reach: int) -> tuple[NDArray[np.float64], float]:
    """Shift (k, j, i) in voxels and score, 0..1, of the best place of a block.

    Both are cubes with the block in the middle and ``reach`` voxels around it.
    """
    inner = mine.part((reach,) * 3, mine.scanned.shape[0] - 2 * reach)
    block, field = inner.products(), theirs.products()
    width = field.shape[1]
    spectra = np.conj(small_fourier.forward(_WEIGHTS * block, width))
    agreement = (small_fourier.forward(field, width) * spectra).sum(axis=0)
    energy = _sums(field[:3].sum(axis=0), block.shape[1])
    own = max(float(block[:3].sum()), 1.0)
    # a place half out of the scan has little energy to be divided by: it must not win by that
    score = small_fourier.back(agreement, len(energy)) / np.sqrt(np.maximum(energy, LEAST_COVER * own) * own)
    peak = np.array(np.unravel_index(int(np.argmax(score)), score.shape))
    return _between_voxels(np.asarray(score, np.float32), peak) - reach, float(score.max())


def _sums(values: Voxels, width: int) -> Voxels:
    """Sum of each cube of so many voxels, by its first voxel."""
    band = _band(values.shape[0], width)
    along = band @ (values @ band.T)
    return (band @ along.transpose(1, 0, 2)).transpose(1, 0, 2)


@lru_cache
def _band(count: int, width: int) -> Voxels:
    """(places, count): 1 for each of the ``width`` that begin at a place."""
    ahead = np.arange(count) - np.arange(count - width + 1)[:, None]
    return ((ahead >= 0) & (ahead < width)).astype(np.float32)


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
