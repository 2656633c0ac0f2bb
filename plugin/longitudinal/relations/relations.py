"""The relations of a patient or a study, page by page."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject, class_name, read_objects
from longitudinal.patients.related_targets import Targets, find_targets
from longitudinal.relations.answer import Node, NodeKind, Relations
from longitudinal.relations.graph import stated_edges
from longitudinal.relations.groups import find_groups
from longitudinal.relations.inferred import inferred_edges
from longitudinal.relations.problems import find_problems

_KINDS: tuple[NodeKind, ...] = ("instance", "series", "study", "frame")
_MOST_PROBLEMS = 1_000


def find_relations(
    connection: sqlite3.Connection, index: PatientIndex, study: str | None, limit: int, offset: int
) -> Relations:
    """The graph of a patient, or the part of it that touches one study (StudyInstanceUID)."""
    objects = read_objects(connection, index)
    targets = find_targets(connection, index, objects)
    stated = stated_edges(objects, targets)
    edges = [*stated, *inferred_edges(objects, stated)]
    groups = find_groups(index, objects, stated)
    by_node = {each.node: each for each in objects}
    if study is not None:
        mine = _nodes_of_study(index, study, objects, targets)
        edges = [edge for edge in edges if edge.from_ in mine or edge.to in mine]
        own = {index.series[i].series_instance_uid for entry in index.studies
               if entry.study_instance_uid == study for i in entry.series}  # fmt: skip
        groups = [group for group in groups if not own.isdisjoint(group.series_instance_uids)]
        by_node = {node: each for node, each in by_node.items() if node in mine}
    page = edges[offset : offset + limit]
    named = {node for edge in page for node in (edge.from_, edge.to)}
    if not offset:
        named |= by_node.keys() - {node for edge in edges for node in (edge.from_, edge.to)}
    everything = {each.node: each for each in objects}
    problems = find_problems(edges, by_node if study is None else everything)
    return Relations(
        total=len(edges),
        limit=limit,
        offset=offset,
        nodes=_describe(index, sorted(named), everything, targets),
        edges=page,
        groups=groups,
        problems=problems[:_MOST_PROBLEMS],
        problems_total=len(problems),
    )


def _nodes_of_study(
    index: PatientIndex, study: str, objects: Iterable[RelatedObject], targets: Targets
) -> set[str]:
    series = {
        f"series:{index.series[number].series_instance_uid}"
        for entry in index.studies
        if entry.study_instance_uid == study
        for number in entry.series
    }
    own = {each.node for each in objects if each.study_instance_uid == study}
    stored = {
        f"instance:{uid}"
        for uid, found in targets.instances.items()
        if any(target.study_instance_uid == study for target in found)
    }
    return {*series, *own, *stored, f"study:{study}"}


def _describe(
    index: PatientIndex, nodes: Iterable[str], objects: Mapping[str, RelatedObject], targets: Targets
) -> list[Node]:
    series = {each.series_instance_uid: number for number, each in enumerate(index.series)}
    studies = {each.study_instance_uid: each for each in index.studies}
    found = []
    for node in nodes:
        kind, _, uid = node.partition(":")
        assert kind in _KINDS
        if kind == "instance":
            found.append(_instance(node, uid, objects, targets))
        elif kind == "series":
            found.append(_series(index, node, uid, series))
        elif kind == "study":
            entry = studies.get(uid)
            found.append(
                Node(node, "study", uid, entry is not None, entry.orthanc_id if entry else None, uid,
                     label=entry.study_description if entry else "", date=entry.study_date if entry else "")
            )  # fmt: skip
        else:
            found.append(Node(node, "frame", uid, uid in targets.frames))
    return found


def _instance(node: str, uid: str, objects: Mapping[str, RelatedObject], targets: Targets) -> Node:
    each = objects.get(node)
    if each is not None:
        return Node(
            node, "instance", uid, True, each.orthanc_id, each.study_instance_uid, each.series_instance_uid, each.modality,
            each.sop_class_uid, class_name(each.sop_class_uid), each.label, each.date,
        )  # fmt: skip
    stored = targets.instances.get(uid, [])
    if len(stored) != 1:
        return Node(node, "instance", uid, bool(stored))
    (target,) = stored
    return Node(
        node, "instance", uid, True, target.orthanc_id, target.study_instance_uid, target.series_instance_uid,
        sop_class_uid=target.sop_class_uid, sop_class=class_name(target.sop_class_uid),
    )  # fmt: skip


def _series(index: PatientIndex, node: str, uid: str, numbers: Mapping[str, int]) -> Node:
    number = numbers.get(uid)
    if number is None:
        return Node(node, "series", uid, False, series_instance_uid=uid)
    each, study = index.series[number], index.studies[index.study_of_series[number]]
    return Node(
        node, "series", uid, True, each.orthanc_id, study.study_instance_uid, uid, each.modality,
        label=each.series_description, date=study.study_date,
    )  # fmt: skip
