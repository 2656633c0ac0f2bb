"""Pictures of frames: redirects to Orthanc's own rendering, which an <img> takes.

In-process rendering holds Python's lock and freezes stores; Orthanc's routes do not. The redirects are relative, so that
they lead to the right place behind a proxy under a path of its own. No browser is sent to what Orthanc cannot draw, or
what ends it in its decoders (dose, segmentations): a problem says why there is no picture.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlencode

import msgspec
import numpy as np

from longitudinal.dicom.planes.pictures import no_picture, no_picture_of_class
from longitudinal.dicom.planes.reasons import NotIndexableReason
from longitudinal.errors import Ambiguous, FieldError, InvalidRequest, NoPicture, NotFound
from longitudinal.http.exchange import Request, Response
from longitudinal.http.parse import invalid, parse_query
from longitudinal.http.router import Route
from longitudinal.http.routes.studies import find_study
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.patients import find_instances
from longitudinal.sidecar.transforms import sop_class_of

# A study may still be arriving, and an index lead to another image a second later.
_INDEX_CACHE = {"Cache-Control": "private, max-age=2"}
# An Orthanc id leads to one route for good.
_INSTANCE_CACHE = {"Cache-Control": "private, max-age=31536000, immutable"}
# A SOP Instance UID leads to another instance once that one is deleted and it is stored for another patient.
_UID_CACHE = {"Cache-Control": "private, no-cache"}
_PNG = "image/png"
# Digits: no study has a thousand million frames, and Python refuses to read numbers of thousands of digits.
_LONGEST_INDEX = 9
# Reading the tags of an enhanced image takes milliseconds, and a list of studies shows the same pictures again and again.
_REMEMBERED = 4_096


class PreviewQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`quality` 1 to 100 (JPEG), `width` in pixels, `window` as "center,width"; all optional."""

    quality: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    width: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    window: Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?,[0-9]+(\.[0-9]+)?$")] | None = None


def image_routes(
    root: str, readers: Readers, catalogue: Catalogue, tags_of: Callable[[str], str]
) -> list[Route]:
    """The routes that show frames; `tags_of` gives the tags of an instance (JSON), KeyError where it is gone."""
    depth = root.count("/")

    @lru_cache(maxsize=_REMEMBERED)
    def why_not(orthanc_id: str, sop_class: str) -> str:
        return no_picture_of_class(sop_class) or no_picture(msgspec.json.decode(tags_of(orthanc_id)))

    def check(orthanc_id: str, field: str) -> None:
        """Raise where Orthanc is not asked to draw an instance. An overwritten one is looked at again with its class."""
        try:
            why = why_not(orthanc_id, sop_class_of(readers.connection(), orthanc_id))
        except KeyError:
            raise NotFound(
                f"instance {orthanc_id} is not stored any more", [FieldError(field, "is gone")]
            ) from None
        if why:
            raise NoPicture(
                f"instance {orthanc_id} is not shown as a picture: {why}", [FieldError(field, why)]
            )

    def orthanc(path: str, segments: int, headers: dict[str, str]) -> Response:
        """A redirect from a route of `segments` segments below the root to a route of Orthanc."""
        return Response(status=302, location="../" * (depth + segments - 1) + path, headers=headers)

    def frame(_: Request, study: str, index: str) -> Response:
        patient, entry = find_study(readers, catalogue, study)
        if not (index.isascii() and index.isdecimal() and len(index) <= _LONGEST_INDEX):
            raise invalid([FieldError("index", "must be a whole number from 0")])
        orthanc_id, number = _frame_of_study(patient, entry, int(index))
        check(orthanc_id, "index")
        return orthanc(f"instances/{orthanc_id}/frames/{number - 1}/preview", 4, _INDEX_CACHE)

    def preview(request: Request, instance: str) -> Response:
        query = parse_query(request.query, PreviewQuery)
        found = find_instances(readers.connection(), instance)
        if len(found) > 1:
            raise Ambiguous(f"instance {instance} is stored {len(found)} times", orthanc_ids=found)
        if not found:
            raise NotFound(
                f"there is no instance {instance}",
                [FieldError("instance", "is no SOPInstanceUID or Orthanc id known here")],
            )
        check(found[0], "instance")
        cache = _INSTANCE_CACHE if instance == found[0] else _UID_CACHE
        return orthanc(f"instances/{found[0]}/{_rendering(query)}", 3, cache)

    return [
        Route(
            "GET",
            "/studies/{study}/frames/{index}",
            frame,
            "Frame `index` (0-based; series by number, stack order) of a study as PNG, by redirect",
            answer=_PNG,
            status=302,
            errors=(NotFound, Ambiguous, InvalidRequest, NoPicture),
        ),
        Route(
            "GET",
            "/instances/{instance}/preview",
            preview,
            "An instance (SOPInstanceUID or Orthanc id) as a picture, by redirect",
            answer=_PNG,
            query=PreviewQuery,
            status=302,
            errors=(NotFound, Ambiguous, NoPicture),
        ),
    ]


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


def _frame_of_study(patient: PatientIndex, study: StudyEntry, index: int) -> tuple[str, int]:
    """Orthanc id and 1-based frame number of the frame `index` of a study: those with a place, then the others."""
    placed = sum(len(patient.series[number].planes) for number in study.series)
    if index < placed:
        plane = study.first_plane + index
        number = int(np.searchsorted(patient.stack_set.start, plane, side="right")) - 1
        series = patient.series[int(patient.stack_series[number])]
        frame_number = int(patient.stack_set.planes[plane]["frame_number"])
        return series.orthanc_ids[int(patient.plane_instance[plane])], frame_number
    left = index - placed
    for number in study.series:
        series = patient.series[number]
        for orthanc_id, reason, frames in zip(
            series.orthanc_ids, series.instance_reasons, series.frame_counts, strict=True
        ):
            if reason is None or reason == NotIndexableReason.NOT_AN_IMAGE:
                continue
            if left < frames:
                return orthanc_id, left + 1
            left -= frames
    last = index - left - 1
    if last < 0:
        raise NotFound(
            "the study has no frames", [FieldError("index", "names nothing: the study has no frames")]
        )
    raise NotFound(f"the study has frames 0 to {last}", [FieldError("index", f"must be from 0 to {last}")])
