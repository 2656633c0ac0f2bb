"""A regular-in-plane grid of values in the patient: interpolation, and the range of values near a point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EDGE_MM: Final = 1e-6
"""A point so near to the outermost voxel centres is on them: rounding of sums."""
_ON_SPHERE: Final = 2_000
"""Directions in which the surface of a sphere is looked at: 6 degrees apart."""


@dataclass(frozen=True)
class Grid:
    """Values at voxel centres.

    Attributes
    ----------
    values
        (frames, rows, columns), as stored.
    origin
        (3,): the centre of the first voxel of the frame with the least offset, LPS mm.
    along_row, down_column, normal
        Unit vectors: of increasing column, of increasing row, of increasing offset.
    spacing
        Between rows and between columns, mm.
    offsets
        (frames,), strictly increasing, mm along the normal; the first is 0.
    """

    values: NDArray[Any]
    origin: Floats
    along_row: Floats
    down_column: Floats
    normal: Floats
    spacing: tuple[float, float]
    offsets: Floats

    @cached_property
    def _axes(self) -> Floats:
        return np.vstack((self.normal, self.down_column, self.along_row))

    def index_of(self, points: Floats) -> Floats:
        """(n, 3): frame, row and column of points (n, 3), LPS mm, fractional; NaN outside the box of the voxel centres."""
        local = (points - self.origin) @ self._axes.T
        found = np.empty_like(local)
        found[:, 1], found[:, 2] = local[:, 1] / self.spacing[0], local[:, 2] / self.spacing[1]
        sizes = self.values.shape
        slack = (EDGE_MM, EDGE_MM / self.spacing[0], EDGE_MM / self.spacing[1])
        ends = (self.offsets[-1], sizes[1] - 1, sizes[2] - 1)
        tested = (local[:, 0], found[:, 1], found[:, 2])
        inside = np.ones(len(points), dtype=bool)
        for value, end, extra in zip(tested, ends, slack, strict=True):
            inside &= (value >= -extra) & (value <= end + extra)
        found[:, 0] = np.interp(local[:, 0], self.offsets, np.arange(sizes[0]))
        np.clip(found, 0, np.array(sizes) - 1, out=found)
        found[~inside] = np.nan
        return found

    def interpolate(self, points: Floats) -> Floats:
        """(n,): values at points (n, 3), LPS mm, trilinear between voxel centres; NaN outside their box."""
        index = self.index_of(points)
        found = np.full(len(points), np.nan)
        inside = ~np.isnan(index[:, 0])
        at = index[inside]
        low = np.minimum(at.astype(np.intp), np.maximum(np.array(self.values.shape) - 2, 0))
        high = np.minimum(low + 1, np.array(self.values.shape) - 1)
        part = at - low
        total = np.zeros(len(at))
        for corner in range(8):
            upper = [bool(corner & bit) for bit in (4, 2, 1)]
            cell = [np.where(up, high[:, axis], low[:, axis]) for axis, up in enumerate(upper)]
            weight = np.prod([part[:, a] if up else 1 - part[:, a] for a, up in enumerate(upper)], axis=0)
            total += weight * self.values[cell[0], cell[1], cell[2]]
        found[inside] = total
        return found

    def range_within(self, point: Floats, radius_mm: float) -> tuple[float, float] | None:
        """The least and the largest value in a sphere about a point (3,); None if part of the sphere is outside the grid.

        Between voxel centres a value is nowhere larger than at all corners and edges of its cell: the extremes are at voxel
        centres in the sphere, or on its surface.
        """
        surface = self.interpolate(point + radius_mm * _directions())
        if np.isnan(surface).any():
            return None
        values = [surface, self.interpolate(point[None]), self._centres_within(point, radius_mm)]
        together = np.concatenate(values)
        return float(together.min()), float(together.max())

    def _centres_within(self, point: Floats, radius_mm: float) -> Floats:
        """The values of the voxel centres in a sphere."""
        local = self._axes @ (point - self.origin)
        axes = (self.offsets, np.arange(self.values.shape[1]) * self.spacing[0],
                np.arange(self.values.shape[2]) * self.spacing[1])  # fmt: skip
        spans = []
        for axis, centre in zip(axes, local.tolist(), strict=True):
            first, last = np.searchsorted(axis, (centre - radius_mm, centre + radius_mm), side="left")
            spans.append(slice(int(first), min(int(last) + 1, len(axis))))
        squared = [
            (axis[span] - centre) ** 2 for axis, span, centre in zip(axes, spans, local.tolist(), strict=True)
        ]
        away = squared[0][:, None, None] + squared[1][None, :, None] + squared[2][None, None, :]
        block = self.values[spans[0], spans[1], spans[2]]
        return np.asarray(block[away <= radius_mm * radius_mm], dtype=np.float64)


def _directions() -> Floats:
    """Unit vectors all round, evenly (a Fibonacci lattice)."""
    number = np.arange(_ON_SPHERE) + 0.5
    height = 1 - 2 * number / _ON_SPHERE
    angle = np.pi * (1 + 5**0.5) * number
    across = np.sqrt(1 - height**2)
    return np.stack((across * np.cos(angle), across * np.sin(angle), height), axis=1)
