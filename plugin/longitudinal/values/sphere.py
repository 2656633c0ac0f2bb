"""Statistics of the values in a sphere, and how far they depend on where exactly it is. Pure; runs in the worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.sphere import BEYOND, DIRECTIONS, MISSING, REAL, Floats, SpherePlanes, disc
from longitudinal.reasons import ValueReason

FEWEST_VOXELS = 10
"""Fewer are no sample: a mean of them depends on where the voxel grid happens to lie."""

MOST_UNCERTAIN_MM = 30.0
"""Farther than this a place is in another organ; moving the sphere there tells nothing."""

Plane = Callable[[int], NDArray[np.float64]]
"""The values (rows, columns) of a plane by its number in `SpherePlanes`; NaN is padding."""


class Sphere(msgspec.Struct, frozen=True):
    """Where is measured: `centre` (3,) LPS mm, and how well that is known (None where nobody measured it)."""

    centre: Floats
    radius_mm: float
    uncertainty_mm: float | None

    @property
    def reach_mm(self) -> float:
        """How far from the centre voxels are needed."""
        moves = self.uncertainty_mm is not None and self.uncertainty_mm <= MOST_UNCERTAIN_MM
        return self.radius_mm + (self.uncertainty_mm or 0.0 if moves else 0.0)


class SphereStatistics(msgspec.Struct, frozen=True):
    """The outcome; `voxels` counts those within the sphere on the images, the figures are None where there is a reason.

    `least_mean` and `greatest_mean` are those of the sphere moved by the uncertainty in 26 directions and not moved.
    """

    voxels: int
    outside: int
    reason: ValueReason | None
    mean: float | None = None
    sd: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    least_mean: float | None = None
    greatest_mean: float | None = None
    moved_reason: ValueReason | None = None


class _Sample(msgspec.Struct, frozen=True):
    values: Floats
    outside: int
    reason: ValueReason | None


def measure(sphere: Sphere, found: SpherePlanes, values: Plane) -> SphereStatistics:
    """Measure the sphere as it is, and moved.

    The standard deviation is that of the voxels themselves (divided by their number). A moved sphere that has a reason of
    its own leaves the range without figures: the least of the rest would not be the least.
    """
    sample = _sample(sphere.centre, sphere.radius_mm, found, values)
    count = len(sample.values)
    if sample.reason is not None:
        return SphereStatistics(count, sample.outside, sample.reason, moved_reason=sample.reason)
    least, greatest, moved_reason = _moved(sphere, found, values, float(np.mean(sample.values)))
    return SphereStatistics(
        voxels=count,
        outside=0,
        reason=None,
        mean=float(np.mean(sample.values)),
        sd=float(np.std(sample.values)),
        minimum=float(np.min(sample.values)),
        maximum=float(np.max(sample.values)),
        least_mean=least,
        greatest_mean=greatest,
        moved_reason=moved_reason,
    )


def _moved(
    sphere: Sphere, found: SpherePlanes, values: Plane, mean: float
) -> tuple[float | None, float | None, ValueReason | None]:
    distance = sphere.uncertainty_mm
    if distance is None:
        return None, None, ValueReason.NOT_MEASURED
    if distance > MOST_UNCERTAIN_MM:
        return None, None, ValueReason.TOO_UNCERTAIN
    means = [mean]
    for direction in DIRECTIONS:
        sample = _sample(sphere.centre + distance * direction, sphere.radius_mm, found, values)
        if sample.reason is not None:
            return None, None, sample.reason
        means.append(float(np.mean(sample.values)))
    return min(means), max(means), None


def _sample(centre: Floats, radius_mm: float, found: SpherePlanes, values: Plane) -> _Sample:
    """The values in plane order, rows first; with a reason where they are not those of a whole sphere."""
    parts, outside, missing = [], 0, 0
    for number, kind in enumerate(found.kind.tolist()):
        within = disc(found.planes[number], centre, radius_mm)
        lost = within.outside + (0 if kind == REAL else len(within.rows))
        if kind == REAL and len(within.rows):
            parts.append(values(number)[within.rows, within.columns])
        if kind in (REAL, BEYOND):
            outside += lost
        elif kind == MISSING:
            missing += lost
    sample = np.concatenate(parts) if parts else np.empty(0)
    padding = int(np.isnan(sample).sum())
    sample = sample[~np.isnan(sample)]
    return _Sample(sample, outside + missing + padding, _fault(len(sample), outside, missing, padding))


def _fault(count: int, outside: int, missing: int, padding: int) -> ValueReason | None:
    if outside:
        return ValueReason.PARTLY_OUTSIDE
    if missing:
        return ValueReason.MISSING_SLICES
    if padding:
        return ValueReason.PADDING
    return ValueReason.TOO_FEW if count < FEWEST_VOXELS else None


def in_numbers(
    stored: NDArray[Any], slope: float, intercept: float, padding: tuple[int, int] | None
) -> Floats:
    """Rescaled values; padding, whole numbers from the one to the other, is NaN."""
    values = stored.astype(np.float64) * slope + intercept
    if padding is not None:
        values[(stored >= padding[0]) & (stored <= padding[1])] = np.nan
    return values
