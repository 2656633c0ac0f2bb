"""The table of jobs: queued, running and finished. Functions that change it run on the writer."""

import sqlite3
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

# Finished jobs are kept this long.
_KEEP = timedelta(days=7)
# The backfill does not retry a failed subject for this long; a person can retry it at once.
_LEAVE_FAILED = timedelta(days=1)


class JobState(StrEnum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Priority:
    """Larger goes first."""

    BACKFILL = 0
    HURRIED = 5  # a pause holds it too
    ARRIVED = 7  # for what has just been stored; requested by nobody, so a pause holds it too
    ASKED = 10
    WAITED_FOR = 15  # a request waits for it at this moment


class JobRequest(msgspec.Struct, frozen=True):
    """Something to be done once.

    Attributes
    ----------
    subject
        What the job is about; a second request of the same kind and subject joins the first until that is finished.
    rank
        Among jobs of one priority the greatest rank goes first: a StudyDate, so that the newest study does.
    parameters
        JSON, for the kind's own use.
    owner
        The user who asked, as authenticated by Orthanc; empty if nobody asked or the user is unknown.
    """

    kind: str
    subject: str
    priority: int = Priority.ASKED
    rank: str = ""
    parameters: str = "{}"
    owner: str = ""


class Job(msgspec.Struct, frozen=True):
    """One row. `progress` is 0..1, `result` and `parameters` JSON, times ISO 8601 in UTC; `attempts` counts starts.

    `owner` is the user who asked, empty if nobody did; `memory` is what the job found before it was interrupted, JSON of its
    kind.
    """

    id: str
    kind: str
    subject: str
    priority: int
    rank: str
    parameters: str
    state: JobState
    progress: float
    stage: str
    attempts: int
    error: str | None
    result: str | None
    created: str
    started: str | None
    finished: str | None
    owner: str = ""
    memory: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is not finished."""
        return self.state in (JobState.QUEUED, JobState.RUNNING)


_COLUMNS = """id, kind, subject, priority, rank, parameters, state, progress, stage, attempts, error, result, created,
    started, finished, owner, memory"""


def read_job(connection: sqlite3.Connection, job_id: str) -> Job | None:
    """One job; None if there is none (any more)."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def read_jobs(connection: sqlite3.Connection, state: str | None, limit: int, offset: int) -> list[Job]:
    """Jobs, the newest first."""
    rows = connection.execute(
        f"""SELECT {_COLUMNS} FROM jobs WHERE state = coalesce(?, state) ORDER BY created DESC, id
        LIMIT ? OFFSET ?""",
        (state, limit, offset),
    )
    return [_job(row) for row in rows]


def latest_job(connection: sqlite3.Connection, kind: str, subject: str) -> Job | None:
    """The newest job of a kind about a subject."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE kind = ? AND subject = ? ORDER BY created DESC LIMIT 1",
        (kind, subject),
    ).fetchone()
    return None if row is None else _job(row)


def next_job(
    connection: sqlite3.Connection, kinds: frozenset[str], lowest: int, served: Callable[[str], int]
) -> Job | None:
    """The queued job to start next, of some kinds and at least a priority.

    The greatest priority; of that, a job of the owner who was `served` longest ago; of these by rank, then the oldest.
    Each step is a seek in an index, however many wait. All read one snapshot: another thread may start a job meanwhile.
    """
    connection.execute("BEGIN")
    try:
        return _next_job(connection, kinds, lowest, served)
    finally:
        connection.execute("COMMIT")


def _next_job(
    connection: sqlite3.Connection, kinds: frozenset[str], lowest: int, served: Callable[[str], int]
) -> Job | None:
    priorities = {kind: _greatest_priority(connection, kind, lowest) for kind in sorted(kinds)}
    priority = max((found for found in priorities.values() if found is not None), default=None)
    if priority is None:
        return None
    urgent = [kind for kind, found in priorities.items() if found == priority]
    owners = {owner for kind in urgent for owner in _owners(connection, kind, priority)}
    owner = min(owners, key=lambda one: (served(one), one))
    jobs = [job for kind in urgent for job in _first_of(connection, kind, priority, owner)]
    oldest = sorted(jobs, key=lambda job: job.created)
    return max(oldest, key=lambda job: job.rank)


def _greatest_priority(connection: sqlite3.Connection, kind: str, lowest: int) -> int | None:
    row = connection.execute(
        "SELECT max(priority) FROM jobs WHERE state = 'queued' AND kind = ? AND priority >= ?", (kind, lowest)
    ).fetchone()
    return None if row[0] is None else int(row[0])


def _owners(connection: sqlite3.Connection, kind: str, priority: int) -> Iterable[str]:
    """The owners of waiting jobs, each found by a seek that skips the jobs of the owner before."""
    query = "SELECT min(owner) FROM jobs WHERE state = 'queued' AND kind = ? AND priority = ?"
    (owner,) = connection.execute(query, (kind, priority)).fetchone()
    while owner is not None:
        yield owner
        (owner,) = connection.execute(f"{query} AND owner > ?", (kind, priority, owner)).fetchone()


def _first_of(connection: sqlite3.Connection, kind: str, priority: int, owner: str) -> list[Job]:
    rows = connection.execute(
        f"""SELECT {_COLUMNS} FROM jobs WHERE state = 'queued' AND kind = ? AND priority = ? AND owner = ?
        ORDER BY rank DESC, created LIMIT 1""",
        (kind, priority, owner),
    )
    return [_job(row) for row in rows]


def is_waiting_above(connection: sqlite3.Connection, kinds: frozenset[str], priority: int) -> bool:
    """Whether a more urgent job of these kinds waits."""
    query = "SELECT 1 FROM jobs WHERE state = 'queued' AND kind = ? AND priority > ? LIMIT 1"
    return any(connection.execute(query, (kind, priority)).fetchone() for kind in kinds)


def count_waiting(connection: sqlite3.Connection, owner: str) -> int:
    """How many waiting jobs an owner has asked for."""
    row = connection.execute(
        "SELECT count(*) FROM jobs WHERE state = 'queued' AND owner = ? AND priority >= ?",
        (owner, Priority.ASKED),
    ).fetchone()
    return int(row[0])


def count_jobs(connection: sqlite3.Connection) -> dict[str, int]:
    """How many jobs are queued and running."""
    rows = connection.execute(
        "SELECT state, count(*) FROM jobs WHERE state IN ('queued', 'running') GROUP BY state"
    )
    return {"queued": 0, "running": 0} | {row[0]: int(row[1]) for row in rows}


def counts_by_kind(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """Kind, state, and how many jobs there are, those of the past week included."""
    rows = connection.execute("SELECT kind, state, count(*) FROM jobs GROUP BY kind, state")
    return [(str(row[0]), str(row[1]), int(row[2])) for row in rows]


def enqueue(connection: sqlite3.Connection, request: JobRequest) -> str:
    """Queue a job, or join the one there is and hurry it; returns its id.

    A waiting job takes over the parameters of a request that is at least as urgent. The first user who asks for a job that
    nobody had asked for becomes its owner.
    """
    row = connection.execute(
        """UPDATE jobs SET priority = max(priority, ?1),
        parameters = CASE WHEN state = 'queued' AND ?1 >= priority THEN ?4 ELSE parameters END,
        memory = CASE WHEN state = 'queued' AND ?1 >= priority AND parameters <> ?4 THEN NULL ELSE memory END,
        owner = CASE WHEN owner = '' THEN ?5 ELSE owner END
        WHERE kind = ?2 AND subject = ?3 AND state IN ('queued', 'running') RETURNING id""",
        (request.priority, request.kind, request.subject, request.parameters, request.owner),
    ).fetchone()
    if row is not None:
        return str(row[0])
    job_id = uuid.uuid4().hex
    connection.execute(
        """INSERT INTO jobs (id, kind, subject, priority, rank, parameters, owner, state, progress, stage, attempts, created)
        VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', 0, 'waiting', 0, ?)""",
        (
            job_id,
            request.kind,
            request.subject,
            request.priority,
            request.rank,
            request.parameters,
            request.owner,
            _now(),
        ),
    )
    return job_id


def hurry(connection: sqlite3.Connection, kind: str, subject: str) -> None:
    """Move a waiting job ahead of the rest of the backfill."""
    connection.execute(
        "UPDATE jobs SET priority = ? WHERE kind = ? AND subject = ? AND state = 'queued' AND priority < ?",
        (Priority.HURRIED, kind, subject, Priority.HURRIED),
    )


def relax(connection: sqlite3.Connection, job_id: str) -> None:
    """No request waits for a job any more; it keeps the priority of a job that was asked for."""
    connection.execute(
        "UPDATE jobs SET priority = ? WHERE id = ? AND priority = ? AND state IN ('queued', 'running')",
        (Priority.ASKED, job_id, Priority.WAITED_FOR),
    )


def has_failed_lately(connection: sqlite3.Connection, kind: str, subject: str) -> bool:
    """Whether the newest job about a subject failed or was cancelled within the last day."""
    job = latest_job(connection, kind, subject)
    if job is None or job.state not in (JobState.FAILED, JobState.CANCELLED):
        return False
    return (job.finished or "") > _now(-_LEAVE_FAILED)


def start(connection: sqlite3.Connection, job_id: str) -> bool:
    """Mark a queued job as running; False if it is no longer queued."""
    changed = connection.execute(
        """UPDATE jobs SET state = 'running', attempts = attempts + 1, started = ?, progress = 0, stage = 'starting',
        error = NULL WHERE id = ? AND state = 'queued'""",
        (_now(), job_id),
    )
    return changed.rowcount == 1


# The functions below concern one run of a job: a job that was cancelled and queued again ignores its earlier run.
_RUN = "id = ? AND started = ? AND state = 'running'"


def report(connection: sqlite3.Connection, run: Job, progress: float, stage: str) -> None:
    """Write the progress of a running job."""
    connection.execute(
        f"UPDATE jobs SET progress = ?, stage = ? WHERE {_RUN}", (progress, stage, run.id, run.started)
    )


def forgive(connection: sqlite3.Connection, run: Job) -> None:
    """Reset the number of starts of a running job to one."""
    connection.execute(f"UPDATE jobs SET attempts = 1 WHERE {_RUN}", (run.id, run.started))


def remember(connection: sqlite3.Connection, run: Job, memory: str) -> None:
    """Write what a running job has found so far."""
    connection.execute(f"UPDATE jobs SET memory = ? WHERE {_RUN}", (memory, run.id, run.started))


def finish(
    connection: sqlite3.Connection, run: Job, state: JobState, *, error: str | None = None, result: str | None = None
) -> None:  # fmt: skip
    """A running job ended; one that was cancelled meanwhile stays cancelled."""
    connection.execute(
        f"""UPDATE jobs SET state = ?, error = ?, result = ?, finished = ?, stage = ?, memory = NULL,
        progress = CASE WHEN ? = 'done' THEN 1.0 ELSE progress END WHERE {_RUN}""",
        (state, error, result, _now(), state, state, run.id, run.started),
    )


def postpone(connection: sqlite3.Connection, run: Job) -> None:
    """Queue a running job again; this start does not count."""
    connection.execute(
        f"UPDATE jobs SET state = 'queued', attempts = attempts - 1, stage = 'waiting', started = NULL WHERE {_RUN}",
        (run.id, run.started),
    )


def again(connection: sqlite3.Connection, run: Job, error: str) -> None:
    """The worker of a running job died: queue the job again, with the error."""
    connection.execute(
        f"UPDATE jobs SET state = 'queued', stage = 'waiting', started = NULL, error = ? WHERE {_RUN}",
        (error, run.id, run.started),
    )


def cancel(connection: sqlite3.Connection, job_id: str) -> bool:
    """Cancel a job; False when it is finished."""
    changed = connection.execute(
        """UPDATE jobs SET state = 'cancelled', stage = 'cancelled', finished = ?
        WHERE id = ? AND state IN ('queued', 'running')""",
        (_now(), job_id),
    )
    return changed.rowcount == 1


def retry(connection: sqlite3.Connection, job_id: str, owner: str) -> bool:
    """Queue a failed or cancelled job again, for who asks now.

    False if it is neither, or another job of the same subject is active.
    """
    changed = connection.execute(
        """UPDATE jobs SET state = 'queued', stage = 'waiting', attempts = 0, progress = 0, error = NULL, result = NULL,
        memory = NULL, started = NULL, finished = NULL, priority = ?, owner = ?
        WHERE id = ? AND state IN ('failed', 'cancelled')
        AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.kind = jobs.kind AND o.subject = jobs.subject
            AND o.state IN ('queued', 'running'))""",
        (Priority.ASKED, owner, job_id),
    )
    return changed.rowcount == 1


def recover(connection: sqlite3.Connection, kinds: frozenset[str], max_attempts: int) -> None:
    """After a restart: queue the jobs that were running again, or fail those that were started too often."""
    marks = ", ".join("?" * len(kinds))
    which = f"state = 'running' AND kind IN ({marks})"
    connection.execute(
        f"""UPDATE jobs SET state = 'failed', stage = 'failed', finished = ?,
        error = coalesce(error, 'started ' || attempts || ' times, and Orthanc ended each time before it did')
        WHERE {which} AND attempts >= ?""",
        (_now(), *sorted(kinds), max_attempts),
    )
    connection.execute(
        f"UPDATE jobs SET state = 'queued', stage = 'waiting', started = NULL WHERE {which}",
        tuple(sorted(kinds)),
    )
    connection.execute(
        f"UPDATE jobs SET priority = ? WHERE state = 'queued' AND priority = ? AND kind IN ({marks})",
        (Priority.ASKED, Priority.WAITED_FOR, *sorted(kinds)),  # the requests that waited are gone
    )
    connection.execute("DELETE FROM jobs WHERE finished < ?", (_now(-_KEEP),))


def _job(row: sqlite3.Row) -> Job:
    values = dict(zip(row.keys(), tuple(row), strict=True))
    return Job(**values | {"state": JobState(values["state"])})


def _now(shift: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + shift).isoformat(timespec="microseconds")
