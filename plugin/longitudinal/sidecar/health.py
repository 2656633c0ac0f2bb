"""Whether the sidecar can be written, since when it cannot, and whether something was given up meanwhile."""

import logging
import math
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from longitudinal.reasons import FaultReason
from longitudinal.sidecar.fault import Fault

LOGGER = logging.getLogger(__name__)

# A disk that is nearly full takes one write and not the next. So long without an error and a fault is over.
_SETTLED_SECONDS = 3.0


class WriterHealth:
    """What the writer says of itself, for any thread.

    Parameters
    ----------
    path
        The sidecar's file, for the log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._failed_at = -math.inf
        self._has_given_up = False
        self._lost = 0
        self._logged: set[FaultReason] = set()

    @property
    def fault(self) -> Fault | None:
        """What keeps the sidecar from being written; None while nothing does."""
        with self._lock:
            return self._fault

    @property
    def lost(self) -> int:
        """How often commands were given up for a fault of the file, or because too many waited.

        Whoever keeps the index complete compares it with the archive when this grows.
        """
        with self._lock:
            return self._lost

    def give_up(self) -> str:
        """Commands are given up; returns the reason to tell those who wait for them."""
        with self._lock:
            self._has_given_up = True
            return "more changes wait than can be written" if self._fault is None else self._fault.detail

    def written(self) -> None:
        """A transaction was committed: what was given up before it can be read again now, if no fault lasts."""
        with self._lock:
            if self._has_given_up and self._fault is None:
                self._has_given_up = False
                self._lost += 1

    def opened(self) -> None:
        """The file was opened; whatever it lacks is found by comparing it with the archive."""
        with self._lock:
            self._lost += 1

    def interrupted(self) -> None:
        """The file is being replaced: something is given up, and no fault lasts yet."""
        with self._lock:
            self._has_given_up = True
            self._failed_at = time.monotonic()

    def fail(self, fault: Fault) -> Fault:
        """A fault has occurred, or lasts; returns it with the time at which it began. Each reason is logged once."""
        with self._lock:
            self._has_given_up = True
            self._failed_at = time.monotonic()
            self._fault = replace(fault, since=fault.since if self._fault is None else self._fault.since)
            if fault.reason not in self._logged:
                self._logged.add(fault.reason)
                LOGGER.error(
                    "The sidecar fails (%s): %s. Orthanc keeps storing; retrying every second.",
                    fault.reason,
                    fault.detail,
                )
            return self._fault

    def recover(self) -> bool:
        """A write has succeeded: the fault is over if there was no error for some seconds. Whether it is over now."""
        with self._lock:
            fault = self._fault
            if fault is None or time.monotonic() < self._failed_at + _SETTLED_SECONDS:
                return False
            seconds = (datetime.now(UTC) - fault.since).total_seconds()
            LOGGER.warning(
                "The sidecar %s can be written again after %.0f s (%s); missed changes are read from the archive.",
                self._path,
                seconds,
                fault.reason,
            )
            self._fault, self._has_given_up = None, False
            self._logged.clear()
            self._lost += 1
            return True
