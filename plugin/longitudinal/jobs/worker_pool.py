"""The pool of worker processes, for all kinds of jobs that need one."""

import queue
from collections.abc import Sequence

from longitudinal.jobs.messages import AlignTask, RefinedMessage, RefineTask, Registered, Unusable, Written
from longitudinal.jobs.supervisor import JobContext
from longitudinal.jobs.worker_process import WorkerProcess


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
        assert not isinstance(answer, RefinedMessage | Written)
        return answer

    def refine(self, task: RefineTask, context: JobContext) -> RefinedMessage | Unusable:
        """Have a point refined; raises as `WorkerProcess.run` does."""
        answer = self._run(task, context)
        assert not isinstance(answer, Registered | Written)
        return answer

    def _run(
        self, task: AlignTask | RefineTask, context: JobContext
    ) -> Registered | RefinedMessage | Written | Unusable:
        worker = self._idle.get()
        try:
            return worker.run(task, context)
        finally:
            self._idle.put(worker)
