"""Fiducials of a patient, and the single points of structure sets, as places of the body: read only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec
import numpy as np

from longitudinal.archive import Archive
from longitudinal.dicom.character_sets import default_encoding
from longitudinal.dicom.radiotherapy.fiducials import Fiducial, Mark, read_fiducials
from longitudinal.dicom.related.elements import Buffer, DamagedFile
from longitudinal.dicom.sop_classes import SPATIAL_FIDUCIALS
from longitudinal.geometry.image_plane import patient_from_pixel
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.patients.related_targets import find_targets
from longitudinal.points.radiotherapy.listed import ListedObject, head_of
from longitudinal.points.radiotherapy.memory import ObjectMemory
from longitudinal.points.radiotherapy.structures import own_frame, regions_of
from longitudinal.points.stale import Stale, until_current
from longitudinal.reasons import FiducialReason
from longitudinal.sidecar.connection import Readers

_BYTES_EACH: Final = 1_000
_CORNER: Final = 0.5
"""PS3.3 C.18.6.1.2: the corner of the first pixel is (0, 0); ours is its centre."""
_POINT: Final = "POINT"

Coordinates = list[tuple[float, float, float]]
_Faulty = tuple[FiducialReason, str]


class MarkedImage(msgspec.Struct, rename="camel", frozen=True):
    """The image and the frame (1-based) that a fiducial is marked on."""

    sop_instance_uid: str
    frame_number: int


class FiducialPoint(ListedObject, rename="camel", frozen=True, kw_only=True):
    """One fiducial (kind fiducial), or one POINT contour of a structure set (kind roi).

    `x`, `y`, `z` are where it is in `frameOfReferenceUid`, LPS mm, null with a `reason`. `coordinates` are all of its
    points, as far as they can be placed. `number` is 1-based in its set, or in its region; `statedUncertaintyMm` is Contour
    Uncertainty Radius (0070,0312) as it is written, and no measured error.
    """

    kind: Literal["fiducial", "roi"]
    set_number: int | None
    roi_number: int | None
    number: int
    name: str
    meaning: str
    description: str
    fiducial_uid: str
    shape: str
    colour: tuple[int, int, int] | None
    frame_of_reference_uid: str | None
    x: float | None
    y: float | None
    z: float | None
    coordinates: Coordinates
    image: MarkedImage | None
    stated_uncertainty_mm: float | None
    reason: FiducialReason | None = None
    detail: str = ""


class PatientFiducials(msgspec.Struct, rename="camel", frozen=True):
    """One page of a patient's fiducials, in time order of the studies; `total` counts all."""

    total: int
    limit: int
    offset: int
    points: list[FiducialPoint]


class _OnImage(msgspec.Struct, frozen=True):
    """Where the points of a mark are in the patient."""

    frame: str
    points: Coordinates


class FiducialLists:
    """Lists the fiducials of a patient.

    Parameters
    ----------
    heal
        Takes what is out of date and returns once the sidecar is updated.
    """

    def __init__(
        self, archive: Archive, readers: Readers, memory: ObjectMemory, heal: Callable[[Stale], None]
    ) -> None:
        self._archive = archive
        self._readers = readers
        self._memory = memory
        self._heal = heal

    def of_patient(self, find: Callable[[], PatientIndex], limit: int, offset: int) -> PatientFiducials:
        """The fiducials of a patient; `find` gives the patient as it is at the moment.

        Raises
        ------
        NotFound, Ambiguous
            As `find`.
        """

        def ask() -> tuple[list[FiducialPoint], Stale]:
            index = find()
            order = {study.orthanc_id: number for number, study in enumerate(index.studies)}
            objects = [each for each in self._memory.of_patient(index) if _has_points(each)]
            objects.sort(key=lambda each: (order[each.orthanc_study], each.sop_instance_uid))
            foreign = find_targets(self._readers.connection(), index, objects).foreign
            found: list[FiducialPoint] = []
            gone: list[str] = []
            for each in objects:
                try:
                    if not self._archive.has_instance(each.orthanc_id):
                        raise KeyError(each.orthanc_id)
                    found += self._points(index, each, foreign)
                except KeyError:
                    gone.append(each.orthanc_id)
            return found, Stale(tuple(gone))

        found = until_current(ask, self._heal, "objects are being deleted")
        return PatientFiducials(len(found), limit, offset, found[offset : offset + limit])

    def _points(
        self, index: PatientIndex, each: RelatedObject, foreign: frozenset[tuple[str, str]]
    ) -> Iterator[FiducialPoint]:
        if each.sop_class_uid != SPATIAL_FIDUCIALS:
            yield from self._rois(index, each, foreign)
            return
        try:
            for one in self._memory.get(each.orthanc_id, "fiducials", self._read):
                yield _of_fiducial(index, each, one, foreign)
        except DamagedFile as damage:
            yield _unreadable(each, str(damage))

    def _read(self, data: Buffer) -> tuple[list[Fiducial], int]:
        found = read_fiducials(data, default_encoding(self._archive.default_encoding()))
        return found, _BYTES_EACH * len(found)

    def _rois(
        self, index: PatientIndex, each: RelatedObject, foreign: frozenset[tuple[str, str]]
    ) -> Iterator[FiducialPoint]:
        said, regions = each.content.structure_set, regions_of(self._memory, index, each)
        assert said is not None
        if regions.damage:
            yield _unreadable(each, regions.damage)
            return
        own = own_frame(each)
        for roi in said.rois:
            if _POINT not in roi.contours:
                continue
            drawn = regions.contours.get(roi.number)
            frame = roi.frame_of_reference_uid or own
            points = [] if drawn is None else [part for part in drawn.others if len(part) == 1]
            for number, part in enumerate(points, start=1):
                x, y, z = part[0].tolist()
                yield _placed(
                    index, each, frame, [(x, y, z)], None, foreign, kind="roi", roi_number=roi.number, number=number,
                    name=roi.name, shape=_POINT, colour=roi.colour,
                )  # fmt: skip
            if not points:
                fault = FiducialReason.NOT_A_POINT, "a contour of the type POINT has several points"
                if drawn is not None and drawn.damage:
                    fault = FiducialReason.BAD_COORDINATES, drawn.damage
                yield _point(
                    each, kind="roi", roi_number=roi.number, number=1, name=roi.name, shape=_POINT, colour=roi.colour,
                    frame_of_reference_uid=frame, reason=fault[0], detail=fault[1],
                )  # fmt: skip


def _has_points(each: RelatedObject) -> bool:
    said = each.content.structure_set
    if said is not None:
        return any(_POINT in roi.contours for roi in said.rois)
    return each.sop_class_uid == SPATIAL_FIDUCIALS


def _of_fiducial(
    index: PatientIndex, each: RelatedObject, one: Fiducial, foreign: frozenset[tuple[str, str]]
) -> FiducialPoint:
    said = {
        "kind": "fiducial", "set_number": one.set_number, "number": one.number, "name": one.identifier,
        "meaning": one.meaning, "description": one.description, "fiducial_uid": one.uid, "shape": one.shape,
        "stated_uncertainty_mm": one.radius_mm,
    }  # fmt: skip
    if one.points or not one.marks:
        frame = _frame_of_set(index, one)
        if one.damage:
            return _point(
                each,
                **said,
                frame_of_reference_uid=frame,
                reason=FiducialReason.BAD_COORDINATES,
                detail=one.damage,
            )
        return _placed(index, each, frame, list(one.points), None, foreign, **said)
    first = one.marks[0]
    image = MarkedImage(first.image_uid, first.frame_number)
    points: Coordinates = []
    frames: set[str] = set()
    for mark in one.marks:
        found = _on_image(index, mark, foreign)
        if not isinstance(found, _OnImage):
            return _point(each, **said, image=image, reason=found[0], detail=found[1])
        frames.add(found.frame)
        points += found.points
    if len(frames) > 1:
        detail = "it is marked in several Frames of Reference"
        return _point(each, **said, image=image, reason=FiducialReason.NOT_A_POINT, detail=detail)
    return _placed(index, each, frames.pop(), points, image, foreign, **said)


def _frame_of_set(index: PatientIndex, one: Fiducial) -> str | None:
    """The frame that a set states, otherwise that of its images, which share one."""
    if one.frame_of_reference_uid:
        return one.frame_of_reference_uid
    frames = {
        frame
        for uid in one.image_uids
        for series, instance in index.instances.get(uid, [])
        if (frame := index.series[series].instance_frames[instance])
    }
    return frames.pop() if len(frames) == 1 else None


def _on_image(index: PatientIndex, mark: Mark, foreign: frozenset[tuple[str, str]]) -> _OnImage | _Faulty:
    """The frame and the points of a mark; or why it has no place."""
    places = index.instances.get(mark.image_uid, [])
    if len(places) != 1:
        if not places and ("instance", mark.image_uid) in foreign:
            return FiducialReason.OTHER_PATIENT, f"image {mark.image_uid} is stored under another patient"
        how = "is stored more than once" if places else "is not here"
        return FiducialReason.UNKNOWN_IMAGE, f"image {mark.image_uid or 'without a UID'} {how}"
    series_number, instance = places[0]
    series = index.series[series_number]
    if series.instance_reasons[instance] is not None:
        return (
            FiducialReason.NO_GEOMETRY,
            f"{series.instance_reasons[instance]}: {series.instance_details[instance]}",
        )
    found = index.plane_of_frame(series_number, instance, mark.frame_number)
    frame = series.instance_frames[instance]
    if found is None or not frame:
        return (
            FiducialReason.NO_GEOMETRY,
            f"frame {mark.frame_number} of the image has no place in the patient",
        )
    columns, rows = (np.array(axis) - _CORNER for axis in zip(*mark.points, strict=True))
    points = patient_from_pixel(np.asarray(found[0]), rows, columns)
    return _OnImage(frame, [(x, y, z) for x, y, z in np.atleast_2d(points).tolist()])


def _placed(
    index: PatientIndex, each: RelatedObject, frame: str | None, points: Coordinates, image: MarkedImage | None,
    foreign: frozenset[tuple[str, str]], **said: Any,
) -> FiducialPoint:  # fmt: skip
    """A point in a frame, if it is one and the frame is one that the patient has."""
    fault = _fault(index, frame, points, said["shape"], foreign)
    if fault is not None:
        return _point(
            each,
            **said,
            image=image,
            frame_of_reference_uid=frame,
            coordinates=points,
            reason=fault[0],
            detail=fault[1],
        )
    x, y, z = points[0]
    return _point(each, **said, image=image, frame_of_reference_uid=frame, coordinates=points, x=x, y=y, z=z)


def _fault(
    index: PatientIndex,
    frame: str | None,
    points: Coordinates,
    shape: str,
    foreign: frozenset[tuple[str, str]],
) -> _Faulty | None:
    if not points:
        return FiducialReason.NO_COORDINATES, ""
    if len(points) > 1 or shape not in (_POINT, ""):
        return FiducialReason.NOT_A_POINT, f"shape {shape or 'not stated'}, {len(points)} points"
    if not frame:
        return FiducialReason.NO_FRAME, ""
    if not index.knows_frame(index.canonical_frame(frame)):
        if ("frame", frame) in foreign:
            return FiducialReason.OTHER_PATIENT, f"only another patient has images in frame {frame}"
        return FiducialReason.UNKNOWN_FRAME, f"no image and no transform of the patient is in frame {frame}"
    return None


def _unreadable(each: RelatedObject, detail: str) -> FiducialPoint:
    kind = "fiducial" if each.sop_class_uid == SPATIAL_FIDUCIALS else "roi"
    return _point(each, kind=kind, number=1, reason=FiducialReason.UNREADABLE, detail=detail)


def _point(each: RelatedObject, **said: Any) -> FiducialPoint:
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "set_number",
            "roi_number",
            "colour",
            "frame_of_reference_uid",
            "x",
            "y",
            "z",
            "image",
            "stated_uncertainty_mm",
        )
    )
    texts: dict[str, Any] = dict.fromkeys(("name", "meaning", "description", "fiducial_uid", "shape"), "")
    return FiducialPoint(*head_of(each), **{**nothing, **texts, "coordinates": [], **said})
