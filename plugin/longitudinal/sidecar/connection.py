"""Opening the sidecar: one write connection, a read connection for each thread, WAL between them."""

import sqlite3
import threading
from pathlib import Path

from sqlite_utils import Database

from longitudinal.errors import SidecarUnavailable
from longitudinal.sidecar.migrations import MIGRATIONS

_BUSY_TIMEOUT_MS = 5_000
# SQLite's own default of 2 MB reads a patient of 30,000 planes (4 MB) from the operating system each time.
_CACHE_KIB = 16_384


def open_writer(path: Path) -> sqlite3.Connection:
    """The one write connection, with the schema brought up to date.

    Raises
    ------
    SidecarUnavailable
        When the file cannot be made, opened or migrated.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        # The sidecar is a cache: what a power cut takes is found again by the reconcile pass.
        connection.execute("PRAGMA synchronous = NORMAL")
        MIGRATIONS.apply(Database(connection))
        _tune(connection)
    except (sqlite3.Error, OSError) as error:
        raise SidecarUnavailable(f"{path}: {error}") from error
    return connection


class Readers:
    """A read-only connection for each thread that asks, closed together.

    Parameters
    ----------
    path
        The sidecar's file, already made by `open_writer`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._open()
            self._local.connection = connection
        return connection

    def close(self) -> None:
        """Close every connection; the threads that used them have ended."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                f"file:{self._path}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_MS / 1000, isolation_level=None,
                check_same_thread=False,
            )  # fmt: skip
            _tune(connection)
        except sqlite3.Error as error:
            raise SidecarUnavailable(f"{self._path}: {error}") from error
        with self._lock:
            self._all.append(connection)
        return connection


def _tune(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
