"""GET /openapi.json and /docs: what the routes take and answer, for programs and for people.

The page is Redoc, served from here: it works without the internet, and its content security policy lets it ask nobody else.
All its addresses are relative, so that it works behind a proxy under a path of its own.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from longitudinal.http.exchange import Response
from longitudinal.http.headers import frame_ancestors
from longitudinal.http.openapi import openapi_document
from longitudinal.http.router import Call, Route

_STATIC = Path(__file__).parents[1] / "static"
_HTML = "text/html; charset=utf-8"
_JAVASCRIPT = "text/javascript; charset=utf-8"
_DAY = "public, max-age=86400"
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; "
    "worker-src blob:; base-uri 'none'; form-action 'none'; "
)


def with_documentation(root: str, routes: Sequence[Route], ancestors: Sequence[str] = ()) -> list[Route]:
    """The routes, and those that describe them all, themselves too; `ancestors` may show the page in a frame."""
    policy = _POLICY + frame_ancestors(ancestors)

    def openapi(_: Call[None, None]) -> Response:
        return Response(document, headers={"Cache-Control": "no-cache"})

    def page(_: Call[None, None]) -> Response:
        return Response(
            html, content_type=_HTML, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
        )

    def script(_: Call[None, None]) -> Response:
        return Response(redoc, content_type=_JAVASCRIPT, headers={"Cache-Control": _DAY})

    described = [
        *routes,
        Route("GET", "/openapi.json", openapi, "This document (OpenAPI 3.1)", "application/json"),
        Route("GET", "/docs", page, "This document as a page", "text/html"),
        Route("GET", "/docs/redoc.standalone.js", script, "What draws the page (Redoc)", "text/javascript"),
    ]
    document = msgspec.json.encode(openapi_document(root, described))
    html, redoc = (_STATIC / "docs.html").read_bytes(), (_STATIC / "redoc.standalone.js").read_bytes()
    return described
