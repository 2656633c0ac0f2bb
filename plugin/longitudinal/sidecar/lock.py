"""One process for one sidecar: a lock that the operating system releases when the process ends, however it ends."""

import fcntl
import json
import os
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from longitudinal.reasons import FaultReason
from longitudinal.sidecar.fault import Fault, Faulty

# SQLite's WAL is not safe where another machine does not see a lock, or does not share a memory-mapped file.
_NETWORK_FILE_SYSTEMS = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
    ]
    + ["ocfs2", "orangefs", "pvfs2", "smb3", "smbfs"]
    + [
        "fuse.beegfs",
        "fuse.blobfuse2",
        "fuse.ceph",
        "fuse.ceph-fuse",
        "fuse.davfs",
        "fuse.davfs2",
        "fuse.gcsfuse",
    ]
    + ["fuse.glusterfs", "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs"]
)
_MOUNTS = Path("/proc/self/mountinfo")
_LARGEST_NOTE = 4096


def network_file_system(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the network file system that holds a folder; None if it is local or the type is unknown.

    Parameters
    ----------
    mounts
        As in `man 5 proc_pid_mountinfo`.
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    place, deepest, kind = os.path.realpath(folder), "", None
    for line in lines:
        mount, _, rest = line.partition(" - ")
        point = _unescaped(mount.split(" ")[4])
        is_above = point == "/" or place == point or place.startswith(f"{point}/")
        if is_above and len(point) >= len(
            deepest
        ):  # the later of two mounts on one directory covers the earlier
            deepest, kind = point, rest.split(" ")[0]
    return kind if kind in _NETWORK_FILE_SYSTEMS else None


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)


class FileLock:
    """An exclusive lock on a separate file beside the guarded one, with a note that names the process that holds it.

    Only the holder writes the note, and it is read only while the lock is held, so it never names a process that has ended.
    """

    def __init__(self, guarded: Path) -> None:
        self._guarded = guarded
        self._path = guarded.with_name(f"{guarded.name}.lock")
        self._descriptor: int | None = None

    def claim(self) -> Mapping[str, Any]:
        """Take the lock, or keep it; returns the last note, of this process or of the one before it.

        Raises
        ------
        Faulty
            Another process has it, or the folder is on a network file system.
        OSError
            The file cannot be created.
        """
        kind = network_file_system(self._guarded.parent)
        if kind is not None:
            raise Faulty(
                Fault(
                    FaultReason.NETWORK_FILE_SYSTEM,
                    f"{self._guarded} is on a network file system ({kind}), where SQLite's locks cannot be relied on: "
                    "set SidecarPath to a file on a local disk",
                )
            )
        if not self._is_in_place():
            self.release()
            self._take()
        return self._note()

    def note(self, **entries: Any) -> None:
        """Write which process holds the lock, and `entries`. On a full disk the note is empty."""
        assert self._descriptor is not None, "the lock is not ours"
        who = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now(), **entries}
        os.ftruncate(self._descriptor, 0)
        try:
            os.pwrite(self._descriptor, json.dumps(who).encode(), 0)
        except OSError:
            os.ftruncate(self._descriptor, 0)

    def release(self) -> None:
        """Release the lock; the file stays, since another process may just have opened it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _is_in_place(self) -> bool:
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except OSError:
            return False

    def _take(self) -> None:
        # A POSIX lock belongs to the process: a child that outlives us does not hold it.
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            holder = self._note()
            self.release()
            raise Faulty(Fault(FaultReason.USED_BY_ANOTHER, self._refusal(holder))) from error

    def _refusal(self, holder: Mapping[str, Any]) -> str:
        who = "another process"
        if holder:
            who = f"process {holder.get('pid')} on host {holder.get('host')} since {holder.get('since')}"
        return (
            f"{self._guarded} is in use by {who}, and each Orthanc needs a sidecar of its own: stop that process, or set "
            "SidecarPath to another file"
        )

    def _note(self) -> Mapping[str, Any]:
        assert self._descriptor is not None
        try:
            found = json.loads(os.pread(self._descriptor, _LARGEST_NOTE, 0))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
