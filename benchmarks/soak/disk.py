"""A disk of a few MiB that fills up: a tmpfs, which only root can mount."""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

MIB = 1 << 20
FULL_BYTES = 64 * 1024
"""So little room counts as full: the next image or page of the index will not fit."""


class SmallDisk:
    """Mounted at `folder` while the block lasts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={8 * MIB}", "tmpfs", self.folder], check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        subprocess.run(["umount", self.folder], check=True)

    def leave(self, free: int) -> None:
        """Make the disk as large as what it holds, and `free` bytes."""
        state = os.statvfs(self.folder)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
        subprocess.run(["mount", "-o", f"remount,size={used + free}", self.folder], check=True)

    @property
    def is_full(self) -> bool:
        """Whether hardly anything fits any more."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize < FULL_BYTES
