"""Groups of series: by modality, day, frame of reference, and by their part in a radiotherapy, with the evidence for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from longitudinal.dicom.dates import dashed_date
from longitudinal.dicom.radiotherapy.record import Record, RtImage
from longitudinal.dicom.sop_classes import REGISTRATIONS, RT_IMAGE
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.reasons import RelationStatus
from longitudinal.relations.answer import Edge, Group, GroupKind
from longitudinal.relations.roles import Role

# Plan Intent (300A,000A) of plans that are not for a patient, PS3.3 C.8.8.9.
_NO_TREATMENT: Final = frozenset({"VERIFICATION", "MACHINE_QA", "SERVICE", "RESEARCH"})
_FOLLOWED: Final = frozenset({RelationStatus.OK, RelationStatus.INCOMPLETE})
UNKNOWN: Final = "unknown"
_Found = dict[str, dict[str, list[str]]]
"""Workflow -> SeriesInstanceUID -> evidence."""


def find_groups(index: PatientIndex, objects: Sequence[RelatedObject], edges: Sequence[Edge]) -> list[Group]:
    """Every group of the patient's series, a series in one group of each kind; frames apart, of which it may have some."""
    days = {
        number: (study.acquisition_date_time or study.study_date or UNKNOWN)[:10]
        for study in index.studies
        for number in study.series
    }
    series = list(enumerate(index.series))
    return [
        *_by(series, "modality", lambda number, each: [each.modality or UNKNOWN], "Modality (0008,0060)"),
        *_by(series, "time", lambda number, each: [days[number]], "the day of its study"),
        *_by(
            series, "frameOfReference",
            lambda number, each: sorted({stack.frame for stack in each.stacks}) or _stated_frames(each, objects),
            "Frame of Reference UID (0020,0052), or the frame of its regions",
        ),
        *_workflow(index, objects, edges),
    ]  # fmt: skip


def _stated_frames(series: SeriesPlanes, objects: Sequence[RelatedObject]) -> list[str]:
    mine = (each for each in objects if each.series_instance_uid == series.series_instance_uid)
    return sorted({frame for each in mine for frame in each.frames}) or [UNKNOWN]


def _by(
    series: Sequence[tuple[int, SeriesPlanes]],
    kind: GroupKind,
    names: Callable[[int, SeriesPlanes], list[str]],
    evidence: str,
) -> list[Group]:
    found: dict[str, list[str]] = {}
    for number, each in series:
        for name in names(number, each):
            found.setdefault(name, []).append(each.series_instance_uid)
    return [Group(kind, name, sorted(set(found[name])), [evidence]) for name in sorted(found)]


def _workflow(index: PatientIndex, objects: Sequence[RelatedObject], edges: Sequence[Edge]) -> list[Group]:
    """Planning, verification, treatment, follow-up; `unknown` with a remark where nothing says."""
    found: _Found = {name: {} for name in ("planning", "verification", "treatment", "followUp")}
    by_node = {each.node: each for each in objects}
    days = _treatment_days(objects)
    _find_plans(found, objects, edges, by_node)
    for each in objects:
        if each.content.record is not None:
            _note(found, "treatment", each, _of_record(each.content.record))
        if each.sop_class_uid == RT_IMAGE:
            _note(found, "verification", each, _of_image(each.content.rt_image))
    _find_registered(found, index, objects, days)
    taken = {uid for series in found.values() for uid in series}
    later = _after(index, days, taken)
    found["followUp"] = later
    taken |= later.keys()
    groups = [
        Group("workflow", name, sorted(series), sorted({why for all_ in series.values() for why in all_}))
        for name, series in found.items()
        if series
    ]
    rest = sorted({each.series_instance_uid for each in index.series} - taken)
    if rest:
        remark = (
            "no treatment record says when the treatment ended, and no plan leads to these series"
            if not days
            else "no plan, record or registration leads to these series, and they are not later than the treatment"
        )
        groups.append(Group("workflow", UNKNOWN, rest, [remark]))
    return groups


def _of_record(record: Record) -> str:
    """The evidence of a record: its days, and the fraction where it is about one."""
    days = record.days
    if not days:
        return "a treatment record that states no day"
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    fraction = "" if record.fraction_number is None else f", fraction {record.fraction_number}"
    return f"a treatment record of {when}{fraction}"


def _of_image(image: RtImage | None) -> str:
    """The evidence of an RT Image: what it is, its day, its fraction."""
    if image is None:
        return "an RT Image"
    kind = f" ({image.kind})" if image.kind else ""
    day = dashed_date(image.date)
    fraction = "" if image.fraction_number is None else f", fraction {image.fraction_number}"
    return f"an RT Image{kind}{f' of {day}' if day else ''}{fraction}"


def _find_plans(
    found: _Found,
    objects: Sequence[RelatedObject],
    edges: Sequence[Edge],
    by_node: Mapping[str, RelatedObject],
) -> None:
    """A plan, its structure set, its dose and the series drawn on, along stated edges only."""
    out: dict[str, list[Edge]] = {}
    into: dict[str, list[Edge]] = {}
    for edge in edges:
        if edge.status in _FOLLOWED:
            out.setdefault(edge.from_, []).append(edge)
            into.setdefault(edge.to, []).append(edge)
    for plan in objects:
        if plan.content.plan is None:
            continue
        intent = plan.content.plan.intent
        name = "verification" if intent in _NO_TREATMENT else "planning"
        _note(found, name, plan, f"plan intent {intent or 'not stated'}, plan {plan.sop_instance_uid}")
        for edge in out.get(plan.node, []):
            if edge.role == Role.STRUCTURE_SET and edge.to in by_node:
                _note(found, name, by_node[edge.to], f"structure set of plan {plan.sop_instance_uid}")
                _find_drawn(found, name, out.get(edge.to, []), plan)
        for edge in into.get(plan.node, []):
            if (
                edge.role == Role.PLAN
                and edge.from_ in by_node
                and by_node[edge.from_].content.dose is not None
            ):
                _note(found, name, by_node[edge.from_], f"dose of plan {plan.sop_instance_uid}")


def _find_drawn(found: _Found, name: str, edges: Sequence[Edge], plan: RelatedObject) -> None:
    for edge in edges:
        if edge.role in (Role.DRAWN_ON_SERIES, Role.DRAWN_ON_IMAGE):
            why = f"drawn on by the structure set of plan {plan.sop_instance_uid}"
            _add(found, name, edge.to.removeprefix("series:"), why)


def _treatment_days(objects: Sequence[RelatedObject]) -> list[str]:
    """The days of the treatment that records state, YYYY-MM-DD, sorted."""
    records = [each.content.record for each in objects if each.content.record is not None]
    return sorted({day for record in records for day in record.days})


def _find_registered(
    found: _Found, index: PatientIndex, objects: Sequence[RelatedObject], days: list[str]
) -> None:
    """Series registered to the planning frame, and dated within the records."""
    if not days:
        return
    planning = {each.series_instance_uid for each in index.series} & found["planning"].keys()
    frames = {
        stack.frame for each in index.series if each.series_instance_uid in planning for stack in each.stacks
    }
    joined: set[str] = set()
    for each in objects:
        if each.sop_class_uid in REGISTRATIONS:
            named = {ref.uid for ref in each.content.references if ref.kind == "frame"} | each.frames
            if named & frames:
                joined |= named - frames
    for study in index.studies:
        day = (study.acquisition_date_time or study.study_date)[:10]
        if not days[0] <= day <= days[-1]:
            continue
        for number in study.series:
            series = index.series[number]
            if any(stack.frame in joined for stack in series.stacks):
                why = f"registered to the planning frame, and taken on {day}, within the treatment"
                _add(found, "verification", series.series_instance_uid, why)


def _after(index: PatientIndex, days: list[str], taken: set[str]) -> dict[str, list[str]]:
    """Image series after the last day of treatment."""
    if not days:
        return {}
    later: dict[str, list[str]] = {}
    for study in index.studies:
        day = (study.acquisition_date_time or study.study_date)[:10]
        for number in study.series:
            uid = index.series[number].series_instance_uid
            if day > days[-1] and uid not in taken:
                later[uid] = [f"after the last day of treatment that is recorded, {days[-1]}"]
    return later


def _note(found: _Found, name: str, each: RelatedObject, why: str) -> None:
    _add(found, name, each.series_instance_uid, why)


def _add(found: _Found, name: str, series: str, why: str) -> None:
    """A series belongs to the first part that claims it: a plan before a picture."""
    if any(series in members for other, members in found.items() if other != name):
        return
    reasons = found[name].setdefault(series, [])
    if why not in reasons:
        reasons.append(why)
