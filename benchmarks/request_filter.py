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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.one_request import OneRequest
from benchmarks.pairs import compare, median_interval
from longitudinal.access.request_filter import Incoming, RequestFilter, Rules
from tests.orthanc.server import OrthancServer

WITHOUT = """
import runpy
import orthanc
orthanc.RegisterIncomingHttpRequestFilter = lambda callback: None
runpy.run_path({main!r}, run_name="__main__")
"""
BUSY = 4
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Accept-Language": "en", "Accept": "*/*"}
FIND = b'{"Level": "Study", "Query": {"PatientID": "nobody"}}'


def ask_as_a_page(server: OrthancServer, method: str, path: str, body: bytes | None) -> OneRequest:
    """With the headers of a page of the server's own."""
    return OneRequest(
        server, method, path, body, {**BROWSER, "Origin": f"http://127.0.0.1:{server.http_port}"}
    )


@contextmanager
def load(servers: Sequence[OrthancServer], connections: int) -> Iterator[None]:
    """Keep every server busy."""
    ended = threading.Event()

    def ask(server: OrthancServer) -> None:
        client = ask_as_a_page(server, "GET", "/system", None)
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
                    ours, theirs = (
                        ask_as_a_page(server, *request).batch(requests) for server in (filtered, bare)
                    )
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
