"""/transforms: what leads from one Frame of Reference into another."""

from typing import Annotated, Literal

import msgspec
import numpy as np

from longitudinal.access.audit.events import EventKind
from longitudinal.access.roles import Need
from longitudinal.errors import (
    Ambiguous,
    ArchiveFailed,
    Conflict,
    FieldError,
    NotFound,
    TransformRefused,
)
from longitudinal.http.fields import MAX_LANDMARKS, Identifier, Landmarks, Limit, Matrix, Offset, Triple
from longitudinal.http.parse import invalid
from longitudinal.http.router import Call, Route
from longitudinal.reasons import GivenTransformRefusal
from longitudinal.registration_objects.given import Ends, GivenTransforms, UnreadRegistration
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.checks import flags_of
from longitudinal.transforms.error_at_place import P95_OF_RMS
from longitudinal.transforms.given import GIVEN_REFUSALS, GivenTransform, from_landmarks, from_matrix
from longitudinal.transforms.stored import StoredTransform, TransformState

_REFUSALS = (
    GivenTransformRefusal.SAME_FRAME,
    GivenTransformRefusal.OTHER_PATIENT,
    GivenTransformRefusal.UNKNOWN_FRAME,
    *GIVEN_REFUSALS,
)


class TransformRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A matrix (4 rows of 4, maps source points to target points) or pairs of landmarks.

    `method` is how landmarks are fitted, rigid by default. `expectedErrorMm` is what the giver of a matrix says of it.
    `patientId` is needed where more than one patient has both frames.
    """

    source_frame_of_reference_uid: Identifier
    target_frame_of_reference_uid: Identifier
    patient_id: Identifier | None = None
    matrix: Matrix | None = None
    landmarks: Landmarks | None = None
    method: Literal["rigid", "affine"] | None = None
    expected_error_mm: Annotated[float, msgspec.Meta(ge=0, le=1e4)] | None = None


class FitRequest(TransformRequest, rename="camel", forbid_unknown_fields=True, frozen=True):
    """The same; `points` are points of the source frame (LPS mm) to map and to give the expected error at."""

    points: Annotated[list[Triple], msgspec.Meta(max_length=MAX_LANDMARKS)] = []


class TransformsQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Whose transforms: PatientID or Orthanc id; and which page of them, all where there are no more than 1,000."""

    patient_id: Identifier
    limit: Limit = 1_000
    offset: Offset = 0


class ReviewRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """What the authenticated user decides, and why, in a word; the later decision holds."""

    decision: Literal["accepted", "rejected"]
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Review(msgspec.Struct, rename="camel", frozen=True):
    """Who decided what, when (ISO 8601), and why, in their own words; empty if they gave none."""

    decision: Literal["accepted", "rejected"]
    by: str
    at: str | None
    reason: str = ""


class TransformAnswer(msgspec.Struct, rename="camel", frozen=True):
    """One transform, as the archive has it.

    `matrix` (4 rows of 4) maps source points to target points, null where it is deformable or could not be read. `state`:
    `usable` in paths; `rejected`, by a person or by newer checks; `refused`, with `refusal` as the reason and `detail`.
    `expectedErrorMm` is null where it was not measured; of landmarks it is the value at their centroid. `quality` is what an
    automatic registration measured of itself. `unsigned`: what is said about it in the archive and does not count, as no
    node of it has signed it: who gave it and how good it is, a review; it waits for a review. `flags`: `notChecked`, an
    older version of the plugin aligned it, and it waits for the checks of this one; `needsReview`, a person accepted it
    before these checks found fault with it (`quality` says what).
    """

    id: str
    sop_instance_uid: str
    orthanc_instance_id: str
    source_frame_of_reference_uid: str | None
    target_frame_of_reference_uid: str | None
    method: str | None
    matrix: list[list[float]] | None
    state: TransformState
    refusal: str | None
    detail: str
    origin: Literal["person", "automatic", "vendor"]
    is_own: bool
    label: str
    created: str | None
    created_by: str
    expected_error_mm: float | None
    uncertainty_source: Literal["declared", "forwardBackward", "landmarks", "local", "unknown"]
    quality: dict[str, Figure] | None
    review: Review | None
    unsigned: list[Literal["given", "review"]] = []
    flags: list[Literal["notChecked", "needsReview"]] = []


class TransformsAnswer(msgspec.Struct, frozen=True):
    """Transforms of a patient, one page; `total` counts all. An object of which nothing could be read is one entry."""

    total: int
    limit: int
    offset: int
    transforms: list[TransformAnswer]


class RemovedAnswer(msgspec.Struct, frozen=True):
    """`deleted`: the object is gone. `rejected`: it is another's and stays, but no answer uses it any more."""

    id: str
    outcome: Literal["deleted", "rejected"]


class FittedPoint(msgspec.Struct, rename="camel", frozen=True):
    """A point of the source frame, where it goes, and what 95 % of errors stay under there, mm."""

    source: list[float]
    target: list[float]
    expected_error_mm: float | None


class FitAnswer(msgspec.Struct, rename="camel", frozen=True):
    """A fit that was not stored; lengths in mm.

    `residualsMm` is the distance left in each pair, `freMm` their root mean square, `fleMm` the error of placing one
    landmark that it points to; null where the fit leaves none to measure it by. `expectedErrorMm` is what 95 % of errors
    stay under at `centroid`.
    """

    matrix: list[list[float]]
    residuals_mm: list[float]
    fre_mm: float | None
    fle_mm: float | None
    centroid: list[float] | None
    expected_error_mm: float | None
    uncertainty_source: Literal["declared", "landmarks", "unknown"]
    points: list[FittedPoint]


def transform_routes(given: GivenTransforms) -> list[Route]:
    """The routes under /transforms."""
    return [*_routes_of_lists(given), *_routes_that_give(given), *_routes_of_one(given)]


def _routes_of_lists(given: GivenTransforms) -> list[Route]:
    def of_patient(call: Call[TransformsQuery, None]) -> TransformsAnswer:
        query = call.query
        stored, unread = given.of_patient(query.patient_id)
        everything: list[StoredTransform | UnreadRegistration] = [*stored, *unread]
        found = everything[query.offset : query.offset + query.limit]
        answers = [
            transform_answer(given, one) if isinstance(one, StoredTransform) else _unread_answer(one)
            for one in found
        ]
        return TransformsAnswer(len(everything), query.limit, query.offset, answers)

    return [
        Route(
            "GET", "/transforms", of_patient, "All transforms of a patient, refused ones with their reason",
            answer=TransformsAnswer, query=TransformsQuery, errors=(NotFound, Ambiguous), event=EventKind.READ, etag=True,
        ),
    ]  # fmt: skip


def _routes_that_give(given: GivenTransforms) -> list[Route]:
    def create(call: Call[None, TransformRequest]) -> TransformAnswer:
        ends, transform = _given(given, call.body)
        return transform_answer(given, given.create(ends, transform, call.actor.name))

    def fit(call: Call[None, FitRequest]) -> FitAnswer:
        ends, transform = _given(given, call.body)
        return _fit_answer(transform, call.body.points, ends.pixel_mm)

    refused = (NotFound, Ambiguous, TransformRefused)
    return [
        Route(
            "POST", "/transforms", create, "Store a transform between two frames of a patient as a registration object",
            answer=TransformAnswer, body=TransformRequest, status=201, errors=(*refused, ArchiveFailed), refusals=_REFUSALS,
            calls_back=True,
        ),
        Route(
            "POST", "/transforms/fit", fit, "The same, not stored: how well landmarks fit, and the error elsewhere",
            answer=FitAnswer, body=FitRequest, errors=refused, refusals=_REFUSALS, need=Need.VIEW,
            event=EventKind.READ,
        ),
    ]  # fmt: skip


def _routes_of_one(given: GivenTransforms) -> list[Route]:
    def one(_: Call[None, None], transform: str) -> TransformAnswer:
        return transform_answer(given, given.get(transform))

    def remove(call: Call[None, None], transform: str) -> RemovedAnswer:
        is_deleted = given.remove(transform, call.actor.name)
        return RemovedAnswer(transform, "deleted" if is_deleted else "rejected")

    def review(call: Call[None, ReviewRequest], transform: str) -> TransformAnswer:
        return transform_answer(
            given, given.review(transform, call.body.decision, call.actor.name, call.body.reason)
        )

    return [
        Route(
            "GET", "/transforms/{transform}", one, "One transform", answer=TransformAnswer, errors=(NotFound, Ambiguous)
        ),
        Route(
            "DELETE", "/transforms/{transform}", remove, "Delete a transform made here; reject any other",
            answer=RemovedAnswer, errors=(NotFound, Ambiguous, ArchiveFailed), calls_back=True,
        ),
        Route(
            "POST", "/transforms/{transform}/review", review, "Accept or reject a transform", answer=TransformAnswer,
            body=ReviewRequest, errors=(NotFound, Ambiguous, Conflict, ArchiveFailed), calls_back=True,
        ),
    ]  # fmt: skip


def _given(given: GivenTransforms, asked: TransformRequest) -> tuple[Ends, GivenTransform]:
    """The frames and the checked transform of a request."""
    _check_form(asked)
    ends = given.ends(
        asked.source_frame_of_reference_uid, asked.target_frame_of_reference_uid, asked.patient_id
    )
    if asked.matrix is not None:
        return ends, from_matrix(asked.matrix, asked.expected_error_mm)
    pairs = asked.landmarks or []
    source, target = [pair.source for pair in pairs], [pair.target for pair in pairs]
    return ends, from_landmarks(source, target, asked.method or "rigid", ends.pixel_mm)


def _check_form(asked: TransformRequest) -> None:
    errors = []
    if asked.matrix is None and asked.landmarks is None:
        errors = [FieldError("/matrix", "is missing (or give landmarks)")]
    elif asked.matrix is not None and asked.landmarks is not None:
        errors = [FieldError("/landmarks", "cannot be combined with matrix; give one of them")]
    if asked.matrix is not None and asked.method is not None:
        errors.append(FieldError("/method", "is how landmarks are fitted; a matrix is what it is"))
    if asked.landmarks is not None and asked.expected_error_mm is not None:
        errors.append(
            FieldError("/expectedErrorMm", "comes from the landmarks; only a matrix can have it declared")
        )
    if errors:
        raise invalid(errors)


def transform_answer(given: GivenTransforms, stored: StoredTransform) -> TransformAnswer:
    """A transform as it leaves the server."""
    notes = stored.notes
    fields = {
        "id": stored.id,
        "sopInstanceUid": stored.sop_instance_uid,
        "orthancInstanceId": stored.orthanc_id,
        "sourceFrameOfReferenceUid": stored.source_frame,
        "targetFrameOfReferenceUid": stored.target_frame,
        "method": stored.kind,
        "matrix": None if stored.matrix is None else stored.matrix.tolist(),
        "state": stored.state,
        "refusal": stored.refusal,
        "detail": stored.detail or "",
        "origin": stored.origin,
        "isOwn": stored.is_own,
        "label": stored.label or "",
        "created": notes.given_at or stored.created,
        "createdBy": notes.given_by if stored.is_own else stored.creator or "",
        "expectedErrorMm": notes.expected_error_mm,
        "uncertaintySource": notes.error_source or "unknown",
        "quality": None if notes.quality is None else msgspec.json.decode(notes.quality),
        "review": None
        if notes.decision is None
        else {
            "decision": notes.decision,
            "by": notes.decided_by,
            "at": notes.decided_at,
            "reason": notes.decided_why,
        },
        "unsigned": list(given.unsigned(stored)),
        "flags": flags_of(notes, stored.origin),
    }
    return msgspec.convert(fields, TransformAnswer)


def _unread_answer(unread: UnreadRegistration) -> TransformAnswer:
    return TransformAnswer(
        id=unread.sop_instance_uid, sop_instance_uid=unread.sop_instance_uid, orthanc_instance_id=unread.orthanc_id,
        source_frame_of_reference_uid=None, target_frame_of_reference_uid=None, method=None, matrix=None, state="refused",
        refusal=unread.refusal, detail=unread.detail, origin="vendor", is_own=False, label="", created=None,
        created_by="", expected_error_mm=None, uncertainty_source="unknown", quality=None, review=None, flags=[],
    )  # fmt: skip


def _fit_answer(transform: GivenTransform, points: list[list[float]], pixel_mm: float) -> FitAnswer:
    fit = transform.fit
    places = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    mapped = places @ transform.matrix[:3, :3].T + transform.matrix[:3, 3]
    errors: list[float | None] = [transform.expected_error_mm] * len(places)
    if fit is not None:
        expected = fit.expected_error_mm(places, pixel_mm)
        errors = [None] * len(places) if expected is None else (P95_OF_RMS * expected).tolist()
    source = transform.error_source
    return FitAnswer(
        matrix=transform.matrix.tolist(),
        residuals_mm=[] if fit is None else fit.residuals_mm.tolist(),
        fre_mm=None if fit is None else fit.fre_mm,
        fle_mm=None if fit is None or fit.fle_mm is None else float(fit.fle_mm),
        centroid=None if transform.centroid is None else transform.centroid.tolist(),
        expected_error_mm=transform.expected_error_mm,
        uncertainty_source="landmarks" if source == "landmarks" else "declared" if source else "unknown",
        points=[
            FittedPoint(place, end, error)
            for place, end, error in zip(places.tolist(), mapped.tolist(), errors, strict=True)
        ],
    )
