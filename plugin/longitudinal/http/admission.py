"""How many requests may hold HTTP threads of Orthanc at once, so that it always has some left."""

import threading
from types import TracebackType

from longitudinal.errors import Busy


class _Places:
    """So many places; `with` takes one, and raises Busy if none is left."""

    def __init__(self, count: int, problem: str) -> None:
        self._free = count
        self._problem = problem
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._free == 0:
                raise Busy(f"{self._problem}; try again in a second")
            self._free -= 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._free += 1


class Admission:
    """Places for requests; a request that finds none is refused at once, with the advice to try again.

    Parameters
    ----------
    http_threads
        Orthanc's HttpThreadsCount: at most half of them wait for our threads, and at most a quarter in `held`.

    Attributes
    ----------
    places
        How many requests may be under way.
    ending
        Set when the plugin stops: requests that wait for something end their wait.
    """

    def __init__(self, http_threads: int) -> None:
        self.places = max(1, http_threads // 2)
        self.ending = threading.Event()
        self._any = _Places(self.places, "the server is handling as many requests as it can")
        self._long = _Places(max(1, http_threads // 4), "too many requests of this kind are under way")

    def request(self) -> _Places:
        """A place for a request, as long as the block lasts. Entering it raises Busy."""
        return self._any

    def held(self) -> _Places:
        """A place for a request that holds a second thread by calling Orthanc back, or one for seconds, in the same way."""
        return self._long
