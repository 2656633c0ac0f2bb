"""How far off an alignment is place by place: a bound that 95 % of places like it stay under.

Two measures have no share in the fit. Small blocks near a place ask for displacements: their mean is the error as far
as blocks see it, and their disagreement says how little they see. A field that does not lead back to where it began is
wrong somewhere on the way, and so are its neighbours. Where nothing was measured nearby, nothing is said.

The factors were fitted on heads of two persons, p01 and p04: as they are, moved by an exact map, bent by 5 mm all over, and
bent by 11 mm in one part (docs/measurements has the figures, also of persons that had no share in it).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.block_match import BlockMatches
from longitudinal.registration.pyramid import Pyramid, cubic_grid
from longitudinal.registration.quality import covered
from longitudinal.registration.volume import Floats
from longitudinal.transforms.error_at_place import ErrorGrid
from longitudinal.transforms.model import Transform

CELL_MM = 10.0
"""Of the grid of bounds; half the way between two blocks."""

MOST_CELLS = 36_000
"""A larger scan has coarser cells: as text the grid must not exceed `error_at_place.LONGEST_TEXT`."""

NEAREST = 4
"""Blocks that speak for a place, the nearer ones more."""

REACH_MM = 32.0
"""A place farther than this from the middle of every block was seen by none: two strides of the blocks."""

_BLUR_MM = 5.0
_STEP_MM = 10.0
_CELLS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Calibration:
    """What 95 % of errors stay under: floor + the sum of what was seen, each times its factor.

    A matrix is found by all voxels together. What a field does at one place only those round it say, so that it is not known
    better than a place inside a voxel: with `is_local` that is added, as the root of the sum of squares.
    """

    floor_mm: float
    offset: float
    disagreement: float
    own: float
    is_local: bool = False

    def bound_mm(self, seen: "Seen", voxel_mm: float) -> Floats:
        """(n,) mm; NaN where nothing was seen. ``voxel_mm`` as `place_in_voxel_mm` has it."""
        bounds = (
            self.floor_mm
            + self.offset * seen.offset_mm
            + self.disagreement * seen.disagreement_mm
            + self.own * seen.own_mm
        )
        return np.hypot(bounds, voxel_mm) if self.is_local else bounds


RIGID = Calibration(0.22, 1.27, 0.5, 0.0)
AFFINE = Calibration(0.1, 1.2, 0.36, 0.37)
FIELD = Calibration(0.0, 0.8, 0.1, 0.9, is_local=True)
"""By what an alignment is; there and back a matrix always agrees with itself."""


def place_in_voxel_mm(*scans: Pyramid) -> float:
    """Root mean square distance of the places inside a voxel from its middle, mm; of the scan with the larger voxels.

    An edge h has h / sqrt(12) along itself.
    """
    return max(float(np.linalg.norm(scan.volume.spacing)) for scan in scans) / float(np.sqrt(12))


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen at places; arrays (n,), mm, NaN where nothing was.

    Attributes
    ----------
    offset_mm
        Length of the displacement that the nearest blocks ask for.
    disagreement_mm
        How much they differ, the more the farther off they are: times the distance of the nearest over `_STEP_MM`.
    own_mm
        What the alignment says of itself. Of a field, how far from its start it leads back: the larger of that at the place
        and of the root mean square round it. Of an affine map, how far it takes the place from where the rigid
        alignment had it: a body that needed stretching may be bent as well. Of a rigid one nothing.
    """

    offset_mm: Floats
    disagreement_mm: Floats
    own_mm: Floats


def measure_errors(
    fixed: Pyramid,
    moving: Pyramid,
    moving_from_fixed: Transform,
    blocks: BlockMatches,
    fixed_from_moving: Transform | None = None,
    rigid: Matrix | None = None,
) -> ErrorGrid:
    """Measure the errors of an alignment.

    Parameters
    ----------
    blocks
        `block_match.PLACES` of this alignment.
    fixed_from_moving
        The way back, registered on its own; needed where the alignment is no matrix.
    rigid
        (4, 4) moving from fixed: the rigid alignment that an affine one began with. None where it is not known; then
        the rotation nearest to the affine map, about the middle of the scan, stands for it.

    Returns
    -------
    ErrorGrid
        In the fixed frame.

    Raises
    ------
    ValueError
        No way back of an alignment that is no matrix.
    """
    grid = _cells(fixed)
    seen = see(fixed, moving, grid, moving_from_fixed, blocks, fixed_from_moving, rigid)
    matrix = moving_from_fixed.matrix
    calibration = FIELD if matrix is None else RIGID if affine.is_rigid(matrix) else AFFINE
    bounds = calibration.bound_mm(seen, place_in_voxel_mm(fixed, moving))
    return ErrorGrid(bounds.reshape(grid.bounds.shape), grid.point_from_index)


def see(
    fixed: Pyramid,
    moving: Pyramid,
    grid: ErrorGrid,
    moving_from_fixed: Transform,
    blocks: BlockMatches,
    fixed_from_moving: Transform | None,
    rigid: Matrix | None,
) -> Seen:
    """What was seen in each cell of a grid, in the order of its voxels. Raises ValueError as above."""
    shape = grid.bounds.shape
    points = affine.apply(grid.point_from_index, np.indices(shape).reshape(3, -1)[::-1].T.astype(np.float64))
    mapped = moving_from_fixed.map_points(points)
    shown = covered(points, fixed.volume) & covered(mapped, moving.volume)
    offset, disagreement, own = (np.full(len(points), np.nan) for _ in range(3))
    offset[shown], disagreement[shown] = _beside_blocks(points[shown], blocks)
    if moving_from_fixed.matrix is not None:
        own[shown] = _stretch(moving_from_fixed.matrix, rigid, points[shown])
    elif fixed_from_moving is None:
        raise ValueError("a field is measured by its way back")
    else:
        own[shown] = np.linalg.norm(fixed_from_moving.map_points(mapped[shown]) - points[shown], axis=1)
        own = _with_surroundings(own.reshape(shape)).ravel()
    return Seen(offset, disagreement, own)


def _cells(fixed: Pyramid) -> ErrorGrid:
    """The grid over a scan, nothing measured yet."""
    cell = max(CELL_MM, float(np.cbrt(fixed.extent.prod() / MOST_CELLS)))
    image = cubic_grid(fixed.cube(CELL_MM), cell)
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * cell
    matrix[:3, 3] = image.GetOrigin()
    return ErrorGrid(np.full(image.GetSize()[::-1], np.nan), matrix)


def _beside_blocks(points: Points, blocks: BlockMatches) -> tuple[Floats, Floats]:
    """Offset and disagreement (n,) of the nearest blocks, mm; NaN out of their reach."""
    offsets, disagreements = (np.full(len(points), np.nan) for _ in range(2))
    if len(blocks.centres) < NEAREST:
        return offsets, disagreements
    for start in range(0, len(points), _CELLS_AT_ONCE):
        some = slice(start, start + _CELLS_AT_ONCE)
        squares = ((points[some, None] - blocks.centres[None]) ** 2).sum(axis=2)
        nearest = np.argpartition(squares, NEAREST - 1, axis=1)[:, :NEAREST]
        distances = np.sqrt(np.take_along_axis(squares, nearest, axis=1))
        weights = 1 / (distances + _BLUR_MM) ** 2
        weights /= weights.sum(axis=1, keepdims=True)
        asked = blocks.displacements[nearest]
        mean = (weights[..., None] * asked).sum(axis=1)
        spread = np.sqrt((weights * ((asked - mean[:, None]) ** 2).sum(axis=2)).sum(axis=1))
        away = distances.min(axis=1)
        seen = away <= REACH_MM
        offsets[some] = np.where(seen, np.linalg.norm(mean, axis=1), np.nan)
        disagreements[some] = np.where(seen, spread * away / _STEP_MM, np.nan)
    return offsets, disagreements


def _stretch(matrix: Matrix, rigid: Matrix | None, points: Points) -> Floats:
    """How far (n,) a map takes points from where its rigid part would, mm."""
    if rigid is not None:
        return np.asarray(np.linalg.norm(affine.apply(matrix, points) - affine.apply(rigid, points), axis=1))
    if not len(points):
        return np.empty(0)
    left, _, right = np.linalg.svd(matrix[:3, :3])
    return np.asarray(
        np.linalg.norm((points - points.mean(axis=0)) @ (matrix[:3, :3] - left @ right).T, axis=1)
    )


def _with_surroundings(missed: NDArray[np.float64]) -> NDArray[np.float64]:
    """The larger of a cell's own value and the root mean square of the 27 round it; NaN stays."""
    known = np.isfinite(missed)
    squares, counts = (np.pad(values, 1) for values in (np.where(known, missed, 0.0) ** 2, known * 1.0))
    total, count = np.zeros(missed.shape), np.zeros(missed.shape)
    for shifts in product(range(3), repeat=3):
        part = tuple(slice(shift, shift + size) for shift, size in zip(shifts, missed.shape, strict=True))
        total += squares[part]
        count += counts[part]
    round_it = np.sqrt(total / np.maximum(count, 1.0))
    return np.asarray(np.where(known, np.maximum(missed, round_it), np.nan))
