"""The harness itself, on a bare Orthanc: later tests are worth what it is worth."""

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.builders import as_file, classic
from tests.data import dicom_files
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.processes import session_members
from tests.orthanc.server import OrthancServer, free_ports


def test_starts_with_authentication_and_stops_leaving_nothing(tmp_path: Path) -> None:
    with OrthancServer(tmp_path, plugin=False) as server:
        pid = server.pid
        assert server.session.get("/system").json()["DicomPort"] == server.dicom_port
        stranger = server.new_session()
        stranger.auth = None
        assert stranger.get("/system").status_code == 401
        assert session_members(pid) == [pid]
    assert not server.is_running
    assert session_members(pid) == []
    assert "Orthanc has stopped" in server.log


def test_stores_a_real_file_by_all_three_ways(start_orthanc: StartOrthanc) -> None:
    files = dicom_files("openms_dicom/patient01")[:5]
    server = start_orthanc(plugin=False)
    assert [answer["Status"] for answer in server.store_rest(files[:1])] == ["Success"]
    stow = server.store_stow([files[1], files[2].read_bytes()])
    assert len(stow["00081199"]["Value"]) == 2
    server.store_scu(files[3:], associations=2, aet="SCANNER")
    assert len(server.session.get("/instances").json()) == 5
    assert server.store_rest(files[4:])[0]["Status"] == "AlreadyStored"


def test_a_refused_file_is_an_error(start_orthanc: StartOrthanc, tmp_path: Path) -> None:
    server = start_orthanc(plugin=False)
    garbage = tmp_path / "garbage.dcm"
    garbage.write_bytes(b"not DICOM")
    with pytest.raises(Exception, match="400"):
        server.store_rest([garbage])
    with pytest.raises(AssertionError, match="storescu"):
        server.store_scu([garbage])


def test_storage_survives_a_restart_and_a_kill(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(plugin=False)
    stored = server.store_rest([as_file(classic())])[0]["ID"]
    server.restart()
    assert server.session.get("/instances").json() == [stored]
    pid = server.pid
    server.kill()
    assert session_members(pid) == []
    server.start()
    assert server.session.get("/instances").json() == [stored]


def test_an_orthanc_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    server = OrthancServer(tmp_path, plugin=False, configuration={"HttpPort": "many"})
    with pytest.raises(AssertionError, match="ended with") as caught:
        server.start()
    assert "HttpPort" in "\n".join(caught.value.__notes__)
    assert server not in OrthancServer.running


def test_a_process_left_behind_is_found_and_killed(tmp_path: Path) -> None:
    script = tmp_path / "stub.py"
    script.write_text(
        "import subprocess, orthanc\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "orthanc.LogWarning('the child is %d' % child.pid)\n"
    )
    server = OrthancServer(tmp_path / "orthanc", script=script).start()
    pid = server.pid
    assert len(session_members(pid)) == 2
    with pytest.raises(AssertionError, match=r"left behind: .*sleep 60"):
        server.stop()
    assert session_members(pid) == []


def test_a_crash_during_a_test_is_reported(tmp_path: Path) -> None:
    server = OrthancServer(tmp_path, plugin=False)
    server.start()
    os.kill(server.pid, signal.SIGSEGV)
    server.wait_until(lambda: not server.is_running, within=10, what="Orthanc has crashed")
    with pytest.raises(AssertionError, match="had ended with -11"):
        server.__exit__(None, None, None)
    assert server not in OrthancServer.running


def test_waiting_has_a_deadline_and_tells_the_last_answer(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(plugin=False)
    with pytest.raises(
        AssertionError, match=r"not within 0\.05 s: two patients \(the last answer was \[\]\)"
    ):
        server.wait_until(lambda: server.session.get("/patients").json(), within=0.05, what="two patients")


def test_each_thread_may_have_its_own_session(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(plugin=False, http_threads=4)
    names = []
    threads = [
        threading.Thread(target=lambda: names.append(server.new_session().get("/system").json()["Name"]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert names == ["Test"] * 4


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20
