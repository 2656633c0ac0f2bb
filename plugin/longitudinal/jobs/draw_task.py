"""What the process that draws does for one image."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar

import contourpy
import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from longitudinal.dicom.related.elements import Buffer, opened
from longitudinal.geometry.contours import Region
from longitudinal.geometry.cut import points_at
from longitudinal.geometry.grids import Grid
from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.pixels import ImageUnavailable
from longitudinal.points.radiotherapy.doses import Faulty, read_grid
from longitudinal.points.radiotherapy.overlay_answer import DoseLines, Isodose, Lines, Outline, Overlays
from longitudinal.points.radiotherapy.overlay_task import DoseToDraw, ObjectToDraw, OutlineToDraw, OverlayTask
from longitudinal.points.radiotherapy.structures import REASONS, Regions, contour_regions, voxel_regions
from longitudinal.reasons import DoseReason

T = TypeVar("T")
Floats = NDArray[np.float64]

MOST_PLACES: Final = 256
"""Of a side, for contours and doses: half a millimetre in a head, two in a body."""
MOST_PIXELS: Final = 512
"""Of a side, for segments: each pixel of most images, so that lines run between the voxels."""


class ObjectStore:
    """Objects as they were read from their files; the least recently used leave.

    Parameters
    ----------
    fetch
        Gives a file that lies nowhere, by the Orthanc id.
    budget
        Bytes.
    """

    def __init__(self, fetch: Callable[[str], bytes], budget: float) -> None:
        self._fetch = fetch
        self._budget = budget
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()

    def regions(self, of: ObjectToDraw) -> Regions:
        """The regions of a structure set or a segmentation. Raises as `_get`."""
        planes = np.frombuffer(of.planes, PLANE)
        try:
            if of.kind == "contours":
                return self._get(of, contour_regions)
            return self._get(of, lambda data: voxel_regions(data, planes, of.segmentation_type, of.maximum))
        except ImageUnavailable as error:
            return Regions(damage=str(error))

    def grid(self, of: ObjectToDraw) -> Grid | Faulty:
        """The grid of a dose. Raises as `_get`."""
        planes = np.frombuffer(of.planes, PLANE)
        try:
            return self._get(of, lambda data: read_grid(data, planes))
        except ImageUnavailable as error:
            return DoseReason.UNREADABLE_PIXELS, str(error)

    def _get(self, of: ObjectToDraw, read: Callable[[Buffer], tuple[T, int]]) -> T:
        """What `read` makes of the file. Raises FileNotFoundError, ImageUnavailable, and what `fetch` does."""
        key = (of.orthanc_id, of.version)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]  # type: ignore[no-any-return]
        if of.path is None:
            value, size = read(self._fetch(of.orthanc_id))
        else:
            try:
                with opened(of.path) as data:
                    value, size = read(data)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise ImageUnavailable(f"the file cannot be read: {error}") from None
        self._kept[key] = value, size
        self._bytes += size
        while self._bytes > self._budget and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1][1]
        return value


class _Lattice:
    """Places over an image: rows (m,) and columns (n,), and the points of each nodes of the task there."""

    def __init__(self, task: OverlayTask, rows: Floats, columns: Floats) -> None:
        self._task, self._rows, self._columns = task, rows, columns
        self._points: dict[int, Floats] = {}
        self._along: dict[tuple[int, bytes], Floats] = {}

    def points(self, nodes: int) -> Floats:
        """(m x n, 3), LPS mm; NaN where no path reaches."""
        if nodes not in self._points:
            of = self._task.nodes[nodes]
            grid = np.frombuffer(of.places, np.float64).reshape(of.rows, of.columns, 3)
            down, right = (self._rows + 0.5) / self._task.rows, (self._columns + 0.5) / self._task.columns
            self._points[nodes] = points_at(grid, down, right).reshape(-1, 3)
        return self._points[nodes]

    def along(self, nodes: int, axes: Floats) -> Floats:
        """The points along the axes of a region, (m x n, 3); computed once for regions with the same axes."""
        key = nodes, axes.tobytes()
        if key not in self._along:
            self._along[key] = self.points(nodes) @ axes.T
        return self._along[key]

    def outline(self, field: Floats) -> Lines:
        """Where a field (m x n,) of 0 and 1 changes; only the part with ones is looked at."""
        inside = field.reshape(len(self._rows), len(self._columns)) == 1
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if not len(rows):
            return []
        down, right = (slice(max(int(found[0]) - 1, 0), int(found[-1]) + 2) for found in (rows, columns))
        return self.lines(field, 0.5, down, right)

    def lines(
        self, field: Floats, level: float, rows: slice = slice(None), columns: slice = slice(None)
    ) -> Lines:
        """Where a field (m x n,) crosses a level, in a window of it."""
        grid = field.reshape(len(self._rows), len(self._columns))[rows, columns]
        made = contourpy.contour_generator(
            self._columns[columns], self._rows[rows], np.ma.masked_invalid(grid)
        )
        return [
            [(row, column) for column, row in np.asarray(line).round(2).tolist()]
            for line in made.lines(level)
        ]


def draw(task: OverlayTask, store: ObjectStore, progress: Callable[[float], None]) -> bytes:
    """`Overlays` as JSON. Raises FileNotFoundError, and what the store does."""
    edges = [
        np.linspace(-0.5, size - 0.5, min(MOST_PLACES, 2 * size) + 1) for size in (task.rows, task.columns)
    ]
    centres = [_centres(size) for size in (task.rows, task.columns)]
    between, within = _Lattice(task, edges[0], edges[1]), _Lattice(task, centres[0], centres[1])
    structures = []
    for number, region in enumerate(task.structures):
        progress(number / len(task.structures))
        structures.append(_outline(task, region, store, between, within))
    doses = [_dose(task, dose, store, between) for dose in task.doses]
    step = max((axis[1] - axis[0]) * spacing for axis, spacing in zip(edges, task.spacing, strict=True))
    overlays = Overlays(task.sop_instance_uid, task.frame_number, round(float(step), 3), structures, doses)
    return msgspec.json.encode(overlays)


def _centres(size: int) -> Floats:
    """The centres of the pixels, or of as many equal parts of the image as there may be."""
    count = max(min(MOST_PIXELS, size), 2)
    return (np.arange(count) + 0.5) * size / count - 0.5


def _outline(
    task: OverlayTask, one: OutlineToDraw, store: ObjectStore, between: _Lattice, within: _Lattice
) -> Outline:
    if one.target is None or one.nodes is None:
        return one.outline
    regions = store.regions(task.objects[one.target])
    region = None if regions.damage else regions.region(one.outline.roi_number)
    if region is None:
        return replace(one.outline, reason=REASONS[regions.fault], detail=regions.damage)
    if isinstance(region, tuple):
        return replace(one.outline, reason=REASONS[region[0]], detail=region[1])
    if isinstance(region, Region):
        field = region.membership_along(between.along(one.nodes, region.axes))
        return replace(one.outline, lines=between.outline(field))
    return replace(one.outline, lines=within.outline(region.membership(within.points(one.nodes))))


def _dose(task: OverlayTask, one: DoseToDraw, store: ObjectStore, lattice: _Lattice) -> DoseLines:
    if one.target is None or one.nodes is None:
        return one.dose
    of = task.objects[one.target]
    grid = store.grid(of)
    if not isinstance(grid, Grid):
        return replace(one.dose, reason=grid[0], detail=grid[1])
    points = lattice.points(one.nodes)
    field = np.full(len(points), np.nan)
    usable = np.isfinite(points).all(axis=1)
    field[usable] = grid.interpolate(points[usable]) * of.scaling
    if np.isnan(field).all():
        return replace(one.dose, reason=DoseReason.OUTSIDE_GRID)
    levels = [Isodose(level, lattice.lines(field, level)) for level in task.levels]
    return replace(one.dose, largest_gy=round(float(np.nanmax(field)), 4), levels=levels)
