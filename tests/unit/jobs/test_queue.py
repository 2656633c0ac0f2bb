"""The queue: order, joining, cancelling, retrying, recovering."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from longitudinal.errors import Conflict, NotFound, SidecarUnavailable, TooManyJobs
from longitudinal.jobs.queue import JobQueue
from longitudinal.sidecar.tables import jobs as table
from longitudinal.sidecar.tables.facts import BACKFILL_PAUSED, read_fact
from longitudinal.sidecar.tables.jobs import Job, JobRequest, JobState, Priority

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
    assert queue.is_held(running)
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
    assert not queue.must_make_way(running, KINDS)
    queue.enqueue([asked("b")])
    assert queue.must_make_way(running, KINDS)
    queue.postpone(running)
    assert queue.get(running.id).attempts == 0
    assert run_all(queue) == ["b", "a"]


def test_what_somebody_misses_goes_before_the_rest_and_is_held_by_a_pause(queue: JobQueue) -> None:
    queue.backfill([found("a", "3"), found("b", "2"), found("c", "1")])
    running = start(queue)
    queue.hurry("index", "c")
    queue.enqueue([])  # behind it, on the same writer
    assert queue.must_make_way(running, KINDS)
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

    monkeypatch.setattr("longitudinal.sidecar.tables.jobs.enqueue", full)
    monkeypatch.setattr("longitudinal.sidecar.writer._RETRY_SECONDS", 0.01)
    with pytest.raises(SidecarUnavailable, match="full"):
        queue.enqueue([asked("a")])


# Whose turn it is


def mine(owner: str, subject: str, priority: int = Priority.ASKED, rank: str = "") -> JobRequest:
    return JobRequest("index", subject, priority, rank, owner=owner)


def test_owners_take_turns_whoever_asked_for_more(queue: JobQueue) -> None:
    queue.enqueue([mine("ann", f"a{number}", rank=str(9 - number)) for number in range(5)])
    queue.enqueue([mine("bob", "b0", rank="2"), mine("bob", "b1", rank="1")])
    queue.enqueue([mine("", "c0")])
    done = run_all(queue)
    assert sorted(done[:3]) == ["a0", "b0", "c0"]
    assert done[3:] == ["a1", "b1", "a2", "a3", "a4"]


def test_who_comes_late_has_the_next_turn(queue: JobQueue) -> None:
    queue.enqueue([mine("ann", f"a{number}") for number in range(3)])
    queue.finish(start(queue), JobState.DONE)
    queue.enqueue([mine("bob", "b")])
    assert start(queue).subject == "b"


def test_turns_are_taken_within_a_priority(queue: JobQueue) -> None:
    queue.enqueue([mine("ann", "a"), mine("ann", "waited for", Priority.WAITED_FOR)])
    queue.enqueue([mine("bob", "b")])
    assert run_all(queue) == ["waited for", "b", "a"]


def test_what_nobody_waits_for_any_more_was_asked_for_still(queue: JobQueue) -> None:
    (job,) = queue.enqueue([mine("ann", "a", Priority.WAITED_FOR)])
    queue.relax(job)
    queue.enqueue([])
    assert queue.get(job).priority == Priority.ASKED
    (held,) = queue.enqueue([mine("ann", "b", Priority.WAITED_FOR)])
    queue.recover(KINDS, 3)  # the server was started anew
    assert queue.get(held).priority == Priority.ASKED


def test_with_so_many_waiting_a_user_is_told_to_come_back_and_others_are_not(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longitudinal.jobs.queue.MOST_WAITING", 3)
    queue.enqueue([mine("ann", "a0")])
    queue.enqueue([mine("ann", f"a{number}") for number in range(1, 6)])  # one request is taken as a whole
    with pytest.raises(TooManyJobs) as error:
        queue.enqueue([mine("ann", "a9")])
    assert (error.value.status, error.value.code, error.value.retry_after) == (429, "tooManyJobs", 30)
    assert queue.latest("index", "a9") is None
    queue.enqueue([mine("bob", "b")])
    queue.backfill([found(f"f{number}") for number in range(9)])
    queue.enqueue([JobRequest("index", "arrived", Priority.ARRIVED)])  # nobody's
    with pytest.raises(TooManyJobs):
        queue.enqueue([mine("ann", "a1")])
    while queue.counts()["queued"] > 11:
        queue.finish(start(queue), JobState.DONE)
    queue.enqueue([mine("ann", "a9")])


def test_a_retry_is_a_job_of_who_asks_for_it_and_counts(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longitudinal.jobs.queue.MOST_WAITING", 1)
    (job,) = queue.enqueue([mine("ann", "a", Priority.WAITED_FOR)])
    queue.finish(start(queue), JobState.FAILED, error="no")
    queue.enqueue([mine("bob", "b")])
    with pytest.raises(TooManyJobs):
        queue.retry(job, "bob")
    assert (queue.retry(job, "cid").owner, queue.get(job).priority) == ("cid", Priority.ASKED)


def test_what_nobody_had_asked_for_belongs_to_who_asks_for_it(queue: JobQueue) -> None:
    queue.backfill([found("a"), found("b")])
    (job,) = queue.enqueue([mine("ann", "a")])
    queue.enqueue([mine("bob", "a")])
    other = queue.latest("index", "b")
    assert other is not None
    assert (queue.get(job).owner, other.owner) == ("ann", "")


def test_an_alignment_nobody_asked_for_makes_way_but_not_for_ever(queue: JobQueue) -> None:
    kinds = frozenset({"align", "refine"})
    queue.enqueue([JobRequest("align", "s", Priority.ARRIVED)])
    for time in range(6):
        running = queue.start_next(kinds)
        assert running is not None
        assert running.kind == "align"
        assert not queue.must_make_way(running, kinds)
        queue.enqueue([JobRequest("refine", str(time), Priority.ASKED, owner="ann")])
        assert queue.must_make_way(running, kinds) == (time < 5)
        queue.make_way(running)
        queue.postpone(running)
        refined = queue.start_next(kinds)
        assert refined is not None
        assert refined.kind == "refine"
        queue.enqueue([JobRequest("refine", "urgent", Priority.WAITED_FOR, owner="bob")])
        assert not queue.must_make_way(refined, kinds), "somebody asked for it"
        queue.finish(refined, JobState.DONE)
        urgent = queue.start_next(kinds)
        assert urgent is not None
        queue.finish(urgent, JobState.DONE)


def test_the_next_job_is_found_by_seeks_however_many_wait(queue: JobQueue, sidecar: Any) -> None:
    queue.enqueue([mine("ann", f"a{number}") for number in range(2_000)])
    queue.enqueue([mine("bob", "b")])
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection = sidecar[0].connection()
    connection.set_progress_handler(step, 100)
    job = table.next_job(connection, KINDS, 0, lambda owner: {"ann": 1}.get(owner, 0))
    counted, steps = steps, 0
    assert table.count_waiting(connection, "ann") == 2_000
    connection.set_progress_handler(None, 0)
    assert job is not None
    assert (job.subject, counted) == ("b", pytest.approx(5, abs=5))


# What somebody misses


def test_a_study_missed_before_its_job_exists_is_hurried_when_the_job_comes(queue: JobQueue) -> None:
    queue.hurry("index", "c")
    queue.hurry("index", "c")
    queue.backfill([found("a", "3"), found("b", "2"), found("c", "1")])
    assert run_all(queue) == ["c", "a", "b"]


def test_a_study_missed_again_after_its_job_was_cancelled_is_hurried_again(queue: JobQueue) -> None:
    queue.backfill([found("c", "1")])
    queue.hurry("index", "c")
    queue.enqueue([])
    job = queue.latest("index", "c")
    assert job is not None
    queue.cancel(job.id)
    queue.enqueue([JobRequest("index", "c", Priority.BACKFILL, "1"), found("a", "2")])
    queue.hurry("index", "c")
    queue.enqueue([])  # behind it, on the same writer
    assert run_all(queue) == ["c", "a"]


def test_what_could_not_be_hurried_is_hurried_the_next_time(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.backfill([found("a", "3"), found("c", "1")])
    with monkeypatch.context() as patch:
        patch.setattr(table, "hurry", _full)
        queue.hurry("index", "c")
        queue.pause(False)
    queue.hurry("index", "c")
    queue.enqueue([])  # behind it, on the same writer
    assert run_all(queue) == ["c", "a"]


def _full(*_: object) -> None:
    raise sqlite3.IntegrityError("a statement that fails")


def test_what_was_missed_and_done_is_ordinary_the_next_time(queue: JobQueue) -> None:
    queue.hurry("index", "c")
    queue.backfill([found("c", "1")])
    assert run_all(queue) == ["c"]
    queue.backfill([found("a", "2"), found("c", "1")])
    assert run_all(queue) == ["a", "c"]


def test_a_thousand_who_miss_the_same_study_write_once(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(table, "hurry", lambda connection, kind, subject: written.append(subject))
    together(8, lambda _: [queue.hurry("index", "c") for _ in range(125)])
    queue.enqueue([])
    assert written == ["c"]


# Many threads


def together(count: int, work: Callable[[int], object]) -> None:
    """Run the same on some threads at once."""
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


@pytest.mark.parametrize("repetition", range(3))
def test_of_those_who_pause_and_resume_at_once_the_last_one_written_holds(
    queue: JobQueue, sidecar: Any, repetition: int
) -> None:
    def toggle(number: int) -> None:
        for turn in range(5):
            queue.pause((number + turn + repetition) % 2 == 0)
            assert queue.is_paused in (True, False)

    together(4, toggle)
    assert queue.is_paused == (read_fact(sidecar[0].connection(), BACKFILL_PAUSED) == "true")


def test_each_job_is_started_once_however_many_threads_look(queue: JobQueue) -> None:
    queue.enqueue([mine(f"u{number % 3}", f"s{number}") for number in range(40)])
    started: list[str] = []

    def work(_: int) -> None:
        while (job := queue.start_next(KINDS)) is not None:
            started.append(job.subject)
            queue.beat(job, 0.0)
            assert not queue.is_cancelled(job)
            queue.running()
            queue.finish(job, JobState.DONE)

    together(4, work)
    assert sorted(started) == sorted(f"s{number}" for number in range(40))
    assert queue.running() == []
