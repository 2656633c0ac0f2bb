"""Jobs outlive what does them, so many times; what does them outlives nobody. Workers are halted, so that no job is done."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.data import ROOT
from tests.orthanc.heads import head
from tests.orthanc.processes import command_line, is_alive, session_members
from tests.orthanc.server import OrthancServer

STARTS = 3
WITHIN = 60.0
AT_ONCE = 2.0
IN_PLACE = 19
"""A worker takes the lowest priority once it has arranged to die with Orthanc."""
Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """Orthanc with two studies of one head."""
    settings = {"AlignOnArrival": False}
    server = OrthancServer(tmp_path_factory.mktemp("jobs"), configuration={"Longitudinal": settings})
    with server:
        files = [*head(1), *head(2)]
        server.store_rest(files)
        server.wait_indexed(lambda health: health["instances"] == len(files), within=WITHIN)
        yield server


@pytest.fixture(scope="module")
def job(server: OrthancServer) -> str:
    """An alignment of the two."""
    return ask(server)


def ask(server: OrthancServer) -> str:
    response = server.session.post("/imaging/alignments", json={"patientId": "HEAD"})
    assert response.status_code == 202, response.text
    return str(response.json()["jobs"][0]["id"])


def read(server: OrthancServer, job: str) -> Json:
    found: Json = server.session.get(f"/imaging/jobs/{job}").json()
    return found


def wait_job(server: OrthancServer, job: str, state: str) -> Json:
    server.wait_until(lambda: read(server, job)["state"] == state, WITHIN, f"the job is {state}")
    return read(server, job)


def worker_of(server: OrthancServer) -> int | None:
    """The worker, once it has settled in."""
    for pid in session_members(server.pid):
        try:
            if (
                "longitudinal.jobs.worker" in command_line(pid)
                and os.getpriority(os.PRIO_PROCESS, pid) == IN_PLACE
            ):
                return pid
        except ProcessLookupError:
            pass
    return None


def halted_worker(server: OrthancServer) -> int:
    """Halt the worker as soon as there is one: its task is under way and will not end."""
    pid = server.wait_until(lambda: worker_of(server), WITHIN, "there is a worker")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    return pid


def begin_anew(server: OrthancServer, job: str) -> str:
    """Whatever became of the job before: it, or another like it, waits or runs, and nothing was counted yet."""
    if read(server, job)["state"] == "done":
        return ask(server)
    if read(server, job)["state"] in ("queued", "running"):
        server.session.delete(f"/imaging/jobs/{job}").raise_for_status()
        server.wait_until(lambda: worker_of(server) is None, WITHIN, "its worker is gone")
    assert server.session.post(f"/imaging/jobs/{job}/retry").status_code == 202
    return job


def test_when_orthanc_is_killed_in_it_time_and_again_it_fails(server: OrthancServer, job: str) -> None:
    job = begin_anew(server, job)
    for start in range(1, STARTS + 1):
        worker = halted_worker(server)
        found = read(server, job)
        assert (found["state"], found["attempts"]) == ("running", start)
        os.kill(server.pid, signal.SIGKILL)
        server.wait_until(lambda pid=worker: not is_alive(pid), AT_ONCE, "the worker has died with Orthanc")
        server.kill()
        server.start()
    failed = wait_job(server, job, "failed")
    assert failed["attempts"] == STARTS
    assert f"{STARTS} times" in failed["error"]
    assert worker_of(server) is None


def test_when_its_worker_is_killed_time_and_again_the_pair_fails_with_its_last_error(
    server: OrthancServer, job: str
) -> None:
    job = begin_anew(server, job)
    for start in range(1, STARTS + 1):
        worker = halted_worker(server)
        assert read(server, job)["attempts"] == start
        os.kill(worker, signal.SIGKILL)
        server.wait_until(lambda pid=worker: worker_of(server) != pid, AT_ONCE, "the worker is gone")
    result = wait_job(server, job, "done")["result"]
    (pair,) = result["pairs"]
    assert (result["outcome"], pair["rejection"]) == ("failed", "workerCrashed")
    assert pair["reason"] == f"the worker was killed by signal 9 ({STARTS} times)"


def test_a_stop_leaves_no_process_and_costs_the_job_nothing_and_a_cancel_works_at_once(
    server: OrthancServer, job: str
) -> None:
    job = begin_anew(server, job)
    worker = halted_worker(server)
    server.stop()  # fails when it takes long or leaves a process behind
    assert not is_alive(worker)
    server.start()
    worker = halted_worker(server)
    assert read(server, job)["attempts"] == 1
    began = time.monotonic()
    assert server.session.delete(f"/imaging/jobs/{job}").json()["state"] == "cancelled"
    server.wait_until(lambda: not is_alive(worker), AT_ONCE, "the worker of the cancelled job is dead")
    assert time.monotonic() - began < AT_ONCE
    assert wait_job(server, job, "cancelled")["error"] is None


IMPATIENT = """
import runpy, sys
sys.path.insert(0, {plugin!r})
from longitudinal.jobs import pulse
pulse.SILENT_SECONDS = 3.0
runpy.run_path({main!r})
"""
"""The plugin as it is, but for how long a worker may be silent."""


def test_a_worker_that_was_stopped_is_replaced_and_the_job_goes_on(
    start_orthanc: Any, tmp_path: Path
) -> None:
    script, plugin = tmp_path / "impatient.py", ROOT / "plugin"
    script.write_text(IMPATIENT.format(plugin=str(plugin), main=str(plugin / "main.py")))
    server = start_orthanc(script=script, configuration={"Longitudinal": {"AlignOnArrival": False}})
    server.store_rest([*head(1), *head(2)])
    server.wait_indexed(lambda health: health["instances"] == len(head(1)) + len(head(2)), within=WITHIN)
    job = ask(server)
    worker = halted_worker(server)
    server.wait_until(lambda: silence(server) > 1, AT_ONCE, "health tells that nothing was heard of it")
    server.wait_until(lambda: not is_alive(worker), WITHIN, "it is replaced")
    done = wait_job(server, job, "done")
    assert (done["attempts"], done["result"]["outcome"]) == (2, "aligned")
    assert "gave no sign of life for 3 s" in server.log
    assert server.health()["runningJobs"] == []


def silence(server: OrthancServer) -> float:
    """How long nothing was heard of what does the one job that runs."""
    (running,) = server.health()["runningJobs"]
    assert (running["kind"], running["ageSeconds"] > 0) == ("align", True)
    return float(running["silentSeconds"] or 0)
