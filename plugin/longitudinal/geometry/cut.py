"""A stack cut along a surface: the value at each of many points, interpolated between the two planes beside it.

The browser does the same (`web/timeline/compare/cut.js`); both are tested against SimpleITK.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.image_plane import Planes, normals, pixel_from_patient
from longitudinal.geometry.stack import GAP_FACTOR

Floats = NDArray[np.float64]
ReadPlane = Callable[[int], NDArray[np.float32]]
"""Gives the rescaled pixels (rows, columns) of a plane; NaN where there is padding."""

_EDGE_MM = 1e-6
_TURNS = 2
"""Planes of a stack are rotated against each other by 2 degrees at most: so many corrections find the slice below."""


def points_between(nodes: Floats, rows: int, columns: int) -> Floats:
    """Points (rows, columns, 3) of an image by those of a grid over it, in proportion.

    Parameters
    ----------
    nodes
        (v, u, 3) at even distances over the whole image, its corners included: from -0.5 to rows - 0.5 and columns - 0.5.
    """
    return points_at(nodes, (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns)


def points_at(nodes: Floats, down: Floats, right: Floats) -> Floats:
    """Points (m, n, 3) at shares 0..1 of the height (m) and the width (n) of the image that `nodes` cover, as above."""
    down, right = down * (len(nodes) - 1), right * (nodes.shape[1] - 1)
    top = np.minimum(down.astype(int), len(nodes) - 2)
    left = np.minimum(right.astype(int), nodes.shape[1] - 2)
    dy, dx = (down - top)[:, None, None], (right - left)[None, :, None]
    upper = nodes[top][:, left] * (1 - dx) + nodes[top][:, left + 1] * dx
    lower = nodes[top + 1][:, left] * (1 - dx) + nodes[top + 1][:, left + 1] * dx
    return np.asarray(upper * (1 - dy) + lower * dy)


def cut_stack(planes: Planes, end_mm: float, read: ReadPlane, points: Floats) -> NDArray[np.float32]:
    """The values (n,) of a stack at points (n, 3), LPS mm of its frame; NaN where there is nothing.

    Parameters
    ----------
    planes
        (m,) in order along their normal.
    end_mm
        How far the first and the last plane reach outwards, and each plane into a hole.
    read
        Called once for each plane that is needed, in order.
    """
    below = _slice_below(planes, points)
    weights, slices = _weights(planes, end_mm, points, below)
    values = np.zeros(len(points), np.float32)
    for number in np.unique(slices[weights > 0]):
        pixels = read(int(number))
        for side in range(2):
            members = np.flatnonzero((slices[side] == number) & (weights[side] > 0))
            values[members] += weights[side, members] * _in_plane(planes[number], pixels, points[members])
    values[weights.sum(axis=0) == 0] = np.nan
    return values


def _slice_below(planes: Planes, points: Floats) -> NDArray[np.intp]:
    """The plane at or below each point; -1 below the first."""
    normal = normals(planes).mean(axis=0)
    centres = planes["position"] @ normal
    below = np.searchsorted(centres, points @ normal, side="right") - 1
    last = len(planes) - 1
    for _ in range(_TURNS):
        below = below - ((below >= 0) & (_over(planes, np.maximum(below, 0), points) < 0))
        above = np.minimum(below + 1, last)
        below = below + ((below < last) & (_over(planes, above, points) >= 0))
    below[np.isnan(points).any(axis=1)] = -1
    return np.asarray(below, np.intp)


def _over(planes: Planes, numbers: NDArray[np.intp], points: Floats) -> Floats:
    """mm of each point over its plane, along the normal."""
    facing = normals(planes)
    heights = np.einsum("ni,ni->n", facing, planes["position"])
    return np.asarray(np.einsum("ni,ni->n", facing[numbers], points) - heights[numbers])


def _weights(
    planes: Planes, end_mm: float, points: Floats, below: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Of the plane below and the one above each point: the weights and the numbers, both (2, n)."""
    last = len(planes) - 1
    lower, upper = np.clip(below, 0, last), np.clip(below + 1, 0, last)
    over, under = _over(planes, lower, points), -_over(planes, upper, points)
    gap = over + under
    usual = float(np.median(np.diff(planes["position"] @ normals(planes).mean(axis=0)))) if last else np.inf
    is_between = (below >= 0) & (below < last)
    is_hole = is_between & (gap > GAP_FACTOR * usual)
    share = np.where(is_between, over / np.where(gap > 0, gap, 1), 0.0)
    near = np.where(below < 0, under, np.where(below == last, over, np.minimum(over, under)))
    share[is_hole] = (under < over)[is_hole]
    share[below < 0] = 1
    share[share < _EDGE_MM] = 0
    weights = np.stack([1 - share, share]).astype(np.float32)
    weights[:, (~is_between | is_hole) & ~(near <= end_mm + _EDGE_MM)] = 0
    weights[:, np.isnan(points).any(axis=1)] = 0
    return weights, np.stack([lower, upper])


def _in_plane(plane: Planes, pixels: NDArray[np.float32], points: Floats) -> NDArray[np.float32]:
    """Values where points project on one plane, bilinear; NaN outside, and where the nearest pixel is NaN."""
    rows, columns = pixels.shape
    row, column, _ = pixel_from_patient(plane, points)
    inside = (row >= -0.5) & (column >= -0.5) & (row <= rows - 0.5) & (column <= columns - 0.5)
    y, x = np.clip(np.nan_to_num(row), 0, rows - 1), np.clip(np.nan_to_num(column), 0, columns - 1)
    top, left = y.astype(int), x.astype(int)
    bottom, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, columns - 1)
    dy, dx = y - top, x - left
    total = np.zeros(len(points))
    share = np.zeros(len(points))
    for j, i, weight in (
        (top, left, (1 - dy) * (1 - dx)), (top, right, (1 - dy) * dx),
        (bottom, left, dy * (1 - dx)), (bottom, right, dy * dx),
    ):  # fmt: skip
        value = pixels[j, i]
        is_known = ~np.isnan(value)
        total += np.where(is_known, value, 0) * weight
        share += is_known * weight
    nearest = pixels[np.where(dy < 0.5, top, bottom), np.where(dx < 0.5, left, right)]
    known = inside & ~np.isnan(nearest) & (share > 0)
    return np.where(known, total / np.where(share > 0, share, 1), np.nan).astype(np.float32)
