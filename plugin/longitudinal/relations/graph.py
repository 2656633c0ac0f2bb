"""The graph of what a patient's objects name, one edge for each tag path and target, with a status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from longitudinal.dicom.related.references import Reference
from longitudinal.dicom.sop_classes import names_others
from longitudinal.patients.related_objects import RelatedObject, class_name
from longitudinal.patients.related_targets import Target, Targets
from longitudinal.reasons import RelationStatus
from longitudinal.relations.answer import Edge
from longitudinal.relations.numbered import numbered_edges
from longitudinal.relations.roles import EXPECTED, FRAME_MATTERS, role_of

# The worst first: one of these makes the edge what it is, however many others are right.
_FAULTS: Final = (
    RelationStatus.AMBIGUOUS,
    RelationStatus.OTHER_PATIENT,
    RelationStatus.WRONG_CLASS,
    RelationStatus.WRONG_SERIES,
    RelationStatus.WRONG_FRAME,
)


class _Bundle(msgspec.Struct):
    """What one object names under one path in one place: the verdicts on its targets."""

    verdicts: Counter[RelationStatus] = msgspec.field(default_factory=Counter)
    references: int = 0
    same_study: bool | None = None
    example: str = ""
    detail: str = ""

    def add(self, verdict: RelationStatus, reference: Reference, detail: str) -> None:
        self.verdicts[verdict] += 1
        self.references += reference.count
        if verdict != RelationStatus.OK and not self.example:
            self.example, self.detail = reference.uid, detail


class _Judged(msgspec.Struct, frozen=True):
    """One reference: the node it leads to (None where nothing says which), and what is wrong with it."""

    node: str | None
    verdict: RelationStatus
    detail: str = ""
    study: str | None = None


def stated_edges(objects: Sequence[RelatedObject], targets: Targets) -> list[Edge]:
    """Every edge that an object states, in the order of their ids."""
    by_uid = {each.sop_instance_uid: each for each in objects}
    edges: dict[str, Edge] = {}
    for each in objects:
        for edge in (*_edges_of(each, targets, by_uid), *numbered_edges(each, by_uid)):
            # an object that is stored twice says the same twice
            edges.setdefault(edge.id, edge)
    found = _with_cycles(list(edges.values()), by_uid)
    return sorted(found, key=lambda edge: edge.id)


def _edges_of(each: RelatedObject, targets: Targets, by_uid: dict[str, RelatedObject]) -> Iterable[Edge]:
    by_path: dict[tuple[str, str], list[Reference]] = {}
    for reference in each.content.references:
        if reference.kind in ("instance", "series", "study", "frame"):
            by_path.setdefault((reference.path, reference.kind), []).append(reference)
    for (path, kind), references in by_path.items():
        role = role_of(path, each.sop_class_uid)
        judged = [(reference, _judge(each, role, reference, targets, by_uid)) for reference in references]
        yield from _bundled(each, path, kind, role, judged)


def _bundled(
    each: RelatedObject, path: str, kind: str, role: str, judged: list[tuple[Reference, _Judged]]
) -> Iterable[Edge]:
    """One edge for each target; what is missing and could be anywhere belongs to the only place that others are in."""
    places = {found.node for _, found in judged if found.node is not None}
    lost = sorted(reference.uid for reference, found in judged if found.node is None and reference.uid)
    elsewhere = next(iter(places)) if len(places) == 1 else f"{kind}:{lost[0] if lost else ''}"
    bundles: dict[str, _Bundle] = {}
    for reference, found in judged:
        bundle = bundles.setdefault(found.node or elsewhere, _Bundle())
        bundle.add(found.verdict, reference, found.detail)
        if found.study is not None:
            bundle.same_study = found.study == each.study_instance_uid
    for node, bundle in bundles.items():
        status, count = _status(bundle.verdicts), bundle.verdicts.total()
        yield Edge(
            id=f"{each.sop_instance_uid}{path}>{node}",
            from_=each.node,
            to=node,
            role=role,
            path=path,
            status=status,
            count=0 if status == RelationStatus.EMPTY_REFERENCE else count,
            present=bundle.verdicts[RelationStatus.OK],
            references=bundle.references,
            same_study=bundle.same_study,
            detail=_detail(bundle, status, count),
        )


def _status(verdicts: Counter[RelationStatus]) -> RelationStatus:
    for fault in _FAULTS:
        if verdicts[fault]:
            return fault
    if len(verdicts) == 1:
        return next(iter(verdicts))
    if verdicts[RelationStatus.OK]:
        return RelationStatus.INCOMPLETE
    return RelationStatus.NOT_INDEXED if verdicts[RelationStatus.NOT_INDEXED] else RelationStatus.MISSING


def _detail(bundle: _Bundle, status: RelationStatus, count: int) -> str:
    if status in (RelationStatus.OK, RelationStatus.EMPTY_REFERENCE):
        return bundle.detail
    if count == 1:
        return bundle.detail or f"{bundle.example} is not here"
    present = bundle.verdicts[RelationStatus.OK]
    if status == RelationStatus.INCOMPLETE:
        return f"{present} of {count} are here; {bundle.example} is not"
    wrong = bundle.verdicts[status]
    return f"{wrong} of {count}: {bundle.detail or f'{bundle.example} is not here'}"


def _judge(
    each: RelatedObject, role: str, reference: Reference, targets: Targets, by_uid: dict[str, RelatedObject]
) -> _Judged:
    if not reference.uid:
        return _Judged(None, RelationStatus.EMPTY_REFERENCE, "the sequence names nothing")
    if reference.kind == "frame":
        return _judge_frame(reference, targets)
    stored = {"instance": targets.instances, "series": targets.series, "study": targets.studies}[
        reference.kind
    ]
    found = stored.get(reference.uid, [])
    if len(found) > 1:
        detail = f"{reference.uid} is stored {len(found)} times"
        return _Judged(f"{reference.kind}:{reference.uid}", RelationStatus.AMBIGUOUS, detail)
    if not found:
        return _not_found(reference, targets)
    (target,) = found
    node = _node_of(reference, target)
    fault, detail = _fault(each, role, reference, target, by_uid)
    return _Judged(node, fault, detail, target.study_instance_uid)


def _node_of(reference: Reference, target: Target) -> str:
    """Images stand for their series: a structure set names hundreds."""
    if reference.kind == "instance" and not names_others(target.sop_class_uid):
        return f"series:{target.series_instance_uid}"
    return f"{reference.kind}:{reference.uid}"


def _not_found(reference: Reference, targets: Targets) -> _Judged:
    kind, uid = reference.kind, reference.uid
    node = f"{kind}:{uid}" if kind != "instance" else None
    if kind == "instance" and reference.series_instance_uid and not names_others(reference.sop_class_uid):
        node = f"series:{reference.series_instance_uid}"
    if (kind, uid) in targets.foreign:
        return _Judged(node, RelationStatus.OTHER_PATIENT, f"{uid} is stored under another patient")
    if targets.unread_studies:
        return _Judged(
            node, RelationStatus.NOT_INDEXED, f"{uid} is not in the index, which is still being read"
        )
    return _Judged(node, RelationStatus.MISSING, f"{uid} is not here")


def _judge_frame(reference: Reference, targets: Targets) -> _Judged:
    node = f"frame:{reference.uid}"
    if reference.uid in targets.frames:
        return _Judged(node, RelationStatus.OK)
    if ("frame", reference.uid) in targets.foreign:
        return _Judged(node, RelationStatus.OTHER_PATIENT, "only another patient has images in this frame")
    if targets.unread_studies:
        return _Judged(
            node, RelationStatus.NOT_INDEXED, "the index has no image in this frame, and is still being read"
        )
    return _Judged(node, RelationStatus.MISSING, "no image of the patient lies in this frame")


def _fault(
    each: RelatedObject, role: str, reference: Reference, target: Target, by_uid: dict[str, RelatedObject]
) -> tuple[RelationStatus, str]:
    """What is wrong with a target that is here."""
    if reference.kind == "instance":
        stated, actual = reference.sop_class_uid, target.sop_class_uid
        if stated and stated != actual:
            return (
                RelationStatus.WRONG_CLASS,
                f"{target.uid} is {class_name(actual)}, named as {class_name(stated)}",
            )
        if role in EXPECTED and actual not in EXPECTED[role]:
            return RelationStatus.WRONG_CLASS, f"{target.uid} is {class_name(actual)}"
        series = reference.series_instance_uid
        if series and series != target.series_instance_uid:
            detail = f"{target.uid} is in series {target.series_instance_uid}, not in {series}"
            return RelationStatus.WRONG_SERIES, detail
    if role in FRAME_MATTERS:
        other = by_uid.get(target.uid)
        frames = target.frames if other is None else other.frames
        if frames and each.frames and frames.isdisjoint(each.frames):
            detail = f"{target.uid} is in frame {min(frames)}, the object in {min(each.frames)}"
            return RelationStatus.WRONG_FRAME, detail
    return RelationStatus.OK, ""


def _with_cycles(edges: list[Edge], by_uid: dict[str, RelatedObject]) -> list[Edge]:
    """Edges between objects of one class that lead in a circle: a plan and its dose may name each other, two plans not."""
    nodes = {each.node: each for each in by_uid.values()}
    onward: dict[str, set[str]] = {}
    for edge in edges:
        start, end = nodes.get(edge.from_), nodes.get(edge.to)
        if start is None or end is None or edge.role in ("roi", "beam", "fractionGroup"):
            continue
        if start.sop_class_uid == end.sop_class_uid:
            onward.setdefault(edge.from_, set()).add(edge.to)
    circular = {(start, end) for start, ends in onward.items() for end in ends if _leads(onward, end, start)}
    return [
        replace(edge, status=RelationStatus.CYCLE, detail="the objects name each other in a circle")
        if (edge.from_, edge.to) in circular and edge.status == RelationStatus.OK
        else edge
        for edge in edges
    ]


def _leads(onward: dict[str, set[str]], start: str, end: str) -> bool:
    """Whether a path leads from one node to another."""
    seen, waiting = {start}, [start]
    while waiting:
        node = waiting.pop()
        if node == end:
            return True
        for after in onward.get(node, ()):
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return False
