"""Studies that received images lately, or lost a transform that joined them, until it is decided whether to align them."""

import sqlite3
from collections.abc import Mapping, Sequence

# SQLite took no more than 999 variables for years; some builds still do not.
_VARIABLES = 900


def note_arrivals(connection: sqlite3.Connection, stored: Mapping[str, float]) -> None:
    """Remember when the newest image of each study was stored. Runs on the writer's connection only.

    Parameters
    ----------
    stored
        POSIX seconds by Orthanc id of the instance. Only indexed images with a position in the patient count: no reports and
        no registration objects, including our own.
    """
    ids = list(stored)
    for start in range(0, len(ids), _VARIABLES):
        some = ids[start : start + _VARIABLES]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(
            f"""SELECT i.orthanc_id, s.orthanc_id AS study FROM instances i JOIN series e ON e.key = i.series_key
            JOIN studies s ON s.key = e.study_key WHERE i.role = 'image' AND i.orthanc_id IN ({marks})""",
            some,
        ).fetchall()
        latest: dict[str, float] = {}
        for row in rows:
            latest[row["study"]] = max(latest.get(row["study"], 0.0), stored[row["orthanc_id"]])
        note_studies(connection, latest)


def joined_by(connection: sqlite3.Connection, registration: str) -> tuple[str, list[str]] | None:
    """The study of a registration object (Orthanc id) whose transforms may join other studies, and all other studies of its
    patient."""
    rows = connection.execute(
        """SELECT s.orthanc_id AS study, o.orthanc_id AS other FROM instances i JOIN series e ON e.key = i.series_key
        JOIN studies s ON s.key = e.study_key JOIN studies o ON o.patient_key = s.patient_key AND o.key != s.key
        WHERE i.orthanc_id = ? AND EXISTS (SELECT 1 FROM transforms t WHERE t.instance_key = i.key
        AND t.refusal IS NULL AND t.decision IS NOT 'rejected')""",
        (registration,),
    ).fetchall()
    return (str(rows[0]["study"]), [str(row["other"]) for row in rows]) if rows else None


def note_studies(connection: sqlite3.Connection, studies: Mapping[str, float]) -> None:
    """Remember since when (POSIX seconds) each study waits for that decision. Runs on the writer's connection only."""
    connection.executemany(
        """INSERT INTO arrivals (study, last_stored) VALUES (?, ?)
        ON CONFLICT (study) DO UPDATE SET last_stored = max(last_stored, excluded.last_stored)""",
        studies.items(),
    )


def quiet_arrivals(connection: sqlite3.Connection, before: float) -> list[str]:
    """Orthanc ids of studies that received nothing since a moment (POSIX seconds), in the order of arrival."""
    rows = connection.execute(
        "SELECT study FROM arrivals WHERE last_stored <= ? ORDER BY last_stored, study", (before,)
    )
    return [str(row[0]) for row in rows]


def forget_arrivals(connection: sqlite3.Connection, studies: Sequence[str], before: float) -> None:
    """The decision was made; studies that received images after `before` stay. Runs on the writer's connection only."""
    connection.executemany(
        "DELETE FROM arrivals WHERE study = ? AND last_stored <= ?", [(study, before) for study in studies]
    )
