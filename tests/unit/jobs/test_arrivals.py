"""What has just been stored: noted with the change log, queued once it is quiet."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from longitudinal.ingest.inventory import Change
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.stored_objects import StoredObjects
from longitudinal.jobs.arrivals import Arrivals
from longitudinal.jobs.kinds.align import KIND, AlignParameters, request_alignment
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.instances import Touched
from longitudinal.sidecar.tables.jobs import JobState, Priority
from longitudinal.sidecar.tables.records import InstanceRecord, Notes
from longitudinal.sidecar.writer import Writer
from tests.unit.patients.ward import registration, shift, unplaced, volume

QUIET, TAKEOVER = 60.0, 600.0
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()


def scan(study: int, **more: object) -> list[InstanceRecord]:
    look = {"heights": range(0, 60, 3), "frame_of_reference_uid": f"1.9.{study}", **more}
    return volume(study, **look)


class Archive:
    """A sidecar and a change log; the clock is set by hand."""

    def __init__(self, readers: Readers, writer: Writer, queue: JobQueue) -> None:
        self.readers, self.writer, self.queue = readers, writer, queue
        self.catalogue = Catalogue(readers)
        self.now = NOON
        self.sequence = 0
        self.elsewhere: set[str] = set()
        self.arrivals = self.restarted()

    def restarted(self) -> Arrivals:
        return Arrivals(
            self.readers, self.queue, self.catalogue, QUIET, TAKEOVER,
            lambda instance: instance not in self.elsewhere, lambda instance: "", lambda: self.now,
        )  # fmt: skip

    def store(self, records: Iterable[InstanceRecord], date: float | None = None) -> None:
        """Index them, and let the change log tell."""
        kept = list(records)
        self.index(kept)
        when = datetime.fromtimestamp(self.now if date is None else date, UTC).strftime("%Y%m%dT%H%M%S")
        changes = []
        for record in kept:
            self.sequence += 1
            changes.append(Change(self.sequence, "NewInstance", record.orthanc_id, when))
        self.note(changes)

    def note(self, changes: list[Change]) -> None:
        task = self.arrivals.note(changes)
        if task is not None:
            self.writer.call(task).result()

    def index(self, records: list[InstanceRecord]) -> None:
        touched: list[Touched] = []
        self.writer.submit(
            lambda _, instances: touched.extend(map(instances.put, records)) or touched
        ).result()
        self.catalogue.invalidate(frozenset(touched))

    def wait(self, seconds: float) -> list[str]:
        """The studies that are queued after so long."""
        self.now += seconds
        self.arrivals.look()
        return sorted(job.subject for job in self.queue.find("queued", 100, 0) if job.kind == KIND)

    def do_all(self) -> None:
        while (job := self.queue.start_next(frozenset({KIND}))) is not None:
            self.queue.finish(job, JobState.DONE, result="{}")


@pytest.fixture
def archive(sidecar: tuple[Readers, Writer], queue: JobQueue) -> Archive:
    return Archive(*sidecar, queue)


def test_a_study_is_queued_once_it_is_quiet_and_then_never_again(archive: Archive) -> None:
    archive.store(scan(1))
    assert archive.wait(QUIET + 1) == []  # nobody to be aligned with
    archive.store(scan(2)[:10])
    assert archive.wait(QUIET - 5) == []
    archive.store(scan(2)[10:])
    assert archive.wait(QUIET - 5) == []
    assert archive.wait(5) == ["s1.2"]
    (job,) = archive.queue.find("queued", 100, 0)
    assert job.priority == Priority.ARRIVED
    archive.do_all()
    assert archive.wait(10 * QUIET) == []


def test_a_restart_in_between_loses_none(archive: Archive) -> None:
    archive.store(scan(1))
    archive.store(scan(2))
    archive.arrivals = archive.restarted()
    assert archive.wait(QUIET) == ["s1.1", "s1.2"]


def test_what_is_stored_while_somebody_looks_is_looked_at_again(archive: Archive) -> None:
    archive.store(scan(1))
    archive.store(scan(2))
    archive.wait(QUIET)
    archive.do_all()
    archive.store(scan(2)[:1])
    assert archive.wait(QUIET) == ["s1.2"]


def test_our_own_objects_and_other_things_without_a_place_start_nothing(archive: Archive) -> None:
    archive.store(scan(1))
    archive.store(scan(2))
    archive.wait(QUIET)
    archive.do_all()
    archive.store(
        [
            registration(2, "1.9.2", "1.9.1", shift(1, 2, 3)),
            unplaced(2, 5),
            *scan(2, series=7, role="segmentation"),
        ]
    )
    assert archive.wait(QUIET) == []


def test_studies_that_nothing_was_logged_of_are_left_alone(archive: Archive) -> None:
    """The backfill indexes them without a line in the change log."""
    archive.index(scan(1))
    archive.note(
        [Change(1, "StableStudy", "s1.1", "20260101T120000"), Change(2, "NewInstance", "unknown", "")]
    )
    archive.store(scan(2))
    assert archive.wait(QUIET) == ["s1.2"]


def test_under_an_identity_conflict_nothing_is_queued(archive: Archive) -> None:
    archive.store(scan(1, patient_birth_date="19500101"))
    archive.store(scan(2, patient_birth_date="19910101"))
    assert archive.wait(QUIET) == []


def test_a_clock_that_is_ahead_puts_nothing_off(archive: Archive) -> None:
    archive.store(scan(1))
    archive.store(scan(2), date=NOON + 86_400)
    assert archive.wait(QUIET) == ["s1.1", "s1.2"]


def test_it_does_not_change_what_somebody_asked_for(archive: Archive) -> None:
    archive.store(scan(1))
    archive.store(scan(2))
    asked = request_alignment("s1.2", AlignParameters("deformable", is_asked=True, by="ann"))
    archive.queue.enqueue([asked])
    assert archive.wait(QUIET) == ["s1.1", "s1.2"]
    job = archive.queue.latest(KIND, "s1.2")
    assert job is not None
    assert (job.parameters, job.priority) == (asked.parameters, Priority.ASKED)


def test_the_last_word_of_those_who_ask_holds_while_it_waits(archive: Archive) -> None:
    first, last = (
        request_alignment("s1.2", AlignParameters(method, is_asked=True)) for method in ("rigid", "affine")
    )
    assert archive.queue.enqueue([first]) == archive.queue.enqueue([last])
    job = archive.queue.start_next(frozenset({KIND}))
    assert job is not None
    assert job.parameters == last.parameters
    archive.queue.enqueue([first])
    assert archive.queue.get(job.id).parameters == last.parameters  # it is under way


def test_what_another_node_has_received_is_left_to_it_for_a_while(archive: Archive) -> None:
    archive.store(scan(1))
    archive.wait(QUIET)
    archive.elsewhere = {record.orthanc_id for record in scan(2)}
    archive.store(scan(2))
    assert archive.wait(TAKEOVER) == []
    assert archive.wait(QUIET) == ["s1.2"]


def test_what_the_other_node_has_aligned_by_then_is_done(archive: Archive) -> None:
    archive.store(scan(1))
    archive.wait(QUIET)
    archive.elsewhere = {record.orthanc_id for record in scan(2)}
    archive.store(scan(2))
    archive.store([registration(2, "1.9.2", "1.9.1", shift(1, 2, 3))])
    assert archive.wait(TAKEOVER + QUIET) == []


class Deletable:
    """Of the archive: everything is there but what was deleted."""

    def __init__(self) -> None:
        self.deleted: set[str] = set()

    def has(self, level: str, orthanc_id: str) -> bool:
        return orthanc_id not in self.deleted

    def has_instance(self, orthanc_id: str, file: str | None = None) -> bool:
        return orthanc_id not in self.deleted


def chain(archive: Archive, **more: object) -> list[InstanceRecord]:
    """Three studies that were there before, the second placed in the first, the third in the second."""
    archive.now = time.time()
    second = [*scan(2), registration(2, "1.9.2", "1.9.1", shift(0, 0, 0), **more)]
    archive.index([*scan(1), *second, *scan(3), registration(3, "1.9.3", "1.9.2", shift(0, 0, 0))])
    return second


def delete(archive: Archive, records: list[InstanceRecord], *, with_study: bool) -> None:
    there = Deletable()
    ingest = Ingest(archive.writer, there, StoredObjects(there, there))  # type: ignore[arg-type]
    there.deleted = {record.orthanc_id for record in records}
    if with_study:
        there.deleted.add(records[0].orthanc_study)
    for record in records:
        ingest.deleted("instances", record.orthanc_id).result()
    archive.catalogue.forget()


def test_what_a_deleted_study_had_joined_is_joined_again(archive: Archive) -> None:
    second = chain(archive)
    assert archive.wait(QUIET) == []
    delete(archive, second, with_study=True)
    assert archive.wait(0) == []
    assert archive.wait(QUIET + 1) == sorted({scan(1)[0].orthanc_study, scan(3)[0].orthanc_study})


def test_a_deleted_object_alone_is_left_alone(archive: Archive) -> None:
    second = chain(archive)
    delete(archive, second[-1:], with_study=False)
    assert archive.wait(QUIET + 1) == []


@pytest.mark.parametrize("unused", [{"refusal": "notRigid"}, {"notes": Notes(decision="rejected")}])
def test_an_unused_object_had_joined_nothing(archive: Archive, unused: dict[str, object]) -> None:
    second = chain(archive, **unused)
    delete(archive, second, with_study=True)
    assert archive.wait(QUIET + 1) == []
