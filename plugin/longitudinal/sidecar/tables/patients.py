"""Reading the sidecar: the patient a UID belongs to, and all rows of one patient."""

import sqlite3

import msgspec

from longitudinal.errors import Ambiguous


class Owner(msgspec.Struct, frozen=True):
    """Where an identifier was found."""

    patient_key: int
    orthanc_id: str


def owners_of_instance(connection: sqlite3.Connection, sop_instance_uid: str) -> list[Owner]:
    """The stored instances with a SOP Instance UID; more than one when a UID was used twice."""
    rows = connection.execute(
        """SELECT s.patient_key, i.orthanc_id FROM instances i JOIN series e ON e.key = i.series_key
        JOIN studies s ON s.key = e.study_key WHERE i.sop_instance_uid = ?""",
        (sop_instance_uid,),
    )
    return [Owner(*row) for row in rows]


def find_instances(connection: sqlite3.Connection, instance: str) -> list[str]:
    """Orthanc ids of the instances named by a SOP Instance UID or an Orthanc id."""
    rows = connection.execute(
        "SELECT orthanc_id FROM instances WHERE sop_instance_uid = ? OR orthanc_id = ?", (instance, instance)
    )
    return [row[0] for row in rows]


def instance_of_series(connection: sqlite3.Connection, study: str, series: str, instance: str) -> str | None:
    """The Orthanc id of an instance by its UID, in a study (Orthanc id) and a series (UID); None if there is none."""
    row = connection.execute(
        """SELECT i.orthanc_id FROM instances i JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key
        WHERE i.sop_instance_uid = ? AND e.series_instance_uid = ? AND s.orthanc_id = ?""",
        (instance, series, study),
    ).fetchone()
    return None if row is None else str(row[0])


def patient_key_of(connection: sqlite3.Connection, patient: str) -> int | None:
    """The key of a patient named by PatientID (or `study:<uid>`) or by its Orthanc id; None if unknown.

    Raises
    ------
    Ambiguous
        The Orthanc patient is the one that holds all studies without a PatientID, each a patient of its own here.
    """
    row = connection.execute("SELECT key FROM patients WHERE patient_id = ?", (patient,)).fetchone()
    if row is not None:
        return int(row[0])
    rows = connection.execute(
        "SELECT key, patient_id FROM patients WHERE orthanc_id = ?", (patient,)
    ).fetchall()
    if len(rows) > 1:
        named = ", ".join(str(row["patient_id"]) for row in rows)
        raise Ambiguous(f"Orthanc's patient {patient} holds studies without a PatientID; use one of {named}")
    return int(rows[0]["key"]) if rows else None


def read_patient(connection: sqlite3.Connection, patient_key: int) -> sqlite3.Row | None:
    """One patient's row."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM patients WHERE key = ?", (patient_key,)
    ).fetchone()
    return row


def read_studies(connection: sqlite3.Connection, patient_key: int) -> list[sqlite3.Row]:
    """The studies of a patient, in no order."""
    return connection.execute("SELECT * FROM studies WHERE patient_key = ?", (patient_key,)).fetchall()


def read_series(connection: sqlite3.Connection, patient_key: int) -> list[sqlite3.Row]:
    """The series of a patient's studies, in no order."""
    return connection.execute(
        "SELECT e.* FROM series e JOIN studies s ON s.key = e.study_key WHERE s.patient_key = ?",
        (patient_key,),
    ).fetchall()


def patients_with_frame(connection: sqlite3.Connection, frame_of_reference_uid: str) -> set[int]:
    """The keys of the patients that have images in a frame of reference."""
    rows = connection.execute(
        """SELECT DISTINCT s.patient_key FROM frames f JOIN series_frames x ON x.frame_key = f.key
        JOIN series e ON e.key = x.series_key JOIN studies s ON s.key = e.study_key WHERE f.uid = ?""",
        (frame_of_reference_uid,),
    )
    return {int(row[0]) for row in rows}


def instances_under(connection: sqlite3.Connection, level: str, orthanc_id: str) -> list[str]:
    """The Orthanc ids of the instances below a resource ("patients", "studies", "series" or "instances")."""
    column = {"patients": "p", "studies": "s", "series": "e", "instances": "i"}[level]
    rows = connection.execute(
        f"""SELECT i.orthanc_id FROM instances i JOIN series e ON e.key = i.series_key
        JOIN studies s ON s.key = e.study_key JOIN patients p ON p.key = s.patient_key
        WHERE {column}.orthanc_id = ?""",
        (orthanc_id,),
    )
    return [row[0] for row in rows]


def parents_of_instance(connection: sqlite3.Connection, orthanc_id: str) -> list[tuple[str, str]]:
    """Level and Orthanc id of what is above an instance, the patient first; empty for an unknown instance."""
    row = connection.execute(
        """SELECT p.orthanc_id, s.orthanc_id, e.orthanc_id FROM instances i JOIN series e ON e.key = i.series_key
        JOIN studies s ON s.key = e.study_key JOIN patients p ON p.key = s.patient_key WHERE i.orthanc_id = ?""",
        (orthanc_id,),
    ).fetchone()
    return [] if row is None else list(zip(("patients", "studies", "series"), tuple(row), strict=True))


def patient_id_of(connection: sqlite3.Connection, name: str) -> str | None:
    """The PatientID of a patient by that or the Orthanc id; None where there is none."""
    for column in ("patient_id", "orthanc_id"):
        row = connection.execute(f"SELECT patient_id FROM patients WHERE {column} = ?", (name,)).fetchone()
        if row is not None:
            return str(row[0])
    return None


_NAMED_BY = {
    "studies": ("s.orthanc_id", "s.study_instance_uid", ""),
    "series": ("e.orthanc_id", "e.series_instance_uid", "JOIN series e ON e.study_key = s.key"),
    "instances": (
        "i.orthanc_id", "i.sop_instance_uid",
        "JOIN series e ON e.study_key = s.key JOIN instances i ON i.series_key = e.key",
    ),
}  # fmt: skip


def names_of_studies(connection: sqlite3.Connection, level: str, name: str) -> list[tuple[str, str]]:
    """PatientID and StudyInstanceUID of the studies that hold what is called so, by Orthanc id or UID."""
    orthanc_id, uid, joins = _NAMED_BY[level]
    found = list[tuple[str, str]]()
    for column in (orthanc_id, uid):
        rows = connection.execute(
            f"""SELECT DISTINCT p.patient_id, s.study_instance_uid FROM patients p JOIN studies s ON s.patient_key = p.key
            {joins} WHERE {column} = ?""",
            (name,),
        )
        found = [(row[0], row[1]) for row in rows]
        if found:
            break
    return found
