"""The sidecar's file: opened by one process, and set aside for a new one if it cannot be used."""

import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from longitudinal.reasons import FaultReason
from longitudinal.sidecar.connection import open_reader, open_writer
from longitudinal.sidecar.fault import Fault, Faulty, fault_of
from longitudinal.sidecar.lock import FileLock
from longitudinal.sidecar.schema import STEPS, STEPS_TABLE, applied_steps, find_missing, schema_version

LOGGER = logging.getLogger(__name__)

# Kept so that a failure can be examined, or an older version can be installed again; few, so that they do not fill the disk.
_KEPT_ASIDE = 3
_WAL = "-wal"
_PARTS = ("", _WAL, "-shm")
# The offset of `PRAGMA application_id`, 4 bytes, in the file (https://sqlite.org/fileformat2.html, 1.3).
_APPLICATION_ID = 68
# After a crash a file up to this size is checked completely, which takes a few tenths of a second; a larger one is not.
_CHECKED_BYTES = 128 * 1024 * 1024


class Unfit(Exception):
    """The file cannot be used and can be replaced: it is set aside."""


class SidecarFile:
    """Opens the file for writing, repeatedly if necessary.

    Every file has a random number (its `application_id`, on the first page), which is noted beside the lock and written
    with each transaction, so that every -wal file has it: SQLite would write the pages of any -wal file into the database
    beside it, whichever database the -wal file belongs to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path)
        self._stamps: list[os.stat_result] = []
        self._mark = ""

    def open(self) -> sqlite3.Connection:
        """The write connection, to a file that has passed the quick checks, with the current schema.

        Raises
        ------
        Faulty
            The file cannot be opened; a later attempt may succeed.
        """
        with self._faults():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            noted = self._lock.claim()
            try:
                connection = self._open(noted)
            except Unfit as why:
                self._set_aside(str(why))
                connection = self._open({})
            self._stamps = self._stat()
        return connection

    def is_in_place(self) -> bool:
        """Whether the file that was opened, and its -wal, are still where they were. Takes microseconds."""
        try:
            return all(map(os.path.samestat, self._stamps, self._stat()))
        except OSError:
            return False

    def set_aside(self, why: str) -> None:
        """Rename the files, so that the next opening creates a new one. The write connection must be closed.

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
        """Release the file for other processes. Every connection must be closed."""
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

    def _open(self, noted: Mapping[str, Any]) -> sqlite3.Connection:
        """Raises Unfit, or what SQLite and the operating system raise."""
        connection, was_there = None, self.path.exists()
        try:
            if was_there:
                self._look(noted.get("number"))
            connection = open_writer(self.path)
            if (noted.get("number"), noted.get("schema")) != (
                _number_of(connection),
                schema_version(connection),
            ):
                _check_schema(connection)
            self._number(connection)
        except Exception as error:
            if connection is not None:
                connection.close()
            if not was_there:  # incomplete, because the disk was full
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
        """Check an existing file without changing it."""
        if not self.path.is_file():
            raise Faulty(Fault(FaultReason.UNWRITABLE, f"{self.path} exists and is not a regular file"))
        size = self.path.stat().st_size
        if size == 0:
            raise Unfit("it is empty")
        # Read before SQLite opens the file: closing our descriptor would release SQLite's locks.
        stored = self._stored_number() if self._is_left_by_a_crash() else None
        with closing(open_reader(self.path)) as connection:
            self._check_owner(connection)
            if stored is None:
                return
            number = _number_of(connection)
            # 0: the file was created a moment before the crash.
            if stored not in (0, number) or (noted is not None and number not in (0, noted)):
                raise Unfit(f"its {_WAL} file belongs to another file")
            if size <= _CHECKED_BYTES:
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    raise Unfit(str(found))

    def _check_owner(self, connection: sqlite3.Connection) -> None:
        """Raises Faulty if the file belongs to another program, Unfit if a later version has written it."""
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        names = applied_steps(connection)
        if tables - {STEPS_TABLE} and not names:
            detail = f"{self.path} is a database of another program: set SidecarPath to a file for this plugin alone"
            raise Faulty(Fault(FaultReason.NOT_A_SIDECAR, detail))
        unknown = sorted(names - STEPS)
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
        self._lock.note(number=number, schema=schema_version(connection))
        self._mark = f"PRAGMA application_id = {number}"
        if is_new:
            self.mark(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _is_left_by_a_crash(self) -> bool:
        wal = Path(f"{self.path}{_WAL}")
        return not self._stamps and wal.exists() and wal.stat().st_size > 0

    def _stored_number(self) -> int:
        """As stored in the file itself, whatever the -wal file holds."""
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


def _check_schema(connection: sqlite3.Connection) -> None:
    missing = find_missing(connection)
    if missing:
        raise Unfit(f"it lacks {', '.join(missing)}")
