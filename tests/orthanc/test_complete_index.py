"""Whatever happened while nobody looked, the index ends equal to the archive."""

import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests import builders as build
from tests.data import data, dicom_files
from tests.orthanc.server import OrthancServer

StartOrthanc = Callable[..., OrthancServer]
SLICES = 6
MANY = 800
WITHIN = 10.0
RECONCILE_SECONDS = 1
CHURN_SECONDS = 5.0


@pytest.fixture
def complete(tmp_path: Path) -> OrthancServer:
    """A server that compares archive and index every second; not started yet."""
    options = {"Longitudinal": {"ReconcileSeconds": RECONCILE_SECONDS}}
    return OrthancServer(tmp_path / "orthanc", configuration=options)


def without_plugin(server: OrthancServer) -> OrthancServer:
    """A bare Orthanc on the same storage."""
    return OrthancServer(server.folder, plugin=False)


def series(patient: str = "synthetic", first: float = 0.0, slices: int = SLICES, **more: Any) -> list[bytes]:
    """Files of one axial series in a study of its own."""
    uids = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID")} | more
    made = []
    for number in range(slices):
        place = (0.0, 0.0, first + 2.0 * number)
        made.append(build.as_file(build.classic(place, PatientID=patient, InstanceNumber=number + 1, **uids)))
    return made


def read(file: bytes) -> Dataset:
    return pydicom.dcmread(pydicom.filebase.DicomBytesIO(file))


def ask(server: OrthancServer, patient: str, z: float, **more: Any) -> Any:
    question = {"patientId": patient, "frameOfReferenceUid": build.FRAME_OF_REFERENCE, "x": 1, "y": 1, "z": z}
    return server.session.post("/imaging/points/resolve", json=question | more)


def found_in(server: OrthancServer, patient: str, z: float) -> list[str]:
    """The instances an answer names; empty for an unknown patient."""
    response = ask(server, patient, z)
    return [match["orthancInstanceId"] for match in response.json().get("matches", [])]


def archive_count(server: OrthancServer) -> int:
    count: int = server.session.get("/statistics").json()["CountInstances"]
    return count


def wait_equal(server: OrthancServer, count: int) -> dict[str, Any]:
    """Wait until the index holds `count` instances after a whole pass, with nothing left to do."""
    assert archive_count(server) == count

    def is_equal(health: dict[str, Any]) -> bool:
        idle = health["jobsQueued"] == health["jobsRunning"] == health["queued"] == health["cursorLag"] == 0
        return health["instances"] == count and health["reconciled"] > 0 and idle

    return server.wait_indexed(is_equal, within=WITHIN)


def test_stored_while_the_plugin_was_off(complete: OrthancServer) -> None:
    with complete as server:
        server.store_rest(series("before"))
        wait_equal(server, SLICES)
    with without_plugin(complete) as server:
        server.store_rest(series("while off"))
    with complete as server:
        wait_equal(server, 2 * SLICES)
        assert len(found_in(server, "while off", 4.0)) == 1


def test_an_archive_that_was_there_first(complete: OrthancServer) -> None:
    with without_plugin(complete) as server:
        server.store_rest(series("old", StudyDate="19990101") + series("new", StudyDate="20240101"))
    with complete as server:
        wait_equal(server, 2 * SLICES)
        jobs = server.session.get("/imaging/jobs").json()["jobs"]
        assert [job["state"] for job in jobs] == ["done", "done"]
        started = {job["subject"]: job["started"] for job in jobs}
        dates = {
            study["ID"]: study["MainDicomTags"]["StudyDate"]
            for study in server.session.get("/studies?expand").json()
        }
        assert [dates[study] for study in sorted(started, key=started.__getitem__)] == [
            "20240101",
            "19990101",
        ]


def test_deleted_while_the_plugin_was_off(complete: OrthancServer) -> None:
    with complete as server:
        stored = server.store_rest(series("kept") + series("gone") + series("partly"))
        wait_equal(server, 3 * SLICES)
    with without_plugin(complete) as server:
        server.session.delete(f"/patients/{stored[SLICES]['ParentPatient']}").raise_for_status()
        server.session.delete(f"/instances/{stored[2 * SLICES + 2]['ID']}").raise_for_status()
    with complete as server:
        wait_equal(server, 2 * SLICES - 1)
        assert ask(server, "gone", 4.0).status_code == 404
        assert found_in(server, "partly", 4.0) != [stored[2 * SLICES + 2]["ID"]]
        assert found_in(server, "kept", 4.0) == [stored[2]["ID"]]


def test_one_deleted_and_one_stored_leaves_the_count_and_is_noticed(complete: OrthancServer) -> None:
    files = series("swap")
    with complete as server:
        stored = server.store_rest(files[:-1])
        wait_equal(server, SLICES - 1)
    with without_plugin(complete) as server:
        server.session.delete(f"/instances/{stored[0]['ID']}").raise_for_status()
        (new,) = server.store_rest(files[-1:])
    with complete as server:
        wait_equal(server, SLICES - 1)
        assert found_in(server, "swap", 2.0 * (SLICES - 1)) == [new["ID"]]
        assert stored[0]["ID"] not in found_in(server, "swap", 0.0)


@pytest.mark.parametrize("is_logged", [True, False])
def test_overwritten_while_the_plugin_was_off(complete: OrthancServer, is_logged: bool) -> None:
    """The same identifiers with another position: the change log tells, or LastUpdate of the series."""
    (file,) = series("overwritten", slices=1)
    moved = read(file)
    moved.ImagePositionPatient = [0, 0, 100]
    with complete as server:
        (stored,) = server.store_rest([file])
        wait_equal(server, 1)
    time.sleep(1.0)  # LastUpdate counts seconds
    bare = without_plugin(complete)
    bare.configuration["OverwriteInstances"] = True
    with bare as server:
        (again,) = server.store_rest([build.as_file(moved)])
        assert (again["ID"], again["Status"]) == (stored["ID"], "Success")
        if not is_logged:
            server.session.delete("/changes").raise_for_status()
    with complete as server:
        wait_equal(server, 1)
        server.wait_until(lambda: found_in(server, "overwritten", 100.0) == [stored["ID"]], WITHIN)
        assert found_in(server, "overwritten", 0.0) == []


@pytest.mark.parametrize("what", ["deleted", "rejected", "accepted"])
def test_a_registration_that_changed_while_the_plugin_was_off(complete: OrthancServer, what: str) -> None:
    """No line of the change log tells; the first answer already is right about what must not be used."""
    images = dicom_files("openms_dicom/patient01")
    registration = data("reg_independent") / "openms_p01_RIGID.dcm"
    frame = pydicom.dcmread(images[0], stop_before_pixels=True).FrameOfReferenceUID
    question = {"patientId": "OPENMS_P01", "frameOfReferenceUid": frame, "x": 5, "y": 10, "z": 12.5}

    def paths(server: OrthancServer) -> list[tuple[list[str], bool]]:
        answer = server.session.post("/imaging/points/resolve", json=question).json()
        return [(match["path"], match["reviewed"]) for match in answer["matches"] if match["path"]]

    with complete as server:
        server.store_scu(images[:: len(images) // 12])
        (stored,) = server.store_rest([registration])
        wait_equal(server, archive_count(server))
        ((path, reviewed),) = paths(server)
        assert (len(path), reviewed) == (1, False)
    with without_plugin(complete) as server:
        if what == "deleted":
            server.session.delete(f"/instances/{stored['ID']}").raise_for_status()
        else:
            said = f'{{"items": {{"{path[0].rpartition(".")[2]}": {{"decision": "{what}", "decidedBy": "ann"}}}}}}'
            server.session.put(f"/instances/{stored['ID']}/metadata/4000", data=said).raise_for_status()
        server.session.delete("/changes").raise_for_status()
    with complete as server:
        if what == "accepted":  # by nobody who could sign it
            wait_equal(server, archive_count(server))
            assert paths(server) == [(path, False)]
        else:
            assert paths(server) == []
            wait_equal(server, archive_count(server))
            assert paths(server) == []


@pytest.mark.parametrize("plugin_is_on", [True, False])
def test_modified_anonymised_and_moved_to_another_patient(
    complete: OrthancServer, plugin_is_on: bool
) -> None:
    study = generate_uid()
    with complete as server:
        stored = server.store_rest(series("first", StudyInstanceUID=study))
        wait_equal(server, SLICES)
        if plugin_is_on:
            change(server, stored[0])
    if not plugin_is_on:
        with without_plugin(complete) as server:
            change(server, stored[0])
    with complete as server:
        wait_equal(server, 2 * SLICES)
        assert ask(server, "first", 4.0).status_code == 404
        assert len(found_in(server, "second", 4.0)) == 1
        patients = server.session.get("/patients?expand").json()
        (anonymous,) = {patient["MainDicomTags"]["PatientID"] for patient in patients} - {"second"}
        copies = server.session.post(
            "/tools/find", json={"Level": "Study", "Query": {"PatientID": anonymous}}
        ).json()
        assert server.session.get(f"/imaging/studies/{copies[0]}/index-status").json()["slices"] == SLICES


def change(server: OrthancServer, stored: dict[str, Any]) -> None:
    """Anonymise a study into a copy, then give the patient another id without keeping the source."""
    server.session.post(f"/studies/{stored['ParentStudy']}/anonymize", json={}).raise_for_status()
    replace = {"Replace": {"PatientID": "second"}, "Force": True, "KeepSource": False}
    server.session.post(f"/patients/{stored['ParentPatient']}/modify", json=replace).raise_for_status()


def test_one_uid_in_two_patients_is_indexed_twice(complete: OrthancServer) -> None:
    first = read(series("one", slices=1)[0])
    second = read(build.as_file(first))
    second.PatientID = "two"
    with without_plugin(complete) as server:
        server.store_rest([build.as_file(first), build.as_file(second)])
    with complete as server:
        wait_equal(server, 2)
        assert [len(found_in(server, patient, 0.0)) for patient in ("one", "two")] == [1, 1]
        answer = server.session.get(f"/imaging/studies/{first.StudyInstanceUID}/index-status")
        assert (answer.status_code, len(answer.json()["orthancIds"])) == (409, 2)


def test_of_a_file_too_large_for_python_orthanc_reads_the_tags(complete: OrthancServer) -> None:
    """Long values included: the offsets of 150 planes are more than the 256 characters Orthanc shows unasked."""
    dose = build.dose([2.5 * plane for plane in range(150)], PatientID="large")
    dose.Rows, dose.Columns = 480, 480
    dose.PixelData = bytes(2 * 480 * 480 * 150)
    assert len(dose.PixelData) > 64 * 1024 * 1024
    with without_plugin(complete) as server:
        server.store_rest([build.as_file(dose)])
    with complete as server:
        wait_equal(server, 1)
        status = server.session.get(f"/imaging/studies/{dose.StudyInstanceUID}/index-status").json()
        assert (status["slices"], status["skipped"]) == (150, [])


def test_without_the_sidecar_every_answer_comes_back(complete: OrthancServer) -> None:
    """Real scans in two frames with a registration object: the index is disposable."""
    images = dicom_files("openms_dicom/patient01")
    registration = data("reg_independent") / "openms_p01_RIGID.dcm"
    frame = pydicom.dcmread(images[0], stop_before_pixels=True).FrameOfReferenceUID

    def answers(server: OrthancServer) -> list[Any]:
        question = {"patientId": "OPENMS_P01", "frameOfReferenceUid": frame}
        points = [{"x": x, "y": y, "z": z} for x in (-20, 5) for y in (-10, 30) for z in (0, 12.5)]
        return [
            server.session.post("/imaging/points/resolve", json=question | point).json() for point in points
        ]

    with complete as server:
        server.store_scu(images)
        server.store_rest([registration])
        wait_equal(server, len(images) + 1)
        before = answers(server)
        assert any(len(answer["matches"]) == 2 for answer in before)
    sidecar = complete.folder / "index" / "longitudinal-Test.sqlite"
    for name in (sidecar, *sidecar.parent.glob(f"{sidecar.name}-*")):
        name.unlink()
    with complete as server:
        wait_equal(server, len(images) + 1)
        assert answers(server) == before


def test_a_store_that_never_got_its_callback_is_found_by_the_cursor(complete: OrthancServer) -> None:
    """After a SIGKILL in the middle of a stream, everything that was acknowledged is indexed."""
    files = series("killed", slices=200)
    acknowledged = 0
    complete.start()
    for file in files[:120]:
        complete.store_rest([file])
        acknowledged += 1
    complete.kill()
    with complete as server:
        assert archive_count(server) >= acknowledged
        wait_equal(server, archive_count(server))


def test_start_up_does_not_wait_and_stop_leaves_nothing(complete: OrthancServer) -> None:
    with without_plugin(complete) as server:
        server.store_rest(series("many", slices=MANY))
    with complete as server:
        assert server.health()["instances"] < MANY
    # `stop` of the harness has failed the test when a thread held Orthanc up
    assert "Threads still running" not in complete.log
    began = time.monotonic()
    with complete as server:
        wait_equal(server, MANY)
    assert time.monotonic() - began < 2 * WITHIN


def test_stores_deletes_overwrites_and_modifies_at_once_end_equal(complete: OrthancServer) -> None:
    """Four clients for some seconds, then nothing is missing and nothing is left over."""
    complete.configuration["OverwriteInstances"] = True

    def churn(client: int) -> None:
        session, chance = complete.new_session(), random.Random(client)
        mine: list[dict[str, Any]] = []
        files: list[bytes] = []
        deadline = time.monotonic() + CHURN_SECONDS
        while time.monotonic() < deadline:
            files = files or series(f"client {client}")
            if chance.random() < 0.2 and mine:
                session.delete(f"/instances/{mine.pop(chance.randrange(len(mine)))['ID']}")
            elif chance.random() < 0.05 and mine:
                session.post(f"/studies/{mine[-1]['ParentStudy']}/anonymize", json={})
            elif chance.random() < 0.05 and mine:
                session.delete(f"/series/{mine[-1]['ParentSeries']}")
            else:
                file = files[-1] if chance.random() < 0.2 else files.pop()
                mine.append(session.post("/instances", data=file).json())

    with complete as server:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(churn, range(4)))
        wait_equal(server, archive_count(server))
        assert indexed(server) == archived(server)


def indexed(server: OrthancServer) -> dict[str, tuple[str, str]]:
    """Instance -> its series and study, as the sidecar has them."""
    path = server.folder / "index" / "longitudinal-Test.sqlite"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = connection.execute(
        """SELECT i.orthanc_id, e.orthanc_id, s.orthanc_id FROM instances i JOIN series e ON e.key = i.series_key
        JOIN studies s ON s.key = e.study_key"""
    ).fetchall()
    studies = {row[0] for row in connection.execute("SELECT orthanc_id FROM studies")}
    connection.close()
    assert studies == {row[2] for row in rows}
    return {row[0]: (row[1], row[2]) for row in rows}


def archived(server: OrthancServer) -> dict[str, tuple[str, str]]:
    """The same, as Orthanc has them."""
    study = {entry["ID"]: entry["ParentStudy"] for entry in server.session.get("/series?expand").json()}
    instances = server.session.get("/instances?expand").json()
    return {entry["ID"]: (entry["ParentSeries"], study[entry["ParentSeries"]]) for entry in instances}
