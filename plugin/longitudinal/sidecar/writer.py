"""The one thread that writes the sidecar, in batches, each one transaction."""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from longitudinal.sidecar.connection import open_writer
from longitudinal.sidecar.instances import InstanceWriter, Touched

LOGGER = logging.getLogger(__name__)

# A command writes through the InstanceWriter or the connection and returns what it touched.
Command = Callable[[sqlite3.Connection, InstanceWriter], Iterable[Touched]]

_BATCH = 200
# What nobody waits for lies this long, so that a stream of stores is written some at a time: a thread that wakes for each
# instance takes Python's lock from the storing threads just when they need it.
_LINGER_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Entry:
    command: Command
    is_awaited: bool = True
    done: Future[None] = field(default_factory=Future)


class Writer:
    """Runs commands in order on the only write connection.

    Parameters
    ----------
    path
        The sidecar's file; made and migrated here.
    on_commit
        Called after every commit with what it touched, on the writer's thread.
    """

    def __init__(self, path: Path, on_commit: Callable[[frozenset[Touched]], None]) -> None:
        self._connection = open_writer(path)
        self._instances = InstanceWriter(self._connection)
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longitudinal-writer", daemon=True)
        self.last_error: str | None = None
        self.lost = 0  # commands given up; whoever keeps the index complete compares it with the archive then

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end the thread and close the connection."""
        self._queue.put(None)
        self._hurry.set()
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            self._connection.close()

    def submit(self, command: Command, *, is_awaited: bool = True) -> Future[None]:
        """Queue a command; the future is done once it is committed, or carries what the command raised.

        Where nobody waits for it (`is_awaited` False) it may lie a moment, until there are more to write with it.
        """
        entry = _Entry(command, is_awaited)
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
            if batch:
                self._write(batch)

    def _next_batch(self) -> tuple[list[_Entry], bool]:
        entry = self._queue.get()
        if entry is not None and not entry.is_awaited:
            self._hurry.wait(_LINGER_SECONDS)
        self._hurry.clear()
        batch: list[_Entry] = []
        while entry is not None:
            batch.append(entry)
            if len(batch) == _BATCH or self._queue.empty():
                return batch, False
            entry = self._queue.get()
        return batch, True

    def _write(self, batch: list[_Entry]) -> None:
        try:
            self._transaction(batch)
        except sqlite3.OperationalError as error:
            # Disk full, locked, I/O error: the batch is kept and tried again once; reconcile finds what is lost.
            self.last_error = str(error)
            LOGGER.error("The sidecar could not be written: %s", error)
            time.sleep(_RETRY_SECONDS)
            self._one_by_one(batch)
        except Exception:  # one bad command must not take its neighbours with it
            self._one_by_one(batch)

    def _one_by_one(self, batch: list[_Entry]) -> None:
        for entry in batch:
            try:
                self._transaction([entry])
            except Exception as error:
                self.last_error = str(error)
                self.lost += 1
                LOGGER.exception("A change could not be written to the sidecar")
                entry.done.set_exception(error)

    def _transaction(self, batch: list[_Entry]) -> None:
        touched: set[Touched] = set()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for entry in batch:
                touched.update(entry.command(self._connection, self._instances))
            self._connection.execute("COMMIT")
        except BaseException:
            self._instances.forget()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self.last_error = None
        if touched:  # a job's progress or the cursor changes no answer
            self._on_commit(frozenset(touched))
        for entry in batch:
            entry.done.set_result(None)
