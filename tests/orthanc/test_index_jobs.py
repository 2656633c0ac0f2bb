"""Index jobs over the routes: asked for, watched, held, cancelled, and taken up after a SIGKILL."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.uid import generate_uid

from longitudinal.reasons import NotIndexableReason
from tests import builders as build
from tests.data import ROOT
from tests.orthanc.server import OrthancServer

SLICES = 400
DATES = ("20200101", "20210101", "20220101")
WITHIN = 20.0
Job = dict[str, Any]
WITHOUT_FILES = """
import runpy
runpy.run_path({main!r}, run_name="__main__")
from longitudinal.host.orthanc_archive import OrthancArchive
def _no_file(archive, orthanc_id):
    raise KeyError(orthanc_id)
OrthancArchive.file = _no_file
"""


def study_of(number: int) -> str:
    return f"{build.FRAME_OF_REFERENCE}.{number}"


def slices(number: int) -> list[bytes]:
    """One study of 400 slices; the last two have no orientation."""
    ds = build.classic(
        PatientID="backfill", StudyInstanceUID=study_of(number), SeriesInstanceUID=f"{study_of(number)}.1",
        StudyDate=DATES[number],
    )  # fmt: skip
    files = []
    for index in range(SLICES):
        ds.SOPInstanceUID, ds.InstanceNumber = f"{study_of(number)}.1.{index}", index + 1
        ds.ImagePositionPatient = [0, 0, 2.0 * index]
        if index == SLICES - 2:
            del ds.ImageOrientationPatient
        files.append(build.as_file(ds))
    return files


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an Orthanc that never ran the plugin, with three studies of 400 slices."""
    folder = tmp_path_factory.mktemp("archive")
    with OrthancServer(folder, plugin=False) as server:
        for number in range(len(DATES)):
            server.store_rest(slices(number))
    return folder


@pytest.fixture
def held(archive: Path, tmp_path: Path) -> OrthancServer:
    """A server on a copy of that archive, not started; `BackfillOnStart` is off."""
    for name in ("storage", "index"):
        shutil.copytree(archive / name, tmp_path / "orthanc" / name)
    return OrthancServer(tmp_path / "orthanc", configuration={"Longitudinal": {"BackfillOnStart": False}})


def backfilling(server: OrthancServer) -> OrthancServer:
    server.configuration["Longitudinal"] = {"BackfillOnStart": True}
    return server


def status(server: OrthancServer, number: int) -> dict[str, Any]:
    response = server.session.get(f"/imaging/studies/{study_of(number)}/index-status")
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def known(server: OrthancServer) -> OrthancServer:
    server.wait_indexed(lambda health: health["reconciled"] > 0, within=WITHIN)
    return server


def post(server: OrthancServer, path: str, body: object = None, expect: int = 202) -> dict[str, Any]:
    response = server.session.post(f"/imaging{path}", json=body)
    assert response.status_code == expect, response.text
    answer: dict[str, Any] = response.json()
    return answer


def wait_job(server: OrthancServer, job: str, state: str) -> Job:
    def reached() -> Job | None:
        found: Job = server.session.get(f"/imaging/jobs/{job}").json()
        return found if found["state"] == state else None

    found = server.wait_until(reached, WITHIN, f"job {job} is {state}")
    assert found is not None
    return found


def jobs(server: OrthancServer) -> list[Job]:
    found: list[Job] = server.session.get("/imaging/jobs").json()["jobs"]
    return found


def test_whole_series_are_read_without_their_files(held: OrthancServer, tmp_path: Path) -> None:
    """With no file to be had, all is indexed."""
    script = tmp_path / "without_files.py"
    script.write_text(WITHOUT_FILES.format(main=str(ROOT / "plugin" / "main.py")))
    held.configuration["PythonScript"] = str(script)
    with backfilling(held) as server:
        server.wait_indexed(
            lambda health: health["instances"] == SLICES * len(DATES) and health["queued"] == 0, within=WITHIN
        )


def test_a_study_nobody_has_read_is_said_to_be_not_indexed_until_it_is_asked_for(held: OrthancServer) -> None:
    with held as server:
        known(server)
        assert status(server, 0) == {
            "state": "notIndexed", "progress": 0.0, "stage": "not indexed", "slices": 0, "skipped": [],
            "alignment": None, "job": None, "error": None,
        }  # fmt: skip
        server.store_rest(
            newest := [build.as_file(build.classic(PatientID="backfill", StudyInstanceUID=generate_uid()))]
        )
        server.wait_indexed(lambda health: health["instances"] == len(newest))
        question = {
            "patientId": "backfill", "frameOfReferenceUid": build.FRAME_OF_REFERENCE, "x": 1, "y": 1, "z": 0,
        }  # fmt: skip
        answer = server.session.post("/imaging/points/resolve", json=question).json()
        assert [item["reason"] for item in answer["unresolved"]] == ["notIndexed"] * 3
        (job,) = post(server, f"/studies/{study_of(0)}/index")["jobs"]
        done = wait_job(server, job["id"], "done")
        assert (done["kind"], done["progress"], done["error"]) == ("index", 1.0, None)
        assert (done["result"]["instances"], done["result"]["read"]) == (SLICES, SLICES)
        indexed = status(server, 0)
        assert (indexed["state"], indexed["slices"]) == ("done", SLICES - 2)
        assert indexed["skipped"] == [
            {
                "reason": "noGeometry",
                "count": 2,
                "explanation": NotIndexableReason.NO_GEOMETRY.explanation,
                "details": ["ImageOrientationPatient is absent"],
            }
        ]
        answer = server.session.post("/imaging/points/resolve", json=question).json()
        assert [item["reason"] for item in answer["unresolved"]] == ["notIndexed"] * 2
        assert len(answer["matches"]) == 2


def test_all_studies_of_a_patient_or_some_by_uid(held: OrthancServer) -> None:
    with held as server:
        known(server)
        by_uid = post(server, "/index", {"studyInstanceUids": [study_of(1), study_of(2)], "align": "none"})
        of_patient = post(server, "/index", {"patientId": "backfill"})
        ids = [job["id"] for job in by_uid["jobs"]]
        assert set(ids) <= {job["id"] for job in of_patient["jobs"]}
        assert len(of_patient["jobs"]) == 3
        server.wait_indexed(lambda health: health["instances"] == 3 * SLICES, within=WITHIN)


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ({}, 400, ["/studyInstanceUids", "/patientId"]),
        ({"studyInstanceUids": ["1.2"], "patientId": "x"}, 400, ["/studyInstanceUids", "/patientId"]),
        ({"patientId": "nobody"}, 404, ["/patientId"]),
        ({"studyInstanceUids": [study_of(0), "1.2", "1.3"]}, 404, ["/studyInstanceUids/1", "/studyInstanceUids/2"]),
        ({"patientId": "backfill", "align": "elastic"}, 400, ["/align"]),
    ],
)  # fmt: skip
def test_wrong_requests_name_their_fields(
    shared_server: OrthancServer, body: Job, code: int, fields: list[str]
) -> None:
    shared_server.store_rest([slices(0)[0]])
    shared_server.wait_until(
        lambda: shared_server.session.get(f"/imaging/studies/{study_of(0)}/index-status").ok
    )
    problem = post(shared_server, "/index", body, expect=code)
    assert [error["field"] for error in problem["errors"]] == fields


def test_missing_things_are_404_and_finished_jobs_409(shared_server: OrthancServer) -> None:
    session = shared_server.session
    for method, path in (
        ("GET", "/jobs/none"), ("DELETE", "/jobs/none"), ("POST", "/jobs/none/retry"),
        ("POST", "/studies/1.2.3/index"), ("GET", "/studies/1.2.3/index-status"),
    ):  # fmt: skip
        response = session.request(method, f"/imaging{path}")
        assert (response.status_code, response.json()["code"]) == (404, "notFound")
    assert session.get("/imaging/jobs?state=odd&limit=0").json()["code"] == "invalidRequest"
    shared_server.store_rest([slices(1)[0]])
    shared_server.wait_until(lambda: session.get(f"/imaging/studies/{study_of(1)}/index-status").ok)
    (job,) = post(shared_server, f"/studies/{study_of(1)}/index")["jobs"]
    wait_job(shared_server, job["id"], "done")
    assert session.delete(f"/imaging/jobs/{job['id']}").status_code == 409
    assert post(shared_server, f"/jobs/{job['id']}/retry", expect=409)["code"] == "conflict"


def test_one_study_uid_in_two_patients_is_ambiguous(shared_server: OrthancServer) -> None:
    ds = pydicom.dcmread(DicomBytesIO(build.as_file(build.classic(StudyInstanceUID=(uid := generate_uid())))))
    stored = []
    for ds.PatientID in ("one of two", "two of two"):
        stored += shared_server.store_rest([build.as_file(ds)])
    path = f"/imaging/studies/{uid}/index-status"
    shared_server.wait_until(lambda: shared_server.session.get(path).status_code == 409)
    problem = shared_server.session.get(path).json()
    assert set(problem["orthancIds"]) == {answer["ParentStudy"] for answer in stored}
    assert shared_server.session.get(f"/imaging/studies/{stored[0]['ParentStudy']}/index-status").ok


def test_held_across_a_restart_jumped_by_a_request_then_let_go(held: OrthancServer) -> None:
    """The newest first, the one asked for before all; nothing runs while it is held, even after a restart."""
    with held as server:
        assert post(server, "/index/pause", expect=200)["paused"] is True
    with backfilling(held) as server:
        health = server.wait_indexed(lambda health: health["jobsQueued"] == 3, within=WITHIN)
        assert (health["backfillPaused"], health["instances"]) == (True, 0)
        assert status(server, 0)["state"] == "queued"
        (asked,) = post(server, f"/studies/{study_of(1)}/index")["jobs"]
        wait_job(server, asked["id"], "done")
        assert server.health()["instances"] == SLICES
        assert post(server, "/index/resume", expect=200)["paused"] is False
        server.wait_indexed(lambda health: health["instances"] == 3 * SLICES, within=WITHIN)
        server.wait_indexed(lambda health: health["jobsRunning"] == 0, within=WITHIN)
        started = sorted((job["started"], job["subject"]) for job in jobs(server))
        order = [server.session.get(f"/studies/{study}").json() for _, study in started]
        dates = [study["MainDicomTags"]["StudyDate"] for study in order]
        assert dates == [DATES[1], DATES[2], DATES[0]]


def test_a_study_that_an_answer_misses_goes_before_the_backfill(held: OrthancServer) -> None:
    (here,) = [build.as_file(build.classic(PatientID="backfill", StudyInstanceUID=generate_uid()))]
    with held as server:
        post(server, "/index/pause", expect=200)
    with backfilling(held) as server:
        server.wait_indexed(lambda health: health["jobsQueued"] == 3, within=WITHIN)
        server.store_rest([here])
        server.wait_indexed(lambda health: health["instances"] == 1, within=WITHIN)
        question = {
            "patientId": "backfill", "frameOfReferenceUid": build.FRAME_OF_REFERENCE, "x": 1, "y": 1, "z": 0,
            "studyInstanceUids": [study_of(0)],
        }  # fmt: skip
        answer = server.session.post("/imaging/points/resolve", json=question).json()
        assert [item["reason"] for item in answer["unresolved"]] == ["notIndexed"]
        post(server, "/index/resume", expect=200)
        server.wait_indexed(lambda health: health["instances"] == 3 * SLICES + 1, within=WITHIN)
        first = min(jobs(server), key=lambda job: job["started"])
        assert (
            server.session.get(f"/studies/{first['subject']}").json()["MainDicomTags"]["StudyDate"]
            == DATES[0]
        )


def test_cancelled_in_the_middle_and_retried_skips_what_is_indexed(held: OrthancServer) -> None:
    with held as server:
        known(server)
        (job,) = post(server, f"/studies/{study_of(2)}/index")["jobs"]
        wait_job(server, job["id"], "running")
        cancelled = server.session.delete(f"/imaging/jobs/{job['id']}").json()
        assert cancelled["state"] == "cancelled"
        server.wait_until(lambda: server.health()["queued"] == 0, WITHIN)
        stopped_at = server.health()["instances"]
        assert stopped_at < SLICES
        assert status(server, 2)["state"] == "notIndexed"
        assert post(server, f"/jobs/{job['id']}/retry")["state"] in ("queued", "running")
        done = wait_job(server, job["id"], "done")
        assert done["result"]["read"] <= SLICES - stopped_at
        assert status(server, 2)["state"] == "done"


def test_killed_again_and_again_it_ends_complete(held: OrthancServer) -> None:
    """SIGKILL while a job runs: it starts again, and what was queued is still there."""
    server = backfilling(held)
    for kills in range(1, 3):
        server.start()
        server.wait_indexed(lambda health, least=20 * kills: health["instances"] >= least, within=WITHIN)
        server.kill()
    with server:
        server.wait_indexed(lambda health: health["instances"] == 3 * SLICES, within=WITHIN)
        server.wait_indexed(lambda health: health["jobsRunning"] == health["jobsQueued"] == 0, within=WITHIN)
        assert {job["state"] for job in jobs(server)} == {"done"}
        assert all(job["attempts"] <= 3 for job in jobs(server))


def test_a_job_that_was_running_three_times_fails_and_can_be_retried(
    held: OrthancServer, change_sidecar: Callable[[OrthancServer, str], None]
) -> None:
    with held as server:
        post(known(server), "/index/pause", expect=200)
        (job,) = post(server, f"/studies/{study_of(0)}/index")["jobs"]
        wait_job(server, job["id"], "done")
    change_sidecar(held, "UPDATE jobs SET state = 'running', attempts = 3, error = NULL")
    with held as server:
        failed = wait_job(server, job["id"], "failed")
        assert "3 times" in failed["error"]
        assert status(server, 0)["state"] == "failed"
        post(server, f"/jobs/{job['id']}/retry")
        wait_job(server, job["id"], "done")


@pytest.fixture
def change_sidecar() -> Callable[[OrthancServer, str], None]:
    """Change the sidecar of a server that is stopped."""

    def change(server: OrthancServer, statement: str) -> None:
        connection = sqlite3.connect(server.folder / "index" / "longitudinal-Test.sqlite")
        with connection:
            connection.execute(statement)
        connection.close()

    return change


def test_a_file_that_is_lost_fails_the_job_and_names_it(held: OrthancServer) -> None:
    with held as server:
        known(server)
        study = server.session.post("/tools/lookup", data=study_of(0)).json()[0]["ID"]
        instance = server.session.get(f"/studies/{study}/instances").json()[0]
        uuid = instance["FileUuid"]
        (server.folder / "storage" / uuid[:2] / uuid[2:4] / uuid).unlink()
        (job,) = post(server, f"/studies/{study}/index")["jobs"]
        failed = wait_job(server, job["id"], "failed")
        assert failed["error"].startswith("1 of 400 instances cannot be read")
        assert instance["ID"] in failed["error"]
        assert server.health()["instances"] == SLICES - 1
