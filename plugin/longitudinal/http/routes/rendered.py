"""DICOMweb's /rendered and /thumbnail for browsers: redirects to Orthanc's own rendering.

Orthanc's DICOMweb plugin answers 400 to the Accept header of an <img>, and up to 1.7 has no /thumbnail. Its own root is left
to it: a request that we took there could not be handed back.
"""

import sqlite3
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from longitudinal.errors import Ambiguous, FieldError, NoPicture, NotFound
from longitudinal.http.exchange import Response
from longitudinal.http.router import Call, Route
from longitudinal.patients.instance_lookup import unknown_instance
from longitudinal.patients.pictures import Pictures
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.exams import read_linked_image
from longitudinal.sidecar.tables.patients import instance_of_series

_PNG = "image/png"
_CACHE = {"Cache-Control": "private, no-cache"}
_THUMBNAIL = 128
_LONGEST_FRAME = 9
_INSTANCE = "/dicom-web/studies/{study}/series/{series}/instances/{instance}"

Number = r"[0-9]+(\.[0-9]+)?"


class RenderedQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """PS3.18 8.3.5: `viewport` "width,height" in pixels, `window` "center,width,linear", `quality` 1 to 100."""

    viewport: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,3},[1-9][0-9]{0,3}$")] | None = None
    window: Annotated[str, msgspec.Meta(pattern=f"^-?{Number},{Number}(,(linear|LINEAR))?$")] | None = None
    quality: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None


def rendered_routes(root: str, readers: Readers, lookup: StudyLookup, pictures: Pictures) -> list[Route]:
    """The routes that DICOMweb names so, below our root."""
    depth = root.count("/")

    def redirect(path: str, segments: int) -> Response:
        # relative, so that it leads to the right place behind a proxy under a path of its own
        return Response(status=302, location="../" * (depth + segments - 1) + path, headers=_CACHE)

    def instance_of(study: str, series: str, instance: str) -> str:
        found = _find(readers.connection(), lookup, study, series, instance)
        pictures.check(found, "instance")
        return found

    def rendered(call: Call[RenderedQuery, None], study: str, series: str, instance: str) -> Response:
        return redirect(f"instances/{instance_of(study, series, instance)}/{_rendering(call.query)}", 8)

    def frame(
        call: Call[RenderedQuery, None], study: str, series: str, instance: str, frame: str
    ) -> Response:
        if not (frame.isascii() and frame.isdecimal() and len(frame) <= _LONGEST_FRAME and int(frame) > 0):
            raise NotFound(
                "frames are numbered from 1", [FieldError("frame", "must be a whole number from 1")]
            )
        path = f"instances/{instance_of(study, series, instance)}/frames/{int(frame) - 1}"
        return redirect(f"{path}/{_rendering(call.query)}", 10)

    def thumbnail(_: Call[None, None], study: str, series: str, instance: str) -> Response:
        return redirect(f"instances/{instance_of(study, series, instance)}/rendered?width={_THUMBNAIL}", 8)

    def of_study(_: Call[None, None], study: str) -> Response:
        first = read_linked_image(readers.connection(), "studies", lookup.find(study).orthanc_id)
        if first is None:
            raise NotFound("the study has no image", [FieldError("study", "has no image")])
        pictures.check(first.orthanc_id, "study")
        return redirect(f"instances/{first.orthanc_id}/rendered?width={_THUMBNAIL}", 4)

    errors = (NotFound, Ambiguous, NoPicture)
    return [
        Route("GET", f"{_INSTANCE}/rendered", rendered, "WADO-RS /rendered for an <img>, by redirect", _PNG,
              query=RenderedQuery, status=302, errors=errors),
        Route("GET", f"{_INSTANCE}/frames/{{frame}}/rendered", frame, "The same of one frame (from 1), by redirect", _PNG,
              query=RenderedQuery, status=302, errors=errors),
        Route("GET", f"{_INSTANCE}/thumbnail", thumbnail, "WADO-RS /thumbnail of an instance, by redirect", _PNG,
              status=302, errors=errors),
        Route("GET", "/dicom-web/studies/{study}/thumbnail", of_study, "WADO-RS /thumbnail of a study, by redirect", _PNG,
              status=302, errors=errors),
    ]  # fmt: skip


def _find(connection: sqlite3.Connection, lookup: StudyLookup, study: str, series: str, instance: str) -> str:
    """The Orthanc id of an instance of a study and a series. Raises NotFound, Ambiguous."""
    found = instance_of_series(connection, lookup.find(study).orthanc_id, series, instance)
    if not found:
        raise unknown_instance(instance)
    return found


def _rendering(query: RenderedQuery) -> str:
    asked: dict[str, str | int] = {}
    if query.viewport is not None:
        asked["width"], asked["height"] = query.viewport.split(",")
    if query.quality is not None:
        asked["quality"] = query.quality
    if query.window is not None:
        asked["window-center"], asked["window-width"] = query.window.split(",")[:2]
    return f"rendered?{urlencode(asked)}" if asked else "preview"
