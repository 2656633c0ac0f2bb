"""What runs beside the requests: the index kept complete, and jobs of the index. Three threads, joined at stop."""

import sys
import threading
from collections.abc import Callable, Sequence

from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.changes import Changes
from longitudinal.ingest.completeness import Completeness
from longitudinal.ingest.inventory import ArchivedStudy, Inventory
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.reconcile import Reconcile
from longitudinal.jobs.arrivals import Arrivals
from longitudinal.jobs.kinds.index import KIND, IndexStudy, request_backfill
from longitudinal.jobs.kinds.recheck import request_rechecks
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.scan_planes import last_updates
from longitudinal.jobs.supervisor import Supervisor
from longitudinal.patients.catalogue import Catalogue
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.series_blocks import SeriesBlocks
from longitudinal.sidecar.writer import Writer

# Seconds a busy thread keeps Python's lock from one that waits for it. With the default of 0.005 an answer took twice as
# long while a study was read, as each request changes threads several times; the reading was no slower.
_SWITCH_INTERVAL = 0.0005
# Indexed at once: while Orthanc reads the tags of one study's series, another's are written.
STUDIES = 2


class IndexServices:
    """Wires cursor, reconcile pass, queue and supervisor together.

    Parameters
    ----------
    compared
        Called after each comparison of the archive with the index.

    Attributes
    ----------
    queue
        The queue of jobs, for routes.
    completeness
        The thread of the cursor, for the health route.
    index_study
        What index jobs do.
    """

    def __init__(
        self,
        settings: Settings,
        readers: Readers,
        writer: Writer,
        inventory: Inventory,
        ingest: Ingest,
        annotations: Annotations,
        catalogue: Catalogue,
        wake: threading.Event,
        blocks: SeriesBlocks,
        compared: Callable[[], None],
    ) -> None:
        self.queue = JobQueue(readers, writer)
        self._backfills = settings.backfill_on_start
        self._readers = readers
        reconcile = Reconcile(inventory, readers, ingest, self._backfill, annotations.refresh)
        if settings.align_on_arrival:
            arrivals = Arrivals(
                readers, self.queue, catalogue, settings.quiet_seconds, settings.takeover_seconds,
                ingest.has_told, last_updates(readers, inventory),
            )  # fmt: skip
            changes = Changes(inventory, readers, writer, ingest, annotations.refresh, arrivals.note)
            align = arrivals.look
        else:
            changes, align = Changes(inventory, readers, writer, ingest, annotations.refresh), _nothing

        def looked() -> None:
            align()
            if not ingest.is_receiving:
                blocks.look(writer)

        def passed() -> None:
            compared()
            self._recheck()

        self.completeness = Completeness(
            changes,
            reconcile,
            settings.reconcile_seconds,
            lambda: writer.health.lost,
            looked,
            wake,
            passed,
        )
        self.index_study = IndexStudy(inventory, readers, ingest)
        self._supervisor = Supervisor(
            self.queue, {KIND: self.index_study}, lambda: ingest.is_receiving, STUDIES
        )

    def start(self) -> None:
        """Start the threads; nothing waits for them."""
        sys.setswitchinterval(_SWITCH_INTERVAL)
        self.completeness.start()
        self._supervisor.start()

    def stop(self) -> None:
        """Stop and join them, while the writer still runs: what they were doing is put back."""
        self.completeness.stop()
        self._supervisor.stop()

    def hurry(self, study: str) -> None:
        """Somebody asked for a study (Orthanc id) that is not indexed yet: it goes before the others."""
        self.queue.hurry(KIND, study)

    def _backfill(self, studies: Sequence[ArchivedStudy]) -> None:
        if self._backfills:
            self.queue.backfill(request_backfill(studies))

    def _recheck(self) -> None:
        if self._backfills:
            self.queue.backfill(request_rechecks(self._readers.connection()))


def _nothing() -> None:
    """What is done about arrivals where nothing is."""
