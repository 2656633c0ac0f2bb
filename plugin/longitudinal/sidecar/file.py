"""The sidecar's file: opened by its one owner, and set aside for a new one where it cannot be used as it is."""

import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from sqlite_utils import Database, Migrations

from longitudinal.sidecar.connection import open_reader, open_writer
from longitudinal.sidecar.fault import Fault, FaultReason, Faulty, fault_of
from longitudinal.sidecar.lock import FileLock
from longitudinal.sidecar.statements import MIGRATIONS  # with the step of that table

LOGGER = logging.getLogger(__name__)

# Somebody may want to look at what went wrong, or go back to the version that wrote it; a disk must not fill with them.
_KEPT_ASIDE = 3
_WAL = "-wal"
_PARTS = ("", _WAL, "-shm")
# Where `PRAGMA application_id`, 4 bytes, stands in the file (https://sqlite.org/fileformat2.html, 1.3).
_APPLICATION_ID = 68
# After a crash a file is read whole if that takes a few tenths of a second; a larger one is trusted until it is read.
_CHECKED_BYTES = 128 * 1024 * 1024


class Unfit(Exception):
    """The file cannot be used, and nobody needs it: it is set aside."""


class SidecarFile:
    """Opens the file for writing, again where need be.

    Every file has a random number (its `application_id`, on the first page), which is noted beside the lock and written
    with each transaction, so that every -wal file has it: SQLite would write the pages of any -wal file into the database
    it lies beside, whosever it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path)
        self._stamps: list[os.stat_result] = []
        self._mark = ""

    def open(self) -> sqlite3.Connection:
        """The write connection, to a file that is sound as far as one can see at once, with the schema of today.

        Raises
        ------
        Faulty
            It cannot be opened; trying again later may help.
        """
        with self._faults():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            noted = self._lock.claim().get("number")
            try:
                connection = self._open(noted)
            except Unfit as why:
                self._set_aside(str(why))
                connection = self._open(None)
            self._stamps = self._stat()
        return connection

    def is_in_place(self) -> bool:
        """Whether the file that was opened, and its -wal, are still where they were. Takes microseconds."""
        try:
            return all(map(os.path.samestat, self._stamps, self._stat()))
        except OSError:
            return False

    def set_aside(self, why: str) -> None:
        """Rename what is there, so that the next opening makes a new file. The write connection must be closed.

        Raises
        ------
        Faulty
            It cannot be renamed.
        """
        with self._faults():
            self._set_aside(why)

    def mark(self, connection: sqlite3.Connection) -> None:
        """Write the file's number. In every transaction, at its beginning."""
        connection.execute(self._mark)

    def close(self) -> None:
        """Let another process have it. Every connection must be closed."""
        self._lock.release()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except Unfit as error:
            raise Faulty(Fault(FaultReason.DAMAGED, f"{self.path}: {error}")) from error
        except (OSError, sqlite3.Error) as error:
            fault = fault_of(error, self.path) or Fault(FaultReason.IO_ERROR, f"{self.path}: {error}")
            raise Faulty(fault) from error

    def _open(self, noted: int | None) -> sqlite3.Connection:
        """Raises Unfit, or what SQLite and the operating system raise."""
        connection, was_there = None, self.path.exists()
        try:
            if was_there:
                self._look(noted)
            connection = open_writer(self.path)
            _check_schema(connection)
            self._number(connection)
        except Exception as error:
            if connection is not None:
                connection.close()
            if not was_there:  # half made, for want of room
                _remove(str(self.path))
            fault = fault_of(error, self.path)
            is_unfit = (
                isinstance(error, sqlite3.Error) if fault is None else fault.reason == FaultReason.DAMAGED
            )
            if is_unfit:  # a statement of a migration that fails, too
                raise Unfit(str(error)) from error
            raise
        return connection

    def _look(self, noted: int | None) -> None:
        """Look at a file that is there, without changing it."""
        if not self.path.is_file():
            raise Faulty(Fault(FaultReason.UNWRITABLE, f"{self.path} is there and is no file"))
        size = self.path.stat().st_size
        if size == 0:
            raise Unfit("it is empty")
        # Read before SQLite opens the file: closing it would take back locks of SQLite's.
        stored = self._stored_number() if self._is_left_by_a_crash() else None
        with closing(open_reader(self.path)) as connection:
            self._check_owner(connection)
            if stored is None:
                return
            number = _number_of(connection)
            # 0 is a file that was made a moment before the crash.
            if stored not in (0, number) or (noted is not None and number not in (0, noted)):
                raise Unfit(f"its {_WAL} file belongs to another file")
            if size <= _CHECKED_BYTES:
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    raise Unfit(str(found))

    def _check_owner(self, connection: sqlite3.Connection) -> None:
        """Raises Faulty where the file is somebody else's, Unfit where it is one of a later version."""
        own = Migrations.migrations_table
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        names: set[str] = set()
        if own in tables:
            rows = connection.execute(f"SELECT name FROM {own} WHERE migration_set = ?", (MIGRATIONS.name,))
            names = {row[0] for row in rows}
        if tables - {own} and not names:
            detail = f"{self.path} is a database of something else: let SidecarPath name a file of the plugin's own"
            raise Faulty(Fault(FaultReason.NOT_A_SIDECAR, detail))
        unknown = sorted(names - _known_migrations())
        if unknown:
            raise Unfit(f"a newer version of the plugin has changed it ({', '.join(unknown)})")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version:
            raise Unfit(f"a newer version of the plugin has changed it (user_version {version})")

    def _number(self, connection: sqlite3.Connection) -> None:
        number = _number_of(connection)
        is_new = number == 0
        if is_new:
            number = secrets.randbelow(2**31 - 1) + 1
        self._lock.note(number=number)
        self._mark = f"PRAGMA application_id = {number}"
        if is_new:
            self.mark(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _is_left_by_a_crash(self) -> bool:
        wal = Path(f"{self.path}{_WAL}")
        return not self._stamps and wal.exists() and wal.stat().st_size > 0

    def _stored_number(self) -> int:
        """As it stands in the file itself, whatever the -wal says."""
        with self.path.open("rb") as file:
            file.seek(_APPLICATION_ID)
            return int.from_bytes(file.read(4), "big")

    def _stat(self) -> list[os.stat_result]:
        return [os.stat(self.path), os.stat(f"{self.path}{_WAL}")]

    def _set_aside(self, why: str) -> None:
        aside = f"{self.path}.aside-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        moved = [part for part in _PARTS if os.path.lexists(f"{self.path}{part}")]
        for part in moved:
            os.rename(f"{self.path}{part}", f"{aside}{part}")
        kept = f" and is set aside as {aside}" if moved else ""
        LOGGER.error(
            "The sidecar %s cannot be used (%s)%s. A new one is built from the archive.", self.path, why, kept
        )
        files = self.path.parent.glob(f"{self.path.name}.aside-*")
        asides = sorted({str(found).removesuffix(_WAL).removesuffix("-shm") for found in files})
        for old in asides[:-_KEPT_ASIDE]:
            _remove(old)


def _remove(file: str) -> None:
    for part in _PARTS:
        Path(f"{file}{part}").unlink(missing_ok=True)


def _number_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _known_migrations() -> frozenset[str]:
    with closing(sqlite3.connect(":memory:")) as empty:
        return frozenset(migration.name for migration in MIGRATIONS.pending(Database(empty)))


def _check_schema(connection: sqlite3.Connection) -> None:
    missing = _expected_schema() - _schema(connection)
    if missing:
        raise Unfit(f"it lacks {', '.join(sorted(missing))}")


@cache
def _expected_schema() -> frozenset[str]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        MIGRATIONS.apply(Database(empty))
        return _schema(empty)


def _schema(connection: sqlite3.Connection) -> frozenset[str]:
    """Tables, indexes and triggers by name, and columns as table.column."""
    names = connection.execute(
        "SELECT type || ' ' || name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'"
    ).fetchall()
    columns = connection.execute(
        """SELECT 'column ' || m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table'"""
    ).fetchall()
    return frozenset(row[0] for row in (*names, *columns))
