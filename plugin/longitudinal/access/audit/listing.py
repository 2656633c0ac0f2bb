"""Reading the audit, the newest events first."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from longitudinal.access.audit.chain import Line, read_line
from longitudinal.access.audit.events import EventKind, Outcome
from longitudinal.access.audit.trail import day_of, trail_files


class Wanted(msgspec.Struct, frozen=True):
    """Which events; what is None is not asked. `since` and `until` are times as in events, inclusive; `before` a number."""

    since: str | None = None
    until: str | None = None
    actor: str | None = None
    patient_id: str | None = None
    study_instance_uid: str | None = None
    kind: EventKind | None = None
    outcome: Outcome | None = None
    before: int | None = None

    def has(self, line: Line) -> bool:
        """Whether an event is one of them."""
        return (
            (self.before is None or line.n < self.before)
            and (self.since is None or line.time >= self.since)
            and (self.until is None or line.time <= self.until)
            and self.actor in (None, line.actor)
            and self.patient_id in (None, line.patient_id)
            and self.study_instance_uid in (None, line.study_instance_uid)
            and self.kind in (None, line.kind)
            and self.outcome in (None, line.outcome)
        )


def listed(folder: Path, wanted: Wanted, limit: int) -> list[Line]:
    """So many of the wanted events, the newest first. Raises OSError."""
    found = list[Line]()
    for line in _backwards(folder, wanted):
        if wanted.has(line):
            found.append(line)
            if len(found) == limit:
                break
    return found


def _backwards(folder: Path, wanted: Wanted) -> Iterator[Line]:
    """The lines from the newest on, of files that can hold what is wanted."""
    for path in reversed(trail_files(folder)):
        day = day_of(path)
        if wanted.until is not None and day > wanted.until[:10]:
            continue
        texts = path.read_bytes().split(b"\n")
        for text in reversed(texts):
            if (line := read_line(text)) is not None:
                yield line
        if wanted.since is not None and day < wanted.since[:10]:
            return
