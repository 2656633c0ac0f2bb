"""Regions at a point: contours of a structure set, voxels of a segmentation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.radiotherapy.contour_data import RoiContours, read_contours
from longitudinal.dicom.radiotherapy.segment_voxels import SegmentVoxels
from longitudinal.dicom.related.elements import Buffer, DamagedFile
from longitudinal.dicom.sop_classes import RT_STRUCTURE_SET, SEGMENTATIONS
from longitudinal.geometry.contours import Region, build_region
from longitudinal.geometry.image_plane import Planes
from longitudinal.geometry.voxels import VoxelRegion
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.points.radiotherapy.answer import Membership, RoiAtPoint
from longitudinal.points.radiotherapy.memory import ObjectMemory
from longitudinal.points.radiotherapy.place import Places, Reached
from longitudinal.reasons import StructureReason

_BYTES_PER_NUMBER: Final = 8
_Sampled = tuple[bool | None, float | None, tuple[str, ...], StructureReason | None, str]
"""Inside, distance, flags, reason, detail."""

REASONS: Final[dict[str, StructureReason]] = {
    "noContours": StructureReason.NO_CONTOURS,
    "notClosed": StructureReason.NOT_CLOSED,
    "damagedContours": StructureReason.DAMAGED_CONTOURS,
    "notPlanar": StructureReason.NOT_PLANAR,
    "mixedPlanes": StructureReason.MIXED_PLANES,
    "singlePlane": StructureReason.SINGLE_PLANE,
    "noFrame": StructureReason.NO_FRAME,
    "needsAlignment": StructureReason.NEEDS_ALIGNMENT,
    "outsideTransform": StructureReason.OUTSIDE_TRANSFORM,
    "otherPatient": StructureReason.OTHER_PATIENT,
    "unreadable": StructureReason.UNREADABLE,
    "unreadablePixels": StructureReason.UNREADABLE_PIXELS,
    "noGeometry": StructureReason.NO_GEOMETRY,
}


RegionFault = Literal["unreadable", "unreadablePixels", "noGeometry"]


class Regions(msgspec.Struct):
    """The regions of one structure set or segmentation, each made when it is first asked for.

    Two threads that ask at once may both make it; they make the same.
    """

    contours: dict[int, RoiContours] = msgspec.field(default_factory=dict)
    voxels: SegmentVoxels | None = None
    damage: str = ""
    fault: RegionFault = "unreadable"
    made: dict[int, Region | VoxelRegion | tuple[str, str]] = msgspec.field(default_factory=dict)

    def region(self, number: int) -> Region | VoxelRegion | tuple[str, str]:
        """The closed region of a number, or the reason why there is none, with details."""
        found = self.made.get(number)
        if found is None:
            found = self.made[number] = self._make(number)
        return found

    def _make(self, number: int) -> Region | VoxelRegion | tuple[str, str]:
        if self.voxels is not None:
            return self.voxels.region(number)
        drawn = self.contours.get(number)
        if drawn is None:
            return "noContours", ""
        if drawn.damage:
            return "damagedContours", drawn.damage
        if not drawn.closed and drawn.others:
            return "notClosed", ""
        built = build_region(drawn.closed, is_xor=drawn.is_xor, slab_mm=drawn.slab_mm)
        return (built, "") if isinstance(built, str) else built


UNPLACED: Final = Regions(fault="noGeometry", damage="its frames have no place in the patient")
"""Of a segmentation whose frames have no planes."""


def regions_of(memory: ObjectMemory, index: PatientIndex, each: RelatedObject) -> Regions:
    """The regions of an object, from memory or from its file. Raises KeyError where it is gone."""
    said = each.content.segmentation
    if each.content.structure_set is not None or said is None:
        return memory.get(each.orthanc_id, "contours", contour_regions)
    planes = planes_of(index, each)
    if planes is None:
        return UNPLACED
    return memory.get(
        each.orthanc_id, "voxels", lambda data: voxel_regions(data, planes, said.type, said.maximum)
    )


def planes_of(index: PatientIndex, each: RelatedObject) -> Planes | None:
    """The places of the frames of a segmentation, in their order; None if they have none."""
    for number, instance in index.instances.get(each.sop_instance_uid, []):
        series = index.series[number]
        if series.orthanc_ids[instance] == each.orthanc_id:
            planes = np.asarray(series.planes[series.plane_instance == instance])
            return planes if len(planes) else None
    return None


def voxel_regions(data: Buffer, planes: Planes, kind: str, maximum: int | None) -> tuple[Regions, int]:
    """The regions of a segmentation, of Segmentation Type and Maximum Fractional Value; and their size in memory."""
    try:
        voxels = SegmentVoxels(data, planes, kind, maximum)
    except DamagedFile as error:
        return Regions(fault="unreadablePixels", damage=str(error)), 0
    # as voxels, a mask takes eight times the bits
    return Regions(voxels=voxels), 9 * voxels.nbytes


def contour_regions(data: Buffer) -> tuple[Regions, int]:
    """The regions of a structure set, and their size in memory."""
    try:
        contours = read_contours(data)
    except DamagedFile as error:
        return Regions(damage=str(error)), 0
    numbers = sum(part.size for each in contours.values() for part in (*each.closed, *each.others))
    # points, and edges of two points each in two forms
    return Regions(contours=contours), 6 * _BYTES_PER_NUMBER * numbers


def own_frame(each: RelatedObject) -> str | None:
    """The frame of a structure set for regions that state none: its own, or the only one that it names."""
    if each.frame_of_reference_uid:
        return each.frame_of_reference_uid
    frames = {
        ref.uid
        for ref in each.content.references
        if ref.kind == "frame" and ref.path == "(3006,0010)(0020,0052)"
    }
    return frames.pop() if len(frames) == 1 else None


def structures_at(
    memory: ObjectMemory, index: PatientIndex, each: RelatedObject, places: Places
) -> Iterator[RoiAtPoint]:
    """Every region of a structure set or segmentation at the point. Raises KeyError where the object is gone."""
    said = each.content
    regions = regions_of(memory, index, each)
    if said.structure_set is not None:
        own = own_frame(each)
        for roi in said.structure_set.rois:
            reached = places.reach(roi.frame_of_reference_uid or own)
            sampled = _sample(regions, roi.number, reached)
            yield _answer(
                each, reached, sampled, "contours", roi.number, roi.name, roi.interpreted_type, roi.colour
            )  # fmt: skip
    elif said.segmentation is not None:
        for segment in said.segmentation.segments:
            reached = places.reach(each.frame_of_reference_uid)
            sampled = _sample(regions, segment.number, reached)
            yield _answer(each, reached, sampled, "segment", segment.number, segment.label, "", None)


def is_unreadable_structure(each: RelatedObject) -> bool:
    """Whether an object is a structure set or a segmentation of which not even the regions can be told."""
    said = each.content
    is_one = each.sop_class_uid == RT_STRUCTURE_SET or each.sop_class_uid in SEGMENTATIONS
    return is_one and bool(said.damage) and said.structure_set is None and said.segmentation is None


def unreadable_structure(each: RelatedObject) -> RoiAtPoint:
    """The answer of such an object, as a region of the number 0 and without a name."""
    sampled = None, None, (), StructureReason.UNREADABLE, each.content.damage
    kind: Literal["contours", "segment"] = "contours" if each.sop_class_uid == RT_STRUCTURE_SET else "segment"
    return _answer(each, Reached(each.frame_of_reference_uid, None), sampled, kind, 0, "", "", None)


def _answer(
    each: RelatedObject, reached: Reached, sampled: _Sampled, kind: Literal["contours", "segment"], number: int, name: str,
    interpreted_type: str, colour: tuple[int, int, int] | None,
) -> RoiAtPoint:  # fmt: skip
    inside, distance, flags, reason, detail = sampled
    return RoiAtPoint(
        **reached.fields(),
        kind=kind,
        sop_instance_uid=each.sop_instance_uid,
        series_instance_uid=each.series_instance_uid,
        label=each.label,
        roi_number=number,
        name=name,
        interpreted_type=interpreted_type,
        colour=colour,
        inside=inside,
        distance_mm=None if distance is None else round(distance, 4),
        membership=membership_of(inside, distance, reached.uncertainty_mm),
        flags=flags,
        reason=reason,
        detail=detail,
    )


def membership_of(inside: bool | None, distance: float | None, uncertainty: float | None) -> Membership:
    """Inside, outside, or too near to the surface to tell with the uncertainty of the point (mm).

    >>> membership_of(True, -1.0, 2.0), membership_of(True, -1.0, None)
    ('border', 'notMeasured')
    """
    if inside is None or distance is None or uncertainty is None:
        return "notMeasured"
    if abs(distance) <= uncertainty:
        return "border"
    return "inside" if inside else "outside"


def _sample(regions: Regions, number: int, reached: Reached) -> _Sampled:
    if reached.point is None:
        return None, None, (), REASONS[reached.reason or "needsAlignment"], reached.detail
    if regions.damage:
        return None, None, (), REASONS[regions.fault], regions.damage
    region = regions.region(number)
    if isinstance(region, tuple):
        reason = REASONS[region[0]]
        distance = None
        if reason == StructureReason.NOT_CLOSED:
            distance = _distance_of_open(regions.contours[number].others, reached.point)
        return None, distance, (), reason, region[1]
    if isinstance(region, VoxelRegion):
        return region.is_inside(reached.point), region.signed_distance_mm(reached.point), (), None, ""
    inside = region.is_inside(reached.point)
    flags = _flags(region, regions.contours[number], reached.point)
    if inside is None:
        return None, None, flags, StructureReason.AMBIGUOUS_CONTOURS, ""
    return inside, region.signed_distance_mm(reached.point), flags, None, ""


def _flags(region: Region, drawn: RoiContours, point: NDArray[np.float64]) -> tuple[str, ...]:
    """What is unusual about a region."""
    stated = (
        ("duplicateContours", region.duplicates > 0),
        ("degenerateContours", region.degenerate > 0),
        ("tilted", region.is_tilted),
        ("gaps", region.gaps > 0),
        ("inGap", region.gaps > 0 and region.is_in_gap(point)),
        ("openContours", bool(drawn.others)),
    )
    return tuple(flag for flag, holds in stated if holds)


def _distance_of_open(parts: list[NDArray[np.float64]], point: NDArray[np.float64]) -> float:
    """From the nearest open contour or single point, mm."""
    nearest = math.inf
    for part in parts:
        if len(part) == 1:
            nearest = min(nearest, float(np.linalg.norm(part[0] - point)))
            continue
        start, along = part[:-1], np.diff(part, axis=0)
        length = np.maximum((along * along).sum(axis=1), np.finfo(np.float64).tiny)
        share = np.clip(((point - start) * along).sum(axis=1) / length, 0.0, 1.0)
        away = point - start - share[:, None] * along
        nearest = min(nearest, math.sqrt(float((away * away).sum(axis=1).min())))
    return nearest
