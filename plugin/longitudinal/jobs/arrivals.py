"""Studies that have just been stored: once nothing more of them comes, each is aligned without being asked for."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.failures import LastUpdateOf
from longitudinal.alignment.partner import Wish, choose
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.ingest.inventory import Change
from longitudinal.jobs.align_study import AlignParameters, request_alignment
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.sidecar.arrivals import forget_arrivals, note_arrivals, quiet_arrivals
from longitudinal.sidecar.browse import owners_of_study
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.instances import InstanceWriter, Touched
from longitudinal.sidecar.jobs import Priority
from longitudinal.sidecar.writer import Writer

LOGGER = logging.getLogger(__name__)

_DATE_FORMAT = "%Y%m%dT%H%M%S"
# Where the tags of no instance are read, two series could always show the same part of the body.
_UNKNOWN = Acquisition(Contrast(""))


class Arrivals:
    """Follows what is stored, by the change log; used by the thread that follows that.

    What is noted stands in the sidecar before the cursor moves on, and is taken back only by the transaction that queues
    the job: a crash in between loses none.

    Parameters
    ----------
    quiet_seconds
        How long nothing of a study must have been stored.
    takeover_seconds
        How much longer what another node has received is left to that node.
    has_received
        Whether an instance (Orthanc id) came to this node since it started.
    last_update_of
        When something was last stored in a series, by the Orthanc id of one of its instances.
    now
        POSIX seconds.
    """

    def __init__(
        self,
        readers: Readers,
        writer: Writer,
        queue: JobQueue,
        catalogue: Catalogue,
        quiet_seconds: float,
        takeover_seconds: float,
        has_received: Callable[[str], bool],
        last_update_of: LastUpdateOf,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._readers = readers
        self._writer = writer
        self._queue = queue
        self._catalogue = catalogue
        self._quiet_seconds = quiet_seconds
        self._takeover_seconds = takeover_seconds
        self._has_received = has_received
        self._last_update_of = last_update_of
        self._now = now

    def note(self, changes: Sequence[Change]) -> None:
        """Take up lines of the change log; returns when they stand in the sidecar."""
        stored = {
            change.orthanc_id: self._moment(change) for change in changes if change.kind == "NewInstance"
        }

        def write(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
            note_arrivals(connection, stored)
            return ()

        if stored:
            self._writer.submit(write).result()

    def look(self) -> None:
        """Queue an alignment for each study that has arrived and has somebody to be aligned with."""
        before = self._now() - self._quiet_seconds
        quiet = quiet_arrivals(self._readers.connection(), before)
        if not quiet:
            return
        wanted = [study for study in quiet if self._has_partner(study)]
        self._queue.enqueue(
            [request_alignment(study, AlignParameters(), Priority.ARRIVED) for study in wanted],
            together_with=lambda connection: forget_arrivals(connection, quiet, before),
        )
        LOGGER.info("%d studies have arrived, %d of them are to be aligned", len(quiet), len(wanted))

    def _moment(self, change: Change) -> float:
        """From when on an instance's quiet time counts, POSIX seconds; never later than now, whatever a clock says."""
        try:
            moment = datetime.strptime(change.date, _DATE_FORMAT).replace(tzinfo=UTC).timestamp()
        except ValueError:
            moment = self._now()
        return min(moment, self._now()) + (
            0.0 if self._has_received(change.orthanc_id) else self._takeover_seconds
        )

    def _has_partner(self, study: str) -> bool:
        owners = owners_of_study(self._readers.connection(), study)
        index = self._catalogue.patient(int(owners[0]["patient_key"])) if owners else None
        if index is None or index.identity_conflict:
            return False
        return choose(index, Wish(study), lambda instance: _UNKNOWN, self._last_update_of) is not None
