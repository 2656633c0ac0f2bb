"""POST /points/resolve: the one question."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

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
from longitudinal.http.parse import invalid, parse_json
from longitudinal.http.problem import Problem, any_problem_of
from longitudinal.http.question import Asked, QuestionRequest, question_of, says
from longitudinal.http.refinements import Refinements
from longitudinal.http.router import Call, Route
from longitudinal.points.answer import Answer
from longitudinal.points.resolver import PixelQuestion, Resolver

MAX_POINTS = 1_000
MAX_ANSWERS = 50_000
"""Matches and unresolved studies that the answer of one batch may have: 1,000 points of a patient with 50 studies."""

# Of the problem of one item of a batch.
_MOST_NAMED = 10
_LONGEST_DETAIL = 2_000


class ResolveRequest(QuestionRequest, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Either sopInstanceUid, row, column (and frameNumber), or patientId, frameOfReferenceUid, x, y, z; or points."""

    refine: Annotated[
        bool | Literal["wait"],
        says(
            "One point at a time: true starts a job that refines the matches a transform led to; "
            '"wait", where that is one match, waits up to 10 s for it.'
        ),
    ] = False
    points: Annotated[
        Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_POINTS)] | None,
        says("Many questions, each with fields like these; results has one entry for each."),
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
_ONE_AT_A_TIME = "is for one point at a time: ask for this point by itself, without points"


def point_routes(resolver: Resolver, refinements: Refinements) -> list[Route]:
    """The routes under /points."""

    def resolve(call: Call[None, ResolveRequest]) -> Answer | BatchAnswer:
        asked = call.body
        if asked.points is None:
            return ask(asked, call.actor.name)
        _refuse_beside_points(asked)
        return BatchAnswer(_batch(resolver, asked.points))

    def at_once(call: Call[None, ResolveRequest]) -> Answer | None:
        asked = call.body
        if asked.sop_instance_uid is None or asked.points is not None or asked.refine:
            return None
        question, wanted = question_of(asked)
        return resolver.at_once(question, wanted) if isinstance(question, PixelQuestion) else None

    def ask(asked: ResolveRequest, user: str) -> Answer:
        if asked.refine == "wait":
            return refinements.wait(*question_of(asked), user)
        if asked.refine:
            return refinements.start(*question_of(asked), user)
        return resolver.resolve(*question_of(asked))

    return [
        Route(
            "POST",
            "/points/resolve",
            resolve,
            "Where is this point of the body in every other scan of the patient?",
            answer=Answer | BatchAnswer,
            body=ResolveRequest,
            at_once=at_once,
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


def _read(raw: msgspec.Raw, pointer: str) -> Asked | Problem:
    try:
        asked = parse_json(bytes(raw), ResolveRequest, pointer)
        if asked.points is not None:
            raise InvalidRequest(
                "points cannot contain points", [FieldError(f"{pointer}/points", "is not allowed here")]
            )
        if asked.refine:
            raise invalid([FieldError(f"{pointer}/refine", _ONE_AT_A_TIME)])
        return question_of(asked, pointer)
    except Exception as error:  # whatever is wrong with one item is that item's problem
        return any_problem_of(error)


def _check_size(resolver: Resolver, items: Sequence[Asked | Problem]) -> None:
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


def _count(resolver: Resolver, item: Asked | Problem) -> int:
    """Entries of the answer to an item; a problem has none, and says why when it is answered."""
    if isinstance(item, Problem):
        return 0
    try:
        return resolver.count(*item)
    except Exception:
        return 0


def _answer(resolver: Resolver, item: Asked | Problem) -> msgspec.Raw:
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
