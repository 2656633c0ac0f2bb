"""Reasons why the sidecar cannot be written or opened; each has a code of the API."""

import errno
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from longitudinal.reasons import FaultReason

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
# Python's message for text that is not UTF-8. We write UTF-8 only.
_NO_TEXT = "Could not decode to UTF-8"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong, in a sentence that names the file, and when it began."""

    reason: FaultReason
    detail: str
    since: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))


class Faulty(Exception):
    """The sidecar cannot be used now."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def fault_of(error: BaseException, path: Path) -> Fault | None:
    """The fault of the file that an error stands for; None if the error concerns a statement or our own code."""
    if isinstance(error, Faulty):
        return error.fault
    reason = None
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        reason = _BY_CODE.get(code & _PRIMARY)
        # A page beyond the end of a truncated file or -wal; or text that is no longer valid UTF-8.
        if code == sqlite3.SQLITE_IOERR_SHORT_READ or (reason is None and str(error).startswith(_NO_TEXT)):
            reason = FaultReason.DAMAGED
    elif isinstance(error, OSError):
        reason = _BY_ERRNO.get(error.errno or 0, FaultReason.IO_ERROR)
    if reason is None:
        return None
    if reason in (FaultReason.IO_ERROR, FaultReason.UNWRITABLE) and _is_full(path.parent):
        reason = (
            FaultReason.DISK_FULL
        )  # SQLite reports a full disk this way when it cannot extend the shared memory file
    return Fault(reason, f"{path}: {error}")


def _is_full(folder: Path) -> bool:
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False
