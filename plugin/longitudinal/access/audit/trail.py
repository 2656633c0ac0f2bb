"""The files of the audit: a folder of its own, only appended to, each line on the disk before the head says so.

A file is `audit-2026-11-28-000002.jsonl`: the day (UTC) it was begun, and its number. It is closed at the end of the day or
when it is large; the chain goes on in the next one. All are mode 0600 in a folder of 0700.
"""

import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from longitudinal.access.audit.chain import START, ChainKey, Head, read_head, read_line, sealed
from longitudinal.access.audit.events import Event, EventKind, Outcome, time_text

LOGGER = logging.getLogger(__name__)

HEAD = "head.json"
_LOCK = "lock"
_OWNER_ONLY, _FOLDER_MODE = 0o600, 0o700
_NAME = re.compile(r"audit-(\d{4}-\d\d-\d\d)-(\d{6,})\.jsonl")


def trail_files(folder: Path) -> list[Path]:
    """The files of a folder in the order they were written."""
    found = [(int(match[2]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def day_of(file: Path) -> str:
    """The day (UTC, YYYY-MM-DD) a file was begun."""
    match = _NAME.fullmatch(file.name)
    return match[1] if match else ""


def system_event(action: str, detail: str = "", outcome: Outcome = Outcome.OK, **more: str | int) -> Event:
    """An event of the audit itself."""
    return msgspec.structs.replace(
        Event(kind=EventKind.SYSTEM, time=time_text(time.time()), action=action, detail=detail, outcome=outcome), **more
    )  # fmt: skip


class Rotation(msgspec.Struct, frozen=True):
    """When a file is closed, and for how many days files are kept (None: for good)."""

    most_bytes: int
    days: int | None = None


class Trail:
    """Appends to the files of a folder; for one thread.

    Every method raises OSError where it cannot be done; what was appended before stays as it is, and the same events can
    be appended again later.

    Parameters
    ----------
    keys
        The first one seals, all of them are known.

    Attributes
    ----------
    n, mac
        Number and seal of the last line that is on the disk.
    """

    def __init__(self, folder: Path, keys: Sequence[ChainKey], rotation: Rotation) -> None:
        self.folder = folder
        self.n = 0
        self.mac = START
        self._key = keys[0]
        self._keys = {key.id: key for key in keys}
        self._rotation = rotation
        self._was_open = False
        self._lock: int | None = None
        self._file: int | None = None
        self._path = folder
        self._size = 0
        self._number = 0
        self._in_flight = 0  # events of the audit itself in the block that is being written
        self._prefix = b""

    def append(self, events: Sequence[Event]) -> list[bytes]:
        """Write events to the disk; returns their lines (for `read_line`), those of the audit itself among them."""
        own, events = list[Event](), list(events)
        if self._file is None:
            confirmed = self.n
            own = self._open()
            if self._was_open:  # what a write that failed has left complete is not written twice
                events = events[max(0, self.n - confirmed - self._in_flight) :]
            self._was_open = True
        else:
            own = self._damage()
        lines = list[bytes]()
        if self._file is not None and self._is_full(own + events):
            self._close_file()
        if self._file is None:
            lines += self._begin_file()
        if own or events:
            lines += self._write([*own, *events], len(own))
        return lines

    def prove(self) -> None:
        """Write the head once more: whether anything can be written at all."""
        self._write_head()

    def head(self) -> Head:
        """The signed statement of the last line."""
        return Head(self.n, self.mac.hex(), self._path.name, time_text(time.time()), self._key.id).signed(
            self._key
        )

    def close(self) -> None:
        """Close the file and let another process have the folder."""
        self._close_file()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # Opening

    def _open(self) -> list[Event]:
        """Go on where the last process stopped; returns what is to be said of it."""
        if not self._was_open:
            self.folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        self._take_lock()
        head, files = self._read_head(), trail_files(self.folder)
        self._number = max((int(_NAME.fullmatch(path.name)[2]) for path in files), default=0)  # type: ignore[index]
        last, torn, events = self._end_of(files), "", list[Event]()
        if last is not None:
            self.n, self.mac, torn = last.n, last.mac, last.torn
        if head is None and files:
            events.append(_damaged(f"the statement of the last line ({HEAD}) is gone"))
        if head is not None and head.n > self.n:
            detail = f"the end was cut off: events {self.n + 1} to {head.n} are missing"
            events.append(_damaged(detail))
            self.n, self.mac = head.n, bytes.fromhex(head.mac)
            self._number = max(self._number, int((_NAME.fullmatch(head.file) or [0, 0, 0])[2]))
        if last is not None and last.n == self.n and day_of(last.path) == _today():
            self._reopen(last.path)
            self._prefix = b"\n" if last.torn else b""  # what a kill left stays, as a line of its own
        action = "resumed" if self._was_open else "started"
        detail = "" if last is None or last.was_stopped else "the process before was not stopped, but ended"
        return [system_event(action, detail, torn=torn), *events]

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise OSError(f"another process writes the audit in {self.folder}") from None
        self._lock = lock

    def _read_head(self) -> Head | None:
        try:
            head = read_head((self.folder / HEAD).read_bytes())
        except FileNotFoundError:
            return None
        key = None if head is None else self._keys.get(head.key)
        return head if head is not None and key is not None and head.verifies(key) else None

    def _end_of(self, files: Sequence[Path]) -> "_End | None":
        for path in reversed(files):
            texts = path.read_bytes().split(b"\n")
            for number in range(len(texts) - 2, -1, -1):
                if (line := read_line(texts[number])) is not None:
                    torn = torn_digest(texts[number + 1 :])
                    return _End(path, line.n, bytes.fromhex(line.mac), torn, line.action == "stopped")
        return None

    def _reopen(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
        self._path, self._size = path, os.fstat(self._file).st_size

    def _begin_file(self) -> list[bytes]:
        """The next file; its first line says which one it is, and then the oldest ones may go."""
        path = self.folder / f"audit-{_today()}-{self._number + 1:06}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        self._path, self._size, self._number, self._prefix = path, 0, self._number + 1, b""
        lines = self._write([msgspec.structs.replace(system_event("file"), object=path.name)], 1)
        return lines + self._remove_old()

    def _remove_old(self) -> list[bytes]:
        if self._rotation.days is None:
            return []
        oldest = (datetime.now(UTC) - timedelta(days=self._rotation.days)).date().isoformat()
        old = [path for path in trail_files(self.folder) if day_of(path) < oldest and path != self._path]
        end = self._end_of(old)
        if end is None:
            return []
        detail = (
            f"removed after {self._rotation.days} days (AuditDays): {', '.join(path.name for path in old)}"[
                :5_000
            ]
        )
        said = system_event("removed", detail, removed_through=end.n, removed_mac=end.mac.hex())
        lines = self._write([said], 1)
        for path in old:
            path.unlink()
        return lines

    # Writing

    @property
    def _descriptor(self) -> int:
        assert self._file is not None
        return self._file

    def _is_full(self, events: Sequence[Event]) -> bool:
        return bool(events) and (self._size >= self._rotation.most_bytes or day_of(self._path) != _today())

    def _damage(self) -> list[Event]:
        """What somebody else has done to the file that is being written."""
        self.folder.stat()  # without its folder nothing is written, or it would go to another disk
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._close_file()
            return [_damaged(f"{self._path.name} is gone")]
        own = os.fstat(self._descriptor)
        if (found.st_ino, found.st_dev) != (own.st_ino, own.st_dev):
            self._close_file()
            return [_damaged(f"{self._path.name} was replaced")]
        if found.st_size == self._size:
            return []
        what = "lost" if found.st_size < self._size else "got"
        detail = (
            f"{self._path.name} {what} {abs(found.st_size - self._size)} bytes that were not written here"
        )
        self._close_file()
        return [_damaged(detail)]

    def _write(self, events: Sequence[Event], own: int) -> list[bytes]:
        """Write events, of which the first `own` are the audit's."""
        n, mac, lines = self.n, self.mac, list[bytes]()
        self._in_flight = own
        for event in events:
            n += 1
            line, mac = sealed(self._key, mac, n, event)
            lines.append(line)
        block = self._prefix + b"".join(lines)
        try:
            _write_all(self._descriptor, block)
            os.fsync(self._descriptor)
        except OSError:
            self._undo()
            raise
        self.n, self.mac, self._size = n, mac, self._size + len(block)
        self._in_flight, self._prefix = 0, b""
        self._write_head()
        return [line[:-1] for line in lines]

    def _undo(self) -> None:
        """After a write that failed: the file as it was, or a look at what it is now before the next one."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._close_file()

    def _write_head(self) -> None:
        fresh = self.folder / f".{HEAD}"
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
        try:
            _write_all(file, msgspec.json.encode(self.head()) + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
        fresh.replace(self.folder / HEAD)

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _End(msgspec.Struct, frozen=True):
    """The last line of the files; `torn` is the SHA-256 of half a line after it."""

    path: Path
    n: int
    mac: bytes
    torn: str
    was_stopped: bool


def torn_digest(texts: Sequence[bytes]) -> str:
    """The SHA-256 of what is there in place of whole lines, split at its ends of lines; "" where there is nothing."""
    rest = b"\n".join(texts).rstrip(b"\n")
    return hashlib.sha256(rest).hexdigest() if rest else ""


def _damaged(detail: str) -> Event:
    LOGGER.error("The audit was damaged: %s", detail)
    return system_event("damage", detail, Outcome.FAILED)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
