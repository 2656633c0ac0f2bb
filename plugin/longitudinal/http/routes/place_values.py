"""POST /points/timeline: the one question, with the values around the place over time."""

from typing import Annotated, Literal

import msgspec

from longitudinal.errors import (
    Ambiguous,
    NotFound,
    NotIndexable,
    OutsideImage,
    SidecarUnavailable,
    TooManyJobs,
)
from longitudinal.http.accept import prefers
from longitudinal.http.exchange import Response
from longitudinal.http.measurements import Measurements
from longitudinal.http.question import QuestionRequest, question_of, says
from longitudinal.http.router import Call, Route
from longitudinal.values.answer import TimelineAnswer
from longitudinal.values.table import csv_of

CSV = "text/csv"
_RADIUS_MM = 5.0


class TimelineRequest(QuestionRequest, rename="camel", forbid_unknown_fields=True, frozen=True):
    """As for resolve, one point; and how large the sphere is."""

    radius_mm: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=50)],
        says("Of the sphere, 5 where it is not stated: voxels whose centres are so near, whole ones."),
    ] = _RADIUS_MM
    format: Annotated[
        Literal["json", "csv"] | None,
        says("Of the answer; where it is not stated, as the Accept header prefers."),
    ] = None


def place_value_routes(measurements: Measurements) -> list[Route]:
    """The route."""

    def timeline(call: Call[None, TimelineRequest]) -> TimelineAnswer | Response:
        asked = call.body
        answer = measurements.answer(*question_of(asked), asked.radius_mm, call.actor.name)
        accept = call.request.headers.get("accept", "")
        if asked.format == "csv" or (asked.format is None and prefers(accept, CSV)):
            return Response(csv_of(answer).encode(), content_type=f"{CSV}; charset=utf-8")
        return answer

    return [
        Route(
            "POST",
            "/points/timeline",
            timeline,
            "The same question, with the values around the place over time, as JSON or CSV",
            answer=TimelineAnswer,
            also=(CSV,),
            body=TimelineRequest,
            errors=(NotFound, Ambiguous, OutsideImage, NotIndexable, TooManyJobs, SidecarUnavailable),
        )
    ]
