"""From Orthanc's HTTP threads to threads of ours and back, with a limit on how many may wait.

Orthanc's HTTP threads have stacks of 100 KB, on which a nested JSON body or a numpy call can crash the server; the bodies
of our routes run on threads with stacks of 8 MB.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from contextvars import copy_context
from functools import partial
from typing import Any
from urllib.parse import unquote, unquote_plus

import orthanc

from longitudinal.access.audit.events import EventKind
from longitudinal.access.audit.service import Audit
from longitudinal.access.identity import NOBODY, Actor, Identity, Users
from longitudinal.errors import LongitudinalError
from longitudinal.host.callbacks import immortal
from longitudinal.host.handoff import Handoff
from longitudinal.http.addresses import Addresses, customer
from longitudinal.http.admission import Admission
from longitudinal.http.exchange import Request, Response, is_form_part
from longitudinal.http.headers import Guarded
from longitudinal.http.measures import Measures
from longitudinal.http.other_origins import OtherOrigins
from longitudinal.http.problem import response_of
from longitudinal.http.rate_limits import RateLimiter
from longitudinal.http.request_id import CURRENT, HEADER, request_id
from longitudinal.http.router import Route, Router
from longitudinal.touched import Touched, noting

ACCESS = logging.getLogger("longitudinal.requests")

ActorOf = Callable[[Mapping[str, str]], Actor]
_OK = 200
_BAD_REQUEST = 400
_METHOD_NOT_ALLOWED = 405


class RestHost:
    """Serves a router under a root.

    Parameters
    ----------
    admission
        How many requests wait for our threads at once, and how many of them are for routes that call Orthanc back over
        loopback. The next request gets 503 at once.
    users
        Whose names count.
    identity
        Who sends a request, where access is restricted; None where it is not.
    guarded
        Headers of every answer.
    measures
        What counts requests.
    others
        Which pages of other origins may read the answers.
    limiter
        How many requests one user may send.
    addresses
        Where requests come from.
    logs_requests
        Whether the log gets a line for each request.
    audit
        Gets every request with what it found.
    """

    def __init__(
        self,
        root: str,
        router: Router,
        admission: Admission,
        users: Users,
        guarded: Guarded,
        identity: Identity | None = None,
        measures: Measures | None = None,
        *,
        others: OtherOrigins | None = None,
        limiter: RateLimiter | None = None,
        addresses: Addresses | None = None,
        logs_requests: bool = False,
        audit: Audit | None = None,
    ) -> None:
        self._audit = audit
        self._root = root
        self._measures = measures or Measures()
        self._logs_requests = logs_requests
        self._others = others or OtherOrigins()
        self._limiter = limiter or RateLimiter(None)
        self._addresses = addresses or Addresses()
        self._guarded = guarded
        self._users = users
        self._actor_of = by_password(users) if identity is None else identity.actor
        self._router = router
        self._admission = admission
        self._labels_errors = _labels_errors()
        self._threads = Handoff("longitudinal-http")  # as many as are admitted at once

    def register(self) -> None:
        """Register the routes with Orthanc."""
        orthanc.RegisterRestCallback(f"{re.escape(self._root)}(/.*)?", immortal(self._serve))

    def stop(self) -> None:
        """Finish running requests and refuse new ones; requests that wait for a refined point get the unrefined answer."""
        self._admission.ending.set()
        self._threads.stop()

    def _serve(self, output: Any, uri: str, **request: Any) -> None:
        began = time.perf_counter()
        headers = request.get("headers", {})
        current = CURRENT.set(request_id(headers.get(HEADER)))
        route, asked, peer = None, None, self._addresses.of(uri)
        try:
            with noting() as touched:
                try:
                    asked = _read(uri[len(self._root) :], request, self._actor_of)
                    route, response = self._answer(asked, peer)
                except Exception as error:
                    response = response_of(error)
            self._note(route, request, response, time.perf_counter() - began)
            if self._audit is not None and asked is not None:
                self._record(self._audit, uri, peer, route, asked, response, touched)
            if response.status >= _BAD_REQUEST and is_form_part(headers):
                # A part of a POSTed form: Orthanc discards our answer; only an exception makes it report a failure.
                raise RuntimeError(response.body.decode())
            read_by = self._others.headers(headers.get("origin"), response.headers)
            sent = {**self._guarded.headers(response), **read_by, "X-Request-Id": CURRENT.get()}
            _send(output, response, sent, self._labels_errors)
        finally:
            CURRENT.reset(current)

    def _answer(self, request: Request, peer: str) -> tuple[Route | None, Response]:
        try:
            route, values = self._router.admit(request, self._users)
        except LongitudinalError as error:
            return None, response_of(error)
        try:
            if not request.is_form_part:  # the form as a whole was let in, and none of its files may get lost
                sender = customer(peer, request.headers.get("x-forwarded-for", ""))
                self._limiter.take(request.actor, sender, route.cost, len(request.body))
            if (response := self._router.at_once(route, request)) is not None:
                return route, response
            with self._admission.request(), self._admission.held() if route.calls_back else nullcontext():
                run = partial(copy_context().run, self._router.run, route, values, request)
                return route, self._threads.run(run)
        except Exception as error:
            return route, response_of(error)

    def _note(self, route: Route | None, raw: dict[str, Any], response: Response, seconds: float) -> None:
        path = None if route is None else route.path
        self._measures.request(path, response.status, seconds, response.code)
        if self._logs_requests:
            # The path as declared: a path as sent can hold a PatientID.
            fields = {
                "method": raw.get("method"), "route": path, "status": response.status, "ms": round(seconds * 1000, 2),
            }  # fmt: skip
            ACCESS.info("request", extra={"fields": fields})

    def _record(
        self, audit: Audit, uri: str, peer: str, route: Route | None, request: Request, response: Response,
        touched: Touched,
    ) -> None:  # fmt: skip
        kind = EventKind.NONE if route is None else route.event
        action = f"{request.method} {request.path if route is None else route.path}"
        whole = self._addresses.headers_of(uri)
        is_part = whole and not request.actor.is_verified  # of a form: only the whole says who sends it
        audit.answered(
            kind, action, request.method, request.path, request.query, whole if is_part else request.headers,
            None if is_part else request.actor, response.status, CURRENT.get(), touched, peer,
        )  # fmt: skip


def by_password(users: Users) -> ActorOf:
    """Who sends a request where access is not restricted."""
    return lambda headers: users.actor(headers.get("authorization", ""))


def _read(path: str, raw: dict[str, Any], actor_of: ActorOf) -> Request:
    headers, query = raw.get("headers", {}), raw.get("get", {})
    return Request(
        method=raw["method"],
        path=_decoded(path).rstrip("/"),
        query={unquote_plus(name): unquote_plus(value) for name, value in query.items()} if query else {},
        headers=headers,
        body=bytes(raw.get("body", b"")),
        actor=NOBODY if is_form_part(headers) else actor_of(headers),
    )


def _decoded(path: str) -> str:
    """The path decoded once more, but for what would then be a slash that parts names, or an escape."""
    if "%" not in path:
        return path
    return unquote(re.sub("%(2[Ff]|25)", r"%25\1", path))


def _labels_errors() -> bool:
    """Whether an error can say that it is problem+json; from 1.12.7 Orthanc itself adds "text/plain" to all of them."""
    return not orthanc.CheckVersionAdvanced(1, 12, 7)


def _send(output: Any, response: Response, headers: Mapping[str, str], labels_errors: bool) -> None:
    if response.status == _METHOD_NOT_ALLOWED:
        # Orthanc's other calls refuse this one. Its own takes no body and drops what was set before it: had we set nosniff,
        # not even the one that Orthanc adds from 1.12.7 on would go out.
        output.SendMethodNotAllowed(response.headers["Allow"])
        return
    for name, value in headers.items():
        output.SetHttpHeader(name, value)
    if response.location is not None:
        # Orthanc's own Redirect is a permanent one and drops all other headers.
        output.SetHttpHeader("Location", response.location)
        _send_status(output, response.status, b"")
    elif response.status == _OK:
        output.AnswerBuffer(response.body, response.content_type)
    else:
        if labels_errors:
            output.SetHttpHeader("Content-Type", response.content_type)
        _send_status(output, response.status, response.body)


def _send_status(output: Any, status: int, body: bytes) -> None:
    try:
        output.SendHttpStatus(status, body.decode(), len(body))
    except TypeError:  # python plugin >= 5.0 counts for itself
        output.SendHttpStatus(status, body)
