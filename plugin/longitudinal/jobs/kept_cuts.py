"""Cuts that were made, in memory, and which of them somebody waits for."""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

MOST_BYTES = 64 * 1024 * 1024
"""About a hundred cuts of 512 x 512."""

GRACE_SECONDS = 5.0
"""Who waits asks again and again; a job that nobody has asked for that long ends."""


class KeptCuts:
    """PNGs by the key of their cut; those used least recently leave first."""

    def __init__(self, limit: int = MOST_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._waiting: Counter[str] = Counter()
        self._left: dict[str, float] = {}

    def get(self, key: str) -> bytes | None:
        """A cut, if it is still here."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, png: bytes) -> None:
        """Keep a cut."""
        with self._lock:
            self._bytes += len(png) - len(self._kept.pop(key, b""))
            self._kept[key] = png
            while self._bytes > self._limit and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1])

    @contextmanager
    def waiting_for(self, key: str) -> Iterator[None]:
        """While a request waits for a cut."""
        with self._lock:
            self._waiting[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[key] -= 1
                if not self._waiting[key]:
                    del self._waiting[key]
                    self._forget_old()
                    self._left[key] = time.monotonic()

    def is_wanted(self, key: str) -> bool:
        """Whether a request waits for a cut, or did a moment ago."""
        with self._lock:
            return key in self._waiting or time.monotonic() - self._left.get(key, -1e9) < GRACE_SECONDS

    def _forget_old(self) -> None:
        now = time.monotonic()
        for key in [key for key, at in self._left.items() if now - at >= GRACE_SECONDS]:
            del self._left[key]
