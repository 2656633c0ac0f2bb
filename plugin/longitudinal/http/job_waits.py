"""Requests that wait for a job for some seconds, and whose job goes before others meanwhile."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from longitudinal.http.admission import Admission
from longitudinal.jobs.queue import JobQueue
from longitudinal.sidecar.tables.jobs import Job

_LOOK_SECONDS = 0.05


class JobWaits:
    """Waits for jobs; who waits holds a place of `Admission.held`."""

    def __init__(self, queue: JobQueue, admission: Admission) -> None:
        self._queue = queue
        self._admission = admission
        self._lock = threading.Lock()
        self._waiters: Counter[str] = Counter()

    def finished(self, job: Job, until: float) -> Job:
        """The job once it is finished, or as it is at `until` (`time.monotonic`), or when the plugin stops."""
        with self._waiting_for(job):
            while (
                job.is_active and time.monotonic() < until and not self._admission.ending.wait(_LOOK_SECONDS)
            ):
                job = self._queue.get(job.id)
        return job

    @contextmanager
    def _waiting_for(self, job: Job) -> Iterator[None]:
        """While a request waits, its job goes before others; after the last one it no longer does."""
        with self._lock:
            self._waiters[job.id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiters[job.id] -= 1
                if not self._waiters[job.id]:
                    del self._waiters[job.id]
                    self._queue.relax(job.id)
