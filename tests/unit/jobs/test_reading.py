"""Stored files read in a process of their own: the same records as here, in order, whatever becomes of the process."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pydicom
import pytest

from longitudinal.archive import StoredFile
from longitudinal.dicom.character_sets import LATIN_1
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.ingest.plain_records import decode_records, encode_records, read_plain_record
from longitudinal.ingest.record import read_record
from longitudinal.ingest.stored_objects import StoredObject, StoredObjects
from longitudinal.jobs import reading
from longitudinal.jobs.reading import ReadingProcess, ReadingProcesses
from longitudinal.jobs.worker_process import WorkerProcess, Workplace
from tests import builders as build
from tests.data import dicom_files
from tests.fake_archive import FakeArchive


@dataclass
class FolderArchive(FakeArchive):
    """The same with its files in a folder."""

    folder: Path = field(default_factory=Path)

    def stored_file(self, orthanc_id: str) -> StoredFile:
        file = self.stored[orthanc_id].file
        path = self.folder / orthanc_id
        if not path.exists():
            path.write_bytes(file)
        return StoredFile(len(file), str(path))


@pytest.fixture
def archive(tmp_path: Path) -> FolderArchive:
    made = FolderArchive(folder=tmp_path)
    made.store(build.classic((0, 0, z), SOPInstanceUID=f"1.2.3.{z}") for z in range(20))
    return made


class Reader:
    """The process, and how often it was asked what."""

    def __init__(self, archive: FolderArchive, python: Path = Path(sys.executable)) -> None:
        self.here: list[str] = []
        self.objects = StoredObjects(archive, cast(Any, archive))
        self.process = WorkerProcess(Workplace(python, "", lambda: "", 1, 512), reading.MODULE)
        self.reading = ReadingProcess(archive, cast(StoredObjects, self), self.process)

    def read(self, orthanc_ids: list[str]) -> Iterator[StoredObject | None]:
        self.here += orthanc_ids
        return self.objects.read(orthanc_ids)

    def warm(self, some: list[str]) -> None:
        """Read until the process has started."""
        deadline = time.monotonic() + 30
        while not (self.process.is_running and self.reading._is_ready):
            list(self.reading.read(some))
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.here.clear()


@pytest.fixture
def reader(archive: FolderArchive) -> Iterator[Reader]:
    made = Reader(archive)
    yield made
    made.reading.stop()
    assert not made.process.is_running


def test_the_records_are_those_that_are_read_here(archive: FolderArchive, reader: Reader) -> None:
    ids = list(archive.stored)
    expected = list(reader.objects.read(ids))
    assert list(reader.reading.read(ids)) == expected  # while it starts
    reader.warm(ids)
    assert list(reader.reading.read(ids)) == expected
    assert not reader.here
    assert list(reader.reading.read(ids[:2])) == expected[:2]
    assert reader.here == ids[:2]


def test_many_batches_come_in_order(
    archive: FolderArchive, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_BATCH", 4)
    ids = list(archive.stored)
    reader.warm(ids)
    found = list(reader.reading.read(ids))
    assert [one.record.orthanc_id for one in found if one is not None] == ids
    assert not reader.here


def test_what_is_read_while_the_process_starts_is_continued_by_it(
    archive: FolderArchive, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of thousands of instances began a moment before the process was ready."""
    monkeypatch.setattr(reading, "_MEANWHILE", 2)
    ids = list(archive.stored)
    found = reader.reading.read(ids)
    first = [next(found), next(found)]
    deadline = time.monotonic() + 30
    while not reader.reading._is_ready:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [one.record.orthanc_id for one in (*first, *found) if one is not None] == ids
    assert reader.here == ids[:2]


def test_what_is_gone_is_none_and_what_the_process_cannot_read_is_read_here(
    archive: FolderArchive, reader: Reader
) -> None:
    ids = list(archive.stored)
    reader.warm(ids)
    archive.delete(ids[3])
    (archive.folder / ids[5]).unlink()  # overwritten or deleted meanwhile: what the archive then says counts
    (archive.folder / ids[9]).write_bytes(b"another size than the archive says")
    compressed = ids[7]
    plain = archive.stored_file
    archive.stored_file = lambda name: StoredFile(9, None) if name == compressed else plain(name)  # type: ignore[method-assign]
    found = list(reader.reading.read(ids))
    assert [number for number, one in enumerate(found) if one is None] == [3]
    assert reader.here == [ids[3], compressed, ids[9]]
    here = found[7]
    assert here is not None
    assert here.record.orthanc_id == compressed


@pytest.mark.parametrize("content", [b"", b"cut off", None], ids=["empty", "cut off", "longer"])
def test_a_file_that_is_not_as_large_as_the_archive_says_is_read_by_the_archive(
    archive: FolderArchive, reader: Reader, content: bytes | None
) -> None:
    """A storage that encrypts keeps its files in the same folder."""
    ids = list(archive.stored)
    reader.warm(ids)
    expected = list(reader.reading.read(ids))
    whole, path = archive.stored[ids[4]].file, archive.folder / ids[4]
    path.write_bytes(whole + b"\0" if content is None else content)
    archive.stored_file = lambda name: StoredFile(len(archive.stored[name].file), None)  # type: ignore[method-assign]
    named = [StoredFile(len(archive.stored[each].file), str(archive.folder / each)) for each in ids]
    archive.listed_files = lambda orthanc_ids: iter(named)  # type: ignore[method-assign]
    found = list(reader.reading.read(ids))
    assert [one and one.record for one in found] == [one and one.record for one in expected]
    assert reader.here == [ids[4]]
    assert archive.files_read[-1] == ids[4]


def test_objects_that_are_no_images_are_read_beside_the_archive(
    archive: FolderArchive, reader: Reader
) -> None:
    ids = list(archive.stored)
    reader.warm(ids)
    (report,) = archive.store(
        [build.classic(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", SOPInstanceUID="1.2.3.99")]
    )
    found = list(reader.reading.read([*ids, report]))
    assert reader.here == [report]
    last = found[-1]
    assert last is not None
    assert last.record.sop_instance_uid == "1.2.3.99"


def test_a_process_that_dies_costs_nothing_but_time(archive: FolderArchive, reader: Reader) -> None:
    ids = list(archive.stored)
    expected = list(reader.objects.read(ids))
    reader.warm(ids)
    process = reader.process._process
    assert process is not None
    process.kill()
    process.wait()
    assert list(reader.reading.read(ids)) == expected
    reader.warm(ids)
    assert list(reader.reading.read(ids)) == expected


def test_without_an_interpreter_all_is_read_here(archive: FolderArchive, tmp_path: Path) -> None:
    reader = Reader(archive, tmp_path / "no python")
    ids = list(archive.stored)
    for _ in range(3):
        assert [one.record.orthanc_id for one in reader.reading.read(ids) if one is not None] == ids
    reader.reading.stop()


def test_after_the_stop_all_is_read_here(archive: FolderArchive) -> None:
    reader = Reader(archive)
    reader.warm(list(archive.stored))
    reader.reading.stop()
    ids = list(archive.stored)
    assert [one.record.orthanc_id for one in reader.reading.read(ids) if one is not None] == ids
    assert reader.here == ids


@pytest.mark.filterwarnings("ignore")
def test_records_of_real_files_survive_the_way_bit_by_bit() -> None:
    read = 0
    for path in [*dicom_files("openms_dicom/patient01")[:5], *dicom_files("dcm_decubitus_mr")[:5]]:
        tags = read_file_tags(path)
        archive = FakeArchive()
        (orthanc_id,) = archive.store([pydicom.dcmread(path)])
        record = read_plain_record(orthanc_id, str(path), path.stat().st_size, LATIN_1)
        assert record == read_record(orthanc_id, tags, archive)
        assert decode_records(encode_records([record, None])) == [record, None]
        read += record is not None
    assert read == 10


def test_two_that_read_at_once_have_a_process_each_and_one_alone_has_the_first(
    archive: FolderArchive,
) -> None:
    readers = [Reader(archive), Reader(archive)]
    both = ReadingProcesses([reader.reading for reader in readers])
    try:
        ids = list(archive.stored)
        list(both.read(ids))
        assert not readers[1].here
        first, second = both.read(ids), both.read(ids)
        assert next(first) == next(second)
        assert readers[1].here
        readers[1].here.clear()
        second.close()  # a job that is cancelled
        assert [one.record.orthanc_id for one in both.read(ids) if one is not None] == ids
        assert readers[1].here == ids
        list(first)
        readers[1].here.clear()
        list(both.read(ids))
        assert not readers[1].here
    finally:
        both.stop()
    assert not any(reader.process.is_running for reader in readers)
