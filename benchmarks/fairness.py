"""How long one user waits for a refined point while thousands of another user's are queued.

    python -m benchmarks.fairness [--jobs 2000] [--waits 15]

A real server with one worker and the two real studies of one head. First `bob` waits on the idle server; then `ann` queues
her points, and bob waits again, as often. What is promised: at most his time on the idle server plus one running job.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from tests.data import data, dicom_files
from tests.orthanc.server import OrthancServer, ServerSession

Json = dict[str, Any]
PATIENT = "OPENMS_P01"
PASSWORD = "of this benchmark"
# Of the landmarks that the transform is made from: as far off as a person may click.
OFF = np.array([2.0, -1.0, 1.0])
# Between ann's points, mm: each is another question, and so another job.
APART_MM = 0.01
# From the end of one job to the start of the next.
SLACK_SECONDS = 0.2
OK, TOO_MANY = 200, 429


@dataclass(frozen=True)
class Wait:
    """One point that was waited for.

    Attributes
    ----------
    seconds
        Until it was refined.
    queued_seconds, own_seconds
        Until its job was started, and what that took then.
    running_seconds
        How long the job ran as a whole that was under way when it was asked for.
    was_answered
        Within the ten seconds that a request waits at most.
    """

    seconds: float
    queued_seconds: float
    own_seconds: float
    running_seconds: float
    was_answered: bool


class Ward:
    """The server with its two studies in two frames, joined by a transform that is some millimetres off."""

    def __init__(self, server: OrthancServer) -> None:
        self.server = server
        self.ann, self.bob = (_session(server, name) for name in ("ann", "bob"))
        files = dicom_files("openms_dicom/patient01")
        server.store_rest([file.read_bytes() for file in files])
        server.wait_until(lambda: self.health()["instances"] == len(files), 60, "all is indexed")
        rows = np.loadtxt(
            data("openms_dicom/patient01") / "truth_points_study1_to_study2_LPSmm.csv",
            delimiter=",",
            skiprows=1,
        )
        self.here = rows[:, :3]
        patient = self.bob.get(f"/imaging/patients/{PATIENT}").json()
        self.studies = [study["studyInstanceUid"] for study in patient["studies"]]
        self.frames = [frame["frameOfReferenceUid"] for frame in patient["frames"]]
        pairs = [
            {"source": a.tolist(), "target": (b + OFF).tolist()}
            for a, b in zip(rows[::30, :3], rows[::30, 3:], strict=True)
        ]
        source, target = self.frames
        given = {"sourceFrameOfReferenceUid": source, "targetFrameOfReferenceUid": target, "landmarks": pairs}
        self.bob.post("/imaging/transforms", json=given).raise_for_status()

    def health(self) -> Json:
        found: Json = self.bob.get("/imaging/health").json()
        return found

    def ask(self, session: ServerSession, point: np.ndarray, refine: object) -> Any:
        x, y, z = point.tolist()
        return session.post(
            "/imaging/points/resolve",
            json={"patientId": PATIENT, "frameOfReferenceUid": self.frames[0], "x": x, "y": y, "z": z,
                  "studyInstanceUids": [self.studies[1]], "refine": refine},
        )  # fmt: skip

    def wait(self, point: np.ndarray) -> Wait:
        """Bob waits for a point; what ran when he began is looked up afterwards."""
        running = self.health()["runningJobs"]
        began = time.monotonic()
        answer = self.ask(self.bob, point, "wait")
        answer.raise_for_status()
        refinement = answer.json()["refinement"]
        self.server.wait_until(
            lambda: self.bob.get(f"/imaging/jobs/{refinement['job']}").json()["state"] == "done",
            120,
            "it is refined",
        )
        seconds = time.monotonic() - began
        job = self.bob.get(f"/imaging/jobs/{refinement['job']}").json()
        before = [self.bob.get(f"/imaging/jobs/{one['id']}").json() for one in running]
        return Wait(
            seconds,
            _seconds(job, "created", "started"),
            _seconds(job, "started", "finished"),
            max((_seconds(one, "started", "finished") for one in before), default=0.0),
            bool(refinement["results"]),
        )


def _session(server: OrthancServer, name: str) -> ServerSession:
    return ServerSession(server.url, (name, PASSWORD))


def _seconds(job: Json, since: str, until: str) -> float:
    return (datetime.fromisoformat(job[until]) - datetime.fromisoformat(job[since])).total_seconds()


def _points(here: np.ndarray) -> Iterator[np.ndarray]:
    """As many different points as one likes, near the landmarks."""
    for number, point in enumerate(cycle(here[10:])):
        yield point + APART_MM * (1 + number // len(here))


def _describe(name: str, waits: list[Wait]) -> None:
    seconds = [wait.seconds for wait in waits]
    own = statistics.median(wait.own_seconds for wait in waits)
    print(
        f"{name}: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s; its own job median {own:.2f} s; "
        f"answered within ten seconds {sum(wait.was_answered for wait in waits)} of {len(waits)}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2_000)
    parser.add_argument("--waits", type=int, default=15)
    given = parser.parse_args()
    configuration = {
        "Longitudinal": {"AlignOnArrival": False}, "RegisteredUsers": {"tester": PASSWORD, "ann": PASSWORD, "bob": PASSWORD},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="fairness-") as folder:
        server = OrthancServer(Path(folder) / "server", configuration=configuration)
        server.password, server.session.auth = PASSWORD, ("tester", PASSWORD)
        with server:
            _measure(Ward(server), given.jobs, given.waits)


def _measure(ward: Ward, jobs: int, count: int) -> None:
    points = _points(ward.here)
    cold = ward.wait(next(points))
    print(f"idle, scans to be read: {cold.seconds:.2f} s")
    idle = [ward.wait(next(points)) for _ in range(count)]
    _describe("idle, scans read", idle)
    began, statuses = time.monotonic(), []
    for _ in range(jobs):
        statuses.append(ward.ask(ward.ann, next(points), True).status_code)
    took = time.monotonic() - began
    print(
        f"ann: {statuses.count(OK)} of {jobs} points queued in {took:.1f} s, {statuses.count(TOO_MANY)} told to come back"
    )
    queued = ward.health()["jobsQueued"]
    busy = [ward.wait(next(points)) for _ in range(count)]
    _describe(f"with {queued:,} of ann's queued", busy)
    queued_for = [wait.queued_seconds for wait in busy]
    over = [wait for wait in busy if wait.queued_seconds > wait.running_seconds + SLACK_SECONDS]
    print(
        f"queued until its own job was started: median {statistics.median(queued_for):.2f} s, "
        f"longest {max(queued_for):.2f} s; "
        f"the job under way took {max(wait.running_seconds for wait in busy):.2f} s at most"
    )
    print(f"queued for longer than the one job under way took: {len(over)} of {count}")
    print(f"still queued: {ward.health()['jobsQueued']:,}")


if __name__ == "__main__":
    main()
