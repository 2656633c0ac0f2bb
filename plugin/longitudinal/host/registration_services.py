"""Registration, points and measuring wired together: workers, and the threads that give them jobs."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

import longitudinal
from longitudinal.alignment.acquisition import read_acquisition
from longitudinal.alignment.outcome import Outcomes
from longitudinal.host.loopback import Loopback
from longitudinal.http.admission import Admission
from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.inventory import Inventory
from longitudinal.jobs import drawing_process, report_process
from longitudinal.jobs.acquisitions import Acquisitions
from longitudinal.jobs.drawing_process import DrawingProcess
from longitudinal.jobs.kept_cuts import KeptCuts
from longitudinal.jobs.kinds import align as align_study
from longitudinal.jobs.kinds import measure as measure_place
from longitudinal.jobs.kinds import recheck
from longitudinal.jobs.kinds import refine as refine_point
from longitudinal.jobs.kinds import reslice as reslice_stack
from longitudinal.jobs.kinds.align import AlignStudy
from longitudinal.jobs.kinds.align_pair import AlignPair
from longitudinal.jobs.kinds.index import IndexStudy
from longitudinal.jobs.kinds.measure import MeasurePlace
from longitudinal.jobs.kinds.recheck import Recheck
from longitudinal.jobs.kinds.refine import RefinePoint
from longitudinal.jobs.kinds.reslice import Reslice
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.report_process import ReportProcess
from longitudinal.jobs.scan_planes import VersionOf, last_updates
from longitudinal.jobs.supervisor import Handler, Supervisor
from longitudinal.jobs.worker_pool import POINTS, WorkerPool
from longitudinal.jobs.worker_process import WorkerProcess, Workplace
from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.reslice import CutPlanner
from longitudinal.points.resolve import LinkBuilder
from longitudinal.points.resolver import Resolver
from longitudinal.points.series_stacks import StackReader
from longitudinal.registration_objects.statements import Statements
from longitudinal.registration_objects.written import RegistrationObjects
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers
from longitudinal.values.plan import HeaderReader


class RegistrationServices:
    """Does the jobs that need a worker, from start to stop.

    Attributes
    ----------
    reports
        Writes structured reports, in a process of its own.
    drawing
        Draws lines on images, in another.
    """

    def __init__(
        self,
        settings: Settings,
        readers: Readers,
        catalogue: Catalogue,
        inventory: Inventory,
        queue: JobQueue,
        index_study: IndexStudy,
        objects: RegistrationObjects,
        annotations: Annotations,
        loopback: Loopback,
        statements: Statements,
        resolver: Resolver,
        links: LinkBuilder,
        has: Callable[[str], bool],
        heal: Callable[[Sequence[str]], None],
        planner: CutPlanner,
        stack_reader: StackReader,
        kept: KeptCuts,
        headers: HeaderReader,
        admission: Admission,
        version_of: VersionOf,
    ) -> None:
        workplace = workplace_of(settings, loopback)
        self.reports = ReportProcess(WorkerProcess(workplace, report_process.MODULE))
        drawer = replace(workplace, threads=1, memory_mib=drawing_process.MEMORY_MIB)
        self.drawing = DrawingProcess(
            WorkerProcess(drawer, drawing_process.MODULE), admission.held, admission.ending
        )
        self._workers = WorkerPool([WorkerProcess(workplace) for _ in range(settings.worker_processes)])
        last_update_of = last_updates(readers, inventory)
        acquisition_of = Acquisitions(
            lambda instance: read_acquisition(json.loads(inventory.tags(instance))), last_update_of
        )
        outcomes = Outcomes(objects, loopback, lambda study: annotations.refresh(study).result())
        align_pair = AlignPair(
            acquisition_of, last_update_of, outcomes, self._workers, settings, has, heal
        )  # fmt: skip
        align = AlignStudy(readers, catalogue, index_study, align_pair)
        check = Recheck(
            readers, catalogue, acquisition_of, last_update_of, loopback, statements, outcomes,
            lambda object_: annotations.refresh(object_).result(), self._workers, settings,
        )  # fmt: skip
        handlers: dict[str, Handler] = {align_study.KIND: align, recheck.KIND: check}
        aligning = Supervisor(queue, handlers, lambda: False, settings.worker_processes)
        # Each a worker and a thread of its own: a click neither waits for an alignment nor interrupts it.
        self._point_workers = WorkerPool([WorkerProcess(replace(workplace, threads=1), POINTS)])
        at_points: dict[str, Handler] = {
            refine_point.KIND: RefinePoint(resolver, acquisition_of, version_of, links, self._point_workers),
            reslice_stack.KIND: Reslice(planner, stack_reader, kept, self._point_workers, version_of),
        }
        pointing = Supervisor(queue, at_points, lambda: False)
        measurer = replace(workplace, threads=1, memory_mib=measure_place.MEMORY_MIB)
        self._measurers = WorkerPool([WorkerProcess(measurer, measure_place.MODULE)])
        measure = MeasurePlace(resolver, headers, last_update_of, self._measurers)
        measuring = Supervisor(queue, {measure_place.KIND: measure}, lambda: False)
        self._supervisors = (aligning, pointing, measuring)

    def start(self) -> None:
        """Start the threads; a worker is started when there is something to do."""
        for supervisor in self._supervisors:
            supervisor.start()

    def stop(self) -> None:
        """Put a running job back and end the workers."""
        for supervisor in self._supervisors:
            supervisor.stop()
        for workers in (self._workers, self._point_workers, self._measurers):
            workers.close()
        self.reports.close()
        self.drawing.close()


def workplace_of(settings: Settings, loopback: Loopback) -> Workplace:
    """The surroundings of a worker that registers; others take less."""
    return Workplace(
        _interpreter(settings), loopback.url, loopback.token, settings.worker_threads, settings.worker_memory
    )


def _interpreter(settings: Settings) -> Path:
    """Python of the environment that main.py found the libraries in."""
    project = Path(longitudinal.__file__).resolve().parents[2]
    return project / (settings.environment or ".venv") / "bin" / "python"
