"""GET /patients and /patients/{patient}: who is here, and how their studies hang together."""

from typing import Annotated

import msgspec

from longitudinal.alignment.loops import find_loops
from longitudinal.dicom.dates import dashed_date
from longitudinal.errors import Ambiguous, FieldError, NotFound
from longitudinal.http.exchange import Request
from longitudinal.http.parse import Date, parse_days, parse_query
from longitudinal.http.router import Route
from longitudinal.http.routes.studies import (
    Limit,
    Offset,
    StudyDetail,
    StudyLinks,
    describe_study,
    links_of,
)
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.sidecar.browse import list_patients, patients_written_as
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.patients import patient_key_of, read_patient

_MOST_ATTEMPTS = 200
"""Failed alignments on the page of one patient: metadata that anybody may write."""


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


class Frame(msgspec.Struct, rename="camel", frozen=True):
    """A frame of reference of the patient; frames with one `group` number are joined by transforms.

    `canonicalFrameOfReferenceUid` is the earliest of its group: chosen anew when its study is deleted, and nothing is
    kept in it, so nothing is lost.
    """

    frame_of_reference_uid: str
    aliases: list[str]
    study_instance_uids: list[str]
    group: int
    canonical_frame_of_reference_uid: str


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

    `studies` are one page, `total` counts all of them. `loops` tell how well the transforms agree; `links` show the studies
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

    def patients(request: Request) -> PatientPage:
        query = parse_query(request.query, PatientQuery)
        first, last = (
            day and day.replace("-", "") for day in parse_days({"from": query.from_, "to": query.to})
        )
        total, rows = list_patients(readers.connection(), query.query, query.limit, query.offset, first, last)
        lines = [
            PatientLine(
                row["patient_id"],
                row["orthanc_id"],
                row["patient_name"] or "",
                row["studies"],
                dashed_date(row["latest"] or ""),
            )
            for row in rows
        ]
        return PatientPage(total, query.limit, query.offset, lines)

    def patient(request: Request, patient: str) -> PatientDetail:
        query = parse_query(request.query, PatientPageQuery)
        key = _key_of(readers, request.path.removeprefix("/patients/"), patient)
        index = None if key is None else catalogue.patient(key)
        row = None if key is None else read_patient(readers.connection(), key)
        if index is None or row is None:
            raise NotFound(
                f"there is no patient {patient}",
                [FieldError("patient", "is no PatientID or Orthanc id known here")],
            )
        page = index.studies[query.offset : query.offset + query.limit]
        most = max(1, _MOST_ATTEMPTS // max(1, len(page)))
        return PatientDetail(
            patient_id=index.patient_id,
            orthanc_patient_id=index.orthanc_id,
            patient_name=row["patient_name"] or "",
            identity_conflict=index.identity_conflict,
            total=len(index.studies),
            limit=query.limit,
            offset=query.offset,
            studies=[describe_study(index, study, queue, ohif_root, most) for study in page],
            frames=_frames(index),
            loops=[
                TransformLoop(list(loop.transforms), loop.frame, loop.mean_mm, loop.max_mm)
                for loop in find_loops(index)
            ],
            links=links_of(ohif_root, [study.study_instance_uid for study in page]),
        )

    return [
        Route(
            "GET", "/patients", patients, "Patients by name, page by page", PatientPage, query=PatientQuery
        ),
        Route(
            "GET",
            "/patients/{patient}",
            patient,
            "One patient: studies in time order, frames of reference, what joins them",
            PatientDetail,
            query=PatientPageQuery,
            errors=(NotFound, Ambiguous),
        ),
    ]


def _key_of(readers: Readers, written: str, decoded: str) -> int | None:
    """The key of the patient that a path names: as it was written, or encoded twice.

    Raises
    ------
    Ambiguous
        The path can be that of several patients: Orthanc drops dots at its end, and joins slashes.
    """
    connection = readers.connection()
    named = {key for name in (written, decoded) if (key := patient_key_of(connection, name)) is not None}
    found = named | patients_written_as(connection, decoded)
    if len(found) > 1:
        rows = [row for key in sorted(found) if (row := read_patient(connection, key)) is not None]
        listed = ", ".join(repr(row["patient_id"]) for row in rows)
        ids = [str(row["orthanc_id"]) for row in rows]
        raise Ambiguous(f"the path can name {listed}; name one by its Orthanc id", orthanc_ids=ids)
    return min(found, default=None)


def _frames(index: PatientIndex) -> list[Frame]:
    studies: dict[str, list[str]] = {frame: [] for frame in index.frames}
    for study in index.studies:
        uids = dict.fromkeys(stack.frame for number in study.series for stack in index.series[number].stacks)
        for frame in uids:
            studies[frame].append(study.study_instance_uid)
    aliases: dict[str, list[str]] = {}
    for uid, frame in index.aliases.items():
        aliases.setdefault(frame, []).append(uid)
    groups: dict[str, int] = {}
    count = 0
    for frame in index.frames:
        if frame not in groups:
            groups.update(dict.fromkeys(index.graph.paths_from(frame), count))
            count += 1
    canonical: dict[int, str] = {}
    for frame in index.frames:  # in time order
        canonical.setdefault(groups[frame], frame)
    return [
        Frame(frame, aliases.get(frame, []), studies[frame], groups[frame], canonical[groups[frame]])
        for frame in index.frames
    ]
