"""Which mapped reports of a place are to be written, study by study."""

import msgspec

from longitudinal.dicom.reports.statement import Mapping
from longitudinal.errors import PlaceRefused
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.places.answer import NotKept
from longitudinal.places.kept import KeptGroup, KeptPlace
from longitudinal.places.stale import is_same_error
from longitudinal.places.writing import Draft, PlaceReports, following, seen_in
from longitudinal.points.answer import Answer, Match
from longitudinal.reasons import PlaceFault


class Plan(msgspec.Struct):
    """What is to be written, and what becomes of every study (StudyInstanceUID)."""

    drafts: list[Draft] = msgspec.field(default_factory=list)
    kept: list[str] = msgspec.field(default_factory=list)
    not_kept: list[NotKept] = msgspec.field(default_factory=list)


def plan_mapped(
    index: PatientIndex, place: KeptPlace, answer: Answer, reports: PlaceReports, user: str
) -> Plan:
    """Plan the mapped reports of a place for every study of an answer."""
    plan = Plan(
        not_kept=[NotKept(one.study_instance_uid, one.reason, one.detail) for one in answer.unresolved]
    )
    by_study: dict[str, list[KeptGroup]] = {}
    for group in place.groups:
        by_study.setdefault(index.studies[group.study].study_instance_uid, []).append(group)
    for match in answer.matches:
        groups = by_study.get(match.study_instance_uid, [])
        stated = next((group for group in groups if group.mapping is None), None)
        if stated is not None:
            fault = PlaceFault.STATED_ALREADY
            plan.not_kept.append(
                NotKept(match.study_instance_uid, fault, f"stated by {stated.row['creator']}")
            )
            continue
        _plan_match(index, place, match, groups, reports, user, plan)
    return plan


def _plan_match(
    index: PatientIndex, place: KeptPlace, match: Match, groups: list[KeptGroup], reports: PlaceReports, user: str,
    plan: Plan,
) -> None:  # fmt: skip
    before = [group for group in groups if group.is_own]
    if len(before) == 1 and _holds(place, before[0], match):
        plan.kept.append(match.study_instance_uid)
        return
    assert place.source is not None
    position = place.source.position
    x, y, z = position.coordinates
    mapping = Mapping(
        match.path, match.uncertainty_mm, position.frame or "", (x or 0.0, y or 0.0, z or 0.0), user
    )
    try:
        draft = reports.draft(
            index, seen_in(match), place.tracking_uid or "", place.answer.name, user, mapping
        )
    except PlaceRefused as refused:
        plan.not_kept.append(NotKept(match.study_instance_uid, PlaceFault.NO_FRAME_UID, refused.detail))
        return
    plan.drafts.append(following(draft, *before) if before else draft)
    plan.kept.append(match.study_instance_uid)


def _holds(place: KeptPlace, group: KeptGroup, match: Match) -> bool:
    """Whether a mapped report says what a new one would say."""
    report = next(report for report in place.answer.reports if report.id == group.id)
    if report.stale is not None or report.reason is not None or group.mapping is None:
        return False
    is_as_sure = is_same_error(match.uncertainty_mm, group.mapping.uncertainty_mm)
    return is_as_sure and group.mapping.transforms == match.path and report.name == place.answer.name
