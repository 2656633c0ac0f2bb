"""A region of interest drawn as contours in parallel planes: membership, signed distance, volume.

The region is a stack of prisms: each plane's area times its slab. A slab reaches half-way to the neighbouring planes where
these are at the usual spacing (the median), otherwise half of the usual spacing: gaps are not filled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.polygons import Edges, crossings, edges_of, even_odd_area, squared_distances
from longitudinal.geometry.slabs import slabs_of

Floats = NDArray[np.float64]
Fault = Literal["noContours", "notPlanar", "mixedPlanes", "singlePlane"]

FLATNESS_MM: Final = 0.5
"""How far the points of a contour may be from its plane: coordinates are written with one decimal at worst."""
SAME_PLANE_MM: Final = 0.05
"""Contours this near to each other along the normal are in one plane: rounding, a tenth of the thinnest slices."""
SMALLEST_MM2: Final = 1e-3
"""A contour with less area is a point or a line."""
DUPLICATE_SHARE: Final = 0.05
"""Contours that differ in less than this share of the larger area are copies of each other."""
NESTED_SHARE: Final = 0.01
"""A contour with less than this share of its area outside another one lies in it."""
BUNDLE: Final = 16
"""Edges that share a box: numpy takes as long for one as for so many."""


@dataclass(frozen=True, slots=True)
class Plane:
    """The contours of one plane: `height` along the normal, from `low` to `high` the slab, mm.

    `edges` are those of all contours; `first` where the edges of each begin; `overlaps` the pairs that partly overlap.
    """

    height: float
    low: float
    high: float
    edges: Edges
    first: NDArray[np.intp]
    overlaps: tuple[tuple[int, int], ...]

    @property
    def area_mm2(self) -> float:
        """The area inside by the even-odd rule."""
        return even_odd_area(self.edges)

    def covered(self, x: float, y: float) -> NDArray[np.bool_]:
        """Which contours cover a point."""
        counts = np.add.reduceat(crossings(self.edges, x, y), self.first, dtype=np.intp)
        return np.asarray(counts % 2 == 1)


@dataclass(frozen=True)
class Region:
    """A region of parallel contours.

    Attributes
    ----------
    axes
        (3, 3): two directions in the planes and their normal, as rows, unit vectors in LPS.
    planes
        In order along the normal.
    duplicates
        How many contours were dropped as copies of another.
    degenerate
        How many were dropped because they have no area.
    gaps
        How many neighbouring planes are farther apart than usual.
    """

    axes: Floats
    planes: tuple[Plane, ...]
    duplicates: int = 0
    degenerate: int = 0
    gaps: int = 0

    @property
    def is_tilted(self) -> bool:
        """Whether the planes are not axial, coronal or sagittal."""
        return bool(np.abs(self.axes[2]).max() < 1 - 1e-6)

    @cached_property
    def volume_mm3(self) -> float:
        """The sum of the planes' areas, each times its slab."""
        return sum(plane.area_mm2 * (plane.high - plane.low) for plane in self.planes)

    @cached_property
    def box(self) -> Floats:
        """(2, 3): the least and the largest coordinates along the axes."""
        edges = np.vstack([plane.edges[:, :2] for plane in self.planes])
        low, high = self.planes[0].low, self.planes[-1].high
        return np.array([[*edges.min(axis=0), low], [*edges.max(axis=0), high]])

    def local(self, point: Floats) -> tuple[float, float, float]:
        """A point (LPS mm) along the axes."""
        x, y, height = (self.axes @ point).tolist()
        return x, y, height

    def plane_at(self, height: float) -> Plane | None:
        """The plane whose slab holds a height; None beyond the ends and in a gap."""
        for plane in self.planes:
            if plane.low <= height < plane.high:
                return plane
        return None

    def is_inside(self, point: Floats) -> bool | None:
        """Whether a point (3,), LPS mm, is inside; None where two contours that partly overlap both cover it."""
        x, y, height = self.local(point)
        plane = self.plane_at(height)
        if plane is None:
            return False
        covered = plane.covered(x, y)
        if any(covered[first] and covered[second] for first, second in plane.overlaps):
            return None
        return bool(covered.sum() % 2)

    def membership(self, points: Floats) -> Floats:
        """(n,): 1 inside and 0 outside by the even-odd rule, of points (n, 3), LPS mm; NaN stays NaN."""
        return self.membership_along(points @ self.axes.T)

    def membership_along(self, local: Floats) -> Floats:
        """The same of points (n, 3) along the axes, which regions of one structure set mostly share."""
        found = np.where(np.isnan(local[:, 0]), np.nan, 0.0)
        if np.isnan(local[:, 2]).all():
            return found
        x, y, height = local.T
        lowest, highest = np.nanmin(height), np.nanmax(height)
        for plane, (x0, x1, y0, y1, low, high) in zip(self.planes, self._boxes.tolist(), strict=True):
            if low > highest or high <= lowest:
                continue
            near = (height >= low) & (height < high) & (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
            mine = np.flatnonzero(near)
            if len(mine):
                found[mine] = _even_odd(plane.edges, x[mine], y[mine])
        return found

    def is_in_gap(self, point: Floats) -> bool:
        """Whether a point is between the ends, at a height where no contour was drawn."""
        height = self.local(point)[2]
        return self.planes[0].low <= height < self.planes[-1].high and self.plane_at(height) is None

    def signed_distance_mm(self, point: Floats) -> float:
        """How far a point (3,), LPS mm, is from the surface of the stack of prisms; negative inside.

        The surface is the walls, which are the edges times their slabs, and the floors and ceilings, where a plane covers
        the point and its neighbour does not.
        """
        x, y, height = self.local(point)
        plane = self.plane_at(height)
        inside = plane is not None and self._covers(plane, x, y)
        nearest = self._walls.distance(x, y, height)
        if inside:
            nearest = min(nearest, self._to_open_height(height))
        for number in self._near_planes(x, y, height, nearest, only_over=not inside):
            other = self.planes[number]
            if self._covers(other, x, y) != inside:
                nearest = max(other.low - height, height - other.high, 0.0)
                break
        return -nearest if inside else nearest

    def _covers(self, plane: Plane, x: float, y: float) -> bool:
        return bool(crossings(plane.edges, x, y).sum() % 2)

    def _near_planes(
        self, x: float, y: float, height: float, nearest: float, *, only_over: bool
    ) -> list[int]:
        """Planes whose slab is nearer than so much, the nearest first; of those, on demand, whose box is over the point."""
        boxes = self._boxes
        away = np.maximum(np.maximum(boxes[:, 4] - height, height - boxes[:, 5]), 0.0)
        wanted = away < nearest
        if only_over:
            wanted &= (boxes[:, 0] <= x) & (x <= boxes[:, 1]) & (boxes[:, 2] <= y) & (y <= boxes[:, 3])
        found = np.flatnonzero(wanted)
        return [int(number) for number in found[np.argsort(away[found], kind="stable")]]

    @cached_property
    def _boxes(self) -> Floats:
        """(planes, 6): least and largest x, least and largest y, and the slab, of each plane."""
        found = []
        for plane in self.planes:
            (x0, y0), (x1, y1) = plane.edges[:, :2].min(axis=0), plane.edges[:, :2].max(axis=0)
            found.append((x0, x1, y0, y1, plane.low, plane.high))
        return np.array(found)

    @cached_property
    def _walls(self) -> _Walls:
        return _Walls(self.planes)

    def _to_open_height(self, height: float) -> float:
        """From a height to the nearest at which there is no slab."""
        ends = [(self.planes[0].low, self.planes[-1].high)]
        for below, above in pairwise(self.planes):
            if above.low > below.high:
                ends.append((above.low, below.high))
        return min(abs(height - end) for pair in ends for end in pair)


def _even_odd(edges: Edges, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Which of many points an odd number of edges is to the right of."""
    inside = np.zeros(len(x), dtype=bool)
    for x0, y0, x1, y1 in edges[edges[:, 1] != edges[:, 3]].tolist():
        spans = np.flatnonzero((y0 <= y) != (y1 <= y))
        if len(spans):
            inside[spans] ^= x0 + (y[spans] - y0) * ((x1 - x0) / (y1 - y0)) > x[spans]
    return inside


class _Walls:
    """The edges of all planes in bundles with boxes, so that only the nearest bundles are measured."""

    def __init__(self, planes: Sequence[Plane]) -> None:
        bundles, slabs = [], []
        for plane in planes:
            count = -(-len(plane.edges) // BUNDLE)
            # the last bundle of a plane is filled with copies of its last edge
            filled = np.minimum(np.arange(count * BUNDLE), len(plane.edges) - 1)
            bundles.append(plane.edges[filled].reshape(count, BUNDLE, 4))
            slabs += [(plane.low, plane.high)] * count
        self._edges = np.concatenate(bundles)
        self._slabs = np.array(slabs)
        x, y = self._edges[:, :, ::2], self._edges[:, :, 1::2]
        self._x = np.stack((x.min(axis=(1, 2)), x.max(axis=(1, 2))))
        self._y = np.stack((y.min(axis=(1, 2)), y.max(axis=(1, 2))))

    def distance(self, x: float, y: float, height: float) -> float:
        """From the nearest wall, mm."""
        up = np.maximum(np.maximum(self._slabs[:, 0] - height, height - self._slabs[:, 1]), 0.0)
        along = np.maximum(np.maximum(self._x[0] - x, x - self._x[1]), 0.0)
        across = np.maximum(np.maximum(self._y[0] - y, y - self._y[1]), 0.0)
        up *= up
        least = up + along * along + across * across
        first = int(least.argmin())
        best = float(up[first] + squared_distances(self._edges[first], x, y).min())
        nearer = np.flatnonzero(least < best)
        if len(nearer):
            measured = (
                squared_distances(self._edges[nearer].reshape(-1, 4), x, y).reshape(-1, BUNDLE).min(axis=1)
            )
            best = min(best, float((measured + up[nearer]).min()))
        return math.sqrt(best)


def build_region(
    contours: Sequence[Floats], *, is_xor: bool = False, slab_mm: float | None = None
) -> Region | Fault:
    """Build a region of closed contours.

    Parameters
    ----------
    contours
        Points of each, (n, 3), LPS mm, in the order of the file.
    is_xor
        CLOSEDPLANAR_XOR: every contour counts, copies too (PS3.3 C.8.8.6.3).
    slab_mm
        The slab of a single plane, if somebody states it.

    Returns
    -------
    Region, or why there is none
        ``singlePlane``: one plane has no spacing, so its slab is not known.
    """
    normals = [_area_vector(contour) for contour in contours]
    usable = [i for i, normal in enumerate(normals) if np.linalg.norm(normal) >= SMALLEST_MM2]
    if not usable:
        return "noContours"
    axes = _axes([normals[i] for i in usable])
    local = [contours[i] @ axes.T for i in usable]
    fault = _flatness([contours[i] for i in usable], local)
    if fault is not None:
        return fault
    groups = _by_plane(local)
    heights = np.array([np.mean([local[i][:, 2].mean() for i in group]) for group in groups])
    if len(groups) == 1 and slab_mm is None:
        return "singlePlane"
    slabs, gaps = slabs_of(heights, slab_mm)
    planes, dropped = [], 0
    for height, (low, high), group in zip(heights.tolist(), slabs, groups, strict=True):
        kept, overlaps = _without_copies([edges_of(local[i][:, :2]) for i in group], is_xor=is_xor)
        dropped += len(group) - len(kept)
        first = np.cumsum([0] + [len(edges) for edges in kept[:-1]])
        planes.append(Plane(height, low, high, np.vstack(kept), first, overlaps))
    return Region(axes, tuple(planes), dropped, len(contours) - len(usable), gaps)


def _area_vector(contour: Floats) -> Floats:
    """The normal of a closed contour, as long as its area, mm2 (Newell)."""
    if len(contour) < 3:
        return np.zeros(3)
    about = contour[1:] - contour[0]
    x, y, z = about[:-1].T
    next_x, next_y, next_z = about[1:].T
    return np.array([y @ next_z - z @ next_y, z @ next_x - x @ next_z, x @ next_y - y @ next_x]) / 2


def _axes(normals: list[Floats]) -> Floats:
    """Two directions in the planes and the common normal, a right-handed system; x and y themselves for axial planes."""
    largest = max(normals, key=lambda normal: float(np.linalg.norm(normal)))
    total = sum((normal if normal @ largest >= 0 else -normal for normal in normals), np.zeros(3))
    normal = total / np.linalg.norm(total)
    if normal[np.abs(normal).argmax()] < 0:
        normal = -normal
    across = np.eye(3)[0 if abs(normal[0]) < 0.9 else 1]
    along = across - (across @ normal) * normal
    along /= np.linalg.norm(along)
    return np.vstack((along, np.cross(normal, along), normal))


def _flatness(contours: list[Floats], local: list[Floats]) -> Fault | None:
    for contour, along in zip(contours, local, strict=True):
        if np.ptp(along[:, 2]) <= 2 * FLATNESS_MM:
            continue
        own = contour @ _axes([_area_vector(contour)])[2]
        return "notPlanar" if np.ptp(own) > 2 * FLATNESS_MM else "mixedPlanes"
    return None


def _by_plane(local: list[Floats]) -> list[list[int]]:
    """Contours of one plane each, in the order of the planes; within a plane in the order of the file."""
    heights = np.array([contour[:, 2].mean() for contour in local])
    order = np.argsort(heights, kind="stable")
    groups: list[list[int]] = []
    last = -math.inf
    for i in order.tolist():
        if heights[i] - last > SAME_PLANE_MM:
            groups.append([])
        groups[-1].append(i)
        last = heights[i]
    return [sorted(group) for group in groups]


def _without_copies(
    polygons: list[Edges], *, is_xor: bool
) -> tuple[list[Edges], tuple[tuple[int, int], ...]]:
    """The polygons of a plane without near-duplicates of an earlier one, and the pairs that partly overlap."""
    if len(polygons) == 1 or is_xor:
        return polygons, ()
    kept: list[Edges] = []
    areas: list[float] = []
    overlaps = []
    for polygon in polygons:
        area = even_odd_area(polygon)
        partly = []
        for number, other in enumerate(kept):
            if not _boxes_meet(polygon, other):
                continue
            apart = even_odd_area(np.vstack((polygon, other)))
            if apart < DUPLICATE_SHARE * max(area, areas[number]):
                break
            common = (area + areas[number] - apart) / 2
            smaller = min(area, areas[number])
            if NESTED_SHARE * smaller < common < (1 - NESTED_SHARE) * smaller:
                partly.append((number, len(kept)))
        else:
            kept.append(polygon)
            areas.append(area)
            overlaps += partly
    return kept, tuple(overlaps)


def _boxes_meet(one: Edges, other: Edges) -> bool:
    low, high = one[:, :2].min(axis=0), one[:, :2].max(axis=0)
    return bool((other[:, :2].max(axis=0) > low).all() and (other[:, :2].min(axis=0) < high).all())
