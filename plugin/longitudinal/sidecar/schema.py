"""The schema of a sidecar: which migrations it has had, brought up to date, compared with what it must be.

sqlite-utils applies migrations. It is imported only where one is due, or where the schema may have changed since it was
compared: that takes a tenth of a start.
"""

import sqlite3
from contextlib import closing
from functools import cache
from typing import Final

MIGRATION_SET: Final = "longitudinal"
STEPS_TABLE: Final = "_sqlite_migrations"
"""Where sqlite-utils notes which migrations a file has had."""

STEPS: Final = frozenset(
    {
        "m001_archive",
        "m002_jobs",
        "m003_notes",
        "m004_alignment",
        "m005_last_update",
        "m006_headers",
        "m007_job_owners",
        "m008_error_at_place",
        "m009_places",
        "m010_decided_why",
        "m011_contents",
        "m012_job_kinds",
        "m013_exams",
        "m018_blocks",
        "m020_blocks_with_stacks",
        "m100_statements",
    }
)
"""Every migration of `longitudinal.sidecar.tables.migrations`."""


def applied_steps(connection: sqlite3.Connection) -> frozenset[str]:
    """The migrations that a file has had; none if it has no tables yet, or those of another program."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (STEPS_TABLE,)).fetchone():
        return frozenset()
    rows = connection.execute(f"SELECT name FROM {STEPS_TABLE} WHERE migration_set = ?", (MIGRATION_SET,))
    return frozenset(row[0] for row in rows)


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Apply every migration that the file has not had. Raises sqlite3.Error."""
    if applied_steps(connection) >= STEPS:
        return
    from longitudinal.sidecar.tables.migrations import migrate

    migrate(connection)


def schema_version(connection: sqlite3.Connection) -> int:
    """SQLite's count of changes of the schema, whoever made them."""
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


def find_missing(connection: sqlite3.Connection) -> list[str]:
    """Tables, indexes, triggers and columns that a file lacks although it has had every migration."""
    return sorted(_expected() - _contents(connection))


@cache
def _expected() -> frozenset[str]:
    from longitudinal.sidecar.tables.migrations import migrate

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        migrate(empty)
        return _contents(empty)


def _contents(connection: sqlite3.Connection) -> frozenset[str]:
    """Tables, indexes and triggers by name, and columns as table.column."""
    names = connection.execute(
        "SELECT type || ' ' || name FROM sqlite_master WHERE name NOT LIKE 'sqlite%'"
    ).fetchall()
    columns = connection.execute(
        """SELECT 'column ' || m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table'"""
    ).fetchall()
    return frozenset(row[0] for row in (*names, *columns))
