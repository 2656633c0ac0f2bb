"""Alignments on a real server: two real scans in two frames, and what happens when something dies."""

import contextlib
import csv
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.data import data, dicom_files
from tests.orthanc.heads import frame_of, head, landmarks, motion, study_of
from tests.orthanc.processes import is_alive, worker_of
from tests.orthanc.server import OrthancServer

pytestmark = pytest.mark.timeout(400)

PATIENT = "OPENMS_P01"
# The authors' own registration is the truth; a plain rigid registration lands 0.37 mm from it, the best measured 0.33.
MEAN_MM, MAX_MM = 0.5, 1.0
# Alone on the machine it takes 12 s, and tests never are.
ALIGNED_SECONDS = 300.0
CANCELLED_SECONDS = 2.0
# Of scans with a quarter of the pixels and a truth that is rigid: freedom costs something there.
DEFORMABLE_MEAN_MM = 1.5
SIDECAR_BYTES = 1_000_000
ON_REQUEST = {"Longitudinal": {"AlignOnArrival": False}}
Json = dict[str, Any]
StartOrthanc = Callable[..., OrthancServer]


def truth() -> tuple[np.ndarray, np.ndarray]:
    path = data("openms_dicom/patient01") / "truth_points_study1_to_study2_LPSmm.csv"
    rows = np.array([[float(value) for value in row] for row in list(csv.reader(path.open()))[1:]])
    return rows[:, :3], rows[:, 3:]


def post(server: OrthancServer, path: str, status: int = 202, **body: object) -> Json:
    response = server.session.post(f"/imaging{path}", json=body)
    assert response.status_code == status, response.text
    answer: Json = response.json()
    return answer


def get(server: OrthancServer, path: str) -> Json:
    response = server.session.get(f"/imaging{path}")
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def wait_job(server: OrthancServer, job: str, *states: str, within: float = ALIGNED_SECONDS) -> Json:
    def reached() -> Json | None:
        found = get(server, f"/jobs/{job}")
        assert found["state"] in states or found["state"] not in ("failed", "cancelled"), found
        return found if found["state"] in states else None

    found = server.wait_until(reached, within, f"job {job} is {states}")
    assert found is not None
    return found


def where(server: OrthancServer, patient: str, frame: str, point: np.ndarray, target: str) -> Json:
    """The match of a point in the study whose frame is `target`, or why there is none."""
    x, y, z = point.tolist()
    answer = post(server, "/points/resolve", 200, patientId=patient, frameOfReferenceUid=frame, x=x, y=y, z=z)
    return next((match for match in answer["matches"] if match["frameOfReferenceUid"] == target), answer)


def errors(
    server: OrthancServer, patient: str, frames: tuple[str, str], points: np.ndarray, there: np.ndarray
) -> np.ndarray:
    found = [where(server, patient, frames[0], point, frames[1]) for point in points]
    return np.array(
        [np.linalg.norm([match["x"] - end[0], match["y"] - end[1], match["z"] - end[2]])
         for match, end in zip(found, there, strict=True)]
    )  # fmt: skip


def load(server: OrthancServer, *studies: list[bytes]) -> None:
    before = server.health()["instances"]
    files = [file for study in studies for file in study]
    server.store_rest(files)
    server.wait_indexed(lambda health: health["instances"] == before + len(files), within=5.0)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OrthancServer, Json]]:
    """A server with the two real studies, and the job that has aligned them."""
    files = dicom_files("openms_dicom/patient01")
    with OrthancServer(tmp_path_factory.mktemp("aligned"), configuration=ON_REQUEST) as server:
        server.store_scu(files)
        server.wait_indexed(lambda health: health["instances"] == len(files), within=5.0)
        (job,) = post(server, "/alignments", patientId=PATIENT)["jobs"]
        yield server, wait_job(server, job["id"], "done")


@pytest.fixture(scope="module")
def frames() -> tuple[str, str]:
    """The Frames of Reference of the real study 1 and 2."""
    first, second = (
        pydicom.dcmread(
            dicom_files(f"openms_dicom/patient01/study{n}_FLAIR")[0], stop_before_pixels=True
        ).FrameOfReferenceUID
        for n in (1, 2)
    )
    return first, second


def test_points_of_one_scan_arrive_in_the_other(
    aligned: tuple[OrthancServer, Json], frames: tuple[str, str]
) -> None:
    server, job = aligned
    points, there = truth()
    found = errors(server, PATIENT, frames, points[::5], there[::5])
    back = errors(server, PATIENT, (frames[1], frames[0]), there[::20], points[::20])
    assert found.mean() < MEAN_MM, found.mean()
    assert found.max() < MAX_MM, found.max()
    assert back.mean() < MEAN_MM, back.mean()
    (pair,) = job["result"]["pairs"]
    assert (job["result"]["outcome"], pair["rejection"], pair["method"]) == ("aligned", None, "rigid")
    assert pair["quality"]["forwardBackwardMeanMm"] < MEAN_MM
    assert pair["peakMib"] < 2048


def test_asked_again_there_is_nothing_to_do(aligned: tuple[OrthancServer, Json]) -> None:
    server, _ = aligned
    before = server.health()["instances"]
    (job,) = post(server, "/alignments", patientId=PATIENT)["jobs"]
    result = wait_job(server, job["id"], "done", within=20.0)["result"]
    assert result == {"outcome": "nothingToDo", "pairs": []}
    assert server.health()["instances"] == before


def test_it_is_labelled_and_judged_as_what_it_is(
    aligned: tuple[OrthancServer, Json], frames: tuple[str, str]
) -> None:
    server, job = aligned
    (pair,) = job["result"]["pairs"]
    transform = get(server, f"/transforms/{pair['transform']}")
    assert (transform["origin"], transform["isOwn"], transform["review"]) == ("automatic", True, None)
    assert (transform["sourceFrameOfReferenceUid"], transform["targetFrameOfReferenceUid"]) == frames[::-1]
    assert (transform["uncertaintySource"], transform["createdBy"]) == ("forwardBackward", server.user)
    assert transform["quality"] == pair["quality"]
    file = server.session.get(f"/instances/{transform['orthancInstanceId']}/file").content
    assert len(file) == pair["objectBytes"]
    stored = pydicom.dcmread(pydicom.filebase.DicomBytesIO(file))
    assert (stored.ContentDescription, stored.Modality) == ("automatic, not reviewed", "REG")
    assert stored.FrameOfReferenceUID == frames[0]
    assert stored.StudyInstanceUID == pair["studyInstanceUid"]
    match = where(server, PATIENT, frames[0], truth()[0][0], frames[1])
    assert (match["path"], match["reviewed"], match["method"]) == ([pair["transform"]], False, "rigid")
    assert (match["grade"], match["uncertaintySource"]) == (
        "green",
        "forwardBackward",
    )  # measured at that place
    assert 0 < match["uncertaintyMm"] < 3 * transform["expectedErrorMm"]
    patient = get(server, f"/patients/{PATIENT}")
    assert [study["alignment"] for study in patient["studies"]] == ["reference", "aligned"]
    assert {frame["canonicalFrameOfReferenceUid"] for frame in patient["frames"]} == {frames[0]}
    assert get(server, f"/studies/{pair['studyInstanceUid']}/index-status")["alignment"] == "aligned"


def test_with_a_new_sidecar_it_all_comes_back_with_its_quality_and_review(
    aligned: tuple[OrthancServer, Json],
) -> None:
    server, job = aligned
    path = f"/transforms/{job['result']['pairs'][0]['transform']}"
    (waiting,) = get(server, f"/reviews?patientId={PATIENT}")["transforms"]
    assert (waiting["id"], waiting["waitsBecause"]) == (path.split("/")[-1], "notReviewed")
    assert get(server, "/reviews")["total"] == 1
    worst, *others = get(server, f"{path}/least-sure")["places"]
    assert len(others) == 2
    assert all(place["expectedErrorMm"] <= worst["expectedErrorMm"] for place in others)
    post(server, f"{path}/review", 200, decision="accepted", reason="ventricles agree")
    assert get(server, "/reviews")["total"] == 0
    before, instances = get(server, path), server.health()["instances"]
    forget_sidecar(server)
    server.wait_indexed(lambda health: health.get("instances") == instances, within=30.0)
    after = get(server, path)
    assert after == before
    assert (after["review"]["decision"], after["quality"]["overlap"] > 0.5) == ("accepted", True)
    assert (after["review"]["reason"], after["review"]["by"]) == ("ventricles agree", server.user)


def forget_sidecar(server: OrthancServer) -> None:
    """Start anew without the index file."""
    server.stop()
    for file in (server.folder / "index").glob("longitudinal-*"):
        file.unlink()
    server.start()


# On arrival


def aligns(server: OrthancServer) -> list[Json]:
    return [job for job in get(server, "/jobs?limit=1000")["jobs"] if job["kind"] == "align"]


def test_three_arrivals_are_two_alignments_then_silence_over_a_restart(start_orthanc: StartOrthanc) -> None:
    """The truth of the third is exact: it is the first, moved."""
    server = start_orthanc(configuration={"Longitudinal": {"QuietSeconds": 3, "TakeoverSeconds": 2}})
    moved = motion(8, (20, -15, 10))
    studies = [head(1), head(3, moved=moved), head(2, real=2, rle=True)]
    load(server, *studies[:2])
    server.restart()  # nothing is queued yet: it was stored a moment ago
    load(server, *studies[2:])

    def is_done() -> bool:
        jobs = aligns(server)
        pairs = [pair for job in jobs for pair in (job["result"] or {"pairs": []})["pairs"]]
        return len(pairs) == 2 and all(job["state"] == "done" for job in jobs)

    server.wait_until(is_done, ALIGNED_SECONDS, "two alignments are done")
    count, instances = len(aligns(server)), server.health()["instances"]
    assert instances == sum(map(len, studies)) + 2
    points = landmarks()
    there = points @ moved[:3, :3].T + moved[:3, 3]
    found = errors(server, "HEAD", (frame_of(1), frame_of(3)), points, there)
    assert found.mean() < MEAN_MM, found.mean()
    states = {
        study["studyInstanceUid"]: study["alignment"] for study in get(server, "/patients/HEAD")["studies"]
    }
    assert states == {study_of(1): "reference", study_of(2): "aligned", study_of(3): "aligned"}
    time.sleep(6)  # twice as long as an arrival takes to be noticed
    assert (len(aligns(server)), server.health()["instances"]) == (count, instances)


def test_what_a_deleted_study_had_joined_is_aligned_anew(start_orthanc: StartOrthanc) -> None:
    """The second study's own object joins the first and the third, until it is deleted."""
    server = start_orthanc(configuration=ON_REQUEST)
    moved = motion(8, (20, -15, 10))
    load(server, head(1), head(2, real=2), head(3, moved=moved))
    for source, target in ((2, 1), (3, 2)):
        post(
            server, "/transforms", 201, sourceFrameOfReferenceUid=frame_of(source),
            targetFrameOfReferenceUid=frame_of(target), matrix=np.eye(4).tolist(),
        )  # fmt: skip
    server.configuration["Longitudinal"] = {"QuietSeconds": 1, "TakeoverSeconds": 0}
    server.restart()
    time.sleep(4)  # the end of the change log is looked at again: they seem to have arrived, and are joined
    assert aligns(server) == []
    find = {"Level": "Study", "Query": {"StudyInstanceUID": study_of(2)}}
    (second,) = server.session.post("/tools/find", json=find).json()
    server.session.delete(f"/studies/{second}").raise_for_status()

    def is_done() -> bool:
        return any((job["result"] or {}).get("outcome") == "aligned" for job in aligns(server))

    server.wait_until(is_done, ALIGNED_SECONDS, "the two that are left are aligned")
    points = landmarks()
    there = points @ moved[:3, :3].T + moved[:3, 3]
    assert errors(server, "HEAD", (frame_of(1), frame_of(3)), points, there).mean() < MEAN_MM


def test_what_cannot_be_aligned_is_said_with_figures_and_not_tried_again(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration={"Longitudinal": {"QuietSeconds": 1, "TakeoverSeconds": 0}})
    load(server, head(1), head(2, noise=1))
    server.wait_until(
        lambda: any(job["state"] == "done" and job["result"]["outcome"] == "failed" for job in aligns(server)),
        ALIGNED_SECONDS, "the alignment with noise is refused",
    )  # fmt: skip
    forget_sidecar(server)
    server.wait_indexed(lambda health: health.get("instances") == 2 * len(head(1)), within=30.0)
    answer = where(server, "HEAD", frame_of(1), landmarks()[0], frame_of(2))
    (unresolved,) = answer["unresolved"]
    assert unresolved["reason"] == "alignmentFailed", unresolved
    assert "overlap" in unresolved["detail"]
    study = get(server, f"/studies/{study_of(2)}")
    assert study["alignment"] == "failed"
    assert study["failedAlignments"][0]["partnerStudyInstanceUid"] == study_of(1)
    server.store_rest(head(2, noise=1)[:1])  # the study is sent once more
    time.sleep(4)
    assert aligns(server) == []


# When something dies


def grid_bytes(server: OrthancServer) -> list[int]:
    """What the displacement grids take in the sidecar."""
    with contextlib.closing(sqlite3.connect(server.folder / "index" / "longitudinal-Test.sqlite")) as sidecar:
        return [
            row[0] for row in sidecar.execute("SELECT length(grid) FROM transforms WHERE grid IS NOT NULL")
        ]


def busy_worker(server: OrthancServer, job: str, attempt: int) -> int:
    """The pid of the worker, once it is in the middle of a job's start."""

    def searching() -> bool:
        found = get(server, f"/jobs/{job}")
        return bool(found["attempts"] == attempt and found["stage"] in ("search", "refine"))

    server.wait_until(searching, 120.0, f"start {attempt} of the job is under way")
    pid = worker_of(server.pid)
    assert pid is not None
    return pid


def test_a_worker_that_dies_costs_a_start_and_is_never_left_behind(start_orthanc: StartOrthanc) -> None:
    """Killed in the middle, cancelled, and bereft of Orthanc; in the end there is a deformable alignment."""
    server = start_orthanc(configuration=ON_REQUEST)
    load(server, head(1), head(2, real=2, rle=True))
    *_, job = (entry["id"] for entry in post(server, "/index", patientId="HEAD", align="deformable")["jobs"])
    first = busy_worker(server, job, 1)
    secret = Path(f"/proc/{first}/cmdline").read_text()
    assert "Bearer" not in secret
    assert os.getpriority(os.PRIO_PROCESS, first) == 19
    os.kill(first, signal.SIGKILL)
    second = busy_worker(server, job, 2)
    assert second != first

    began = time.monotonic()
    assert server.session.delete(f"/imaging/jobs/{job}").json()["state"] == "cancelled"
    server.wait_until(
        lambda: not is_alive(second), CANCELLED_SECONDS, "the worker of the cancelled job is dead"
    )
    assert time.monotonic() - began < CANCELLED_SECONDS

    post(server, f"/jobs/{job}/retry")
    third = busy_worker(server, job, 1)
    os.kill(server.pid, signal.SIGKILL)
    server.wait_until(lambda: not is_alive(third), 2.0, "the worker died with Orthanc")
    server.kill()

    with server:
        done = wait_job(server, job, "done")
        assert (done["attempts"], done["result"]["outcome"]) == (2, "aligned")
        fourth = worker_of(server.pid)
        assert "Bearer" not in server.log
        (pair,) = done["result"]["pairs"]
        (packed,) = grid_bytes(server)
        assert (pair["method"], 0 < packed < SIDECAR_BYTES, packed < pair["objectBytes"]) == (
            "deformable",
            True,
            True,
        )
        points, there = truth()
        found = errors(server, "HEAD", (frame_of(1), frame_of(2)), points[::10], there[::10])
        assert found.mean() < DEFORMABLE_MEAN_MM, (found.mean(), pair)
    assert fourth is None or not is_alive(fourth)
