"""How every worker process lives: it stays out of Orthanc's way, does tasks while there are some, and ends with Orthanc."""

import ctypes
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from longitudinal.jobs.messages import (
    LONGEST_SECONDS,
    MEMORY_VARIABLE,
    PARENT_VARIABLE,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    ProgressMessage,
    WorkerAnswer,
)
from longitudinal.jobs.pixels import PixelSource

# Linux, sys/prctl.h: the signal this process gets when the thread that started it ends.
_PR_SET_PDEATHSIG = 1
_LOWEST_PRIORITY = 19
# After so long without a task it ends and gives its memory back; the next task starts another.
_IDLE_SECONDS = 120.0
_SAY_SECONDS = 0.2
_MIB = 1024 * 1024


class Voice:
    """Says how far a task is, a few times a second.

    Parameters
    ----------
    longest
        Processor time until the next word, by stage, where it may be long.
    """

    def __init__(self, output: BinaryIO, longest: dict[str, float] | None = None) -> None:
        self._output = output
        self._longest = longest or {}
        self._said = ("", 0.0)
        self._last = ProgressMessage("starting", 0.0)

    def say(self, answer: WorkerAnswer) -> None:
        """Write one line."""
        self._output.write(msgspec.json.encode(answer) + b"\n")
        self._output.flush()

    def progress(self, stage: str, progress: float) -> None:
        """Tell where a task stands, at once where the stage is a new one."""
        last, at = self._said
        if stage != last or time.monotonic() - at >= _SAY_SECONDS:
            self._said = (stage, time.monotonic())
            self._last = ProgressMessage(stage, progress, self._longest.get(stage, LONGEST_SECONDS))
            self.say(self._last)

    def again(self) -> None:
        """Say the same once more: it goes on, and waits for somebody else."""
        self.say(self._last)

    def part(self, stage: str, start: float, share: float) -> Callable[[float], None]:
        """Tell how far a part of a task is, 0..1, which begins at `start` of the whole and is a `share` of it."""
        return lambda fraction: self.progress(stage, start + fraction * share)


Answerer = Callable[[bytes], WorkerAnswer]
"""Does the task of one line; whatever is wrong with it is an answer."""


def live(
    prepare: Callable[[Voice, PixelSource, int], Answerer], longest: dict[str, float] | None = None
) -> None:
    """Do tasks until standard input ends, or none has come for a while.

    Parameters
    ----------
    prepare
        Makes what answers, from the voice, the pixels and the bytes of memory there are.
    longest
        As `Voice` takes it.
    """
    memory = _settle_in()
    url, token = os.environ.pop(URL_VARIABLE), os.environ.pop(TOKEN_VARIABLE)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what native code prints is no answer
        voice = Voice(output, longest)
        answer = prepare(voice, PixelSource(url, token, voice.again), memory)
        tasks = sys.stdin.buffer
        while select.select([tasks], [], [], _IDLE_SECONDS)[0]:
            line = tasks.readline()
            if not line:
                return
            voice.say(answer(line))


def _settle_in() -> int:
    """Die with Orthanc, stay behind everybody else, take no more memory than allowed: so many bytes."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ.pop(PARENT_VARIABLE)):  # it was gone before we asked
        raise SystemExit(0)
    os.setpriority(os.PRIO_PROCESS, 0, _LOWEST_PRIORITY)
    # What the process itself allocates; RLIMIT_AS would count every library that is mapped, and each thread's stack.
    limit = int(os.environ.pop(MEMORY_VARIABLE)) * _MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return limit
