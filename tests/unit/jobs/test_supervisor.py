"""The thread that does jobs."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from longitudinal.jobs import supervisor as module
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import Handler, JobContext, JobCrashed, Supervisor
from longitudinal.sidecar.tables.jobs import Job, JobRequest, JobState, Priority

WITHIN = 5.0
Start = Callable[..., Supervisor]


@pytest.fixture
def start(queue: JobQueue) -> Iterator[Start]:
    started = []

    def begin(handler: Handler, is_receiving: Callable[[], bool] = lambda: False) -> Supervisor:
        supervisor = Supervisor(queue, {"work": handler}, is_receiving)
        started.append(supervisor)
        supervisor.start()
        return supervisor

    yield begin
    for supervisor in started:
        supervisor.stop()
    assert "longitudinal-jobs" not in {thread.name for thread in threading.enumerate()}


def work(subject: str = "a", priority: int = Priority.ASKED) -> JobRequest:
    return JobRequest("work", subject, priority)


def wait_for(queue: JobQueue, job: str, state: JobState) -> Job:
    deadline = time.monotonic() + WITHIN
    while queue.get(job).state != state:
        assert time.monotonic() < deadline, queue.get(job)
        time.sleep(0.005)
    return queue.get(job)


def endless(context: JobContext) -> None:
    while True:
        context.report(0.5, "half way")
        context.checkpoint()
        time.sleep(0.002)


def test_done_with_a_result(queue: JobQueue, start: Start) -> None:
    start(lambda context: {"subject": context.job.subject})
    (job,) = queue.enqueue([work("it")])
    done = wait_for(queue, job, JobState.DONE)
    assert (done.result, done.progress, done.attempts) == ('{"subject":"it"}', 1.0, 1)
    assert done.started is not None
    assert done.finished is not None
    assert done.created <= done.started <= done.finished


def test_a_part_of_several_reports_its_share_of_the_whole(queue: JobQueue, start: Start) -> None:
    may_end = threading.Event()

    def half_of_the_third_of_four(context: JobContext) -> None:
        context.part(2, 4)
        context.report(0.5, "looking")
        assert may_end.wait(WITHIN)

    start(half_of_the_third_of_four)
    (job,) = queue.enqueue([work("it")])
    wait_for(queue, job, JobState.RUNNING)
    deadline = time.monotonic() + WITHIN
    while queue.get(job).stage != "looking":
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert queue.get(job).progress == 0.625
    may_end.set()
    wait_for(queue, job, JobState.DONE)


def test_one_failure_does_not_end_the_others(queue: JobQueue, start: Start) -> None:
    def picky(context: JobContext) -> None:
        if context.job.subject == "bad":
            raise ValueError("cannot be done")

    start(picky)
    bad, good = queue.enqueue([work("bad"), work("good")])
    wait_for(queue, good, JobState.DONE)
    assert wait_for(queue, bad, JobState.FAILED).error == "cannot be done"


def test_progress_can_be_watched_and_cancel_works_at_once(queue: JobQueue, start: Start) -> None:
    start(endless)
    (job,) = queue.enqueue([work()])
    wait_for(queue, job, JobState.RUNNING)
    deadline = time.monotonic() + WITHIN
    while queue.get(job).stage != "half way":
        assert time.monotonic() < deadline
    assert queue.get(job).progress == 0.5
    assert queue.cancel(job).state == JobState.CANCELLED
    (other,) = queue.enqueue([work("other")])
    wait_for(queue, other, JobState.RUNNING)


def test_stop_puts_a_running_job_back(queue: JobQueue, start: Start) -> None:
    supervisor = start(endless)
    (job,) = queue.enqueue([work()])
    wait_for(queue, job, JobState.RUNNING)
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < WITHIN
    assert (queue.get(job).state, queue.get(job).attempts) == (JobState.QUEUED, 0)


def test_a_full_disk_is_no_fault_of_the_job(
    queue: JobQueue, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AFTER_ERROR_SECONDS", 0.01)
    tries = []

    def unlucky(_: JobContext) -> None:
        tries.append(1)
        if len(tries) < 6:
            raise sqlite3.OperationalError("database or disk is full")

    start(unlucky)
    (job,) = queue.enqueue([work()])
    wait_for(queue, job, JobState.DONE)
    assert len(tries) == 6


def test_the_backfill_steps_back_while_stores_come_in_and_does_not_starve(
    queue: JobQueue, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STEP_BACK_SECONDS", 0.05)

    def five_steps(context: JobContext) -> float:
        began = time.monotonic()
        for _ in range(5):
            context.checkpoint()
        return time.monotonic() - began

    start(five_steps, is_receiving=lambda: True)
    queue.backfill([work("slow", Priority.BACKFILL)])
    slow = queue.latest("work", "slow")
    assert slow is not None
    assert float(wait_for(queue, slow.id, JobState.DONE).result or 0) >= 5 * 0.05
    (asked,) = queue.enqueue([work("fast")])
    assert float(wait_for(queue, asked, JobState.DONE).result or 9) < 0.05


def test_an_interrupted_job_is_taken_up_at_the_next_start(queue: JobQueue, start: Start) -> None:
    (job,) = queue.enqueue([work()])
    assert queue.start_next(frozenset({"work"})) is not None  # and then the process died
    start(lambda context: None)
    assert wait_for(queue, job, JobState.DONE).attempts == 2


def test_what_dies_starts_again_and_fails_with_its_last_error(queue: JobQueue, start: Start) -> None:
    def dies(context: JobContext) -> None:
        raise JobCrashed(f"death {context.job.attempts}")

    start(dies)
    (job,) = queue.enqueue([work()])
    failed = wait_for(queue, job, JobState.FAILED)
    assert (failed.attempts, failed.error) == (module.MAX_ATTEMPTS, "death 3 (3 times)")


def test_one_death_costs_one_start(queue: JobQueue, start: Start) -> None:
    def dies_once(context: JobContext) -> int:
        if context.job.attempts == 1:
            raise JobCrashed("once")
        return context.job.attempts

    start(dies_once)
    (job,) = queue.enqueue([work()])
    done = wait_for(queue, job, JobState.DONE)
    assert (done.result, done.error) == ("2", None)


def test_two_threads_do_two_jobs_at_once_and_each_of_them_once(queue: JobQueue) -> None:
    together = threading.Barrier(2, timeout=WITHIN)
    supervisor = Supervisor(queue, {"work": lambda context: together.wait()}, lambda: False, threads=2)
    jobs = queue.enqueue([work("a"), work("b")])
    supervisor.start()
    try:
        for job in jobs:
            assert wait_for(queue, job, JobState.DONE).attempts == 1
    finally:
        supervisor.stop()


def test_a_job_nobody_asked_for_makes_way_within_a_second_and_is_done_later(
    queue: JobQueue, start: Start
) -> None:
    done: list[str] = []

    def work_until_asked(context: JobContext) -> None:
        while context.job.subject == "arrived" and not done:
            context.checkpoint()
            time.sleep(0.01)
        done.append(context.job.subject)

    start(work_until_asked)
    (arrived,) = queue.enqueue([work("arrived", Priority.ARRIVED)])
    wait_for(queue, arrived, JobState.RUNNING)
    began = time.monotonic()
    (asked,) = queue.enqueue([work("asked")])
    wait_for(queue, asked, JobState.DONE)
    assert time.monotonic() - began < 1.5
    assert wait_for(queue, arrived, JobState.DONE).attempts == 1
    assert done == ["asked", "arrived"]


def test_it_goes_on_where_another_thread_takes_the_one_that_was_asked_for(queue: JobQueue) -> None:
    began = threading.Event()
    may_end = threading.Event()

    def handler(context: JobContext) -> int:
        if context.job.subject == "arrived":
            began.set()
            while not may_end.is_set():
                context.checkpoint()
                time.sleep(0.01)
        return context.job.attempts

    supervisor = Supervisor(queue, {"work": handler}, lambda: False, threads=2)
    supervisor.start()
    try:
        (arrived,) = queue.enqueue([work("arrived", Priority.ARRIVED)])
        assert began.wait(WITHIN)
        for number in range(3):
            (asked,) = queue.enqueue([work(str(number))])
            wait_for(queue, asked, JobState.DONE)
        started = queue.get(arrived).started
        may_end.set()
        assert wait_for(queue, arrived, JobState.DONE).started == started
    finally:
        may_end.set()
        supervisor.stop()
