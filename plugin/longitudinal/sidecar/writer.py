"""The one thread that writes the sidecar, in batches, each one transaction."""

import logging
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from longitudinal.errors import SidecarUnavailable
from longitudinal.reasons import FaultReason
from longitudinal.sidecar.connection import BUSY_TIMEOUT_MS, Readers
from longitudinal.sidecar.fault import Fault, Faulty, fault_of
from longitudinal.sidecar.file import SidecarFile
from longitudinal.sidecar.health import WriterHealth
from longitudinal.sidecar.tables.facts import WRITTEN, write_fact
from longitudinal.sidecar.tables.instances import InstanceWriter, Touched

LOGGER = logging.getLogger(__name__)

T = TypeVar("T")

# A command writes through the InstanceWriter or the connection and returns what it touched.
Command = Callable[[sqlite3.Connection, InstanceWriter], Iterable[Touched]]
# A task writes what no answer depends on, such as a job or the cursor, and returns what it likes.
Task = Callable[[sqlite3.Connection], T]

_BATCH = 200
# Commands that nobody waits for are collected for this long, so that a stream of stores is written in batches: a thread
# that wakes for each instance takes Python's lock from the storing threads when they need it.
_LINGER_SECONDS = 0.05
# How often the writer checks, while nothing is written, whether the file is in place and whether a fault has passed.
_IDLE_SECONDS = 5.0
_RETRY_SECONDS = 1.0
# While a fault lasts, those who wait are told this soon.
_FAULTY_TIMEOUT_MS = 100
# A second new file within this time would not be the last one.
_REBUILD_SECONDS = 60.0
# Limits the memory of waiting commands while a disk hangs; what is given up is found again.
_MOST_WAITING = 20_000
_STOP_SECONDS = 10.0


class _Entry(msgspec.Struct, Generic[T], frozen=True):
    """One thing to write. `run` returns what its future will carry, and what it touched."""

    run: Callable[[sqlite3.Connection, InstanceWriter], tuple[T, frozenset[Touched]]]
    is_awaited: bool = True
    done: Future[T] = msgspec.field(default_factory=Future)


class _CommandFailed(Exception):
    """A command raised an error of its own; the file is sound, and nothing else is lost."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Writer:
    """Runs commands in order on the only write connection, and opens it again when it fails.

    Whatever is wrong with the file, `submit` and `call` accept work: while nothing can be written their futures carry
    `SidecarUnavailable` at once, and what was missed is read again from the archive afterwards (`health.lost`). A command
    that raises is different: its future carries what it raised, and since it would fail again, nothing is read again for it.

    Parameters
    ----------
    readers
        Of the file that is written. They are refused while it cannot be read, and report damage.
    on_commit
        Called after every commit with what it touched, on the writer's thread.
    on_opened
        Called when the file was opened and may be another one; earlier keys are invalid.

    Attributes
    ----------
    health
        Whether the file can be written, for any thread.
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
        self._queue: queue.SimpleQueue[_Entry[Any] | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longitudinal-writer", daemon=True)
        self._is_down = True
        self._tried_at = self._rebuilt_at = -math.inf
        self._damage: str | None = None
        self.health = WriterHealth(readers.path)
        self._look()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end the thread and close the file."""
        self._queue.put(None)
        self._hurry.set()
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            self._shut()
            self._file.close()

    def submit(self, command: Command, *, is_awaited: bool = True) -> Future[None]:
        """Queue a command; the future is done once it is committed, or carries what the command raised.

        If nobody waits for it (`is_awaited` False), it may be delayed a moment, to be written together with others.
        """
        return self._queue_entry(
            _Entry(
                lambda connection, instances: (None, frozenset(command(connection, instances))), is_awaited
            )
        )

    def call(self, task: Task[T], *, is_awaited: bool = True) -> Future[T]:
        """Queue a task; the future carries what the task returned, once it is committed, or what it raised.

        A task may run more than once, where a neighbour in its transaction fails: what counts is the run that is committed.
        """
        return self._queue_entry(_Entry(lambda connection, _: (task(connection), frozenset()), is_awaited))

    def _queue_entry(self, entry: _Entry[T]) -> Future[T]:
        if not entry.is_awaited and self._queue.qsize() >= _MOST_WAITING:
            self._give_up([entry])
            return entry.done
        self._queue.put(entry)
        if entry.is_awaited:
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

    def _next_batch(self) -> tuple[list[_Entry[Any]], bool]:
        try:
            entry = self._queue.get(timeout=_IDLE_SECONDS if self.health.fault is None else _RETRY_SECONDS)
        except queue.Empty:
            return [], False
        if entry is not None and not entry.is_awaited and self._queue.qsize() < _BATCH:
            self._hurry.wait(_LINGER_SECONDS)
        self._hurry.clear()
        batch: list[_Entry[Any]] = []
        while entry is not None:
            batch.append(entry)
            if len(batch) == _BATCH or self._queue.empty():
                return batch, False
            entry = self._queue.get()
        return batch, True

    # Commands

    def _write(self, batch: Sequence[_Entry[Any]]) -> None:
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
            else:  # the other commands of the batch must not fail with it
                for entry in batch:
                    self._write([entry])

    def _transaction(self, connection: sqlite3.Connection, batch: Sequence[_Entry[Any]]) -> None:
        instances = self._instances
        results: list[Any] = []
        touched: set[Touched] = set()
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._file.mark(connection)
            for entry in batch:
                result, changed = _run(entry, connection, instances)
                results.append(result)
                touched |= changed
            connection.execute("COMMIT")
        except BaseException:
            instances.forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if touched:  # a job's progress or the cursor affects no answer
            self._on_commit(frozenset(touched))
        for entry, result in zip(batch, results, strict=True):
            entry.done.set_result(result)
        self.health.written()

    def _give_up(self, batch: Sequence[_Entry[Any]]) -> None:
        detail = self.health.give_up()
        for entry in batch:
            entry.done.set_exception(SidecarUnavailable(detail))

    # The file

    def _look(self) -> None:
        """Check whether commands can be run, and repair what can be repaired, once a second at most."""
        is_sound = self._connection is not None and self.health.fault is None and self._trouble() is None
        if is_sound or time.monotonic() < self._tried_at + _RETRY_SECONDS:
            return
        self._tried_at = time.monotonic()
        try:
            self._put_right()
        except Exception as error:  # this thread must not end
            self._fail(fault_of(error, self._file.path) or Fault(FaultReason.IO_ERROR, str(error)))
            return
        self._is_down = False
        if self.health.recover() and self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def _trouble(self) -> str | None:
        """Why the file must be replaced by a new one."""
        if self._damage is None and self._connection is not None and not self._file.is_in_place():
            self._damage = "it was removed or replaced while it was in use"
        return self._damage or self._readers.damage

    def _put_right(self) -> None:
        """Replace the file, open it, or test whether it can be written. Raises the error that prevents it."""
        trouble = self._trouble()
        if trouble is not None:
            self._shut()
            self.health.give_up()
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
        self.health.opened()

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _fail(self, fault: Fault) -> None:
        self._is_down = True
        self._tried_at = time.monotonic()
        if fault.reason == FaultReason.DAMAGED and self._connection is not None:
            self.health.interrupted()
            self._damage, self._tried_at = fault.detail, -math.inf  # there will be a new file in a moment
            return
        lasting = self.health.fail(fault)
        if fault.reason in (FaultReason.LOCKED, FaultReason.DISK_FULL) and self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {_FAULTY_TIMEOUT_MS}")  # it can still be read
        else:
            self._shut()
            self._readers.refuse(lasting)


def _run(
    entry: _Entry[T], connection: sqlite3.Connection, instances: InstanceWriter
) -> tuple[T, frozenset[Touched]]:
    """What an entry returned, and what it touched.

    Raises
    ------
    sqlite3.Error
        Of the statement or of the file: `fault_of` tells.
    _CommandFailed
        Anything else. An OSError here comes from what the command reads, such as the archive, not from the sidecar.
    """
    try:
        return entry.run(connection, instances)
    except sqlite3.Error:
        raise
    except Exception as error:
        raise _CommandFailed(error) from error
