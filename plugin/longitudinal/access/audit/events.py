"""What the audit records: one event for each thing that somebody did, without names of patients and without pixels."""

from datetime import UTC, datetime
from enum import StrEnum

import msgspec

LONGEST = 500
"""Characters of a text that somebody else chose."""


class EventKind(StrEnum):
    """What an event is; every route has one."""

    LOGIN = "login"
    SEARCH = "search"
    READ = "read"
    WRITE = "write"
    REVIEW = "review"
    GRANT = "grant"
    SHARE = "share"
    REFUSAL = "refusal"
    AUDIT = "audit"
    """The audit itself was read."""
    SYSTEM = "system"
    """The audit began, ended, was damaged."""
    NONE = "none"
    """Shows and changes nothing of anybody; only the login is recorded."""

    @property
    def changes(self) -> bool:
        """Whether it changes something, which AuditRequired refuses while the audit cannot be written."""
        return self in _CHANGES


_CHANGES = frozenset({EventKind.WRITE, EventKind.REVIEW, EventKind.GRANT, EventKind.SHARE})


class Outcome(StrEnum):
    """What became of a request."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    ASKED = "asked"
    """It was let in, and Orthanc answered it: the plugin does not see how."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One event.

    `time` is ISO 8601, UTC. `how` is basic, bearer, proxy, share, dicom or unknown. `address` is the peer's, or what a
    trusted proxy (`via`) says it is. `action` is the method and the route as it is declared, or what the system did;
    `object` what the request names: its path and arguments. `status` is that of the answer, 0 where Orthanc gives it.
    `torn` is the SHA-256 of half a line that a kill left before this one; `removed_through` and `removed_mac` are the last
    event of files that were removed because of their age.
    """

    kind: EventKind
    time: str
    actor: str = ""
    how: str = ""
    address: str = ""
    via: str = ""
    patient_id: str = ""
    study_instance_uid: str = ""
    action: str = ""
    object: str = ""
    status: int = 0
    outcome: Outcome = Outcome.OK
    request_id: str = ""
    detail: str = ""
    torn: str = ""
    removed_through: int = 0
    removed_mac: str = ""


def time_text(seconds: float) -> str:
    """A POSIX time as events have it.

    >>> time_text(0.0)
    '1970-01-01T00:00:00.000Z'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clean(text: str, most: int = LONGEST) -> str:
    """A stranger's text as it can be written: cut, and without half characters.

    >>> clean("abc" + chr(0xD800), 10), clean("abcdef", 3)
    ('abc?', 'abc')
    """
    cut = text[:most]
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()
