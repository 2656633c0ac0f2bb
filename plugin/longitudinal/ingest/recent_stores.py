"""Recent stores, so that an older reading of an instance does not overwrite a newer one."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable

# The change log is followed within seconds; with more stores than this in between, some instances are read once more.
_REMEMBERED = 50_000
# The backfill is slowed down for this long after a store.
_QUIET_SECONDS = 1.0


class RecentStores:
    """Counts stores, and remembers when each instance was stored; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stored: OrderedDict[str, int] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._hints: OrderedDict[str, None] = OrderedDict()
        self._last = -_QUIET_SECONDS
        self._moment = 0

    @property
    def moment(self) -> int:
        """The count as of now."""
        with self._lock:
            return self._moment

    def tell(self, orthanc_id: str) -> None:
        """A callback reported an instance, which is to be read."""
        with self._lock:
            self._last = time.monotonic()
            self._note(orthanc_id)
            for remembered in (self._told, self._hints):
                remembered[orthanc_id] = None
                remembered.move_to_end(orthanc_id)
                if len(remembered) > _REMEMBERED:  # the change log has it as well
                    remembered.popitem(last=False)

    def find(self, orthanc_ids: Iterable[str]) -> None:
        """The change log listed instances."""
        with self._lock:
            for orthanc_id in orthanc_ids:
                self._note(orthanc_id)

    def forget(self, orthanc_id: str) -> None:
        """An instance that a callback reported could not be read."""
        with self._lock:
            self._told.pop(orthanc_id, None)

    def take_hints(self) -> list[str]:
        """What callbacks reported since the last call, the oldest first."""
        with self._lock:
            hints = list(self._hints)
            self._hints.clear()
            return hints

    def is_stored_since(self, orthanc_id: str, moment: int) -> bool:
        """Whether an instance was stored after a moment."""
        with self._lock:
            return self._stored.get(orthanc_id, 0) > moment

    def has_told(self, orthanc_id: str) -> bool:
        """Whether a callback reported an instance since the start, or lately if there were very many."""
        with self._lock:
            return orthanc_id in self._told

    @property
    def is_receiving(self) -> bool:
        """Whether instances are being stored at present."""
        with self._lock:
            return bool(self._hints) or time.monotonic() - self._last < _QUIET_SECONDS

    def _note(self, orthanc_id: str) -> None:
        """With the lock held."""
        self._moment += 1
        self._stored[orthanc_id] = self._moment
        self._stored.move_to_end(orthanc_id)
        if len(self._stored) > _REMEMBERED:
            self._stored.popitem(last=False)
