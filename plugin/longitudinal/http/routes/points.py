"""POST /points/resolve: the one question."""

from typing import Annotated, Any, Literal

import msgspec

from longitudinal.errors import (
    Ambiguous,
    FieldError,
    InvalidRequest,
    LongitudinalError,
    NotFound,
    NotIndexable,
    OutsideImage,
    SidecarUnavailable,
)
from longitudinal.http.exchange import Request
from longitudinal.http.parse import check_size, invalid, parse_json
from longitudinal.http.problem import Problem, problem_of
from longitudinal.http.router import Route
from longitudinal.http.routes.refinements import Refinements
from longitudinal.points.answer import Answer
from longitudinal.points.ask import Asker, PixelQuestion, PointQuestion, Wanted

MAX_POINTS = 1_000
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
# No scanner is ten kilometres long; what is larger is a mistake, and overflows somewhere.
Millimetres = Annotated[float, msgspec.Meta(ge=-1e7, le=1e7)]
Pixels = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Date = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$", description="YYYY-MM-DD or YYYYMMDD")
]
Role = Literal["image", "localizer", "dose", "segmentation", "derived"]


class ResolveRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Either sopInstanceUid, row, column (and frameNumber), or patientId, frameOfReferenceUid, x, y, z; or points.

    `row`, `column` are 0-based and may be fractional, the centre of the first pixel is (0, 0); `frameNumber` is 1-based;
    `x, y, z` are LPS mm. `refine` is for one point at a time: true starts a job that refines its matches; "wait", where
    there is one match to refine, waits up to 10 s for it.
    """

    sop_instance_uid: Identifier | None = None
    frame_number: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    row: Pixels | None = None
    column: Pixels | None = None
    patient_id: Identifier | None = None
    frame_of_reference_uid: Identifier | None = None
    x: Millimetres | None = None
    y: Millimetres | None = None
    z: Millimetres | None = None
    study_instance_uids: Annotated[list[Identifier], msgspec.Meta(max_length=1_000)] | None = None
    modalities: Annotated[list[Identifier], msgspec.Meta(max_length=50)] | None = None
    roles: Annotated[list[Role], msgspec.Meta(min_length=1, max_length=5)] | None = None
    from_: Date | None = msgspec.field(default=None, name="from")
    to: Date | None = None
    per: Literal["study", "series"] = "study"
    max_distance_mm: Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None = None
    refine: bool | Literal["wait"] = False
    points: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_POINTS)] | None = None


# msgspec decodes no union of untagged structs and so describes none; this one is only ever encoded.
_ANSWER_OR_PROBLEM = {
    "anyOf": [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in (Answer, Problem)]
}


class BatchAnswer(msgspec.Struct, frozen=True):
    """One answer, or one problem, for each of the points, in their order."""

    results: Annotated[list[Any], msgspec.Meta(extra_json_schema={"items": _ANSWER_OR_PROBLEM})]


# Asking msgspec for the fields of a struct takes longer than resolving a point.
_FIELDS = tuple((field.name, field.encode_name) for field in msgspec.structs.fields(ResolveRequest))
_PIXEL = ("sopInstanceUid", "row", "column")
_ONE_AT_A_TIME = "is for one point at a time: ask for this point by itself, without points"
_POINT = ("patientId", "frameOfReferenceUid", "x", "y", "z")


def point_routes(asker: Asker, refinements: Refinements, max_body_mib: int) -> list[Route]:
    """The routes under /points."""

    def resolve(request: Request) -> Answer | BatchAnswer:
        check_size(request.body, max_body_mib)
        asked = parse_json(request.body, ResolveRequest)
        if asked.points is None:
            return ask(asked)
        _refuse_beside_points(asked)
        return BatchAnswer(
            [_one(asker, item, f"/points/{number}") for number, item in enumerate(asked.points)]
        )

    def ask(asked: ResolveRequest) -> Answer:
        if asked.refine == "wait":
            return refinements.wait(*_question(asked))
        if asked.refine:
            return refinements.start(*_question(asked))
        return asker.ask(*_question(asked))

    return [
        Route(
            "POST",
            "/points/resolve",
            resolve,
            "Where is this point of the body in every other scan of the patient?",
            answer=Answer | BatchAnswer,
            body=ResolveRequest,
            errors=(NotFound, Ambiguous, OutsideImage, NotIndexable, SidecarUnavailable),
        )
    ]


def _one(asker: Asker, item: msgspec.Raw, pointer: str) -> Answer | Problem:
    try:
        asked = parse_json(bytes(item), ResolveRequest, pointer)
        if asked.points is not None:
            raise InvalidRequest(
                "points cannot stand inside points", [FieldError(f"{pointer}/points", "is not allowed here")]
            )
        if asked.refine:
            raise invalid([FieldError(f"{pointer}/refine", _ONE_AT_A_TIME)])
        return asker.ask(*_question(asked, pointer))
    except LongitudinalError as error:
        return problem_of(error)


def _refuse_beside_points(asked: ResolveRequest) -> None:
    default = ResolveRequest()
    errors = [
        FieldError(
            f"/{sent}",
            _ONE_AT_A_TIME if name == "refine" else "cannot stand beside points; put it into each of them",
        )
        for name, sent in _FIELDS
        if name != "points" and getattr(asked, name) != getattr(default, name)
    ]
    if errors:
        raise invalid(errors)


def _question(asked: ResolveRequest, pointer: str = "") -> tuple[PixelQuestion | PointQuestion, Wanted]:
    """The question of a request whose single fields are right; raises when the two forms are mixed or incomplete."""
    given = {sent for name, sent in _FIELDS if getattr(asked, name) is not None}
    is_pixel = asked.sop_instance_uid is not None or not given & set(_POINT)
    needed, foreign = (_PIXEL, _POINT) if is_pixel else (_POINT, (*_PIXEL, "frameNumber"))
    other = "patientId, frameOfReferenceUid, x, y, z" if is_pixel else "sopInstanceUid, row, column"
    errors = [
        FieldError(f"{pointer}/{name}", f"is missing (or ask by {other})")
        for name in needed
        if name not in given
    ]
    errors += [
        FieldError(f"{pointer}/{name}", f"cannot stand beside {needed[0]}; ask by pixel or by point")
        for name in foreign
        if name in given
    ]
    if errors:
        raise invalid(errors)
    wanted = Wanted(
        studies=None if asked.study_instance_uids is None else tuple(asked.study_instance_uids),
        modalities=None if asked.modalities is None else frozenset(asked.modalities),
        roles=frozenset(asked.roles or ("image",)),
        first_date=_dashed(asked.from_),
        last_date=_dashed(asked.to),
        per=asked.per,
        max_distance_mm=asked.max_distance_mm,
        pointer=pointer,
    )
    return (_pixel(asked) if is_pixel else _point(asked)), wanted


def _pixel(asked: ResolveRequest) -> PixelQuestion:
    return PixelQuestion(
        asked.sop_instance_uid or "", asked.frame_number or 1, asked.row or 0.0, asked.column or 0.0
    )


def _point(asked: ResolveRequest) -> PointQuestion:
    xyz = (asked.x or 0.0, asked.y or 0.0, asked.z or 0.0)
    return PointQuestion(asked.patient_id or "", asked.frame_of_reference_uid or "", xyz)


def _dashed(date: str | None) -> str | None:
    """YYYY-MM-DD of either form."""
    plain = None if date is None else date.replace("-", "")
    return plain and f"{plain[:4]}-{plain[4:6]}-{plain[6:]}"
