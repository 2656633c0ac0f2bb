"""Studies that the archive has and the sidecar has not read yet, and the instances that are indexed."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence

import msgspec

from longitudinal.sidecar.tables.instances import Touched, remove_patient_if_empty
from longitudinal.sidecar.tables.records import LONGEST_METADATA

# A study without series touches its patient and no series; keys begin at 1.
NO_SERIES = 0
# In place of LastUpdate of a series of which an overwritten instance could not be read: it differs from every time.
UNREAD = "unread"
# SQLite took no more than 999 variables for years; some builds still do not.
_VARIABLES = 900


def announce_study(
    connection: sqlite3.Connection,
    *,
    orthanc_id: str,
    orthanc_patient: str,
    patient_id: str,
    patient_name: str,
    study_instance_uid: str,
    columns: dict[str, str],
) -> Touched:
    """Give a study a row before any of its instances is read, so that answers can list it as not indexed.

    Parameters
    ----------
    columns
        Columns of `studies` that the archive knows: study_date, study_time, study_description, accession_number,
        patient_birth_date, patient_sex. Values that are already there stay.
    """
    (patient_key,) = connection.execute(
        """INSERT INTO patients (patient_id, orthanc_id, patient_name) VALUES (?, ?, ?)
        ON CONFLICT (patient_id) DO UPDATE SET patient_id = excluded.patient_id RETURNING key""",
        (patient_id, orthanc_patient, patient_name),
    ).fetchone()
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    connection.execute(
        f"""INSERT OR IGNORE INTO studies (orthanc_id, patient_key, study_instance_uid, {names})
        VALUES (?, ?, ?, {marks})""",
        (orthanc_id, patient_key, study_instance_uid, *columns.values()),
    )
    return int(patient_key), NO_SERIES


def remove_if_empty(connection: sqlite3.Connection, orthanc_id: str) -> Touched | None:
    """Remove a study without series, and its patient without studies; None when there is nothing to remove."""
    row = connection.execute(
        """DELETE FROM studies WHERE orthanc_id = ?
        AND NOT EXISTS (SELECT 1 FROM series WHERE study_key = studies.key) RETURNING patient_key""",
        (orthanc_id,),
    ).fetchone()
    if row is None:
        return None
    remove_patient_if_empty(connection, row[0])
    return int(row[0]), NO_SERIES


def empty_studies(connection: sqlite3.Connection, level: str, orthanc_id: str) -> list[str]:
    """Orthanc ids of the studies without series that are a resource, or below it ("patients" or "studies")."""
    column = {"patients": "p", "studies": "s"}.get(level)
    if column is None:
        return []
    rows = connection.execute(
        f"""SELECT s.orthanc_id FROM studies s JOIN patients p ON p.key = s.patient_key WHERE {column}.orthanc_id = ?
        AND NOT EXISTS (SELECT 1 FROM series WHERE study_key = s.key)""",
        (orthanc_id,),
    )
    return [row[0] for row in rows]


def all_studies(connection: sqlite3.Connection) -> list[str]:
    """Orthanc ids of every study."""
    return [row[0] for row in connection.execute("SELECT orthanc_id FROM studies")]


def known_studies(connection: sqlite3.Connection, orthanc_ids: Sequence[str]) -> set[str]:
    """The given studies that have a row."""
    return _known(connection, "studies", orthanc_ids)


def known_instances(connection: sqlite3.Connection, orthanc_ids: Sequence[str]) -> set[str]:
    """The given instances that are indexed."""
    return _known(connection, "instances", orthanc_ids)


class SeriesState(msgspec.Struct, frozen=True):
    """What is indexed of a series.

    `last_update` is the archive's LastUpdate when everything stored until then had been read; None before the first
    comparison. `is_outdated` tells whether instances were read by an outdated reader.
    """

    instances: int = 0
    last_update: str | None = None
    is_outdated: bool = False


def series_states(
    connection: sqlite3.Connection, study: str, readers: Collection[str]
) -> dict[str, SeriesState]:
    """The series of a study, by Orthanc id; `readers` are the current ones."""
    marks = ", ".join("?" * len(readers))
    rows = connection.execute(
        f"""SELECT e.orthanc_id, (SELECT count(*) FROM instances WHERE series_key = e.key), e.last_update,
        EXISTS (SELECT 1 FROM series_headers x JOIN headers h ON h.key = x.header_key
            WHERE x.series_key = e.key AND h.reader NOT IN ({marks}))
        FROM series e JOIN studies s ON s.key = e.study_key WHERE s.orthanc_id = ?""",
        (*readers, study),
    )
    return {row[0]: SeriesState(int(row[1]), row[2], bool(row[3])) for row in rows}


def series_of_instances(connection: sqlite3.Connection, orthanc_ids: Sequence[str]) -> set[str]:
    """Orthanc ids of the series that some instances are indexed in."""
    found: set[str] = set()
    for start in range(0, len(orthanc_ids), _VARIABLES):
        some = orthanc_ids[start : start + _VARIABLES]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(
            f"""SELECT DISTINCT e.orthanc_id FROM series e JOIN instances i ON i.series_key = e.key
            WHERE i.orthanc_id IN ({marks})""",
            some,
        )
        found.update(row[0] for row in rows)
    return found


def write_last_updates(connection: sqlite3.Connection, last_updates: Mapping[str, str | None]) -> None:
    """Remember LastUpdate of series, by Orthanc id; None forgets it. Runs on the writer's connection only."""
    connection.executemany(
        "UPDATE series SET last_update = ? WHERE orthanc_id = ?",
        [(last_update, series) for series, last_update in last_updates.items()],
    )


def _known(connection: sqlite3.Connection, table: str, orthanc_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(orthanc_ids), _VARIABLES):
        some = orthanc_ids[start : start + _VARIABLES]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(f"SELECT orthanc_id FROM {table} WHERE orthanc_id IN ({marks})", some)
        found.update(row[0] for row in rows)
    return found


class FoundStudy(msgspec.Struct, frozen=True):
    """A study by its Orthanc id; `study_date` as stored, empty if unknown."""

    orthanc_id: str
    study_date: str
    patient_key: int


def find_studies(connection: sqlite3.Connection, study: str) -> list[FoundStudy]:
    """The studies named by an Orthanc id or a StudyInstanceUID; more than one when a UID was used twice."""
    rows = connection.execute(
        "SELECT orthanc_id, study_date, patient_key FROM studies WHERE orthanc_id = ? OR study_instance_uid = ?",
        (study, study),
    )
    return [FoundStudy(row[0], row[1] or "", int(row[2])) for row in rows]


def studies_of_patient(connection: sqlite3.Connection, key: int) -> dict[str, str]:
    """The StudyInstanceUIDs of a patient's studies by their Orthanc ids, in the order of these."""
    rows = connection.execute(
        "SELECT orthanc_id, study_instance_uid FROM studies WHERE patient_key = ? ORDER BY orthanc_id", (key,)
    )
    return {row[0]: row[1] for row in rows}


def studies_of_subject(connection: sqlite3.Connection, subject: str) -> list[str]:
    """Orthanc ids of all studies of a patient, named by its Orthanc id or by that of one of its studies, in order."""
    rows = connection.execute(
        """SELECT s.orthanc_id FROM studies s WHERE s.patient_key IN (SELECT key FROM patients WHERE orthanc_id = ?1
        UNION ALL SELECT patient_key FROM studies WHERE orthanc_id = ?1) ORDER BY s.orthanc_id""",
        (subject,),
    )
    return [row[0] for row in rows]


def content_of_study(
    connection: sqlite3.Connection, study: str
) -> tuple[int, dict[tuple[str, str], int], int]:
    """What is indexed of a study: bytes of packed planes, instances without planes by reason and detail, all instances."""
    rows = connection.execute(
        """SELECT i.reason, CASE WHEN i.reason IS NULL THEN '' ELSE coalesce(i.detail, '') END AS why, count(*),
        coalesce(sum(length(i.planes)), 0) FROM instances i
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key WHERE s.orthanc_id = ?
        GROUP BY i.reason, why""",
        (study,),
    ).fetchall()
    reasons = {(str(row[0]), str(row[1])): int(row[2]) for row in rows if row[0] is not None}
    return sum(int(row[3]) for row in rows), reasons, sum(int(row[2]) for row in rows)


def write_attempts(connection: sqlite3.Connection, study: str, attempts: str | None) -> list[Touched]:
    """Replace the failed alignments of a study. Runs on the writer's connection only.

    A text longer than the plugin writes is left out: it would be read with the patient each time, for nothing.
    """
    if attempts is not None and len(attempts) > LONGEST_METADATA:
        attempts = None
    rows = connection.execute(
        "UPDATE studies SET attempts = ? WHERE orthanc_id = ? AND attempts IS NOT ? RETURNING patient_key",
        (attempts, study, attempts),
    ).fetchall()
    return [(int(row[0]), NO_SERIES) for row in rows]
