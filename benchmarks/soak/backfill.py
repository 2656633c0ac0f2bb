"""How fast the index jobs read an archive that was there first, against readers that anybody would write.

    .venv/bin/python -m benchmarks.soak.backfill [--image CT|MR] [--pairs 12] [--files 500]

The archive is stored by an Orthanc without the plugin. In each pair the index is deleted, an Orthanc with the plugin
started and its jobs timed, from the first's start to the last's end; then the fastest of the readers reads the same tags
of the same instances. The jobs also find out what each plane is, write the index and answer routes meanwhile; the readers
throw away what they have read. Processor time is that of all processes that take part: Orthanc and what it has started from
the moment it answers, and the reader. With fewer than 10,000 instances, much of the time is that of starting.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.ingest import IMAGES, make_files, processor_seconds, workers_seconds
from benchmarks.pairs import Comparison, compare
from benchmarks.soak.equality import difference, sidecar_of
from benchmarks.soak.readers import Reader, readers
from tests.orthanc.server import OrthancServer

STUDIES = 20
TRIALS = 3
TARGET = 1.0
INDEXED_SECONDS = 300.0


def fill_archive(folder: Path, image: str, files: int) -> OrthancServer:
    """An Orthanc without the plugin, not running any more, with studies of so many files each."""
    server = OrthancServer(folder, plugin=False, authentication=False)
    with server:
        for number in range(STUDIES):
            server.store_rest(make_files(folder / f"files{number}", files, image))
    return server


def backfill_rate(server: OrthancServer) -> tuple[float, float]:
    """Instances a second of an archive without an index, and microseconds of the processors for each."""
    for path in sidecar_of(server).parent.glob(f"{sidecar_of(server).name}*"):
        path.unlink()
    with server:
        used = processor_seconds(server.pid) + workers_seconds(server)
        jobs = server.wait_until(lambda: _done(server), INDEXED_SECONDS, "every study is indexed")
        used = processor_seconds(server.pid) + workers_seconds(server) - used
        if left := difference(server):
            raise AssertionError(f"the index differs from the archive: {left}")
    began = min(datetime.fromisoformat(job["started"]) for job in jobs)
    ended = max(datetime.fromisoformat(job["finished"]) for job in jobs)
    count = sum(job["result"]["read"] for job in jobs)
    return count / (ended - began).total_seconds(), used / count * 1e6


def _done(server: OrthancServer) -> list[dict[str, Any]]:
    jobs = server.session.get("/imaging/jobs").json()["jobs"]
    return jobs if len(jobs) == STUDIES and all(job["state"] == "done" for job in jobs) else []


def reader_rate(server: OrthancServer, reader: Reader, count: int) -> tuple[float, float]:
    """The same of a reader, which must have read all of them."""
    with server:
        began, used = time.perf_counter(), reader_seconds(server)
        found = reader()
        seconds, used = time.perf_counter() - began, reader_seconds(server) - used
    if len({values["0008,0018"] for values in found}) != count:
        raise AssertionError(f"{len(found)} instances were read, {count} are stored")
    return count / seconds, used / count * 1e6


def reader_seconds(server: OrthancServer) -> float:
    """What this process, those it has started and the server have used of the processors so far."""
    children = [child.pid for child in multiprocessing.active_children() if child.pid is not None]
    return time.process_time() + sum(map(processor_seconds, [*children, server.pid]))


def measure(
    folder: Path, image: str, files: int, pairs: int
) -> tuple[Comparison, Comparison, str, dict[str, float]]:
    """Our rate and that of the fastest reader, and processor time; its name; and the best rate of each in a trial."""
    bare = fill_archive(folder, image, files)
    ours = OrthancServer(folder, authentication=False)
    count = STUDIES * files
    with readers(bare) as rivals:
        rates = {
            name: max(reader_rate(bare, reader, count)[0] for _ in range(TRIALS))
            for name, reader in rivals.items()
        }
        fastest = max(rates, key=rates.__getitem__)
        backfill_rate(ours)  # warms what is left cold
        found, used = compare(
            lambda: backfill_rate(ours), lambda: reader_rate(bare, rivals[fastest], count), pairs
        )
    return found, used, fastest, rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--image", choices=IMAGES, default="CT")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found, used, fastest, rates = measure(
            Path(name) / "orthanc", options.image, options.files, options.pairs
        )
    print(
        f"{STUDIES} studies of {options.files} {options.image} instances, {options.pairs} interleaved pairs\n"
    )
    print(f"| reader | instances a second, best of {TRIALS} |\n|---|---|")
    for reader, rate in rates.items():
        print(f"| {reader} | {rate:.0f} |")
    verdict = "met" if found.low >= TARGET else "MISSED"
    print(f"\nbackfill {found.a:.0f}/s, {fastest} {found.b:.0f}/s (medians of the pairs)")
    print(
        f"processor time, us each: {used.a:.0f} and {used.b:.0f}; ratio {used}; load {os.getloadavg()[0]:.1f}"
    )
    print(f"ratio {found}; at least {TARGET}: {verdict}")


if __name__ == "__main__":
    main()
