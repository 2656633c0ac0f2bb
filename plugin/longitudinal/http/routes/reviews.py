"""What waits for a person: alignments that nobody has reviewed, and reviews that do not count."""

import msgspec

from longitudinal.errors import Ambiguous, NotFound
from longitudinal.http.fields import Identifier, Limit, Offset
from longitudinal.http.router import Call, Route
from longitudinal.http.routes.transforms import TransformAnswer, transform_answer
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.registration_objects.given import GivenTransforms, WaitingTransform
from longitudinal.sidecar.tables.statements import WaitsBecause


class ReviewsQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Whose (PatientID or Orthanc id; of all patients where nobody is named), and which page."""

    patient_id: Identifier | None = None
    limit: Limit = 100
    offset: Offset = 0


class WaitingAnswer(TransformAnswer, rename="camel", frozen=True, kw_only=True):
    """A transform that waits, and for whom: its patient, and the first studies with images in its frames.

    `waitsBecause`: `notReviewed`, an automatic alignment on which nobody has decided; `unsigned`, its review has no valid
    signature; `contradicted`, newer checks reject what a person accepted.
    """

    waits_because: WaitsBecause
    patient_id: str
    orthanc_patient_id: str
    source_study_instance_uid: str | None
    target_study_instance_uid: str | None
    source_study_date: str
    target_study_date: str


class ReviewsAnswer(msgspec.Struct, frozen=True):
    """What waits, one page, those of unknown error first, then the largest errors; `total` counts all."""

    total: int
    limit: int
    offset: int
    transforms: list[WaitingAnswer]


class UnsurePlaceAnswer(msgspec.Struct, rename="camel", frozen=True):
    """A place in both frames, LPS mm, and what 95 % of errors at places like it stay below."""

    source: tuple[float, float, float]
    target: tuple[float, float, float]
    expected_error_mm: float


class UnsurePlacesAnswer(msgspec.Struct, frozen=True):
    """Up to three places at least 40 mm apart; none where the error was not measured place by place."""

    places: list[UnsurePlaceAnswer]


def review_routes(given: GivenTransforms) -> list[Route]:
    """The routes."""

    def waiting(call: Call[ReviewsQuery, None]) -> ReviewsAnswer:
        query = call.query
        total, found = given.waiting(query.patient_id, query.limit, query.offset)
        return ReviewsAnswer(total, query.limit, query.offset, [_answer(given, one) for one in found])

    def least_sure(_: Call[None, None], transform: str) -> UnsurePlacesAnswer:
        places = given.least_sure(transform)
        return UnsurePlacesAnswer(
            [UnsurePlaceAnswer(place.source, place.target, place.expected_error_mm) for place in places]
        )

    return [
        Route(
            "GET", "/reviews", waiting,
            "Transforms that wait for a person: not reviewed, reviewed without a valid signature, or against newer checks",
            answer=ReviewsAnswer, query=ReviewsQuery, errors=(NotFound,),
        ),
        Route(
            "GET", "/transforms/{transform}/least-sure", least_sure, "Where a transform is least sure: look there first",
            answer=UnsurePlacesAnswer, errors=(NotFound, Ambiguous),
        ),
    ]  # fmt: skip


def _answer(given: GivenTransforms, one: WaitingTransform) -> WaitingAnswer:
    transform = transform_answer(given, one.stored)
    fields = {name: getattr(transform, name) for name in transform.__struct_fields__}
    source, target = (
        _study_in(one.index, frame) for frame in (one.stored.source_frame, one.stored.target_frame)
    )
    return WaitingAnswer(
        **fields,
        waits_because=one.because,
        patient_id=one.index.patient_id,
        orthanc_patient_id=one.index.orthanc_id,
        source_study_instance_uid=source[0],
        target_study_instance_uid=target[0],
        source_study_date=source[1],
        target_study_date=target[1],
    )


def _study_in(index: PatientIndex, frame: str | None) -> tuple[str | None, str]:
    """The first study with images in a frame, and its date."""
    if frame is None:
        return None, ""
    for study in index.studies:
        if any(stack.frame == frame for number in study.series for stack in index.series[number].stacks):
            return study.study_instance_uid, study.study_date
    return None, ""
