"""One request, asked again and again over a keep-alive connection, and how long it takes."""

import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection

import numpy as np

from tests.orthanc.server import OrthancServer
from tests.orthanc.wire import basic


class OneRequest:
    """A request to one server, with its user's password and what other headers are wanted."""

    def __init__(
        self,
        server: OrthancServer,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.http_port, timeout=60)
        self._request = (method, path, body)
        self._headers = {**(headers or {}), "Authorization": basic(server.user, server.password)}

    def ask(self) -> None:
        self._connection.request(*self._request, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"HTTP {answer.status}")

    def median_us(self, requests: int) -> float:
        """The median of so many requests, in microseconds, on a connection that is open."""
        times = np.empty(requests)
        for number in range(requests):
            start = time.perf_counter()
            self.ask()
            times[number] = time.perf_counter() - start
        return float(np.median(times)) * 1e6

    def open_anew(self) -> None:
        """Orthanc closes idle connections after a second."""
        self._connection.close()
        self.ask()

    def batch(self, requests: int) -> Callable[[], Sequence[float]]:
        """A batch of so many requests: the median time, in microseconds."""

        def measure() -> Sequence[float]:
            self.open_anew()
            return [self.median_us(requests)]

        return measure
