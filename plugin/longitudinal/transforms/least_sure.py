"""The places where a transform is least sure: where a person who reviews it should look first."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry import affine
from longitudinal.transforms.error_at_place import ErrorGrid
from longitudinal.transforms.graph import Edge

MOST_PLACES = 3
APART_MM = 40.0
"""Nearer places show the same part of the body."""


class UnsurePlace(msgspec.Struct, frozen=True):
    """A place in both frames, LPS mm, and what 95 % of errors at places like it stay below, mm."""

    source: tuple[float, float, float]
    target: tuple[float, float, float]
    expected_error_mm: float


def least_sure_places(edge: Edge) -> list[UnsurePlace]:
    """Up to `MOST_PLACES`, the least sure first, each at least `APART_MM` from those before.

    None where the error was not measured place by place. Places that the transform does not reach are left out.
    """
    grid = edge.error_at_place
    if not isinstance(grid, ErrorGrid):
        return []
    k, j, i = np.nonzero(np.isfinite(grid.bounds))
    order = np.argsort(-grid.bounds[k, j, i], kind="stable")
    targets = affine.apply(grid.point_from_index, np.stack([i, j, k], axis=1)[order].astype(np.float64))
    sources = edge.transform.inverse().map_points(targets)
    bounds = grid.bounds[k, j, i][order]
    found: list[UnsurePlace] = []
    for number in np.flatnonzero(np.isfinite(sources).all(axis=1)).tolist():
        if all(np.linalg.norm(targets[number] - place.target) >= APART_MM for place in found):
            place = UnsurePlace(
                _triple(sources[number]), _triple(targets[number]), round(float(bounds[number]), 3)
            )
            found.append(place)
            if len(found) == MOST_PLACES:
                break
    return found


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = point.tolist()
    return x, y, z
