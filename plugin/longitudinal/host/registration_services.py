"""Registration wired together: workers, and the threads that give them jobs, alignments and refined points alike."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import longitudinal
from longitudinal.alignment.acquisition import read_acquisition
from longitudinal.alignment.outcome import Outcomes
from longitudinal.host.loopback import Loopback
from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.inventory import Inventory
from longitudinal.jobs import report_process
from longitudinal.jobs.acquisitions import Acquisitions
from longitudinal.jobs.kinds import align as align_study
from longitudinal.jobs.kinds import recheck
from longitudinal.jobs.kinds import refine as refine_point
from longitudinal.jobs.kinds.align import AlignStudy
from longitudinal.jobs.kinds.align_pair import AlignPair
from longitudinal.jobs.kinds.index import IndexStudy
from longitudinal.jobs.kinds.recheck import Recheck
from longitudinal.jobs.kinds.refine import RefinePoint
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.report_process import ReportProcess
from longitudinal.jobs.scan_planes import last_updates
from longitudinal.jobs.supervisor import Handler, Supervisor
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.jobs.worker_process import WorkerProcess, Workplace
from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.resolve import LinkBuilder
from longitudinal.points.resolver import Resolver
from longitudinal.registration_objects.statements import Statements
from longitudinal.registration_objects.written import RegistrationObjects
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers


class RegistrationServices:
    """Does align and refine jobs from start to stop.

    Attributes
    ----------
    reports
        Writes structured reports, in a process of its own.
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
    ) -> None:
        workplace = Workplace(
            _interpreter(settings),
            loopback.url,
            loopback.token,
            settings.worker_threads,
            settings.worker_memory,
        )
        self.reports = ReportProcess(WorkerProcess(workplace, report_process.MODULE))
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
        refine = RefinePoint(
            resolver, acquisition_of, last_update_of, links, self._workers, settings.worker_threads
        )
        check = Recheck(
            readers, catalogue, acquisition_of, last_update_of, loopback, statements, outcomes,
            lambda object_: annotations.refresh(object_).result(), self._workers, settings,
        )  # fmt: skip
        handlers: dict[str, Handler] = {
            align_study.KIND: align, refine_point.KIND: refine, recheck.KIND: check
        }  # fmt: skip
        self._supervisor = Supervisor(queue, handlers, lambda: False, settings.worker_processes)

    def start(self) -> None:
        """Start the threads; a worker is started when there is something to do."""
        self._supervisor.start()

    def stop(self) -> None:
        """Put a running job back and end the workers."""
        self._supervisor.stop()
        self._workers.close()
        self.reports.close()


def _interpreter(settings: Settings) -> Path:
    """Python of the environment that main.py found the libraries in."""
    project = Path(longitudinal.__file__).resolve().parents[2]
    return project / (settings.environment or ".venv") / "bin" / "python"
