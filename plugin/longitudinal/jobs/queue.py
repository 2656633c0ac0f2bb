"""The queue of jobs, kept in the sidecar so that it survives a crash."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from longitudinal.errors import Conflict, NotFound, SidecarUnavailable, TooManyJobs
from longitudinal.jobs.limits import limited
from longitudinal.jobs.queue_memory import QueueMemory
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables import jobs as table
from longitudinal.sidecar.tables.facts import BACKFILL_PAUSED, read_fact, write_fact
from longitudinal.sidecar.tables.jobs import Job, JobRequest, JobState, Priority
from longitudinal.sidecar.writer import Task, Writer
from longitudinal.sight import current_sight, seeing

T = TypeVar("T")

# The writer retries a failing batch after a second; a request should not wait much longer.
_WRITE_SECONDS = 10.0
MOST_WAITING = 2_000
"""Waiting jobs of one user beyond which no more are accepted. The jobs of one request are accepted together."""

# An alignment that is interrupted for every refinement would never finish.
_MOST_WAYS = 5
# There are as many as threads that run jobs.
_MOST_RUNNING = 1_000


class Running(msgspec.Struct, frozen=True):
    """A running job, its age, and the time since its worker's last sign of life; None before the first one."""

    job: Job
    age_seconds: float
    silent_seconds: float | None


class JobQueue:
    """All operations on jobs, from any thread."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer
        self._memory = QueueMemory()
        self._pause_lock = threading.Lock()
        self._is_paused: bool | None = None  # None: to be read from the sidecar
        self._listeners: tuple[
            threading.Event, ...
        ] = ()  # replaced as a whole: other threads iterate over it

    # For requests

    def enqueue(
        self,
        requests: Sequence[JobRequest],
        together_with: Callable[[sqlite3.Connection], None] = lambda connection: None,
    ) -> list[str]:
        """Queue jobs, or join those there are; returns an id for each request.

        `together_with` changes the sidecar in the same transaction.

        Raises
        ------
        TooManyJobs
            Too many jobs of the owner wait already; none of these is queued.
        """
        owners = {request.owner for request in requests if request.priority >= Priority.ASKED}
        requests = [limited(self._readers, request) for request in requests]

        def enqueue(connection: sqlite3.Connection) -> list[str] | None:
            if _have_enough(connection, owners):
                return None
            together_with(connection)
            return [table.enqueue(connection, request) for request in requests]

        ids = self._write(enqueue)
        if ids is None:
            raise _too_many()
        if (sight := current_sight()) is not None:
            sight.joined.update(ids)  # whose they are or not, who asked for them may follow them
        self._wake()
        return ids

    def backfill(self, requests: Sequence[JobRequest]) -> None:
        """Queue jobs that nobody asked for, except those that failed or were cancelled within a day."""

        def enqueue(connection: sqlite3.Connection) -> None:
            for request in requests:
                if not table.has_failed_lately(connection, request.kind, request.subject):
                    table.enqueue(connection, replace(request, priority=self._memory.priority_of(request)))

        self._write(enqueue)
        self._wake()

    def hurry(self, kind: str, subject: str) -> None:
        """An answer lacks what a job of the backfill will do: that job goes before the others, even if it is queued later.

        Does not block.
        """
        if not self._memory.miss(kind, subject):
            return

        def settle(done: Future[None]) -> None:
            if done.exception() is not None:
                self._memory.forget_missed(kind, subject)

        self._writer.call(lambda connection: table.hurry(connection, kind, subject)).add_done_callback(settle)

    def relax(self, job_id: str) -> None:
        """No request waits for a job any more. Does not block."""
        self._writer.call(lambda connection: table.relax(connection, job_id))

    def get(self, job_id: str) -> Job:
        """One job. Raises NotFound."""
        job = table.read_job(self._readers.connection(), job_id)
        if job is None:
            raise NotFound(f"unknown job {job_id}; finished jobs are kept for a week")
        return job

    def find(self, state: str | None, limit: int, offset: int) -> list[Job]:
        """Jobs, the newest first."""
        return table.read_jobs(self._readers.connection(), state, limit, offset)

    def latest(self, kind: str, subject: str) -> Job | None:
        """The newest job of a kind about a subject, whoever asked for it: what a visible study waits for is no secret."""
        with seeing(None):
            return table.latest_job(self._readers.connection(), kind, subject)

    def counts(self) -> dict[str, int]:
        """How many are queued and running."""
        return table.count_jobs(self._readers.connection())

    def running(self) -> list[Running]:
        """The running jobs, the oldest start first."""
        now, silences = datetime.now(UTC), self._memory.silences()
        found = []
        for job in table.read_jobs(self._readers.connection(), JobState.RUNNING, _MOST_RUNNING, 0):
            if job.started is not None:
                age = (now - datetime.fromisoformat(job.started)).total_seconds()
                found.append(Running(job, age, silences.get(job.id)))
        return sorted(found, key=lambda one: -one.age_seconds)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job at once. Raises NotFound, or Conflict for a finished one."""
        self.get(job_id)
        if not self._write(lambda connection: table.cancel(connection, job_id)):
            raise Conflict(f"job {job_id} is finished ({self.get(job_id).state}); it cannot be cancelled")
        job = self.get(job_id)
        if job.started is not None:
            self._memory.cancelled(job_id, job.started)
        self._memory.forget_missed(job.kind, job.subject)
        return job

    def retry(self, job_id: str, owner: str = "") -> Job:
        """Queue a failed or cancelled job again. Raises NotFound, Conflict for any other, or TooManyJobs."""
        self.get(job_id)

        def retry(connection: sqlite3.Connection) -> bool | None:
            return None if _have_enough(connection, [owner]) else table.retry(connection, job_id, owner)

        is_queued = self._write(retry)
        if is_queued is None:
            raise _too_many()
        if not is_queued:
            detail = f"job {job_id} is {self.get(job_id).state}, or another job does the same; there is nothing to retry"
            raise Conflict(detail)
        self._wake()
        return self.get(job_id)

    @property
    def is_paused(self) -> bool:
        """Whether jobs that nobody asked for are held. It persists across restarts."""
        with self._pause_lock:
            if self._is_paused is None:
                self._is_paused = read_fact(self._readers.connection(), BACKFILL_PAUSED) == "true"
            return self._is_paused

    def pause(self, paused: bool) -> None:
        """Pause or resume the backfill."""
        self._write(lambda connection: write_fact(connection, BACKFILL_PAUSED, "true" if paused else "false"))
        with self._pause_lock:
            self._is_paused = None  # after a pause and a resume at once, the one that was written last counts
        self._wake()

    # For supervisors

    def listen(self) -> threading.Event:
        """An event that is set whenever there may be a job to start; the caller clears it."""
        listener = threading.Event()
        self._listeners = (*self._listeners, listener)
        return listener

    def recover(self, kinds: frozenset[str], max_attempts: int) -> None:
        """Queue again what a crash interrupted."""
        self._write(lambda connection: table.recover(connection, kinds, max_attempts))

    def start_next(self, kinds: frozenset[str]) -> Job | None:
        """Mark the next job as running; None if none waits."""
        lowest = Priority.ASKED if self.is_paused else Priority.BACKFILL
        turns = self._memory.turns(kinds)
        while (
            job := table.next_job(
                self._readers.connection(), kinds, lowest, lambda owner: turns.get(owner, 0)
            )
        ) is not None:
            job_id = job.id
            if self._write(lambda connection, started=job_id: table.start(connection, started)):  # type: ignore[misc]
                self._memory.started(job, kinds)
                return self.get(job_id)
        return None

    def is_held(self, job: Job) -> bool:
        """Whether a running job should be queued again because the backfill is paused."""
        return job.priority < Priority.ASKED and self.is_paused

    def must_make_way(self, job: Job, kinds: frozenset[str]) -> bool:
        """Whether a running job that nobody asked for should be queued again, because a more urgent one of `kinds` waits.

        A job that was interrupted a few times is then finished.
        """
        if job.priority >= Priority.ASKED or self._memory.ways_given(job) >= _MOST_WAYS:
            return False
        with seeing(None):  # of a job that itself may not see everything
            return table.is_waiting_above(self._readers.connection(), kinds, job.priority)

    def is_cancelled(self, run: Job) -> bool:
        """Whether a running job was cancelled."""
        return self._memory.is_cancelled(run)

    def beat(self, run: Job, seconds_ago: float) -> None:
        """Note when the worker of a running job last gave a sign of life."""
        self._memory.beat(run, seconds_ago)

    def report(self, run: Job, progress: float, stage: str) -> None:
        """Note the progress of a running job. Does not block."""
        self._writer.call(lambda connection: table.report(connection, run, progress, stage))

    def forgive(self, run: Job) -> None:
        """A running job has got further than before: reset its number of starts to one. Does not block."""
        self._writer.call(lambda connection: table.forgive(connection, run))

    def remember(self, run: Job, memory: str) -> None:
        """Keep what a running job has found so far, for its next start. Does not block."""
        self._writer.call(lambda connection: table.remember(connection, run, memory))

    def finish(self, run: Job, state: JobState, error: str | None = None, result: str | None = None) -> None:
        """A running job ended."""
        self._write(lambda connection: table.finish(connection, run, state, error=error, result=result))
        self._memory.finished(run)
        self._memory.forget_missed(run.kind, run.subject)

    def make_way(self, run: Job) -> None:
        """A running job is about to be queued again for another. Not counted for the backfill, whose work is kept."""
        if run.priority > Priority.BACKFILL:
            self._memory.make_way(run)

    def postpone(self, run: Job) -> None:
        """Queue a running job again."""
        self._write(lambda connection: table.postpone(connection, run))
        self._memory.interrupted(run)

    def again(self, run: Job, error: str) -> None:
        """The worker of a running job died: queue the job again; this start counts."""
        self._write(lambda connection: table.again(connection, run, error))
        self._memory.interrupted(run)

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.set()

    def _write(self, change: Task[T]) -> T:
        try:
            return self._writer.call(change).result(_WRITE_SECONDS)
        except (sqlite3.Error, TimeoutError) as error:
            raise SidecarUnavailable(f"the queue of jobs cannot be written: {error}") from error


def _have_enough(connection: sqlite3.Connection, owners: Iterable[str]) -> bool:
    """Whether too many jobs of an owner wait."""
    return any(table.count_waiting(connection, owner) >= MOST_WAITING for owner in owners)


def _too_many() -> TooManyJobs:
    return TooManyJobs(
        f"{MOST_WAITING:,} of your jobs are waiting already; try again when some are finished, or cancel some"
    )
