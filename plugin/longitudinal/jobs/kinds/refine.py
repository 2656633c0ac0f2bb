"""The job that refines a point: the question is resolved again, and each match reached by a transform is refined."""

from collections.abc import Sequence
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.candidate import VOLUME_MODALITIES, AcquisitionOf
from longitudinal.errors import Ambiguous, NotFound, NotIndexable, OutsideImage
from longitudinal.jobs.messages import RefinedMessage, RefineTask, ScanPlanes, Unusable
from longitudinal.jobs.scan_planes import VersionOf, planes_of, version_of_stack
from longitudinal.jobs.supervisor import ArchiveSilent, JobContext, JobCrashed
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.jobs.worker_process import NoInterpreter, TaskFailed
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.points.answer import Match, RefinedMatch
from longitudinal.points.refinement import (
    LocalEstimate,
    NotRefined,
    changed,
    find_surroundings,
    refinable,
    refined,
    unrefined,
)
from longitudinal.points.resolve import LinkBuilder
from longitudinal.points.resolver import (
    PixelQuestion,
    PointQuestion,
    QuestionFilters,
    ResolvedQuestion,
    Resolver,
)
from longitudinal.reasons import AlignmentFailure, RefinementReason
from longitudinal.sidecar.tables.jobs import JobRequest, Priority

KIND = "refine"
_DIGEST = 16
_SCANS = {"fixed": "clicked scan", "moving": "other scan"}
# Raised by a question about something that has been deleted.
_GONE = (NotFound, NotIndexable, OutsideImage, Ambiguous)


class _Changed(Exception):
    """An image is gone, so the match no longer holds."""


class AnsweredMatch(msgspec.Struct, rename="camel", frozen=True):
    """A match as it was answered: it is refined only while its path is the same."""

    study_instance_uid: str
    series_instance_uid: str
    path: tuple[str, ...]


def answered_as(match: Match) -> AnsweredMatch:
    """The images that a match names, and its path."""
    return AnsweredMatch(match.study_instance_uid, match.series_instance_uid, match.path)


class RefineParameters(msgspec.Struct, rename="camel", frozen=True):
    """The parameters of a refine job: the question, as a pixel or a point, and the matches to refine."""

    pixel: PixelQuestion | None
    point: PointQuestion | None
    wanted: QuestionFilters
    answered: list[AnsweredMatch]


class RefinedPoint(msgspec.Struct, rename="camel", frozen=True):
    """The result of a refine job: one entry for each match reached by transforms."""

    results: list[RefinedMatch]


def request_refinement(
    found: ResolvedQuestion, question: PixelQuestion | PointQuestion, wanted: QuestionFilters, matches: Sequence[Match],
    owner: str = "", priority: int = Priority.ASKED,
) -> JobRequest:  # fmt: skip
    """A job that refines some matches of an answer; the same question twice is one job."""
    parameters = RefineParameters(
        question if isinstance(question, PixelQuestion) else None,
        question if isinstance(question, PointQuestion) else None,
        wanted,
        [answered_as(each) for each in matches],
    )
    text = msgspec.json.encode(parameters, order="deterministic")
    subject = f"{found.index.orthanc_id}/{sha256(text).hexdigest()[:_DIGEST]}"
    return JobRequest(KIND, subject, priority, parameters=text.decode(), owner=owner)


class RefinePoint:
    """Runs refine jobs.

    Parameters
    ----------
    version_of
        Tells the file of an instance from one that overwrites it.
    """

    def __init__(
        self,
        resolver: Resolver,
        acquisition_of: AcquisitionOf,
        version_of: VersionOf,
        links: LinkBuilder,
        workers: WorkerPool,
    ) -> None:
        self._resolver = resolver
        self._acquisition_of = acquisition_of
        self._version_of = version_of
        self._links = links
        self._workers = workers

    def __call__(self, context: JobContext) -> RefinedPoint:
        """Refine the matches of the job; one that cannot be refined does not affect the others.

        Raises
        ------
        JobInterruption, JobCrashed
            As the worker does.
        """
        parameters = msgspec.json.decode(context.job.parameters, type=RefineParameters)
        results = _results_so_far(context.job.memory)
        done_before = len(results)
        for number, answered in enumerate(parameters.answered[done_before:], done_before):
            if number > done_before:
                context.moved_on()
            context.part(number, len(parameters.answered))
            results.append(self._refine(context, parameters, answered))
            context.remember(msgspec.json.encode(results).decode())
        return RefinedPoint(results)

    def _refine(
        self, context: JobContext, parameters: RefineParameters, answered: AnsweredMatch
    ) -> RefinedMatch:
        is_changed = changed(answered.study_instance_uid, answered.series_instance_uid)
        try:
            found = self._find(parameters, answered)
        except _GONE:
            return is_changed
        match = next((each for each in refinable(found.answer) if answered_as(each) == answered), None)
        if match is None:
            return is_changed
        try:
            result = self._look(context, found, match, parameters.wanted.max_distance_mm)
        except _Changed:
            return is_changed
        except NotRefined as why:
            result = unrefined(match, why)
        # It took seconds; an image may have been deleted or a transform rejected meanwhile.
        return result if self._resolver.holds(found, result.match or match) else is_changed

    def _find(self, parameters: RefineParameters, answered: AnsweredMatch) -> ResolvedQuestion:
        """The present answer. Raises one of _GONE."""
        question = parameters.pixel or parameters.point
        assert question is not None
        try:
            return self._resolver.find(question, parameters.wanted)
        except _GONE:  # perhaps because of another study; this match may still hold
            alone = replace(parameters.wanted, studies=(answered.study_instance_uid,))
            return self._resolver.find(question, alone)

    def _look(
        self, context: JobContext, found: ResolvedQuestion, match: Match, most_mm: float | None
    ) -> RefinedMatch:
        index = found.index
        place = find_surroundings(index, found.source, match, VOLUME_MODALITIES)
        try:
            fixed, fixed_planes = self._scan(index, place.fixed)
            moving, moving_planes = self._scan(index, place.moving)
        except KeyError:  # an image whose tags are read was deleted
            raise _Changed from None
        task = RefineTask(
            fixed_planes,
            moving_planes,
            place.moving_from_fixed.tolist(),
            place.point.tolist(),
        )
        answer = self._have_refined(task, context)
        if isinstance(answer, Unusable):
            raise NotRefined(
                answer.reason, f"the {_SCANS[answer.scan]} cannot be registered: {answer.detail}"
            )
        x, y, z = answer.point
        look = LocalEstimate(
            point=(x, y, z),
            verdict=answer.verdict,
            uncertainty_mm=answer.uncertainty_mm,
            disagreement_mm=answer.disagreement_mm,
            contrast_is_known=fixed.contrast.is_like(moving.contrast),
            frames_read=answer.frames_read,
            seconds=answer.seconds,
        )
        return refined(index, match, place.moving, look, self._links, most_mm)

    def _have_refined(self, task: RefineTask, context: JobContext) -> RefinedMessage | Unusable:
        """The worker's answer. Raises NotRefined if there is none, and _Changed if an image is gone."""
        try:
            return self._workers.refine(task, context)
        except TaskFailed as error:
            if error.reason == AlignmentFailure.IMAGE_GONE:
                raise _Changed from None
            name = f"the {_SCANS[error.scan]}: " if error.scan else ""
            raise NotRefined(RefinementReason.WORKER_FAILED, f"{name}{error}") from None
        except NoInterpreter as error:
            raise NotRefined(RefinementReason.WORKER_FAILED, str(error)) from None
        except ArchiveSilent:
            raise
        except JobCrashed as error:
            if not context.is_last_start:
                raise
            raise NotRefined(
                RefinementReason.WORKER_FAILED, f"{error} ({context.job.attempts} times)"
            ) from None

    def _scan(self, index: PatientIndex, stack: int) -> tuple[Acquisition, ScanPlanes]:
        series = index.series[int(index.stack_series[stack])]
        first = series.orthanc_ids[int(index.plane_instance[index.stack_set.start[stack]])]
        acquisition = self._acquisition_of(first)
        # Read before the pixels: if one is overwritten meanwhile, the next point reads them again.
        version = version_of_stack(index, stack, self._version_of)
        return acquisition, msgspec.structs.replace(planes_of(index, stack, acquisition), version=version)


def _results_so_far(memory: str | None) -> list[RefinedMatch]:
    """The results of an earlier start of the job."""
    try:
        return [] if memory is None else msgspec.json.decode(memory, type=list[RefinedMatch])
    except msgspec.DecodeError:
        return []
