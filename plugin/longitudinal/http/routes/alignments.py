"""POST /alignments: have studies in different frames aligned."""

from typing import Annotated

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
from longitudinal.http.fields import Identifier, Landmarks, Matrix, Method, StudyIdentifiers
from longitudinal.http.parse import invalid
from longitudinal.http.router import Call, Route
from longitudinal.http.routes.jobs import JobReference, QueuedAnswer
from longitudinal.jobs.align_requests import AlignRequests
from longitudinal.jobs.kinds.align import AlignParameters
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.reasons import GivenTransformRefusal
from longitudinal.transforms.given import GIVEN_REFUSALS, from_landmarks, from_matrix

# A start needs no accuracy of a tenth of a millimetre.
_LEAST_FLE_MM = 1.0


class InitialTransform(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Where to begin instead of searching, between two frames: a matrix (source to target points), or landmarks."""

    source_frame_of_reference_uid: Identifier
    target_frame_of_reference_uid: Identifier
    matrix: Matrix | None = None
    landmarks: Landmarks | None = None


class AlignmentRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which studies: all of a patient, or some of one patient; one alone is aligned with its best partner.

    `seriesInstanceUids` are series that are to stand for their studies. `initial` is for one pair of frames, which are then
    aligned whatever joins them already.
    """

    patient_id: Identifier | None = None
    study_instance_uids: StudyIdentifiers | None = None
    method: Method = "rigid"
    series_instance_uids: Annotated[list[Identifier], msgspec.Meta(max_length=1_000)] = []
    initial: InitialTransform | None = None


def alignment_routes(lookup: StudyLookup, requests: AlignRequests) -> list[Route]:
    """The route."""

    def align(call: Call[None, AlignmentRequest]) -> QueuedAnswer:
        asked, initial = call.body, call.body.initial
        studies = lookup.chosen(asked.study_instance_uids, asked.patient_id)
        if asked.patient_id is not None:
            requests.check_identity(studies)
        parameters = AlignParameters(
            asked.method, series=asked.series_instance_uids, is_asked=True, by=call.actor.name
        )
        if initial is None:
            ids = requests.enqueue(studies, parameters)
        else:
            _check_form(initial)
            frames = initial.source_frame_of_reference_uid, initial.target_frame_of_reference_uid
            ids = requests.enqueue_pair(requests.pair(studies, *frames), _matrix(initial), parameters)
        return QueuedAnswer([JobReference(job) for job in ids])

    return [
        Route(
            "POST", "/alignments", align, "Align studies in different frames: a job for each study but the oldest",
            answer=QueuedAnswer, body=AlignmentRequest, status=202,
            errors=(NotFound, Ambiguous, Conflict, Unprocessable, TransformRefused, TooManyJobs, SidecarUnavailable),
            refusals=(GivenTransformRefusal.SAME_FRAME, GivenTransformRefusal.UNKNOWN_FRAME, *GIVEN_REFUSALS),
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
