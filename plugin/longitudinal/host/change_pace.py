"""Rest for the thread that hands Orthanc's changes to Python.

The python plugin queues changes and has one thread for them, which it wakes for each: four times for a stored instance, of
which nothing is done here. A thread that is woken takes Python's lock and a processor from those who store. While it rests
here, changes gather and are then taken without waking it.
"""

import time
from collections.abc import Callable

# Deletes are heard of later by no more than this.
_REST_SECONDS = 0.02
# Between two rests, whatever has gathered is taken: thousands of changes.
_AWAKE_SECONDS = 0.002


class ChangePace:
    """When that thread rests; used by it alone."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._now = now
        self._awake_until = 0.0

    def heard(self) -> None:
        """A change came of which nothing is done, one of many."""
        if self._now() >= self._awake_until:
            self._sleep(_REST_SECONDS)
            self._awake_until = self._now() + _AWAKE_SECONDS
