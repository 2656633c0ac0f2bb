"""Stacks: the planes of a series that follow each other along their normal, each position once.

One affine for a whole series would be wrong under gantry tilt, gaps and variable spacing, so a stack is a
list of planes in the order of their offset along the common normal, and each plane keeps its own geometry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.image_plane import Planes, normals, patient_from_pixel

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]

ORIENTATION_TOLERANCE = 1e-3
"""Cosines that differ by less are one orientation: four decimals are usual, and 0.06 degrees is not a rotation."""

NOISE_TOLERANCE = 0.035
"""Planes rotated against each other by less (2 degrees) are one stack if their positions support it."""

PARALLEL_TOLERANCE = 1e-4
"""Largest difference of a direction cosine between planes that are parallel: 0.03 mm over 300 mm."""

CLEAN_GAP = 0.1
"""The smallest gap of one stack as a part of its median gap; a smaller gap is a repeated position with noise."""

SAME_POSITION_MM = 0.01
"""Planes nearer than this along the normal repeat a position: above rounding, below any increment in use."""

SAME_POSITION_PIXELS = 0.05
"""The same as a part of the finest pixel, so that the slices of a micro-CT are not taken for repeats."""

SAME_STATION_MM = 1.0
"""Planes shifted in plane by less than this belong to the same station of a scan in several stations."""

DEFAULT_THICKNESS_MM = 1.0
"""Thickness of a single slice that states none: small, so that it does not match points around it."""

GAP_FACTOR = 1.5
"""A gap of more than this many median gaps is a hole: between real jitter (1) and one missing slice (2)."""

SPLITTING_KEYS = (
    "temporal_position",
    "acquisition_time",
    "echo_time",
    "b_value",
    "trigger_time",
    "image_type",
)
"""Properties that may distinguish planes at one position, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Planes in order along their normal, no position twice: parallel, or slightly rotated against each other.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        Indices into the planes given, by ascending offset.
    normal : ndarray, shape (3,)
        Unit, LPS: row direction x column direction; of planes that are not parallel the mean.
    offsets : ndarray, shape (n,)
        mm along ``normal`` from the origin of the frame of reference, strictly ascending; of planes that are not parallel
        those of their centres.
    reach : ndarray, shape (n, 2)
        mm below and above each plane in which it matches points.
    median_gap : float
        mm between neighbours, NaN for one plane.
    is_parallel : bool
        Whether the planes are parallel; if not, which one is nearest depends on the position in the plane.
    """

    order: Ints
    normal: Floats
    offsets: Floats
    reach: Floats
    median_gap: float
    is_parallel: bool = True


def split_into_stacks(planes: Planes) -> list[Stack]:
    """Sort the planes of a series into stacks; every plane is in exactly one.

    Planes that belong together by position are one stack: planes are separated by orientation only if they are rotated
    by more than noise, or if positions repeat. If positions repeat, they are also separated by station (shift in plane),
    by each of `SPLITTING_KEYS`, and finally by ordinal: the first plane at each position, the second, ... by instance and
    frame number. A key splits only if it yields no more stacks than the most often repeated position needs; a key that is
    constant, or different for each slice (the acquisition time of axial CT), therefore splits nothing.

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
    everything = np.arange(len(planes))
    stacks = [
        stack
        for members in _by_orientation(planes, everything, NOISE_TOLERANCE)
        for stack in _stacks_of_family(planes, members)
    ]
    return sorted(stacks, key=lambda stack: int(stack.order.min()))


def _by_orientation(planes: Planes, members: Ints, tolerance: float) -> Iterator[Ints]:
    """Group planes whose cosines agree with those of the group's first plane."""
    orientation = planes["orientation"]
    while len(members):
        near = np.abs(orientation[members] - orientation[members[0]]).max(axis=1) <= tolerance
        yield members[near]
        members = members[~near]


def _stacks_of_family(planes: Planes, members: Ints) -> Iterator[Stack]:
    """Sort planes that are rotated by no more than noise."""
    orientation = planes["orientation"][members]
    spread = float(np.abs(orientation - orientation[0]).max())
    if spread <= PARALLEL_TOLERANCE:
        yield from _parallel_stacks(planes, members)
        return
    normal = normals(planes[members]).mean(axis=0)
    normal /= np.linalg.norm(normal)
    offsets = _centres(planes[members]) @ normal
    turns = list(_by_orientation(planes, members, ORIENTATION_TOLERANCE))
    if _is_clean(planes[members], offsets) and not _is_labelled(planes, turns):
        yield _stack(planes, members, offsets, normal, is_parallel=False)
        return
    parts = _clean_parts(planes, members, offsets)
    if parts is not None:
        for part in parts:
            yield from _stacks_of_family(planes, part)
        return
    for part in turns:
        yield from _parallel_stacks(planes, part)


def _parallel_stacks(planes: Planes, members: Ints) -> Iterator[Stack]:
    normal = normals(planes[members[:1]])[0]
    for part, offsets in _without_repeats(planes, members, planes["position"][members] @ normal):
        yield _stack(planes, part, offsets, normal)


def _centres(planes: Planes) -> Floats:
    """The centre (n, 3) of each plane."""
    return patient_from_pixel(planes, (planes["rows"] - 1) / 2, (planes["columns"] - 1) / 2)


def _is_clean(planes: Planes, offsets: Floats) -> bool:
    """Whether offsets are those of one stack: no position occurs twice, even approximately."""
    gaps = np.diff(np.sort(offsets))
    smallest = float(gaps.min(initial=np.inf))
    return len(gaps) == 0 or smallest > max(_same_position_mm(planes), CLEAN_GAP * float(np.median(gaps)))


def _is_labelled(planes: Planes, turns: list[Ints]) -> bool:
    """Whether each orientation is its own volume, by one of `SPLITTING_KEYS`: the scanner followed the patient."""
    if min(map(len, turns)) < 2:
        return False
    for key in SPLITTING_KEYS:
        values = [np.unique(planes[key][turn]) for turn in turns]
        if all(len(value) == 1 for value in values) and len(np.unique(np.concatenate(values))) > 1:
            return True
    return False


def _clean_parts(planes: Planes, members: Ints, offsets: Floats) -> list[Ints] | None:
    """Parts by the first of `SPLITTING_KEYS` with which each of them is one stack; None if no key does that."""
    for key in SPLITTING_KEYS:
        values = np.unique(planes[key][members], return_inverse=True)[1]
        distinct = int(values.max()) + 1
        if not 1 < distinct <= len(members) // 2:
            continue
        parts = [values == value for value in range(distinct)]
        if all(_is_clean(planes[members[part]], offsets[part]) for part in parts):
            return [members[part] for part in parts]
    return None


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
    """Find the values (n,) of the first key that separates repeats and splits nothing else, or None."""
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


def _stack(
    planes: Planes, members: Ints, offsets: Floats, normal: Floats, *, is_parallel: bool = True
) -> Stack:
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
    return Stack(order, normal, offsets, reach, median_gap, is_parallel)
