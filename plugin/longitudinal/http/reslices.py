"""Cuts for requests: from memory, or made by a job while the request waits."""

import time

from longitudinal.errors import Busy, Unprocessable
from longitudinal.http.admission import Admission
from longitudinal.jobs.kept_cuts import KeptCuts
from longitudinal.jobs.kinds.reslice import request_cut
from longitudinal.jobs.queue import JobQueue
from longitudinal.points.reslice import AskedCut, Cut, CutPlanner
from longitudinal.sidecar.tables.jobs import JobState

_LOOK_SECONDS = 0.02


class Reslices:
    """Gives requests their cuts."""

    def __init__(self, planner: CutPlanner, queue: JobQueue, kept: KeptCuts, admission: Admission) -> None:
        self.planner = planner
        self.kept = kept
        self._queue = queue
        self._admission = admission

    def png(self, asked: AskedCut, wait: float, user: str) -> bytes:
        """The cut as a PNG, waiting up to so many seconds.

        Raises
        ------
        Busy
            It is not ready yet, or too many requests wait already. The job goes on for a moment: ask again.
        Unprocessable
            It cannot be made.
        TooManyJobs, SidecarUnavailable
            As the queue does; others as `CutPlanner.plan` does.
        """
        cut = self.planner.plan(asked)
        found = self.kept.get(cut.key)
        if found is not None:
            return found
        with self._admission.held(), self.kept.waiting_for(cut.key):
            return self._wait(cut, asked, time.monotonic() + wait, user)

    def _wait(self, cut: Cut, asked: AskedCut, until: float, user: str) -> bytes:
        (job_id,) = self._queue.enqueue([request_cut(cut, asked, user)])
        while True:
            job = self._queue.get(job_id)
            found = self.kept.get(cut.key)
            if found is not None:
                return found
            if job.state == JobState.FAILED:
                raise Unprocessable(job.error or "the cut cannot be made")
            if not job.is_active or time.monotonic() >= until:
                raise Busy("the cut is not ready yet; ask again in a second")
            if self._admission.ending.wait(_LOOK_SECONDS):
                raise Busy("the server is ending; ask again later")
