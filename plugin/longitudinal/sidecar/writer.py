"""The one thread that writes the sidecar, in batches, each one transaction."""

import logging
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from longitudinal.errors import SidecarUnavailable
from longitudinal.sidecar.connection import BUSY_TIMEOUT_MS, Readers
from longitudinal.sidecar.facts import WRITTEN, write_fact
from longitudinal.sidecar.fault import Fault, FaultReason, Faulty, fault_of
from longitudinal.sidecar.file import SidecarFile
from longitudinal.sidecar.instances import InstanceWriter, Touched

LOGGER = logging.getLogger(__name__)

# A command writes through the InstanceWriter or the connection and returns what it touched.
Command = Callable[[sqlite3.Connection, InstanceWriter], Iterable[Touched]]

_BATCH = 200
# What nobody waits for lies this long, so that a stream of stores is written some at a time: a thread that wakes for each
# instance takes Python's lock from the storing threads just when they need it.
_LINGER_SECONDS = 0.05
# How often somebody looks whether the file is still there while nothing is written, and whether a fault has passed.
_IDLE_SECONDS = 5.0
_RETRY_SECONDS = 1.0
# A disk that is nearly full takes one write and not the next. So long without an error and a fault is over.
_SETTLED_SECONDS = 3.0
# While a fault lasts those who wait are told so soon.
_FAULTY_TIMEOUT_MS = 100
# A second new file in so short a time would not be the last.
_REBUILD_SECONDS = 60.0
# A disk that hangs must not fill the memory with what waits for it; the rest is found again.
_MOST_WAITING = 20_000
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Entry:
    command: Command
    is_awaited: bool = True
    done: Future[None] = field(default_factory=Future)


class _CommandFailed(Exception):
    """A command raised something of its own; the file is sound, and nothing else is lost."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Writer:
    """Runs commands in order on the only write connection, and opens it again when it fails.

    Whatever is wrong with the file, `submit` takes commands: while nothing can be written their futures carry
    `SidecarUnavailable`, at once, and what was missed is read again from the archive afterwards (`lost`). A command that
    raises is another matter: its future carries what it raised, and since it would fail again, nothing is read again for it.

    Parameters
    ----------
    readers
        Of the file that is written. They are refused while there is none, and tell when they find it damaged.
    on_commit
        Called after every commit with what it touched, on the writer's thread.
    on_opened
        Called when the file was opened again, and may be another one; no key of before means anything.

    Attributes
    ----------
    fault
        What keeps the sidecar from being written; None while nothing does.
    lost
        How often commands were given up for a fault of the file, or because too many waited; whoever keeps the index
        complete compares it with the archive then.
    """

    def __init__(
        self,
        readers: Readers,
        on_commit: Callable[[frozenset[Touched]], None],
        on_opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._file = SidecarFile(readers.path)
        self._readers = readers
        self._on_commit = on_commit
        self._on_opened = on_opened
        self._connection: sqlite3.Connection | None = None
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longitudinal-writer", daemon=True)
        self._is_down = True
        self._tried_at = self._failed_at = self._rebuilt_at = -math.inf
        self._has_given_up = False
        self._damage: str | None = None
        self._logged: set[FaultReason] = set()
        self.fault: Fault | None = None
        self.lost = 0
        self._look()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end the thread and let go of the file."""
        self._queue.put(None)
        self._hurry.set()
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            self._shut()
            self._file.close()

    def submit(self, command: Command, *, is_awaited: bool = True) -> Future[None]:
        """Queue a command; the future is done once it is committed, or carries what the command raised.

        Where nobody waits for it (`is_awaited` False) it may lie a moment, until there are more to write with it.
        """
        entry = _Entry(command, is_awaited)
        if not is_awaited and self._queue.qsize() >= _MOST_WAITING:
            self._give_up([entry])
            return entry.done
        self._queue.put(entry)
        if is_awaited:
            self._hurry.set()
        return entry.done

    @property
    def backlog(self) -> int:
        """How many commands wait."""
        return self._queue.qsize()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._next_batch()
            self._look()
            if batch:
                self._write(batch)

    def _next_batch(self) -> tuple[list[_Entry], bool]:
        try:
            entry = self._queue.get(timeout=_IDLE_SECONDS if self.fault is None else _RETRY_SECONDS)
        except queue.Empty:
            return [], False
        if entry is not None and not entry.is_awaited and self._queue.qsize() < _BATCH:
            self._hurry.wait(_LINGER_SECONDS)
        self._hurry.clear()
        batch: list[_Entry] = []
        while entry is not None:
            batch.append(entry)
            if len(batch) == _BATCH or self._queue.empty():
                return batch, False
            entry = self._queue.get()
        return batch, True

    # Commands

    def _write(self, batch: Sequence[_Entry]) -> None:
        if self._connection is None or self._is_down:
            self._give_up(batch)
            return
        try:
            self._transaction(self._connection, batch)
        except Exception as error:
            failed = error.error if isinstance(error, _CommandFailed) else error
            fault = fault_of(error, self._file.path)
            if fault is not None:
                self._fail(fault)
                self._give_up(batch)
            elif len(batch) == 1:
                LOGGER.error("A change could not be written to the sidecar", exc_info=failed)
                batch[0].done.set_exception(failed)
            else:  # one bad command must not take its neighbours with it
                for entry in batch:
                    self._write([entry])

    def _transaction(self, connection: sqlite3.Connection, batch: Sequence[_Entry]) -> None:
        instances = self._instances
        touched: set[Touched] = set()
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._file.mark(connection)
            for entry in batch:
                touched.update(_run(entry.command, connection, instances))
            connection.execute("COMMIT")
        except BaseException:
            instances.forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if touched:  # a job's progress or the cursor changes no answer
            self._on_commit(frozenset(touched))
        for entry in batch:
            entry.done.set_result(None)
        if self._has_given_up and self.fault is None:
            self._has_given_up = False
            self.lost += 1

    def _give_up(self, batch: Sequence[_Entry]) -> None:
        self._has_given_up = True
        detail = "more changes wait than can be written" if self.fault is None else self.fault.detail
        for entry in batch:
            entry.done.set_exception(SidecarUnavailable(detail))

    # The file

    def _look(self) -> None:
        """See whether commands can be run; put right what can be, once a second at most."""
        is_sound = self._connection is not None and self.fault is None and self._trouble() is None
        if is_sound or time.monotonic() < self._tried_at + _RETRY_SECONDS:
            return
        self._tried_at = time.monotonic()
        try:
            self._put_right()
        except Exception as error:  # this thread must not end
            self._fail(fault_of(error, self._file.path) or Fault(FaultReason.IO_ERROR, str(error)))
            return
        self._is_down = False
        if self.fault is not None and time.monotonic() >= self._failed_at + _SETTLED_SECONDS:
            self._recover(self.fault)

    def _trouble(self) -> str | None:
        """Why the file must be replaced by a new one."""
        if self._damage is None and self._connection is not None and not self._file.is_in_place():
            self._damage = "it was removed or replaced while it was in use"
        return self._damage or self._readers.damage

    def _put_right(self) -> None:
        """Replace the file, open it, or see whether it can be written. Raises whatever keeps it from that."""
        trouble = self._trouble()
        if trouble is not None:
            self._shut()
            self._has_given_up = True
            if time.monotonic() < self._rebuilt_at + _REBUILD_SECONDS:
                raise Faulty(Fault(FaultReason.DAMAGED, f"{self._file.path}: {trouble}"))
            self._file.set_aside(trouble)
            self._rebuilt_at = time.monotonic()
        if self._connection is None:
            self._open()
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._file.mark(self._connection)
            write_fact(self._connection, WRITTEN, datetime.now(UTC).isoformat())
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _open(self) -> None:
        self._connection = self._file.open()
        self._instances = InstanceWriter(self._connection)
        self._damage = None
        self._readers.admit()
        self._on_opened()
        self.lost += 1  # whatever it lacks is found by comparing

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _fail(self, fault: Fault) -> None:
        self._is_down = self._has_given_up = True
        self._failed_at = self._tried_at = time.monotonic()
        if fault.reason == FaultReason.DAMAGED and self._connection is not None:
            self._damage, self._tried_at = fault.detail, -math.inf  # there will be a new file in a moment
            return
        self.fault = replace(fault, since=fault.since if self.fault is None else self.fault.since)
        if fault.reason not in self._logged:
            self._logged.add(fault.reason)
            LOGGER.error(
                "The sidecar fails (%s): %s. Orthanc stores on; it is tried again.",
                fault.reason,
                fault.detail,
            )
        if fault.reason in (FaultReason.LOCKED, FaultReason.DISK_FULL) and self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {_FAULTY_TIMEOUT_MS}")  # it can still be read
        else:
            self._shut()
            self._readers.refuse(self.fault)

    def _recover(self, fault: Fault) -> None:
        seconds = (datetime.now(UTC) - fault.since).total_seconds()
        LOGGER.warning(
            "The sidecar %s is written again after %.0f s (%s); what it missed is read again.",
            self._file.path, seconds, fault.reason,
        )  # fmt: skip
        self.fault, self._has_given_up = None, False
        self._logged.clear()
        self.lost += 1
        if self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _run(command: Command, connection: sqlite3.Connection, instances: InstanceWriter) -> frozenset[Touched]:
    """What a command touched.

    Raises
    ------
    sqlite3.Error
        Of the statement or of the file: `fault_of` tells.
    _CommandFailed
        Anything else. An OSError here is of what the command reads, such as the archive, not of the sidecar.
    """
    try:
        return frozenset(command(connection, instances))
    except sqlite3.Error:
        raise
    except Exception as error:
        raise _CommandFailed(error) from error
