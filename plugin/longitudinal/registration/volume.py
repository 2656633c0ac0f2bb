"""A scan as one regular block of voxels, made from planes that need not be regular.

Each plane is laid onto the block at the place it states: planes shifted by gantry tilt, uneven spacing and
different pixel sizes are resampled, a hole stays a hole. Never is one spacing assumed for a whole series.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry.affine import Matrix
from longitudinal.geometry.image_plane import Planes
from longitudinal.geometry.stack import GAP_FACTOR, Stack, split_into_stacks

Voxels = NDArray[np.float32]
Floats = NDArray[np.float64]

FINEST_MM = 1.0
"""No voxel is smaller: registration gains nothing below it, and a CT of 0.5 mm would take eight times the memory."""

LEAST_PLANES = 4
"""Fewer planes have no extent along their normal that a search could use."""

LEAST_EXTENT_MM = 20.0
"""The search looks at voxels of 10 mm; a block thinner than two of them has no structure there."""

LARGEST_VOXELS = 200_000_000
"""800 MB as float32. Above it the planes are no scan of one body part (a wrong position makes a mile-long block)."""

HALF_COVERED = 0.5
"""A voxel counts as covered when at least half of its weight comes from pixels."""


class UnusableVolume(ValueError):
    """The planes make no volume that could be registered; `reason` is a code of docs/reason-codes.md."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels on a regular, perpendicular grid.

    Attributes
    ----------
    voxels
        (k, j, i) float32, rescaled values; the smallest value of the scan where nothing was scanned.
    covered
        (k, j, i) bool: scanned there. None when all of it was.
    origin
        (3,) centre of voxel (0, 0, 0), LPS mm.
    directions
        (3, 3), columns are the unit directions of i, j and k; right-handed.
    spacing
        (3,) mm along i, j, k.
    """

    voxels: Voxels
    covered: NDArray[np.bool_] | None
    origin: Floats
    directions: Floats
    spacing: Floats
    contrast: Contrast

    @property
    def point_from_index(self) -> Matrix:
        """(4, 4) LPS mm from 0-based (i, j, k)."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.directions * self.spacing
        matrix[:3, 3] = self.origin
        return matrix

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels along i, j, k."""
        k, j, i = self.voxels.shape
        return i, j, k


def choose_stack(planes: Planes) -> Stack:
    """Choose the stack of a series that shows most of the patient: the most planes, then the longest, the first.

    Raises
    ------
    UnusableVolume
        ``tooFewPlanes``.
    """
    stacks = split_into_stacks(planes)
    best = max(stacks, key=lambda stack: (len(stack.order), np.ptp(stack.offsets)), default=None)
    if best is None or len(best.order) < LEAST_PLANES:
        count = 0 if best is None else len(best.order)
        raise UnusableVolume("tooFewPlanes", f"{count} parallel planes, at least {LEAST_PLANES} are needed")
    return best


def build_volume(
    planes: Planes,
    read: Callable[[int], NDArray[np.generic]],
    contrast: Contrast,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Volume:
    """Lay the planes of a series onto one block of voxels, one plane in memory at a time.

    Parameters
    ----------
    planes
        (n,) array of `PLANE`, in any order. Of several stacks `choose_stack` takes one.
    read
        Gives the rescaled pixels of plane ``index``, shape (rows, columns); called once for each plane in use.
    progress
        Called with 0..1; may raise to stop.

    Raises
    ------
    UnusableVolume
        ``tooFewPlanes``, ``tooSmall``, ``tooLarge``, ``noContrast``, ``notGrey`` or ``badPixels``.
    """
    stack = choose_stack(planes)
    ordered = planes[stack.order]
    grid = _Grid.around(ordered, stack)
    total = np.zeros(grid.shape, np.float32)
    weight = np.zeros(grid.shape, np.float32)
    lowest, highest = np.inf, -np.inf
    across = _Across(grid)
    for number, index in enumerate(stack.order):
        pixels = _checked(read(int(index)), ordered[number])
        lowest, highest = min(lowest, float(pixels.min())), max(highest, float(pixels.max()))
        laid, cover = across.lay(ordered[number], pixels)
        for k in np.flatnonzero(grid.along[:, number]):
            share = grid.along[k, number]
            total[k] += share * laid
            weight[k] += share * cover
        progress((number + 1) / len(ordered))
    if not highest > lowest:
        raise UnusableVolume("noContrast", f"every pixel is {lowest:g}")
    return _finish(grid, total, weight, lowest, contrast)


def _finish(grid: "_Grid", total: Voxels, weight: Voxels, lowest: float, contrast: Contrast) -> Volume:
    """Divide by the weights in place; voxels hardly touched by a pixel take the lowest value."""
    covered = weight >= HALF_COVERED
    np.divide(total, weight, out=total, where=covered)
    total[~covered] = lowest
    return Volume(
        total, None if covered.all() else covered, grid.origin, grid.directions, grid.spacing, contrast
    )


def _checked(pixels: NDArray[np.generic], plane: Planes) -> Voxels:
    """Pixels as float32, of the size the plane states.

    Raises
    ------
    UnusableVolume
        ``notGrey`` or ``badPixels``.
    """
    if pixels.ndim != 2:
        raise UnusableVolume("notGrey", f"pixels of shape {pixels.shape}: only grey images can be registered")
    if pixels.shape != (plane["rows"], plane["columns"]):
        expected = (int(plane["rows"]), int(plane["columns"]))
        raise UnusableVolume("badPixels", f"the image has {pixels.shape} pixels, its header says {expected}")
    values = pixels.astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise UnusableVolume("badPixels", "a pixel is not a finite number")
    return values


@dataclass(frozen=True, eq=False)
class _Grid:
    """Where the voxels of the block lie, and which planes each of its layers takes."""

    origin: Floats
    directions: Floats
    spacing: Floats
    shape: tuple[int, int, int]
    along: NDArray[np.float32]

    @classmethod
    def around(cls, planes: Planes, stack: Stack) -> "_Grid":
        """Span all planes (m,) of a stack, at the finest spacing any of them has, `FINEST_MM` at least."""
        directions = _directions(planes, stack)
        offsets = stack.offsets
        starts, steps, ends = _extents(planes, directions)
        inner = np.maximum(steps.min(axis=0), FINEST_MM)
        gaps = np.diff(offsets)
        layer = max(float(np.quantile(gaps, 0.1)), FINEST_MM)
        low = np.array([*(starts - steps / 2).min(axis=0), offsets[0]])
        high = np.array([*(ends + steps / 2).max(axis=0), offsets[-1]])
        spacing = np.array([*inner, layer])
        counts = np.floor((high - low) / spacing + 1e-6).astype(int) + [0, 0, 1]
        _check_size(counts, counts * spacing)
        first = low + [spacing[0] / 2, spacing[1] / 2, 0]
        targets = first[2] + np.arange(counts[2]) * spacing[2]
        along = _linear_weights(offsets, targets, spacing[2], 0.0)
        along[_in_hole(planes, stack, targets)] = 0
        i, j, k = (int(count) for count in counts)
        return cls(directions @ first, directions, spacing, (k, j, i), along)


def _directions(planes: Planes, stack: Stack) -> Floats:
    """Columns: along a row, down a column, along the normal; made exactly perpendicular."""
    along_row = planes["orientation"][0, :3]
    row = along_row - stack.normal * (along_row @ stack.normal)
    row /= np.linalg.norm(row)
    return np.column_stack([row, np.cross(stack.normal, row), stack.normal])


def _extents(planes: Planes, directions: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each plane (m, 2): first pixel centre, spacing and last pixel centre along i and j, mm."""
    starts = planes["position"] @ directions[:, :2]
    steps = planes["spacing"][:, ::-1]
    counts = np.stack([planes["columns"], planes["rows"]], axis=1)
    return starts, steps, starts + (counts - 1) * steps


def _check_size(counts: NDArray[np.int_], extent: Floats) -> None:
    if extent.min() < LEAST_EXTENT_MM:
        raise UnusableVolume(
            "tooSmall", f"the scan is {extent.min():.0f} mm thick, {LEAST_EXTENT_MM:.0f} are needed"
        )
    if counts.prod() > LARGEST_VOXELS:
        raise UnusableVolume("tooLarge", f"the planes span {' x '.join(f'{mm:.0f}' for mm in extent)} mm")


def _in_hole(planes: Planes, stack: Stack, targets: Floats) -> NDArray[np.bool_]:
    """Which layers (n,) lie in a hole, farther from both planes beside it than half the usual gap.

    A gap no wider than the slices are thick is no hole, however narrow the other gaps are.
    """
    thickness = np.nan_to_num(planes["slice_thickness"].astype(np.float64))
    usual = np.maximum(stack.median_gap, np.maximum(thickness[:-1], thickness[1:]))
    above = np.clip(np.searchsorted(stack.offsets, targets), 1, len(stack.offsets) - 1)
    gap = stack.offsets[above] - stack.offsets[above - 1]
    distance = np.minimum(targets - stack.offsets[above - 1], stack.offsets[above] - targets)
    hole: NDArray[np.bool_] = (gap > GAP_FACTOR * usual[above - 1]) & (distance > usual[above - 1] / 2 + 1e-6)
    return hole


class _Across:
    """Lays planes onto the layers of a grid; weights are kept while the planes stay the same."""

    def __init__(self, grid: _Grid) -> None:
        self._grid = grid
        self._key: tuple[float, ...] = ()
        self._rows = self._columns = np.empty((0, 0), np.float32)
        self._cover = np.empty((0, 0), np.float32)

    def lay(self, plane: Planes, pixels: Voxels) -> tuple[Voxels, Voxels]:
        """The plane on the grid's pixels and the weight it has in each, both (j, i)."""
        start = plane["position"] @ self._grid.directions[:, :2]
        key = (*np.round(start, 6), *plane["spacing"], *pixels.shape)
        if key != self._key:
            self._key = key
            self._columns = self._weights(0, start[0], plane["spacing"][1], pixels.shape[1])
            self._rows = self._weights(1, start[1], plane["spacing"][0], pixels.shape[0])
            self._cover = np.outer(self._rows.sum(axis=1), self._columns.sum(axis=1))
        return np.asarray(self._rows @ pixels @ self._columns.T, np.float32), self._cover

    def _weights(self, axis: int, start: float, step: float, count: int) -> NDArray[np.float32]:
        grid = self._grid
        first = float(grid.origin @ grid.directions[:, axis])
        targets = first + np.arange(grid.shape[2 - axis]) * grid.spacing[axis]
        samples = np.asarray(start + np.arange(count) * step, np.float64)
        return _linear_weights(samples, targets, float(grid.spacing[axis]), step / 2)


def _linear_weights(source: Floats, target: Floats, width: float, reach: float) -> NDArray[np.float32]:
    """Weights (n, m) of samples at ``source`` (m,) for values at ``target`` (n,).

    Linear interpolation, averaged over the width of a target where that is wider than the samples are apart (so
    that nothing between is lost). Past the outer samples by up to ``reach`` the outer one counts, beyond nothing.
    """
    gap = float(np.diff(source).min())
    parts = 1 if width <= gap * (1 + 1e-3) else int(np.ceil(2 * width / gap))
    weights = np.zeros((len(target), len(source)))
    number = np.arange(len(target))
    tolerance = 1e-6 * width
    for part in range(parts):
        at = target + width * ((part + 0.5) / parts - 0.5)
        inside = (at >= source[0] - reach - tolerance) & (at <= source[-1] + reach + tolerance)
        clipped = np.clip(at, source[0], source[-1])
        below = np.clip(np.searchsorted(source, clipped, side="right") - 1, 0, len(source) - 2)
        fraction = (clipped - source[below]) / (source[below + 1] - source[below])
        weights[number, below] += inside * (1 - fraction) / parts
        weights[number, below + 1] += inside * fraction / parts
    weights[np.abs(weights) < 1e-6] = 0
    return weights.astype(np.float32)
