"""Whether a worker is alive: by what it says, and by the processor time it has taken.

A thread of the worker that beats beside the work would go on beating while the work hangs in native code, and would fall
silent with the work where that holds Python's lock. The kernel's count of the process's own processor time does neither:
it stands still where the process is stopped, waits for a lock for good, or for an answer that does not come, and it
moves, however slowly, where a worker of the lowest priority has to leave a busy machine to others. What it cannot tell
is work that never ends; so each stage declares beforehand how much processor time it may take between two words.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

SILENT_SECONDS = 120.0
"""Without a sign of life for so long a worker is replaced."""

# proc(5), /proc/pid/stat: fields 14 and 15, counted after the command's closing parenthesis, where field 3 is the first.
_USER_TIME, _SYSTEM_TIME = 11, 12
# Two of the kernel's ticks: one may be the rest of what was done before.
_LEAST_SECONDS = 0.02
# Whoever did not look for so long was halted himself, and the worker perhaps with him.
_AWAY_SECONDS = 10.0


def processor_seconds(pid: int) -> float:
    """Processor time a process has taken, all of its threads; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / os.sysconf("SC_CLK_TCK")


class Pulse:
    """Of one process, during one task.

    Parameters
    ----------
    silent_seconds
        How long it may give no sign of life.
    processor_seconds
        Tells the processor time it has taken so far.
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
        """Seconds since the last sign of life, as of the last look."""
        return self._looked - self._sign_at

    def heard(self, stage: str, longest: float) -> None:
        """It has said something, and may now take so many seconds of processor time until it says something again."""
        self._stage, self._longest = stage, longest
        self._taken_at_word = self._taken_at_sign = self._processor_seconds()
        self._looked = self._sign_at = self._now()

    def fault(self) -> str | None:
        """What is wrong with it; None while it lives. To be asked every second or so."""
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
            return (
                f"the worker took more than {self._longest:g} s of processor time without getting on{where}"
            )
        return None
