"""The acquisition of a series, from the tags of one of its instances; read again if the series has changed."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.failures import LastUpdateOf

# A patient has some dozens of series.
_MOST = 2_000
# A job compares each series with each other one, and asks thousands of times. LastUpdate counts in seconds as well.
_TRUSTED_SECONDS = 1.0


class _Known(msgspec.Struct, frozen=True):
    acquisition: Acquisition
    last_update: str
    checked_at: float


class Acquisitions:
    """Acquisitions by the Orthanc id of an instance, for any thread; the least recently used leave.

    Parameters
    ----------
    read
        Reads the tags of an instance; raises KeyError where it is gone.
    last_update_of
        When something was last stored in its series.
    now
        A clock in seconds that never goes back.
    """

    def __init__(
        self,
        read: Callable[[str], Acquisition],
        last_update_of: LastUpdateOf,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._last_update_of = last_update_of
        self._now = now
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def __call__(self, instance: str) -> Acquisition:
        """The acquisition of an instance's series. Raises KeyError where the instance is gone."""
        now = self._now()
        with self._lock:
            known = self._known.get(instance)
        if known is not None and now - known.checked_at < _TRUSTED_SECONDS:
            return known.acquisition
        # before the tags are read: what is stored in between makes this entry out of date
        last_update = self._last_update_of(instance)
        if known is not None and last_update and last_update == known.last_update:
            acquisition = known.acquisition
        else:
            acquisition = self._read(instance)
        self._keep(instance, _Known(acquisition, last_update, now))
        return acquisition

    def _keep(self, instance: str, known: _Known) -> None:
        with self._lock:
            self._known[instance] = known
            self._known.move_to_end(instance)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
