"""Errors -> RFC 9457 problem details. The only place that does it."""

import logging

import msgspec

from longitudinal.errors import (
    Busy,
    FieldError,
    ImageNotStored,
    LongitudinalError,
    MethodNotAllowed,
    RateLimited,
    TooManyJobs,
)
from longitudinal.http.exchange import Response
from longitudinal.http.request_id import CURRENT

LOGGER = logging.getLogger(__name__)
PROBLEM_JSON = "application/problem+json"


class ProblemField(msgspec.Struct, frozen=True):
    """One wrong field: a JSON pointer or the name of a query argument, and what to do about it."""

    field: str
    detail: str


class Problem(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """RFC 9457 problem details; programs should rely on `code`. `requestId` leads to the lines of the log."""

    code: str
    status: int
    title: str
    detail: str
    type: str = "about:blank"
    errors: tuple[ProblemField, ...] = ()
    orthanc_ids: tuple[str, ...] = ()
    request_id: str = ""


def problem_of(error: LongitudinalError) -> Problem:
    """The problem details of a domain error."""
    return Problem(
        code=error.code,
        status=error.status,
        title=error.title,
        detail=error.detail,
        errors=tuple(_field(field) for field in error.fields),
        orthanc_ids=error.orthanc_ids,
    )


def response_of(error: Exception) -> Response:
    """The response for anything a handler raised; what is not ours is logged with its traceback."""
    problem = msgspec.structs.replace(any_problem_of(error), request_id=CURRENT.get())
    headers = {}
    if isinstance(error, Busy | RateLimited | TooManyJobs | ImageNotStored):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    return Response(msgspec.json.encode(problem), problem.status, PROBLEM_JSON, headers, code=problem.code)


def any_problem_of(error: Exception) -> Problem:
    """The problem details of anything that was raised; what is not ours is logged with its traceback."""
    if not isinstance(error, LongitudinalError):
        LOGGER.error("A request failed", exc_info=error)
        error = LongitudinalError("an error inside the plugin; Orthanc's log has the details")
    return problem_of(error)


def _field(error: FieldError) -> ProblemField:
    return ProblemField(error.field, error.detail)
