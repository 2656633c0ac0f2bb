"""What objects that are there for others say, and where what they name is stored."""

import sqlite3
from collections.abc import Iterable, Sequence

_MOST_VARIABLES = 900
"""SQLite takes 999 in its oldest builds."""

_ROW = """SELECT i.key, i.orthanc_id, i.sop_instance_uid, i.sop_class_uid, i.acquisition_date_time, i.instance_number,
    f.uid AS frame_uid, e.orthanc_id AS orthanc_series, e.series_instance_uid, e.modality, e.series_description,
    e.series_number, s.orthanc_id AS orthanc_study, s.study_instance_uid, s.study_date, s.patient_key, c.body
    FROM contents c JOIN instances i ON i.key = c.instance_key JOIN series e ON e.key = i.series_key
    JOIN studies s ON s.key = e.study_key LEFT JOIN frames f ON f.key = i.frame_key"""


def read_contents(connection: sqlite3.Connection, patient_key: int) -> list[sqlite3.Row]:
    """The contents of a patient's objects with where they are, in the order of their UIDs."""
    return connection.execute(
        f"{_ROW} WHERE s.patient_key = ? ORDER BY i.sop_instance_uid, i.orthanc_id", (patient_key,)
    ).fetchall()


def locate_instances(connection: sqlite3.Connection, uids: Iterable[str]) -> dict[str, list[sqlite3.Row]]:
    """Where instances are stored, whoever's they are, by SOP Instance UID."""
    found: dict[str, list[sqlite3.Row]] = {}
    for marks, part in _parts(uids):
        for row in connection.execute(
            f"""SELECT i.sop_instance_uid, i.orthanc_id, i.sop_class_uid, f.uid AS frame_uid, e.series_instance_uid,
            e.orthanc_id AS orthanc_series, s.study_instance_uid, s.patient_key FROM instances i
            JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key
            LEFT JOIN frames f ON f.key = i.frame_key WHERE i.sop_instance_uid IN ({marks})""",
            part,
        ):
            found.setdefault(row["sop_instance_uid"], []).append(row)
    return found


def locate_series(connection: sqlite3.Connection, uids: Iterable[str]) -> dict[str, list[sqlite3.Row]]:
    """Where series are stored, by SeriesInstanceUID."""
    found: dict[str, list[sqlite3.Row]] = {}
    for marks, part in _parts(uids):
        for row in connection.execute(
            f"""SELECT e.key, e.series_instance_uid, e.orthanc_id AS orthanc_series, s.study_instance_uid, s.patient_key,
            group_concat(DISTINCT f.uid) AS frame_uids FROM series e JOIN studies s ON s.key = e.study_key
            LEFT JOIN series_frames x ON x.series_key = e.key LEFT JOIN frames f ON f.key = x.frame_key
            WHERE e.series_instance_uid IN ({marks}) GROUP BY e.key""",
            part,
        ):
            found.setdefault(row["series_instance_uid"], []).append(row)
    return found


def locate_studies(connection: sqlite3.Connection, uids: Iterable[str]) -> dict[str, list[sqlite3.Row]]:
    """Where studies are stored, by StudyInstanceUID."""
    found: dict[str, list[sqlite3.Row]] = {}
    for marks, part in _parts(uids):
        for row in connection.execute(
            f"SELECT study_instance_uid, orthanc_id, patient_key FROM studies WHERE study_instance_uid IN ({marks})",
            part,
        ):
            found.setdefault(row["study_instance_uid"], []).append(row)
    return found


def locate_frames(connection: sqlite3.Connection, uids: Iterable[str]) -> dict[str, set[int]]:
    """The keys of the patients that have something in a frame of reference, by its UID."""
    found: dict[str, set[int]] = {}
    for marks, part in _parts(uids):
        for row in connection.execute(
            f"""SELECT DISTINCT f.uid, s.patient_key FROM frames f JOIN series_frames x ON x.frame_key = f.key
            JOIN series e ON e.key = x.series_key JOIN studies s ON s.key = e.study_key WHERE f.uid IN ({marks})""",
            part,
        ):
            found.setdefault(row[0], set()).add(int(row[1]))
    return found


def unindexed_studies(connection: sqlite3.Connection, patient_key: int) -> list[str]:
    """StudyInstanceUIDs of a patient's studies of which something is still to be read, or read again."""
    rows = connection.execute(
        """SELECT s.study_instance_uid FROM studies s WHERE s.patient_key = ?1 AND NOT EXISTS (SELECT 1 FROM series e
        WHERE e.study_key = s.key) UNION SELECT s.study_instance_uid FROM studies s JOIN series e ON e.study_key = s.key
        JOIN series_headers h ON h.series_key = e.key WHERE s.patient_key = ?1 AND h.header_key = 0""",
        (patient_key,),
    )
    return sorted(row[0] for row in rows)


def _parts(uids: Iterable[str]) -> Iterable[tuple[str, Sequence[str]]]:
    wanted = sorted(set(uids))
    for start in range(0, len(wanted), _MOST_VARIABLES):
        part = wanted[start : start + _MOST_VARIABLES]
        yield ", ".join("?" * len(part)), part
