"""The pool of worker processes, for all kinds of jobs that need one."""

import queue
from collections.abc import Sequence

from longitudinal.jobs.messages import (
    AlignTask,
    Measured,
    MeasureTask,
    RefinedMessage,
    RefineTask,
    Registered,
    Resliced,
    ResliceTask,
    Unusable,
    WorkerResult,
    WorkerTask,
)
from longitudinal.jobs.supervisor import JobContext
from longitudinal.jobs.worker_process import WorkerProcess

POINTS = "longitudinal.jobs.point_worker"
"""The module of the process for points."""


class WorkerPool:
    """Gives each task a worker of its own; a task waits while all are busy.

    The worker used last is used first: it may still have the scans in memory.

    Parameters
    ----------
    workers
        Closed by `close`.
    """

    def __init__(self, workers: Sequence[WorkerProcess]) -> None:
        self._workers = workers
        self._idle: queue.LifoQueue[WorkerProcess] = queue.LifoQueue()
        for worker in workers:
            self._idle.put(worker)

    def close(self) -> None:
        """End the workers; no job may be running."""
        for worker in self._workers:
            worker.close()

    def register(self, task: AlignTask, context: JobContext) -> Registered | Unusable:
        """Have two scans registered; raises as `WorkerProcess.run` does."""
        answer = self._run(task, context)
        assert isinstance(answer, Registered | Unusable)
        return answer

    def refine(self, task: RefineTask, context: JobContext) -> RefinedMessage | Unusable:
        """Have a point refined; raises as `WorkerProcess.run` does."""
        answer = self._run(task, context)
        assert isinstance(answer, RefinedMessage | Unusable)
        return answer

    def reslice(self, task: ResliceTask, context: JobContext) -> Resliced | Unusable:
        """Have a stack cut; raises as `WorkerProcess.run` does."""
        answer = self._run(task, context)
        assert isinstance(answer, Resliced | Unusable)
        return answer

    def measure(self, task: MeasureTask, context: JobContext) -> Measured:
        """Have spheres measured; raises as `WorkerProcess.run` does."""
        answer = self._run(task, context)
        assert isinstance(answer, Measured)
        return answer

    def _run(self, task: WorkerTask, context: JobContext) -> WorkerResult:
        worker = self._idle.get()
        try:
            return worker.run(task, context)
        finally:
            self._idle.put(worker)
