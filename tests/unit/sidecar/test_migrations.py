"""A sidecar of an older version becomes one of today, with what it held."""

import sqlite3
from pathlib import Path

from sqlite_utils import Database

from longitudinal.sidecar.connection import open_writer
from longitudinal.sidecar.tables.facts import read_counts
from longitudinal.sidecar.tables.migrations import MIGRATIONS


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
