"""The job that measures values at a place: the question is resolved again, and each match is measured where it is."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec

from longitudinal.jobs.messages import MeasuredSphere, MeasureTask, SphereTask
from longitudinal.jobs.supervisor import ArchiveSilent, JobContext, JobCrashed
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.jobs.worker_process import NoInterpreter, TaskFailed
from longitudinal.points.answer import Match
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters, Resolver
from longitudinal.reasons import ValueReason
from longitudinal.sidecar.tables.jobs import JobRequest, Priority
from longitudinal.values.answer import PlaceValues, without
from longitudinal.values.plan import HeaderReader, NoValues, Plan, plan_of

KIND = "measure"
MODULE = "longitudinal.jobs.measuring"
MEMORY_MIB = 512
"""Of the process that measures; half of it is for frames that are kept."""

_DIGEST = 16


class MeasureParameters(msgspec.Struct, rename="camel", frozen=True):
    """The parameters of a measure job: the question, as a pixel or a point, and the radius of the sphere."""

    pixel: PixelQuestion | None
    point: PointQuestion | None
    wanted: QuestionFilters
    radius_mm: float


class MeasuredAt(msgspec.Struct, rename="camel", frozen=True):
    """What a measurement holds for: the images, the place in them, and how well that was known."""

    series_instance_uid: str
    orthanc_instance_id: str
    frame_number: int
    x: float
    y: float
    z: float
    uncertainty_mm: float | None


class MatchMeasured(msgspec.Struct, rename="camel", frozen=True):
    """The values at one match."""

    at: MeasuredAt
    values: PlaceValues


class MeasuredPlace(msgspec.Struct, rename="camel", frozen=True):
    """The result of a measure job: one element for each match. `frames_read` counts the frames that had to be read."""

    results: list[MatchMeasured]
    frames_read: int
    seconds: float


def measured_at(match: Match) -> MeasuredAt:
    """Where a match is measured."""
    return MeasuredAt(
        match.series_instance_uid, match.orthanc_instance_id, match.frame_number, match.x, match.y, match.z,
        match.uncertainty_mm,
    )  # fmt: skip


def request_measurement(
    patient: str,
    question: PixelQuestion | PointQuestion,
    wanted: QuestionFilters,
    radius_mm: float,
    owner: str = "",
) -> JobRequest:
    """A job that measures at every match, of a patient by its Orthanc id; the same question twice is one job."""
    parameters = MeasureParameters(
        question if isinstance(question, PixelQuestion) else None,
        question if isinstance(question, PointQuestion) else None,
        wanted,
        radius_mm,
    )
    text = msgspec.json.encode(parameters, order="deterministic")
    subject = f"{patient}/{sha256(text).hexdigest()[:_DIGEST]}"
    return JobRequest(KIND, subject, Priority.WAITED_FOR, parameters=text.decode(), owner=owner)


class MeasurePlace:
    """Runs measure jobs.

    Parameters
    ----------
    headers
        Reads headers with `STORED_VALUE_TAGS` and `SUV_TAGS`.
    last_update_of
        When something was last stored in a series, by the Orthanc id of one of its instances.
    """

    def __init__(
        self,
        resolver: Resolver,
        headers: HeaderReader,
        last_update_of: Callable[[str], str],
        workers: WorkerPool,
    ) -> None:
        self._resolver = resolver
        self._headers = headers
        self._last_update_of = last_update_of
        self._workers = workers

    def __call__(self, context: JobContext) -> MeasuredPlace:
        """Measure at every match of the question; one that cannot be measured does not affect the others.

        Raises
        ------
        LongitudinalError
            The question has no answer any more.
        JobInterruption, JobCrashed
            As the worker does.
        """
        parameters = msgspec.json.decode(context.job.parameters, type=MeasureParameters)
        question = parameters.pixel or parameters.point
        assert question is not None
        found = self._resolver.find(question, parameters.wanted)
        plans: list[Plan | PlaceValues] = []
        for number, match in enumerate(found.answer.matches):
            context.checkpoint()
            context.report(number / (2 * len(found.answer.matches)), "reading")
            try:
                plans.append(plan_of(found.index, match, parameters.radius_mm, self._headers))
            except NoValues as why:
                plans.append(without(why.reason, str(why)))
        results, frames_read, seconds = self._measure(plans, context)
        return MeasuredPlace(
            [
                MatchMeasured(measured_at(match), values)
                for match, values in zip(found.answer.matches, results, strict=True)
            ],
            frames_read,
            seconds,
        )

    def _measure(
        self, plans: Sequence[Plan | PlaceValues], context: JobContext
    ) -> tuple[list[PlaceValues], int, float]:
        """The values of each plan; those that there are none of as they are. Raises as the worker does."""
        planned = [plan for plan in plans if isinstance(plan, Plan)]
        if not planned:
            return [plan for plan in plans if isinstance(plan, PlaceValues)], 0, 0.0
        try:
            answer = self._workers.measure(MeasureTask([self._task(plan) for plan in planned]), context)
        except (TaskFailed, NoInterpreter) as error:
            failed = without(ValueReason.WORKER_FAILED, str(error))
            return [failed if isinstance(plan, Plan) else plan for plan in plans], 0, 0.0
        except ArchiveSilent:
            raise
        except JobCrashed as error:
            if not context.is_last_start:
                raise
            failed = without(ValueReason.WORKER_FAILED, f"{error} ({context.job.attempts} times)")
            return [failed if isinstance(plan, Plan) else plan for plan in plans], 0, 0.0
        measured = iter(answer.spheres)
        values = [_values(plan, next(measured)) if isinstance(plan, Plan) else plan for plan in plans]
        return values, answer.frames_read, answer.seconds

    def _task(self, plan: Plan) -> SphereTask:
        frames = plan.frames
        instances = [None if frame is None else frame.instance for frame in frames]
        x, y, z = plan.sphere.centre.tolist()
        return SphereTask(
            planes=plan.planes.planes.tobytes(),
            kinds=plan.planes.kind.tolist(),
            instances=instances,
            frames=[0 if frame is None else frame.frame_number for frame in frames],
            padding=[None if frame is None else frame.padding for frame in frames],
            scale=[
                None if frame is None else (frame.quantity.slope, frame.quantity.intercept)
                for frame in frames
            ],
            centre=(x, y, z),
            radius_mm=plan.sphere.radius_mm,
            uncertainty_mm=plan.sphere.uncertainty_mm,
            # Read before the pixels: if something is stored meanwhile, the next measurement reads them again.
            last_update=self._last_update_of(next(each for each in instances if each is not None)),
        )


def _values(plan: Plan, measured: MeasuredSphere) -> PlaceValues:
    quantity, reason = plan.quantity, measured.reason
    return PlaceValues(
        reason=reason,
        detail="" if reason is None else measured.detail or reason.explanation,
        quantity=quantity.quantity,
        unit=quantity.unit,
        voxels=measured.voxels,
        voxels_outside=measured.outside,
        mean=measured.mean,
        sd=measured.sd,
        minimum=measured.minimum,
        maximum=measured.maximum,
        least_mean=measured.least_mean,
        greatest_mean=measured.greatest_mean,
        moved_reason=measured.moved_reason,
        suv_reason=quantity.suv_reason,
        suv_detail=quantity.suv_detail,
    )
