"""Studies that images were stored in lately, until somebody has looked whether to align them."""

import sqlite3
from collections.abc import Mapping, Sequence

# SQLite took no more than 999 variables for years; some builds still do not.
_VARIABLES = 900


def note_arrivals(connection: sqlite3.Connection, stored: Mapping[str, float]) -> None:
    """Remember when the newest image of each study was stored. Runs on the writer's connection only.

    Parameters
    ----------
    stored
        POSIX seconds by Orthanc id of the instance. Only images with a place count: neither reports nor registration
        objects, ours among them, and nothing that is not indexed.
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
        connection.executemany(
            """INSERT INTO arrivals (study, last_stored) VALUES (?, ?)
            ON CONFLICT (study) DO UPDATE SET last_stored = max(last_stored, excluded.last_stored)""",
            latest.items(),
        )


def quiet_arrivals(connection: sqlite3.Connection, before: float) -> list[str]:
    """Orthanc ids of studies with nothing new since a moment (POSIX seconds), the first to arrive first."""
    rows = connection.execute(
        "SELECT study FROM arrivals WHERE last_stored <= ? ORDER BY last_stored, study", (before,)
    )
    return [str(row[0]) for row in rows]


def forget_arrivals(connection: sqlite3.Connection, studies: Sequence[str], before: float) -> None:
    """Somebody has looked; what came meanwhile stays. Runs on the writer's connection only."""
    connection.executemany(
        "DELETE FROM arrivals WHERE study = ? AND last_stored <= ?", [(study, before) for study in studies]
    )
