"""References by number: a ROI of the structure set, a beam or a fraction group of the plan that an object names."""

from __future__ import annotations

from collections.abc import Iterable

from longitudinal.dicom.related.references import Reference
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.reasons import RelationStatus
from longitudinal.relations.answer import Edge
from longitudinal.relations.roles import Role, role_of


def numbered_edges(each: RelatedObject, by_uid: dict[str, RelatedObject]) -> Iterable[Edge]:
    """One edge for each path, to the object that defines the numbers; a plan's own beams only where one is missing."""
    by_path: dict[tuple[str, str], list[Reference]] = {}
    for reference in each.content.references:
        if reference.kind in ("roi", "beam", "fractionGroup"):
            by_path.setdefault((reference.path, reference.kind), []).append(reference)
    for (path, kind), references in by_path.items():
        owner, uid = _owner(each, kind, by_uid)
        if owner is None and not uid:
            continue  # that nothing is named is said of the reference itself
        defined = set() if owner is None else _defined(owner, kind)
        named = sorted({int(reference.uid) for reference in references})
        lost = [number for number in named if number not in defined]
        if owner is each and not lost:
            continue
        yield Edge(
            id=f"{each.sop_instance_uid}{path}>instance:{uid}",
            from_=each.node,
            to=f"instance:{uid}",
            role=role_of(path, each.sop_class_uid),
            path=path,
            status=RelationStatus.OK
            if not lost
            else RelationStatus.MISSING
            if len(lost) == len(named)
            else RelationStatus.INCOMPLETE,
            count=len(named),
            present=len(named) - len(lost),
            references=sum(reference.count for reference in references),
            same_study=None if owner is None else owner.study_instance_uid == each.study_instance_uid,
            detail="" if not lost else _detail(kind, lost, owner),
        )


def _detail(kind: str, lost: list[int], owner: RelatedObject | None) -> str:
    what = {"roi": "ROI", "beam": "beam", "fractionGroup": "fraction group"}[kind]
    if owner is None:
        return f"the object that defines {what} {lost[0]} is not here"
    return f"{what} {', '.join(map(str, lost[:20]))} is not defined there"


def _owner(
    each: RelatedObject, kind: str, by_uid: dict[str, RelatedObject]
) -> tuple[RelatedObject | None, str]:
    """The object that defines the numbers, None where it is not here; and its UID, "" where none is named."""
    if kind != "roi" and each.content.plan is not None:
        return each, each.sop_instance_uid
    role = Role.STRUCTURE_SET if kind == "roi" else Role.PLAN
    uids = [
        reference.uid
        for reference in each.content.references
        if reference.kind == "instance"
        and role_of(reference.path, each.sop_class_uid) == role
        and reference.uid
    ]
    if not uids and kind == "roi":
        # a dose names the plan, and the plan the structure set
        plan, _ = _owner(each, "beam", by_uid) if each.content.plan is None else (None, "")
        return (None, "") if plan is None else _owner(plan, kind, by_uid)
    return (by_uid.get(uids[0]), uids[0]) if uids else (None, "")


def _defined(owner: RelatedObject, kind: str) -> set[int]:
    said = owner.content
    if kind == "roi":
        return set() if said.structure_set is None else {roi.number for roi in said.structure_set.rois}
    if said.plan is None:
        return set()
    if kind == "beam":
        return {beam.number for beam in said.plan.beams if beam.number is not None}
    return {group.number for group in said.plan.fraction_groups if group.number is not None}
