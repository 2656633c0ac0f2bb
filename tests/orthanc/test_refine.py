"""Single points refined on a real server: a head scanned twice, with a transform that is some millimetres off."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from longitudinal.jobs.worker_pool import POINTS
from tests.orthanc.heads import frame_of, head, study_of
from tests.orthanc.processes import is_alive, worker_of
from tests.orthanc.server import OrthancServer
from tests.orthanc.test_alignment import CANCELLED_SECONDS, get, load, post, truth, wait_job

pytestmark = pytest.mark.timeout(200)

Json = dict[str, Any]
OFF = np.array([3.0, -2.0, 2.0])
"""What is wrong with the transform that is given; a person may click that far off."""
# The scans have pixels of 2 mm, as coarse as what is registered.
LEFT_MM = 1.5
# Cold and alone on the machine a point takes some 5 s; tests never are alone.
REFINED_SECONDS = 90.0
# An answer waits for ten seconds at most; on a crowded machine it takes longer to arrive.
WAITED_SECONDS = 30.0
NOISE, SAME_FRAME = 4, 5


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """Two scans of a head, noise in a third frame, and a study in the frame of the first."""
    configuration = {"Longitudinal": {"AlignOnArrival": False}, "OverwriteInstances": True}
    with OrthancServer(tmp_path_factory.mktemp("ward"), configuration=configuration) as server:
        again = head(SAME_FRAME, FrameOfReferenceUID=frame_of(1))
        load(server, head(1), head(2, real=2), head(NOISE, noise=1), again)
        here, there = truth()
        pairs = [
            {"source": a.tolist(), "target": (b + OFF).tolist()}
            for a, b in zip(here[::30], there[::30], strict=True)
        ]
        for target in (2, NOISE):
            post(
                server, "/transforms", 201, sourceFrameOfReferenceUid=frame_of(1),
                targetFrameOfReferenceUid=frame_of(target), landmarks=pairs,
            )  # fmt: skip
        yield server


def ask(server: OrthancServer, number: int, status: int = 200, **more: object) -> Json:
    """Ask for a point of the truth in the first scan."""
    x, y, z = truth()[0][number].tolist()
    more.setdefault("studyInstanceUids", [study_of(2)])
    return post(
        server, "/points/resolve", status, patientId="HEAD", frameOfReferenceUid=frame_of(1), x=x, y=y, z=z, **more
    )  # fmt: skip


def error(match: Json, number: int) -> float:
    return float(np.linalg.norm(np.array([match["x"], match["y"], match["z"]]) - truth()[1][number]))


def frames() -> int:
    """Of both scans."""
    return len(head(1)) + len(head(2, real=2))


def cancel(server: OrthancServer, number: int) -> None:
    """Have a point refined and cancel that: the worker is ended, and what it had in memory is gone."""
    job = ask(server, number, refine=True)["refinement"]["job"]
    worker = busy(server, job)
    began = time.monotonic()
    assert server.session.delete(f"/imaging/jobs/{job}").json()["state"] == "cancelled"
    server.wait_until(lambda: not is_alive(worker), CANCELLED_SECONDS, "the worker is dead")
    assert time.monotonic() - began < CANCELLED_SECONDS


def busy(server: OrthancServer, job: str) -> int:
    """The worker, once it does the job: it may have the scans already, and then a point is a matter of seconds."""
    server.wait_until(
        lambda: get(server, f"/jobs/{job}")["stage"] in ("reading", "refining"), 60.0, "it runs"
    )
    pid = worker_of(server.pid, POINTS)
    assert pid is not None
    return pid


def test_a_job_finds_the_place_and_the_answer_does_not_wait_for_it(ward: OrthancServer) -> None:
    before = ask(ward, 100)["matches"][0]
    assert error(before, 100) > 3
    answer = ask(ward, 100, refine=True)
    assert answer["matches"] == [before], "it did not wait"
    job = wait_job(ward, answer["refinement"]["job"], "done", within=REFINED_SECONDS)
    assert (job["kind"], answer["refinement"]["results"]) == ("refine", [])
    (result,) = job["result"]["results"]
    assert (result["isRefined"], result["reason"], result["framesRead"]) == (True, None, frames())
    match = result["match"]
    assert error(match, 100) < LEFT_MM, (error(match, 100), result)
    assert match["uncertaintySource"] == "local"
    assert match["uncertaintyMm"] > result["disagreementMm"]
    assert match["grade"] == result["grade"] in ("green", "amber")
    assert match["flags"] == ["contrastUnknown"]  # these files state no echo time
    assert result["movedMm"] == pytest.approx(
        np.linalg.norm([match[axis] - before[axis] for axis in "xyz"]), abs=0.001
    )


def test_waited_for_it_is_in_the_answer_and_warm_it_reads_nothing(ward: OrthancServer) -> None:
    there = waited(ward, ask(ward, 140, refine="wait"))["match"]
    assert error(there, 140) < LEFT_MM
    # The other way round, by pixel: the refined place leads to the clicked one.
    pixel = {"sopInstanceUid": there["sopInstanceUid"], "row": there["row"], "column": there["column"]}
    began = time.monotonic()
    answer = post(ward, "/points/resolve", 200, **pixel, studyInstanceUids=[study_of(1)], refine="wait")
    assert time.monotonic() - began < WAITED_SECONDS
    back = waited(ward, answer)
    assert back["framesRead"] == 0
    place = np.array([back["match"][axis] for axis in "xyz"])
    assert np.linalg.norm(place - truth()[0][140]) < LEFT_MM + abs(there["distanceMm"])


def waited(server: OrthancServer, answer: Json) -> Json:
    """The result of a wait; asked of the job where this machine was too busy for it."""
    (match,) = answer["matches"]
    results = answer["refinement"]["results"]
    if not results:
        assert match["uncertaintySource"] != "local"
        job = wait_job(server, answer["refinement"]["job"], "done", within=REFINED_SECONDS)
        results = job["result"]["results"]
    else:
        assert results[0]["match"] == match
    assert len(results) == 1
    assert results[0]["isRefined"], results
    return dict(results[0])


def test_cold_it_can_be_waited_for_too(ward: OrthancServer) -> None:
    cancel(ward, 0)  # what comes next is cold
    began = time.monotonic()
    result = waited(ward, ask(ward, 60, refine="wait"))
    assert time.monotonic() - began < REFINED_SECONDS
    assert result["framesRead"] == frames()
    assert error(result["match"], 60) < LEFT_MM


def test_overwritten_pixels_are_read_again(ward: OrthancServer) -> None:
    assert waited(ward, ask(ward, 120, refine="wait"))["framesRead"] in (0, frames())
    overwritten = head(2, real=2)
    for number in (200, 210):  # as often as one likes within the second that LastUpdate counts
        (stored,) = ward.store_rest(overwritten[len(overwritten) // 2 :][:1])
        assert stored["Status"] == "Success"
        assert waited(ward, ask(ward, number, refine="wait"))["framesRead"] == len(overwritten)
    assert waited(ward, ask(ward, 220, refine="wait"))["framesRead"] == 0


def test_a_point_is_answered_while_an_alignment_runs(ward: OrthancServer) -> None:
    load(ward, head(6, patient="OTHER"), head(7, real=2, patient="OTHER"))
    (alignment,) = (job["id"] for job in post(ward, "/alignments", 202, patientId="OTHER")["jobs"])
    aligner = ward.wait_until(lambda: worker_of(ward.pid), 60.0, "an alignment is under way")
    assert aligner is not None
    os.kill(aligner, signal.SIGSTOP)  # it will not be done before
    try:
        result = waited(ward, ask(ward, 160, refine="wait"))
        assert error(result["match"], 160) < LEFT_MM
        running = get(ward, f"/jobs/{alignment}")
        assert (running["state"], running["attempts"]) == ("running", 1), "nor was it interrupted"
        assert worker_of(ward.pid, POINTS) != aligner
    finally:
        assert ward.session.delete(f"/imaging/jobs/{alignment}").json()["state"] == "cancelled"
        ward.wait_until(lambda: not is_alive(aligner), CANCELLED_SECONDS, "it has ended")


def test_waiting_is_for_one_match_alone(ward: OrthancServer) -> None:
    problem = ask(ward, 100, 400, refine="wait", studyInstanceUids=[study_of(2), study_of(NOISE)])
    (wrong,) = problem["errors"]
    assert wrong["field"] == "/refine"
    assert "studyInstanceUids" in wrong["detail"]
    problem = post(ward, "/points/resolve", 400, points=[{}], refine="wait")
    assert "/refine" in [wrong["field"] for wrong in problem["errors"]]


def test_in_the_same_frame_nothing_is_refined_and_noise_is_no_confirmation(ward: OrthancServer) -> None:
    same = ask(ward, 100, refine="wait", studyInstanceUids=[study_of(SAME_FRAME)])
    (result,) = same["refinement"]["results"]
    assert (same["refinement"]["job"], result["reason"], result["isRefined"]) == (None, "sameFrame", False)
    assert same["matches"][0]["uncertaintySource"] == "sharedFrame"

    ordinary = ask(ward, 100, studyInstanceUids=[study_of(NOISE)])["matches"][0]
    noise = ask(ward, 100, refine=True, studyInstanceUids=[study_of(NOISE), study_of(SAME_FRAME)])
    assert [one["reason"] for one in noise["refinement"]["results"]] == ["sameFrame"]
    job = wait_job(ward, noise["refinement"]["job"], "done", within=REFINED_SECONDS)
    (result,) = job["result"]["results"]
    assert result["isRefined"] is False
    assert (result["reason"], result["grade"]) in (
        ("looksDisagree", "unknown"), ("contradicted", "amber"), ("contradicted", "red"),
    )  # fmt: skip
    kept = result["match"]
    assert [kept[axis] for axis in "xyz"] == [ordinary[axis] for axis in "xyz"]
    assert kept["grade"] == result["grade"]
    assert (kept["uncertaintyMm"] is None) == (kept["grade"] == "unknown")


def test_cancelled_it_ends_and_killed_it_begins_again(ward: OrthancServer) -> None:
    cancel(ward, 80)
    job = ask(ward, 120, refine=True)["refinement"]["job"]
    os.kill(busy(ward, job), signal.SIGKILL)
    done = wait_job(ward, job, "done", within=REFINED_SECONDS)
    assert (done["attempts"], done["result"]["results"][0]["isRefined"]) == (2, True)


def test_a_stop_of_the_server_costs_the_job_nothing(ward: OrthancServer) -> None:
    cancel(ward, 0)  # cold, there is time to halt the worker
    job = ask(ward, 20, refine=True)["refinement"]["job"]
    os.kill(busy(ward, job), signal.SIGSTOP)  # it will not be done before
    ward.restart()
    done = wait_job(ward, job, "done", within=REFINED_SECONDS)
    assert (done["attempts"], done["result"]["results"][0]["isRefined"]) == (1, True)
    assert error(done["result"]["results"][0]["match"], 20) < LEFT_MM
