"""The job that reads a study back from the archive."""

import pkgutil
import threading
from typing import Any

import pytest
from pydicom.dataset import Dataset

from longitudinal.errors import SidecarUnavailable
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.stored_objects import StoredObjects
from longitudinal.jobs.kinds import index
from longitudinal.jobs.kinds.index import KIND, Indexed, IndexStudy, UnreadableInstances, request_index
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import MAX_ATTEMPTS, JobCancelled, JobContext
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.studies import known_instances
from longitudinal.sidecar.writer import Writer
from tests import builders as build
from tests.fake_archive import FakeArchive, orthanc_ids


class Killed(BaseException):
    """As if the process had ended here: nothing is written about the job any more."""


class House:
    """An archive with one study, and what indexes it."""

    def __init__(self, readers: Readers, writer: Writer, queue: JobQueue) -> None:
        self.archive, self.readers, self.queue = FakeArchive(), readers, queue
        self.ingest = Ingest(writer, self.archive, StoredObjects(self.archive, self.archive))
        self.job = IndexStudy(self.archive, readers, self.ingest)

    def store(self, count: int) -> list[str]:
        made: list[Dataset] = [build.classic((0, 0, 2.0 * number)) for number in range(count)]
        self.study = orthanc_ids(made[0])[1]
        return self.archive.store(made)

    def context(self) -> JobContext:
        self.queue.enqueue([request_index(self.study, "")])
        job = self.queue.start_next(frozenset({KIND}))
        assert job is not None
        return JobContext(job, self.queue, threading.Event(), lambda: False)

    def known(self, ids: list[str]) -> set[str]:
        return known_instances(self.readers.connection(), ids)


@pytest.fixture
def house(sidecar: Any, queue: JobQueue) -> House:
    return House(*sidecar, queue)


def test_reads_what_is_missing_and_nothing_else(house: House) -> None:
    ids = house.store(5)
    for known in ids[:2]:
        done = house.ingest.index(known)
        assert done is not None
        done.result()
    house.archive.files_read.clear()
    result = house.job(house.context())
    assert (result.instances, result.read) == (5, 3)
    assert house.archive.files_read == ids[2:]
    assert house.known(ids) == set(ids)


def test_a_study_that_is_gone_is_forgotten(house: House) -> None:
    ids = house.store(2)
    context = house.context()
    house.job(context)
    house.archive.delete(*ids)
    assert house.job(context) == Indexed(0, 0, 0.0, 0.0)
    assert house.known(ids) == set()


def test_a_lost_file_leaves_the_others_indexed_and_is_named(house: House) -> None:
    ids = house.store(4)
    house.archive.unreadable = {ids[1]}
    with pytest.raises(UnreadableInstances, match=f"1 of 4 .* {ids[1]}"):
        house.job(house.context())
    assert house.known(ids) == set(ids) - {ids[1]}


@pytest.mark.parametrize(
    "where",
    ["longitudinal.ingest.stored_objects.read_record", "longitudinal.ingest.on_stored.with_current_notes"],
)
def test_what_raises_while_it_is_read_or_written_costs_itself_alone(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """Whatever nobody has thought of yet."""
    ids = house.store(5)
    real = pkgutil.resolve_name(":".join(where.rsplit(".", 1)))

    def strange(*arguments: Any, **more: Any) -> object:
        names = {
            getattr(one, "orthanc_id", one) for one in arguments if not isinstance(one, FakeArchive | dict)
        }
        if names & {ids[1], ids[3]}:
            raise OverflowError("cannot convert float infinity to integer")
        return real(*arguments, **more)

    monkeypatch.setattr(where, strange)
    with pytest.raises(UnreadableInstances, match=rf"2 of 5 .* the first is {ids[1]}"):
        house.job(house.context())
    assert "OverflowError: cannot convert float infinity" in caplog.text
    assert house.known(ids) == {ids[0], ids[2], ids[4]}


def test_a_sidecar_that_fails_is_no_fault_of_an_instance(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.store(3)

    def down(*_: object, **__: object) -> None:
        raise SidecarUnavailable("the disk is full")

    monkeypatch.setattr(house.ingest, "index_all", down)
    with pytest.raises(SidecarUnavailable):
        house.job(house.context())


def test_what_pydicom_cannot_read_is_read_by_orthanc(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NotImplementedError("no such value representation")

    monkeypatch.setattr("longitudinal.ingest.stored_objects.read_file_tags", fail)
    ids = house.store(2)
    house.job(house.context())
    assert house.known(ids) == set(ids)


def test_deleted_while_it_runs_is_no_failure(house: House) -> None:
    ids = house.store(3)
    context = house.context()
    read = house.archive.file

    def delete_then_read(orthanc_id: str) -> bytes:
        if ids[2] in house.archive.stored:
            house.archive.delete(ids[2])
        return read(orthanc_id)

    house.archive.file = delete_then_read  # type: ignore[method-assign]
    house.job(context)
    assert house.known(ids) == set(ids[:2])


def test_cancelled_in_the_middle_keeps_what_is_done(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_CHECK_SECONDS", 0.0)
    ids = house.store(6)
    context = house.context()
    read = house.archive.file

    def cancel_after_three(orthanc_id: str) -> bytes:
        if len(house.archive.files_read) == 2:
            house.queue.cancel(context.job.id)
        return read(orthanc_id)

    house.archive.file = cancel_after_three  # type: ignore[method-assign]
    with pytest.raises(JobCancelled):
        house.job(context)
    house.ingest.settle()
    assert house.known(ids) == set(ids[:3])


def test_of_starts_that_got_further_each_time_none_counts(house: House) -> None:
    """Orthanc is killed again and again in the middle of a long study: that is no reason to give it up."""
    ids = house.store(12)
    read = house.archive.file

    def killed_after_two(orthanc_id: str) -> bytes:
        if len(house.archive.files_read) == 2:
            raise Killed
        return read(orthanc_id)

    house.archive.file = killed_after_two  # type: ignore[method-assign]
    for known in (2, 4, 6, 8, 10):
        house.archive.files_read.clear()
        context = house.context()
        with pytest.raises(Killed):
            house.job(context)
        house.ingest.settle()
        assert len(house.known(ids)) == known
        house.queue.recover(frozenset({KIND}), MAX_ATTEMPTS)
        assert house.queue.get(context.job.id).state == "queued"


def test_a_study_that_ends_orthanc_before_anything_is_read_is_given_up(house: House) -> None:
    house.store(2)

    def deadly(orthanc_id: str) -> bytes:
        raise Killed

    house.archive.file = deadly  # type: ignore[method-assign]
    for _ in range(MAX_ATTEMPTS):
        context = house.context()
        with pytest.raises(Killed):
            house.job(context)
        house.queue.recover(frozenset({KIND}), MAX_ATTEMPTS)
    assert house.queue.get(context.job.id).state == "failed"
