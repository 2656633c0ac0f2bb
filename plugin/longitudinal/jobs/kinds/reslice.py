"""The job that cuts a stack along an image of another study; it ends when no request waits for the cut any more."""

import msgspec

from longitudinal.errors import Unprocessable
from longitudinal.jobs.kept_cuts import KeptCuts
from longitudinal.jobs.messages import PlaneMeaning, ResliceTask, Unusable
from longitudinal.jobs.scan_planes import VersionOf, bare_planes_of, version_of_stack
from longitudinal.jobs.supervisor import JobCancelled, JobContext
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.jobs.worker_process import NoInterpreter, TaskFailed
from longitudinal.points.reslice import AskedCut, Cut, CutPlanner
from longitudinal.points.series_stacks import StackReader
from longitudinal.sidecar.tables.jobs import JobRequest, Priority

KIND = "reslice"


class ResliceParameters(msgspec.Struct, rename="camel", frozen=True):
    """The parameters of a reslice job."""

    sop_instance_uid: str
    frame_number: int
    series: str
    stack: int


class ReslicedCut(msgspec.Struct, rename="camel", frozen=True):
    """The result of a reslice job; the picture itself is kept in memory only."""

    rows: int
    columns: int
    frames_read: int
    seconds: float


def request_cut(cut: Cut, asked: AskedCut, owner: str = "") -> JobRequest:
    """A job that makes a cut; the same cut twice is one job."""
    parameters = ResliceParameters(
        asked.sop_instance_uid, asked.frame_number, cut.series_orthanc_id, cut.stack_in_series
    )
    return JobRequest(
        KIND, f"{cut.index.orthanc_id}/{cut.key}", Priority.WAITED_FOR,
        parameters=msgspec.json.encode(parameters).decode(), owner=owner,
    )  # fmt: skip


class Reslice:
    """Runs reslice jobs.

    Parameters
    ----------
    version_of
        Tells the file of an instance from one that overwrites it.
    """

    def __init__(
        self,
        planner: CutPlanner,
        stack_reader: StackReader,
        kept: KeptCuts,
        workers: WorkerPool,
        version_of: VersionOf,
    ) -> None:
        self._planner = planner
        self._stack_reader = stack_reader
        self._kept = kept
        self._workers = workers
        self._version_of = version_of

    def __call__(self, context: JobContext) -> ReslicedCut:
        """Make the cut of the job.

        Raises
        ------
        JobInterruption, JobCrashed
            As the worker does; JobCancelled when nobody waits.
        LongitudinalError
            The cut cannot be made (any more).
        """
        asked = msgspec.json.decode(context.job.parameters, type=ResliceParameters)
        wanted = context.job.subject.rpartition("/")[2]

        def check() -> None:
            if not self._kept.is_wanted(wanted):
                raise JobCancelled

        check()
        context.check_also(check)
        cut = self._planner.plan(
            AskedCut(asked.sop_instance_uid, asked.frame_number, asked.series, asked.stack)
        )
        try:
            answer = self._workers.reslice(self._task(cut), context)
        except (TaskFailed, NoInterpreter) as error:
            raise Unprocessable(f"the cut cannot be made: {error}") from None
        except KeyError as error:
            raise Unprocessable(f"the cut cannot be made: instance {error} was deleted") from None
        if isinstance(answer, Unusable):
            raise Unprocessable(f"the cut cannot be made: {answer.detail}")
        self._kept.put(cut.key, answer.png)
        return ReslicedCut(cut.rows, cut.columns, answer.frames_read, answer.seconds)

    def _task(self, cut: Cut) -> ResliceTask:
        """Raises KeyError where an image was deleted."""
        described = self._stack_reader.stacks(cut.series_orthanc_id).stacks[cut.stack_in_series]
        planes = described.planes
        version = version_of_stack(cut.index, cut.stack, self._version_of)
        return ResliceTask(
            scan=msgspec.structs.replace(bare_planes_of(cut.index, cut.stack), version=version),
            meaning=[
                PlaneMeaning(
                    plane.rescale_slope or 1.0,
                    plane.rescale_intercept or 0.0,
                    plane.pixel_padding_value,
                    plane.pixel_padding_range_limit,
                )
                for plane in planes
            ],
            end_mm=planes[0].reach_mm[0],
            nodes=cut.nodes.tobytes(),
            node_rows=cut.nodes.shape[0],
            node_columns=cut.nodes.shape[1],
            rows=cut.rows,
            columns=cut.columns,
            unit=planes[0].unit,
        )
