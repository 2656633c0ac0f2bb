"""The thread that keeps the index complete: it reads the change log every second, or at once after a callback, and
compares the whole archive every hour."""

import logging
import threading
import time
from collections.abc import Callable

from longitudinal.errors import SidecarUnavailable
from longitudinal.ingest.changes import Changes, Stopping
from longitudinal.ingest.reconcile import Reconcile

LOGGER = logging.getLogger(__name__)

# What another node stored must be found within seconds; reading an idle log takes less than a millisecond.
_LOOK_SECONDS = 1.0
_AFTER_ERROR_SECONDS = 5.0
# After this many steps of a pass, the processor and Python's lock are left to other threads for a moment.
_STEPS = 20
# Stores come in streams: the first one waits this long, so that several are read and written together.
_LINGER_SECONDS = 0.2
# As long as so many came meanwhile, the next ones wait longer: the larger the batch, the less each takes from those
# who store.
_STREAM = 20
_LINGER_IN_STREAM_SECONDS = 0.45
_BREATH_SECONDS = 0.005


class Completeness:
    """Runs the cursor and the reconcile pass on one thread of its own.

    Parameters
    ----------
    reconcile_seconds
        Between the end of one pass and the beginning of the next.
    looked
        Called about once a second after the change log was read; must be short.
    wake
        Set when there may be something new in the change log.
    passed
        Called after each pass.
    lost
        How many changes could not be written so far: a pass begins as soon as there are more.
    """

    def __init__(
        self,
        changes: Changes,
        reconcile: Reconcile,
        reconcile_seconds: int,
        lost: Callable[[], int],
        looked: Callable[[], None] = lambda: None,
        wake: threading.Event | None = None,
        passed: Callable[[], None] = lambda: None,
    ) -> None:
        self._changes = changes
        self._reconcile = reconcile
        self._reconcile_seconds = reconcile_seconds
        self._lost = lost
        self._looked = looked
        self._looked_at = -_LOOK_SECONDS
        self._wake = wake or threading.Event()
        self._passed = passed
        self._lost_before = 0
        self._stop = threading.Event()
        self._next_pass = 0.0
        self._thread = threading.Thread(target=self._run, name="longitudinal-changes")
        self.passes = 0
        self.last_error: str | None = None

    @property
    def lag(self) -> int | None:
        """How many changes of the archive are not followed yet; None before the change log was first read."""
        return self._changes.lag

    def start(self) -> None:
        """Start the thread; nothing waits for it."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Unfinished work continues at the next start."""
        self._stop.set()
        self._wake.set()
        self._changes.stop()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        has_begun = False
        while not self._stop.is_set():
            try:
                if not has_begun:
                    self._changes.begin()
                    has_begun = True
                count = self._look()
                if time.monotonic() >= self._next_pass or self._lost() > self._lost_before:
                    self._pass()
                self.last_error = None
                # `stop` sets this first and wakes the thread afterwards, so a wake that was cleared before is noticed here.
                if not self._stop.is_set() and self._wake.wait(_LOOK_SECONDS):
                    self._stop.wait(_LINGER_SECONDS if count < _STREAM else _LINGER_IN_STREAM_SECONDS)
            except Stopping:
                return
            except SidecarUnavailable:  # the writer has logged it; it passes
                self._stop.wait(_LOOK_SECONDS)
            except Exception as error:
                if str(error) != self.last_error:
                    LOGGER.exception("The index could not be updated; retrying")
                self.last_error = str(error)
                self._stop.wait(_AFTER_ERROR_SECONDS)

    def _look(self) -> int:
        """Follow the log; returns how many instances were read."""
        self._wake.clear()
        count = self._changes.follow()
        if time.monotonic() >= self._looked_at + _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._looked()
        return count

    def _pass(self) -> None:
        began = looked = time.monotonic()
        lost_before = self._lost()
        for number, _ in enumerate(self._reconcile.steps()):
            if number % _STEPS == 0 and self._stop.wait(_BREATH_SECONDS):
                return
            waited = time.monotonic() - looked
            if waited > _LOOK_SECONDS or (waited > _LINGER_SECONDS and self._wake.is_set()):
                self._wake.clear()
                self._changes.follow()
                looked = time.monotonic()
        self._passed()
        self.passes += 1
        self._lost_before = lost_before
        self._next_pass = time.monotonic() + self._reconcile_seconds
        LOGGER.info("Compared the archive with the index in %.1f s", time.monotonic() - began)
