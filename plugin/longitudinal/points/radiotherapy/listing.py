"""The structures, plans and treatments of a patient, without a point."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from longitudinal.archive import Archive
from longitudinal.dicom.radiotherapy.plan import Plan
from longitudinal.geometry.contours import Region
from longitudinal.geometry.voxels import VoxelRegion
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.points.radiotherapy.courses import (
    Course,
    ListedPortalImage,
    ListedTreatment,
    find_courses,
    list_portal_images,
    list_treatments,
)
from longitudinal.points.radiotherapy.listed import ListedObject, head_of
from longitudinal.points.radiotherapy.memory import ObjectMemory
from longitudinal.points.radiotherapy.structures import REASONS, Regions, regions_of
from longitudinal.points.stale import Stale, until_current
from longitudinal.reasons import StructureReason

_MM3_PER_CC = 1_000.0


class ListedRoi(msgspec.Struct, rename="camel", frozen=True):
    """One region. `volumeCc` is ours (null unless asked for, or with a reason), `vendorVolumeCc` ROI Volume (3006,002C)."""

    roi_number: int
    name: str
    interpreted_type: str
    colour: tuple[int, int, int] | None
    contours: int
    volume_cc: float | None
    vendor_volume_cc: float | None
    reason: StructureReason | None = None
    detail: str = ""


class ListedStructures(ListedObject, rename="camel", frozen=True, kw_only=True):
    """A structure set (kind contours) or a segmentation (kind segments)."""

    kind: str
    approval: str
    rois: list[ListedRoi]


class ListedPlan(ListedObject, rename="camel", frozen=True, kw_only=True):
    """A plan with its beams, fraction groups and prescriptions."""

    plan: Plan


class PatientStructures(msgspec.Struct, rename="camel", frozen=True):
    """All of a patient, in time order of the studies; treatments, portal images and courses by their own dates."""

    structure_sets: list[ListedStructures]
    plans: list[ListedPlan]
    treatments: list[ListedTreatment]
    portal_images: list[ListedPortalImage]
    courses: list[Course]


class StructureLists:
    """Lists what a patient has.

    Parameters
    ----------
    heal
        Takes what is out of date and returns once the sidecar is updated.
    """

    def __init__(self, archive: Archive, memory: ObjectMemory, heal: Callable[[Stale], None]) -> None:
        self._archive = archive
        self._memory = memory
        self._heal = heal

    def of_patient(self, find: Callable[[], PatientIndex], *, volumes: bool) -> PatientStructures:
        """The lists of a patient; `find` gives the patient as it is at the moment.

        Raises
        ------
        NotFound, Ambiguous
            As `find`.
        """

        def ask() -> tuple[tuple[PatientIndex, list[RelatedObject]], Stale]:
            index = find()
            order = {study.orthanc_id: number for number, study in enumerate(index.studies)}
            objects = sorted(
                self._memory.of_patient(index),
                key=lambda each: (order[each.orthanc_study], each.sop_instance_uid),
            )
            gone = (each.orthanc_id for each in objects if not self._archive.has_instance(each.orthanc_id))
            return (index, objects), Stale(tuple(gone))

        index, objects = until_current(ask, self._heal, "objects are being deleted")
        return PatientStructures(
            structure_sets=[
                found
                for each in objects
                if (found := self._structures(index, each, volumes=volumes)) is not None
            ],
            plans=[
                ListedPlan(*head_of(each), plan=each.content.plan)
                for each in objects
                if each.content.plan is not None
            ],
            treatments=list_treatments(objects),
            portal_images=list_portal_images(objects),
            courses=find_courses(objects),
        )

    def _structures(
        self, index: PatientIndex, each: RelatedObject, *, volumes: bool
    ) -> ListedStructures | None:
        said = each.content
        if said.structure_set is None and said.segmentation is None:
            return None
        regions = regions_of(self._memory, index, each) if volumes else None
        if said.structure_set is not None:
            rois = [
                _listed(regions, roi.number, roi.name, roi.interpreted_type, roi.colour, sum(roi.contours.values()),
                        roi.volume_cc)
                for roi in said.structure_set.rois
            ]  # fmt: skip
            return ListedStructures(
                *head_of(each), kind="contours", approval=said.structure_set.approval, rois=rois
            )
        assert said.segmentation is not None
        rois = [
            _listed(regions, segment.number, segment.label, "", None, 0, None)
            for segment in said.segmentation.segments
        ]
        return ListedStructures(*head_of(each), kind="segments", approval="", rois=rois)


def _listed(
    regions: Regions | None, number: int, name: str, interpreted_type: str, colour: tuple[int, int, int] | None,
    contours: int, vendor_cc: float | None,
) -> ListedRoi:  # fmt: skip
    volume, reason, detail = None, None, ""
    if regions is not None and regions.damage:
        reason, detail = REASONS[regions.fault], regions.damage
    elif regions is not None:
        region = regions.region(number)
        if isinstance(region, Region | VoxelRegion):
            volume = round(region.volume_mm3 / _MM3_PER_CC, 3)
        else:
            reason, detail = REASONS[region[0]], region[1]
    return ListedRoi(number, name, interpreted_type, colour, contours, volume, vendor_cc, reason, detail)
