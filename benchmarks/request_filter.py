"""What the filter that looks at every request costs, in microseconds a request, with and without load.

    .venv/bin/python -m benchmarks.request_filter [--pairs 12] [--requests 300]

Two servers with the plugin, one of which never registers the filter; over a keep-alive connection to each, batches of
requests alternate. A read is GET /system; a write is POST /tools/find as one of our own pages sends it by plain HTTP. With a
password a read is let in at once; without one its Host is looked at. Under load four other connections to each of the two
servers ask for /system without a pause. In process it is the decision alone.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from benchmarks.pairs import compare, median_interval
from longitudinal.access.request_filter import Incoming, RequestFilter, Rules
from tests.orthanc.server import OrthancServer
from tests.orthanc.wire import basic

WITHOUT = """
import runpy
import orthanc
orthanc.RegisterIncomingHttpRequestFilter = lambda callback: None
runpy.run_path({main!r}, run_name="__main__")
"""
BUSY = 4
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Accept-Language": "en", "Accept": "*/*"}
FIND = b'{"Level": "Study", "Query": {"PatientID": "nobody"}}'


class Client:
    """Batches of one request over one connection."""

    def __init__(self, server: OrthancServer, method: str, path: str, body: bytes | None) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.http_port, timeout=60)
        self._request = (method, path, body)
        self._headers = {
            **BROWSER,
            "Origin": f"http://127.0.0.1:{server.http_port}",
            "Authorization": basic(server.user, server.password),
        }

    def ask(self) -> None:
        self._connection.request(*self._request, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"HTTP {answer.status}")

    def batch(self, requests: int) -> Callable[[], Sequence[float]]:
        """The median of so many requests, in microseconds."""

        def measure() -> Sequence[float]:
            self._connection.close()  # Orthanc closes idle ones after a second
            self.ask()
            times = np.empty(requests)
            for number in range(requests):
                start = time.perf_counter()
                self.ask()
                times[number] = time.perf_counter() - start
            return [float(np.median(times)) * 1e6]

        return measure


@contextmanager
def load(servers: Sequence[OrthancServer], connections: int) -> Iterator[None]:
    """Keep every server busy."""
    ended = threading.Event()

    def ask(server: OrthancServer) -> None:
        client = Client(server, "GET", "/system", None)
        while not ended.is_set():
            client.ask()

    threads = [threading.Thread(target=ask, args=(server,)) for server in servers for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def over_http(folder: Path, pairs: int, requests: int, authentication: bool) -> None:
    main = Path(__file__).resolve().parent.parent / "plugin" / "main.py"
    script = folder / "without.py"
    script.write_text(WITHOUT.format(main=str(main)))
    name = f"{'with' if authentication else 'without'} a password"
    with (
        OrthancServer(folder / f"a{authentication}", authentication=authentication) as filtered,
        OrthancServer(folder / f"b{authentication}", script=script, authentication=authentication) as bare,
    ):
        for busy in (0, BUSY):
            for what, request in (
                ("read", ("GET", "/system", None)),
                ("write", ("POST", "/tools/find", FIND)),
            ):
                with load((filtered, bare), busy):
                    ours, theirs = (Client(server, *request).batch(requests) for server in (filtered, bare))
                    (found,) = compare(ours, theirs, pairs)
                print(
                    f"{name}, {busy} other connections, {what}: {found.a:.0f} us with the filter, "
                    f"{found.b:.0f} without; {found.a - found.b:+.0f} us; ratio {found}",
                    flush=True,
                )


def in_process() -> None:
    headers = {
        "host": "pacs:8042",
        "origin": "http://pacs:8042",
        **{key.lower(): each for key, each in BROWSER.items()},
    }
    for what, rules, method in (
        ("a read, Host looked at", Rules(checks_host=True, allowed_hosts=frozenset(["pacs"])), "GET"),
        ("a write by plain HTTP", Rules(), "POST"),
        ("a write of metadata", Rules(), "PUT"),
    ):
        decides = RequestFilter(rules)
        incoming = Incoming(method, "/instances/0123/metadata/5000", headers)
        times = []
        for _ in range(200):
            start = time.perf_counter()
            for _ in range(100):
                decides.refusal(incoming)
            times.append((time.perf_counter() - start) / 100 * 1e6)
        median, low, high = median_interval(np.array(times))
        print(f"in process, {what}: {median:.1f} us (95 % {low:.1f} to {high:.1f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    in_process()
    with tempfile.TemporaryDirectory() as name:
        for authentication in (True, False):
            over_http(Path(name), options.pairs, options.requests, authentication)


if __name__ == "__main__":
    main()
