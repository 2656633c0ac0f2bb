"""/jobs: what is queued, running and done."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from longitudinal.access.roles import Need
from longitudinal.errors import Conflict, NotFound, SidecarUnavailable, TooManyJobs
from longitudinal.http.router import Call, Route
from longitudinal.jobs.queue import JobQueue
from longitudinal.sidecar.tables.jobs import Job, JobState

# Of the result of one of up to a thousand jobs in a list.
_LONGEST_LISTED = 64 * 1024
State = Literal["queued", "running", "done", "failed", "cancelled"]


class JobsQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which jobs."""

    state: State | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0


class JobAnswer(msgspec.Struct, rename="camel", frozen=True):
    """One job.

    `subject` is what it is about, the Orthanc id of a study; of a refined point that of the patient, with a digest of the
    question. `progress` is 0..1; `secondsLeft` is null
    where it is not known; `error` says why the last start failed; `result` is the kind's own. `attempts` counts starts.
    `owner` is the user who asked, empty where no user did. Times are ISO 8601 in UTC.
    """

    id: str
    kind: str
    subject: str
    owner: str
    state: State
    progress: float
    stage: str
    seconds_left: float | None
    attempts: int
    error: str | None
    result: msgspec.Raw | None
    created: str
    started: str | None
    finished: str | None


class JobsAnswer(msgspec.Struct, rename="camel", frozen=True):
    """Jobs, the newest first; `queued` and `running` count all of them.

    A `result` of more than 64 KiB, as that of a point refined in hundreds of studies, is null here: ask for the job itself.
    """

    jobs: list[JobAnswer]
    queued: int
    running: int


class JobReference(msgspec.Struct, rename="camel", frozen=True):
    """A job that was queued, or was under way already."""

    id: str


class QueuedAnswer(msgspec.Struct, rename="camel", frozen=True):
    """The jobs that do what was asked for."""

    jobs: list[JobReference]


def job_routes(queue: JobQueue) -> list[Route]:
    """The routes under /jobs."""

    def list_jobs(call: Call[JobsQuery, None]) -> JobsAnswer:
        wanted = call.query
        counts = queue.counts()
        found = queue.find(wanted.state, wanted.limit, wanted.offset)
        return JobsAnswer(
            [answer_of(job, _LONGEST_LISTED) for job in found], counts["queued"], counts["running"]
        )

    def one(_: Call[None, None], job: str) -> JobAnswer:
        return answer_of(queue.get(job))

    def cancel(_: Call[None, None], job: str) -> JobAnswer:
        return answer_of(queue.cancel(job))

    def retry(call: Call[None, None], job: str) -> JobAnswer:
        return answer_of(queue.retry(job, call.actor.name))

    change = (NotFound, Conflict, SidecarUnavailable)
    return [
        Route("GET", "/jobs", list_jobs, "Jobs, the newest first", answer=JobsAnswer, query=JobsQuery),
        Route("GET", "/jobs/{job}", one, "One job", answer=JobAnswer, errors=(NotFound,)),
        Route("DELETE", "/jobs/{job}", cancel, "Cancel a job, at once", answer=JobAnswer, errors=change, need=Need.VIEW),
        Route(
            "POST", "/jobs/{job}/retry", retry, "Queue a failed or cancelled job again", answer=JobAnswer, status=202,
            errors=(*change, TooManyJobs), need=Need.VIEW,
        ),
    ]  # fmt: skip


def answer_of(job: Job, longest_result: int | None = None) -> JobAnswer:
    """A job as the API shows it; without its result where that has more than so many characters."""
    is_long = longest_result is not None and job.result is not None and len(job.result) > longest_result
    return JobAnswer(
        id=job.id,
        kind=job.kind,
        subject=job.subject,
        owner=job.owner,
        state=job.state.value,
        progress=job.progress,
        stage=job.stage,
        seconds_left=_seconds_left(job),
        attempts=job.attempts,
        error=job.error,
        result=None if job.result is None or is_long else msgspec.Raw(job.result.encode()),
        created=job.created,
        started=job.started,
        finished=job.finished,
    )


def _seconds_left(job: Job) -> float | None:
    if job.state != JobState.RUNNING or job.started is None or not job.progress:
        return None
    elapsed = (datetime.now(UTC) - datetime.fromisoformat(job.started)).total_seconds()
    return round(elapsed * (1 - job.progress) / job.progress, 1)
