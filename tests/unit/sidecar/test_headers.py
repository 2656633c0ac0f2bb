"""What a study, its series and its patient are said to be, where their instances contradict each other."""

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from longitudinal.dicom.reader_versions import CURRENT
from longitudinal.sidecar.connection import open_writer
from longitudinal.sidecar.tables.headers import outdated_instances, read_identities
from longitudinal.sidecar.tables.instances import InstanceWriter
from longitudinal.sidecar.tables.migrations import MIGRATIONS
from longitudinal.sidecar.tables.studies import series_states
from tests.index_dump import dump
from tests.unit.patients.ward import image

TODAY = next(iter(CURRENT))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(tmp_path / "index.sqlite")
    yield connection
    connection.close()


def row(connection: sqlite3.Connection, table: str) -> sqlite3.Row:
    found: sqlite3.Row = connection.execute(f"SELECT * FROM {table}").fetchone()
    return found


def test_the_order_in_which_instances_come_makes_no_difference(tmp_path: Path) -> None:
    """Two dates, two names, two descriptions, in three instances of one series: each order gives the same rows."""
    records = [
        replace(image(1, 1, 1), study_date="20210101", patient_name="B^Bob", series_description="late"),
        replace(image(1, 1, 2), study_date="20200101", patient_name="", series_description=""),
        replace(image(1, 1, 3), study_date="", patient_name="A^Ann", series_description="early"),
    ]
    dumps = []
    for number, order in enumerate(itertools.permutations(records)):
        connection = open_writer(tmp_path / f"{number}.sqlite")
        writer = InstanceWriter(connection)
        for record in order:
            writer.put(record)
        dumps.append(dump(connection))
        assert row(connection, "studies")["study_date"] == "20200101", "the earlier of two"
        assert row(connection, "patients")["patient_name"] == "A^Ann", "some name rather than none"
        connection.close()
    assert all(each == dumps[0] for each in dumps)


def test_what_only_one_instance_said_goes_with_it(connection: sqlite3.Connection) -> None:
    writer = InstanceWriter(connection)
    writer.put(replace(image(1, 1, 1), study_description="A right one", modality="CT"))
    wrong = replace(
        image(1, 1, 2), study_description="A mistake", modality="OT", frame_of_reference_uid="1.2.8"
    )
    writer.put(wrong)
    writer.remove(wrong.orthanc_id)
    assert row(connection, "studies")["study_description"] == "A right one"
    assert row(connection, "series")["modality"] == "CT"
    assert connection.execute("SELECT count(*) FROM frames").fetchone()[0] == 1
    assert connection.execute("SELECT count(*) FROM headers WHERE key != 0").fetchone()[0] == 1


def test_an_instance_that_is_replaced_says_the_new_and_not_the_old(connection: sqlite3.Connection) -> None:
    writer = InstanceWriter(connection)
    writer.put(replace(image(1), study_date="20200101", sop_class_uid="1.2.3", study_description="old"))
    writer.put(replace(image(1), study_date="20190101", sop_class_uid="1.2.4", study_description="new"))
    study = row(connection, "studies")
    assert (study["study_date"], study["study_description"]) == ("20190101", "new")
    assert row(connection, "instances")["sop_class_uid"] == "1.2.4"


def test_every_series_is_heard_about_who_the_patient_is(connection: sqlite3.Connection) -> None:
    writer = InstanceWriter(connection)
    writer.put(replace(image(1, 1), patient_birth_date="19700101", issuer_of_patient_id="A"))
    writer.put(replace(image(1, 2), patient_birth_date="19550505", issuer_of_patient_id="B"))
    said = read_identities(connection, row(connection, "patients")["key"])
    assert {each["patient_birth_date"] for each in said} >= {"19700101", "19550505"}
    assert {each["issuer_of_patient_id"] for each in said} >= {"A", "B"}


def test_what_an_older_reader_has_read_is_known_by_it(connection: sqlite3.Connection) -> None:
    writer = InstanceWriter(connection)
    writer.put(replace(image(1, 1), reader=TODAY))
    writer.put(replace(image(1, 2), reader="singleFrame.0"))
    writer.put(replace(image(1, 2, 2), reader=TODAY))
    assert outdated_instances(connection, "s1.1", CURRENT) == {"i1.1.2.1"}
    states = series_states(connection, "s1.1", CURRENT)
    assert {series: state.is_outdated for series, state in states.items()} == {
        "e1.1.1": False,
        "e1.1.2": True,
    }
    writer.put(replace(image(1, 2), reader=TODAY))
    assert outdated_instances(connection, "s1.1", CURRENT) == set()


def test_what_a_sidecar_of_before_headers_holds_stays_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path, isolation_level=None)
    from sqlite_utils import Database

    MIGRATIONS.apply(Database(old), stop_before="m006_headers")
    old.execute("INSERT INTO patients VALUES (1, 'P', 'pP', 'Ann')")
    old.execute(
        """INSERT INTO studies (key, orthanc_id, patient_key, study_instance_uid, study_date)
        VALUES (1, 's1.1', 1, '1.1', '1999')"""
    )
    old.execute(
        """INSERT INTO series (key, orthanc_id, study_key, series_instance_uid, modality)
        VALUES (1, 'e1.1.1', 1, '1.1.1', 'CT')"""
    )
    for number in (1, 2):
        old.execute(
            "INSERT INTO instances (orthanc_id, series_key, sop_instance_uid, reason) VALUES (?, 1, ?, 'noGeometry')",
            (f"i1.1.1.{number}", f"1.1.1.{number}"),
        )
    old.close()
    connection = open_writer(path)
    assert row(connection, "studies")["study_date"] == "1999"
    assert outdated_instances(connection, "s1.1", CURRENT) == {"i1.1.1.1", "i1.1.1.2"}
    writer = InstanceWriter(connection)
    writer.put(replace(image(1, 1, 1), reader=TODAY))
    assert row(connection, "studies")["study_date"] == "20010101"
    assert outdated_instances(connection, "s1.1", CURRENT) == {"i1.1.1.2"}
    writer.remove("i1.1.1.2")
    assert outdated_instances(connection, "s1.1", CURRENT) == set()
    assert not series_states(connection, "s1.1", CURRENT)["e1.1.1"].is_outdated
    connection.close()


def test_another_series_that_says_the_same_reads_none_of_the_others(connection: sqlite3.Connection) -> None:
    """Counted in steps of SQLite's machine: a patient with a hundred times the series takes about as many."""
    writer = InstanceWriter(connection)
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def cost(study: int) -> int:
        nonlocal steps
        steps = 0
        connection.set_progress_handler(step, 10)
        writer.put(replace(image(study), patient_name="Ann"))
        connection.set_progress_handler(None, 0)
        return steps

    few = [cost(study) for study in range(1, 4)][-1]
    for study in range(4, 300):
        writer.put(replace(image(study), patient_name="Ann"))
    assert cost(300) < 2 * few


def test_a_patient_who_lost_a_study_to_another_is_named_by_those_that_are_left(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "moved.sqlite")
    writer = InstanceWriter(connection)
    writer.put(replace(image(1), patient_name="A^Ann"))
    writer.put(replace(image(2), patient_name="B^Bob"))
    writer.forget()
    writer.put(replace(image(1), patient_id="Q", orthanc_patient="pQ", patient_name="A^Ann"))
    names = connection.execute("SELECT patient_id, patient_name FROM patients ORDER BY patient_id").fetchall()
    assert [tuple(each) for each in names] == [("P", "B^Bob"), ("Q", "A^Ann")]
    connection.close()
