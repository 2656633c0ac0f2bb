"""Studies that have just been stored: once nothing more of them comes, each is aligned without being asked for."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.partner import Wish, choose
from longitudinal.dicom.contrast import Contrast
from longitudinal.ingest.inventory import Change
from longitudinal.jobs.align_study import Parameters, request_alignment
from longitudinal.jobs.queue import JobQueue
from longitudinal.points.catalogue import Catalogue
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
        now: Callable[[], float] = time.time,
    ) -> None:
        self._readers = readers
        self._writer = writer
        self._queue = queue
        self._catalogue = catalogue
        self._quiet_seconds = quiet_seconds
        self._now = now

    def note(self, changes: Sequence[Change]) -> None:
        """Take up lines of the change log; returns when they stand in the sidecar."""
        stored = {change.orthanc_id: _moment(change, self._now()) for change in changes
                  if change.kind == "NewInstance"}  # fmt: skip

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
            [request_alignment(study, Parameters(), Priority.ARRIVED) for study in wanted],
            together_with=lambda connection: forget_arrivals(connection, quiet, before),
        )
        LOGGER.info("%d studies have arrived, %d of them are to be aligned", len(quiet), len(wanted))

    def _has_partner(self, study: str) -> bool:
        owners = owners_of_study(self._readers.connection(), study)
        index = self._catalogue.patient(int(owners[0]["patient_key"])) if owners else None
        if index is None or index.identity_conflict:
            return False
        return choose(index, Wish(study), lambda instance: _UNKNOWN) is not None


def _moment(change: Change, now: float) -> float:
    """When a change happened, POSIX seconds; the change log is in UTC. Never later than now, whatever a clock says."""
    try:
        return min(datetime.strptime(change.date, _DATE_FORMAT).replace(tzinfo=UTC).timestamp(), now)
    except ValueError:
        return now
