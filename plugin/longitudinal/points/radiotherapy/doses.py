"""Doses at a point, and their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from longitudinal.dicom.radiotherapy.dose_grid import read_dose_grid
from longitudinal.dicom.related.elements import Buffer
from longitudinal.dicom.sop_classes import RT_DOSE
from longitudinal.geometry.grids import Grid
from longitudinal.geometry.image_plane import Planes
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.points.radiotherapy.answer import DoseAtPoint, DoseSum
from longitudinal.points.radiotherapy.memory import ObjectMemory
from longitudinal.points.radiotherapy.place import Places, Reached
from longitudinal.reasons import DoseReason, DoseSumReason, NotIndexableReason

_PLAN_PATH, _BEAM_TAG = "(300C,0002)(0008,1155)", "(300C,0006)"
Faulty = tuple[DoseReason, str]

_REASONS: Final[dict[str, DoseReason]] = {
    "noGrid": DoseReason.NO_GRID,
    "unreadablePixels": DoseReason.UNREADABLE_PIXELS,
    "noFrame": DoseReason.NO_FRAME,
    "needsAlignment": DoseReason.NEEDS_ALIGNMENT,
    "outsideTransform": DoseReason.OUTSIDE_TRANSFORM,
    "otherPatient": DoseReason.OTHER_PATIENT,
}


def plan_of(each: RelatedObject) -> str | None:
    """The plan that a dose names; None where it names none, or several."""
    plans = [ref.uid for ref in each.content.references if ref.path == _PLAN_PATH and ref.uid]
    return plans[0] if len(plans) == 1 else None


def dose_at(
    memory: ObjectMemory,
    index: PatientIndex,
    each: RelatedObject,
    places: Places,
    foreign: frozenset[tuple[str, str]],
) -> DoseAtPoint:
    """One dose at the point. Raises KeyError where it is gone."""
    said = each.content.dose
    assert said is not None
    reached, plan = places.reach(each.frame_of_reference_uid), plan_of(each)
    fault = fault_of(each, reached, plan, foreign)
    grid = grid_of(memory, index, each) if fault is None else fault
    gy, low, high = None, None, None
    flags: tuple[str, ...] = ()
    if isinstance(grid, Grid):
        gy, low, high, flags = _sample(grid, reached, said.scaling or 0.0)
        fault = None if gy is not None else (DoseReason.OUTSIDE_GRID, "")
    else:
        fault = grid
    beams = {
        int(ref.uid) for ref in each.content.references if ref.kind == "beam" and ref.path.endswith(_BEAM_TAG)
    }
    return DoseAtPoint(
        **reached.fields(),
        sop_instance_uid=each.sop_instance_uid,
        series_instance_uid=each.series_instance_uid,
        gy=gy,
        min_gy=low,
        max_gy=high,
        units=said.units,
        dose_type=said.type,
        summation_type=said.summation_type,
        plan_sop_instance_uid=plan,
        beam_numbers=tuple(sorted(beams)),
        flags=flags,
        reason=None if fault is None else fault[0],
        detail="" if fault is None else fault[1],
    )


def is_unreadable_dose(each: RelatedObject) -> bool:
    """Whether an object is a dose of which nothing can be told."""
    return each.sop_class_uid == RT_DOSE and bool(each.content.damage) and each.content.dose is None


def unreadable_dose(each: RelatedObject) -> DoseAtPoint:
    """The answer of such an object."""
    return DoseAtPoint(
        **Reached(each.frame_of_reference_uid, None).fields(),
        sop_instance_uid=each.sop_instance_uid, series_instance_uid=each.series_instance_uid, gy=None, min_gy=None,
        max_gy=None, units="", dose_type="", summation_type="", plan_sop_instance_uid=None, beam_numbers=(), flags=(),
        reason=DoseReason.UNREADABLE_PIXELS, detail=each.content.damage,
    )  # fmt: skip


def fault_of(
    each: RelatedObject, reached: Reached, plan: str | None, foreign: frozenset[tuple[str, str]]
) -> Faulty | None:
    """Why a dose says nothing, as far as its header tells."""
    said = each.content.dose
    assert said is not None
    if plan is not None and ("instance", plan) in foreign:
        return DoseReason.OTHER_PATIENT, f"plan {plan} is stored under another patient"
    if said.units == "RELATIVE":
        return DoseReason.RELATIVE_UNITS, ""
    if said.units != "GY":
        return DoseReason.UNKNOWN_UNITS, f"Dose Units (3004,0002) is {said.units or 'absent'}"
    if said.type == "ERROR":
        return DoseReason.ERROR_DOSE, ""
    if said.scaling is None:
        return DoseReason.NO_SCALING, "Dose Grid Scaling (3004,000E) is absent or not a positive number"
    if reached.point is None:
        return _REASONS[reached.reason or "needsAlignment"], reached.detail
    return None


def grid_of(memory: ObjectMemory, index: PatientIndex, each: RelatedObject) -> Grid | Faulty:
    """The grid of a dose, from memory or from its file. Raises KeyError where it is gone."""
    planes = dose_planes(index, each)
    if isinstance(planes, tuple):
        return planes
    return memory.get(each.orthanc_id, "dose", lambda data: read_grid(data, planes))


def dose_planes(index: PatientIndex, each: RelatedObject) -> Planes | Faulty:
    """The places of the frames of a dose, in their order; or why they have none."""
    for series_number, instance in index.instances.get(each.sop_instance_uid, []):
        series = index.series[series_number]
        if series.orthanc_ids[instance] == each.orthanc_id:
            planes = np.asarray(series.planes[series.plane_instance == instance])
            if len(planes):
                return planes
            return _unplaced(series.instance_reasons[instance], series.instance_details[instance])
    return DoseReason.NO_GRID, "the dose is not in the index"


def read_grid(data: Buffer, planes: Planes) -> tuple[Grid | Faulty, int]:
    """The grid of a dose from its file, and its size in memory."""
    found = read_dose_grid(data, planes)
    if isinstance(found, Grid):
        return found, int(found.values.nbytes)
    return (_REASONS[found[0]], found[1]), 0


def _unplaced(reason: str | None, detail: str) -> Faulty:
    if reason == NotIndexableReason.AMBIGUOUS_OFFSETS:
        return DoseReason.AMBIGUOUS_OFFSETS, detail
    return DoseReason.NO_GRID, f"{reason}: {detail}" if detail else str(reason)


def _sample(
    grid: Grid, reached: Reached, scaling: float
) -> tuple[float | None, float | None, float | None, tuple[str, ...]]:
    """Gy at the point, the least and the largest within its uncertainty, and flags."""
    assert reached.point is not None
    value = float(grid.interpolate(reached.point[None])[0])
    if np.isnan(value):
        return None, None, None, ()
    if reached.uncertainty_mm is None:
        return value * scaling, None, None, ()
    around = grid.range_within(reached.point, reached.uncertainty_mm)
    if around is None:
        return value * scaling, None, None, ("uncertaintyLeavesGrid",)
    return value * scaling, around[0] * scaling, around[1] * scaling, ()


def sum_of(doses: Sequence[DoseAtPoint], plans: Mapping[str, RelatedObject]) -> DoseSum:
    """The sum of the doses at a point: one of each plan, or one of each of its beams; `plans` by SOP Instance UID."""
    named = [dose.sop_instance_uid for dose in doses]
    refusal = _refusal(doses, plans)
    if refusal is not None:
        return DoseSum(None, None, None, named, *refusal)
    total = sum(dose.gy or 0.0 for dose in doses)
    lows, highs = [dose.min_gy for dose in doses], [dose.max_gy for dose in doses]
    return DoseSum(
        total,
        None if None in lows else sum(low or 0.0 for low in lows),
        None if None in highs else sum(high or 0.0 for high in highs),
        named,
    )


def _refusal(
    doses: Sequence[DoseAtPoint], plans: Mapping[str, RelatedObject]
) -> tuple[DoseSumReason, str] | None:
    if not doses:
        return DoseSumReason.NO_DOSES, ""
    by_plan: dict[str, list[DoseAtPoint]] = {}
    for dose in doses:
        uid = dose.sop_instance_uid
        if dose.gy is None:
            return DoseSumReason.NOT_IN_GRAY, f"dose {uid}: {dose.reason}"
        if dose.dose_type != "PHYSICAL":
            return DoseSumReason.NOT_PHYSICAL, f"dose {uid} is {dose.dose_type or 'of no stated type'}"
        if dose.summation_type not in ("PLAN", "BEAM"):
            return (
                DoseSumReason.OTHER_SUMMATION,
                f"dose {uid} sums up {dose.summation_type or 'nothing that is stated'}",
            )
        if dose.plan_sop_instance_uid is None:
            return DoseSumReason.NO_PLAN, f"dose {uid}"
        by_plan.setdefault(dose.plan_sop_instance_uid, []).append(dose)
    for plan, mine in by_plan.items():
        refusal = _refusal_of_plan(plan, mine, plans.get(plan))
        if refusal is not None:
            return refusal
    return None


def _refusal_of_plan(
    plan: str, doses: Sequence[DoseAtPoint], known: RelatedObject | None
) -> tuple[DoseSumReason, str] | None:
    wholes = [dose for dose in doses if dose.summation_type == "PLAN"]
    if wholes:
        if len(doses) > 1:
            return (
                DoseSumReason.SEVERAL_DOSES,
                f"plan {plan} has {len(doses)} doses, one of them of the whole plan",
            )
        return None
    said = None if known is None else known.content.plan
    if said is None:
        return DoseSumReason.MISSING_BEAMS, f"plan {plan} is not here, so that its beams are not known"
    planned = sorted({beam for group in said.fraction_groups for beam in group.beams})
    dosed = sorted(beam for dose in doses for beam in dose.beam_numbers)
    if dosed != planned or any(len(dose.beam_numbers) != 1 for dose in doses):
        return DoseSumReason.MISSING_BEAMS, f"plan {plan} has the beams {planned}, the doses are of {dosed}"
    return None
