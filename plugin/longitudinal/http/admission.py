"""How many requests may hold HTTP threads of Orthanc at once, so that it always has some left."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from longitudinal.errors import Busy


class Admission:
    """Places for requests; a request that finds none is refused at once, with the advice to try again.

    Parameters
    ----------
    http_threads
        Orthanc's HttpThreadsCount: at most half of them wait for our pool, and at most a quarter in `held`.

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
        self._any = threading.BoundedSemaphore(self.places)
        self._long = threading.BoundedSemaphore(max(1, http_threads // 4))

    @contextmanager
    def request(self) -> Iterator[None]:
        """A place for a request. Raises Busy."""
        with _place(self._any, "the server is handling as many requests as it can"):
            yield

    @contextmanager
    def held(self) -> Iterator[None]:
        """A place for a request that holds a second thread by calling Orthanc back, or one for seconds. Raises Busy."""
        with _place(self._long, "too many requests of this kind are under way"):
            yield


@contextmanager
def _place(places: threading.BoundedSemaphore, problem: str) -> Iterator[None]:
    if not places.acquire(blocking=False):
        raise Busy(f"{problem}; try again in a second")
    try:
        yield
    finally:
        places.release()
