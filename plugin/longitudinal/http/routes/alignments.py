"""POST /alignments: have studies in different frames aligned."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from longitudinal.errors import (
    Ambiguous,
    Conflict,
    FieldError,
    NotFound,
    SidecarUnavailable,
    TooManyJobs,
    TransformRefused,
    Unprocessable,
)
from longitudinal.http.exchange import Request
from longitudinal.http.parse import check_size, invalid, parse_json
from longitudinal.http.router import Route
from longitudinal.http.routes.chosen_studies import chosen_studies
from longitudinal.http.routes.jobs import JobReference, QueuedAnswer
from longitudinal.http.routes.transforms import MAX_LANDMARKS, Identifier, Landmark, Matrix
from longitudinal.jobs.align_pair import Initial
from longitudinal.jobs.align_study import KIND, AlignParameters, request_alignment
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.frame_pair import UNKNOWN_FRAME
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.registration_objects.written import first_series
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.jobs import JobState
from longitudinal.sidecar.studies import FoundStudy
from longitudinal.transforms.given import GIVEN_REFUSALS, from_landmarks, from_matrix
from longitudinal.transforms.stored import SAME_FRAME

Method = Literal["rigid", "affine", "deformable"]
# Of a start nobody asks for a tenth of a millimetre.
_LEAST_FLE_MM = 1.0


class InitialTransform(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Where to begin instead of searching, between two frames: a matrix (source to target points), or landmarks."""

    source_frame_of_reference_uid: Identifier
    target_frame_of_reference_uid: Identifier
    matrix: Matrix | None = None
    landmarks: Annotated[list[Landmark], msgspec.Meta(max_length=MAX_LANDMARKS)] | None = None


class AlignmentRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which studies: all of a patient, or some of one patient; one alone is aligned with its best partner.

    `seriesInstanceUids` are series that are to stand for their studies. `initial` is for one pair of frames, which are then
    aligned whatever joins them already.
    """

    patient_id: Identifier | None = None
    study_instance_uids: Annotated[list[Identifier], msgspec.Meta(min_length=1, max_length=1_000)] | None = (
        None
    )
    method: Method = "rigid"
    series_instance_uids: Annotated[list[Identifier], msgspec.Meta(max_length=1_000)] = []
    initial: InitialTransform | None = None


class Alignments:
    """Queues alignments of studies that somebody asked for."""

    def __init__(self, readers: Readers, catalogue: Catalogue, queue: JobQueue) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._queue = queue

    def enqueue(self, studies: Sequence[FoundStudy], parameters: AlignParameters) -> list[str]:
        """A job for each study; of several the oldest waits for the others to come to it.

        Raises
        ------
        Unprocessable
            The studies are of several patients.
        Conflict
            A study is being aligned at this moment, in another way.
        """
        if len({study.patient_key for study in studies}) > 1:
            detail = "the studies are of different patients; scans of two people are never aligned"
            raise Unprocessable(detail, [FieldError("/studyInstanceUids", detail)])
        ordered = sorted(studies, key=lambda study: (not study.study_date, study.study_date))
        partners = None if len(ordered) == 1 else [study.orthanc_id for study in ordered]
        named = msgspec.structs.replace(parameters, partners=partners)
        requests = [request_alignment(study.orthanc_id, named) for study in _without_oldest(ordered)]
        for request in requests:
            job = self._queue.latest(KIND, request.subject)
            if job is not None and job.state == JobState.RUNNING and job.parameters != request.parameters:
                raise Conflict(
                    f"job {job.id} is aligning study {job.subject} in another way; wait, or cancel it"
                )
        return self._queue.enqueue(requests)

    def enqueue_pair(
        self, studies: Sequence[FoundStudy], wanted: InitialTransform, parameters: AlignParameters
    ) -> list[str]:
        """One job, for the two frames that somebody says where to begin between. Raises TransformRefused."""
        index = self._catalogue.patient(studies[0].patient_key)
        asked = (wanted.source_frame_of_reference_uid, wanted.target_frame_of_reference_uid)
        frames = [frame if index is None else index.canonical_frame(frame) for frame in asked]
        if index is None or any(frame not in index.frames for frame in frames):
            fields = [
                FieldError(f"/initial/{name}FrameOfReferenceUid", "has no images of this patient here")
                for name, frame in zip(("source", "target"), frames, strict=True)
                if index is None or frame not in index.frames
            ]
            raise TransformRefused(UNKNOWN_FRAME, "no images of the patient are indexed in the frame", fields)
        if frames[0] == frames[1]:
            field = FieldError("/initial/targetFrameOfReferenceUid", "is the source's frame")
            raise TransformRefused(SAME_FRAME, "both are one Frame of Reference", [field])
        later = index.study_of_series[max(first_series(index, frame) for frame in frames)]
        subject = index.studies[later].orthanc_id
        initial = Initial(frames[0], frames[1], _matrix(wanted))
        named = msgspec.structs.replace(parameters, partners=_studies_with(index, frames), initial=initial)
        return self._queue.enqueue([request_alignment(subject, named)])

    def check_identity(self, studies: Sequence[FoundStudy]) -> None:
        """Refuse all studies of a patient who may be two people; named one by one they are the resolver's word."""
        index = self._catalogue.patient(studies[0].patient_key) if studies else None
        if index is not None and index.identity_conflict:
            detail = "identityConflict: birth date, sex or issuer differ under this PatientID; name studies of one person"
            raise Unprocessable(detail, [FieldError("/patientId", detail)])


def alignment_routes(readers: Readers, alignments: Alignments, max_body_mib: int) -> list[Route]:
    """The route."""

    def align(request: Request) -> QueuedAnswer:
        check_size(request.body, max_body_mib)
        asked = parse_json(request.body, AlignmentRequest)
        studies = chosen_studies(readers, asked.study_instance_uids, asked.patient_id)
        if asked.patient_id is not None:
            alignments.check_identity(studies)
        parameters = AlignParameters(
            asked.method, series=asked.series_instance_uids, is_asked=True, by=request.actor.name
        )
        if asked.initial is not None:
            _check_form(asked.initial)
            ids = alignments.enqueue_pair(studies, asked.initial, parameters)
        else:
            ids = alignments.enqueue(studies, parameters)
        return QueuedAnswer([JobReference(job) for job in ids])

    return [
        Route(
            "POST", "/alignments", align, "Align studies in different frames: a job for each study but the oldest",
            answer=QueuedAnswer, body=AlignmentRequest, status=202,
            errors=(NotFound, Ambiguous, Conflict, Unprocessable, TransformRefused, TooManyJobs, SidecarUnavailable),
            refusals=(SAME_FRAME, UNKNOWN_FRAME, *GIVEN_REFUSALS),
        )
    ]  # fmt: skip


def _check_form(wanted: InitialTransform) -> None:
    if (wanted.matrix is None) == (wanted.landmarks is None):
        detail = "give either a matrix or landmarks"
        raise invalid([FieldError("/initial/matrix", detail), FieldError("/initial/landmarks", detail)])


def _matrix(wanted: InitialTransform) -> list[list[float]]:
    try:
        if wanted.matrix is not None:
            given = from_matrix(wanted.matrix, None)
        else:
            pairs = wanted.landmarks or []
            source, target = [pair.source for pair in pairs], [pair.target for pair in pairs]
            given = from_landmarks(source, target, "rigid", _LEAST_FLE_MM)
    except TransformRefused as error:
        fields = [FieldError(f"/initial{field.field}", field.detail) for field in error.fields]
        raise TransformRefused(error.code, error.detail, fields) from None
    rows: list[list[float]] = given.matrix.tolist()
    return rows


def _studies_with(index: PatientIndex, frames: Sequence[str]) -> list[str]:
    return [
        study.orthanc_id
        for study in index.studies
        if any(stack.frame in frames for number in study.series for stack in index.series[number].stacks)
    ]


def _without_oldest(studies: Sequence[FoundStudy]) -> Sequence[FoundStudy]:
    """The others come to the oldest; where nobody knows which that is, each looks for a partner."""
    dates = Counter(study.study_date for study in studies)
    is_known = (
        len(studies) > 1 and studies[0].study_date and dates[studies[0].study_date] == 1 and not dates[""]
    )
    return studies[1:] if is_known else studies
