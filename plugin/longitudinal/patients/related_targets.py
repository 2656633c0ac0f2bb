"""Where what is named is stored: looked up for all objects of a patient at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject
from longitudinal.sidecar.tables import contents


class Target(msgspec.Struct, frozen=True):
    """A stored instance, series or study of the patient; `frames` are those it is in."""

    uid: str
    orthanc_id: str
    sop_class_uid: str
    series_instance_uid: str
    study_instance_uid: str
    frames: frozenset[str]


class Targets(msgspec.Struct, frozen=True):
    """What is stored of all that a patient's objects name.

    `instances`, `series` and `studies` have those of the patient by UID, more than one where a UID was used twice;
    `foreign` the (kind, UID) that only another patient has; `frames` the frames in which the patient has images;
    `is_complete` whether all of the patient's studies have been read.
    """

    instances: dict[str, list[Target]]
    series: dict[str, list[Target]]
    studies: dict[str, list[Target]]
    frames: frozenset[str]
    foreign: frozenset[tuple[str, str]]
    unread_studies: frozenset[str]


def find_targets(
    connection: sqlite3.Connection, index: PatientIndex, objects: Iterable[RelatedObject]
) -> Targets:
    """Look everything up that the objects name."""
    wanted: dict[str, set[str]] = {"instance": set(), "series": set(), "study": set(), "frame": set()}
    for each in objects:
        for reference in each.content.references:
            if reference.kind in wanted and reference.uid:
                wanted[reference.kind].add(reference.uid)
            if reference.series_instance_uid:
                wanted["series"].add(reference.series_instance_uid)
    visible = {study.study_instance_uid for study in index.studies}
    foreign: set[tuple[str, str]] = set()

    def own(kind: str, rows: dict[str, list[sqlite3.Row]]) -> dict[str, list[Target]]:
        found: dict[str, list[Target]] = {}
        for uid, each in rows.items():
            mine = [
                _target(kind, uid, row)
                for row in each
                if row["patient_key"] == index.key and row["study_instance_uid"] in visible
            ]
            if mine:
                found[uid] = mine
            elif any(row["patient_key"] != index.key for row in each):
                foreign.add((kind, uid))
        return found

    instances = own("instance", contents.locate_instances(connection, wanted["instance"]))
    series = own("series", contents.locate_series(connection, wanted["series"]))
    studies = own("study", contents.locate_studies(connection, wanted["study"]))
    frames = frozenset({*index.frames, *index.aliases})
    others = contents.locate_frames(connection, wanted["frame"] - frames)
    foreign |= {("frame", uid) for uid, keys in others.items() if keys - {index.key}}
    unread = frozenset(contents.unindexed_studies(connection, index.key))
    return Targets(instances, series, studies, frames, frozenset(foreign), unread & visible)


def _target(kind: str, uid: str, row: sqlite3.Row) -> Target:
    if kind == "instance":
        frame = row["frame_uid"]
        return Target(
            uid, row["orthanc_id"], row["sop_class_uid"] or "", row["series_instance_uid"], row["study_instance_uid"],
            frozenset({frame} if frame else ()),
        )  # fmt: skip
    if kind == "series":
        frames = frozenset((row["frame_uids"] or "").split(",")) - {""}
        return Target(uid, row["orthanc_series"], "", uid, row["study_instance_uid"], frames)
    return Target(uid, row["orthanc_id"], "", "", uid, frozenset())
