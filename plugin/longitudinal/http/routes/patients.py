"""GET /patients and /patients/{patient}: who is here, and how their studies are joined."""

import sqlite3
from collections.abc import Sequence
from typing import Annotated

import msgspec

from longitudinal.alignment.loops import find_loops
from longitudinal.dicom.dates import dashed_date
from longitudinal.errors import Ambiguous, FieldError, Forbidden, NotFound
from longitudinal.http.fields import Date, Limit, Offset
from longitudinal.http.links import study_links
from longitudinal.http.parse import parse_days
from longitudinal.http.router import Call, Route
from longitudinal.jobs.kinds.align import newest_alignment
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.frames import Frame, frames_of_patient
from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.patients.patient_lookup import patient_of_path
from longitudinal.patients.standing import alignment_state
from longitudinal.patients.study_detail import StudyDetail, StudyLinks, describe_study
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.browse import list_patients
from longitudinal.sidecar.tables.patients import read_patient
from longitudinal.sight import current_sight

_MOST_ATTEMPTS = 200
"""Failed alignments on the page of one patient: they are metadata, which other programs can write too."""


class PatientQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`query` is part of a PatientID or a name; case, accents and the width of Japanese letters do not count.

    `from`, `to` are dates; patients with a study between them, inclusive.
    """

    query: Annotated[str, msgspec.Meta(max_length=200)] = ""
    from_: Date | None = msgspec.field(name="from", default=None)
    to: Date | None = None
    limit: Limit = 100
    offset: Offset = 0


class PatientPageQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which of the patient's studies to describe, in time order; all of them where there are no more than 1,000."""

    limit: Limit = 1_000
    offset: Offset = 0


class PatientLine(msgspec.Struct, rename="camel", frozen=True):
    """A patient in a list; `patientId` is `study:<StudyInstanceUID>` for a study without PatientID."""

    patient_id: str
    orthanc_patient_id: str
    patient_name: str
    studies: int
    latest_study_date: str


class PatientPage(msgspec.Struct, frozen=True):
    """One page of patients by name; `total` counts all that match."""

    total: int
    limit: int
    offset: int
    patients: list[PatientLine]


class TransformLoop(msgspec.Struct, rename="camel", frozen=True):
    """Transforms that lead from a frame back to itself, and how far points then are from themselves.

    The first transform is the one that is judged: the others join the frames without it. A loop that does not close holds
    a wrong transform; one that closes proves nothing. Null where no point comes back.
    """

    transforms: list[str]
    frame_of_reference_uid: str
    mean_mm: float | None
    max_mm: float | None


class PatientDetail(msgspec.Struct, rename="camel", frozen=True):
    """A patient: studies in time order, frames of reference, and which of them transforms join.

    `studies` are one page, `total` counts all of them. `loops` say how well the transforms agree; `links` show the studies
    of the page together. Of failed alignments the page has 200 at most, the newest of each study.
    """

    patient_id: str
    orthanc_patient_id: str
    patient_name: str
    identity_conflict: bool
    total: int
    limit: int
    offset: int
    studies: list[StudyDetail]
    frames: list[Frame]
    loops: list[TransformLoop]
    links: StudyLinks


def patient_routes(
    readers: Readers, catalogue: Catalogue, queue: JobQueue, ohif_root: str | None
) -> list[Route]:
    """The routes that list and describe patients."""

    def patients(call: Call[PatientQuery, None]) -> PatientPage:
        query = call.query
        _check_search(query)
        days = parse_days({"from": query.from_, "to": query.to})
        first, last = (day and day.replace("-", "") for day in days)
        total, rows = list_patients(readers.connection(), query.query, query.limit, query.offset, first, last)
        return PatientPage(total, query.limit, query.offset, _lines(rows))

    def patient(call: Call[PatientPageQuery, None], patient: str) -> PatientDetail:
        key = patient_of_path(readers, call.request.path.removeprefix("/patients/"), patient)
        index = None if key is None else catalogue.patient(key)
        row = None if key is None else read_patient(readers.connection(), key)
        if index is None or row is None:
            field = FieldError("patient", "unknown PatientID or Orthanc id")
            raise NotFound(f"there is no patient {patient}", [field])
        page = index.studies[call.query.offset : call.query.offset + call.query.limit]
        studies = _describe(index, page, queue, ohif_root)
        return _detail(index, row["patient_name"] or "", call.query, studies, ohif_root)

    return [
        Route(
            "GET", "/patients", patients, "Patients by name, page by page", PatientPage, query=PatientQuery
        ),
        Route(
            "GET", "/patients/{patient}", patient,
            "One patient: studies in time order, frames of reference, what joins them", PatientDetail,
            query=PatientPageQuery, errors=(NotFound, Ambiguous), etag=True,
        ),
    ]  # fmt: skip


def _check_search(query: PatientQuery) -> None:
    """Raise Forbidden for a search in what the caller does not see: whether it finds somebody would tell the name."""
    sight = current_sight()
    if query.query and sight is not None and "PatientName" in sight.hides:
        raise Forbidden(
            "query looks in names, which your role does not see; ask for the patient by PatientID"
        )


def _lines(rows: Sequence[sqlite3.Row]) -> list[PatientLine]:
    return [
        PatientLine(
            row["patient_id"], row["orthanc_id"], row["patient_name"] or "", row["studies"],
            dashed_date(row["latest"] or ""),
        )
        for row in rows
    ]  # fmt: skip


def _describe(
    index: PatientIndex, page: Sequence[StudyEntry], queue: JobQueue, ohif_root: str | None
) -> list[StudyDetail]:
    """The studies of a page, each with its share of the failed alignments that one page shows."""
    most, newest = max(1, _MOST_ATTEMPTS // max(1, len(page))), newest_alignment(queue)
    return [
        describe_study(
            index, study, alignment_state(index, study, newest), study_links(ohif_root, [study.study_instance_uid]), most
        )
        for study in page
    ]  # fmt: skip


def _detail(
    index: PatientIndex, name: str, query: PatientPageQuery, studies: list[StudyDetail], ohif_root: str | None
) -> PatientDetail:
    loops = find_loops(index)
    return PatientDetail(
        patient_id=index.patient_id,
        orthanc_patient_id=index.orthanc_id,
        patient_name=name,
        identity_conflict=index.identity_conflict,
        total=len(index.studies),
        limit=query.limit,
        offset=query.offset,
        studies=studies,
        frames=frames_of_patient(index),
        loops=[TransformLoop(list(loop.transforms), loop.frame, loop.mean_mm, loop.max_mm) for loop in loops],
        links=study_links(ohif_root, [study.study_instance_uid for study in studies]),
    )
