"""`refine` of resolve: the answer with a job beside it, or, after a short wait, with the refined match in it."""

import time

import msgspec

from longitudinal.errors import FieldError
from longitudinal.http.admission import Admission
from longitudinal.http.job_waits import JobWaits
from longitudinal.http.parse import invalid
from longitudinal.jobs.kinds.refine import RefinedPoint, answered_as, request_refinement
from longitudinal.jobs.queue import JobQueue
from longitudinal.points.answer import Answer, RefinedMatch, Refinement
from longitudinal.points.refinement import changed, refinable, same_frame
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters, Resolver
from longitudinal.sidecar.tables.jobs import Job, JobState, Priority

MOST_SECONDS = 10.0
"""How long a request waits; then its answer is the ordinary one, and the job goes on."""

MOST_MATCHES = 100
"""Of one job: each is a registration of seconds."""

_FEWER = "name studies in studyInstanceUids"
_ONE = '"wait" is for one target; name one study in studyInstanceUids (with per: study), or send refine: true'


class Refinements:
    """Answers questions that ask for a refinement."""

    def __init__(self, resolver: Resolver, queue: JobQueue, admission: Admission) -> None:
        self._resolver = resolver
        self._queue = queue
        self._admission = admission
        self._waits = JobWaits(queue, admission)

    def start(self, question: PixelQuestion | PointQuestion, wanted: QuestionFilters, user: str) -> Answer:
        """The ordinary answer, and the job that refines it.

        Raises as `Resolver.find` does, or SidecarUnavailable, or TooManyJobs; InvalidRequest where there is more to refine
        than in one job.
        """
        answer, _ = self._start(question, wanted, user, Priority.ASKED)
        return answer

    def wait(self, question: PixelQuestion | PointQuestion, wanted: QuestionFilters, user: str) -> Answer:
        """The answer with the refined match in it, if that is found soon enough.

        Raises
        ------
        Busy
            Too many requests wait already.
        InvalidRequest
            There is more than one match to refine.
        """
        until = time.monotonic() + MOST_SECONDS
        with self._admission.held():
            answer, job = self._start(question, wanted, user, Priority.WAITED_FOR)
            if job is None:
                return answer
            job = self._waits.finished(job, until)
        # Seconds have passed, in which an image can be deleted and a transform rejected.
        return _with_results(self._resolver.resolve(question, wanted), job)

    def _start(
        self, question: PixelQuestion | PointQuestion, wanted: QuestionFilters, user: str, priority: int
    ) -> tuple[Answer, Job | None]:
        most, instead = (1, _ONE) if priority == Priority.WAITED_FOR else (MOST_MATCHES, _FEWER)
        found = self._resolver.find(question, wanted)
        matches = refinable(found.answer)
        if len(matches) > most:
            detail = f"{len(matches)} matches would be refined, the most is {most}: {instead}"
            raise invalid([FieldError(f"{wanted.pointer}/refine", detail)])
        job = None
        if matches:
            request = request_refinement(found, question, wanted, matches, user, priority)
            (job_id,) = self._queue.enqueue([request])
            job = self._queue.get(job_id)
        refinement = Refinement(None if job is None else job.id, same_frame(found.answer))
        return msgspec.structs.replace(found.answer, refinement=refinement), job


def _with_results(answer: Answer, job: Job) -> Answer:
    """The answer with what a job has found, as far as it is still the answer that the job refined."""
    results: list[RefinedMatch] = []
    if job.state == JobState.DONE and job.result is not None:
        results = msgspec.json.decode(job.result, type=RefinedPoint).results
    found = {answered_as(result.match): result.match for result in results if result.match is not None}
    ways = {answered_as(match) for match in answer.matches}
    current = [
        result
        if result.match is None or answered_as(result.match) in ways
        else changed(result.study_instance_uid, result.series_instance_uid)
        for result in results
    ]
    return msgspec.structs.replace(
        answer,
        matches=[found.get(answered_as(match), match) for match in answer.matches],
        refinement=Refinement(job.id, [*same_frame(answer), *current]),
    )
