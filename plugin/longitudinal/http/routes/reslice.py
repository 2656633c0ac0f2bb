"""GET /points/reslice: a study cut along the image of another."""

from typing import Annotated

import msgspec

from longitudinal.errors import (
    Ambiguous,
    NotFound,
    NotIndexable,
    SidecarUnavailable,
    TooManyJobs,
    Unprocessable,
)
from longitudinal.http.exchange import Response
from longitudinal.http.fields import Identifier
from longitudinal.http.reslices import Reslices
from longitudinal.http.router import Call, Route
from longitudinal.points.reslice import AskedCut

_PNG = "image/png"
# The transforms may change: whoever keeps it asks again.
_CACHE = {"Cache-Control": "private, no-cache"}


class ResliceQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """The plane of the image `sopInstanceUid`, `frameNumber` (1-based) counts; the series `seriesInstanceUid` is cut.

    `seriesInstanceUid` may be an Orthanc id; `stack` (0-based) is that of `/series/{series}/stacks`. After `wait`
    seconds 503 says to ask again.
    """

    sop_instance_uid: Identifier
    series_instance_uid: Identifier
    frame_number: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    stack: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    wait: Annotated[float, msgspec.Meta(ge=0, le=10)] = 10.0


def reslice_routes(reslices: Reslices) -> list[Route]:
    """The route /points/reslice."""

    def reslice(call: Call[ResliceQuery, None]) -> Response:
        asked = call.query
        cut = AskedCut(asked.sop_instance_uid, asked.frame_number, asked.series_instance_uid, asked.stack)
        png = reslices.png(cut, asked.wait, call.actor.name)
        return Response(png, content_type=_PNG, headers=_CACHE)

    return [
        Route(
            "GET",
            "/points/reslice",
            reslice,
            "A series cut along an image of another study, through the transforms, as a PNG of 16 bits",
            answer=_PNG,
            query=ResliceQuery,
            errors=(NotFound, Ambiguous, NotIndexable, Unprocessable, TooManyJobs, SidecarUnavailable),
        )
    ]
