"""Outlines of regions and isodose lines on one image: each pixel's place is looked up in the object, through any path.

Nothing is resampled: places of the image plane are mapped into the frame of each object, and lines are drawn where
membership or dose changes between neighbours. Here it is found out what is to be drawn and where it lies; a process beside
Orthanc's draws it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, Protocol

import numpy as np
from msgspec.structs import replace

from longitudinal.archive import Archive
from longitudinal.dicom.sop_classes import RT_STRUCTURE_SET
from longitudinal.geometry.image_plane import Planes
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.patients.remembered import Remembered
from longitudinal.points.radiotherapy.doses import dose_planes, fault_of, is_unreadable_dose, plan_of
from longitudinal.points.radiotherapy.memory import ObjectMemory
from longitudinal.points.radiotherapy.overlay_answer import DoseLines, Outline
from longitudinal.points.radiotherapy.overlay_task import (
    DoseToDraw,
    ObjectToDraw,
    OutlineToDraw,
    OverlayTask,
    PlaneNodes,
)
from longitudinal.points.radiotherapy.place import Places, Reached
from longitudinal.points.radiotherapy.structures import (
    REASONS,
    UNPLACED,
    is_unreadable_structure,
    own_frame,
    planes_of,
)
from longitudinal.points.reslice import nodes_of
from longitudinal.points.resolve import Source
from longitudinal.points.resolver import PixelQuestion, QuestionFilters, Resolver
from longitudinal.points.stale import Stale, find_stale_transforms, transforms_used, until_current
from longitudinal.reasons import DoseReason, StructureReason

_KEPT: Final = 64
_FRACTIONAL: Final = "fractional: from half of Maximum Fractional Value on"
_Kept = tuple[PatientIndex, set[str], bytes]


class Drawer(Protocol):
    """Draws, in a process of its own."""

    def draw(self, task: OverlayTask) -> bytes:
        """`overlay_answer.Overlays` as JSON.

        Raises
        ------
        Busy
            There is no time for it at the moment.
        Unprocessable
            It cannot be drawn.
        KeyError
            An object (Orthanc id) is gone.
        """


class OverlayLines:
    """Answers with the lines on an image, and remembers the answers of a patient until anything of it changes.

    Parameters
    ----------
    heal
        Takes what is out of date and returns once the sidecar is updated.
    """

    def __init__(
        self, resolver: Resolver, archive: Archive, memory: ObjectMemory, drawer: Drawer, heal: Callable[[Stale], None]
    ) -> None:  # fmt: skip
        self._resolver = resolver
        self._archive = archive
        self._memory = memory
        self._drawer = drawer
        self._heal = heal
        self._kept: Remembered[tuple[Any, ...], _Kept] = Remembered(_KEPT)

    def draw(self, question: PixelQuestion, levels: tuple[float, ...]) -> bytes:
        """The outlines and isodose lines on the frame that a pixel is of: `Overlays` as JSON.

        Raises
        ------
        NotFound, Ambiguous, OutsideImage, NotIndexable
            As `Resolver.find`.
        Busy, Unprocessable
            As `Drawer.draw`.
        """

        def ask() -> tuple[bytes, Stale]:
            found = self._resolver.locate(question, QuestionFilters())
            index = found.index
            patient = self._memory.radiotherapy_of(index)
            gone = tuple(
                each.orthanc_id
                for each in patient.objects
                if each.content.plan is None and not self._archive.has_instance(each.orthanc_id)
            )
            key = (id(index), question.sop_instance_uid, question.frame_number, levels)
            paths: set[str] = set()
            overlays = b""
            try:
                if not gone:
                    make = partial(self._draw, index, found.source, question, levels)
                    _, paths, overlays = self._kept.get(key, make)
            except KeyError as error:
                gone = (str(error.args[0]),)
            stale = find_stale_transforms(self._archive, index, transforms_used(index, paths))
            return overlays, Stale((*stale.instances, *gone), (), stale.rejected)

        return until_current(ask, self._heal, "objects are being deleted")

    def _draw(
        self, index: PatientIndex, source: Source, question: PixelQuestion, levels: tuple[float, ...]
    ) -> _Kept:
        planned = _Plan(self._archive, self._memory, index, source)
        return index, planned.places.paths, self._drawer.draw(planned.task(question, levels))


class _Plan:
    """What is to be drawn on one plane, and where each object lies from there."""

    def __init__(self, archive: Archive, memory: ObjectMemory, index: PatientIndex, source: Source) -> None:
        self._archive = archive
        self._index = index
        self._source = source
        self._patient = memory.radiotherapy_of(index)
        self._plane = np.asarray(index.stack_set.planes[source.plane])
        self._nodes: list[PlaneNodes] = []
        self._nodes_of: dict[str, int] = {}
        self._objects: list[ObjectToDraw] = []
        self.places = Places(index, source, self._patient.targets.foreign)

    def task(self, question: PixelQuestion, levels: tuple[float, ...]) -> OverlayTask:
        """Everything. Raises KeyError where an object is gone."""
        structures: list[OutlineToDraw] = []
        doses: list[DoseToDraw] = []
        for each in self._patient.objects:
            said = each.content
            if said.structure_set is not None:
                structures += self._contours(each)
            elif said.segmentation is not None:
                structures += self._segments(each)
            elif said.dose is not None:
                doses.append(self._dose(each))
            elif is_unreadable_structure(each):
                kind: Literal["contours", "segment"] = (
                    "contours" if each.sop_class_uid == RT_STRUCTURE_SET else "segment"
                )
                outline = Outline(kind, each.sop_instance_uid, 0, "", None, [], None, None)
                structures.append(
                    OutlineToDraw(replace(outline, reason=StructureReason.UNREADABLE, detail=said.damage))
                )
            elif is_unreadable_dose(each):
                dose = DoseLines(each.sop_instance_uid, None, [], None, None)
                doses.append(
                    DoseToDraw(replace(dose, reason=DoseReason.UNREADABLE_PIXELS, detail=said.damage))
                )
        down, right = self._plane["spacing"].tolist()
        return OverlayTask(
            question.sop_instance_uid, question.frame_number, int(self._plane["rows"]), int(self._plane["columns"]),
            (down, right), list(levels), self._objects, self._nodes, structures, doses,
        )  # fmt: skip

    def _contours(self, each: RelatedObject) -> list[OutlineToDraw]:
        said, own, target, found = each.content.structure_set, own_frame(each), None, []
        assert said is not None
        for roi in said.rois:
            reached = self.places.reach(roi.frame_of_reference_uid or own)
            outline = Outline(
                "contours", each.sop_instance_uid, roi.number, roi.name, roi.colour, [], reached.path,
                reached.uncertainty_mm,
            )  # fmt: skip
            if reached.point is not None and target is None:
                target = self._object(each, "contours")
            found.append(self._outline(outline, reached, target))
        return found

    def _segments(self, each: RelatedObject) -> list[OutlineToDraw]:
        said, reached, target = (
            each.content.segmentation,
            self.places.reach(each.frame_of_reference_uid),
            None,
        )
        assert said is not None
        planes = planes_of(self._index, each)
        if reached.point is not None and planes is not None:
            target = self._object(each, "segments", planes, segmentation_type=said.type, maximum=said.maximum)
        found = []
        for segment in said.segments:
            outline = Outline(
                "segment", each.sop_instance_uid, segment.number, segment.label, None, [], reached.path,
                reached.uncertainty_mm, detail=_FRACTIONAL if said.type == "FRACTIONAL" else "",
            )  # fmt: skip
            if planes is None:
                outline = replace(outline, reason=REASONS[UNPLACED.fault], detail=UNPLACED.damage)
            found.append(self._outline(outline, reached, target))
        return found

    def _outline(self, outline: Outline, reached: Reached, target: int | None) -> OutlineToDraw:
        if reached.point is None or reached.frame is None:
            reason = REASONS[reached.reason or "needsAlignment"]
            return OutlineToDraw(replace(outline, reason=reason, detail=reached.detail))
        if target is None:
            return OutlineToDraw(outline)
        return OutlineToDraw(outline, target, self._mapped(reached.frame))

    def _dose(self, each: RelatedObject) -> DoseToDraw:
        said, reached = each.content.dose, self.places.reach(each.frame_of_reference_uid)
        assert said is not None
        dose = DoseLines(each.sop_instance_uid, None, [], reached.path, reached.uncertainty_mm)
        fault = fault_of(each, reached, plan_of(each), self._patient.targets.foreign)
        planes = dose_planes(self._index, each) if fault is None else fault
        if isinstance(planes, tuple):
            return DoseToDraw(replace(dose, reason=planes[0], detail=planes[1]))
        assert reached.frame is not None
        target = self._object(each, "dose", planes, scaling=said.scaling or 0.0)
        return DoseToDraw(dose, target, self._mapped(reached.frame))

    def _object(self, each: RelatedObject, kind: Any, planes: Planes | None = None, **more: Any) -> int:
        """The number of an object. Raises KeyError where it is gone."""
        stored = self._archive.stored_file(each.orthanc_id)
        version = self._archive.version(each.orthanc_id) if stored.path is None else stored.path
        written = b"" if planes is None else planes.tobytes()
        self._objects.append(ObjectToDraw(each.orthanc_id, stored.path, version, kind, written, **more))
        return len(self._objects) - 1

    def _mapped(self, frame: str) -> int:
        """The number of the nodes in a frame that a path leads to."""
        if frame not in self._nodes_of:
            way = self._index.way_between(self._source.frame, frame)
            assert way is not None
            nodes = nodes_of(self._plane, way)
            self._nodes_of[frame] = len(self._nodes)
            self._nodes.append(PlaneNodes(nodes.tobytes(), nodes.shape[0], nodes.shape[1]))
        return self._nodes_of[frame]
