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

from sqlite_utils import Database

from longitudinal.errors import SidecarUnavailable
from longitudinal.sidecar.fault import Fault, FaultReason, fault_of
from longitudinal.sidecar.statements import MIGRATIONS  # with the step of that table

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
        # The sidecar is a cache: what a power cut takes is found again by the reconcile pass.
        connection.execute("PRAGMA synchronous = NORMAL")
        MIGRATIONS.apply(Database(connection))
        _tune(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_to_its_owner(path: Path) -> None:
    """Patients' names are in the file; SQLite gives those beside it the same mode. What is wrong with it SQLite says."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
    for part in ("", "-wal", "-shm"):
        file = f"{path}{part}"
        with contextlib.suppress(OSError):
            if os.path.isfile(file):
                os.chmod(file, _OWNER_ONLY)


def open_reader(path: Path) -> "ReadConnection":
    """A connection that cannot write, and does not make a file that is not there. Raises sqlite3.Error."""
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


class Readers:
    """A read-only connection for each thread that asks, closed together.

    Whatever goes wrong while one of them reads is raised as `SidecarUnavailable`.

    Parameters
    ----------
    path
        The sidecar's file.

    Attributes
    ----------
    damage
        What the first reader said that found the file damaged; None while all is well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None
        self._refusal: Fault | None = None
        self._logged: set[FaultReason] = set()
        self._generation = 0
        self._local = threading.local()
        self._all: set[sqlite3.Connection] = set()
        self._lock = threading.Lock()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection.

        Raises
        ------
        SidecarUnavailable
            There is no file to be read at the moment.
        """
        if self._refusal is not None:
            raise SidecarUnavailable(self._refusal.detail)
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None or self._local.generation != self._generation:
            if connection is not None:
                self._drop(connection)
            connection = self._open()
        return connection

    def refuse(self, fault: Fault) -> None:
        """There is nothing to read from now on, for the reason of `fault`. For the writer."""
        self._refusal = fault

    def admit(self) -> None:
        """The file can be read again, and may be another one: connections made before are not used any more."""
        with self._lock:
            self._generation += 1
        self.damage = None
        self._logged.clear()
        self._refusal = None

    def close(self) -> None:
        """Close every connection; the threads that used them have ended."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()

    def _open(self) -> sqlite3.Connection:
        with self._lock:
            generation = self._generation
        try:
            connection = open_reader(self.path)
        except sqlite3.Error as error:
            raise self._told(error) from error
        connection.told = self._told
        self._local.connection, self._local.generation = connection, generation
        with self._lock:
            self._all.add(connection)
        return connection

    def _drop(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._all.discard(connection)
        connection.close()

    def _told(self, error: sqlite3.Error) -> Exception:
        fault = fault_of(error, self.path)
        if fault is not None and fault.reason == FaultReason.DAMAGED:
            self.damage = self.damage or str(error)
        elif fault is not None and fault.reason not in self._logged:  # once: each question may meet it again
            self._logged.add(fault.reason)
            LOGGER.error("The sidecar cannot be read (%s): %s", fault.reason, fault.detail)
        return SidecarUnavailable(f"{self.path}: {error}")


class ReadConnection(sqlite3.Connection):
    """Says what goes wrong while it reads: damage shows where a page is read, not where the file is opened.

    Attributes
    ----------
    told
        Given what SQLite raises, makes what is raised instead.
    """

    told: Callable[[sqlite3.Error], Exception] = staticmethod(lambda error: error)

    def execute(self, *args: Any) -> sqlite3.Cursor:
        """As sqlite3.Connection does."""
        cursor = self.cursor(_ReadCursor)
        cursor.told = self.told
        return cursor.execute(*args)


class _ReadCursor(sqlite3.Cursor):
    told: Callable[[sqlite3.Error], Exception]

    def execute(self, *args: Any) -> Self:
        return self._guarded(super().execute, *args)

    def fetchone(self) -> Any:
        return self._guarded(super().fetchone)

    def fetchall(self) -> list[Any]:
        return self._guarded(super().fetchall)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return iter(self.fetchall())  # a guard around each row would take longer than the row

    def _guarded(self, read: Callable[..., T], *args: Any) -> T:
        try:
            return read(*args)
        except sqlite3.Error as error:
            raise self.told(error) from error


def _tune(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
