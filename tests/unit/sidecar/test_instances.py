"""Rows of the sidecar: written once, replaced in place, and gone with everything that is empty without them."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import generate_uid

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.errors import SidecarUnavailable
from longitudinal.ingest.record import derive_parents, read_record
from longitudinal.sidecar.connection import Readers, open_writer
from longitudinal.sidecar.tables.instances import InstanceWriter
from longitudinal.sidecar.tables.records import InstanceRecord
from tests.builders import classic
from tests.fake_orthanc import UnannouncedError

TABLES = ("patients", "studies", "series", "series_frames", "instances")


class NoArchive:
    """These ids can be derived: nobody may be asked."""

    def __getattr__(self, name: str) -> object:
        raise UnannouncedError(name)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(tmp_path / "index.sqlite")
    yield connection
    connection.close()


def record(**attributes: object) -> InstanceRecord:
    ds = classic(**attributes)
    return read_record(orthanc_id(ds), tags_from_dataset(ds), NoArchive())  # type: ignore[arg-type]


def orthanc_id(ds: pydicom.Dataset) -> str:
    """As Orthanc makes it: SHA-1 of the four identifiers."""
    text = "|".join((ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID))
    digest = hashlib.sha1(text.encode()).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


def counts(connection: sqlite3.Connection) -> list[int]:
    return [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]


def test_a_series_names_its_parents_once(connection: sqlite3.Connection) -> None:
    writer = InstanceWriter(connection)
    touched = {writer.put(record(position=(0, 0, z))) for z in range(5)}
    assert counts(connection) == [1, 1, 1, 1, 5]
    assert len(touched) == 1


def test_the_same_instance_again_replaces_its_row_in_place(connection: sqlite3.Connection) -> None:
    writer, uid = InstanceWriter(connection), generate_uid()
    writer.put(record(SOPInstanceUID=uid))
    before = connection.execute("SELECT * FROM instances").fetchone()
    writer.put(record(SOPInstanceUID=uid, position=(1, 2, 3)))
    after = connection.execute("SELECT * FROM instances").fetchone()
    assert before["key"] == after["key"]
    assert before["planes"] != after["planes"]
    assert counts(connection) == [1, 1, 1, 1, 1]


def test_the_last_instance_takes_everything_with_it(connection: sqlite3.Connection) -> None:
    writer = InstanceWriter(connection)
    first, second = record(), record()
    writer.put(first)
    writer.put(second)
    assert writer.remove(first.orthanc_id) == writer.remove(second.orthanc_id)
    assert counts(connection) == [0, 0, 0, 0, 0]
    assert writer.remove(first.orthanc_id) is None
    writer.put(first)
    assert counts(connection) == [1, 1, 1, 1, 1]


def test_after_a_rollback_parents_are_written_again(connection: sqlite3.Connection) -> None:
    writer = InstanceWriter(connection)
    connection.execute("BEGIN")
    writer.put(record())
    connection.execute("ROLLBACK")
    writer.forget()
    writer.put(record())
    assert counts(connection) == [1, 1, 1, 1, 1]


def test_the_counts_of_the_health_route_follow(connection: sqlite3.Connection) -> None:
    writer, uid = InstanceWriter(connection), generate_uid()

    def kept() -> dict[str, int]:
        return dict(connection.execute("SELECT name, value FROM counts").fetchall())

    good = record(SOPInstanceUID=uid)
    writer.put(good)
    assert kept() == {"instances": 1, "notIndexable": 0}
    writer.put(record(SOPInstanceUID=uid, ImagePositionPatient=None))
    assert kept() == {"instances": 1, "notIndexable": 1}
    writer.put(good)
    assert kept() == {"instances": 1, "notIndexable": 0}
    writer.remove(good.orthanc_id)
    assert kept() == {"instances": 0, "notIndexable": 0}


def test_ids_are_derived_only_where_the_rule_gives_the_instances_own() -> None:
    ds = classic()
    made = record(SOPInstanceUID=ds.SOPInstanceUID)
    assert made.orthanc_id == orthanc_id(ds)
    from longitudinal.dicom.header import read_header

    assert derive_parents(read_header(tags_from_dataset(ds)), "another id") is None


def test_every_thread_reads_by_a_connection_of_its_own_and_none_can_write(tmp_path: Path) -> None:
    open_writer(tmp_path / "index.sqlite").close()
    readers, seen = Readers(tmp_path / "index.sqlite"), []
    threads = [threading.Thread(target=lambda: seen.append(readers.connection())) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    assert len({id(each) for each in seen}) == 3
    assert readers.connection() is readers.connection()
    with pytest.raises(SidecarUnavailable, match="readonly"):
        readers.connection().execute("DELETE FROM facts")
    readers.close()


def test_an_old_sidecar_is_brought_up_to_date_and_a_new_start_changes_nothing(tmp_path: Path) -> None:
    schemas = []
    for _ in range(2):
        connection = open_writer(tmp_path / "index.sqlite")
        schemas.append(
            [tuple(row) for row in connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name")]
        )
        connection.close()
    assert schemas[0] == schemas[1]
