"""The first thing that a process beside Orthanc does: it ends with Orthanc, and takes no more than it may."""

import ctypes
import os
import resource
import signal
from typing import Final

from longitudinal.jobs.messages import MEMORY_VARIABLE, PARENT_VARIABLE

LOWEST_PRIORITY: Final = 19
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
