"""Recent stores, so that an older reading of an instance does not overwrite a newer one."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

# The change log is followed within seconds; with more stores than this in between, some instances are read once more.
_REMEMBERED = 50_000
# The backfill is slowed down for this long after a store.
_QUIET_SECONDS = 1.0


class RecentStores:
    """Counts stores, and remembers when each instance was stored; for any thread.

    Parameters
    ----------
    counted
        Called with how many more instances callbacks reported.
    """

    def __init__(self, counted: Callable[[int], object] = lambda stores: None) -> None:
        self._counted = counted
        self._lock = threading.Lock()
        # What callbacks reported, in order, until somebody asks: the storing thread does no more than append to it.
        self._arrived: deque[str] = deque(maxlen=_REMEMBERED)
        self._stored: OrderedDict[str, int] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._hints: OrderedDict[str, None] = OrderedDict()
        self._last = -_QUIET_SECONDS
        self._moment = 0

    @property
    def moment(self) -> int:
        """The count as of now."""
        with self._lock:
            self._take_in()
            return self._moment

    def tell(self, orthanc_id: str) -> None:
        """A callback reported an instance, which is to be read."""
        self._last = time.monotonic()
        self._arrived.append(orthanc_id)

    def find(self, orthanc_ids: Iterable[str]) -> None:
        """The change log listed instances."""
        with self._lock:
            self._take_in()
            for orthanc_id in orthanc_ids:
                self._note(orthanc_id)

    def forget(self, orthanc_id: str) -> None:
        """An instance that a callback reported could not be read."""
        with self._lock:
            self._take_in()
            self._told.pop(orthanc_id, None)

    def take_hints(self) -> list[str]:
        """What callbacks reported since the last call, the oldest first."""
        with self._lock:
            self._take_in()
            hints = list(self._hints)
            self._hints.clear()
            return hints

    def is_stored_since(self, orthanc_id: str, moment: int) -> bool:
        """Whether an instance was stored after a moment."""
        with self._lock:
            self._take_in()
            return self._stored.get(orthanc_id, 0) > moment

    def has_told(self, orthanc_id: str) -> bool:
        """Whether a callback reported an instance since the start, or lately if there were very many."""
        with self._lock:
            self._take_in()
            return orthanc_id in self._told

    @property
    def is_receiving(self) -> bool:
        """Whether instances are being stored at present."""
        is_waiting = bool(self._arrived or self._hints)
        return is_waiting or time.monotonic() - self._last < _QUIET_SECONDS

    def _take_in(self) -> None:
        """With the lock held."""
        if not self._arrived:
            return
        arrived = [self._arrived.popleft() for _ in range(len(self._arrived))]
        for orthanc_id in arrived:
            self._note(orthanc_id)
            for remembered in (self._told, self._hints):
                remembered[orthanc_id] = None
                remembered.move_to_end(orthanc_id)
                if len(remembered) > _REMEMBERED:  # the change log has it as well
                    remembered.popitem(last=False)
        self._counted(len(arrived))

    def _note(self, orthanc_id: str) -> None:
        """With the lock held."""
        self._moment += 1
        self._stored[orthanc_id] = self._moment
        self._stored.move_to_end(orthanc_id)
        if len(self._stored) > _REMEMBERED:
            self._stored.popitem(last=False)
