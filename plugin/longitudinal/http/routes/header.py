"""GET /instances/{instance}/header: the attributes of an image, for people who look something up in it.

Orthanc's own /instances/{id}/tags reads nested sequences on a stack of 100 KB, and ends of an object with 60 levels; here it
runs on one of 8 MB.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec

from longitudinal.dicom.attributes import Attribute, read_attributes
from longitudinal.errors import Ambiguous, FieldError, NotFound, Unprocessable
from longitudinal.http.router import Call, Route
from longitudinal.nesting import depth_of
from longitudinal.patients.instance_lookup import find_instance, unknown_instance
from longitudinal.sidecar.connection import Readers

# A level of DICOM is two of JSON: the list of items and the item. No object of the standard has a tenth of this.
_MOST_BRACKETS = 200


class HeaderQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`frame` (1-based): of per-frame attributes those of this frame alone."""

    frame: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] | None = None


class HeaderAnswer(msgspec.Struct, rename="camel", frozen=True):
    """All attributes of an instance in the order of their tags."""

    orthanc_instance_id: str
    attributes: list[Attribute]


def header_routes(readers: Readers, tags_of: Callable[[str], str]) -> list[Route]:
    """The route; `tags_of` gives the tags of an instance (JSON), KeyError where it is gone."""

    def header(call: Call[HeaderQuery, None], instance: str) -> HeaderAnswer:
        orthanc_id = find_instance(readers, instance)
        try:
            text = tags_of(orthanc_id).encode()
        except KeyError:
            raise unknown_instance(instance) from None
        if (depth := depth_of(text, _MOST_BRACKETS)) > _MOST_BRACKETS:
            detail = f"its sequences are nested some {depth // 2} levels deep"
            raise Unprocessable(
                f"instance {orthanc_id} is not shown: {detail}", [FieldError("instance", detail)]
            )
        return HeaderAnswer(orthanc_id, read_attributes(msgspec.json.decode(text), call.query.frame))

    return [
        Route(
            "GET", "/instances/{instance}/header", header, "The attributes of an instance, nested ones in their sequences",
            HeaderAnswer, query=HeaderQuery, errors=(NotFound, Ambiguous, Unprocessable), etag=True,
        )
    ]  # fmt: skip
