"""GET /imaging and /imaging/health: what this is, and whether it can serve.

A browser that opens /imaging is led to the timeline page. Its address may end in a slash or not: Orthanc shows us the same,
and a relative redirect needs to know. So it leads to `imaging/app/`, which is right without a slash; with one the browser
comes to /imaging/imaging/app/, whose slashes are known, and is led on from there. Relative, because only a browser
knows the prefix of a proxy.
"""

from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlencode

import msgspec

from longitudinal import __version__
from longitudinal.access.audit.service import Audit
from longitudinal.access.roles import Need
from longitudinal.http.accept import prefers_page
from longitudinal.http.exchange import Request, Response
from longitudinal.http.router import Call, Route
from longitudinal.ingest.completeness import Completeness
from longitudinal.jobs.queue import JobQueue, Running
from longitudinal.registration_objects.statements import Statements
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.facts import read_counts
from longitudinal.sidecar.writer import Writer

_PAGE = "app/"
_LINKS = {
    "app": _PAGE,
    "openapi": "openapi.json",
    "docs": "docs",
    "health": "health",
    "resolve": "points/resolve",
    "patients": "patients",
    "studies": "studies",
    "uploads": "uploads",
    "transforms": "transforms",
    "alignments": "alignments",
    "index": "index",
    "jobs": "jobs",
    "exams": "exams",
}
_VARIES = {"Vary": "Accept"}


class About(msgspec.Struct, frozen=True):
    """What answers here."""

    name: str
    version: str
    notice: str
    links: dict[str, str]


class RunningJob(msgspec.Struct, rename="camel", frozen=True):
    """A job that runs: for how long, and how long ago what does it has last given a sign of life (null before the first)."""

    id: str
    kind: str
    stage: str
    age_seconds: float
    silent_seconds: float | None


class Health(msgspec.Struct, rename="camel", frozen=True):
    """Whether the plugin can serve; `state` is "ok" or "failing", and `error` says why.

    `queued` are changes that wait to be written. `cursorLag` says how many lines of the archive's change log are not
    followed yet, null before the first look; `reconciled` how often archive and index were compared since the start.
    Where the index file itself fails, `reason` is a code of docs/reason-codes.md and `since` when it began (ISO 8601, UTC).
    `signingProblem` says why this node signs nothing (docs/transforms.md), null where it does. `audit` tells whether it is
    recorded who saw and did what (docs/audit.md), and `auditProblem` why it cannot be.
    """

    state: Literal["ok", "failing"]
    sidecar: str
    instances: int
    not_indexable: int
    queued: int
    cursor_lag: int | None
    reconciled: int
    jobs_queued: int
    jobs_running: int
    running_jobs: list[RunningJob]
    backfill_paused: bool
    error: str | None
    reason: str | None
    since: str | None
    signing_problem: str | None
    audit: Literal["off", "written", "failing"]
    audit_problem: str | None
    versions: dict[str, str]


class Probe(msgspec.Struct, rename="camel", frozen=True):
    """What a load balancer or a supervisor asks; `reason` says why the answer is no, "" otherwise."""

    state: Literal["ok", "failing", "starting"]
    reason: str


class Versions(msgspec.Struct, frozen=True):
    """The versions of what runs here, as Orthanc states them."""

    orthanc: str
    python_plugin: str
    python: str


def about_routes(
    root: str,
    readers: Readers,
    writer: Writer,
    queue: JobQueue,
    completeness: Completeness,
    statements: Statements,
    versions: Callable[[], Versions],
    audit: Audit | None = None,
) -> list[Route]:
    """The routes about the plugin itself."""

    last = root.rpartition("/")[2]
    links = {name: f"{root}/{path}" for name, path in _LINKS.items()}
    described = msgspec.json.encode(
        About("orthanc-longitudinal", __version__, "Not for primary diagnosis.", links)
    )

    def about(call: Call[None, None]) -> Response:
        if prefers_page(call.request.headers.get("accept", "")):
            return _to_page(f"{last}/{_PAGE}", call.request)
        return Response(described, headers=_VARIES)

    def page(call: Call[None, None]) -> Response:
        return _to_page(f"../../{_PAGE}", call.request)

    def live(_: Call[None, None]) -> Probe:
        return Probe("ok", "")

    def ready(_: Call[None, None]) -> Response:
        probe = _readiness(writer, _read_index(readers, queue, completeness), completeness)
        return Response(msgspec.json.encode(probe), 200 if probe.state == "ok" else 503)

    def health(_: Call[None, None]) -> Response:
        fault, index = writer.health.fault, _read_index(readers, queue, completeness)
        error = completeness.last_error if fault is None else fault.detail
        if index.failure is not None:
            error = index.failure
        state: Literal["ok", "failing"] = "ok" if error is None else "failing"
        answer = Health(
            state=state,
            sidecar="ready" if state == "ok" else "failing",
            instances=index.counts.get("instances", 0),
            not_indexable=index.counts.get("notIndexable", 0),
            queued=writer.backlog,
            cursor_lag=index.lag,
            reconciled=completeness.passes,
            jobs_queued=index.jobs.get("queued", 0),
            jobs_running=index.jobs.get("running", 0),
            running_jobs=index.running,
            backfill_paused=index.is_paused,
            error=error,
            reason=None if fault is None else fault.reason.value,
            signing_problem=statements.problem,
            audit="off" if audit is None else audit.state,
            audit_problem=None if audit is None else audit.problem,
            since=None if fault is None else fault.since.isoformat(timespec="milliseconds"),
            versions=_named(versions()),
        )
        return Response(msgspec.json.encode(answer), 200 if state == "ok" else 503)

    return [
        Route("GET", "", about, "What this is, and where to go from here; the page for a browser", About, need=Need.ANY),
        Route(
            "GET", f"/{last}/app", page, "On the way of a browser to the page, from an address that ended in a slash",
            answer="text/html", status=302, need=Need.ANY,
        ),
        Route("GET", "/health/live", live, "Whether the plugin answers at all; always 200", answer=Probe, need=Need.ANY),
        Route("GET", "/health/ready", ready, "Whether it can serve requests; 503 while it cannot", answer=Probe,
              need=Need.ANY),
        Route("GET", "/health", health, "Whether the plugin can serve; 503 when it cannot", answer=Health, need=Need.ANY),
    ]  # fmt: skip


def _readiness(writer: Writer, index: "_Index", completeness: Completeness) -> Probe:
    """Ready as soon as the change log is followed and while the index can be read and written."""
    fault = writer.health.fault
    failure = index.failure or (completeness.last_error if fault is None else fault.detail)
    if failure is not None:
        return Probe("failing", failure)
    if index.lag is None:
        return Probe("starting", "the change log is not followed yet")
    return Probe("ok", "")


def _to_page(location: str, request: Request) -> Response:
    """A redirect that keeps the arguments, such as ?patient=."""
    arguments = f"?{urlencode(request.query)}" if request.query else ""
    return Response(status=302, location=f"{location}{arguments}", headers=_VARIES)


class _Index(msgspec.Struct, frozen=True):
    """What the sidecar says of itself; `failure` is why it says nothing."""

    counts: Mapping[str, int]
    jobs: Mapping[str, int]
    running: list[RunningJob]
    is_paused: bool
    lag: int | None
    failure: str | None = None


def _read_index(readers: Readers, queue: JobQueue, completeness: Completeness) -> _Index:
    try:
        running = [_running(one) for one in queue.running()]
        counts, jobs = read_counts(readers.connection()), queue.counts()
        return _Index(counts, jobs, running, queue.is_paused, completeness.lag)
    except Exception as failure:  # whatever it is, health must say so
        return _Index({}, {}, [], False, None, str(failure))


def _named(versions: Versions) -> dict[str, str]:
    return {
        "plugin": __version__,
        "orthanc": versions.orthanc,
        "pythonPlugin": versions.python_plugin,
        "python": versions.python,
    }


def _running(one: Running) -> RunningJob:
    silent = None if one.silent_seconds is None else round(one.silent_seconds, 1)
    return RunningJob(one.job.id, one.job.kind, one.job.stage, round(one.age_seconds, 1), silent)
