"""Whether each documented metric moves while a server works; what does not move is an error.

    python -m benchmarks.metrics [--seconds 30]

Four connections store, upload, resolve, look at stacks and pictures, and link exams; then one job of each kind is done, one
cancelled, and one fails; requests are refused, and too many are sent at once; another process locks the index
file; checks of alignments are made outdated, and the keys taken away. The metrics are read twice a second. A metric has
moved when two readings differ; one whose name ends in `_total` or `_sum` must not shrink before Orthanc is started again. Of
jobs, each kind and each state must move, not each pair of them.

What the metrics cost is measured by benchmarks.metrics_cost.
"""

import argparse
import re
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from longitudinal.sidecar.tables.jobs import JobState
from tests import builders as build
from tests.data import ROOT
from tests.orthanc.access import add_users, restricted, session_of
from tests.orthanc.heads import frame_of, head, study_of
from tests.orthanc.server import OrthancServer, ServerSession

CONNECTIONS = 4
SLICES = 60
HTTP_THREADS = 12
AT_ONCE = 8
LOCKED_SECONDS = 14
SHOWN_SECONDS = 6.0
"""The plugin hands its figures on every five seconds."""
JOB_SECONDS = 300.0
STUDY = "1.2.3.61"
KINDS = ("index", "align", "refine", "recheck", "measure", "reslice")
NAMES = ("resolve", "render", "uploads", "exams", "none")
LATER_CHECKS = """
import runpy, sys
sys.path[:0] = [{plugin!r}, {packages!r}]
from longitudinal.transforms import checks
checks.CHECKS += 1
runpy.run_path({main!r}, run_name="__main__")
"""
HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN EXCLUSIVE")
time.sleep(float(sys.argv[2]))
"""
Json = dict[str, Any]


def documented() -> set[str]:
    """The metrics that docs/watching.md names, those of requests for NAMES; those of jobs are judged by themselves."""
    page = (ROOT / "docs" / "watching.md").read_text().partition("## Logs")[0]
    found = set()
    for name in re.findall(r"^\|.*", page, re.M):
        for each in re.findall(r"`longitudinal_([\w<>]+)`", name.split("|")[1]):
            if not each.startswith("jobs_"):
                found |= {each.replace("<name>", of) for of in NAMES}
    return found


def metrics(session: ServerSession) -> dict[str, float]:
    """The plugin's, by name."""
    text = session.get("/tools/metrics-prometheus", timeout=5).text
    return {name: float(value) for name, value in re.findall(r"^longitudinal_(\w+) (\S+)", text, re.M)}


class Readings:
    """What was read of each metric, in order; one list for each start of Orthanc."""

    def __init__(self) -> None:
        self._found: dict[str, list[list[float]]] = defaultdict(list)

    @contextmanager
    def of(self, server: OrthancServer) -> Iterator[None]:
        """Read while this lasts, and until what happened last is shown."""
        ended = threading.Event()
        runs: dict[str, list[float]] = defaultdict(list)

        def read() -> None:
            with server.new_session() as session:
                while not ended.wait(0.5):
                    for name, value in metrics(session).items():
                        runs[name].append(value)

        with ThreadPoolExecutor(1) as thread:
            reading = thread.submit(read)
            try:
                yield
                time.sleep(2 * SHOWN_SECONDS)
            finally:
                ended.set()
                reading.result()
        for name, values in runs.items():
            self._found[name].append(values)

    def all(self, name: str) -> set[float]:
        """Every value that was read of a metric."""
        return {value for run in self._found[name] for value in run}

    def moved(self, name: str) -> bool:
        """Whether two readings differ."""
        return len(self.all(name)) > 1

    def shrunk(self) -> list[str]:
        """Metrics that only grow, and did not."""
        return [
            name
            for name, runs in sorted(self._found.items())
            if name.endswith(("_total", "_sum"))
            and any(after < before for run in runs for before, after in pairwise(run))
        ]

    def count(self) -> int:
        """How many metrics there are."""
        return len(self._found)


def image(number: int, **attributes: object) -> bytes:
    """A slice of one of several studies of one patient."""
    study = f"{STUDY}.{number // SLICES}"
    return build.as_file(
        build.classic(
            (0.0, 0.0, 2.0 * (number % SLICES)), PatientID="M", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.{number % SLICES + 1}", FrameOfReferenceUID=f"{STUDY}.9", InstanceNumber=number + 1,
            **attributes,
        )
    )  # fmt: skip


def load(server: OrthancServer, worker: int, until: float) -> int:
    """Requests until then."""
    done, stored = 0, SLICES * 100 * (worker + 1)
    with server.new_session() as session:
        while time.monotonic() < until:
            question = {"sopInstanceUid": f"{STUDY}.0.1.{done % SLICES + 1}", "row": 1, "column": 1}
            session.post("/imaging/points/resolve", json=question)
            session.post("/instances", data=image(stored + done))
            if done % 10 == 0:
                session.get(f"/imaging/instances/{STUDY}.0.1.1/preview", allow_redirects=False)
                session.get(f"/imaging/series/{STUDY}.0.1/stacks")
                session.get("/imaging/studies/none")
                session.get("/imaging/no-such-route")
                link = {"sopInstanceUid": f"{STUDY}.0.1.{done % SLICES + 1}"}
                session.post("/imaging/exams/RIS-1/images", json=link)
            if done % 50 == 0:
                bodies = (image(stored + done), image(stored - 1 - done // 50), b"no DICOM")
                files = [("f", (str(number), body)) for number, body in enumerate(bodies)]
                session.put("/imaging/uploads", files=files)
            done += 1
    return done


def post(server: OrthancServer, path: str, **body: object) -> Json:
    """What a route answers; an error is one."""
    answer = server.session.post(f"/imaging{path}", json=body)
    answer.raise_for_status()
    found: Json = answer.json()
    return found


def job_is(server: OrthancServer, job: str, *states: str) -> None:
    """Wait until a job has one of these states."""
    server.wait_until(
        lambda: server.session.get(f"/imaging/jobs/{job}").json()["state"] in states,
        JOB_SECONDS,
        f"job is {states}",
    )


def do_jobs(server: OrthancServer) -> None:
    """A job of each kind but recheck; one waits until it is cancelled."""
    post(server, "/index", patientId="HEAD")
    first, second = (
        job["id"] for job in post(server, "/alignments", patientId="HEAD", method="rigid")["jobs"]
    )
    job_is(server, first, "running", "done")
    time.sleep(SHOWN_SECONDS)
    server.session.delete(f"/imaging/jobs/{second}")
    job_is(server, second, "cancelled", "done", "failed")
    job_is(server, first, "done")
    question = {"patientId": "HEAD", "frameOfReferenceUid": frame_of(1), "x": 0, "y": 0, "z": 0}
    post(server, "/points/timeline", **question)
    refinement = post(server, "/points/resolve", **question, studyInstanceUids=[study_of(2)], refine=True)[
        "refinement"
    ]
    job_is(server, refinement["job"], "done", "failed")


def be_refused(server: OrthancServer, viewer: ServerSession) -> None:
    """Requests of who may not, of another site's page, and more at once than are served."""
    viewer.put("/imaging/uploads", data=image(0), headers={"Content-Type": "application/dicom"})
    forged = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    server.session.post("/imaging/index", json={"patientId": "M"}, headers=forged)

    def cut(number: int) -> int:
        asked = {
            "sopInstanceUid": f"{study_of(1)}.1.{number + 5}", "seriesInstanceUid": f"{study_of(2)}.1", "wait": "5",
        }  # fmt: skip
        with server.new_session() as session:
            return session.get("/imaging/points/reslice", params=asked).status_code

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(cut, range(2 * AT_ONCE)))
    if 503 not in answers or 200 not in answers:
        raise AssertionError(f"some are served, and some are too many: {answers}")


def be_locked(server: OrthancServer) -> None:
    """Store while another process holds the index file."""
    path = server.folder / "index" / "longitudinal-Test.sqlite"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path), str(LOCKED_SECONDS)]) as other:
        number = SLICES * 1_000
        while other.poll() is None:
            server.session.post("/instances", data=image(number)).raise_for_status()
            number += 1
    server.wait_until(
        lambda: server.session.get("/imaging/health/ready").ok, 30, "the index can be written again"
    )


def work(folder: Path, readings: Readings, seconds: float) -> int:
    """All that moves metrics; returns how many rounds of the load were done."""
    configuration = restricted({"Users": ["vera"], "Roles": ["viewer"], "Everything": True})
    configuration["Longitudinal"] |= {"AlignOnArrival": False, "ReconcileSeconds": 10}
    server = OrthancServer(folder, configuration=configuration, http_threads=HTTP_THREADS)
    add_users(server, "vera")
    with server:
        server.wait_until(lambda: metrics(server.session), 2 * SHOWN_SECONDS, "metrics")
        with readings.of(server):
            server.store_rest(image(number) for number in range(2 * SLICES))
            server.store_rest([image(2 * SLICES, ImageOrientationPatient=["0"] * 6)])
            for number in (1, 2, 3):
                server.store_rest(head(number, real=2 if number == 2 else 1))
            server.wait_indexed(lambda health: health["queued"] == health["cursorLag"] == 0, 60)
            with ThreadPoolExecutor(CONNECTIONS) as threads:
                until = time.monotonic() + seconds
                rounds = sum(threads.map(lambda worker: load(server, worker, until), range(CONNECTIONS)))
            do_jobs(server)
            be_refused(server, session_of(server, "vera"))
            be_locked(server)
        # checks of alignments are a version older than the plugin's, and are done again
        script = server.folder / "later_checks.py"
        script.write_text(LATER_CHECKS.format(
            plugin=str(ROOT / "plugin"), packages=sysconfig.get_path("purelib"), main=str(ROOT / "plugin" / "main.py"),
        ))  # fmt: skip
        server.configuration["PythonScript"] = str(script)
        server.stop()
        # a job during which Orthanc was killed three times fails
        with closing(sqlite3.connect(server.folder / "index" / "longitudinal-Test.sqlite")) as index, index:
            index.execute(
                "UPDATE jobs SET state = 'running', attempts = 3 WHERE kind = 'index' AND state = 'done'"
            )
        server.start()
        with readings.of(server):
            server.wait_until(
                lambda: metrics(server.session).get("jobs_recheck_done"), JOB_SECONDS, "checked again"
            )
        server.stop()
        (server.folder / "index" / "keys-longitudinal-Test.json").unlink()
        server.start()
        with readings.of(server):
            pass
    return rounds


def judge(readings: Readings) -> list[str]:
    """What did not move, or shrunk."""
    still = [name for name in sorted(documented()) if not readings.moved(name)]
    states = {kind: [state for state in JobState if readings.moved(f"jobs_{kind}_{state}")] for kind in KINDS}
    still += [f"jobs_{kind}_*" for kind, moved in states.items() if not moved]
    still += [f"jobs_*_{state}" for state in JobState if not any(state in moved for moved in states.values())]
    for kind, moved in states.items():
        sys.stdout.write(f"jobs of kind {kind}: {', '.join(moved)}\n")
    return [f"{name} did not move" for name in still] + [f"{name} shrank" for name in readings.shrunk()]


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    readings = Readings()
    with tempfile.TemporaryDirectory() as folder:
        rounds = work(Path(folder) / "orthanc", readings, parser.parse_args().seconds)
    faults = judge(readings)
    sys.stdout.write(
        f"{readings.count()} metrics, {len(documented())} of them documented by name; {rounds} rounds of the load\n"
    )
    if faults:
        sys.exit("\n".join(faults))
    sys.stdout.write("each documented metric moved\n")


if __name__ == "__main__":
    main()
