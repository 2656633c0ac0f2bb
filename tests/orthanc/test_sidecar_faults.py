"""Whatever happens to the index file, Orthanc starts, stores, says so, and the index ends equal to the archive."""

import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from tests import builders as build
from tests.orthanc.server import OrthancServer

SLICES = 6
WITHIN = 15.0
Server = Callable[..., OrthancServer]


@pytest.fixture
def made(tmp_path: Path) -> Server:
    """Make a server, not started, that compares archive and index every second."""

    def make(name: str = "orthanc", **settings: Any) -> OrthancServer:
        section = {"ReconcileSeconds": 1, "AlignOnArrival": False} | settings
        return OrthancServer(tmp_path / name, configuration={"Longitudinal": section})

    return make


def series(patient: str, slices: int = SLICES, first: float = 0.0) -> list[bytes]:
    """Files of one axial series in a study of its own."""
    uids = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID")}
    return [
        build.as_file(build.classic((0.0, 0.0, first + 2.0 * number), PatientID=patient, **uids))
        for number in range(slices)
    ]


def sidecar(server: OrthancServer) -> Path:
    return server.folder / "index" / "longitudinal-Test.sqlite"


def asides(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.aside-*Z"))


def ask(server: OrthancServer, patient: str, z: float = 4.0) -> Any:
    question = {"patientId": patient, "frameOfReferenceUid": build.FRAME_OF_REFERENCE, "x": 1, "y": 1, "z": z}
    return server.session.post("/imaging/points/resolve", json=question)


def wait_equal(server: OrthancServer, within: float = WITHIN) -> None:
    """Wait until the index is sound and holds what the archive holds, with nothing left to do."""
    count = server.session.get("/statistics").json()["CountInstances"]

    def is_equal(health: dict[str, Any]) -> bool:
        idle = health["jobsQueued"] == health["jobsRunning"] == health["queued"] == health["cursorLag"] == 0
        return health["state"] == "ok" and health["instances"] == count and health["reconciled"] > 0 and idle

    server.wait_indexed(is_equal, within=within)


def health_is(server: OrthancServer, reason: str, within: float = WITHIN) -> dict[str, Any]:
    """Wait until health gives this reason, with 503; returns its answer."""

    def failing() -> dict[str, Any] | None:
        response = server.session.get("/imaging/health")
        answer: dict[str, Any] = response.json()
        if answer["reason"] != reason:
            return None
        assert (response.status_code, answer["state"]) == (503, "failing")
        assert answer["since"] is not None
        return answer

    answer = server.wait_until(failing, within, f"health says {reason}")
    assert answer is not None
    return answer


def log_lines(server: OrthancServer) -> list[str]:
    """What the plugin has logged as a warning or an error about the index file; a traceback is a line each."""
    return [
        line for line in server.log.splitlines()
        if line[:1] in "WE" and "longitudinal: " in line and ("sidecar" in line or "index" in line)
        # keys and audit lie beside the index, and have lines of their own
        and not any(said in line for said in ("A new key", "Nothing is signed", "Nobody's actions are recorded"))
    ] + [line for line in server.log.splitlines() if line.startswith("Traceback")]  # fmt: skip


# A file that cannot be used


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(200_000))


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("INSERT INTO _sqlite_migrations VALUES (99, 'longitudinal', 'm999_later', '')")
        connection.commit()


def test_an_unusable_file_is_set_aside_and_every_answer_comes_back(made: Server) -> None:
    server = made()
    with server:
        server.store_rest(series("patient"))
        wait_equal(server)
        before = ask(server, "patient").json()
        assert len(before["matches"]) == 1
    path = sidecar(server)
    assert not Path(f"{path}-wal").exists(), "a stop leaves no -wal"
    for number, spoil in enumerate([garbage, newer], 1):
        spoil(path)
        spoilt = path.read_bytes()
        with server:
            wait_equal(server)
            assert ask(server, "patient").json() == before
        assert asides(path)[-1].read_bytes() == spoilt
        assert len(asides(path)) == number
        assert len(log_lines(server)) == number, log_lines(server)
        assert f"set aside as {asides(path)[-1]}" in log_lines(server)[-1]
    assert "newer version" in log_lines(server)[-1]


def test_the_wal_of_another_sidecar_is_not_believed(made: Server) -> None:
    mine, other = made("mine"), made("other")
    with mine as server:
        server.store_rest(series("mine"))
        wait_equal(server)
    other.start()
    other.store_rest(series("other"))
    wait_equal(other)
    other.kill()
    shutil.copy(f"{sidecar(other)}-wal", f"{sidecar(mine)}-wal")
    with mine as server:
        wait_equal(server)
        assert len(ask(server, "mine").json()["matches"]) == 1
        assert ask(server, "other").status_code == 404
    assert len(asides(sidecar(mine))) == 1
    assert "-wal file belongs to another file" in log_lines(mine)[0]


@pytest.mark.parametrize("what", ["pages", "removed"])
def test_a_file_that_is_lost_while_orthanc_runs_is_built_anew(made: Server, what: str) -> None:
    with made() as server:
        stored = server.store_rest(series("patient", 300))
        wait_equal(server)
        before = ask(server, "patient").json()
        path = sidecar(server)
        if what == "removed":
            path.unlink()
        else:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with path.open("r+b") as file:
                file.seek(4096)
                file.write(os.urandom(path.stat().st_size - 4096))
            # nobody has read a page yet: the patient is in memory
            server.session.get("/imaging/patients")
            server.session.get("/imaging/jobs")
        server.store_rest(series("another"))
        server.wait_until(lambda: "cannot be used" in server.log, WITHIN)
        wait_equal(server)
        assert ask(server, "patient").json() == before
        assert len(ask(server, "another").json()["matches"]) == 1
        server.session.delete(f"/instances/{stored[0]['ID']}")
        wait_equal(server)
        # whoever reads in the moment in which there is none is told so, beside the line on the new one
        said = [line for line in log_lines(server) if "cannot be read" not in line]
        assert len(said) == 1, said
    assert len(asides(path)) == (1 if what == "pages" else 0)


def test_a_database_of_something_else_is_left_alone(made: Server, tmp_path: Path) -> None:
    foreign = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE patients (name TEXT)")
    before = foreign.read_bytes()
    with made(SidecarPath=str(foreign)) as server:
        assert str(foreign) in health_is(server, "notASidecar")["error"]
        server.store_rest(series("patient"))
        problem = ask(server, "patient")
        assert (problem.status_code, problem.json()["code"]) == (503, "sidecarUnavailable")
    assert foreign.read_bytes() == before


def test_where_the_folder_cannot_be_written_orthanc_stores_on_until_it_can(
    made: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "place"
    folder.write_text("a file in the way")
    with made(SidecarPath=str(folder / "index.sqlite")) as server:
        assert str(folder) in health_is(server, "unwritable")["error"]
        server.store_rest(series("patient"))
        problem = ask(server, "patient")
        assert problem.status_code == 503
        assert str(folder) in problem.json()["detail"]
        folder.unlink()
        wait_equal(server)
        assert len(ask(server, "patient").json()["matches"]) == 1
        assert len(log_lines(server)) == 2, log_lines(server)


# One process for one file


def test_the_second_process_is_refused_by_name_and_takes_over_when_the_first_ends(made: Server) -> None:
    first = made("first")
    path = first.folder / "shared.sqlite"
    first.configuration["Longitudinal"]["SidecarPath"] = str(path)
    second = made("second", SidecarPath=str(path))
    with first, second:
        owner = f"{path} is in use by process {first.pid} on host {socket.gethostname()}"
        assert health_is(second, "usedByAnother")["error"].startswith(owner)
        second.store_rest(series("second"))
        first.store_rest(series("first"))
        for path_of in ("/patients", "/studies", "/jobs"):
            problem = second.session.get(f"/imaging{path_of}")
            assert (problem.status_code, problem.json()["code"]) == (503, "sidecarUnavailable")
            assert problem.json()["detail"].startswith(owner)
        assert ask(second, "second").status_code == 503
        wait_equal(first)
        assert len(ask(first, "first").json()["matches"]) == 1
        assert owner in "\n".join(log_lines(second))
        first.kill()
        wait_equal(second)
        assert len(ask(second, "second").json()["matches"]) == 1
        assert ask(second, "first").status_code == 404
        assert len(log_lines(second)) == 2, log_lines(second)


def test_a_network_file_system_is_refused_by_name(
    made: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orthanc sees a /proc/self/mountinfo that says so; there is no NFS server here."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:50 / {tmp_path} rw - nfs4 server:/export rw\n"
    )
    real = shutil.which("Orthanc", path=os.environ["PATH"] + ":/usr/sbin")
    wrapper = tmp_path / "bin" / "Orthanc"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f"""#!/bin/sh
exec unshare --mount sh -c 'mount --bind {mounts} /proc/$$/mountinfo && exec "$0" "$@"' {real} "$@"
"""
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    with made() as server:
        error = health_is(server, "networkFileSystem")["error"]
        assert "nfs4" in error
        assert str(sidecar(server)) in error
        server.store_rest(series("patient"))
        assert ask(server, "patient").status_code == 503
        assert not sidecar(server).exists()


# A file that cannot be written for a while


@contextmanager
def storing(server: OrthancServer, patient: str) -> Iterator[list[float]]:
    """Store all the while; the list is how long each store took. A store that fails fails the test."""
    took: list[float] = []
    stop = threading.Event()
    errors: list[BaseException] = []

    def store() -> None:
        session = server.new_session()
        try:
            while not stop.is_set():
                for file in series(patient):
                    began = time.monotonic()
                    session.post("/instances", data=file).raise_for_status()
                    took.append(time.monotonic() - began)
                    time.sleep(0.02)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=store)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()
    assert errors == []


LOCKED_SECONDS = 20.0


def test_a_lock_of_another_process_holds_up_no_store_and_no_answer(made: Server) -> None:
    with made() as server:
        stored = server.store_rest(series("patient"))
        wait_equal(server)
        hold = (
            "import sqlite3, sys, time\n"
            "c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN EXCLUSIVE')\n"
            f"print('held', flush=True); time.sleep({LOCKED_SECONDS})"
        )
        with storing(server, "meanwhile") as took:
            other = subprocess.Popen(
                ["/usr/bin/python3", "-c", hold, str(sidecar(server))], stdout=subprocess.PIPE, text=True
            )
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            since = health_is(server, "locked")["since"]
            ready = server.session.get("/imaging/health/ready")
            assert (ready.status_code, ready.json()["state"]) == (503, "failing")
            assert server.session.get("/imaging/health/live").status_code == 200
            server.session.delete(f"/instances/{stored[0]['ID']}").raise_for_status()
            answer = ask(server, "patient")
            assert len(answer.json()["matches"]) == 1
            began = time.monotonic()
            asked = server.session.post(f"/imaging/studies/{stored[0]['ParentStudy']}/index")
            assert (asked.status_code, asked.json()["code"]) == (503, "sidecarUnavailable")
            assert time.monotonic() - began < 5.0
            other.wait(LOCKED_SECONDS + 5)
            assert server.health()["since"] == since
        wait_equal(server)
        assert max(took) < 2.0, f"a store took {max(took)} s"
        assert len(took) > 100
        assert len(log_lines(server)) == 2, log_lines(server)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"A FULL DISK IS NOT TESTED HERE: a tmpfs cannot be mounted ({mounted.stderr.strip()})")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("at_start", [False, True])
def test_a_full_disk_holds_up_no_store_and_passes(made: Server, small_disk: Path, at_start: bool) -> None:
    ballast = small_disk / "ballast"

    def fill() -> None:
        file = os.open(ballast, os.O_CREAT | os.O_WRONLY)
        with suppress(OSError):
            while True:
                os.write(file, b"x" * 4096)
        os.close(file)

    server = made(SidecarPath=str(small_disk / "index.sqlite"))
    if at_start:
        fill()
    with server:
        if not at_start:
            server.store_rest(series("patient"))
            wait_equal(server)
            fill()
        with storing(server, "meanwhile") as took:
            since = health_is(server, "diskFull")["since"]
            time.sleep(3.0)
            assert health_is(server, "diskFull")["since"] == since
            assert (ask(server, "patient").status_code == 200) == (not at_start)
        assert max(took) < 2.0
        ballast.unlink()
        wait_equal(server)
        assert len(log_lines(server)) == 2, log_lines(server)
        assert len(ask(server, "meanwhile").json()["matches"]) > 0
