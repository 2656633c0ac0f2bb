"""Makes the blocks of series that have not changed for a while, a few at a time, while nothing else is to be written."""

import threading
import time
from collections.abc import Iterable
from itertools import islice

from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.instances import Touched
from longitudinal.sidecar.tables.series_columns import series_without_block
from longitudinal.sidecar.writer import Command, Writer

# A series that is being stored would get a block again and again.
_QUIET_SECONDS = 5.0
# Each second: some 30 ms of the writer's time where they have 300 instances each.
_AT_ONCE = 20


class SeriesBlocks:
    """Which series need a block."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._lock = threading.Lock()
        self._changed: dict[int, float] = {}
        self._is_complete = False

    def touched(self, touched: Iterable[Touched]) -> None:
        """What a commit has changed. Called on the writer's thread."""
        now = time.monotonic()
        with self._lock:
            for _, series_key in touched:
                self._changed.pop(series_key, None)  # in the order of their last change
                self._changed[series_key] = now

    def forget(self) -> None:
        """The sidecar was opened and may be another file. Called on the writer's thread."""
        with self._lock:
            self._changed.clear()
            self._is_complete = False

    def look(self, writer: Writer) -> None:
        """Have the next blocks made; returns at once. Called about once a second. Raises SidecarUnavailable."""
        if writer.backlog:
            return
        if not self._is_complete:
            self._find_all()
        before = time.monotonic() - _QUIET_SECONDS
        with self._lock:
            due = list(islice((key for key, at in self._changed.items() if at < before), _AT_ONCE))
            for key in due:
                del self._changed[key]
        for key in due:
            writer.submit(_command(key), is_awaited=False)

    def _find_all(self) -> None:
        """Those of earlier runs, and of an index that had no blocks."""
        missing = series_without_block(self._readers.connection())
        with self._lock:
            self._is_complete = True
            for key in missing:
                self._changed.setdefault(key, 0.0)


def _command(series_key: int) -> Command:
    return lambda _, instances: instances.write_block(series_key)
