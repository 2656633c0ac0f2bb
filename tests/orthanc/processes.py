"""The processes of a server under test: which are its, and how to end them by pid and by nothing else."""

import contextlib
import os
import signal
from pathlib import Path


def session_members(session: int) -> list[int]:
    """Return the pids of the living processes of a session (`man 5 proc`, /proc/pid/stat, field 6)."""
    members = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # the command name, in parentheses, may itself hold blanks
            state, _, _, its_session = entry.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # ended meanwhile
            continue
        if int(its_session) == session and state != "Z":
            members.append(int(entry.parent.name))
    return members


def command_line(pid: int) -> str:
    """Return "pid command arguments", or the pid alone once it has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return str(pid)
    return " ".join([str(pid), *(word.decode(errors="replace") for word in words)]).strip()


def kill(pid: int) -> None:
    """Kill one process, if it has not ended meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def worker_of(orthanc: int, module: str = "longitudinal.jobs.worker") -> int | None:
    """Return the pid of the process of an Orthanc that runs a module, that of alignments if none is named; None without."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, *_ = entry.read_text().rpartition(")")[2].split()
            pid = int(entry.parent.name)
            if int(parent) == orthanc and state != "Z" and module in command_line(pid).split():
                return pid
    return None


def is_alive(pid: int) -> bool:
    """Return whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
