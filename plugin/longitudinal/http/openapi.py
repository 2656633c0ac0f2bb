"""The OpenAPI 3.1 document, made from the table of routes and the structs that validate; nothing is written twice."""

import re
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, get_args

import msgspec

from longitudinal import __version__
from longitudinal.access.roles import Need
from longitudinal.errors import (
    AuditUnavailable,
    BodyTooLarge,
    Busy,
    Forbidden,
    InvalidRequest,
    LongitudinalError,
    MalformedJson,
    RateLimited,
    Refused,
    SidecarUnavailable,
    TooManyJobs,
)
from longitudinal.http.exchange import JSON
from longitudinal.http.multipart import FORM
from longitudinal.http.problem import PROBLEM_JSON, Problem
from longitudinal.http.router import Route

_BYTES = "application/octet-stream"
# First segments of the routes about the plugin itself; every other one is a topic of its own.
_ABOUT = frozenset({"", "health", "openapi.json", "docs", "me"})
# Values of a path are identifiers, except these.
_IN_PATH = {"index": {"type": "integer", "minimum": 0, "maximum": 999_999_999}}
_REFERENCE = "#/components/schemas/{name}"
_ALWAYS: tuple[type[LongitudinalError], ...] = (Busy, RateLimited, SidecarUnavailable, LongitudinalError)
_WITH_QUERY: tuple[type[LongitudinalError], ...] = (InvalidRequest,)
_WITH_BODY: tuple[type[LongitudinalError], ...] = (InvalidRequest, MalformedJson, BodyTooLarge)


def errors_of(route: Route) -> list[type[LongitudinalError]]:
    """What a route can raise: its own errors, and those every route of its kind has."""
    found = [*route.errors, *_ALWAYS]
    if route.query is not None:
        found += _WITH_QUERY
    if route.body is not None:
        found += _WITH_BODY
    if route.method != "GET" or route.need != Need.ANY:
        found.append(Forbidden)
    if route.event.changes:
        found.append(AuditUnavailable)
    return list(dict.fromkeys(found))


def openapi_document(root: str, routes: Sequence[Route]) -> dict[str, Any]:
    """The document of all routes, the server's root as its server address."""
    kinds = [kind for route in routes for kind in (route.query, route.body, route.answer)]
    types = list(dict.fromkeys([*(member for kind in kinds for member in _members(kind)), Problem]))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    _type_enums(components)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path or "/", {})[route.method.lower()] = _operation(route, by_type, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "orthanc-longitudinal",
            "version": __version__,
            "description": "One anatomical point, every scan of the patient, in time order. Not for primary diagnosis.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": root}],
        "security": [{"basic": []}, {"bearer": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _type_enums(node: Any) -> None:
    """Say that words to choose from are text, which msgspec leaves out; pages of the document call them "any" then."""
    children: Iterable[Any] = ()
    if isinstance(node, list):
        children = node
    elif isinstance(node, dict):
        children = node.values()
        words = node.get("enum")
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            node.setdefault("type", "string")
    for child in children:
        _type_enums(child)


def _members(kind: Any) -> tuple[Any, ...]:
    """The structs of a body or answer: itself, or each of a union; none for a media type."""
    if kind is None or isinstance(kind, str):
        return ()
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _schema(kind: Any, by_type: dict[Any, Any]) -> dict[str, Any]:
    schemas = [by_type[member] for member in _members(kind)]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _operation(route: Route, by_type: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", route.path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _IN_PATH.get(name, {"type": "string"})}
        for name in names
    ]
    if route.query is not None:
        parameters += _query_parameters(components[route.query.__name__])
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method} {route.path}".lower()).strip("_"),
        "summary": route.summary,
        "tags": [_topic(route.path)],
        "parameters": parameters,
        "responses": _responses(route, by_type),
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": _schema(route.body, by_type)}},
        }
    elif route.takes:
        operation["requestBody"] = {"required": True, "content": {kind: _raw(kind) for kind in route.takes}}
    return operation


def _topic(path: str) -> str:
    first = path.lstrip("/").partition("/")[0]
    return "about" if first in _ABOUT else first


def _raw(kind: str) -> dict[str, Any]:
    """A body that is not JSON: a form of files, or bytes."""
    if kind != FORM:
        return {}
    return {
        "schema": {"type": "object", "minProperties": 1, "additionalProperties": {"contentMediaType": _BYTES}}
    }


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(value)}
        for name, value in schema["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """An argument is text or absent, never null."""
    if "anyOf" not in schema:
        return schema
    kept = [option for option in schema["anyOf"] if option.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and value is not None}
    return {**rest, **kept[0]} if len(kept) == 1 else {**rest, "anyOf": kept}


def _responses(route: Route, by_type: dict[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary}
    if isinstance(route.answer, str):
        # A redirect has no body; what it leads to does.
        if route.status == _FOUND:
            answer["headers"] = {
                "Location": {"schema": {"type": "string"}, "description": f"where the {route.answer} is"}
            }
        else:
            answer["content"] = {route.answer: {}}
    elif route.answer is not None:
        answer["content"] = {JSON: {"schema": _schema(route.answer, by_type)}}
        answer["content"] |= {kind: {} for kind in route.also}
    responses = {str(route.status): answer}
    by_status: dict[int, list[type[LongitudinalError]]] = {}
    for error in errors_of(route):
        by_status.setdefault(error.status, []).append(error)
    for status, errors in sorted(by_status.items()):
        schema = {"allOf": [by_type[Problem]], "properties": {"code": {"enum": _codes(route, errors)}}}
        problem: dict[str, Any] = {
            "description": "; ".join(f"{error.code}: {error.title}" for error in errors),
            "content": {PROBLEM_JSON: {"schema": schema}},
        }
        if {Busy, RateLimited, TooManyJobs} & set(errors):
            problem["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
        # Health answers 503 with its own body.
        responses.setdefault(str(status), problem)
    return responses


def _codes(route: Route, errors: Sequence[type[LongitudinalError]]) -> list[str]:
    """What `code` can be; a refused transform has the reason there."""
    codes: list[str] = []
    for error in errors:
        codes += route.refusals if issubclass(error, Refused) else (error.code,)
    return list(dict.fromkeys(codes))


_FOUND = 302
