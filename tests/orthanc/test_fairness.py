"""Whose turn it is on a real server: users take turns, and what nobody asked for makes way."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.orthanc.heads import frame_of, head, motion, study_of
from tests.orthanc.server import OrthancServer, ServerSession
from tests.orthanc.test_alignment import ALIGNED_SECONDS, aligns, load, post, truth, wait_job

pytestmark = pytest.mark.timeout(400)

Json = dict[str, Any]
USERS = {"ann": "of ann", "bob": "of bob"}
MANY = 8
ARRIVING = {"Longitudinal": {"QuietSeconds": 1, "TakeoverSeconds": 0}}


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """A head in two frames, joined by landmarks; aligned by nobody, as they are joined."""
    server = OrthancServer(tmp_path_factory.mktemp("fair"), configuration=ARRIVING)
    server.configuration["RegisteredUsers"] |= USERS
    server.configuration["Longitudinal"] |= {"AlignOnArrival": False}
    with server:
        load(server, head(1), head(2, real=2))
        here, there = truth()
        pairs = [
            {"source": a.tolist(), "target": b.tolist()} for a, b in zip(here[::30], there[::30], strict=True)
        ]
        post(
            server, "/transforms", 201, sourceFrameOfReferenceUid=frame_of(1), targetFrameOfReferenceUid=frame_of(2),
            landmarks=pairs,
        )  # fmt: skip
        yield server


def ask(server: OrthancServer, user: str, number: int, refine: object) -> Json:
    """Ask for a point of the truth as a user."""
    x, y, z = truth()[0][number].tolist()
    with ServerSession(server.url, (user, USERS[user])) as session:
        response = session.post(
            "/imaging/points/resolve",
            json={"patientId": "HEAD", "frameOfReferenceUid": frame_of(1), "x": x, "y": y, "z": z, "refine": refine,
                  "studyInstanceUids": [study_of(2)]},
        )  # fmt: skip
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def test_users_take_turns_and_who_waits_goes_first(ward: OrthancServer) -> None:
    many = [ask(ward, "ann", 10 * number, True)["refinement"]["job"] for number in range(MANY)]
    one = ask(ward, "bob", 101, True)["refinement"]["job"]
    urgent = ask(ward, "bob", 103, "wait")["refinement"]["job"]
    jobs = {job: wait_job(ward, job, "done", within=200) for job in [*many, one, urgent]}
    assert {jobs[many[0]]["owner"], jobs[one]["owner"]} == set(USERS)
    asked = [jobs[job]["created"] for job in (one, urgent)]
    before_urgent = [job for job in many if asked[1] < jobs[job]["started"] < jobs[urgent]["started"]]
    assert before_urgent == [], "nothing is started before what somebody waits for"
    before_one = [job for job in many if asked[0] < jobs[job]["started"] < jobs[one]["started"]]
    assert len(before_one) <= 1, "it was the turn of one at most"


def test_an_alignment_nobody_asked_for_makes_way_and_is_done_afterwards(ward: OrthancServer) -> None:
    ward.configuration["Longitudinal"] |= {"AlignOnArrival": True}
    ward.restart()
    moved = motion(8, (20, -15, 10))
    load(ward, head(3, patient="OTHER"), head(4, real=2, patient="OTHER", moved=moved))

    def under_way() -> list[Json]:
        return [job for job in aligns(ward) if job["state"] == "running" and job["stage"] == "search"]

    (alignment,) = ward.wait_until(under_way, 60, "the alignment of what has arrived is under way")
    with ServerSession(ward.url, ("bob", USERS["bob"])) as session:
        response = session.post("/imaging/alignments", json={"patientId": "HEAD"})
    assert response.status_code == 202, response.text
    done = wait_job(ward, response.json()["jobs"][0]["id"], "done", within=ALIGNED_SECONDS)
    assert (alignment["owner"], done["owner"]) == ("", "bob")
    aligned = wait_job(ward, alignment["id"], "done", within=ALIGNED_SECONDS)
    assert (aligned["result"]["outcome"], aligned["attempts"]) == ("aligned", 1)
    assert aligned["started"] > done["finished"], "it began anew"
    assert np.isfinite(aligned["result"]["pairs"][0]["quality"]["forwardBackwardMeanMm"])
