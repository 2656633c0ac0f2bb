"""Outlines of regions and isodose lines on one image: each pixel's place is looked up in the object, through any path.

Nothing is resampled: a lattice of places of the image plane is mapped into the frame of the object, and lines are drawn
where membership or dose changes between neighbours. So lines are as exact as the lattice, whose step the
answer states.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import contourpy
import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.archive import Archive
from longitudinal.geometry.contours import Region
from longitudinal.geometry.grids import Grid
from longitudinal.geometry.image_plane import patient_from_pixel
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.patients.remembered import Remembered
from longitudinal.points.radiotherapy.doses import fault_of, grid_of
from longitudinal.points.radiotherapy.memory import ObjectMemory
from longitudinal.points.radiotherapy.place import Places
from longitudinal.points.radiotherapy.structures import REASONS, regions_of
from longitudinal.points.resolve import Source
from longitudinal.points.resolver import PixelQuestion, QuestionFilters, Resolver
from longitudinal.points.stale import Stale, find_stale_transforms, transforms_used, until_current
from longitudinal.reasons import DoseReason, StructureReason

Floats = NDArray[np.float64]
Lines = list[list[tuple[float, float]]]
"""Each a chain of (row, column), 0-based and fractional."""

MOST_PLACES: Final = 256
"""Of a side of the lattice: half a millimetre in a head, two in a body."""
_KEPT: Final = 64


class Outline(msgspec.Struct, rename="camel", frozen=True):
    """One region on the image; no lines where it does not meet the plane."""

    sop_instance_uid: str
    roi_number: int
    name: str
    colour: tuple[int, int, int] | None
    lines: Lines
    path: tuple[str, ...] | None
    uncertainty_mm: float | None
    reason: StructureReason | None = None
    detail: str = ""


class Isodose(msgspec.Struct, rename="camel", frozen=True):
    """The lines of one dose, Gy."""

    gy: float
    lines: Lines


class DoseLines(msgspec.Struct, rename="camel", frozen=True):
    """One dose on the image; `largestGy` is the largest on the lattice."""

    sop_instance_uid: str
    largest_gy: float | None
    levels: list[Isodose]
    path: tuple[str, ...] | None
    uncertainty_mm: float | None
    reason: DoseReason | None = None
    detail: str = ""


class Overlays(msgspec.Struct, rename="camel", frozen=True):
    """Lines on one frame of an image; they are exact to `stepMm`, the distance of the places that were looked up."""

    sop_instance_uid: str
    frame_number: int
    step_mm: float
    structures: list[Outline]
    doses: list[DoseLines]


class _Lattice:
    """Places of an image plane, and the path of each into other frames."""

    def __init__(self, index: PatientIndex, source: Source) -> None:
        self.index, self.source = index, source
        plane = index.stack_set.planes[source.plane]
        rows, columns = int(plane["rows"]), int(plane["columns"])
        self.rows = np.linspace(-0.5, rows - 0.5, min(MOST_PLACES, 2 * rows) + 1)
        self.columns = np.linspace(-0.5, columns - 0.5, min(MOST_PLACES, 2 * columns) + 1)
        down, right = float(plane["spacing"][0]), float(plane["spacing"][1])
        self.step_mm = max((self.rows[1] - self.rows[0]) * down, (self.columns[1] - self.columns[0]) * right)
        row, column = np.meshgrid(self.rows, self.columns, indexing="ij")
        self._points = patient_from_pixel(plane, row.ravel(), column.ravel())
        self._mapped: dict[str, Floats] = {}

    def points(self, frame: str) -> Floats:
        """(n, 3) in a frame that a path leads to; NaN where the path does not reach."""
        if frame not in self._mapped:
            way = self.index.way_between(self.source.frame, frame)
            assert way is not None
            self._mapped[frame] = np.asarray(way.path.map_points(self._points))
        return self._mapped[frame]

    def lines(self, field: Floats, level: float) -> Lines:
        """Where a field (n,) crosses a level."""
        grid = field.reshape(len(self.rows), len(self.columns))
        made = contourpy.contour_generator(self.columns, self.rows, np.ma.masked_invalid(grid))
        return [
            [(round(row, 2), round(column, 2)) for column, row in np.asarray(line).tolist()]
            for line in made.lines(level)
        ]


class OverlayLines:
    """Answers with the lines on an image, and remembers the answers of a patient until anything of it changes.

    Parameters
    ----------
    heal
        Takes what is out of date and returns once the sidecar is updated.
    """

    def __init__(
        self, resolver: Resolver, archive: Archive, memory: ObjectMemory, heal: Callable[[Stale], None]
    ) -> None:
        self._resolver = resolver
        self._archive = archive
        self._memory = memory
        self._heal = heal
        self._kept: Remembered[tuple[Any, ...], tuple[PatientIndex, set[str], Overlays]] = Remembered(_KEPT)

    def draw(self, question: PixelQuestion, levels: tuple[float, ...]) -> Overlays:
        """The outlines and isodose lines on the frame that a pixel is of.

        Raises
        ------
        NotFound, Ambiguous, OutsideImage, NotIndexable
            As `Resolver.find`.
        """

        def ask() -> tuple[Overlays | None, Stale]:
            found = self._resolver.locate(question, QuestionFilters())
            index = found.index
            objects = [
                each
                for each in self._memory.of_patient(index)
                if each.content.structure_set or each.content.dose
            ]
            gone = tuple(
                each.orthanc_id for each in objects if not self._archive.has_instance(each.orthanc_id)
            )
            key = (id(index), question.sop_instance_uid, question.frame_number, levels)
            overlays = None
            try:
                _, paths, overlays = self._kept.get(
                    key, partial(self._draw, index, found.source, question, objects, levels)
                )
            except KeyError as error:
                gone = (*gone, str(error.args[0]))
                paths = set()
            stale = find_stale_transforms(self._archive, transforms_used(index, paths))
            return overlays, Stale((*stale.instances, *gone), (), stale.rejected)

        overlays = until_current(ask, self._heal, "objects are being deleted")
        assert overlays is not None
        return overlays

    def _draw(
        self,
        index: PatientIndex,
        source: Source,
        question: PixelQuestion,
        objects: list[RelatedObject],
        levels: tuple[float, ...],
    ) -> tuple[PatientIndex, set[str], Overlays]:
        lattice, places = _Lattice(index, source), Places(index, source, frozenset())
        structures: list[Outline] = []
        doses: list[DoseLines] = []
        for each in objects:
            if each.content.structure_set is not None:
                structures += self._outlines(each, lattice, places)
            else:
                doses.append(self._isodoses(each, lattice, places, levels))
        overlays = Overlays(
            question.sop_instance_uid,
            question.frame_number,
            round(float(lattice.step_mm), 3),
            structures,
            doses,
        )
        return index, places.paths, overlays

    def _outlines(self, each: RelatedObject, lattice: _Lattice, places: Places) -> list[Outline]:
        said, regions, found = each.content.structure_set, regions_of(self._memory, lattice.index, each), []
        assert said is not None
        for roi in said.rois:
            reached = places.reach(roi.frame_of_reference_uid or next(iter(each.frames), None))
            head = (each.sop_instance_uid, roi.number, roi.name, roi.colour)
            region = None if regions.damage else regions.region(roi.number)
            if reached.point is None or reached.frame is None:
                reason, detail = REASONS[reached.reason or "needsAlignment"], reached.detail
            elif region is None:
                reason, detail = REASONS[regions.fault], regions.damage
            elif isinstance(region, tuple):
                reason, detail = REASONS[region[0]], region[1]
            else:
                assert isinstance(region, Region)
                lines = lattice.lines(region.membership(lattice.points(reached.frame)), 0.5)
                found.append(Outline(*head, lines, reached.path, reached.uncertainty_mm))
                continue
            found.append(Outline(*head, [], reached.path, reached.uncertainty_mm, reason, detail))
        return found

    def _isodoses(
        self, each: RelatedObject, lattice: _Lattice, places: Places, levels: tuple[float, ...]
    ) -> DoseLines:
        reached = places.reach(each.frame_of_reference_uid)
        head = (each.sop_instance_uid,)
        fault = fault_of(each, reached, None, frozenset())
        grid = grid_of(self._memory, lattice.index, each) if fault is None else fault
        if not isinstance(grid, Grid):
            return DoseLines(*head, None, [], reached.path, reached.uncertainty_mm, grid[0], grid[1])
        said = each.content.dose
        assert said is not None
        assert reached.frame is not None
        points = lattice.points(reached.frame)
        field = np.full(len(points), np.nan)
        usable = np.isfinite(points).all(axis=1)
        field[usable] = grid.interpolate(points[usable]) * (said.scaling or 0.0)
        if np.isnan(field).all():
            return DoseLines(*head, None, [], reached.path, reached.uncertainty_mm, DoseReason.OUTSIDE_GRID)
        drawn = [Isodose(level, lattice.lines(field, level)) for level in levels]
        return DoseLines(
            *head, round(float(np.nanmax(field)), 4), drawn, reached.path, reached.uncertainty_mm
        )
