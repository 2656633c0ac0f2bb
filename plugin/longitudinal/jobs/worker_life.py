"""How every worker process lives: it stays out of Orthanc's way, does tasks while there are some, and ends with Orthanc."""

import os
import time
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from longitudinal.jobs.messages import (
    LONGEST_SECONDS,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    ProgressMessage,
    WorkerAnswer,
)
from longitudinal.jobs.pixels import PixelSource
from longitudinal.jobs.worker_start import LOWEST_PRIORITY, do_tasks, settle_in

_SAY_SECONDS = 0.2


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
    prepare: Callable[[Voice, PixelSource, int], Answerer],
    longest: dict[str, float] | None = None,
    priority: int = LOWEST_PRIORITY,
) -> None:
    """Do tasks until standard input ends, or none has come for a while.

    Parameters
    ----------
    prepare
        Makes what answers, from the voice, the pixels and the bytes of memory there are.
    longest
        As `Voice` takes it.
    """
    memory = settle_in(priority)
    url, token = os.environ.pop(URL_VARIABLE), os.environ.pop(TOKEN_VARIABLE)

    def begin(output: BinaryIO) -> Callable[[bytes], None]:
        voice = Voice(output, longest)
        answer = prepare(voice, PixelSource(url, token, voice.again), memory)
        return lambda line: voice.say(answer(line))

    do_tasks(begin)
