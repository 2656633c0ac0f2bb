"""How every process beside Orthanc begins and lives: it ends with Orthanc, takes no more than it may, and does tasks."""

import ctypes
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

import msgspec

from longitudinal.jobs.messages import (
    MEMORY_VARIABLE,
    PARENT_VARIABLE,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    WorkerAnswer,
)

LOWEST_PRIORITY: Final = 19
# After so long without a task it ends and gives its memory back; the next task starts another.
_IDLE_SECONDS = 120.0
# Linux, sys/prctl.h: the signal this process gets when the thread that started it ends.
_PR_SET_PDEATHSIG = 1
_MIB = 1024 * 1024


def settle_in(priority: int) -> int:
    """Die with Orthanc, at this priority, and take no more memory than allowed: so many bytes."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ.pop(PARENT_VARIABLE)):  # it was gone before we asked
        raise SystemExit(0)
    os.setpriority(os.PRIO_PROCESS, 0, priority)
    # What the process itself allocates; RLIMIT_AS would count every library that is mapped, and each thread's stack.
    limit = int(os.environ.pop(MEMORY_VARIABLE)) * _MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return limit


def do_tasks(prepare: Callable[[BinaryIO], Callable[[bytes], None]]) -> None:
    """Do the tasks of standard input, a line each, until it ends or none has come for a while.

    Parameters
    ----------
    prepare
        Makes what does a task and writes its answers, from where they are written to.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library or native code prints is no answer
        do = prepare(output)
        tasks = sys.stdin.buffer
        while select.select([tasks], [], [], _IDLE_SECONDS)[0]:
            line = tasks.readline()
            if not line:
                return
            do(line)


def answer_tasks(priority: int, answer: Callable[[bytes], WorkerAnswer]) -> None:
    """The life of a process that asks Orthanc nothing: one answer to each task, and no word before it."""
    settle_in(priority)
    for unused in (URL_VARIABLE, TOKEN_VARIABLE):
        os.environ.pop(unused, None)

    def begin(output: BinaryIO) -> Callable[[bytes], None]:
        def do(line: bytes) -> None:
            output.write(msgspec.json.encode(answer(line)) + b"\n")
            output.flush()

        return do

    do_tasks(begin)
