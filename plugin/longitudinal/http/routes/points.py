"""POST /points/resolve: the one question."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from longitudinal.dicom.planes.roles import Role
from longitudinal.errors import (
    Ambiguous,
    AnswerTooLarge,
    FieldError,
    InvalidRequest,
    NotFound,
    NotIndexable,
    OutsideImage,
    SidecarUnavailable,
    TooManyJobs,
)
from longitudinal.http.fields import Date, Identifier, Millimetres
from longitudinal.http.parse import invalid, parse_days, parse_json
from longitudinal.http.problem import Problem, any_problem_of
from longitudinal.http.refinements import Refinements
from longitudinal.http.router import Call, Route
from longitudinal.points.answer import Answer
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters, Resolver

MAX_POINTS = 1_000
MAX_ANSWERS = 50_000
"""Matches and unresolved studies that the answer of one batch may have: 1,000 points of a patient with 50 studies."""

# Of the problem of one item of a batch.
_MOST_NAMED = 10
_LONGEST_DETAIL = 2_000
Pixels = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


def _says(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class ResolveRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Either sopInstanceUid, row, column (and frameNumber), or patientId, frameOfReferenceUid, x, y, z; or points."""

    sop_instance_uid: Annotated[Identifier | None, _says("The clicked image.")] = None
    frame_number: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None,
        _says("1-based; 1 where it is not stated."),
    ] = None
    row: Annotated[
        Pixels | None, _says("0-based, may be fractional: the centre of the first pixel is (0, 0).")
    ] = None
    column: Annotated[Pixels | None, _says("As row.")] = None
    patient_id: Annotated[Identifier | None, _says("Whose point this is, where no image is clicked.")] = None
    frame_of_reference_uid: Annotated[Identifier | None, _says("In which x, y and z are.")] = None
    x: Annotated[Millimetres | None, _says("LPS mm: to the left of the patient.")] = None
    y: Annotated[Millimetres | None, _says("LPS mm: to the back of the patient.")] = None
    z: Annotated[Millimetres | None, _says("LPS mm: to the head of the patient.")] = None
    study_instance_uids: Annotated[
        Annotated[list[Identifier], msgspec.Meta(max_length=1_000)] | None, _says("Only in these studies.")
    ] = None
    exams: Annotated[
        Annotated[list[Identifier], msgspec.Meta(max_length=100)] | None,
        _says("Only in studies with images of these exams."),
    ] = None
    modalities: Annotated[
        Annotated[list[Identifier], msgspec.Meta(max_length=50)] | None,
        _says("Only in series of these, as CT."),
    ] = None
    roles: Annotated[
        Annotated[list[Role], msgspec.Meta(min_length=1, max_length=5)] | None,
        _says("Only in series of these roles; images where none is named."),
    ] = None
    from_: Annotated[Date | None, _says("Only in studies from this day on.")] = msgspec.field(
        default=None, name="from"
    )
    to: Annotated[Date | None, _says("Only in studies up to this day, which counts.")] = None
    per: Annotated[
        Literal["study", "series"],
        _says("One match for each study, of the series that shows the place best, or one for each series."),
    ] = "study"
    max_distance_mm: Annotated[
        Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None,
        _says("Only images whose plane is so near to the place."),
    ] = None
    refine: Annotated[
        bool | Literal["wait"],
        _says(
            "One point at a time: true starts a job that refines the matches a transform led to; "
            '"wait", where that is one match, waits up to 10 s for it.'
        ),
    ] = False
    points: Annotated[
        Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_POINTS)] | None,
        _says("Many questions, each with fields like these; results has one entry for each."),
    ] = None


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


def point_routes(resolver: Resolver, refinements: Refinements) -> list[Route]:
    """The routes under /points."""

    def resolve(call: Call[None, ResolveRequest]) -> Answer | BatchAnswer:
        asked = call.body
        if asked.points is None:
            return ask(asked, call.actor.name)
        _refuse_beside_points(asked)
        return BatchAnswer(_batch(resolver, asked.points))

    def ask(asked: ResolveRequest, user: str) -> Answer:
        if asked.refine == "wait":
            return refinements.wait(*_question(asked), user)
        if asked.refine:
            return refinements.start(*_question(asked), user)
        return resolver.resolve(*_question(asked))

    return [
        Route(
            "POST",
            "/points/resolve",
            resolve,
            "Where is this point of the body in every other scan of the patient?",
            answer=Answer | BatchAnswer,
            body=ResolveRequest,
            errors=(
                NotFound,
                Ambiguous,
                OutsideImage,
                NotIndexable,
                AnswerTooLarge,
                TooManyJobs,
                SidecarUnavailable,
            ),
        )
    ]


_Asked = tuple[PixelQuestion | PointQuestion, QuestionFilters]


def _batch(resolver: Resolver, points: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The answers or problems of a batch, encoded one by one: a large answer is kept once, not twice.

    Raises
    ------
    AnswerTooLarge
        All answers together would have more than `MAX_ANSWERS` entries.
    """
    items = [_read(item, f"/points/{number}") for number, item in enumerate(points)]
    if len(items) > 1:
        _check_size(resolver, items)
    return [_answer(resolver, item) for item in items]


def _read(raw: msgspec.Raw, pointer: str) -> _Asked | Problem:
    try:
        asked = parse_json(bytes(raw), ResolveRequest, pointer)
        if asked.points is not None:
            raise InvalidRequest(
                "points cannot contain points", [FieldError(f"{pointer}/points", "is not allowed here")]
            )
        if asked.refine:
            raise invalid([FieldError(f"{pointer}/refine", _ONE_AT_A_TIME)])
        return _question(asked, pointer)
    except Exception as error:  # whatever is wrong with one item is that item's problem
        return any_problem_of(error)


def _check_size(resolver: Resolver, items: Sequence[_Asked | Problem]) -> None:
    counts = [_count(resolver, item) for item in items]
    total, most = sum(counts), max(counts)
    if total <= MAX_ANSWERS:
        return
    asking = sum(count > 0 for count in counts)
    detail = (
        f"{asking} points x up to {most} studies or series each make {total} matches and unresolved studies; the most of "
        f"one request is {MAX_ANSWERS}. Send {max(1, MAX_ANSWERS // most)} such points at a time, or fewer studies of each: "
        "studyInstanceUids, modalities, from, to, or per: study"
    )
    raise AnswerTooLarge(detail, [FieldError("/points", detail)])


def _count(resolver: Resolver, item: _Asked | Problem) -> int:
    """Entries of the answer to an item; a problem has none, and says why when it is answered."""
    if isinstance(item, Problem):
        return 0
    try:
        return resolver.count(*item)
    except Exception:
        return 0


def _answer(resolver: Resolver, item: _Asked | Problem) -> msgspec.Raw:
    if isinstance(item, Problem):
        return _short(item)
    try:
        return msgspec.Raw(msgspec.json.encode(resolver.resolve(*item)))
    except Exception as error:
        return _short(any_problem_of(error))


def _short(problem: Problem) -> msgspec.Raw:
    """A problem as a batch has it: a thousand of them that each name a hundred fields would be tens of megabytes."""
    errors, detail = problem.errors[:_MOST_NAMED], problem.detail[:_LONGEST_DETAIL]
    return msgspec.Raw(msgspec.json.encode(msgspec.structs.replace(problem, errors=errors, detail=detail)))


def _refuse_beside_points(asked: ResolveRequest) -> None:
    default = ResolveRequest()
    errors = [
        FieldError(
            f"/{sent}",
            _ONE_AT_A_TIME
            if name == "refine"
            else "cannot be combined with points; put it into each of them",
        )
        for name, sent in _FIELDS
        if name != "points" and getattr(asked, name) != getattr(default, name)
    ]
    if errors:
        raise invalid(errors)


def _question(
    asked: ResolveRequest, pointer: str = ""
) -> tuple[PixelQuestion | PointQuestion, QuestionFilters]:
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
        FieldError(f"{pointer}/{name}", f"cannot be combined with {needed[0]}; ask by pixel or by point")
        for name in foreign
        if name in given
    ]
    if errors:
        raise invalid(errors)
    first, last = parse_days({f"{pointer}/from": asked.from_, f"{pointer}/to": asked.to})
    wanted = QuestionFilters(
        studies=None if asked.study_instance_uids is None else tuple(asked.study_instance_uids),
        modalities=None if asked.modalities is None else frozenset(asked.modalities),
        roles=frozenset(asked.roles or ("image",)),
        first_date=first,
        last_date=last,
        per=asked.per,
        max_distance_mm=asked.max_distance_mm,
        pointer=pointer,
        exams=None if asked.exams is None else tuple(asked.exams),
    )
    return (_pixel(asked) if is_pixel else _point(asked)), wanted


def _pixel(asked: ResolveRequest) -> PixelQuestion:
    return PixelQuestion(
        asked.sop_instance_uid or "", asked.frame_number or 1, asked.row or 0.0, asked.column or 0.0
    )


def _point(asked: ResolveRequest) -> PointQuestion:
    xyz = (asked.x or 0.0, asked.y or 0.0, asked.z or 0.0)
    return PointQuestion(asked.patient_id or "", asked.frame_of_reference_uid or "", xyz)
