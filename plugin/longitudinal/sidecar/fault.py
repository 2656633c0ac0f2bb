"""What keeps the sidecar from being written or opened, with a code of the API."""

import errno
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path


class FaultReason(StrEnum):
    """Why the sidecar fails. The codes are part of the API; `FAULTS` explains each."""

    USED_BY_ANOTHER = "usedByAnother"
    NETWORK_FILE_SYSTEM = "networkFileSystem"
    NOT_A_SIDECAR = "notASidecar"
    UNWRITABLE = "unwritable"
    DISK_FULL = "diskFull"
    LOCKED = "locked"
    IO_ERROR = "ioError"
    DAMAGED = "damaged"


FAULTS: Mapping[FaultReason, str] = {
    FaultReason.USED_BY_ANOTHER: "Another process has the file; `error` names it. Each Orthanc needs a file of its own.",
    FaultReason.NETWORK_FILE_SYSTEM: "The file is on a network file system, where neither locks nor shared memory can be "
    "relied on.",
    FaultReason.NOT_A_SIDECAR: "SidecarPath names a sound database of something else, which is left alone.",
    FaultReason.UNWRITABLE: "The file or its folder cannot be made or written.",
    FaultReason.DISK_FULL: "The file system is full.",
    FaultReason.LOCKED: "Another program holds a lock on the database, such as a backup or a shell.",
    FaultReason.IO_ERROR: "The operating system cannot read or write the file.",
    FaultReason.DAMAGED: "The file is damaged and could not be set aside.",
}

# sqlite3.h, primary result codes.
_BY_CODE = {
    sqlite3.SQLITE_PERM: FaultReason.UNWRITABLE,
    sqlite3.SQLITE_BUSY: FaultReason.LOCKED,
    sqlite3.SQLITE_LOCKED: FaultReason.LOCKED,
    sqlite3.SQLITE_NOMEM: FaultReason.IO_ERROR,
    sqlite3.SQLITE_READONLY: FaultReason.UNWRITABLE,
    sqlite3.SQLITE_IOERR: FaultReason.IO_ERROR,
    sqlite3.SQLITE_CORRUPT: FaultReason.DAMAGED,
    sqlite3.SQLITE_FULL: FaultReason.DISK_FULL,
    sqlite3.SQLITE_CANTOPEN: FaultReason.UNWRITABLE,
    sqlite3.SQLITE_PROTOCOL: FaultReason.LOCKED,
    sqlite3.SQLITE_NOTADB: FaultReason.DAMAGED,
}
_PRIMARY = 0xFF
_BY_ERRNO = {
    errno.ENOSPC: FaultReason.DISK_FULL,
    errno.EDQUOT: FaultReason.DISK_FULL,
    errno.EACCES: FaultReason.UNWRITABLE,
    errno.EPERM: FaultReason.UNWRITABLE,
    errno.EROFS: FaultReason.UNWRITABLE,
    errno.EEXIST: FaultReason.UNWRITABLE,
    errno.ENOTDIR: FaultReason.UNWRITABLE,
    errno.EISDIR: FaultReason.UNWRITABLE,
}
# How Python says that a text of the database is no UTF-8. We write nothing else.
_NO_TEXT = "Could not decode to UTF-8"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, in a sentence that names the file, and since when."""

    reason: FaultReason
    detail: str
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


class Faulty(Exception):
    """The sidecar cannot be used now."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def fault_of(error: BaseException, path: Path) -> Fault | None:
    """What an error says about the file; None where it is about a statement or something else of ours."""
    if isinstance(error, Faulty):
        return error.fault
    reason = None
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        reason = _BY_CODE.get(code & _PRIMARY)
        # A page beyond the end of the file or of the -wal, which was cut off; and text of ours that is none any more.
        if code == sqlite3.SQLITE_IOERR_SHORT_READ or (reason is None and str(error).startswith(_NO_TEXT)):
            reason = FaultReason.DAMAGED
    elif isinstance(error, OSError):
        reason = _BY_ERRNO.get(error.errno or 0, FaultReason.IO_ERROR)
    if reason is None:
        return None
    if reason in (FaultReason.IO_ERROR, FaultReason.UNWRITABLE) and _is_full(path.parent):
        reason = (
            FaultReason.DISK_FULL
        )  # SQLite reports a full disk so, where it is shared memory that finds no room
    return Fault(reason, f"{path}: {error}")


def _is_full(folder: Path) -> bool:
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False
