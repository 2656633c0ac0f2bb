"""GET /audit: who saw and did what, for auditors."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

from longitudinal.access.audit.chain import Line
from longitudinal.access.audit.events import EventKind, Outcome
from longitudinal.access.audit.listing import Wanted, listed
from longitudinal.access.audit.service import Audit
from longitudinal.errors import AuditUnavailable, FieldError, NotFound
from longitudinal.http.accept import prefers
from longitudinal.http.exchange import Response
from longitudinal.http.fields import Identifier, Limit
from longitudinal.http.parse import invalid
from longitudinal.http.router import Call, Route

CSV = "text/csv"
_Kind = Literal["login", "search", "read", "write", "review", "grant", "share", "refusal", "audit", "system"]
_Time = Annotated[
    str,
    msgspec.Meta(
        max_length=40, description="ISO 8601: a date, or a time with an offset, such as 2027-01-31T18:00:00Z"
    ),
]
# A spreadsheet takes a text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class AuditQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which events, the newest first. A date as `until` includes the day; `before` is `next` of the page before."""

    since: _Time | None = None
    until: _Time | None = None
    actor: Identifier | None = None
    patient_id: Identifier | None = None
    study_instance_uid: Identifier | None = None
    kind: _Kind | None = None
    outcome: Literal["ok", "refused", "failed", "asked"] | None = None
    limit: Limit = 100
    before: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    format: Literal["json", "csv"] | None = None


class AuditEvent(msgspec.Struct, rename="camel", frozen=True):
    """One event; `number` is its place in the chain, `status` 0 where Orthanc gave the answer."""

    number: int
    time: str
    kind: EventKind
    actor: str
    how: str
    address: str
    via: str
    patient_id: str
    study_instance_uid: str
    action: str
    object: str
    status: int
    outcome: Outcome
    request_id: str
    detail: str


class AuditPage(msgspec.Struct, frozen=True):
    """One page of events; `next` is the `before` of the next one, null at the end."""

    events: list[AuditEvent]
    next: int | None


def audit_routes(audit: Audit | None) -> list[Route]:
    """The route; None where nothing is recorded."""

    def events(call: Call[AuditQuery, None]) -> AuditPage | Response:
        query, wanted = call.query, _wanted(call.query)
        if audit is None or audit.folder is None:
            raise NotFound("nothing is recorded here (setting Audit)")
        audit.settle()
        try:
            found = listed(audit.folder, wanted, query.limit + 1)
        except OSError as error:
            raise AuditUnavailable(f"the audit in {audit.folder} cannot be read: {error.strerror}") from None
        shown, is_more = found[: query.limit], len(found) > query.limit
        accept = call.request.headers.get("accept", "")
        if query.format == "csv" or (query.format is None and prefers(accept, CSV)):
            headers = {"X-Next-Before": str(shown[-1].n)} if is_more else {}
            return Response(_csv(shown).encode(), content_type=f"{CSV}; charset=utf-8", headers=headers)
        return AuditPage([_event(line) for line in shown], shown[-1].n if is_more else None)

    return [
        Route(
            "GET", "/audit", events, "Who saw and did what, the newest first, as JSON or CSV", AuditPage,
            query=AuditQuery, also=(CSV,), errors=(NotFound, AuditUnavailable),
        )
    ]  # fmt: skip


def _wanted(query: AuditQuery) -> Wanted:
    faults = list[FieldError]()
    since, until = _time("since", query.since, faults), _time("until", query.until, faults)
    if faults:
        raise invalid(faults)
    return Wanted(
        since, until, query.actor, query.patient_id, query.study_instance_uid,
        None if query.kind is None else EventKind(query.kind), None if query.outcome is None else Outcome(query.outcome),
        query.before,
    )  # fmt: skip


def _time(name: str, text: str | None, faults: list[FieldError]) -> str | None:
    """A time as events have it (UTC); a date is its beginning, or as `until` its end."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if len(text) <= 10 and name == "until":
            found += timedelta(days=1, milliseconds=-1)
        if found.tzinfo is None:
            if len(text) > 10:
                raise ValueError(text)
            found = found.replace(tzinfo=UTC)
        return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        faults.append(
            FieldError(name, "must be a date, or a time with an offset, such as 2027-01-31T18:00:00Z")
        )
        return None


def _event(line: Line) -> AuditEvent:
    return AuditEvent(
        line.n, line.time, line.kind, line.actor, line.how, line.address, line.via, line.patient_id, line.study_instance_uid,
        line.action, line.object, line.status, line.outcome, line.request_id, line.detail,
    )  # fmt: skip


def _csv(lines: Sequence[Line]) -> str:
    """A table with a line of names; no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(field.encode_name for field in msgspec.structs.fields(AuditEvent))
    for line in lines:
        writer.writerow(_cell(value) for value in msgspec.structs.astuple(_event(line)))
    return text.getvalue()


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
