"""GET /openapi.json and /docs: what the routes take and answer, for programs and for people.

The page is Redoc, served from here: it works without the internet, and its content security policy lets it load nothing
from elsewhere. All its addresses are relative, so that it works behind a proxy under a path of its own.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from longitudinal.access.roles import Need
from longitudinal.http.exchange import JSON, Response
from longitudinal.http.headers import frame_ancestors
from longitudinal.http.router import Call, Route
from longitudinal.http.static_files import CONTENT_TYPES, StaticFile, static_bytes

_STATIC = Path(__file__).parents[1] / "static"
_DAY = "public, max-age=86400"
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; "
    "worker-src blob:; base-uri 'none'; form-action 'none'; "
)


def with_documentation(root: str, routes: Sequence[Route], ancestors: Sequence[str] = ()) -> list[Route]:
    """The routes, and those that describe them all, themselves too; `ancestors` may show the page in a frame."""

    @cache  # at the start, before anybody asks for it, it would cost 0.03 s
    def document() -> StaticFile:
        from longitudinal.http.openapi import openapi_document

        return static_bytes(msgspec.json.encode(openapi_document(root, described)), JSON)

    @cache
    def page_file() -> StaticFile:
        policy = {"Content-Security-Policy": _POLICY + frame_ancestors(ancestors)}
        return static_bytes((_STATIC / "docs.html").read_bytes(), CONTENT_TYPES[".html"], headers=policy)

    @cache
    def script_file() -> StaticFile:
        return static_bytes((_STATIC / "redoc.standalone.js").read_bytes(), CONTENT_TYPES[".js"], _DAY)

    def openapi(call: Call[None, None]) -> Response:
        return document().answer(call.request.headers)

    def page(call: Call[None, None]) -> Response:
        return page_file().answer(call.request.headers)

    def script(call: Call[None, None]) -> Response:
        return script_file().answer(call.request.headers)

    described = [
        *routes,
        Route("GET", "/openapi.json", openapi, "This document (OpenAPI 3.1)", JSON, need=Need.ANY),
        Route("GET", "/docs", page, "This document as a page", "text/html", need=Need.ANY),
        Route(
            "GET",
            "/docs/redoc.standalone.js",
            script,
            "What draws the page (Redoc)",
            "text/javascript",
            need=Need.ANY,
        ),
    ]
    return described
