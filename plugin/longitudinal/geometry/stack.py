"""Stacks: the planes of a series that lie one behind the other, each position once.

One affine for a whole series would be wrong under gantry tilt, gaps and variable spacing, so a stack is a
list of planes in the order of their offset along the common normal, and each plane keeps its own geometry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longitudinal.geometry.image_plane import Planes, normals, projections

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ORIENTATION_TOLERANCE = 1e-3
"""Largest difference of a direction cosine inside a stack: four decimals are usual, 0.06 degrees no turn."""

SAME_POSITION_MM = 0.01
"""Planes nearer than this along the normal repeat a position: above rounding, below any increment in use."""

SAME_POSITION_PIXELS = 0.05
"""The same as a part of the finest pixel, so that the slices of a micro-CT are not taken for repeats."""

SAME_STATION_MM = 1.0
"""Planes shifted in plane by less than this belong to the same station of a scan in several stations."""

DEFAULT_THICKNESS_MM = 1.0
"""Thickness of a lone slice that states none: small, so that it does not answer for its surroundings."""

GAP_FACTOR = 1.5
"""A gap of more than this many median gaps is a hole: between real jitter (1) and one missing slice (2)."""

NO_HOLE_MM = 1e6
"""Farther than any two planes of a patient are apart; finite, because an interval needs a centre."""

REACH_TOLERANCE_MM = 1e-6
"""A point half way between two planes must not fall between their reaches by rounding."""

SPLITTING_KEYS = (
    "temporal_position",
    "acquisition_time",
    "echo_time",
    "b_value",
    "trigger_time",
    "image_type",
)
"""What may tell apart planes at one position, in the order in which it is asked."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Parallel planes in order along their normal, no position twice.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        Indices into the planes given, by ascending offset.
    normal : ndarray, shape (3,)
        Unit, LPS: row direction x column direction.
    offsets : ndarray, shape (n,)
        mm along ``normal`` from the origin of the frame of reference, strictly ascending.
    reach : ndarray, shape (n, 2)
        mm below and above each plane for which it answers.
    median_gap : float
        mm between neighbours, NaN for one plane.
    """

    order: Ints
    normal: Floats
    offsets: Floats
    reach: Floats
    median_gap: float


def split_into_stacks(planes: Planes) -> list[Stack]:
    """Sort the planes of a series into stacks; every plane lands in exactly one.

    Planes are separated by orientation, and where positions repeat by station (shift in plane), then by each
    of `SPLITTING_KEYS`, at last by ordinal: the first plane at each position, the second, ... by instance and
    frame number. A key splits only when it takes no more stacks than the position that repeats most often
    needs; a key that is constant, or different for each slice (the acquisition time of axial CT), therefore
    shatters nothing.

    Parameters
    ----------
    planes : array of `PLANE`, shape (n,)

    Returns
    -------
    list of Stack
        In the order of the first plane of each in ``planes``.
    """
    if len(planes) == 0:
        return []
    stacks = [
        _stack(planes, members, offsets, normal)
        for oriented, normal in _by_orientation(planes)
        for members, offsets in _without_repeats(planes, oriented, planes["position"][oriented] @ normal)
    ]
    return sorted(stacks, key=lambda stack: int(stack.order.min()))


def _by_orientation(planes: Planes) -> Iterator[tuple[Ints, Floats]]:
    """Group planes whose cosines agree with those of the group's first plane; yield each with its normal."""
    left = np.arange(len(planes))
    orientation = planes["orientation"]
    while len(left):
        leader = left[0]
        near = np.abs(orientation[left] - orientation[leader]).max(axis=1) <= ORIENTATION_TOLERANCE
        yield left[near], normals(planes[leader : leader + 1])[0]
        left = left[~near]


def _without_repeats(planes: Planes, members: Ints, offsets: Floats) -> Iterator[tuple[Ints, Floats]]:
    """Split parallel planes until no position occurs twice."""
    positions = _clusters(offsets, _same_position_mm(planes[members]))
    per_position = np.bincount(positions)
    most = int(per_position.max())
    if most == 1:
        yield members, offsets
        return
    values = _separating_values(planes[members], positions, len(per_position), most)
    if values is None:
        values = _ordinals(planes[members], positions)
        for value in range(most):
            chosen = values == value
            yield members[chosen], offsets[chosen]
        return
    for value in range(int(values.max()) + 1):
        chosen = values == value
        yield from _without_repeats(planes, members[chosen], offsets[chosen])


def _separating_values(planes: Planes, positions: Ints, count: int, most: int) -> Ints | None:
    """Find the values (n,) of the first key that separates repeats and shatters nothing, or None."""
    for key in ("station", *SPLITTING_KEYS):
        values = _stations(planes) if key == "station" else np.unique(planes[key], return_inverse=True)[1]
        distinct = int(values.max()) + 1
        if not 1 < distinct <= most:
            continue
        table = np.bincount(values * count + positions, minlength=distinct * count).reshape(distinct, count)
        if table.max(axis=1).sum() <= most:
            return values
    return None


def _stations(planes: Planes) -> Ints:
    """Find the station (n,) of each plane by its shift within the plane."""
    orientation = planes["orientation"][0]
    shifts = planes["position"] @ orientation.reshape(2, 3).T
    first = _clusters(shifts[:, 0], SAME_STATION_MM)
    second = _clusters(shifts[:, 1], SAME_STATION_MM)
    numbers: Ints = np.unique(first * len(planes) + second, return_inverse=True)[1]
    return numbers


def _ordinals(planes: Planes, positions: Ints) -> Ints:
    """Count (n,) the planes of each position from 0, by instance and frame number."""
    order = np.lexsort((planes["frame_number"], planes["instance_number"], positions))
    ordered = positions[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ordinals = np.empty(len(planes), np.intp)
    ordinals[order] = np.arange(len(planes)) - np.repeat(starts, np.diff(starts, append=len(planes)))
    return ordinals


def _clusters(values: Floats, tolerance: float) -> Ints:
    """Find the cluster (n,) of each value, ascending; more than ``tolerance`` parts two clusters."""
    order = np.argsort(values, kind="stable")
    numbers = np.empty(len(values), np.intp)
    numbers[order] = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > tolerance)
    return numbers


def _same_position_mm(planes: Planes) -> float:
    return float(min(SAME_POSITION_MM, SAME_POSITION_PIXELS * planes["spacing"].min()))


def _stack(planes: Planes, members: Ints, offsets: Floats, normal: Floats) -> Stack:
    """Put the planes in order and give each its reach."""
    ascending = np.argsort(offsets, kind="stable")
    order, offsets = members[ascending], offsets[ascending]
    gaps = np.diff(offsets)
    reach = np.empty((len(order), 2))
    if len(gaps):
        median_gap = float(np.median(gaps))
        reach[1:, 0] = reach[:-1, 1] = gaps / 2
        reach[0, 0] = reach[-1, 1] = median_gap / 2
    else:
        median_gap = float("nan")
        thickness = float(planes["slice_thickness"][order[0]])
        reach[:] = (thickness if thickness > 0 else DEFAULT_THICKNESS_MM) / 2
    return Stack(order, normal, offsets, reach, median_gap)


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
        The plane answers for the point; False for NaN.
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
    """The stacks of many series, to be asked at once.

    Attributes
    ----------
    planes : array of `PLANE`, shape (m,)
        Stack after stack, in stack order.
    start : ndarray of int, shape (s + 1,)
        Stack ``i`` is ``planes[start[i]:start[i + 1]]``.
    source_index : ndarray of int, shape (m,)
        Index of each into the planes that were given to `build`.
    """

    __slots__ = ("_bounds", "_packed", "_search", "planes", "source_index", "start")

    def __init__(self, planes: Planes, stacks: Sequence[Stack]) -> None:
        sizes = [len(stack.order) for stack in stacks]
        self.source_index: Ints = _joined([stack.order for stack in stacks], np.intp)
        self.planes: Planes = planes[self.source_index]
        self.start: Ints = np.concatenate(([0], np.cumsum(sizes, dtype=np.intp)))
        self._packed = self._pack(stacks)
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
            LPS, mm, each already in the frame of its stack; NaN where there is no way into that frame.
        """
        return self._locate(self._search, points)

    def locate_many(self, stack_index: ArrayLike, points: ArrayLike) -> Located:
        """Locate points in stacks, pair by pair.

        Parameters
        ----------
        stack_index : array_like of int, shape (k,)
        points : array_like, shape (k, 3)
            LPS, mm, each in the frame of its stack; NaN is answered by ``within_reach`` False.
        """
        search = self._search.take(np.asarray(stack_index, np.intp), axis=1)
        return self._locate(search, points)

    def _locate(self, search: Floats, points: ArrayLike) -> Located:
        """Locate points, given the columns of ``_search`` of their stacks; the hot path."""
        point = np.asarray(points, np.float64).T
        along = np.einsum("ik,ik->k", search[0:3], point) + search[3]
        # fmin and fmax drop NaN, which then means the last plane
        clipped = np.fmax(np.fmin(along, search[5]), search[4])
        plane = self._bounds.searchsorted(clipped, side="right") - 1
        packed = self._packed.take(plane, axis=0).T.copy()
        measures = packed[3:18].reshape(5, 3, -1)
        measured = np.einsum("ijk,jk->ik", measures, point - packed[0:3])
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

    def _prepare_search(self, stacks: Sequence[Stack]) -> None:
        """Lay the stacks one behind the other on one axis, each plane beginning half way to the one before.

        Per stack: normal, shift of an offset onto the axis, where its planes begin and end there, first plane.
        """
        first, last = self.start[:-1], self.start[1:] - 1
        offsets = _joined([stack.offsets for stack in stacks], np.float64)
        extents = offsets[last] - offsets[first]
        # one mm between the stacks, so that rounding cannot lead into the neighbour
        places = np.concatenate(([0.0], np.cumsum(extents + 1.0)))[:-1]
        search = np.empty((7, len(stacks)))
        search[0:3] = np.array([stack.normal for stack in stacks], np.float64).reshape(-1, 3).T
        search[3] = places - offsets[first]
        search[4] = places
        search[5] = places + extents
        search[6] = first
        bounds = offsets + np.repeat(search[3], np.diff(self.start))
        bounds[1:] = (bounds[1:] + bounds[:-1]) / 2
        bounds[first] = places - 0.5
        self._search, self._bounds = search, bounds

    def _pack(self, stacks: Sequence[Stack]) -> Floats:
        """Put what an answer needs of each plane in one row, so that one gather fetches it.

        Position; a 5x3 matrix that takes ``point - position`` to distance along the plane's normal, row,
        column and twice the offset along the stack's normal; then centre (4) and half width (4) of the
        intervals in which the last four of these must be: rows, columns, reach, and what is not a hole.
        """
        sizes = np.diff(self.start)
        packed = np.empty((len(self.planes), 26))
        packed[:, 0:3] = self.planes["position"]
        projection = projections(self.planes).reshape(-1, 9)
        packed[:, 3:6], packed[:, 6:12] = projection[:, 6:9], projection[:, 0:6]
        stack_normals = np.array([stack.normal for stack in stacks], np.float64).reshape(-1, 3)
        packed[:, 12:15] = packed[:, 15:18] = np.repeat(stack_normals, sizes, axis=0)
        below, above = _joined([stack.reach for stack in stacks], np.float64).reshape(-1, 2).T
        half = np.repeat([stack.median_gap / 2 for stack in stacks], sizes)
        lowest = (
            -0.5,
            -0.5,
            -below - REACH_TOLERANCE_MM,
            np.where(below > GAP_FACTOR * half, -half, -NO_HOLE_MM),
        )
        highest = (
            self.planes["rows"] - 0.5,
            self.planes["columns"] - 0.5,
            above + REACH_TOLERANCE_MM,
            np.where(above > GAP_FACTOR * half, half, NO_HOLE_MM),
        )
        for place, (low, high) in enumerate(zip(lowest, highest, strict=True)):
            packed[:, 18 + place] = (high + low) / 2
            packed[:, 22 + place] = (high - low) / 2
        return packed


def _joined(parts: list[Any], dtype: Any) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)
