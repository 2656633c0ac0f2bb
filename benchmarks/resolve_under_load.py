"""How long one resolve takes while 8 associations store, beside its own time at rest.

    .venv/bin/python -m benchmarks.resolve_under_load [--pairs 12] [--slices 60] [--associations 8]

A patient of 20 studies x 5 series is stored in a real Orthanc. Then, in turn: some hundred questions at rest, and questions
for as long as so many associations of storescu store CT slices (copies of a real one with identifiers of their own). Ratios
of p50 and of p99, pair by pair, with their intervals; processor time of Orthanc for a question at rest. In the same rounds
an Orthanc without the plugin is asked a question of its own that takes about as long (/tools/lookup of a PatientID): how
long anything waits on a machine that is busy storing.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
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
from benchmarks.soak.clients import LOOKUP, ROUTE
from benchmarks.synthetic_archive import slices
from tests.orthanc.server import OrthancServer

P50_TARGET, P99_TARGET = 2.0, 4.0
REQUESTS, STORES = 400, 240
"""Questions at rest, and files of one round of stores."""
SETTLE_SECONDS = 1.5


class Asker:
    """Asks one question after the other."""

    def __init__(self, server: OrthancServer, path: str, bodies: Sequence[bytes]) -> None:
        self.server = server
        self._path = path
        self._bodies = bodies
        self.connect()

    def connect(self) -> None:
        """Orthanc closes a connection that was idle for a second."""
        self._connection = RawConnection(self.server)

    def ask(self, number: int) -> None:
        """One question."""
        self._connection.post(self._path, self._bodies[number % len(self._bodies)])


def places(uids: Sequence[str]) -> list[bytes]:
    """Questions for places of random images."""
    picks = np.random.default_rng(2).integers(0, len(uids), REQUESTS)
    return [
        json.dumps({"sopInstanceUid": uids[number], "row": 20.5, "column": 31.25}).encode()
        for number in picks
    ]


def under_load(asker: Asker, files: list[Path], associations: int) -> list[float]:
    """Seconds of each question that was asked from the first store to the last."""
    sender = threading.Thread(
        target=asker.server.store_scu, args=(files,), kwargs={"associations": associations}
    )
    sender.start()
    seconds: list[float] = []
    while sender.is_alive():
        seconds += timed(asker.ask, 1)
    sender.join()
    return seconds


class Course:
    """Percentiles of one asker, round by round: at rest, and while files are stored."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._rest: list[tuple[float, float]] = []
        self._load: list[tuple[float, float]] = []
        self._cpu: list[float] = []

    def round(self, files: list[Path], associations: int) -> None:
        """Ask at rest, then under load."""
        time.sleep(SETTLE_SECONDS)
        self._asker.connect()
        used = process_seconds(self._asker.server.pid)
        quiet = timed(self._asker.ask, REQUESTS)
        used = process_seconds(self._asker.server.pid) - used
        busy = under_load(self._asker, files, associations)
        self._rest.append(percentiles(quiet))
        self._load.append(percentiles(busy))
        self._cpu.append(used / REQUESTS * 1e6)

    def report(self, name: str, targets: tuple[str, str]) -> None:
        """Print what the rounds after the first, which warms, have shown."""
        rest, load = np.array(self._rest[1:]), np.array(self._load[1:])
        print(f"{name}: {np.median(self._cpu[1:]):.0f} us of Orthanc's processor time at rest")
        for column, (percentile, target) in enumerate(zip(("p50", "p99"), targets, strict=True)):
            ratio, low, high = median_interval(load[:, column] / rest[:, column])
            print(
                f"  {percentile}: {np.median(rest[:, column]):.0f} us at rest, {np.median(load[:, column]):.0f} us under "
                f"load; ratio {ratio:.2f} (95 % {low:.2f} to {high:.2f}, {len(rest)} pairs){target}"
            )


def measure(ours: Asker, bare: Asker, folder: Path, pairs: int, associations: int) -> None:
    courses = Course(ours), Course(bare)
    for number in range(pairs + 1):
        files = make_files(folder / f"round{number}", STORES, "CT")
        for course in courses if number % 2 else courses[::-1]:
            course.round(files, associations)
    print(f"{associations} associations store")
    courses[0].report("resolve", (f"; target at most {P50_TARGET}", f"; target at most {P99_TARGET}"))
    courses[1].report(f"an Orthanc without the plugin, {LOOKUP}", ("", ""))


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
        with (
            OrthancServer(folder / "orthanc", authentication=False) as server,
            OrthancServer(folder / "bare", plugin=False, authentication=False) as without,
        ):
            for each in (server, without):
                connection = RawConnection(each)
                for record in records:
                    connection.post("/instances", dicom_file(record))
            server.wait_indexed(lambda health: health["instances"] == len(records), within=30)
            uids = [record.sop_instance_uid for record in records]
            measure(
                Asker(server, ROUTE, places(uids)),
                Asker(without, LOOKUP, [PATIENT.encode()]),
                folder,
                options.pairs,
                options.associations,
            )


if __name__ == "__main__":
    main()
