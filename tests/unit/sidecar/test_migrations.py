"""A sidecar of an older version becomes one of today, with what it held."""

import sqlite3
from pathlib import Path

from sqlite_utils import Database

from longitudinal.sidecar.connection import open_writer
from longitudinal.sidecar.facts import read_counts
from longitudinal.sidecar.migrations import MIGRATIONS


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
