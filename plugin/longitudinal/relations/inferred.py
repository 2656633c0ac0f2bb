"""Edges that no object states: exactly one candidate of the right class in the same study and frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from longitudinal.dicom.sop_classes import RT_DOSE, RT_PLANS, RT_RECORDS, RT_STRUCTURE_SET
from longitudinal.patients.related_objects import RelatedObject, class_name
from longitudinal.reasons import RelationStatus
from longitudinal.relations.answer import Edge
from longitudinal.relations.roles import Role

_BROKEN = frozenset({RelationStatus.MISSING, RelationStatus.EMPTY_REFERENCE, None})


def inferred_edges(objects: Sequence[RelatedObject], stated: Sequence[Edge]) -> list[Edge]:
    """The likely plan of a dose or a record, and the likely structure set of a plan, where the stated one is not here."""
    by_role: dict[tuple[str, str], list[RelationStatus | None]] = {}
    for edge in stated:
        by_role.setdefault((edge.from_, edge.role), []).append(edge.status)
    found: list[Edge] = []
    for each in objects:
        for role in _roles(each.sop_class_uid):
            statuses = by_role.get((each.node, role), [None])
            if all(status in _BROKEN for status in statuses):
                found.extend(_likely(each, role, objects, is_named=statuses != [None]))
    return sorted(found, key=lambda edge: edge.id)


def _roles(sop_class: str) -> tuple[Role, ...]:
    if sop_class == RT_DOSE or sop_class in RT_RECORDS:
        return (Role.PLAN,)
    return (Role.STRUCTURE_SET,) if sop_class in RT_PLANS else ()


def _likely(
    each: RelatedObject, role: Role, objects: Sequence[RelatedObject], *, is_named: bool
) -> Iterable[Edge]:
    classes = RT_PLANS if role == Role.PLAN else frozenset({RT_STRUCTURE_SET})
    candidates = [
        other
        for other in objects
        if other.sop_class_uid in classes
        and other.study_instance_uid == each.study_instance_uid
        and (not other.frames or not each.frames or not other.frames.isdisjoint(each.frames))
    ]
    if len(candidates) != 1:
        return
    (likely,) = candidates
    shared = likely.frames & each.frames
    yield Edge(
        id=f"{each.sop_instance_uid}?{role}>{likely.node}",
        from_=each.node,
        to=likely.node,
        role=str(role),
        same_study=True,
        inferred=True,
        evidence=[
            f"the only {class_name(likely.sop_class_uid)} of study {each.study_instance_uid}",
            f"same Frame of Reference {min(shared)}"
            if shared
            else "one of the two states no Frame of Reference, so that the frames cannot be compared",
            "the one that is named is not here" if is_named else "the object names none",
        ],
        detail="not stated by any object, and not followed",
    )
