"""What is counted of requests and uploads since the start, for whoever watches the server."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from longitudinal.errors import RateLimited

_SERVER_ERROR, _CLIENT_ERROR = 500, 400
_BUSY = 503
_FORBIDDEN = (401, 403)
# Routes that are counted under a name of their own; all others under the first part of their path.
_NAMES = {
    "/points/resolve": "resolve",
    "/studies/{study}/frames/{index}": "render",
    "/instances/{instance}/preview": "render",
    "/points/reslice": "render",
}
OUTSIDE = "none"
"""The name of requests for which there is no route."""


class Measures:
    """Counters that only grow, and the longest times since they were last taken; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, float] = defaultdict(float)
        self._longest: dict[str, float] = {}

    def request(self, path: str | None, status: int, seconds: float, code: str = "") -> None:
        """A request of a route (its path as declared; None where there is none) was answered, with the code of a problem."""
        name = name_of(path)
        with self._lock:
            counters = self._counters
            counters["requests_total"] += 1
            counters[f"{name}_requests_total"] += 1
            counters[f"{name}_seconds_sum"] += seconds
            self._longest[name] = max(seconds, self._longest.get(name, 0.0))
            if code == RateLimited.code:  # one user sends too many: no error of the server, nor is it busy
                counters["requests_limited_total"] += 1
            elif status >= _CLIENT_ERROR:
                kind = "server" if status >= _SERVER_ERROR else "client"
                counters[f"requests_{kind}_errors_total"] += 1
                counters["requests_busy_total"] += status == _BUSY
                counters["requests_refused_total"] += status in _FORBIDDEN

    def count(self, name: str, by: float = 1) -> None:
        """Something else happened."""
        with self._lock:
            self._counters[name] += by

    def declare(self, *names: str) -> None:
        """Show these from the start, as 0: an alert on what was never counted says nothing."""
        with self._lock:
            for name in names:
                self._counters[name] += 0

    def take(self) -> Mapping[str, float]:
        """All counters, and the longest time (`<name>_seconds_max`) since this was last called."""
        with self._lock:
            longest, self._longest = self._longest, dict.fromkeys(self._longest, 0.0)
            return {**self._counters, **{f"{name}_seconds_max": value for name, value in longest.items()}}


@lru_cache(maxsize=256)
def name_of(path: str | None) -> str:
    """The name under which a route is counted.

    >>> name_of("/points/resolve"), name_of("/exams/{exam}/images"), name_of(""), name_of("/dicom-web/studies")
    ('resolve', 'exams', 'root', 'dicom_web')
    """
    if path is None:
        return OUTSIDE
    return _NAMES.get(path) or path.strip("/").partition("/")[0].replace("-", "_") or "root"
