"""The queue of jobs: kept in the sidecar, so that a crash loses none of it."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from longitudinal.errors import Conflict, NotFound, SidecarUnavailable
from longitudinal.sidecar import jobs as table
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.facts import BACKFILL_PAUSED, read_fact, write_fact
from longitudinal.sidecar.instances import InstanceWriter, Touched
from longitudinal.sidecar.jobs import Job, JobRequest, JobState, Priority
from longitudinal.sidecar.writer import Writer

T = TypeVar("T")

# The writer retries a failing batch after a second; a request should not hang for longer.
_WRITE_SECONDS = 10.0
# There are as many as threads that do jobs.
_MOST_RUNNING = 1_000


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs: for how long, and since when nothing was heard of what does it; None before the first sign."""

    job: Job
    age_seconds: float
    silent_seconds: float | None


class JobQueue:
    """Everything that is done to jobs, from any thread."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer
        self._lock = threading.Lock()
        self._cancelled: set[tuple[str, str | None]] = set()  # runs: a job, and when it was started
        self._is_paused: bool | None = None
        self._asked: set[str] = set()
        self._hurried: set[tuple[str, str]] = set()
        self._beats: dict[str, float] = {}  # by job: when what does it has last given a sign of life
        self._listeners: list[threading.Event] = []

    # For those who want something done

    def enqueue(
        self,
        requests: Sequence[JobRequest],
        together_with: Callable[[sqlite3.Connection], None] = lambda connection: None,
    ) -> list[str]:
        """Queue jobs, or join those there are; returns an id for each request.

        `together_with` changes the sidecar in the same transaction.
        """

        def enqueue(connection: sqlite3.Connection) -> list[str]:
            together_with(connection)
            return [table.enqueue(connection, request) for request in requests]

        ids = self._write(enqueue)
        self._wake(request.kind for request in requests if request.priority > Priority.BACKFILL)
        return ids

    def backfill(self, requests: Sequence[JobRequest]) -> None:
        """Queue jobs nobody asked for, except those that failed or were cancelled within a day."""

        def enqueue(connection: sqlite3.Connection) -> None:
            for request in requests:
                if not table.has_failed_lately(connection, request.kind, request.subject):
                    table.enqueue(connection, request)

        self._write(enqueue)
        self._wake()

    def hurry(self, kind: str, subject: str) -> None:
        """Somebody misses what a job of the backfill will do: it goes before the others. Waits for nothing."""
        if (kind, subject) not in self._hurried:
            self._hurried.add((kind, subject))
            self._submit(lambda connection: table.hurry(connection, kind, subject))
            self._asked.add(kind)

    def get(self, job_id: str) -> Job:
        """One job. Raises NotFound."""
        job = table.read_job(self._readers.connection(), job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}; finished ones are kept for a week")
        return job

    def find(self, state: str | None, limit: int, offset: int) -> list[Job]:
        """Jobs, the newest first."""
        return table.read_jobs(self._readers.connection(), state, limit, offset)

    def latest(self, kind: str, subject: str) -> Job | None:
        """The newest job of a kind about a subject."""
        return table.latest_job(self._readers.connection(), kind, subject)

    def counts(self) -> dict[str, int]:
        """How many are queued and running."""
        return table.count_jobs(self._readers.connection())

    def running(self) -> list[Running]:
        """The jobs that run, the oldest start first."""
        now, clock = datetime.now(UTC), time.monotonic()
        found = []
        for job in table.read_jobs(self._readers.connection(), JobState.RUNNING, _MOST_RUNNING, 0):
            if job.started is not None:
                age = (now - datetime.fromisoformat(job.started)).total_seconds()
                beat = self._beats.get(job.id)
                found.append(Running(job, age, None if beat is None else clock - beat))
        return sorted(found, key=lambda one: -one.age_seconds)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job, at once. Raises NotFound, or Conflict for a finished one."""
        self.get(job_id)
        if not self._write(lambda connection: table.cancel(connection, job_id)):
            raise Conflict(f"job {job_id} is finished ({self.get(job_id).state}); it cannot be cancelled")
        job = self.get(job_id)
        if job.started is not None:
            with self._lock:
                self._cancelled.add((job_id, job.started))
        return job

    def retry(self, job_id: str) -> Job:
        """Queue a failed or cancelled job again. Raises NotFound, or Conflict for any other."""
        self.get(job_id)
        if not self._write(lambda connection: table.retry(connection, job_id)):
            detail = (
                f"job {job_id} is {self.get(job_id).state}, or another job does the same; nothing to retry"
            )
            raise Conflict(detail)
        job = self.get(job_id)
        self._wake([job.kind])
        return job

    @property
    def is_paused(self) -> bool:
        """Whether jobs nobody asked for wait. It outlasts a restart."""
        if self._is_paused is None:
            self._is_paused = read_fact(self._readers.connection(), BACKFILL_PAUSED) == "true"
        return self._is_paused

    def pause(self, paused: bool) -> None:
        """Hold the backfill, or let it go on."""
        self._write(lambda connection: write_fact(connection, BACKFILL_PAUSED, "true" if paused else "false"))
        self._is_paused = paused
        self._wake()

    # For those who do it

    def listen(self) -> threading.Event:
        """An event that is set whenever there may be something to start; the caller clears it."""
        listener = threading.Event()
        self._listeners.append(listener)
        return listener

    def recover(self, kinds: frozenset[str], max_attempts: int) -> None:
        """Take up what a crash interrupted."""
        self._write(lambda connection: table.recover(connection, kinds, max_attempts))

    def start_next(self, kinds: frozenset[str]) -> Job | None:
        """Mark the next job as running; None when nothing waits."""
        lowest = Priority.ASKED if self.is_paused else Priority.BACKFILL
        while (job := table.next_job(self._readers.connection(), kinds, lowest)) is not None:
            job_id = job.id
            if self._write(lambda connection, started=job_id: table.start(connection, started)):  # type: ignore[misc]
                self._asked -= kinds
                self._hurried.discard((job.kind, job.subject))
                return self.get(job_id)
        self._asked -= kinds
        return None

    def must_make_way(self, job: Job) -> bool:
        """Whether a running job nobody asked for should be put back: the backfill is held, or somebody waits."""
        return job.priority < Priority.ASKED and (
            self.is_paused or (job.kind in self._asked and job.priority == Priority.BACKFILL)
        )

    def is_cancelled(self, run: Job) -> bool:
        """Whether somebody cancelled a running job."""
        return (run.id, run.started) in self._cancelled

    def beat(self, run: Job, seconds_ago: float) -> None:
        """When what does a running job has last given a sign of life."""
        self._beats[run.id] = time.monotonic() - seconds_ago

    def report(self, run: Job, progress: float, stage: str) -> None:
        """How far a running job is; waits for nothing."""
        self._submit(lambda connection: table.report(connection, run, progress, stage))

    def forgive(self, run: Job) -> None:
        """A running job has got further than before: it counts as started once. Waits for nothing."""
        self._submit(lambda connection: table.forgive(connection, run))

    def remember(self, run: Job, memory: str) -> None:
        """What a running job has found so far, for its next start. Waits for nothing."""
        self._submit(lambda connection: table.remember(connection, run, memory))

    def finish(self, run: Job, state: JobState, error: str | None = None, result: str | None = None) -> None:
        """A running job ended."""
        self._write(lambda connection: table.finish(connection, run, state, error=error, result=result))
        with self._lock:
            self._cancelled.discard((run.id, run.started))
        self._beats.pop(run.id, None)

    def postpone(self, run: Job) -> None:
        """A running job makes way."""
        self._write(lambda connection: table.postpone(connection, run))
        self._beats.pop(run.id, None)

    def again(self, run: Job, error: str) -> None:
        """What did a running job died: it starts once more, and this start counts."""
        self._write(lambda connection: table.again(connection, run, error))
        self._beats.pop(run.id, None)

    def _wake(self, asked: Iterable[str] = ()) -> None:
        self._asked.update(asked)
        for listener in self._listeners:
            listener.set()

    def _submit(self, change: Callable[[sqlite3.Connection], T]) -> tuple[Future[None], list[T]]:
        results: list[T] = []

        def command(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
            results[:] = [change(connection)]  # a batch that failed is run again
            return ()

        return self._writer.submit(command), results

    def _write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        done, results = self._submit(change)
        try:
            done.result(_WRITE_SECONDS)
        except (sqlite3.Error, TimeoutError) as error:
            raise SidecarUnavailable(f"the queue of jobs cannot be written: {error}") from error
        return results[0]
