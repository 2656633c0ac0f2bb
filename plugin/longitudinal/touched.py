"""Which patients, studies and instances a request is about, noted by the look-ups, whatever route asked them.

The host sets the note while a request runs, and the audit has it afterwards; so a route that is added is covered as soon as
it finds things by the look-ups. Without one nothing is noted: that is Orthanc's own threads and jobs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Level = Literal["patients", "studies", "series", "instances"]

MOST = 200
"""Names of one request."""


class Touched(dict[tuple[Level, str], None]):
    """Level and name (PatientID, UID or Orthanc id), in the order they were found; `remark` says more."""

    remark = ""


_CURRENT: ContextVar[Touched | None] = ContextVar("touched", default=None)


@contextmanager
def noting() -> Iterator[Touched]:
    """While this lasts, what this thread and copies of its context find is noted."""
    found = Touched()
    token = _CURRENT.set(found)
    try:
        yield found
    finally:
        _CURRENT.reset(token)


def touch(level: Level, name: str) -> None:
    """Something was found that the request names, or that it is about."""
    found = _CURRENT.get()
    if found is not None and len(found) < MOST:
        found[level, name] = None


def remark(text: str) -> None:
    """Say something about a request that its path does not: with whom something is shared, and why."""
    found = _CURRENT.get()
    if found is not None:
        found.remark = text
