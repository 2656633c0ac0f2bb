"""From a question to the structures and doses of every study at its point."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from longitudinal.archive import Archive
from longitudinal.patients.patient_index import StudyEntry
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.points.answer import Point
from longitudinal.points.radiotherapy.answer import (
    DoseAtPoint,
    RadiotherapyAtPoint,
    RoiAtPoint,
    StudyAtPoint,
    StudyReason,
)
from longitudinal.points.radiotherapy.doses import dose_at, is_unreadable_dose, sum_of, unreadable_dose
from longitudinal.points.radiotherapy.memory import ObjectMemory, RadiotherapyPatient
from longitudinal.points.radiotherapy.place import Places
from longitudinal.points.radiotherapy.structures import (
    is_unreadable_structure,
    structures_at,
    unreadable_structure,
)
from longitudinal.points.resolver import (
    LocatedQuestion,
    PixelQuestion,
    PointQuestion,
    QuestionFilters,
    Resolver,
)
from longitudinal.points.stale import Stale, find_stale_transforms, transforms_used, until_current


class Wanted(msgspec.Struct, frozen=True):
    """Which parts of the answer are asked for."""

    structures: bool = True
    doses: bool = True
    sum: bool = False


class RadiotherapyPoints:
    """Answers what is at a point, and checks that every object an answer names is still in the archive.

    Parameters
    ----------
    heal
        Takes what is out of date and returns once the sidecar is updated.
    """

    def __init__(
        self, resolver: Resolver, archive: Archive, memory: ObjectMemory, heal: Callable[[Stale], None]
    ) -> None:  # fmt: skip
        self._resolver = resolver
        self._archive = archive
        self._memory = memory
        self._heal = heal

    def ask(
        self, question: PixelQuestion | PointQuestion, filters: QuestionFilters, wanted: Wanted
    ) -> RadiotherapyAtPoint:
        """The structures and doses of every study that passes the filters.

        Raises
        ------
        NotFound, Ambiguous, OutsideImage, NotIndexable
            As `Resolver.find`.
        """

        def ask() -> tuple[tuple[LocatedQuestion, RadiotherapyPatient, list[StudyAtPoint]], Stale]:
            located = self._resolver.locate(question, filters)
            patient = self._memory.radiotherapy_of(located.index)
            places = Places(located.index, located.source, patient.targets.foreign)
            gone: list[str] = []
            studies = [self._study(patient, study, places, wanted, gone) for study in located.studies]
            stale = find_stale_transforms(
                self._archive, located.index, transforms_used(located.index, places.paths)
            )
            return (located, patient, studies), Stale((*stale.instances, *gone), (), stale.rejected)

        located, patient, studies = until_current(ask, self._heal, "objects are being deleted")
        doses = [dose for study in studies for dose in study.doses]
        plans = {each.sop_instance_uid: each for each in patient.objects if each.content.plan is not None}
        x, y, z = located.source.point.tolist()
        return RadiotherapyAtPoint(
            Point(located.index.patient_id, located.source.frame, x, y, z),
            studies,
            sum_of(doses, plans) if wanted.sum else None,
        )

    def _study(
        self, patient: RadiotherapyPatient, study: StudyEntry, places: Places, wanted: Wanted, gone: list[str]
    ) -> StudyAtPoint:
        structures: list[RoiAtPoint] = []
        doses: list[DoseAtPoint] = []
        mine = [each for each in patient.objects if each.orthanc_study == study.orthanc_id]
        for each in mine:
            try:
                if wanted.structures and (each.content.structure_set or each.content.segmentation):
                    self._check(each)
                    structures += structures_at(self._memory, patient.index, each, places)
                elif wanted.doses and each.content.dose is not None:
                    self._check(each)
                    doses.append(dose_at(self._memory, patient.index, each, places, patient.targets.foreign))
                elif wanted.structures and is_unreadable_structure(each):
                    structures.append(unreadable_structure(each))
                elif wanted.doses and is_unreadable_dose(each):
                    doses.append(unreadable_dose(each))
            except KeyError:
                gone.append(each.orthanc_id)
        if structures or doses:
            return StudyAtPoint(study.study_instance_uid, study.study_date, structures, doses)
        is_unread = study.study_instance_uid in patient.targets.unread_studies
        reason: StudyReason = "notIndexed" if is_unread else "noObjects"
        return StudyAtPoint(study.study_instance_uid, study.study_date, [], [], reason)

    def _check(self, each: RelatedObject) -> None:
        """Raises KeyError where an object is gone."""
        if not self._archive.has_instance(each.orthanc_id):
            raise KeyError(each.orthanc_id)
