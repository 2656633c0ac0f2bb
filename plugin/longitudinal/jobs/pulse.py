"""Whether a worker is alive: by its messages, and by the processor time it has taken.

A heartbeat thread in the worker would continue while the work hangs in native code, and would stop while the work holds
Python's lock. The kernel's count of the processor time of the process does neither: it stops if the process is stopped,
waits for a lock forever, or waits for an answer that does not come, and it grows, however slowly, while a worker of the
lowest priority runs on a busy machine. It does not reveal work that never ends; so each stage declares in advance how much
processor time it may take between two messages.
"""

import time
from collections.abc import Callable

SILENT_SECONDS = 120.0
"""A worker without a sign of life for this long is replaced."""

# clock_getcpuclockid(3): the clock of another process, which takes a hundredth of the time that reading /proc does.
_PROCESS_CLOCK = 2
# What was left over from earlier work is less.
_LEAST_SECONDS = 0.02
# After such a gap this process was halted itself, and perhaps the worker as well.
_AWAY_SECONDS = 10.0


def processor_seconds(pid: int) -> float:
    """Processor time that all threads of a process have taken, seconds; 0 if it is gone."""
    try:
        return time.clock_gettime(~pid << 3 | _PROCESS_CLOCK)
    except OSError:
        return 0.0


class Pulse:
    """The signs of life of one process during one task.

    Parameters
    ----------
    silent_seconds
        How long it may give no sign of life, seconds.
    processor_seconds
        Returns the processor time it has taken so far.
    now
        A clock in seconds that never goes back.
    """

    def __init__(
        self,
        silent_seconds: float,
        processor_seconds: Callable[[], float],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silent_seconds = silent_seconds
        self._processor_seconds = processor_seconds
        self._now = now
        self._looked = self._sign_at = now()
        self._taken_at_sign = self._taken_at_word = processor_seconds()
        self._stage, self._longest = "", silent_seconds

    @property
    def age(self) -> float:
        """Seconds since the last sign of life, as of the last check."""
        return self._looked - self._sign_at

    def heard(self, stage: str, longest: float) -> None:
        """It has sent a message, and may take `longest` seconds of processor time until the next one."""
        self._stage, self._longest = stage, longest
        self._taken_at_word = self._taken_at_sign = self._processor_seconds()
        self._looked = self._sign_at = self._now()

    def fault(self) -> str | None:
        """What is wrong with it; None while it is alive. To be called about every second."""
        now, taken = self._now(), self._processor_seconds()
        if now - self._looked > _AWAY_SECONDS:
            self._sign_at += now - self._looked
        self._looked = now
        if taken - self._taken_at_sign >= _LEAST_SECONDS:
            self._sign_at, self._taken_at_sign = now, taken
        where = f" in the stage {self._stage}" if self._stage else ""
        if now - self._sign_at > self._silent_seconds:
            return f"the worker gave no sign of life for {self._silent_seconds:g} s{where}"
        if taken - self._taken_at_word > self._longest:
            return f"the worker took more than {self._longest:g} s of processor time without progress{where}"
        return None
