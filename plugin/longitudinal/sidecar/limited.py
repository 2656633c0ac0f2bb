"""A read connection on which every table shows only what the caller may see.

A temporary view takes the place of each table: SQLite looks a name up among the temporary ones first, so queries remain as
they are. What a view asks about a study is answered by `longitudinal.sight`. A table that is not known here and has no
column that leads to a study shows nothing.
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence

from longitudinal.sight import StudyName, current_sight

_VISIBLE = "EXISTS (SELECT 1 FROM temp.{table} x WHERE x.{column} = t.{own})"
# The patient as a whole is only for who may see all of it.
_WHOLE_PATIENT = """EXISTS (SELECT 1 FROM temp.patients x WHERE x.key = t.patient_key) AND NOT EXISTS
    (SELECT 1 FROM main.studies s WHERE s.patient_key = t.patient_key AND NOT EXISTS
        (SELECT 1 FROM temp.studies x WHERE x.key = s.key))"""
_NOTHING = "0"
# Their own; that of an exam of which they see a link to a study of its patient; and that of a patient of whom they see all.
_DECLARATION = """NOT EXISTS (SELECT 1 FROM main.exam_declarations n
        WHERE n.exam = t.exam AND (n.at, n.patient) > (t.at, t.patient))
    AND (t."by" = asker() OR EXISTS (SELECT 1 FROM temp.exam_links l JOIN temp.studies s ON s.orthanc_id = l.study
        JOIN temp.patients p ON p.key = s.patient_key WHERE l.exam = t.exam AND t.patient_id IN ('', p.patient_id))
    OR EXISTS (SELECT 1 FROM temp.patients p WHERE p.patient_id = t.patient_id AND NOT EXISTS
        (SELECT 1 FROM main.studies s WHERE s.patient_key = p.key AND NOT EXISTS
            (SELECT 1 FROM temp.studies x WHERE x.key = s.key))))"""

RULES: Mapping[str, str] = {
    "studies": """may_see(t.orthanc_id, (SELECT patient_id FROM main.patients WHERE key = t.patient_key),
        t.study_instance_uid)""",
    "patients": """EXISTS (SELECT 1 FROM main.studies s WHERE s.patient_key = t.key
        AND may_see(s.orthanc_id, t.patient_id, s.study_instance_uid))""",
    "series": _VISIBLE.format(table="studies", column="key", own="study_key"),
    "instances": _VISIBLE.format(table="series", column="key", own="series_key"),
    "transforms": _VISIBLE.format(table="instances", column="key", own="instance_key"),
    "places": _VISIBLE.format(table="instances", column="key", own="instance_key"),
    "contents": _VISIBLE.format(table="instances", column="key", own="instance_key"),
    "series_frames": _VISIBLE.format(table="series", column="key", own="series_key"),
    "frames": _VISIBLE.format(table="series_frames", column="frame_key", own="key"),
    "series_headers": _VISIBLE.format(table="series", column="key", own="series_key"),
    "series_blocks": _VISIBLE.format(table="series", column="key", own="series_key"),
    "headers": _VISIBLE.format(table="series_headers", column="header_key", own="key"),
    "statements": _VISIBLE.format(table="instances", column="orthanc_id", own="orthanc_id"),
    "exam_links": _VISIBLE.format(table="studies", column="orthanc_id", own="study"),
    "exam_declarations": _DECLARATION,
    "exam_removed": _NOTHING,  # whose the study was is not known any more
    "exam_documents": _NOTHING,  # what was read, for the writer
    "jobs": "may_see_job(t.id, t.owner, t.subject, t.parameters, t.result, t.error)",
    "facts": "1",  # the cursor, and whether the backfill is held
    "counts": _NOTHING,  # of the whole archive
    "arrivals": _NOTHING,
}
"""For each table of the sidecar the condition under which a row `t` is shown."""

_BY_COLUMN: Sequence[tuple[str, str]] = (
    ("instance_key", RULES["transforms"]),
    ("series_key", RULES["series_frames"]),
    ("study_key", RULES["series"]),
    ("patient_key", _WHOLE_PATIENT),
)
_ORDER = ("studies", "patients", "series", "instances", "series_frames", "series_headers", "exam_links")
"""Views that others are made of come first."""

_ORTHANC_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}")
_UID = re.compile(r"(?<![0-9.])[0-2](?:\.[0-9]+){3,}(?![0-9.])")
_NAMED = """SELECT 1 FROM main.{table} m WHERE (m.orthanc_id = ?1 OR m.{uid} = ?1)
    AND NOT EXISTS (SELECT 1 FROM temp.{table} t WHERE t.key = m.key) LIMIT 1"""
_UIDS = {
    "studies": "study_instance_uid", "series": "series_instance_uid", "instances": "sop_instance_uid",
    "patients": "patient_id",
}  # fmt: skip


def limit(connection: sqlite3.Connection) -> None:
    """Put a view in the place of every table. Raises sqlite3.Error."""
    connection.create_function("may_see", 3, _may_see)
    connection.create_function("asker", 0, _asker)
    connection.create_function("may_see_job", 6, lambda *job: _may_see_job(connection, *job))
    tables = [
        row[0] for row in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
    ]
    ordered = sorted(
        tables, key=lambda name: (name not in _ORDER, _ORDER.index(name) if name in _ORDER else 0)
    )
    for table in ordered:
        if not table.startswith("sqlite_"):
            quoted = table.replace('"', '""')
            condition = RULES.get(table) or _condition_of(connection, quoted)
            connection.execute(
                f'CREATE TEMP VIEW "{quoted}" AS SELECT t.* FROM main."{quoted}" AS t WHERE {condition}'
            )


def _condition_of(connection: sqlite3.Connection, table: str) -> str:
    columns = {row[1] for row in connection.execute(f'PRAGMA main.table_info("{table}")')}
    return next((condition for column, condition in _BY_COLUMN if column in columns), _NOTHING)


def _may_see(orthanc_id: str, patient_id: str | None, study_instance_uid: str) -> bool:
    sight = current_sight()
    return sight is not None and sight.sees(StudyName(orthanc_id, patient_id or "", study_instance_uid))


def _asker() -> str | None:
    """Whoever asks, by name; None where that is nobody in particular."""
    sight = current_sight()
    return None if sight is None else sight.owner or None


def _may_see_job(
    connection: sqlite3.Connection, job: str, owner: str, subject: str, *texts: str | None
) -> bool:
    """Their own jobs, and those they joined, as long as they may see all that these name."""
    sight = current_sight()
    if sight is None or not ((owner and owner == sight.owner) or job in sight.joined):
        return False
    text = "\n".join((subject, *(each for each in texts if each)))
    named = {*_ORTHANC_ID.findall(text), *_UID.findall(text)}
    return not any(
        connection.execute(_NAMED.format(table=table, uid=uid), (name,)).fetchone()
        for name in named
        for table, uid in _UIDS.items()
    )
