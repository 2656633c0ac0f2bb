"""A request and a response, free of any server."""

from collections.abc import Mapping

import msgspec

from longitudinal.access.identity import NOBODY, Actor

JSON = "application/json"


class Request(msgspec.Struct, frozen=True):
    """One request.

    Attributes
    ----------
    path
        Below the root, with a leading slash, no trailing one: "/points/resolve"; "" for the root itself. An escaped
        slash or per cent sign is still escaped: Orthanc decodes a path once, and what is encoded twice can hold anything.
    query
        Decoded arguments.
    headers
        Lower-case names.
    actor
        Who acts; `NOBODY` where authentication is off, and for a part of a form.
    """

    method: str
    path: str
    query: Mapping[str, str] = msgspec.field(default_factory=dict)
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    actor: Actor = NOBODY

    @property
    def is_form_part(self) -> bool:
        """Whether it is one part of a POSTed form."""
        return is_form_part(self.headers)


def is_form_part(headers: Mapping[str, str]) -> bool:
    """Whether these are headers of one part of a POSTed form, which Orthanc takes apart."""
    return "content-disposition" in headers and "host" not in headers


class Response(msgspec.Struct, frozen=True):
    """One response; `location` makes it a redirect, `code` is that of a problem."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    location: str | None = None
    code: str = ""
