"""How long a process beside Orthanc may take for a task that no job watches."""

import threading
import time


class DeadlineReached(Exception):
    """There is no time left, or the plugin stops."""


class Deadline:
    """Implements `longitudinal.jobs.worker_process.Watch`: ends a task that takes too long.

    Parameters
    ----------
    ending
        Set when the plugin stops; None for a task that is let end by itself.
    """

    def __init__(self, seconds: float, ending: threading.Event | None = None) -> None:
        self._until = time.monotonic() + seconds
        self._ending = ending

    def checkpoint(self) -> None:
        """Raise DeadlineReached once there is no time left."""
        if time.monotonic() > self._until or (self._ending is not None and self._ending.is_set()):
            raise DeadlineReached

    def beat(self, seconds_ago: float = 0.0) -> None:
        """Nobody watches."""

    def report(self, progress: float, stage: str) -> None:
        """Nobody watches."""
