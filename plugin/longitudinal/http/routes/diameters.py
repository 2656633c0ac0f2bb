"""Diameters of a place, kept as a structured report of the study they were drawn in."""

from typing import Annotated, Literal

import msgspec

from longitudinal.errors import (
    Ambiguous,
    ArchiveFailed,
    Conflict,
    FieldError,
    NotFound,
    NotIndexable,
    OutsideImage,
    WriterUnavailable,
)
from longitudinal.http.fields import Identifier
from longitudinal.http.parse import invalid
from longitudinal.http.question import Pixels
from longitudinal.http.router import Call, Route
from longitudinal.http.routes.places import Name
from longitudinal.places.answer import PlaceAnswer, RemovedPlace
from longitudinal.places.diameters import MeasuredPlaces
from longitudinal.places.drawn import DrawnDiameter, DrawnDiameters

Pixel = Annotated[
    list[Pixels], msgspec.Meta(min_length=2, max_length=2, description="Row and column, 0-based.")
]


class DrawnLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A line from one pixel to another."""

    axis: Literal["long", "short"]
    points: Annotated[list[Pixel], msgspec.Meta(min_length=2, max_length=2)]


class DiametersRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A long axis, and perhaps a short one, on one frame of an image; of a place that is kept, or of a new one.

    `place` is its id; without one, `name` is that of the new place. What the same study had before is replaced.
    """

    sop_instance_uid: Identifier
    diameters: Annotated[list[DrawnLine], msgspec.Meta(min_length=1, max_length=2)]
    frame_number: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    place: Identifier | None = None
    name: Name | None = None


def diameter_routes(places: MeasuredPlaces) -> list[Route]:
    """The routes."""

    def keep(call: Call[None, DiametersRequest]) -> PlaceAnswer:
        asked = call.body
        if (asked.place is None) == (asked.name is None):
            detail = "give the id of a place that is kept, or the name of a new one"
            raise invalid([FieldError("/place", detail), FieldError("/name", detail)])
        lines = tuple(
            DrawnDiameter(one.axis, _pixel(one.points[0]), _pixel(one.points[1])) for one in asked.diameters
        )
        drawn = DrawnDiameters(asked.sop_instance_uid, asked.frame_number, lines)
        return places.keep_diameters(drawn, asked.place, asked.name, call.actor.name)

    def remove(_: Call[None, None], place: str, study: str) -> RemovedPlace:
        return places.remove_diameters(place, study)

    writes = (NotFound, Ambiguous, Conflict, ArchiveFailed)
    return [
        Route(
            "POST", "/diameters", keep, "Keep the diameters of a place in one study as a structured report",
            answer=PlaceAnswer, body=DiametersRequest, status=201,
            errors=(*writes, OutsideImage, NotIndexable, WriterUnavailable), calls_back=True,
        ),
        Route(
            "DELETE", "/places/{place}/diameters/{study}", remove, "Delete the diameters that were kept in one study",
            answer=RemovedPlace, errors=writes, calls_back=True,
        ),
    ]  # fmt: skip


def _pixel(point: list[float]) -> tuple[float, float]:
    row, column = point
    return row, column
