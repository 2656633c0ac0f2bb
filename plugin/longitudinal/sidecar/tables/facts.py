"""Single values the sidecar remembers, by name."""

import sqlite3

CURSOR = "changes.cursor"
BACKFILL_PAUSED = "backfill.paused"
WRITTEN = "sidecar.written"  # when the writer last tested whether a fault has passed


def read_fact(connection: sqlite3.Connection, name: str) -> str | None:
    """The value of a fact; None when it was never written."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def write_fact(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Remember a value. Runs on the writer's connection only."""
    connection.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def read_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many instances the sidecar has ("instances"), and how many of them cannot be placed ("notIndexable").

    Kept by triggers: counting ten million rows takes a second.
    """
    return {name: int(value) for name, value in connection.execute("SELECT name, value FROM counts")}
