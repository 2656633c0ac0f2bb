"""The places of a patient as the archive keeps them: pure functions over a `PatientIndex` and rows of the sidecar."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from longitudinal.dicom.reports.statement import Line
from longitudinal.dicom.reports.statement import Mapping as ReportMapping
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.places.answer import KeptReport, PlaceAnswer, PlaceLinks, UnreadReport
from longitudinal.places.positions import Position, place_group
from longitudinal.places.stale import why_stale
from longitudinal.reasons import PlaceFault

PlaceLinkBuilder = Callable[[str, str, str | None], PlaceLinks]
"""The links of a place: its id, the StudyInstanceUID and the SOP Instance UID of the image that shows it."""

_FAULTS = {str(fault): fault for fault in PlaceFault}
GONE = "the report that the place was mapped from is gone"


class KeptGroup(msgspec.Struct, frozen=True):
    """One measurement group of a report of the patient.

    Attributes
    ----------
    row
        As the sidecar has it (`read_places`).
    is_own
        Whether the plugin wrote the report, and it has this group alone.
    """

    row: sqlite3.Row
    study: int
    is_own: bool
    lines: tuple[Line, ...]
    mapping: ReportMapping | None
    position: Position

    @property
    def id(self) -> str:
        """The id of the group."""
        return f"{self.row['sop_instance_uid']}.{self.row['number']}"

    @property
    def said_by(self) -> Literal["person", "plugin", "other"]:
        """A user of the plugin, the plugin, or another software."""
        if not self.row["is_own"]:
            return "other"
        return "person" if self.mapping is None else "plugin"

    @property
    def order(self) -> tuple[int, str, str]:
        """In time order."""
        return self.study, self.row["created"] or "", self.id


class KeptPlace(msgspec.Struct, frozen=True):
    """One place.

    Attributes
    ----------
    key
        The tracking UID, or the id of the only group.
    groups
        In time order.
    outdated
        Reports of the plugin that a newer one in their series has replaced.
    source
        What the place is resolved from; None if nothing has a position.
    """

    key: str
    tracking_uid: str | None
    groups: tuple[KeptGroup, ...]
    outdated: tuple[KeptGroup, ...]
    source: KeptGroup | None
    answer: PlaceAnswer

    @property
    def own(self) -> tuple[KeptGroup, ...]:
        """What the plugin wrote."""
        return tuple(group for group in self.groups if group.is_own)


class KeptPlaces(msgspec.Struct, frozen=True):
    """All places of a patient in time order, by key, and what is not offered as one."""

    index: PatientIndex
    places: Mapping[str, KeptPlace]
    unread: tuple[UnreadReport, ...]


def read_kept(index: PatientIndex, rows: Sequence[sqlite3.Row], links: PlaceLinkBuilder) -> KeptPlaces:
    """Make the places of a patient from the rows of `sidecar.tables.places.read_places`."""
    studies = {study.orthanc_id: number for number, study in enumerate(index.studies)}
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["orthanc_id"]] = counts.get(row["orthanc_id"], 0) + 1
    groups: dict[str, list[KeptGroup]] = {}
    unread = []
    for row in rows:
        study = studies.get(row["study"])
        if study is None:
            continue
        if row["refusal"] is not None:
            unread.append(_unread(index, study, row))
            continue
        group = _group(index, study, row, is_alone=counts[row["orthanc_id"]] == 1)
        groups.setdefault(row["tracking_uid"] or group.id, []).append(group)
    made = [_place(index, key, members, links) for key, members in groups.items()]
    made.sort(key=lambda place: (_first_study(place), place.answer.name.casefold(), place.key))
    return KeptPlaces(index, {place.key: place for place in made}, tuple(unread))


def _first_study(place: KeptPlace) -> int:
    return (place.source or place.groups[0]).study


def _group(index: PatientIndex, study: int, row: sqlite3.Row, *, is_alone: bool) -> KeptGroup:
    lines = _lines(row["lines"])
    mapping = None if row["mapping"] is None else msgspec.json.decode(row["mapping"], type=ReportMapping)
    position = place_group(
        index, lines, row["frame"], row["image_uid"], row["frame_number"], row["evidence_uid"]
    )
    return KeptGroup(row, study, bool(row["is_own"]) and is_alone, lines, mapping, position)


@lru_cache(maxsize=4_096)
def _lines(text: str) -> tuple[Line, ...]:
    return msgspec.json.decode(text, type=tuple[Line, ...])


def _place(index: PatientIndex, key: str, members: list[KeptGroup], links: PlaceLinkBuilder) -> KeptPlace:
    current, outdated = _newest(members)
    ordered = sorted(current, key=lambda group: group.order)
    stated = [group for group in ordered if group.mapping is None and group.position.point is not None]
    source = min(stated, key=_source_order, default=None)
    reports = [_report(index, group, source) for group in ordered]
    tracking_uid = ordered[0].row["tracking_uid"]
    own = [group for group in ordered if group.is_own]
    shown = source or ordered[0]
    study = index.studies[shown.study]
    image = shown.position.image
    x, y, z = shown.position.coordinates if source is not None else (None, None, None)
    answer = PlaceAnswer(
        id=key,
        tracking_uid=tracking_uid,
        name=(source or (own or ordered)[-1]).row["name"],
        patient_id=index.patient_id,
        is_own=bool(own),
        kind=shown.row["kind"],
        source=None if source is None else source.id,
        study_instance_uid=study.study_instance_uid,
        frame_of_reference_uid=None if source is None else source.position.frame,
        x=x,
        y=y,
        z=z,
        created_by=shown.row["creator"],
        created_at=shown.row["created"],
        reports=reports,
        stale=sum(report.stale is not None for report in reports),
        links=links(key, study.study_instance_uid, None if image is None else image.sop_instance_uid),
        reason=None if source is not None else shown.position.fault,
        detail="" if source is not None else shown.position.detail or GONE,
    )
    return KeptPlace(key, tracking_uid, tuple(ordered), tuple(outdated), source, answer)


def _source_order(group: KeptGroup) -> tuple[bool, bool, str, str]:
    """A user's statement before another software's, a point before diameters, the oldest first."""
    return group.said_by != "person", group.row["kind"] != "point", group.row["created"] or "~", group.id


def _newest(members: list[KeptGroup]) -> tuple[list[KeptGroup], list[KeptGroup]]:
    """What holds, and what a newer report of the plugin in the same series has replaced."""
    newest: dict[str, KeptGroup] = {}
    for group in members:
        if group.is_own:
            series = group.row["series_instance_uid"]
            if series not in newest or _version(newest[series]) < _version(group):
                newest[series] = group
    holds = [
        group for group in members if not group.is_own or newest[group.row["series_instance_uid"]] is group
    ]
    kept = {group.id for group in holds}
    return holds, [group for group in members if group.id not in kept]


def _version(group: KeptGroup) -> tuple[int, str, str]:
    return group.row["instance_number"], group.row["created"] or "", group.row["sop_instance_uid"]


def _report(index: PatientIndex, group: KeptGroup, source: KeptGroup | None) -> KeptReport:
    row, position, study = group.row, group.position, index.studies[group.study]
    mapping = group.mapping
    x, y, z = position.coordinates
    return KeptReport(
        id=group.id,
        sop_instance_uid=row["sop_instance_uid"],
        orthanc_instance_id=row["orthanc_id"],
        study_instance_uid=study.study_instance_uid,
        study_date=study.study_date,
        acquisition_date_time=study.acquisition_date_time,
        said_by=group.said_by,
        is_own=group.is_own,
        kind=row["kind"],
        name=row["name"],
        label=row["label"],
        created_by=row["creator"],
        created_at=row["created"],
        manufacturer=row["maker"],
        frame_of_reference_uid=position.frame,
        x=x,
        y=y,
        z=z,
        image=position.image,
        diameters=list(position.diameters),
        path=[] if mapping is None else list(mapping.transforms),
        uncertainty_mm=None if mapping is None else mapping.uncertainty_mm,
        stale=None
        if mapping is None
        else why_stale(index, mapping, position, None if source is None else source.position),
        reason=position.fault,
        detail=position.detail,
    )


def _unread(index: PatientIndex, study: int, row: sqlite3.Row) -> UnreadReport:
    return UnreadReport(
        sop_instance_uid=row["sop_instance_uid"],
        orthanc_instance_id=row["orthanc_id"],
        study_instance_uid=index.studies[study].study_instance_uid,
        group=row["number"],
        name=row["name"],
        created_by=row["creator"],
        reason=_FAULTS[row["refusal"]],
        detail=row["detail"],
    )
