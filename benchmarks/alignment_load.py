"""What alignments cost everybody else: stores and answers while two run, against the same server at rest.

    .venv/bin/python -m benchmarks.alignment_load [--pairs 12] [--files 100] [--requests 1500]

One Orthanc with two workers of one thread each. In interleaved pairs the same batch of stores and of questions is timed
while two alignments are under way and while none is: they are cancelled and started again in between, which is not timed.
Where an alignment ends in the middle of a batch the pair is measured again.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.ingest import PATIENT, make_files, post_all
from benchmarks.pairs import compare
from tests.orthanc.heads import frame_of, head, landmarks
from tests.orthanc.server import OrthancServer

ALIGNED = ("FIRST", "SECOND")
ASKED = "ASKED"
BUSY_STAGES = ("search", "refine", "check")
TARGETS = {"store seconds": 1.25, "resolve p50": 1.25, "resolve p99": 2.0}
WITHIN = 60.0


class Busy:
    """Two alignments that run, or none."""

    def __init__(self, server: OrthancServer) -> None:
        self._server = server
        self._jobs: list[str] = []

    def start(self) -> None:
        """Return once both are in the middle."""
        for patient in ALIGNED:
            response = self._server.session.post("/imaging/alignments", json={"patientId": patient})
            self._jobs += [job["id"] for job in response.json()["jobs"]]
        self._server.wait_until(self.is_busy, WITHIN, "two alignments are under way")

    def is_busy(self) -> bool:
        """Whether both are."""
        found = [self._server.session.get(f"/imaging/jobs/{job}").json() for job in self._jobs]
        return all(job["state"] == "running" and job["stage"] in BUSY_STAGES for job in found)

    def stop(self) -> None:
        """Cancel both."""
        for job in self._jobs:
            self._server.session.delete(f"/imaging/jobs/{job}")
        self._jobs.clear()


class Load:
    """The batch that is timed."""

    def __init__(self, server: OrthancServer, files: list[bytes], requests: int) -> None:
        self._server = server
        self._files = files
        points = landmarks()
        self._questions = [
            {"patientId": ASKED, "frameOfReferenceUid": frame_of(11), **dict(zip("xyz", point, strict=True))}
            for point in points[np.arange(requests) % len(points)].tolist()
        ]

    def __call__(self) -> tuple[float, float, float]:
        """Seconds for the stores; p50 and p99 of the answers, ms."""
        began = time.perf_counter()
        post_all(self._server, self._files, 4)
        stored = time.perf_counter() - began
        times = []
        for question in self._questions:
            began = time.perf_counter()
            self._server.session.post("/imaging/points/resolve", json=question).raise_for_status()
            times.append((time.perf_counter() - began) * 1000)
        query = {"Level": "Patient", "Query": {"PatientID": PATIENT}}
        for patient in self._server.session.post("/tools/find", json=query).json():
            self._server.session.delete(f"/patients/{patient}").raise_for_status()
        return stored, float(np.quantile(times, 0.5)), float(np.quantile(times, 0.99))


def measured(load: Load, busy: Busy) -> Callable[[], tuple[float, float, float]]:
    """The batch while two alignments run from its beginning to its end."""

    def run() -> tuple[float, float, float]:
        while True:
            busy.start()
            found, still = load(), busy.is_busy()
            busy.stop()
            if still:
                return found

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--requests", type=int, default=1500)
    arguments = parser.parse_args()
    settings = {"AlignOnArrival": False, "WorkerProcesses": 2, "WorkerThreads": 1}
    with tempfile.TemporaryDirectory() as folder:
        files = [path.read_bytes() for path in make_files(Path(folder) / "files", arguments.files, "CT")]
        options = {"authentication": False, "configuration": {"Longitudinal": settings}}
        with OrthancServer(Path(folder) / "orthanc", **options) as server:
            for number, patient in zip((21, 31, 11), (*ALIGNED, ASKED), strict=True):
                server.store_rest(head(number, patient=patient))
                server.store_rest(head(number + 1, real=2, patient=patient))
            server.wait_indexed(lambda health: health["queued"] == 0, WITHIN)
            load, busy = Load(server, files, arguments.requests), Busy(server)
            load()
            comparisons = compare(measured(load, busy), load, arguments.pairs)
    for (name, target), found in zip(TARGETS.items(), comparisons, strict=True):
        verdict = "met" if found.ratio <= target else "NOT met"
        print(f"{name}: {found.a:.3f} with, {found.b:.3f} without, ratio {found}, target {target}: {verdict}")


if __name__ == "__main__":
    main()
