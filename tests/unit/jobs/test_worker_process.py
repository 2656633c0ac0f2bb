"""A worker as Orthanc's process sees it, with small programs in its place."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs import pulse
from longitudinal.jobs.messages import AlignTask, ScanPlanes
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import ArchiveSilent, JobCancelled, JobContext, JobCrashed
from longitudinal.jobs.worker_process import NoInterpreter, TaskFailed, WorkerProcess, Workplace
from longitudinal.settings import Acceptance
from longitudinal.sidecar.tables.jobs import JobRequest

SCAN = ScanPlanes(np.zeros(1, PLANE).tobytes(), ["i"], [1], "CT")
TASK = AlignTask(SCAN, SCAN, "rigid", 1, Acceptance())
REGISTERED = (
    '{"type": "registered", "movingFromFixed": [], "grid": null, "engine": "e", "quality": {"blocks": 1}, '
    '"expectedErrorMm": 1.5, "rejection": null, "reason": null, "seconds": 1, "peakMib": %d}'
)
Hire = Callable[[str], WorkerProcess]


@pytest.fixture
def hire(tmp_path: Path) -> Iterator[Hire]:
    """A worker that runs a shell script: `read task` waits for a task."""
    hired = []

    def make(script: str) -> WorkerProcess:
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        hired.append(
            WorkerProcess(Workplace(program, "http://127.0.0.1:1", lambda: "Bearer secret", 2, 1024))
        )
        return hired[-1]

    yield make
    for worker in hired:
        worker.close()


@pytest.fixture
def context(queue: JobQueue) -> JobContext:
    queue.enqueue([JobRequest("align", "s")])
    job = queue.start_next(frozenset({"align"}))
    assert job is not None
    return JobContext(job, queue, threading.Event(), lambda: False)


def test_progress_then_the_answer_and_the_same_process_for_the_next(
    hire: Hire, context: JobContext, queue: JobQueue
) -> None:
    loop = f"""while read task; do
        echo '{{"type": "progress", "stage": "search", "progress": 0.5}}'
        echo '{REGISTERED}' | sed "s/%d/$$/"
    done"""
    worker = hire(loop)
    first, second = worker.run(TASK, context), worker.run(TASK, context)
    assert first == second  # peakMib is the pid
    assert first.quality == {"blocks": 1}  # type: ignore[union-attr]
    queue.enqueue([])  # behind the report, on the same writer
    assert (queue.get(context.job.id).stage, queue.get(context.job.id).progress) == ("search", 0.5)


def test_a_process_that_ended_between_tasks_is_replaced(hire: Hire, context: JobContext) -> None:
    worker = hire(f"read task; echo '{REGISTERED}' | sed \"s/%d/$$/\"")
    first = worker.run(TASK, context)
    time.sleep(0.1)
    assert worker.run(TASK, context) != first


def test_what_it_is_given_and_what_it_is_not(hire: Hire, context: JobContext, tmp_path: Path) -> None:
    os.environ["LONGITUDINAL_TEST_SECRET"] = "x"
    try:
        worker = hire(
            f"env > {tmp_path}/environment; echo $@ > {tmp_path}/arguments; read task; echo '{REGISTERED % 1}'"
        )
        worker.run(TASK, context)
    finally:
        del os.environ["LONGITUDINAL_TEST_SECRET"]
    environment = (tmp_path / "environment").read_text()
    assert "LONGITUDINAL_WORKER_TOKEN=Bearer secret" in environment
    assert f"LONGITUDINAL_WORKER_PARENT={os.getpid()}" in environment
    assert "LONGITUDINAL_TEST_SECRET" not in environment
    assert (tmp_path / "arguments").read_text().split() == ["-m", "longitudinal.jobs.worker"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("read task; kill -SEGV $$", "killed by signal 11"),
        ("read task; echo out of luck >&2; exit 3", "ended with code 3: out of luck"),
        ("exit 1", "ended with code 1"),
    ],
)
def test_a_death_is_a_crash_of_the_job(hire: Hire, context: JobContext, script: str, said: str) -> None:
    with pytest.raises(JobCrashed, match=said):
        hire(script).run(TASK, context)


def test_a_failure_is_final_and_the_process_lives_on(hire: Hire, context: JobContext) -> None:
    worker = hire(
        """read task; echo '{"type": "failed", "error": "no memory"}'
        read task; echo '"""
        + REGISTERED % 7
        + "'"
    )
    with pytest.raises(TaskFailed, match="no memory"):
        worker.run(TASK, context)
    assert worker.run(TASK, context).peak_mib == 7  # type: ignore[union-attr]


def test_a_failure_says_what_kind_it_is_and_of_which_scan(hire: Hire, context: JobContext) -> None:
    failed = '{"type": "failed", "error": "no", "reason": "unreadablePixels", "scan": "moving"}'
    with pytest.raises(TaskFailed, match="no") as error:
        hire(f"read task; echo '{failed}'; read task").run(TASK, context)
    assert (error.value.reason, error.value.scan) == ("unreadablePixels", "moving")


def test_where_orthanc_did_not_answer_the_next_start_has_a_new_token(hire: Hire, context: JobContext) -> None:
    worker = hire('read task; echo \'{"type": "unanswered", "error": "HTTP 401"}\'; read task')
    with pytest.raises(ArchiveSilent, match="HTTP 401"):
        worker.run(TASK, context)
    assert worker._process is None


def test_nonsense_kills_it(hire: Hire, context: JobContext) -> None:
    with pytest.raises(Exception, match="JSON"):
        hire("read task; echo what; sleep 60").run(TASK, context)


def test_cancelled_it_is_dead_at_once(
    hire: Hire, context: JobContext, queue: JobQueue, tmp_path: Path
) -> None:
    worker = hire(f"echo $$ > {tmp_path}/pid; trap '' TERM; read task; exec sleep 60")
    threading.Timer(0.3, queue.cancel, [context.job.id]).start()
    began = time.monotonic()
    with pytest.raises(JobCancelled):
        worker.run(TASK, context)
    assert time.monotonic() - began < 20, "it would have slept for a minute"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)


def test_an_environment_that_is_not_there_is_named(context: JobContext) -> None:
    worker = WorkerProcess(Workplace(Path("/nowhere/python"), "", lambda: "", 1, 1024))
    with pytest.raises(NoInterpreter, match=r"/nowhere/python.*Longitudinal\.Environment"):
        worker.run(TASK, context)


# Signs of life


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "SILENT_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
def test_one_that_hangs_is_killed_and_the_next_task_has_another(
    hire: Hire, context: JobContext, tmp_path: Path
) -> None:
    script = f"""read task
        if [ -e {tmp_path}/pid ]; then echo '{REGISTERED % 9}'; read task; fi
        echo $$ > {tmp_path}/pid; exec sleep 60"""
    worker = hire(script)
    with pytest.raises(JobCrashed, match="no sign of life for 1 s"):
        worker.run(TASK, context)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)
    assert worker.run(TASK, context).peak_mib == 9  # type: ignore[union-attr]


@pytest.mark.usefixtures("impatient")
def test_one_that_is_stopped_and_does_not_even_read_its_task(hire: Hire, context: JobContext) -> None:
    """A task that is larger than a pipe would keep whoever writes it for good."""
    worker = hire("kill -STOP $$; read task")
    large = AlignTask(SCAN, ScanPlanes(SCAN.planes, ["i" * 1_000_000], [1], "CT"), "rigid", 1, Acceptance())
    began = time.monotonic()
    with pytest.raises(JobCrashed, match="no sign of life"):
        worker.run(large, context)
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("impatient")
def test_one_that_computes_says_nothing_and_lives_until_its_stage_has_had_what_it_declared(
    hire: Hire, context: JobContext, queue: JobQueue
) -> None:
    said = '{"type": "progress", "stage": "deform", "progress": 0.5, "longest": 2}'
    began = time.monotonic()
    with pytest.raises(
        JobCrashed, match="more than 2 s of processor time without progress in the stage deform"
    ):
        hire(f"read task; echo '{said}'; while :; do :; done").run(TASK, context)
    assert time.monotonic() - began > 1.5
    (running,) = queue.running()
    assert running.silent_seconds is not None
    assert running.silent_seconds < 1.5
