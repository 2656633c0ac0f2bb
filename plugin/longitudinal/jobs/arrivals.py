"""Studies that have just been stored: each is aligned automatically once nothing more of it arrives."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.failures import LastUpdateOf
from longitudinal.alignment.partner import Wish, choose
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.ingest.inventory import Change
from longitudinal.jobs.kinds.align import AlignParameters, request_alignment
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.arrivals import forget_arrivals, note_arrivals, quiet_arrivals
from longitudinal.sidecar.tables.browse import owners_of_study
from longitudinal.sidecar.tables.jobs import Priority
from longitudinal.sidecar.writer import Task

LOGGER = logging.getLogger(__name__)

_DATE_FORMAT = "%Y%m%dT%H%M%S"
# Without the tags of an instance, any two series may show the same part of the body.
_UNKNOWN = Acquisition(Contrast(""))


class Arrivals:
    """Follows the change log; used by the thread that reads it.

    Arrivals are written to the sidecar in the transaction that moves the cursor on, and removed only in the transaction
    that queues the job: a crash in between loses none.

    Parameters
    ----------
    quiet_seconds
        How long nothing of a study must have been stored.
    takeover_seconds
        How much longer a study that another node received is left to that node.
    has_received
        Whether this node received an instance (Orthanc id) since it started.
    last_update_of
        When something was last stored in a series, by the Orthanc id of one of its instances.
    now
        POSIX seconds.
    """

    def __init__(
        self,
        readers: Readers,
        queue: JobQueue,
        catalogue: Catalogue,
        quiet_seconds: float,
        takeover_seconds: float,
        has_received: Callable[[str], bool],
        last_update_of: LastUpdateOf,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._readers = readers
        self._queue = queue
        self._catalogue = catalogue
        self._quiet_seconds = quiet_seconds
        self._takeover_seconds = takeover_seconds
        self._has_received = has_received
        self._last_update_of = last_update_of
        self._now = now

    def note(self, changes: Sequence[Change]) -> Task[None] | None:
        """What is to be written of lines of the change log, together with the cursor; None if nothing is."""
        stored = {
            change.orthanc_id: self._moment(change) for change in changes if change.kind == "NewInstance"
        }
        if not stored:
            return None
        return lambda connection: note_arrivals(connection, stored)

    def look(self) -> None:
        """Queue an alignment for each study that has arrived and has a partner."""
        before = self._now() - self._quiet_seconds
        quiet = quiet_arrivals(self._readers.connection(), before)
        if not quiet:
            return
        wanted = [study for study in quiet if self._has_partner(study)]
        self._queue.enqueue(
            [request_alignment(study, AlignParameters(), Priority.ARRIVED) for study in wanted],
            together_with=lambda connection: forget_arrivals(connection, quiet, before),
        )
        LOGGER.info("%d studies have arrived; %d of them will be aligned", len(quiet), len(wanted))

    def _moment(self, change: Change) -> float:
        """When the quiet time of an instance begins, POSIX seconds; never later than now, whatever the date in the log."""
        moment, now = _moment_of(change.date), self._now()
        return (now if moment is None else min(moment, now)) + (
            0.0 if self._has_received(change.orthanc_id) else self._takeover_seconds
        )

    def _has_partner(self, study: str) -> bool:
        owners = owners_of_study(self._readers.connection(), study)
        index = self._catalogue.patient(int(owners[0]["patient_key"])) if owners else None
        if index is None or index.identity_conflict:
            return False
        return choose(index, Wish(study), lambda instance: _UNKNOWN, self._last_update_of) is not None


@lru_cache(maxsize=16)  # what is stored within a second has one date
def _moment_of(date: str) -> float | None:
    """A date of the change log as POSIX seconds; None if it is not one."""
    try:
        return datetime.strptime(date, _DATE_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
