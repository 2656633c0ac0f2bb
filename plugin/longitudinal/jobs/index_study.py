"""The job that indexes a study the archive had before: reads its instances back from the archive."""

import time
from collections import deque
from collections.abc import Generator, Mapping, Sequence, Set
from concurrent.futures import Future
from contextlib import closing

import msgspec

from longitudinal.ingest.inventory import ArchivedStudy, Inventory
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.series_reading import SeriesReading
from longitudinal.jobs.supervisor import JobContext
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.jobs import JobRequest, Priority
from longitudinal.sidecar.studies import known_instances

KIND = "index"
# Read while the writer writes the ones before, many in one transaction; more would only fill its queue.
_AHEAD = 400
# So that a rate is a number from the first moment on.
_SHORTEST_SECONDS = 0.001
_LOOK_SECONDS = 0.1


class Indexed(msgspec.Struct, rename="camel", frozen=True):
    """The result of an index job: how many instances the study has, how many of them were read, and how fast."""

    instances: int
    read: int
    seconds: float
    per_second: float


class UnreadableInstances(Exception):
    """Some instances are stored and cannot be read; all others are indexed."""


def request_index(study: str, study_date: str, priority: int = Priority.ASKED, owner: str = "") -> JobRequest:
    """A job that indexes a study, the newest first.

    Parameters
    ----------
    study
        Its Orthanc id.
    study_date
        YYYYMMDD; empty goes last.
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
    """Indexes what is missing of a study; what is indexed already is skipped, so it may be interrupted anywhere."""

    def __init__(self, inventory: Inventory, readers: Readers, ingest: Ingest) -> None:
        self._inventory = inventory
        self._readers = readers
        self._ingest = ingest

    def __call__(self, context: JobContext) -> Indexed:
        """Do it for the study that the job is about."""
        return self.index(context, context.job.subject)

    def index(self, context: JobContext, study: str) -> Indexed:
        """Do it for a study (Orthanc id).

        Raises
        ------
        UnreadableInstances
            When some could not be read.
        """
        try:
            listed = self._inventory.study(study).series
        except KeyError:
            self._ingest.deleted("studies", study).result()
            return Indexed(0, 0, 0.0, 0.0)
        return self._read(context, {series: self._inventory.instances(series) for series in listed})

    def _read(self, context: JobContext, series: Mapping[str, Sequence[str]]) -> Indexed:
        began = time.monotonic()
        stored = [instance for instances in series.values() for instance in instances]
        known = known_instances(self._readers.connection(), stored)
        missing = [instance for instance in stored if instance not in known]
        waiting: deque[Future[None]] = deque()
        unread: list[str] = []
        # A start after one that was cut short tells at once when it has got further.
        ahead = _AHEAD if context.job.attempts == 1 else 1
        with closing(self._readings(context, series, known)) as readings:
            for number, (instance, reading) in enumerate(readings):
                context.checkpoint()
                there, rate = len(known) + number, _rate(number, began)
                context.report(there / len(stored), f"reading {there} of {len(stored)}, {rate:.0f} a second")
                done = self._ingest.index(instance, is_awaited=ahead == 1, reading=reading)
                if done is None:
                    unread.append(instance)
                else:
                    waiting.append(done)
                if len(waiting) >= ahead:
                    waiting.popleft().result()
                    if ahead == 1:
                        context.moved_on()
                        ahead = _AHEAD
        self._ingest.settle()
        for done in waiting:
            done.result()
        self._check(unread, len(missing))
        seconds, rate = time.monotonic() - began, _rate(len(missing), began)
        return Indexed(len(stored), len(missing), round(seconds, 3), round(rate, 1))

    def _readings(
        self, context: JobContext, series: Mapping[str, Sequence[str]], known: Set[str]
    ) -> Generator[tuple[str, SeriesReading | None]]:
        """What is missing, one by one, each with the reading of its series, which is ready then."""
        for name, instances in series.items():
            missing = [instance for instance in instances if instance not in known]
            reading = self._ingest.ask(name, missing, len(instances))
            try:
                while reading is not None and not reading.is_ready(_LOOK_SECONDS):
                    context.checkpoint()
                yield from ((instance, reading) for instance in missing)
            finally:
                if reading is not None:
                    reading.close()

    def _check(self, unread: Sequence[str], missing: int) -> None:
        """Raise for what could not be read, is stored, and no callback has told of meanwhile."""
        known = known_instances(self._readers.connection(), unread)
        lost = [instance for instance in unread if instance not in known and self._ingest.has(instance)]
        if lost:
            raise UnreadableInstances(
                f"{len(lost)} of {missing} instances cannot be read from the archive, the first is {lost[0]}"
            )


def _rate(count: int, began: float) -> float:
    return count / max(time.monotonic() - began, _SHORTEST_SECONDS)
