"""How long one resolve takes while 8 associations store, beside its own time at rest.

    .venv/bin/python -m benchmarks.resolve_under_load [--pairs 12] [--slices 60] [--associations 8]

A patient of 20 studies x 5 series is stored in a real Orthanc. Then, in turn: some hundred questions at rest, and questions
for as long as so many associations of storescu store CT slices (copies of a real one with identifiers of their own). Ratios
of p50 and of p99, pair by pair, with their intervals; processor time of Orthanc for a question at rest.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.ingest import make_files
from benchmarks.pairs import median_interval
from benchmarks.resolve import (
    PATIENT,
    SERIES,
    STUDIES,
    RawConnection,
    dicom_file,
    percentiles,
    process_seconds,
    timed,
)
from benchmarks.synthetic_archive import slices
from tests.orthanc.server import OrthancServer

P50_TARGET, P99_TARGET = 2.0, 4.0
REQUESTS, STORES = 400, 240
"""Questions at rest, and files of one round of stores."""
SETTLE_SECONDS = 1.5


class Asker:
    """Asks for places of random images, one question after the other."""

    def __init__(self, server: OrthancServer, uids: list[str]) -> None:
        self._server = server
        self._connection = RawConnection(server)
        picks = np.random.default_rng(2).integers(0, len(uids), REQUESTS)
        self._bodies = [
            json.dumps({"sopInstanceUid": uids[number], "row": 20.5, "column": 31.25}).encode()
            for number in picks
        ]

    def connect(self) -> None:
        """Orthanc closes a connection that was idle for a second."""
        self._connection = RawConnection(self._server)

    def ask(self, number: int) -> None:
        """One question."""
        self._connection.post("/imaging/points/resolve", self._bodies[number % REQUESTS])


def under_load(server: OrthancServer, asker: Asker, files: list[Path], associations: int) -> list[float]:
    """Seconds of each question that was asked from the first store to the last."""
    sender = threading.Thread(target=server.store_scu, args=(files,), kwargs={"associations": associations})
    sender.start()
    seconds: list[float] = []
    while sender.is_alive():
        seconds += timed(asker.ask, 1)
    sender.join()
    return seconds


def measure(server: OrthancServer, uids: list[str], folder: Path, pairs: int, associations: int) -> None:
    asker = Asker(server, uids)
    rest, load, cpu = [], [], []
    for number in range(-1, pairs):
        files = make_files(folder / f"round{number}", STORES, "CT")
        time.sleep(SETTLE_SECONDS)
        asker.connect()
        used = process_seconds(server.pid)
        quiet = timed(asker.ask, REQUESTS)
        used = process_seconds(server.pid) - used
        busy = under_load(server, asker, files, associations)
        if number >= 0:  # the first pair warms both
            rest.append(percentiles(quiet))
            load.append(percentiles(busy))
            cpu.append(used / REQUESTS * 1e6)
    at_rest, loaded = np.array(rest), np.array(load)
    for column, (name, target) in enumerate((("p50", P50_TARGET), ("p99", P99_TARGET))):
        ratio, low, high = median_interval(loaded[:, column] / at_rest[:, column])
        print(
            f"{name}: {np.median(at_rest[:, column]):.0f} us at rest, {np.median(loaded[:, column]):.0f} us while "
            f"{associations} associations store; ratio {ratio:.2f} (95 % {low:.2f} to {high:.2f}, {pairs} pairs); "
            f"target at most {target}"
        )
    print(f"processor time of Orthanc for a question at rest: {np.median(cpu):.0f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--slices", type=int, default=60)
    parser.add_argument("--associations", type=int, default=8)
    options = parser.parse_args()
    records = list(slices(PATIENT, STUDIES, SERIES, options.slices))
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with OrthancServer(folder / "orthanc", authentication=False) as server:
            connection = RawConnection(server)
            for record in records:
                connection.post("/instances", dicom_file(record))
            server.wait_indexed(lambda health: health["instances"] == len(records), within=30)
            measure(
                server,
                [record.sop_instance_uid for record in records],
                folder,
                options.pairs,
                options.associations,
            )


if __name__ == "__main__":
    main()
