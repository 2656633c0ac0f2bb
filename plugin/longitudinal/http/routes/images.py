"""Pictures of frames: redirects to Orthanc's own rendering, which an <img> takes.

In-process rendering holds Python's lock and freezes stores; Orthanc's routes do not. The redirects are relative, so that
they lead to the right place behind a proxy under a path of its own. No browser is sent to what Orthanc cannot draw, or
what crashes its decoders (dose, segmentations): a problem says why there is no picture.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from longitudinal.errors import Ambiguous, FieldError, InvalidRequest, NoPicture, NotFound
from longitudinal.http.exchange import Response
from longitudinal.http.parse import invalid
from longitudinal.http.router import Call, Route
from longitudinal.patients.instance_lookup import unknown_instance
from longitudinal.patients.pictures import Pictures, frame_of_study
from longitudinal.patients.study_lookup import StudyLookup

# A study may still be arriving, and an index lead to another image a second later.
_INDEX_CACHE = {"Cache-Control": "private, max-age=2"}
# An Orthanc id leads to one route for good.
_INSTANCE_CACHE = {"Cache-Control": "private, max-age=31536000, immutable"}
# A SOP Instance UID leads to another instance once that one is deleted and it is stored for another patient.
_UID_CACHE = {"Cache-Control": "private, no-cache"}
_PNG = "image/png"
# Digits: no study has a thousand million frames, and Python refuses to read numbers of thousands of digits.
_LONGEST_INDEX = 9


class PreviewQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`quality` 1 to 100 (JPEG), `width` in pixels, `window` as "center,width"; all optional."""

    quality: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    width: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    window: Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?,[0-9]+(\.[0-9]+)?$")] | None = None


class ImageVersion(msgspec.Struct, frozen=True):
    """`version` changes when the instance is overwritten; the ETag is the same."""

    version: str


def image_routes(
    root: str, lookup: StudyLookup, pictures: Pictures, version_of: Callable[[str], str]
) -> list[Route]:
    """The routes that show frames.

    Parameters
    ----------
    version_of
        Tells the file of an instance (Orthanc id) from one that overwrites it; KeyError where it is gone.
    """
    depth = root.count("/")

    def orthanc(path: str, segments: int, headers: dict[str, str]) -> Response:
        """A redirect from a route of `segments` segments below the root to a route of Orthanc."""
        return Response(status=302, location="../" * (depth + segments - 1) + path, headers=headers)

    def frame(_: Call[None, None], study: str, index: str) -> Response:
        patient, entry = lookup.entry(study)
        if not (index.isascii() and index.isdecimal() and len(index) <= _LONGEST_INDEX):
            raise invalid([FieldError("index", "must be a whole number from 0")])
        orthanc_id, number = frame_of_study(patient, entry, int(index))
        pictures.check(orthanc_id, "index")
        return orthanc(f"instances/{orthanc_id}/frames/{number - 1}/preview", 4, _INDEX_CACHE)

    def preview(call: Call[PreviewQuery, None], instance: str) -> Response:
        orthanc_id = pictures.find(instance)
        cache = _INSTANCE_CACHE if instance == orthanc_id else _UID_CACHE
        return orthanc(f"instances/{orthanc_id}/{_rendering(call.query)}", 3, cache)

    def version(_: Call[None, None], instance: str) -> Response:
        found = pictures.known(instance)
        try:
            current = version_of(found)
        except KeyError:
            raise unknown_instance(instance) from None
        return Response(msgspec.json.encode(ImageVersion(current)), headers={"ETag": f'"{current}"'})

    return [
        Route(
            "GET", "/instances/{instance}/version", version,
            "Whether an instance may be seen, and which file it is: for proxies that keep its pixels",
            ImageVersion, errors=(NotFound, Ambiguous),
        ),
        Route(
            "GET", "/studies/{study}/frames/{index}", frame,
            "Frame `index` (0-based; series by number, stack order) of a study as PNG, by redirect",
            answer=_PNG, status=302, errors=(NotFound, Ambiguous, InvalidRequest, NoPicture),
        ),
        Route(
            "GET", "/instances/{instance}/preview", preview,
            "An instance (SOPInstanceUID or Orthanc id) as a picture, by redirect",
            answer=_PNG, query=PreviewQuery, status=302, errors=(NotFound, Ambiguous, NoPicture),
        ),
    ]  # fmt: skip


def _rendering(query: PreviewQuery) -> str:
    """Orthanc's /preview, or its /rendered where something is asked of the picture."""
    asked: dict[str, str | int] = {}
    if query.width is not None:
        asked["width"] = query.width
    if query.quality is not None:
        asked["quality"] = query.quality
    if query.window is not None:
        asked["window-center"], asked["window-width"] = query.window.split(",")
    return f"rendered?{urlencode(asked)}" if asked else "preview"
