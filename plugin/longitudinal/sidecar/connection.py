"""Opening the sidecar: one write connection, a read connection for each thread, WAL between them."""

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec

from longitudinal.errors import SidecarUnavailable
from longitudinal.reasons import FaultReason
from longitudinal.sidecar.fault import Fault, fault_of
from longitudinal.sidecar.limited import limit
from longitudinal.sidecar.schema import bring_up_to_date
from longitudinal.sight import current_sight

LOGGER = logging.getLogger(__name__)

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
# SQLite's own default of 2 MB reads a patient of 30,000 planes (4 MB) from the operating system each time.
_CACHE_KIB = 16_384
_OWNER_ONLY = 0o600


def open_writer(path: Path) -> sqlite3.Connection:
    """A write connection, with the schema brought up to date.

    Raises
    ------
    sqlite3.Error
        When the file cannot be made, opened or migrated.
    """
    _keep_to_its_owner(path)
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # The sidecar is a cache: what is lost in a power cut is found again by the reconcile pass.
        connection.execute("PRAGMA synchronous = NORMAL")
        bring_up_to_date(connection)
        _tune(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_to_its_owner(path: Path) -> None:
    """The file holds patients' names; SQLite gives the files beside it the same mode. SQLite reports errors."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
    for part in ("", "-wal", "-shm"):
        file = f"{path}{part}"
        with contextlib.suppress(OSError):
            if os.path.isfile(file):
                os.chmod(file, _OWNER_ONLY)


def open_reader(path: Path) -> "ReadConnection":
    """A connection that cannot write and does not create a missing file. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None,
        check_same_thread=False, factory=ReadConnection,
    )  # fmt: skip
    try:
        _tune(connection)
    except BaseException:
        connection.close()
        raise
    return connection


class _Held(msgspec.Struct, frozen=True):
    """A connection of a thread, and the file it belongs to."""

    connection: sqlite3.Connection
    generation: int


class Readers:
    """A read-only connection for each thread, all closed together; a second one for requests of those who may not see all.

    Every error while one of them reads is raised as `SidecarUnavailable`.

    Parameters
    ----------
    path
        The sidecar's file.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._damage: str | None = None
        self._refusal: Fault | None = None
        self._logged: set[FaultReason] = set()
        self._generation = 0
        self._all: set[sqlite3.Connection] = set()
        self._local = threading.local()

    @property
    def damage(self) -> str | None:
        """What the first reader reported that found the present file damaged; None while all is well."""
        with self._lock:
            return self._damage

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, on which the caller of a request sees what they may see.

        Raises
        ------
        SidecarUnavailable
            There is no file to be read at the moment.
        """
        with self._lock:
            refusal, generation = self._refusal, self._generation
        if refusal is not None:
            raise SidecarUnavailable(refusal.detail)
        is_limited = current_sight() is not None
        held: dict[bool, _Held] = self._local.__dict__.setdefault("held", {})
        if (found := held.get(is_limited)) is not None and found.generation == generation:
            return found.connection
        if found is not None:
            self._drop(held.pop(is_limited).connection)
        connection = self._open(generation, is_limited=is_limited)
        held[is_limited] = _Held(connection, generation)
        return connection

    def refuse(self, fault: Fault) -> None:
        """There is nothing to read from now on, for the reason of `fault`. For the writer."""
        with self._lock:
            self._refusal = fault

    def admit(self) -> None:
        """The file can be read again, and may be another one: connections made before are not used any more."""
        with self._lock:
            self._generation += 1
            self._damage = self._refusal = None
            self._logged.clear()

    def close(self) -> None:
        """Close every connection; the threads that used them have ended."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()

    def _open(self, generation: int, *, is_limited: bool) -> sqlite3.Connection:
        def report(error: sqlite3.Error) -> Exception:
            return self._report(error, generation)

        try:
            connection = open_reader(self.path)
            if is_limited:
                limit(connection)
        except sqlite3.Error as error:
            raise report(error) from error
        connection.report = report
        with self._lock:
            self._all.add(connection)
        return connection

    def _drop(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._all.discard(connection)
        connection.close()

    def _report(self, error: sqlite3.Error, generation: int) -> Exception:
        """Note what a connection of a generation met: what is wrong with an earlier file says nothing of the present one."""
        fault = fault_of(error, self.path)
        with self._lock:
            if fault is not None and generation == self._generation:
                if fault.reason == FaultReason.DAMAGED:
                    self._damage = self._damage or str(error)
                elif fault.reason not in self._logged:  # once: each question may meet it again
                    self._logged.add(fault.reason)
                    LOGGER.error("The sidecar cannot be read (%s): %s", fault.reason, fault.detail)
        return SidecarUnavailable(f"{self.path}: {error}")


class ReadConnection(sqlite3.Connection):
    """Reports what goes wrong while it reads: damage shows where a page is read, not where the file is opened.

    Attributes
    ----------
    report
        Takes what SQLite raises and returns what is raised instead.
    """

    report: Callable[[sqlite3.Error], Exception] = staticmethod(lambda error: error)

    def execute(self, *args: Any) -> sqlite3.Cursor:
        """As sqlite3.Connection does."""
        cursor = self.cursor(_ReadCursor)
        cursor.report = self.report
        return cursor.execute(*args)


class _ReadCursor(sqlite3.Cursor):
    report: Callable[[sqlite3.Error], Exception]

    def execute(self, *args: Any) -> Self:
        return self._guarded(super().execute, *args)

    def fetchone(self) -> Any:
        return self._guarded(super().fetchone)

    def fetchall(self) -> list[Any]:
        return self._guarded(super().fetchall)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter(self.fetchall())  # guarding each row would take longer than reading it

    def _guarded(self, read: Callable[..., T], *args: Any) -> T:
        try:
            return read(*args)
        except sqlite3.Error as error:
            raise self.report(error) from error


def _tune(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
