"""Values over time: the ordinary answer, with what a job measures at each match."""

import time

import msgspec

from longitudinal.errors import FieldError
from longitudinal.http.admission import Admission
from longitudinal.http.job_waits import JobWaits
from longitudinal.http.parse import invalid
from longitudinal.jobs.kinds.measure import MeasuredPlace, measured_at, request_measurement
from longitudinal.jobs.queue import JobQueue
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters, Resolver
from longitudinal.reasons import ValueReason
from longitudinal.sidecar.tables.jobs import Job, JobState
from longitudinal.values.answer import PlaceValues, TimelineAnswer, with_values, without

MOST_SECONDS = 10.0
"""How long a request waits; then its answer names the job, which goes on."""

MOST_MATCHES = 500
"""Of one request: with per: series a patient may have thousands."""


class Measurements:
    """Answers questions about values over time."""

    def __init__(self, resolver: Resolver, queue: JobQueue, admission: Admission) -> None:
        self._resolver = resolver
        self._queue = queue
        self._admission = admission
        self._waits = JobWaits(queue, admission)

    def answer(
        self, question: PixelQuestion | PointQuestion, wanted: QuestionFilters, radius_mm: float, user: str
    ) -> TimelineAnswer:
        """The matches with their values; those that are not measured in time say so, and name the job.

        Raises
        ------
        Busy
            Too many requests wait already.
        InvalidRequest
            There are more matches than are measured at once.
        LongitudinalError
            As `Resolver.find` and `JobQueue.enqueue`.
        """
        until = time.monotonic() + MOST_SECONDS
        with self._admission.held():
            found = self._resolver.find(question, wanted)
            count = len(found.answer.matches)
            if count > MOST_MATCHES:
                detail = f"{count} matches would be measured, the most is {MOST_MATCHES}: name studies in studyInstanceUids"
                raise invalid([FieldError(f"{wanted.pointer}/studyInstanceUids", detail)])
            job = None
            if count:
                request = request_measurement(found.index.orthanc_id, question, wanted, radius_mm, user)
                (job_id,) = self._queue.enqueue([request])
                job = self._waits.finished(self._queue.get(job_id), until)
        # Seconds may have passed, in which an image can be deleted and a transform rejected.
        answer = self._resolver.resolve(question, wanted)
        known = {} if job is None else _measured(job)
        missing = without(ValueReason.STILL_MEASURING) if job is None or job.is_active else _not_done(job)
        return TimelineAnswer(
            point=answer.point,
            radius_mm=radius_mm,
            matches=[with_values(match, known.get(measured_at(match), missing)) for match in answer.matches],
            unresolved=answer.unresolved,
            flags=answer.flags,
            job=job.id if job is not None and job.is_active else None,
        )


def _measured(job: Job) -> dict[object, PlaceValues]:
    """What a job has measured, by where."""
    if job.state != JobState.DONE or job.result is None:
        return {}
    results = msgspec.json.decode(job.result, type=MeasuredPlace).results
    return {result.at: result.values for result in results}


def _not_done(job: Job) -> PlaceValues:
    """What is said of a match that a finished job has no values for: something changed meanwhile, or the job failed."""
    if job.state == JobState.DONE:
        return without(ValueReason.STILL_MEASURING)
    return without(ValueReason.WORKER_FAILED, job.error or f"the job was {job.state}")
