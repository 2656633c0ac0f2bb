"""All stacks of many series, flattened, to locate a point in all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longitudinal.geometry.image_plane import Planes, projections
from longitudinal.geometry.stack import GAP_FACTOR, SAME_POSITION_MM, Floats, Ints, Stack

Bools = NDArray[np.bool_]

NO_HOLE_MM = 1e6
"""Larger than the distance of any two planes of a patient; finite, because an interval needs a centre."""

REACH_TOLERANCE_MM = 1e-6
"""Prevents a point half way between two planes from falling between their reaches by rounding."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where points lie in their stacks; arrays of shape (k,), one element per point.

    Attributes
    ----------
    plane : ndarray of int
        Index into `StackSet.planes` of the nearest plane.
    slice_index : ndarray of int
        0-based, in order along the stack normal.
    row, column : ndarray
        0-based, fractional: the orthogonal projection of the point on that plane.
    distance_mm : ndarray
        Signed, along the normal of that plane.
    within_reach : ndarray of bool
        The plane matches the point; False for NaN.
    inside : ndarray of bool
        ``-0.5 <= row <= rows - 0.5`` and the same for columns.
    in_gap : ndarray of bool
        The point lies in a hole of the stack, where a slice seems to be missing.
    """

    plane: Ints
    slice_index: Ints
    row: Floats
    column: Floats
    distance_mm: Floats
    within_reach: Bools
    inside: Bools
    in_gap: Bools


class StackSet:
    """The stacks of many series, to be searched at once.

    Attributes
    ----------
    planes : array of `PLANE`, shape (m,)
        Stack after stack, in stack order.
    start : ndarray of int, shape (s + 1,)
        Stack ``i`` is ``planes[start[i]:start[i + 1]]``.
    source_index : ndarray of int, shape (m,)
        Index of each into the planes that were given to `build`.
    """

    __slots__ = ("_bounds", "_normals", "_packed", "_search", "_window", "planes", "source_index", "start")

    def __init__(self, planes: Planes, stacks: Sequence[Stack]) -> None:
        sizes = [len(stack.order) for stack in stacks]
        self.source_index: Ints = _joined([stack.order for stack in stacks], np.intp)
        self.planes: Planes = planes[self.source_index]
        self.start: Ints = np.concatenate(([0], np.cumsum(sizes, dtype=np.intp)))
        projection = projections(self.planes)
        self._normals = projection[:, 2]
        self._window = self._search_window(stacks)
        self._packed = self._pack(stacks, projection.reshape(-1, 9))
        self._prepare_search(stacks)

    @classmethod
    def build(cls, planes: Planes, stacks: Sequence[Stack]) -> StackSet:
        """Flatten ``stacks``, whose ``order`` points into ``planes``."""
        return cls(planes, stacks)

    def __len__(self) -> int:
        return len(self.start) - 1

    def locate(self, points: ArrayLike) -> Located:
        """Locate one point in each stack.

        Parameters
        ----------
        points : array_like, shape (s, 3)
            LPS, mm, each already in the frame of its stack; NaN if no path leads into that frame.
        """
        return self._locate(self._search, points)

    def locate_many(self, stack_index: ArrayLike, points: ArrayLike) -> Located:
        """Locate points in stacks, pair by pair.

        Parameters
        ----------
        stack_index : array_like of int, shape (k,)
        points : array_like, shape (k, 3)
            LPS, mm, each in the frame of its stack; for NaN ``within_reach`` is False.
        """
        search = self._search.take(np.asarray(stack_index, np.intp), axis=1)
        return self._locate(search, points)

    def _locate(self, search: Floats, points: ArrayLike) -> Located:
        """Locate points, given the columns of ``_search`` of their stacks; the hot path."""
        point = np.ascontiguousarray(np.asarray(points, np.float64).T)
        with np.errstate(invalid="ignore"):  # a point that is not finite is within no reach
            return self._nearest(search, point)

    def _nearest(self, search: Floats, point: Floats) -> Located:
        along = _summed(search[0:3] * point) + search[3]
        # fmin and fmax drop NaN, which then selects the last plane
        clipped = np.fmax(np.fmin(along, search[5]), search[4])
        plane = self._bounds.searchsorted(clipped, side="right") - 1
        if self._window:
            self._look_around(plane, search, point)
        packed = self._packed.take(plane, axis=0).T.copy()
        measures = packed[3:18].reshape(5, 3, -1)
        measured = _summed(measures * (point - packed[0:3]), axis=1)
        holds = np.abs(measured[1:5] - packed[18:22]) <= packed[22:26]
        return Located(
            plane=plane,
            slice_index=plane - search[6].astype(np.intp),
            row=measured[1],
            column=measured[2],
            distance_mm=measured[0],
            within_reach=holds[2],
            inside=holds[0] & holds[1],
            in_gap=holds[2] & ~holds[3],
        )

    def _look_around(self, plane: Ints, search: Floats, point: Floats) -> None:
        """In stacks whose planes are not parallel, replace each plane by the nearest of its neighbours, in place."""
        turned = np.flatnonzero(search[7])
        steps = np.arange(-self._window, self._window + 1)
        first, last = search[6, turned].astype(np.intp), search[8, turned].astype(np.intp)
        near = np.clip(plane[turned, None] + steps, first[:, None], last[:, None])
        offsets = point.T[turned, None] - self.planes["position"][near]
        distance = np.abs(_summed(self._normals[near] * offsets, axis=2))
        plane[turned] = near[np.arange(len(turned)), np.nan_to_num(distance, nan=np.inf).argmin(axis=1)]

    def _search_window(self, stacks: Sequence[Stack]) -> int:
        """How many planes away, at most, the nearest one is from that of the nearest centre; 0 where all are parallel."""
        window = 0
        for stack, first, end in zip(stacks, self.start[:-1], self.start[1:], strict=True):
            if not stack.is_parallel:
                planes = self.planes[first:end]
                tilt = float(np.linalg.norm(self._normals[first:end] - stack.normal, axis=1).max())
                sides = planes["spacing"] * np.stack([planes["rows"], planes["columns"]], axis=1)
                lever = float(np.linalg.norm(sides, axis=1).max()) / 2
                reached = 2 * tilt * lever / max(float(np.diff(stack.offsets).min()), SAME_POSITION_MM)
                window = max(window, min(int(reached) + 1, len(planes) - 1))
        return window

    def _prepare_search(self, stacks: Sequence[Stack]) -> None:
        """Concatenate the stacks on one axis, each plane beginning half way to the one before.

        Per stack: normal, shift of an offset onto the axis, where its planes begin and end on it, first plane, whether its
        planes are not parallel, last plane.
        """
        first, last = self.start[:-1], self.start[1:] - 1
        offsets = _joined([stack.offsets for stack in stacks], np.float64)
        extents = offsets[last] - offsets[first]
        # one mm between the stacks, so that rounding cannot select a plane of the next stack
        places = np.concatenate(([0.0], np.cumsum(extents + 1.0)))[:-1]
        search = np.empty((9, len(stacks)))
        search[0:3] = np.array([stack.normal for stack in stacks], np.float64).reshape(-1, 3).T
        search[3] = places - offsets[first]
        search[4] = places
        search[5] = places + extents
        search[6] = first
        search[7] = [not stack.is_parallel for stack in stacks]
        search[8] = last
        bounds = offsets + np.repeat(search[3], np.diff(self.start))
        bounds[1:] = (bounds[1:] + bounds[:-1]) / 2
        bounds[first] = places - 0.5
        self._search, self._bounds = search, bounds

    def _pack(self, stacks: Sequence[Stack], projection: Floats) -> Floats:
        """Put the data of each plane that an answer needs into one row, so that one gather fetches them.

        Position; a 5x3 matrix that takes ``point - position`` to distance along the plane's normal, row,
        column and twice the offset along the stack's normal; then centre (4) and half width (4) of the
        intervals in which the last four of these must be: rows, columns, reach, and the part without holes.
        """
        sizes = np.diff(self.start)
        packed = np.empty((len(self.planes), 26))
        packed[:, 0:3] = self.planes["position"]
        packed[:, 3:6], packed[:, 6:12] = projection[:, 6:9], projection[:, 0:6]
        stack_normals = np.array([stack.normal for stack in stacks], np.float64).reshape(-1, 3)
        turned = np.repeat(np.array([not stack.is_parallel for stack in stacks], bool), sizes)
        along = np.where(turned[:, None], self._normals, np.repeat(stack_normals, sizes, axis=0))
        packed[:, 12:15] = packed[:, 15:18] = along
        below, above = _joined([stack.reach for stack in stacks], np.float64).reshape(-1, 2).T
        lower, upper = _joined([_answered(stack) for stack in stacks], np.float64).reshape(-1, 2).T
        half = np.repeat([stack.median_gap / 2 for stack in stacks], sizes)
        lowest = (
            -0.5,
            -0.5,
            -lower - REACH_TOLERANCE_MM,
            np.where(below > GAP_FACTOR * half, -half, -NO_HOLE_MM),
        )
        highest = (
            self.planes["rows"] - 0.5,
            self.planes["columns"] - 0.5,
            upper + REACH_TOLERANCE_MM,
            np.where(above > GAP_FACTOR * half, half, NO_HOLE_MM),
        )
        for place, (low, high) in enumerate(zip(lowest, highest, strict=True)):
            packed[:, 18 + place] = (high + low) / 2
            packed[:, 22 + place] = (high - low) / 2
        return packed


def _answered(stack: Stack) -> Floats:
    """How far (n, 2) below and above each plane it matches points, if it is the nearest one.

    Planes that are not parallel have no boundary half way: they reach the whole gap, so that one always matches.
    """
    if stack.is_parallel:
        return stack.reach
    answered = stack.reach * 2
    answered[0, 0], answered[-1, 1] = stack.reach[0, 0], stack.reach[-1, 1]
    return answered


def _summed(values: Floats, axis: int = 0) -> Floats:
    """Sums along an axis. Not by einsum: that needs 34 KB of stack, of which Orthanc's threads have 100."""
    return np.asarray(np.add.reduce(values, axis=axis))


def _joined(parts: list[Any], dtype: Any) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)
