"""GET /studies and /studies/{study}: what is indexed of a study, series by series."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from longitudinal.alignment.standing import frames_of, standing_of
from longitudinal.dicom.dates import dashed_date
from longitudinal.dicom.planes.reasons import REASONS
from longitudinal.dicom.registration.refusal import REFUSALS
from longitudinal.errors import Ambiguous, FieldError, NotFound
from longitudinal.http.exchange import Request
from longitudinal.http.links import viewer_of
from longitudinal.http.parse import Date, parse_days, parse_query
from longitudinal.http.router import Route
from longitudinal.jobs.align_study import KIND as ALIGN
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.sidecar.browse import StudyFilter, list_studies, owners_of_study
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.jobs import JobState
from longitudinal.sidecar.patients import patient_key_of
from longitudinal.transforms.attempts import Attempt

Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
AlignmentState = Literal["reference", "aligned", "needsAlignment", "failed", "queued", "running"]
# Of a thousand slices each with another value a few tell enough.
_MOST_DETAILS = 20
_EXPLANATIONS = {str(code): text for code, text in [*REASONS.items(), *REFUSALS.items()]}


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


class SkippedInstances(msgspec.Struct, frozen=True):
    """How many instances have no place in the patient, by reason code; `explanation` is one sentence for people.

    `details` name the attribute and value at fault, the most frequent first, 20 different ones at most.
    """

    reason: str
    count: int
    explanation: str
    details: list[str]


class StudyLinks(msgspec.Struct, frozen=True):
    """Where to look at it, as absolute paths on this server; `ohif` is null where OHIF is not served."""

    ohif: str | None


class SeriesDetail(msgspec.Struct, rename="camel", frozen=True):
    """A series: its stacks of planes, and the frames of reference they lie in (aliases: a UID per slice)."""

    series_instance_uid: str
    orthanc_series_id: str
    series_number: int | None
    series_description: str
    modality: str
    instances: int
    planes: int
    stacks: int
    roles: list[str]
    frame_of_reference_uids: list[str]
    aliases: list[str]
    skipped: list[SkippedInstances]


class StudyDetail(msgspec.Struct, rename="camel", frozen=True):
    """A study as the index has it, and how it stands to the patient's others (`alignment`).

    reference: it has the patient's first images, or shares their frame; aligned: transforms join it with others; queued,
    running: that is being worked on; failed: it was tried and refused, `failedAlignments` says why, the newest first;
    needsAlignment: none of these; null: the study has no images with a place.
    """

    study_instance_uid: str
    orthanc_study_id: str
    patient_id: str
    study_date: str
    acquisition_date_time: str | None
    study_description: str
    modalities: list[str]
    indexed: bool
    alignment: AlignmentState | None
    failed_alignments: list[Attempt]
    frame_of_reference_uids: list[str]
    series: list[SeriesDetail]
    links: StudyLinks


def find_study(
    readers: Readers, catalogue: Catalogue, study: str, field: str = "study"
) -> tuple[PatientIndex, StudyEntry]:
    """The study named by a StudyInstanceUID or an Orthanc id, and its patient.

    Raises
    ------
    NotFound
        There is no such study.
    Ambiguous
        The UID is stored under two patients; the Orthanc ids are named.
    """
    owners = owners_of_study(readers.connection(), study)
    if len(owners) > 1:
        ids = [str(row["orthanc_id"]) for row in owners]
        raise Ambiguous(
            f"StudyInstanceUID {study} is stored {len(ids)} times; name one by its Orthanc id",
            orthanc_ids=ids,
        )
    index = catalogue.patient(int(owners[0]["patient_key"])) if owners else None
    for entry in index.studies if index is not None else ():
        if index is not None and entry.key == owners[0]["key"]:
            return index, entry
    raise NotFound(
        f"there is no study {study}", [FieldError(field, "is no StudyInstanceUID or Orthanc id known here")]
    )


def alignment_of(index: PatientIndex, study: StudyEntry, queue: JobQueue) -> AlignmentState | None:
    """How a study stands to the patient's others, with what is being done about it."""
    standing = standing_of(index, study)
    if standing in ("failed", "needsAlignment"):
        job = queue.latest(ALIGN, study.orthanc_id)
        if job is not None and job.is_active:
            return "running" if job.state == JobState.RUNNING else "queued"
    return standing


def describe_study(
    index: PatientIndex,
    study: StudyEntry,
    queue: JobQueue,
    ohif_root: str | None,
    most_attempts: int | None = None,
) -> StudyDetail:
    """A study with its series; OHIF is served at `ohif_root`, if at all. Of failed alignments the newest are told."""
    series = [index.series[number] for number in study.series]
    return StudyDetail(
        study_instance_uid=study.study_instance_uid,
        orthanc_study_id=study.orthanc_id,
        patient_id=index.patient_id,
        study_date=study.study_date,
        acquisition_date_time=study.acquisition_date_time,
        study_description=study.study_description,
        modalities=sorted({entry.modality for entry in series}),
        indexed=bool(series),
        alignment=alignment_of(index, study, queue),
        failed_alignments=list(study.attempts[:most_attempts]),
        frame_of_reference_uids=frames_of(index, study),
        series=[_describe_series(entry) for entry in series],
        links=links_of(ohif_root, [study.study_instance_uid]),
    )


def links_of(ohif_root: str | None, study_instance_uids: list[str]) -> StudyLinks:
    """The links of one study, or of several to be seen together."""
    return StudyLinks(None if ohif_root is None else viewer_of(ohif_root, study_instance_uids))


def skipped_instances(reasons: Mapping[tuple[str, str], int]) -> list[SkippedInstances]:
    """Counts by reason code and detail as the API shows them, the most frequent code first."""
    counts: Counter[str] = Counter()
    details: dict[str, list[str]] = {}
    for (reason, detail), count in Counter(reasons).most_common():
        counts[reason] += count
        details.setdefault(reason, []).extend([detail] if detail else [])
    return [
        SkippedInstances(reason, count, _EXPLANATIONS.get(reason, ""), details[reason][:_MOST_DETAILS])
        for reason, count in counts.most_common()
    ]


def study_routes(
    readers: Readers, catalogue: Catalogue, queue: JobQueue, ohif_root: str | None
) -> list[Route]:
    """The routes that list and describe studies."""

    def studies(request: Request) -> StudyPage:
        query = parse_query(request.query, StudyQuery)
        key = None
        if query.patient_id is not None:
            key = patient_key_of(readers.connection(), query.patient_id)
            if key is None:
                raise NotFound(
                    f"there is no patient {query.patient_id}",
                    [FieldError("patientId", "is no patient known here")],
                )
        first, last = parse_days({"from": query.from_, "to": query.to})
        wanted = StudyFilter(key, query.modality, _plain(first), _plain(last))
        total, rows = list_studies(readers.connection(), wanted, query.limit, query.offset)
        lines = [
            StudyLine(
                row["study_instance_uid"], row["orthanc_id"], row["patient_id"], dashed_date(row["study_date"] or ""),
                row["study_description"] or "", [name for name in (row["modalities"] or "").split("\\") if name],
                row["series"], row["instances"],
            )
            for row in rows
        ]  # fmt: skip
        return StudyPage(total, query.limit, query.offset, lines)

    def study(_: Request, study: str) -> StudyDetail:
        return describe_study(*find_study(readers, catalogue, study), queue, ohif_root)

    return [
        Route(
            "GET", "/studies", studies, "Studies, newest first, page by page", StudyPage, query=StudyQuery,
            errors=(NotFound, Ambiguous),
        ),
        Route(
            "GET", "/studies/{study}", study, "One study: its series, planes, frames and what could not be indexed",
            StudyDetail, errors=(NotFound, Ambiguous),
        ),
    ]  # fmt: skip


def _plain(day: str | None) -> str | None:
    return None if day is None else day.replace("-", "")


def _describe_series(series: SeriesPlanes) -> SeriesDetail:
    frames = dict.fromkeys(stack.frame for stack in series.stacks)
    return SeriesDetail(
        series_instance_uid=series.series_instance_uid,
        orthanc_series_id=series.orthanc_id,
        series_number=series.series_number,
        series_description=series.series_description,
        modality=series.modality,
        instances=len(series.orthanc_ids),
        planes=len(series.planes),
        stacks=len(series.stacks),
        roles=sorted({stack.role for stack in series.stacks}),
        frame_of_reference_uids=list(frames),
        aliases=list(series.aliases),
        skipped=skipped_instances(series.reasons),
    )
