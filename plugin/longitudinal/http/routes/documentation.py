"""GET /openapi.json: what the routes take and answer, for people and for programs."""

from collections.abc import Sequence

import msgspec

from longitudinal.http.exchange import Request, Response
from longitudinal.http.openapi import openapi_document
from longitudinal.http.router import Route


def with_documentation(root: str, routes: Sequence[Route]) -> list[Route]:
    """The routes, and the one that describes them all, itself too."""

    def openapi(_: Request) -> Response:
        return Response(document)

    described = [
        *routes,
        Route("GET", "/openapi.json", openapi, "This document (OpenAPI 3.1)", "application/json"),
    ]
    document = msgspec.json.encode(openapi_document(root, described))
    return described
