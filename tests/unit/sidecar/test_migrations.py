"""A sidecar of an older version becomes one of today, with what it held."""

import sqlite3
from pathlib import Path

from pydicom._uid_dict import UID_dictionary
from sqlite_utils import Database, Migrations

from longitudinal.dicom.reader_versions import CURRENT
from longitudinal.dicom.sop_classes import names_others
from longitudinal.sidecar.connection import open_writer
from longitudinal.sidecar.schema import MIGRATION_SET, STEPS, STEPS_TABLE, applied_steps
from longitudinal.sidecar.tables.facts import read_counts
from longitudinal.sidecar.tables.migrations import _CONTENTS, MIGRATIONS
from longitudinal.sidecar.tables.studies import series_states


def test_the_steps_that_a_start_looks_for_are_those_of_the_migrations(tmp_path: Path) -> None:
    assert (MIGRATIONS.name, Migrations.migrations_table) == (MIGRATION_SET, STEPS_TABLE)
    assert {step.name for step in MIGRATIONS.pending(Database(memory=True))} == STEPS
    new = open_writer(tmp_path / "new.sqlite")
    assert applied_steps(new) == STEPS
    new.close()


def test_counts_begin_with_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path, isolation_level=None)
    MIGRATIONS.apply(Database(old), stop_before="m002_jobs")
    old.execute("INSERT INTO patients VALUES (1, 'p', 'p', '')")
    old.execute(
        "INSERT INTO studies (key, orthanc_id, patient_key, study_instance_uid) VALUES (1, 's', 1, '1')"
    )
    old.execute(
        "INSERT INTO series (key, orthanc_id, study_key, series_instance_uid) VALUES (1, 'e', 1, '1')"
    )
    for number, reason in enumerate([None, None, "noGeometry"]):
        old.execute(
            "INSERT INTO instances (orthanc_id, series_key, sop_instance_uid, reason) VALUES (?, 1, ?, ?)",
            (str(number), str(number), reason),
        )
    old.close()
    new = open_writer(path)
    assert read_counts(new) == {"instances": 3, "notIndexable": 1}
    new.execute("DELETE FROM instances WHERE reason IS NOT NULL")
    assert read_counts(new) == {"instances": 2, "notIndexable": 0}
    new.close()


def test_transforms_that_are_there_are_not_measured_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path, isolation_level=None)
    MIGRATIONS.apply(Database(old), stop_before="m008_error_at_place")
    old.execute("INSERT INTO patients VALUES (1, 'p', 'p', '')")
    old.execute(
        "INSERT INTO studies (key, orthanc_id, patient_key, study_instance_uid) VALUES (1, 's', 1, '1')"
    )
    for key, modality in ((1, "REG"), (2, "MR")):
        old.execute(
            """INSERT INTO series (key, orthanc_id, study_key, series_instance_uid, modality, last_update)
            VALUES (?, ?, 1, ?, ?, '20260101T000000')""",
            (key, str(key), str(key), modality),
        )
    old.execute(
        "INSERT INTO instances (key, orthanc_id, series_key, sop_instance_uid) VALUES (1, 'i', 1, '1.2')"
    )
    old.execute(
        """INSERT INTO transforms (id, item, instance_key, expected_error_mm, error_source, quality)
        VALUES ('1.2.2', 2, 1, 0.9, 'forwardBackward', '{}')"""
    )
    old.close()
    new = open_writer(path)
    (row,) = new.execute("SELECT expected_error_mm, quality, error_at_place FROM transforms").fetchall()
    assert tuple(row) == (0.9, "{}", None)
    found = new.execute("SELECT last_update FROM series ORDER BY key").fetchall()
    assert [entry[0] for entry in found] == [None, "20260101T000000"]
    new.close()


def test_objects_that_name_others_are_read_again_and_no_images(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path, isolation_level=None)
    MIGRATIONS.apply(Database(old), stop_before="m011_contents")
    old.execute("INSERT INTO patients VALUES (1, 'p', 'p', '')")
    old.execute(
        "INSERT INTO studies (key, orthanc_id, patient_key, study_instance_uid) VALUES (1, 's', 1, '1')"
    )
    kinds = [
        ("CT", "2", "singleFrame.1"), ("RTSTRUCT", "481.3", "other.1"), ("SR", "88.22", "other.1"),
        ("SEG", "66.4", "multiFrame.1"), ("OT", "7", "singleFrame.1"),
    ]  # fmt: skip
    for key, (modality, suffix, reader) in enumerate(kinds, 1):
        old.execute(
            "INSERT INTO series (key, orthanc_id, study_key, series_instance_uid, modality) VALUES (?, ?, 1, ?, ?)",
            (key, str(key), str(key), modality),
        )
        old.execute("INSERT INTO headers (key, digest, reader) VALUES (?, ?, ?)", (key, f"d{key}", reader))
        old.execute("INSERT INTO series_headers VALUES (?, ?)", (key, key))
        old.execute(
            """INSERT INTO instances (key, orthanc_id, series_key, sop_instance_uid, sop_class_uid, header_key)
            VALUES (?1, ?2, ?1, ?2, ?3, ?1)""",
            (key, str(key), f"1.2.840.10008.5.1.4.1.1.{suffix}"),
        )
    old.close()
    new = open_writer(path)
    states = series_states(new, "s", CURRENT)
    assert sorted(series for series, state in states.items() if state.is_outdated) == ["2", "3", "4"]
    assert [row[0] for row in new.execute("SELECT header_key FROM instances ORDER BY key")] == [1, 0, 0, 0, 5]
    assert [row[0] for row in new.execute("SELECT key FROM headers ORDER BY key")] == [0, 1, 5]
    new.close()


def test_the_classes_of_the_migration_are_those_that_name_others() -> None:
    """SQL cannot ask Python."""
    connection = sqlite3.connect(":memory:")
    (statement,) = [text for text in _CONTENTS if "TEMPORARY" in text]
    connection.execute("CREATE TABLE series (key, modality)")
    connection.execute("CREATE TABLE instances (key, series_key, sop_class_uid)")
    connection.execute("INSERT INTO series VALUES (1, 'OT')")
    classes = [uid for uid, entry in UID_dictionary.items() if entry[1] == "SOP Class"]
    connection.executemany("INSERT INTO instances VALUES (?, 1, ?)", enumerate(classes))
    connection.execute(statement)
    found = {classes[row[0]] for row in connection.execute("SELECT key FROM related")}
    assert found == {uid for uid in classes if names_others(uid)}
