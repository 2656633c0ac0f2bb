"""/places: points of the body that are kept."""

from typing import Annotated

import msgspec

from longitudinal.access.audit.events import EventKind
from longitudinal.errors import (
    Ambiguous,
    ArchiveFailed,
    Conflict,
    FieldError,
    NotFound,
    NotIndexable,
    OutsideImage,
    PlaceRefused,
    WriterUnavailable,
)
from longitudinal.http.fields import Identifier, Limit, Millimetres, Offset, StudyIdentifiers
from longitudinal.http.parse import invalid
from longitudinal.http.router import Call, Route
from longitudinal.places.answer import KeptAnswer, PlaceAnswer, PlaceDetail, PlacesAnswer, RemovedPlace
from longitudinal.places.places import Places
from longitudinal.points.resolver import PixelQuestion, PointQuestion
from longitudinal.reasons import PlaceFault

Name = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=1_000,
        description="1 to 64 characters on one line; blanks around it do not count.",
    ),
]
_PIXEL = ("sopInstanceUid", "row", "column")
_POINT = ("patientId", "frameOfReferenceUid", "x", "y", "z")
Pixels = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


class PlacesQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Whose places: PatientID or Orthanc id; and which page of them."""

    patient_id: Identifier
    limit: Limit = 1_000
    offset: Offset = 0


class KeepRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """A name, and a pixel (sopInstanceUid, frameNumber, row, column) or a point (patientId, frameOfReferenceUid, x, y, z).

    `studyInstanceUid` says in which study a point was placed; it is needed where several studies have its frame.
    """

    name: Name
    sop_instance_uid: Identifier | None = None
    frame_number: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    row: Pixels | None = None
    column: Pixels | None = None
    patient_id: Identifier | None = None
    frame_of_reference_uid: Identifier | None = None
    x: Millimetres | None = None
    y: Millimetres | None = None
    z: Millimetres | None = None
    study_instance_uid: Identifier | None = None


class RenameRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """The new name."""

    name: Name


class KeepInRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """The studies to keep the place in; all of the patient where none is named."""

    study_instance_uids: StudyIdentifiers | None = None


_FOUND = (NotFound, Ambiguous)
_WRITES = (*_FOUND, Conflict, ArchiveFailed, WriterUnavailable)


def place_routes(places: Places) -> list[Route]:
    """The routes under /places."""

    def of_patient(call: Call[PlacesQuery, None]) -> PlacesAnswer:
        return places.of_patient(call.query.patient_id, call.query.limit, call.query.offset)

    def keep(call: Call[None, KeepRequest]) -> PlaceAnswer:
        asked = call.body
        return places.keep(_question(asked), asked.study_instance_uid, asked.name, call.actor.name)

    def one(_: Call[None, None], place: str) -> PlaceDetail:
        return places.get(place)

    def rename(call: Call[None, RenameRequest], place: str) -> PlaceAnswer:
        return places.rename(place, call.body.name, call.actor.name)

    def remove(_: Call[None, None], place: str) -> RemovedPlace:
        return places.remove(place)

    def keep_in(call: Call[None, KeepInRequest], place: str) -> KeptAnswer:
        return places.keep_in(place, call.body.study_instance_uids, call.actor.name)

    def remove_from(_: Call[None, None], place: str, study: str) -> PlaceAnswer:
        return places.remove_from(place, study)

    return [
        Route(
            "GET", "/places", of_patient, "The places of a patient, in time order", answer=PlacesAnswer,
            query=PlacesQuery, errors=_FOUND, event=EventKind.READ, etag=True,
        ),
        Route(
            "POST", "/places", keep, "Keep a point of the body as a structured report", answer=PlaceAnswer,
            body=KeepRequest, status=201,
            errors=(*_FOUND, OutsideImage, NotIndexable, PlaceRefused, ArchiveFailed, WriterUnavailable),
            refusals=(PlaceFault.NO_FRAME_UID, PlaceFault.NOT_IN_A_STUDY), calls_back=True,
        ),
        Route(
            "GET", "/places/{place}", one, "One place, and where it is in every study", answer=PlaceDetail, errors=_FOUND,
            etag=True,
        ),
        Route(
            "PUT", "/places/{place}", rename, "Rename a place", answer=PlaceAnswer, body=RenameRequest, errors=_WRITES,
            calls_back=True,
        ),
        Route(
            "DELETE", "/places/{place}", remove, "Delete a place: the plugin's reports of it", answer=RemovedPlace,
            errors=(*_FOUND, Conflict, ArchiveFailed), calls_back=True,
        ),
        Route(
            "POST", "/places/{place}/studies", keep_in, "Keep a place in other studies too, where it is mapped to",
            answer=KeptAnswer, body=KeepInRequest, errors=_WRITES, calls_back=True,
        ),
        Route(
            "DELETE", "/places/{place}/studies/{study}", remove_from, "Delete what the plugin mapped into one study",
            answer=PlaceAnswer, errors=(*_FOUND, Conflict, ArchiveFailed), calls_back=True,
        ),
    ]  # fmt: skip


def _question(asked: KeepRequest) -> PixelQuestion | PointQuestion:
    """The question of a request whose single fields are right; raises when the two forms are mixed or incomplete."""
    given = {
        field.encode_name
        for field in msgspec.structs.fields(KeepRequest)
        if getattr(asked, field.name) is not None
    }
    is_pixel = asked.sop_instance_uid is not None or not given & set(_POINT)
    needed, foreign = (
        (_PIXEL, (*_POINT, "studyInstanceUid")) if is_pixel else (_POINT, (*_PIXEL, "frameNumber"))
    )
    other = ", ".join(_POINT if is_pixel else _PIXEL)
    errors = [FieldError(f"/{name}", f"is missing (or give {other})") for name in needed if name not in given]
    errors += [
        FieldError(f"/{name}", f"cannot be combined with {needed[0]}; give a pixel or a point")
        for name in foreign
        if name in given
    ]
    if errors:
        raise invalid(errors)
    if is_pixel:
        return PixelQuestion(
            asked.sop_instance_uid or "", asked.frame_number or 1, asked.row or 0.0, asked.column or 0.0
        )
    xyz = (asked.x or 0.0, asked.y or 0.0, asked.z or 0.0)
    return PointQuestion(asked.patient_id or "", asked.frame_of_reference_uid or "", xyz)
