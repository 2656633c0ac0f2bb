"""What structured reports say of places, in the sidecar: one row for each measurement group."""

import sqlite3
from collections.abc import Sequence

from msgspec.structs import astuple

from longitudinal.sidecar.tables.records import PlaceRecord

_COLUMNS = ", ".join(PlaceRecord.__struct_fields__)
_INSERT = f"""INSERT INTO places ({_COLUMNS}, instance_key)
    VALUES ({", ".join("?" * (len(PlaceRecord.__struct_fields__) + 1))})"""
_READ = f"""SELECT {", ".join(f"p.{name}" for name in PlaceRecord.__struct_fields__)}, i.orthanc_id, i.sop_instance_uid,
    e.series_instance_uid, s.orthanc_id AS study, s.patient_key FROM places p JOIN instances i ON i.key = p.instance_key
    JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key"""


def write(connection: sqlite3.Connection, instance_key: int, records: Sequence[PlaceRecord]) -> None:
    """Store the groups of one report."""
    connection.executemany(_INSERT, [(*astuple(record), instance_key) for record in records])


def delete(connection: sqlite3.Connection, instance_key: int) -> None:
    """Remove the groups of one instance."""
    connection.execute("DELETE FROM places WHERE instance_key = ?", (instance_key,))


def read_places(connection: sqlite3.Connection, patient_key: int) -> list[sqlite3.Row]:
    """The groups of all reports of a patient."""
    return connection.execute(
        f"{_READ} WHERE s.patient_key = ? ORDER BY i.sop_instance_uid, p.number", (patient_key,)
    ).fetchall()


def read_report(connection: sqlite3.Connection, orthanc_id: str) -> list[sqlite3.Row]:
    """The groups of one report."""
    return connection.execute(f"{_READ} WHERE i.orthanc_id = ? ORDER BY p.number", (orthanc_id,)).fetchall()


def patients_with_tracking_uid(connection: sqlite3.Connection, tracking_uid: str) -> list[int]:
    """The keys of the patients that have reports with a tracking UID."""
    rows = connection.execute(
        """SELECT DISTINCT s.patient_key FROM places p JOIN instances i ON i.key = p.instance_key
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key WHERE p.tracking_uid = ?""",
        (tracking_uid,),
    )
    return [int(row[0]) for row in rows]


def patient_of_report(connection: sqlite3.Connection, sop_instance_uid: str, number: int) -> list[int]:
    """The keys of the patients that have a report with this UID and a group of this number."""
    rows = connection.execute(
        """SELECT DISTINCT s.patient_key FROM instances i JOIN places p ON p.instance_key = i.key
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key
        WHERE i.sop_instance_uid = ? AND p.number = ?""",
        (sop_instance_uid, number),
    )
    return [int(row[0]) for row in rows]


def shared_tracking_uids(connection: sqlite3.Connection, patient_key: int) -> set[str]:
    """The tracking UIDs of a patient that reports of another patient have too."""
    rows = connection.execute(
        """SELECT DISTINCT p.tracking_uid FROM places p JOIN instances i ON i.key = p.instance_key
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key
        WHERE s.patient_key = ?1 AND p.tracking_uid IS NOT NULL AND EXISTS (
            SELECT 1 FROM places q JOIN instances j ON j.key = q.instance_key JOIN series f ON f.key = j.series_key
            JOIN studies t ON t.key = f.study_key WHERE q.tracking_uid = p.tracking_uid AND t.patient_key <> ?1)""",
        (patient_key,),
    )
    return {str(row[0]) for row in rows}
