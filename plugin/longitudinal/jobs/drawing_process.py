"""The process that draws as a request sees it: started when the first lines are asked for."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from longitudinal.errors import Busy, Unprocessable
from longitudinal.jobs.deadline import Deadline, DeadlineReached
from longitudinal.jobs.messages import Drawn, Gone
from longitudinal.jobs.supervisor import ArchiveSilent, JobCrashed
from longitudinal.jobs.worker_process import NoInterpreter, TaskFailed, WorkerProcess
from longitudinal.points.radiotherapy.overlay_task import OverlayTask

MODULE = "longitudinal.jobs.drawing"
MEMORY_MIB = 768
"""Of the process; half of it is for objects that are kept."""
# Of one image: a start takes a second or two on a busy machine, twenty large structure sets as long.
_SECONDS = 30.0
_TURN_SECONDS = 10.0
_PLACE_SECONDS = 2.0
_LOOK_SECONDS = 0.02
_STARTS = 2


class DrawingProcess:
    """Implements `longitudinal.points.radiotherapy.outlines.Drawer`; requests take turns.

    Parameters
    ----------
    held
        The place of a request that holds a thread for so long; raises Busy.
    ending
        Set when the plugin stops.
    """

    def __init__(
        self,
        process: WorkerProcess,
        held: Callable[[], AbstractContextManager[None]],
        ending: threading.Event,
    ) -> None:
        self._process = process
        self._held = held
        self._ending = ending
        self._turn = threading.Lock()

    def draw(self, task: OverlayTask) -> bytes:
        """`Overlays` as JSON.

        Raises
        ------
        Busy
            Too many requests wait already, or the process has no time.
        Unprocessable
            It cannot be drawn.
        KeyError
            An object is gone.
        """
        with ExitStack() as stack:
            self._enter(stack)
            if not self._turn.acquire(timeout=_TURN_SECONDS):
                raise Busy("other lines are being drawn; ask again in a second")
            try:
                return self._draw(task)
            finally:
                self._turn.release()

    def _enter(self, stack: ExitStack) -> None:
        """Take a place, waiting a moment for one: a page asks for the lines of all its tiles at once. Raises Busy."""
        until = time.monotonic() + _PLACE_SECONDS
        while True:
            try:
                stack.enter_context(self._held())
                return
            except Busy:
                if time.monotonic() >= until or self._ending.wait(_LOOK_SECONDS):
                    raise

    def _draw(self, task: OverlayTask) -> bytes:
        for start in range(1, _STARTS + 1):
            try:
                answer = self._process.run(task, Deadline(_SECONDS, self._ending))
            except (JobCrashed, ArchiveSilent) as error:
                if start == _STARTS:
                    raise Unprocessable(f"the lines cannot be drawn: {error}") from error
                continue
            except (NoInterpreter, TaskFailed) as error:
                raise Unprocessable(f"the lines cannot be drawn: {error}") from error
            except DeadlineReached:
                raise Busy("the lines are not ready in time; ask again in a second") from None
            if isinstance(answer, Gone):
                raise KeyError(_gone(task, answer.what))
            assert isinstance(answer, Drawn)
            return bytes(answer.overlays)
        raise AssertionError

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._process.close()


def _gone(task: OverlayTask, what: str) -> str:
    """The Orthanc id of the object that an error is about."""
    named = (one.orthanc_id for one in task.objects if one.orthanc_id in what or (one.path or "-") in what)
    return next(named, task.objects[0].orthanc_id)
