"""One point through the server: seconds from the request to the refined match, cold and warm.

What is known before is fitted to the truth, rigid or affine, and put off by some millimetres: here it is about time. Cold is
a worker that has just been ended: it starts, reads both scans and refines. Warm it has both. A job is asked for, and asked
after every 20 ms.
"""

import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from benchmarks.registration.cases import Case, head, lung
from longitudinal.jobs.pulse import processor_seconds
from longitudinal.jobs.worker_pool import POINTS
from tests.data import data, dicom_files
from tests.orthanc.processes import worker_of
from tests.orthanc.server import OrthancServer


def breath() -> Case:
    """A real chest CT and an exact breathing of up to 22 mm. Not tuned on."""
    folder = data("chest_breath")
    points = np.loadtxt(folder / "truth_points_study1_to_study2_LPSmm.csv", delimiter=",", skiprows=1)
    return Case(
        "breathing chest CT", folder / "study1", folder / "study2", points[:, :3], points[:, 3:], False
    )


CASES = {"head": (head, "rigid"), "lung": (lung, "affine"), "breath": (breath, "affine")}
OFF_MM = np.array([2.0, -1.5, 1.5])
_LOOK_SECONDS = 0.02
_WORKERS = ("longitudinal.jobs.worker", POINTS)
"""Which of them refines depends on the version of the plugin."""


@dataclass(frozen=True)
class Timed:
    """Seconds of one point: from request to result, in the worker, and of its processors; frames it read, mm of error."""

    waited: float
    worked: float
    processor: float
    frames: int
    error: float
    grade: str


def run(wanted: list[str], cold: int, warm: int) -> None:
    """Print a row for each pair, cold and warm."""
    print(
        "| pair | | points | request to result, s: median (max) | in the worker | processor s | frames read | error, mm |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in wanted:
        case, method = CASES[name]
        _report(case(), method, cold, warm)
    print("load average", " ".join(f"{load:.1f}" for load in os.getloadavg()), flush=True)


def _report(case: Case, method: str, cold: int, warm: int) -> None:
    chosen = np.random.default_rng(1).permutation(len(case.fixed_points))[: cold + warm]
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with (
        tempfile.TemporaryDirectory() as folder,
        OrthancServer(Path(folder), configuration=configuration) as server,
    ):
        files = [*dicom_files(str(case.fixed)), *dicom_files(str(case.moving))]
        server.store_rest(files)
        server.wait_indexed(lambda health: health["instances"] == len(files), within=60.0)
        ask = Asker(server, case, method)
        found: dict[str, list[Timed]] = {"cold": [], "warm": []}
        for number, point in enumerate(chosen.tolist()):
            if number < cold:
                ask.end_worker()
            found["cold" if number < cold else "warm"].append(ask(point))
    for kind, times in found.items():
        waited = [each.waited for each in times]
        print(
            f"| {case.name} | {kind} | {len(times)} | {np.median(waited):.1f} ({max(waited):.1f}) | "
            f"{np.median([each.worked for each in times]):.1f} | {np.median([each.processor for each in times]):.1f} | "
            f"{max(each.frames for each in times)} | {np.mean([each.error for each in times]):.2f} |",
            flush=True,
        )


class Asker:
    """Asks for points of the fixed scan in the moving one."""

    def __init__(self, server: OrthancServer, case: Case, method: str, off: np.ndarray = OFF_MM) -> None:
        self._server, self._case = server, case
        first, second = (
            pydicom.dcmread(dicom_files(str(folder))[0], stop_before_pixels=True)
            for folder in (case.fixed, case.moving)
        )
        self._question = {
            "patientId": str(first.PatientID),
            "frameOfReferenceUid": str(first.FrameOfReferenceUID),
            "studyInstanceUids": [str(second.StudyInstanceUID)],
            "refine": True,
        }
        pairs = zip(case.fixed_points.tolist(), (case.moving_points + off).tolist(), strict=True)
        self._post(
            "/transforms", sourceFrameOfReferenceUid=str(first.FrameOfReferenceUID), method=method,
            targetFrameOfReferenceUid=str(second.FrameOfReferenceUID),
            landmarks=[{"source": a, "target": b} for a, b in list(pairs)[:60]],
        )  # fmt: skip

    def __call__(self, number: int) -> Timed:
        processor = self._processor_seconds()
        began = time.monotonic()
        point = dict(zip("xyz", self._case.fixed_points[number].tolist(), strict=True))
        job = self._post("/points/resolve", **self._question, **point)["refinement"]["job"]
        while (state := self._job(job))["state"] in ("queued", "running"):
            time.sleep(_LOOK_SECONDS)
        waited = time.monotonic() - began
        (result,) = state["result"]["results"]
        place = [result["match"][axis] for axis in "xyz"]
        return Timed(
            waited, result["seconds"], self._processor_seconds() - processor, result["framesRead"],
            float(np.linalg.norm(place - self._case.moving_points[number])), result["grade"],
        )  # fmt: skip

    def end_worker(self) -> None:
        pid = worker_of(self._server.pid, POINTS)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self._server.wait_until(
                lambda: worker_of(self._server.pid, POINTS) is None, 5.0, "the worker has ended"
            )

    def _processor_seconds(self) -> float:
        """Of Orthanc and its workers so far, their threads and Greedy's among them."""
        pids = (self._server.pid, *(worker_of(self._server.pid, module) for module in _WORKERS))
        return sum(processor_seconds(pid) for pid in pids if pid is not None)

    def _post(self, path: str, **body: object) -> dict[str, Any]:
        response = self._server.session.post(f"/imaging{path}", json=body)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def _job(self, job: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._server.session.get(f"/imaging/jobs/{job}").json()
        assert answer["state"] not in ("failed", "cancelled"), answer
        return answer
