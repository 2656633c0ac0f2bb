"""What is noted of a request while it is answered: nothing is looked up then, and nothing written."""

import base64
from collections.abc import Mapping

import msgspec

from longitudinal.access.audit.events import EventKind
from longitudinal.access.identity import Actor, How
from longitudinal.touched import Touched


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as it came.

    Attributes
    ----------
    time
        POSIX seconds.
    kind
        None for a path of Orthanc's own, whose kind follows from it.
    action, path
        The method and the route as it is declared, and what was asked for.
    actor
        None where it is still to be found by the headers.
    status
        0 where Orthanc gives the answer.
    refusal
        Why the filter refused it.
    names
        PatientID and StudyInstanceUID of what it names, where these had to be looked up before it was done.
    """

    time: float
    method: str
    path: str
    kind: EventKind | None
    action: str
    headers: Mapping[str, str]
    address: str
    actor: Actor | None = None
    arguments: Mapping[str, str] = msgspec.field(default_factory=dict)
    status: int = 0
    request_id: str = ""
    touched: Touched = msgspec.field(default_factory=Touched)
    refusal: str = ""
    names: "tuple[StudyNames, ...] | None" = None


class StudyNames(msgspec.Struct, frozen=True):
    """What a study is called in an event: PatientID and StudyInstanceUID, one of which may be empty."""

    patient_id: str
    study_instance_uid: str = ""


class Store(msgspec.Struct, frozen=True):
    """An instance that a modality stored by DICOM: its Orthanc id, and the modality's AE title."""

    time: float
    instance: str
    aet: str


class Who(msgspec.Struct, frozen=True):
    """Who sends a request, as an event has it."""

    name: str
    how: str
    address: str
    via: str = ""


def who_of(noted: Noted, actor: Actor, trusted: frozenset[str]) -> Who:
    """Who sent a request; X-Forwarded-For (the last entry that is not a trusted proxy's) counts only from a trusted one.

    Parameters
    ----------
    trusted
        Addresses of proxies.
    """
    address, via = noted.address, ""
    if address in trusted:
        hops = [hop.strip() for hop in noted.headers.get("x-forwarded-for", "").split(",")]
        strangers = [hop for hop in hops if hop and hop not in trusted]
        if strangers:
            address, via = strangers[-1][:100], address
    return Who(actor.name, how_of(actor, noted.headers), address, via)


def how_of(actor: Actor, headers: Mapping[str, str]) -> str:
    """How it is known who acts: basic, bearer, proxy (a token beside a service account) or what the actor says.

    >>> how_of(Actor("ann", How.TOKEN), {"authorization": "Bearer x"}), how_of(Actor("ann", How.PASSWORD), {})
    ('bearer', 'basic')
    """
    if actor.how == How.PASSWORD:
        return "basic"
    if actor.how == How.TOKEN:
        return "bearer" if headers.get("authorization", "").lower().startswith("bearer ") else "proxy"
    return actor.how.value


def claimed(noted: Noted, actor: Actor) -> str:
    """The name that somebody gave with a password that does not count, for the detail of a refusal; "" without one."""
    kind, _, credentials = noted.headers.get("authorization", "").partition(" ")
    if actor.is_verified or kind.lower() != "basic":
        return ""
    try:
        name = (
            base64.b64decode(credentials.strip(), validate=True).decode("utf-8", "replace").partition(":")[0]
        )
    except ValueError:
        return ""
    return f" (said to be {name[:100]!r})"
