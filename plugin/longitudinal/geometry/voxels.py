"""A region given as voxels in parallel planes: membership, signed distance, volume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GAP_MM = 1e-9


@dataclass(frozen=True)
class VoxelRegion:
    """Boxes of a segment.

    Attributes
    ----------
    axes
        (3, 3): directions of increasing plane, row and column as rows, unit vectors in LPS.
    origin
        (3,): the corner of the first voxel of the first plane, LPS mm.
    edges
        Where voxels begin and end along each axis, mm from the origin: planes (p, 2), rows and columns (n, 2). Planes may
        leave gaps.
    mask
        (planes, rows, columns) of bool.
    """

    axes: Floats
    origin: Floats
    edges: tuple[Floats, Floats, Floats]
    mask: NDArray[np.bool_]

    def local(self, point: Floats) -> Floats:
        """A point (LPS mm) along the axes, from the origin."""
        return np.asarray(self.axes @ (point - self.origin))

    @cached_property
    def volume_mm3(self) -> float:
        """The volume of all boxes."""
        sizes = [np.diff(edges, axis=1)[:, 0] for edges in self.edges]
        area = float(sizes[1][0] * sizes[2][0])
        return float((self.mask.sum(axis=(1, 2)) * sizes[0]).sum() * area)

    def is_inside(self, point: Floats) -> bool:
        """Whether a point (3,), LPS mm, is in a voxel of the segment."""
        cell = self._cell(self.local(point))
        return cell is not None and bool(self.mask[cell])

    def membership(self, points: Floats) -> Floats:
        """(n,): 1 inside and 0 outside, of points (n, 3), LPS mm; NaN stays NaN."""
        local = (points - self.origin) @ self.axes.T
        found = np.where(np.isnan(local).any(axis=1), np.nan, 0.0)
        low, high = (
            np.array([edges[0, 0] for edges in self.edges]),
            np.array([edges[-1, 1] for edges in self.edges]),
        )
        near = np.flatnonzero(((local >= low) & (local < high)).all(axis=1))
        cells, inside = [], np.ones(len(near), dtype=bool)
        for edges, values in zip(self.edges, local[near].T, strict=True):
            cell = np.searchsorted(edges[:, 0], values, side="right") - 1
            inside &= values < edges[cell, 1]  # between planes there may be gaps
            cells.append(cell)
        found[near[inside & self.mask[cells[0], cells[1], cells[2]]]] = 1.0
        return found

    def signed_distance_mm(self, point: Floats) -> float:
        """How far a point is from the surface of the boxes; negative inside. Infinite if there are none."""
        local = self.local(point)
        if self.is_inside(point):
            return -min(self._to_boxes(local, self._open), self._to_open_space(local))
        return self._to_boxes(local, self._shell)

    def _cell(self, local: Floats) -> tuple[int, int, int] | None:
        found = []
        for edges, value in zip(self.edges, local.tolist(), strict=True):
            number = int(np.searchsorted(edges[:, 0], value, side="right")) - 1
            if number < 0 or value >= edges[number, 1]:
                return None
            found.append(number)
        return found[0], found[1], found[2]

    @cached_property
    def _shell(self) -> NDArray[np.intp]:
        """Voxels of the segment beside one that is none, a gap or an end: the surface that an outside point sees."""
        covered = _eroded(self.mask)
        for axis in range(3):
            across = np.moveaxis(covered, axis, 0)
            across[[0, -1]] = False  # beyond the ends there is nothing
        for number, (below, above) in enumerate(pairwise(self.edges[0].tolist())):
            if above[0] > below[1] + _GAP_MM:
                covered[[number, number + 1]] = False
        return np.argwhere(self.mask & ~covered)

    @cached_property
    def _open(self) -> NDArray[np.intp]:
        """Voxels beside the segment: what an inside point has to reach."""
        return np.argwhere(~self.mask & ~_eroded(~self.mask))

    def _to_boxes(self, local: Floats, voxels: NDArray[Any]) -> float:
        if not len(voxels):
            return math.inf
        squared = np.zeros(len(voxels))
        for axis, value in enumerate(local.tolist()):
            edges = self.edges[axis][voxels[:, axis]]
            away = np.maximum(np.maximum(edges[:, 0] - value, value - edges[:, 1]), 0.0)
            squared += away * away
        return math.sqrt(float(squared.min()))

    def _to_open_space(self, local: Floats) -> float:
        """From an inside point to where there are no voxels: beyond the ends, and in gaps between planes."""
        nearest = math.inf
        for edges, value in zip(self.edges, local.tolist(), strict=True):
            nearest = min(nearest, value - edges[0, 0], edges[-1, 1] - value)
        planes = self.edges[0]
        for below, above in pairwise(planes.tolist()):
            if above[0] > below[1] + _GAP_MM:
                nearest = min(nearest, abs(local[0] - below[1]), abs(local[0] - above[0]))
        return float(nearest)


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is left of a mask without the voxels that touch, by a face, one outside it; beyond the border nothing counts."""
    kept = mask.copy()
    for axis in range(3):
        inner = np.moveaxis(kept, axis, 0)
        source = np.moveaxis(mask, axis, 0)
        inner[1:] &= source[:-1]
        inner[:-1] &= source[1:]
    return kept
