"""Lists of patients and studies, page by page, for those who look before they ask."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StudyFilter:
    """Which studies to list; dates as YYYYMMDD, inclusive, a study without a date fails either."""

    patient_key: int | None = None
    modality: str | None = None
    first_date: str | None = None
    last_date: str | None = None


def list_patients(
    connection: sqlite3.Connection, query: str, limit: int, offset: int
) -> tuple[int, list[sqlite3.Row]]:
    """How many patients have `query` in their id or name (case-insensitive), and one page of them by name.

    Rows have patient_id, orthanc_id, patient_name, studies and latest (StudyDate).
    """
    pattern = "%" + query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    where = "WHERE p.patient_id LIKE :pattern ESCAPE '\\' OR p.patient_name LIKE :pattern ESCAPE '\\'"
    values = {"pattern": pattern, "limit": limit, "offset": offset}
    (total,) = connection.execute(f"SELECT count(*) FROM patients p {where}", values).fetchone()
    rows = connection.execute(
        f"""SELECT p.patient_id, p.orthanc_id, p.patient_name, count(s.key) AS studies, max(s.study_date) AS latest
        FROM patients p LEFT JOIN studies s ON s.patient_key = p.key {where}
        GROUP BY p.key ORDER BY p.patient_name, p.patient_id LIMIT :limit OFFSET :offset""",
        values,
    ).fetchall()
    return int(total), rows


def list_studies(
    connection: sqlite3.Connection, wanted: StudyFilter, limit: int, offset: int
) -> tuple[int, list[sqlite3.Row]]:
    """How many studies pass, and one page of them, newest first.

    Rows have the columns of `studies`, patient_id, modalities (joined by a backslash), series and instances.
    """
    conditions = ["1"]
    if wanted.patient_key is not None:
        conditions.append("s.patient_key = :patient")
    if wanted.modality is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM series e WHERE e.study_key = s.key AND e.modality = :modality)"
        )
    if wanted.first_date is not None:
        conditions.append("s.study_date <> '' AND s.study_date >= :first")
    if wanted.last_date is not None:
        conditions.append("s.study_date <> '' AND s.study_date <= :last")
    where = " AND ".join(conditions)
    values = {
        "patient": wanted.patient_key,
        "modality": wanted.modality,
        "first": wanted.first_date,
        "last": wanted.last_date,
        "limit": limit,
        "offset": offset,
    }
    (total,) = connection.execute(f"SELECT count(*) FROM studies s WHERE {where}", values).fetchone()
    rows = connection.execute(
        f"""SELECT s.*, p.patient_id,
        (SELECT group_concat(modality, '\\') FROM (SELECT DISTINCT e.modality FROM series e
            WHERE e.study_key = s.key ORDER BY e.modality)) AS modalities,
        (SELECT count(*) FROM series e WHERE e.study_key = s.key) AS series,
        (SELECT count(*) FROM instances i JOIN series e ON e.key = i.series_key WHERE e.study_key = s.key) AS instances
        FROM studies s JOIN patients p ON p.key = s.patient_key WHERE {where}
        ORDER BY s.study_date DESC, s.study_instance_uid LIMIT :limit OFFSET :offset""",
        values,
    ).fetchall()
    return int(total), rows


def owners_of_study(connection: sqlite3.Connection, study: str) -> list[sqlite3.Row]:
    """Key, patient_key and orthanc_id of the studies named by a StudyInstanceUID or an Orthanc id."""
    return connection.execute(
        "SELECT key, patient_key, orthanc_id FROM studies WHERE orthanc_id = ? OR study_instance_uid = ?",
        (study, study),
    ).fetchall()
