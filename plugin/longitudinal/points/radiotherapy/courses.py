"""Treatments and pictures taken for them, on the time axis: which day, which fraction of which plan, which beams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from longitudinal.dicom.dates import dashed_date
from longitudinal.dicom.radiotherapy.plan import Plan
from longitudinal.dicom.radiotherapy.record import DeliveredBeam, Record, RtImage
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.points.radiotherapy.doses import plan_of
from longitudinal.points.radiotherapy.listed import ListedObject, head_of, moment_of

# Beams that are there to look at the patient or to prepare give no fraction.
_NO_TREATMENT: Final = frozenset({"SETUP", "OPEN_PORTFILM", "TRMT_PORTFILM", "VERIFICATION"})
_ENDED_WELL: Final = frozenset({"NORMAL", ""})


class ListedInCourse(ListedObject, rename="camel", frozen=True, kw_only=True):
    """An object of a day.

    `dateTime` is YYYY-MM-DDTHH:MM:SS as stated there (the day alone without a time), null where no day is stated: never
    guessed from the study. `planLabel` is null where the plan is not here.
    """

    date: str | None
    date_time: str | None
    plan_sop_instance_uid: str | None
    plan_label: str | None


class ListedTreatment(ListedInCourse, rename="camel", frozen=True, kw_only=True):
    """A treatment record; its date is Treatment Date (3008,0250), of a summary the most recent one (3008,0056)."""

    record: Record
    fraction_numbers: list[int]
    fractions_planned: int | None


class ListedPortalImage(ListedInCourse, rename="camel", frozen=True, kw_only=True):
    """An RT Image; `dateSource` tells whether the day is that of its acquisition or only of its content."""

    image: RtImage
    date_source: Literal["acquisition", "content"] | None
    beam_name: str
    fractions_planned: int | None


class CourseFractions(msgspec.Struct, rename="camel", frozen=True):
    """One fraction group of a plan.

    `recorded` are the numbers of the fractions of which a record states a treatment beam, `interrupted` those of them in
    which one did not end normally. `delivered` is the number that the newest summary states; null without a summary.
    """

    number: int | None
    planned: int | None
    recorded: list[int]
    interrupted: list[int]
    delivered: int | None


class Course(msgspec.Struct, rename="camel", frozen=True):
    """All that was recorded of one plan; `planSopInstanceUid` null for objects that name no plan, or several."""

    plan_sop_instance_uid: str | None
    plan_label: str | None
    intent: str
    first_date: str | None
    last_date: str | None
    dates: list[str]
    fractions: list[CourseFractions]
    treatments: int
    portal_images: int


def list_treatments(objects: Sequence[RelatedObject]) -> list[ListedTreatment]:
    """Treatment records in the order of their dates; those without one last."""
    plans = _plans(objects)
    found = []
    for each in objects:
        record = each.content.record
        if record is None:
            continue
        written = record.date or record.last_date
        plan = plans.get(plan_of(each) or "")
        found.append(
            ListedTreatment(
                *head_of(each), **_of_day(each, written, record.time if record.date else "", plans), record=record,
                fraction_numbers=sorted(_treated(record.beams)),
                fractions_planned=_planned(record.fractions_planned, plan, record.fraction_group),
            )
        )  # fmt: skip
    return sorted(found, key=_when)


def list_portal_images(objects: Sequence[RelatedObject]) -> list[ListedPortalImage]:
    """RT Images in the order of their dates; those without one last."""
    plans = _plans(objects)
    found = []
    for each in objects:
        image = each.content.rt_image
        if image is None:
            continue
        plan = plans.get(plan_of(each) or "")
        of_day = _of_day(each, image.date, image.time, plans)
        source: Literal["acquisition", "content"] = "acquisition" if image.is_acquired else "content"
        found.append(
            ListedPortalImage(
                *head_of(each), **of_day, image=image, date_source=source if of_day["date"] else None,
                beam_name=_beam_name(plan, image.beam_number),
                fractions_planned=_planned(None, plan, image.fraction_group),
            )
        )  # fmt: skip
    return sorted(found, key=_when)


def find_courses(objects: Sequence[RelatedObject]) -> list[Course]:
    """One for each plan that is here, or that a record or an RT Image names, in the order of their first days."""
    plans = _plans(objects)
    named: dict[str | None, list[RelatedObject]] = {uid: [] for uid in plans}
    for each in objects:
        if each.content.record is not None or each.content.rt_image is not None:
            named.setdefault(plan_of(each), []).append(each)
    courses = [_course(uid, plans.get(uid or ""), mine) for uid, mine in named.items()]
    return sorted(
        courses,
        key=lambda one: (one.first_date is None, one.first_date or "", one.plan_sop_instance_uid or ""),
    )


def _course(uid: str | None, plan: RelatedObject | None, mine: Sequence[RelatedObject]) -> Course:
    records = [each.content.record for each in mine if each.content.record is not None]
    dates = sorted({day for record in records for day in record.days})
    said = None if plan is None else plan.content.plan
    return Course(
        plan_sop_instance_uid=uid,
        plan_label=None if plan is None else plan.label,
        intent="" if said is None else said.intent,
        first_date=dates[0] if dates else None,
        last_date=dates[-1] if dates else None,
        dates=dates,
        fractions=_fractions(said, records),
        treatments=len(records),
        portal_images=sum(each.content.rt_image is not None for each in mine),
    )


def _fractions(plan: Plan | None, records: Sequence[Record]) -> list[CourseFractions]:
    """By fraction group; a record that names none belongs to the only one of the plan, if that has one."""
    stated = [group.number for group in plan.fraction_groups] if plan is not None else []
    only = stated[0] if len(stated) == 1 else None
    numbers: dict[int | None, list[Record]] = {number: [] for number in stated}
    for record in records:
        if record.beams:
            numbers.setdefault(only if record.fraction_group is None else record.fraction_group, []).append(
                record
            )
    summed = {
        summary.number: summary for record in sorted(records, key=_last) for summary in record.summaries
    }
    for number in summed:
        numbers.setdefault(only if number is None else number, [])
    found = []
    for number, mine in numbers.items():
        summary = summed.get(number) or (summed.get(None) if number == only else None)
        treated = {fraction for record in mine for fraction in _treated(record.beams)}
        planned = _planned_of(plan, number)
        if planned is None:
            stated_planned = [
                record.fractions_planned for record in mine if record.fractions_planned is not None
            ]
            planned = stated_planned[0] if stated_planned else summary.fractions_planned if summary else None
        found.append(
            CourseFractions(
                number, planned, sorted(treated), sorted(_interrupted(mine) & treated),
                summary.fractions_delivered if summary else None,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.number is None, one.number or 0))


def _treated(beams: Iterable[DeliveredBeam]) -> set[int]:
    return {
        beam.fraction_number
        for beam in beams
        if beam.fraction_number is not None and beam.delivery not in _NO_TREATMENT
    }


def _interrupted(records: Iterable[Record]) -> set[int]:
    """Fractions with a beam that did not end normally, and was not taken up again."""
    last: dict[tuple[int, int | None], DeliveredBeam] = {}
    for record in sorted(records, key=lambda one: (one.date, one.time)):
        for beam in record.beams:
            if beam.fraction_number is not None and beam.delivery not in _NO_TREATMENT:
                last[beam.fraction_number, beam.number] = beam
    return {fraction for (fraction, _), beam in last.items() if beam.termination not in _ENDED_WELL}


def _plans(objects: Sequence[RelatedObject]) -> dict[str, RelatedObject]:
    return {each.sop_instance_uid: each for each in objects if each.content.plan is not None}


def _of_day(each: RelatedObject, date: str, time: str, plans: Mapping[str, RelatedObject]) -> dict[str, Any]:
    uid = plan_of(each)
    plan = plans.get(uid or "")
    return {
        "date": dashed_date(date) or None, "date_time": moment_of(date, time), "plan_sop_instance_uid": uid,
        "plan_label": None if plan is None else plan.label,
    }  # fmt: skip


def _planned(stated: int | None, plan: RelatedObject | None, group: int | None) -> int | None:
    """Fractions planned, as the object itself states them, otherwise its plan."""
    return stated if stated is not None or plan is None else _planned_of(plan.content.plan, group)


def _planned_of(plan: Plan | None, group: int | None) -> int | None:
    """Of one fraction group; of the only one where no number is stated."""
    groups = [] if plan is None else plan.fraction_groups
    mine = [one for one in groups if one.number == group or (group is None and len(groups) == 1)]
    return mine[0].fractions_planned if len(mine) == 1 else None


def _beam_name(plan: RelatedObject | None, number: int | None) -> str:
    beams = () if plan is None or plan.content.plan is None else plan.content.plan.beams
    return next((beam.name for beam in beams if number is not None and beam.number == number), "")


def _when(one: ListedInCourse) -> tuple[bool, str, str]:
    return one.date_time is None, one.date_time or "", one.sop_instance_uid


def _last(record: Record) -> str:
    return max(record.days, default="")
