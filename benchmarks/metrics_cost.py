"""What the metrics cost the server: processor time of a store and of a resolve with them and without, in interleaved pairs.

    python -m benchmarks.metrics_cost [--pairs 12] [--stores 200] [--resolves 2000]

Two servers run at once. In one of them a script of this benchmark starts the plugin with counters that do nothing and
without the thread that hands the figures to Orthanc. Ids of requests are a part of problems and logs, and both make them.
A difference below a percent is less than two runs of the same server differ; so the two costs are measured directly too:
that of counting one request, against the processor time of one resolve, and that of the thread, against the time.
"""

import argparse
import sys
import sysconfig
import tempfile
import time
import timeit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.metrics import SLICES, STUDY, image, metrics
from benchmarks.pairs import compare
from longitudinal.http.measures import Measures
from tests.data import ROOT
from tests.orthanc.server import OrthancServer

CONNECTIONS = 4
TARGET = 0.01
WITHOUT = """
import runpy, sys
sys.path[:0] = [{plugin!r}, {packages!r}]
from longitudinal.http.measures import Measures
Measures.request = Measures.count = lambda *_: None
from longitudinal.host.metrics import MetricsHost
MetricsHost.start = lambda _: None
runpy.run_path({main!r}, run_name="__main__")
"""
Work = Callable[[OrthancServer], None]


def processor_seconds(pid: int) -> float:
    """What a process has used of the processors, in nanoseconds' resolution: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def per_one(server: OrthancServer, work: Work, count: int) -> tuple[float]:
    """Microseconds of processor time for one of the `count` things that `work` does."""
    before = processor_seconds(server.pid)
    work(server)
    return (1e6 * (processor_seconds(server.pid) - before) / count,)


def resolve(server: OrthancServer, count: int) -> None:
    """So many questions over some connections."""

    def ask(number: int) -> None:
        with server.new_session() as session:
            for each in range(count // CONNECTIONS):
                uid = f"{STUDY}.0.1.{(each + number) % SLICES + 1}"
                question = {"sopInstanceUid": uid, "row": 1, "column": 1}
                session.post("/imaging/points/resolve", json=question).raise_for_status()

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(ask, range(CONNECTIONS)))


def store(server: OrthancServer, files: list[bytes], indexed: int) -> None:
    """Store over some connections, wait for the index, and delete."""
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        stored = [
            one
            for some in threads.map(
                server.store_rest, (files[number::CONNECTIONS] for number in range(CONNECTIONS))
            )
            for one in some
        ]
    server.wait_indexed(lambda health: health["instances"] == indexed + len(files), 60)
    for study in {one["ParentStudy"] for one in stored}:
        server.session.delete(f"/studies/{study}").raise_for_status()
    server.wait_indexed(lambda health: health["instances"] == indexed, 60)


def measure(folder: Path, pairs: int, stores: int, resolves: int) -> None:
    """Both comparisons, and what is measured directly."""
    script = folder / "without.py"
    script.write_text(WITHOUT.format(
        plugin=str(ROOT / "plugin"), packages=sysconfig.get_path("purelib"), main=str(ROOT / "plugin" / "main.py"),
    ))  # fmt: skip
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    files = [image(SLICES * 100 + number) for number in range(stores)]
    with (
        OrthancServer(folder / "with", configuration=configuration) as ours,
        OrthancServer(folder / "without", configuration=configuration, script=script) as bare,
    ):
        for server in (ours, bare):
            server.store_rest(image(number) for number in range(2 * SLICES))
            server.wait_indexed(lambda health: health["instances"] == 2 * SLICES, 60)
        ours.wait_until(lambda: metrics(ours.session), 15, "metrics")
        if metrics(bare.session):
            raise AssertionError("the server without metrics has some")
        works: dict[str, tuple[Work, int]] = {
            "resolve": (lambda server: resolve(server, resolves), resolves),
            "store": (lambda server: store(server, files, 2 * SLICES), stores),
        }
        cost = {}
        for name, (work, count) in works.items():
            for server in (ours, bare):
                work(server)  # both caches are warm from here on
            (found,) = compare(
                lambda work=work, count=count: per_one(ours, work, count),
                lambda work=work, count=count: per_one(bare, work, count),
                pairs,
            )
            cost[name] = found.b
            sys.stdout.write(
                f"{name}: {found.a:.0f} us of processor time with metrics, {found.b:.0f} without; ratio {found}, "
                f"{pairs} interleaved pairs of {count}\n"
            )
        direct(ours, cost["resolve"])


def direct(server: OrthancServer, resolve_us: float) -> None:
    """Each cost by itself."""
    measures = Measures()
    each = timeit.timeit(lambda: measures.request("/points/resolve", 200, 0.001), number=200_000) * 5
    before, began = metrics(server.session)["metrics_cpu_seconds_sum"], time.monotonic()
    time.sleep(30)
    used = metrics(server.session)["metrics_cpu_seconds_sum"] - before
    thread = used / (time.monotonic() - began)
    share = each / resolve_us
    sys.stdout.write(
        f"counting a request: {each:.2f} us, {100 * share:.2f} % of a resolve; the thread: {100 * thread:.3f} % of one "
        f"processor; target: below {100 * TARGET:.0f} % each: {'met' if max(share, thread) < TARGET else 'MISSED'}\n"
    )


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--stores", type=int, default=200)
    parser.add_argument("--resolves", type=int, default=2_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), asked.pairs, asked.stores, asked.resolves)


if __name__ == "__main__":
    main()
