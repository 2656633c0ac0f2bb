"""The job that indexes a study that was stored before: it reads the instances back from the archive."""

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import msgspec

from longitudinal.dicom.reader_versions import CURRENT
from longitudinal.errors import LongitudinalError
from longitudinal.ingest.inventory import ArchivedStudy, Inventory
from longitudinal.ingest.on_stored import Ingest, Written
from longitudinal.jobs.supervisor import JobContext, JobInterruption
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.fault import fault_of
from longitudinal.sidecar.tables.headers import outdated_instances
from longitudinal.sidecar.tables.jobs import JobRequest, Priority
from longitudinal.sidecar.tables.studies import known_instances

LOGGER = logging.getLogger(__name__)

KIND = "index"
# Read while the writer writes the earlier ones, many in one transaction; more would only fill its queue.
_AHEAD = 400
# Whether to go on is asked this often; between two slices read in a row it takes longer than they do.
_CHECK_SECONDS = 0.02
# Avoids a division by zero in the rate.
_SHORTEST_SECONDS = 0.001


class Indexed(msgspec.Struct, rename="camel", frozen=True):
    """The result of an index job: how many instances the study has, how many of them were read, and how fast."""

    instances: int
    read: int
    seconds: float
    per_second: float


class UnreadableInstances(LongitudinalError):
    """Some stored instances cannot be indexed; all others are."""


def request_index(study: str, study_date: str, priority: int = Priority.ASKED, owner: str = "") -> JobRequest:
    """A job that indexes a study, the newest first.

    Parameters
    ----------
    study
        Its Orthanc id.
    study_date
        YYYYMMDD; studies without a date go last.
    owner
        Who asked.
    """
    return JobRequest(KIND, study, priority, rank=study_date, owner=owner)


def request_backfill(studies: Sequence[ArchivedStudy]) -> list[JobRequest]:
    """A job nobody asked for, for each of the studies."""
    return [
        request_index(study.orthanc_id, study.tags.get("StudyDate", ""), Priority.BACKFILL)
        for study in studies
    ]


class IndexStudy:
    """Indexes the missing instances of a study, and those that an outdated reader has read.

    Indexed instances are skipped, so it may be interrupted anywhere.
    """

    def __init__(self, inventory: Inventory, readers: Readers, ingest: Ingest) -> None:
        self._inventory = inventory
        self._readers = readers
        self._ingest = ingest

    def __call__(self, context: JobContext) -> Indexed:
        """Index the study that the job is about."""
        return self.index(context, context.job.subject)

    def index(self, context: JobContext, study: str) -> Indexed:
        """Index a study (Orthanc id).

        Raises
        ------
        UnreadableInstances
            Some instances could not be read.
        """
        try:
            listed = self._inventory.study(study).series
        except KeyError:
            self._ingest.deleted("studies", study).result()
            return Indexed(0, 0, 0.0, 0.0)
        stored = [instance for series in listed for instance in self._inventory.instances(series)]
        return self._read(context, study, stored)

    def _read(self, context: JobContext, study: str, stored: Sequence[str]) -> Indexed:
        began = next_check = time.monotonic()
        known = self._up_to_date(study, stored)
        missing = [instance for instance in stored if instance not in known]
        waiting: deque[tuple[str, Written]] = deque()
        unread = _Unread()
        # A start after an interrupted one reports at once when it has got further.
        ahead = _AHEAD if context.job.attempts == 1 else 1
        indexing = chain(
            self._ingest.index_all(missing[:1], is_awaited=True), self._ingest.index_all(missing[1:])
        )
        try:
            for number, (instance, done) in enumerate(indexing):
                if (now := time.monotonic()) >= next_check:
                    next_check = now + _CHECK_SECONDS
                    context.checkpoint()
                    there, rate = len(stored) - len(missing) + number, _rate(number, began)
                    context.report(
                        there / len(stored), f"reading {there} of {len(stored)}, {rate:.0f} a second"
                    )
                if done is None:
                    unread.add(instance)
                else:
                    waiting.append((instance, done))
                if len(waiting) >= ahead:
                    _await(*waiting.popleft(), unread)
                    if ahead == 1:
                        context.moved_on()
                        ahead = _AHEAD
        finally:  # an interrupted job keeps what it has read
            for _, done in waiting:
                done.queue()
        self._ingest.settle()
        for one in waiting:
            _await(*one, unread)
        self._check(study, unread, len(missing))
        seconds, rate = time.monotonic() - began, _rate(len(missing), began)
        return Indexed(len(stored), len(missing), round(seconds, 3), round(rate, 1))

    def _up_to_date(self, study: str, instances: Sequence[str]) -> set[str]:
        """The given instances of a study that a current reader has indexed."""
        connection = self._readers.connection()
        return known_instances(connection, instances) - outdated_instances(connection, study, CURRENT)

    def _check(self, study: str, unread: "_Unread", missing: int) -> None:
        """Raise for instances that are stored and could not be indexed."""
        known = self._up_to_date(study, list(unread.why))
        lost = [instance for instance in unread.why if instance not in known and self._ingest.has(instance)]
        if lost:
            why = unread.why[lost[0]]
            raise UnreadableInstances(
                f"{len(lost)} of {missing} instances cannot be read from the archive, the first is {lost[0]}"
                + (f": {why}" if why else "")
            )


class _Unread:
    """Instances that could not be indexed, with the reason if it is known; each fails alone."""

    def __init__(self) -> None:
        self.why: dict[str, str] = {}

    def add(self, instance: str, why: str = "") -> None:
        """Note an instance and log the reason; the traceback once a study, since all may be alike."""
        if why and not any(self.why.values()):
            LOGGER.exception("Instance %s cannot be indexed", instance)
        elif why:
            LOGGER.error("Instance %s cannot be indexed: %s", instance, why)
        self.why[instance] = why


def _await(instance: str, done: Written, unread: _Unread) -> None:
    """Wait until an instance is written; its errors affect this instance only, unless they come from the sidecar, the
    archive or the job."""
    try:
        done.result()
    except (JobInterruption, LongitudinalError):
        raise
    except Exception as error:
        if isinstance(error, sqlite3.Error) and fault_of(error, Path()) is not None:
            raise
        unread.add(instance, f"{type(error).__name__}: {error}")


def _rate(count: int, began: float) -> float:
    return count / max(time.monotonic() - began, _SHORTEST_SECONDS)
