"""The table of routes, and the one way from a request to its handler.

The router decodes query and body by the types that a route declares, checks the size of the body, and hands its handler a
`Call` of exactly these types; mypy holds both ends together. Where access is restricted it checks that the caller has
the role a route needs, and while the handler runs the caller sees only the studies they have that role for
(`longitudinal.sight`).
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import UnionType
from typing import Any, Concatenate, Generic, Protocol, TypedDict, TypeVar, Unpack, overload
from urllib.parse import unquote

import msgspec
from msgspec.structs import replace

from longitudinal.access.audit.events import EventKind
from longitudinal.access.gate import wait_out
from longitudinal.access.identity import Actor, Users
from longitudinal.access.policy import Policy
from longitudinal.access.roles import Need
from longitudinal.access.shares import Share
from longitudinal.errors import (
    AuditUnavailable,
    Forbidden,
    LongitudinalError,
    MethodNotAllowed,
    NotForShares,
    NotFound,
)
from longitudinal.http.exchange import Request, Response
from longitudinal.http.hidden import without
from longitudinal.http.parse import check_size, parse_json, parse_query
from longitudinal.http.problem import response_of
from longitudinal.http.rate_limits import Cost, cost_of
from longitudinal.http.shared_routes import check_question, check_shared
from longitudinal.http.static_files import etag_of, is_known
from longitudinal.sight import Sight, seeing

_BAD_REQUEST = 400
# Questions that are too long for an address, and change nothing.
_ASKED_BY_POST = ("/points/", "/overlays")
_AUDIT = "/audit"
_GIVING = {"grants": EventKind.GRANT, "shares": EventKind.SHARE}

_NOT_MODIFIED = 304
# Of a body that is answered at once: bytes, and brackets. A question is one object, with lists of studies or modalities.
_SHORT, _FLAT = 2_048, 4
# Names of a path whose value may hold slashes: a PatientID is any text.
_TEXTS = frozenset({"patient"})

Q = TypeVar("Q")
B = TypeVar("B")
Query = TypeVar("Query", bound=msgspec.Struct)
Body = TypeVar("Body", bound=msgspec.Struct)


class Call(msgspec.Struct, Generic[Q, B], frozen=True):
    """One call of a route.

    Attributes
    ----------
    query
        The decoded arguments; None where the route declares none.
    body
        The decoded JSON body; its bytes where the route takes files; None where it takes no body.
    actor
        Who acts.
    request
        As it came, for headers.
    """

    query: Q
    body: B
    actor: Actor
    request: Request


# A handler takes the call and the values of the path's {names}; it returns the struct of a JSON answer, or a whole response.
Handler = Callable[Concatenate[Call[Q, B], ...], msgspec.Struct | Response]


class Details(TypedDict, total=False):
    """The rest of what a route declares; see `Route`."""

    status: int
    errors: tuple[type[LongitudinalError], ...]
    refusals: tuple[str, ...]
    takes_forms: bool
    calls_back: bool
    also: tuple[str, ...]
    need: Need
    etag: bool
    cache: str
    event: EventKind
    cost: Cost
    at_once: Callable[[Call[Any, Any]], msgspec.Struct | None] | None


class Route:
    """One method of one path, and what OpenAPI says of it.

    Attributes
    ----------
    path
        Below the root, for example "/transforms/{transform}"; "" is the root.
    handler
        Its first parameter is a `Call` of the declared query and body; the others are named as in the path.
    answer
        The struct of the answer; a media type (text) where it is not JSON.
    query, body
        The struct that validates the arguments or the JSON body; None where the route takes none.
    takes
        Media types of a body that is not JSON; its limit is MaxUploadMiB, that of a JSON body MaxBodyMiB.
    status
        Of the answer when all is well.
    errors
        What it can raise beyond what every route can.
    refusals
        The codes of its `Refused`.
    takes_forms
        Whether it takes the parts of a POSTed form, of which the sender is not known.
    calls_back
        Whether it holds a second HTTP thread of Orthanc by calling it over loopback.
    also
        Media types that the answer may have instead, as the request prefers.
    need
        What its caller needs where access is restricted; without one stated as `_need_of` has it.
    etag
        Whether a client that has the answer already (If-None-Match) gets 304 in place of it.
    cache
        Cache-Control of such an answer, where it may be kept at all.
    event
        What the audit calls it; without one stated as `_event_of` has it.
    cost
        Which limit of requests it counts for; without one stated as `cost_of` has it.
    at_once
        Answers calls that need nothing but memory, microseconds and little stack, and leaves all others to the handler by
        returning None or raising anything. Only for routes that change nothing.
    """

    @overload
    def __init__(
        self, method: str, path: str, handler: Handler[None, None], summary: str, answer: type | UnionType | str,
        **details: Unpack[Details],
    ) -> None: ...  # fmt: skip

    @overload
    def __init__(
        self, method: str, path: str, handler: Handler[Query, None], summary: str, answer: type | UnionType | str,
        *, query: type[Query], **details: Unpack[Details],
    ) -> None: ...  # fmt: skip

    @overload
    def __init__(
        self, method: str, path: str, handler: Handler[None, Body], summary: str, answer: type | UnionType | str,
        *, body: type[Body], **details: Unpack[Details],
    ) -> None: ...  # fmt: skip

    @overload
    def __init__(
        self, method: str, path: str, handler: Handler[None, bytes], summary: str, answer: type | UnionType | str,
        *, takes: tuple[str, ...], **details: Unpack[Details],
    ) -> None: ...  # fmt: skip

    def __init__(
        self, method: str, path: str, handler: Handler[Any, Any], summary: str, answer: type | UnionType | str,
        *, query: type[msgspec.Struct] | None = None, body: type[msgspec.Struct] | None = None,
        takes: tuple[str, ...] = (), **details: Unpack[Details],
    ) -> None:  # fmt: skip
        self.method = method
        self.path = path
        self.handler = handler
        self.summary = summary
        self.answer = answer
        self.query = query
        self.body = body
        self.takes = takes
        self.status = details.get("status", 200)
        self.errors = details.get("errors", ())
        self.refusals = details.get("refusals", ())
        self.takes_forms = details.get("takes_forms", False)
        self.calls_back = details.get("calls_back", False)
        self.also = details.get("also", ())
        self.need = details.get("need", _need_of(method, path))
        self.etag = details.get("etag", False)
        self.cache = details.get("cache", "no-store")
        self.event = details.get("event", _event_of(method, path, self.need))
        self.at_once = details.get("at_once")
        is_question = method == "POST" and path.startswith(_ASKED_BY_POST)
        self.cost = details.get(
            "cost", cost_of(method, path, answer, takes_files=bool(takes), is_question=is_question)
        )


def _need_of(method: str, path: str) -> Need:
    """What a route needs that states nothing: to view for what reads, to review for the rest."""
    if path == _AUDIT or path.startswith(f"{_AUDIT}/"):
        return Need.AUDIT
    return Need.VIEW if method == "GET" or path.startswith(_ASKED_BY_POST) else Need.REVIEW


def _event_of(method: str, path: str, need: Need) -> EventKind:
    """What the audit calls a route that states nothing: by construction whatever changes something is an event.

    >>> [_event_of(*route).value for route in (("GET", "/studies/{study}", Need.VIEW), ("DELETE", "/x", Need.ANY))]
    ['read', 'write']
    """
    first = path.lstrip("/").partition("/")[0]
    if need == Need.AUDIT:
        return EventKind.AUDIT
    if path.startswith(_ASKED_BY_POST):
        return EventKind.READ
    if method == "GET":
        if need == Need.ANY and first not in _GIVING:
            return EventKind.NONE
        return EventKind.READ if "{" in path else EventKind.SEARCH
    if path.endswith("/review"):
        return EventKind.REVIEW
    return _GIVING.get(first, EventKind.WRITE)


class Limits(msgspec.Struct, frozen=True):
    """Of bodies, in MiB: the settings MaxBodyMiB and MaxUploadMiB."""

    body: int = 4
    upload: int = 4


class Masking(Protocol):
    """What stands between a handler and whoever has opened a de-identified share (`longitudinal.http.deidentified`)."""

    def path(
        self, template: str, values: Mapping[str, str], request: Request
    ) -> tuple[dict[str, str], Request]:
        """The values of a path and the request, with real names."""

    def inward(self, asked: Any) -> Any:
        """Decoded arguments or a body, with real names."""

    def encoded(self, answer: msgspec.Struct) -> bytes:
        """A masked answer."""

    def response(self, response: Response) -> Response:
        """A response that names nothing."""

    def problem(self, response: Response) -> Response:
        """A problem that names nothing."""


class Router:
    """Finds the route of a request and runs it; every error becomes a response.

    Parameters
    ----------
    policy
        Who may do what; None where access is not restricted.
    unrecorded
        Why nothing may be changed now, because it could not be recorded; None where it may.
    masks
        What stands between a handler and whoever has opened a de-identified share; without it none is answered.
    """

    def __init__(
        self, routes: Sequence[Route], limits: Limits | None = None, policy: Policy | None = None,
        *, unrecorded: Callable[[], str | None] = lambda: None, masks: Callable[[Share], Masking] | None = None,
    ) -> None:  # fmt: skip
        self._masks = masks
        self.routes = tuple(routes)
        self._limits = limits or Limits()
        self._policy = policy
        self._unrecorded = unrecorded
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        self._exact = {path: methods for path, methods in by_path.items() if "{" not in path}
        self._with_values = {path: methods for path, methods in by_path.items() if "{" in path}

    @cached_property  # neither a start nor the question needs a pattern
    def _patterns(self) -> list[tuple[re.Pattern[str], dict[str, Route]]]:
        patterns = [(_pattern(path), methods) for path, methods in self._with_values.items()]
        # what ends in any text comes last, or it would take the paths below it
        return sorted(patterns, key=lambda entry: entry[0].pattern.endswith(".+)$"))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and the values of its path.

        Raises
        ------
        NotFound
            No route has this path.
        MethodNotAllowed
            One has, with other methods.
        """
        methods, values = self._exact.get(path), {}
        if methods is None:
            for pattern, candidate in self._patterns:
                if (match := pattern.match(path)) is not None:
                    methods, values = (
                        candidate,
                        {name: unquote(text) for name, text in match.groupdict().items()},
                    )
                    break
        if methods is None:
            raise NotFound(f"no route has the path {path or '/'}; openapi.json lists all routes")
        route = methods.get(method)
        if route is None:
            raise MethodNotAllowed(f"{path} takes {', '.join(methods)}, not {method}", tuple(methods))
        return route, values

    def admit(self, request: Request, users: Users) -> tuple[Route, dict[str, str]]:
        """The route of a request that may go on, and the values of its path.

        Raises
        ------
        NotFound, MethodNotAllowed
            As of `find`.
        Forbidden
            It writes, and the sender is not known; or the sender has not the role it needs for anything at all.
        NotForShares
            It is not part of a shared view, which is all that the sender has opened.
        """
        route, values = self.find(request.method, request.path)
        if self._policy is None:
            _check_actor(route, request, users)
        elif not self._policy.allows(request.actor, route.need):
            raise Forbidden(
                f"this needs a role to {route.need}, which {request.actor.name or 'nobody'} has not"
            )
        if request.actor.share is not None:
            check_shared(route.method, route.path, request.actor.share)
        return route, values

    def run(self, route: Route, values: dict[str, str], request: Request) -> Response:
        """Decode what the route declares and run its handler; whatever is raised is a response too."""
        began, sight = time.monotonic(), self._sight(route, request)
        with seeing(sight):
            response = self._handled(route, values, request)
        if sight is not None:
            if response.status >= _BAD_REQUEST:
                wait_out(began)
            response = without(response, sight.hides)
        # the tag is that of what the caller gets, or it would tell what is left out
        is_tagged = route.etag and response.status == route.status
        return _tagged(response, request, route.cache) if is_tagged else response

    def at_once(self, route: Route, request: Request) -> Response | None:
        """The answer on the caller's thread, which may have a small stack; None where it is for `run` to give one.

        Only for short and flat bodies, of which parsing needs little stack, and where nothing is hidden from anybody.
        """
        body = request.body
        if (
            route.at_once is None
            or route.body is None
            or self._policy is not None
            or request.actor.share is not None
        ):
            return None
        if len(body) > _SHORT or body.count(b"[") + body.count(b"{") > _FLAT:
            return None
        try:
            answer = route.at_once(Call(None, parse_json(body, route.body), request.actor, request))
            return None if answer is None else Response(msgspec.json.encode(answer), route.status)
        except Exception:  # whatever it is, `run` says what is wrong
            return None

    def _sight(self, route: Route, request: Request) -> Sight | None:
        """What the caller sees while the handler runs; None: everything."""
        return None if self._policy is None else self._policy.sight(request.actor, route.need)

    def _handled(self, route: Route, values: dict[str, str], request: Request) -> Response:
        share = request.actor.share
        if share is not None and share.de_identified:
            return self._masked(route, values, request, share)
        try:
            if route.event.changes and (why := self._unrecorded()) is not None:
                raise AuditUnavailable(
                    f"nothing is changed while it cannot be recorded (AuditRequired): {why}"
                )
            answer = route.handler(self._decode(route, request), **values)
            if isinstance(answer, Response):
                return answer
            return Response(msgspec.json.encode(answer), route.status)
        except Exception as error:
            return response_of(error)

    def _masked(self, route: Route, values: dict[str, str], request: Request, share: Share) -> Response:
        """The same for a de-identified share: real names come in behind the mask, and none goes out before it."""
        if self._masks is None:
            return response_of(NotForShares("de-identified views are not served"))
        mask = self._masks(share)
        try:
            real, request = mask.path(route.path, values, request)
            call = self._decode(route, request)
            call = replace(call, query=mask.inward(call.query), body=mask.inward(call.body))
            answer = route.handler(call, **real)
            if isinstance(answer, Response):
                return mask.response(answer)
            return Response(mask.encoded(answer), route.status)
        except Exception as error:
            return mask.problem(response_of(error))

    def _decode(self, route: Route, request: Request) -> Call[Any, Any]:
        """The call of a request. Raises BodyTooLarge, MalformedJson, InvalidRequest."""
        body: Any = None
        if route.takes:
            check_size(request.body, self._limits.upload, "MaxUploadMiB")
            body = request.body
        elif route.body is not None:
            check_size(request.body, self._limits.body, "MaxBodyMiB")
            body = parse_json(request.body, route.body)
            if request.actor.share is not None:
                check_question(body, request.actor.share)
        query = None if route.query is None else parse_query(request.query, route.query)
        return Call(query, body, request.actor, request)


def _tagged(response: Response, request: Request, cache: str) -> Response:
    """The answer with its ETag, or 304 for a client that has it."""
    tag = etag_of(response.body)
    headers = {"ETag": tag, "Cache-Control": cache, **response.headers}
    if is_known(tag, request.headers):
        return Response(status=_NOT_MODIFIED, headers=headers)
    return replace(response, headers=headers)


def _check_actor(route: Route, request: Request, users: Users) -> None:
    """Where Orthanc knows its users only they may write; a part of a form may ask nothing.

    Raises
    ------
    Forbidden
    """
    if route.method == "GET":
        return
    if request.is_form_part:
        if not route.takes_forms:
            raise Forbidden(
                f"{request.path} does not take a POSTed form: its parts do not say who sends them"
            )
    elif users.is_required and not request.actor.is_verified and not route.takes_forms:
        raise Forbidden(
            "the request does not say who sends it: give the name and password of one of Orthanc's RegisteredUsers"
        )


def _pattern(path: str) -> re.Pattern[str]:
    values = re.sub(r"\\{(\w+)\\}", _group, re.escape(path))
    return re.compile(f"^{values}$", re.DOTALL)


def _group(name: re.Match[str]) -> str:
    """The pattern of one {name} of a path."""
    return f"(?P<{name[1]}>{'.+' if name[1] in _TEXTS else '[^/]+'})"
