"""The threads that run jobs, and the context of a running job."""

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from longitudinal.errors import LongitudinalError, SidecarUnavailable
from longitudinal.jobs.limits import sight_of
from longitudinal.jobs.queue import JobQueue
from longitudinal.sidecar.tables.jobs import Job, JobState, Priority
from longitudinal.sight import seeing

LOGGER = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
_LOOK_SECONDS = 5.0
_AFTER_ERROR_SECONDS = 2.0
_REPORT_SECONDS = 0.25
# While stores arrive, the backfill does one step in each of these: it must neither delay them nor starve.
_STEP_BACK_SECONDS = 0.1

# What a handler returns is the result of the job, as a struct or anything else that can be encoded as JSON.
Handler = Callable[["JobContext"], object]


class JobInterruption(Exception):
    """The job must not continue now."""


class JobCancelled(JobInterruption):
    """The job was cancelled."""


class JobPostponed(JobInterruption):
    """The job is queued again: the plugin stops, the backfill is paused, or a more urgent job waits."""


class JobCrashed(Exception):
    """The worker of the job died; the job starts again, up to MAX_ATTEMPTS times."""


class ArchiveSilent(JobCrashed):
    """Orthanc did not answer: nothing is wrong with the subject of the job, and it starts again a little later."""


class JobContext:
    """What a running job can ask and report."""

    def __init__(
        self,
        job: Job,
        queue: JobQueue,
        stop: threading.Event,
        is_receiving: Callable[[], bool],
        kinds: frozenset[str] = frozenset(),
    ) -> None:
        self.job = job
        self._kinds = kinds or frozenset((job.kind,))
        self._looked = self._wanted_at = -math.inf
        self._queue = queue
        self._stop = stop
        self._is_receiving = is_receiving
        self._reported = 0.0
        self._part = (0, 1)
        self._also: Callable[[], None] = lambda: None

    def check_also(self, check: Callable[[], None]) -> None:
        """Have `checkpoint` call this too; it raises JobInterruption if the job must end."""
        self._also = check

    def part(self, number: int, count: int) -> None:
        """Later reports are about one of several equal parts, 0-based."""
        self._part = (number, count)

    def report(self, progress: float, stage: str) -> None:
        """Report the progress, 0..1; may be called at any rate."""
        self.beat()
        if time.monotonic() - self._reported >= _REPORT_SECONDS:
            self._reported = time.monotonic()
            number, count = self._part
            self._queue.report(self.job, (number + progress) / count, stage)

    def beat(self, seconds_ago: float = 0.0) -> None:
        """Report when the worker of the job last gave a sign of life."""
        self._queue.beat(self.job, seconds_ago)

    def moved_on(self) -> None:
        """Report that part of the work is done permanently: earlier starts no longer count.

        Otherwise a long job would fail because Orthanc was killed a few times meanwhile.
        """
        if self.job.attempts > 1:
            self._queue.forgive(self.job)
            self.job = replace(self.job, attempts=1)

    @property
    def is_last_start(self) -> bool:
        """Whether the job would not start again after a crash."""
        return self.job.attempts >= MAX_ATTEMPTS

    def remember(self, memory: str) -> None:
        """Keep what the job has found so far (JSON, `job.memory` of its next start), in case it is interrupted."""
        self._queue.remember(self.job, memory)

    def checkpoint(self) -> None:
        """Must be called several times a second.

        Raises
        ------
        JobInterruption
            The job must end now; what it has done is kept.
        """
        if self.job.priority == Priority.BACKFILL and self._is_receiving():
            self._stop.wait(_STEP_BACK_SECONDS)
        if self._queue.is_cancelled(self.job):
            raise JobCancelled
        if self._stop.is_set() or self._queue.is_held(self.job):
            raise JobPostponed
        self._also()
        self._make_way()

    def _make_way(self) -> None:
        """Raise JobPostponed if a more urgent job waits and no other thread takes it."""
        now = time.monotonic()
        if now - self._looked < _REPORT_SECONDS:
            return
        self._looked, was_wanted = now, self._wanted_at
        is_wanted = self._queue.must_make_way(self.job, self._kinds)
        self._wanted_at = now if is_wanted else -math.inf
        if is_wanted and was_wanted > -math.inf:
            self._queue.make_way(self.job)
            raise JobPostponed


class _Lane(msgspec.Struct):
    """The state of one thread: the event that wakes it, and its running job."""

    changed: threading.Event
    running: Job | None = None


class Supervisor:
    """Runs the jobs of some kinds on threads of its own; no other supervisor runs those kinds.

    Parameters
    ----------
    handlers
        The handler of each kind of job.
    is_receiving
        Whether instances are being stored at present, so that the backfill slows down.
    threads
        How many jobs run at once.
    """

    def __init__(
        self,
        queue: JobQueue,
        handlers: Mapping[str, Handler],
        is_receiving: Callable[[], bool],
        threads: int = 1,
    ) -> None:
        self._queue = queue
        self._handlers = dict(handlers)
        self._is_receiving = is_receiving
        self._stop = threading.Event()
        self._recovery = threading.Lock()
        self._has_recovered = False
        self._lanes = [_Lane(queue.listen()) for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name="longitudinal-jobs") for lane in self._lanes
        ]

    def start(self) -> None:
        """Start the threads; they first queue again what a crash interrupted."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; running jobs are queued again."""
        self._stop.set()
        for lane in self._lanes:
            lane.changed.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self, lane: "_Lane") -> None:
        kinds = frozenset(self._handlers)
        while not self._stop.is_set():
            try:
                self._recover(kinds, lane)
                lane.changed.clear()
                while not self._stop.is_set() and (job := self._queue.start_next(kinds)) is not None:
                    lane.running = job
                    self._do(job)
                    lane.running = None
                if not self._stop.is_set():
                    lane.changed.wait(_LOOK_SECONDS)
            except SidecarUnavailable:  # the writer has logged it; it passes
                self._stop.wait(_AFTER_ERROR_SECONDS)
            except Exception:  # this thread must not end
                LOGGER.exception("The queue of jobs cannot be served; retrying")
                self._stop.wait(_AFTER_ERROR_SECONDS)

    def _recover(self, kinds: frozenset[str], lane: "_Lane") -> None:
        """Queue again what the last process left, once, and what this thread could not finish because the sidecar failed."""
        with self._recovery:
            if not self._has_recovered:
                self._queue.recover(kinds, MAX_ATTEMPTS)
                self._has_recovered = True
        if lane.running is not None:
            self._queue.postpone(lane.running)
            lane.running = None

    def _do(self, job: Job) -> None:
        context = JobContext(job, self._queue, self._stop, self._is_receiving, frozenset(self._handlers))
        try:
            with seeing(sight_of(job)):
                result = self._handlers[job.kind](context)
        except JobCancelled:
            self._queue.finish(job, JobState.CANCELLED)
        except (JobPostponed, SidecarUnavailable, sqlite3.Error) as reason:
            self._queue.postpone(job)
            if not isinstance(reason, JobPostponed):  # a full disk or a locked database, not the job's fault
                raise
        except JobCrashed as error:
            self._crashed(context, error)
        except LongitudinalError as error:  # an expected error, not a fault of the code
            LOGGER.error("Job %s (%s of %s) failed: %s", job.id, job.kind, job.subject, error)
            self._queue.finish(job, JobState.FAILED, error=str(error))
        except Exception as error:  # any other error fails this job only
            LOGGER.exception("Job %s (%s of %s) failed", job.id, job.kind, job.subject)
            self._queue.finish(job, JobState.FAILED, error=str(error) or type(error).__name__)
        else:
            self._queue.finish(job, JobState.DONE, result=msgspec.json.encode(result).decode())

    def _crashed(self, context: JobContext, error: JobCrashed) -> None:
        """Start a job again, or fail it after too many starts."""
        job = context.job
        LOGGER.error("Job %s (%s of %s), start %d: %s", job.id, job.kind, job.subject, job.attempts, error)
        if context.is_last_start:
            self._queue.finish(job, JobState.FAILED, error=f"{error} ({job.attempts} times)")
            return
        if isinstance(error, ArchiveSilent):
            self._stop.wait(_AFTER_ERROR_SECONDS)
        self._queue.again(job, str(error))
