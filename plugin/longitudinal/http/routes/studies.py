"""GET /studies and /studies/{study}: what is indexed of a study, series by series."""

import sqlite3
from collections.abc import Sequence

import msgspec

from longitudinal.dicom.dates import dashed_date
from longitudinal.errors import Ambiguous, FieldError, NotFound
from longitudinal.http.fields import Date, Limit, Offset
from longitudinal.http.links import study_links
from longitudinal.http.parse import parse_days
from longitudinal.http.router import Call, Route
from longitudinal.jobs.kinds.align import newest_alignment
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.standing import alignment_state
from longitudinal.patients.study_detail import StudyDetail, describe_study
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.browse import StudyFilter, list_studies
from longitudinal.sidecar.tables.patients import patient_key_of


class StudyQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which studies to list: of a patient, with a series of a modality, between two dates (both inclusive)."""

    patient_id: str | None = None
    modality: str | None = None
    from_: Date | None = msgspec.field(default=None, name="from")
    to: Date | None = None
    limit: Limit = 100
    offset: Offset = 0


class StudyLine(msgspec.Struct, rename="camel", frozen=True):
    """A study in a list; `instances` counts what is indexed or has a reason not to be, 0 while it waits."""

    study_instance_uid: str
    orthanc_study_id: str
    patient_id: str
    study_date: str
    study_description: str
    modalities: list[str]
    series: int
    instances: int


class StudyPage(msgspec.Struct, frozen=True):
    """One page of studies, newest first; `total` counts all that pass the filter."""

    total: int
    limit: int
    offset: int
    studies: list[StudyLine]


def study_routes(
    readers: Readers, lookup: StudyLookup, queue: JobQueue, ohif_root: str | None
) -> list[Route]:
    """The routes that list and describe studies."""

    def studies(call: Call[StudyQuery, None]) -> StudyPage:
        query, connection = call.query, readers.connection()
        wanted = _filter(connection, query)
        total, rows = list_studies(connection, wanted, query.limit, query.offset)
        return StudyPage(total, query.limit, query.offset, _lines(rows))

    def study(_: Call[None, None], study: str) -> StudyDetail:
        index, entry = lookup.entry(study)
        state = alignment_state(index, entry, newest_alignment(queue))
        return describe_study(index, entry, state, study_links(ohif_root, [entry.study_instance_uid]))

    return [
        Route(
            "GET", "/studies", studies, "Studies, newest first, page by page", StudyPage, query=StudyQuery,
            errors=(NotFound, Ambiguous),
        ),
        Route(
            "GET", "/studies/{study}", study, "One study: its series, planes, frames and what could not be indexed",
            StudyDetail, errors=(NotFound, Ambiguous), etag=True,
        ),
    ]  # fmt: skip


def _filter(connection: sqlite3.Connection, query: StudyQuery) -> StudyFilter:
    key = None
    if query.patient_id is not None:
        key = patient_key_of(connection, query.patient_id)
        if key is None:
            detail = f"there is no patient {query.patient_id}"
            raise NotFound(detail, [FieldError("patientId", "unknown PatientID or Orthanc id")])
    days = parse_days({"from": query.from_, "to": query.to})
    first, last = (None if day is None else day.replace("-", "") for day in days)
    return StudyFilter(key, query.modality, first, last)


def _lines(rows: Sequence[sqlite3.Row]) -> list[StudyLine]:
    return [
        StudyLine(
            row["study_instance_uid"], row["orthanc_id"], row["patient_id"], dashed_date(row["study_date"] or ""),
            row["study_description"] or "", [name for name in (row["modalities"] or "").split("\\") if name],
            row["series"], row["instances"],
        )
        for row in rows
    ]  # fmt: skip
