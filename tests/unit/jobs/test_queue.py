"""The queue: order, joining, cancelling, retrying, recovering."""

import sqlite3
from typing import Any

import pytest

from longitudinal.errors import Conflict, NotFound, SidecarUnavailable
from longitudinal.jobs.queue import JobQueue
from longitudinal.sidecar.jobs import Job, JobRequest, JobState, Priority

KINDS = frozenset({"index"})


def asked(subject: str, rank: str = "") -> JobRequest:
    return JobRequest("index", subject, Priority.ASKED, rank)


def found(subject: str, rank: str = "") -> JobRequest:
    return JobRequest("index", subject, Priority.BACKFILL, rank)


def start(queue: JobQueue) -> Job:
    job = queue.start_next(KINDS)
    assert job is not None
    return job


def run_all(queue: JobQueue) -> list[str]:
    """The subjects in the order they are done."""
    done = []
    while (job := queue.start_next(KINDS)) is not None:
        done.append(job.subject)
        queue.finish(job, JobState.DONE, result="{}")
    return done


def test_the_newest_study_first_and_what_was_asked_for_before_all(queue: JobQueue) -> None:
    queue.backfill([found("old", "19990101"), found("none"), found("new", "20240101")])
    queue.enqueue([asked("asked", "19800101")])
    assert run_all(queue) == ["asked", "new", "old", "none"]


def test_a_second_request_joins_the_first_and_hurries_it(queue: JobQueue) -> None:
    queue.backfill([found("a", "2"), found("b", "1")])
    (first,) = queue.enqueue([asked("b")])
    assert queue.enqueue([asked("b")]) == [first]
    assert queue.counts() == {"queued": 2, "running": 0}
    assert run_all(queue) == ["b", "a"]
    assert queue.enqueue([asked("b")]) != [first]


def test_only_jobs_of_ones_own_kind_are_started(queue: JobQueue) -> None:
    queue.enqueue([JobRequest("align", "a")])
    assert queue.start_next(KINDS) is None
    assert start_kind(queue, "align") == "a"


def start_kind(queue: JobQueue, kind: str) -> str:
    job = queue.start_next(frozenset({kind}))
    assert job is not None
    return job.subject


def test_pause_holds_the_backfill_alone_and_outlasts_a_restart(queue: JobQueue, sidecar: Any) -> None:
    queue.backfill([found("a"), found("b")])
    running = start(queue)
    queue.pause(True)
    assert queue.must_make_way(running)
    queue.postpone(running)
    again = JobQueue(*sidecar)
    assert again.is_paused
    assert again.start_next(KINDS) is None
    again.enqueue([asked("b")])
    assert start(again).subject == "b"
    again.pause(False)
    assert start(again).subject == "a"


def test_the_backfill_makes_way_for_what_is_asked_for(queue: JobQueue) -> None:
    queue.backfill([found("a")])
    running = start(queue)
    assert not queue.must_make_way(running)
    queue.enqueue([asked("b")])
    assert queue.must_make_way(running)
    queue.postpone(running)
    assert queue.get(running.id).attempts == 0
    assert run_all(queue) == ["b", "a"]


def test_what_somebody_misses_goes_before_the_rest_and_is_held_by_a_pause(queue: JobQueue) -> None:
    queue.backfill([found("a", "3"), found("b", "2"), found("c", "1")])
    running = start(queue)
    queue.hurry("index", "c")
    assert queue.must_make_way(running)
    queue.hurry("index", "not queued")
    queue.pause(True)
    queue.postpone(running)
    assert queue.start_next(KINDS) is None
    queue.pause(False)
    assert run_all(queue) == ["c", "a", "b"]


def test_cancel(queue: JobQueue) -> None:
    waiting, running = queue.enqueue([asked("later", "1"), asked("now", "2")])
    run = start(queue)
    assert run.id == running
    assert queue.cancel(waiting).state == "cancelled"
    assert not queue.is_cancelled(run)
    assert queue.cancel(running).state == "cancelled"
    assert queue.is_cancelled(run)
    queue.finish(run, JobState.DONE, result="{}")
    assert (queue.get(running).state, queue.is_cancelled(run)) == ("cancelled", False)
    with pytest.raises(Conflict, match="cancelled"):
        queue.cancel(running)
    with pytest.raises(NotFound):
        queue.cancel("none")
    assert queue.start_next(KINDS) is None


def test_cancelled_and_retried_at_once_the_old_run_ends_and_changes_nothing(queue: JobQueue) -> None:
    (job,) = queue.enqueue([asked("a")])
    old = start(queue)
    queue.cancel(job)
    queue.retry(job)
    assert queue.is_cancelled(old)
    new = start(queue)
    assert (new.id, queue.is_cancelled(new)) == (job, False)
    queue.report(old, 0.9, "of the old run")
    queue.finish(old, JobState.DONE, result="{}")
    queue.postpone(old)
    queue.again(old, "died")
    found = queue.get(job)
    assert (found.state, found.attempts, found.stage, found.error) == ("running", 1, "starting", None)
    queue.finish(new, JobState.DONE, result="{}")
    assert queue.get(job).state == "done"


def test_retry(queue: JobQueue) -> None:
    (job,) = queue.enqueue([asked("a")])
    with pytest.raises(Conflict):
        queue.retry(job)
    queue.finish(start(queue), JobState.FAILED, error="no such luck")
    assert (queue.get(job).state, queue.get(job).error) == ("failed", "no such luck")
    queue.retry(job)
    assert (queue.get(job).state, queue.get(job).error, queue.get(job).attempts) == ("queued", None, 0)
    queue.cancel(job)
    queue.enqueue([asked("a")])
    with pytest.raises(Conflict):
        queue.retry(job)


@pytest.mark.parametrize("how", [JobState.FAILED, JobState.CANCELLED])
def test_the_backfill_leaves_alone_what_failed_or_was_cancelled(queue: JobQueue, how: JobState) -> None:
    queue.backfill([found("a")])
    queue.finish(start(queue), how, error="no")
    queue.backfill([found("a")])
    assert queue.start_next(KINDS) is None
    queue.enqueue([asked("a")])
    assert start(queue).subject == "a"


def test_a_job_that_kills_the_server_is_started_three_times(queue: JobQueue) -> None:
    (job,) = queue.enqueue([asked("deadly")])
    for attempt in (1, 2, 3):
        assert (start(queue).id, queue.get(job).attempts) == (job, attempt)
        queue.recover(KINDS, 3)
    assert queue.start_next(KINDS) is None
    assert (queue.get(job).state, queue.get(job).attempts) == ("failed", 3)
    assert "3 times" in str(queue.get(job).error)


def test_finished_jobs_are_forgotten_after_a_week(queue: JobQueue, sidecar: Any) -> None:
    old, new = queue.enqueue([asked("a", "2"), asked("b", "1")])
    for _ in range(2):
        queue.finish(start(queue), JobState.DONE)

    def age(connection: sqlite3.Connection, _: object) -> tuple[()]:
        connection.execute("UPDATE jobs SET finished = '2000-01-01T00:00:00+00:00' WHERE id = ?", (old,))
        return ()

    sidecar[1].submit(age).result()
    queue.recover(KINDS, 3)
    assert [job.id for job in queue.find(None, 10, 0)] == [new]


def test_a_sidecar_that_cannot_be_written_is_said_so(
    queue: JobQueue, sidecar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("longitudinal.sidecar.jobs.enqueue", full)
    monkeypatch.setattr("longitudinal.sidecar.writer._RETRY_SECONDS", 0.01)
    with pytest.raises(SidecarUnavailable, match="full"):
        queue.enqueue([asked("a")])
