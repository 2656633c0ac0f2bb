"""What an index says, without the numbers of its rows: two indexes of one archive must say the same."""

import sqlite3
from collections.abc import Iterable
from typing import Any

Dump = dict[str, list[tuple[Any, ...]]]

_KEYS = frozenset(
    {"key", "patient_key", "study_key", "series_key", "frame_key", "header_key", "instance_key"}
)
_TABLES = {
    "patients": "SELECT p.* FROM patients p",
    "studies": "SELECT p.patient_id AS patient, s.* FROM studies s JOIN patients p ON p.key = s.patient_key",
    "series": "SELECT s.orthanc_id AS study, e.* FROM series e JOIN studies s ON s.key = e.study_key",
    "series_frames": """SELECT e.orthanc_id, f.uid FROM series_frames x JOIN series e ON e.key = x.series_key
        JOIN frames f ON f.key = x.frame_key""",
    "frames": "SELECT uid FROM frames",
    "series_headers": """SELECT e.orthanc_id, h.* FROM series_headers x JOIN series e ON e.key = x.series_key
        JOIN headers h ON h.key = x.header_key""",
    "headers": "SELECT * FROM headers",
    "instances": """SELECT i.*, e.orthanc_id AS series, f.uid AS frame, h.digest AS header FROM instances i
        JOIN series e ON e.key = i.series_key JOIN headers h ON h.key = i.header_key
        LEFT JOIN frames f ON f.key = i.frame_key""",
    "transforms": """SELECT t.*, i.orthanc_id AS instance FROM transforms t
        JOIN instances i ON i.key = t.instance_key""",
    "contents": """SELECT c.*, i.orthanc_id AS instance FROM contents c
        JOIN instances i ON i.key = c.instance_key""",
    "counts": "SELECT * FROM counts",
}


def dump(connection: sqlite3.Connection, without: Iterable[str] = ("last_update",)) -> Dump:
    """Every row of what is indexed, sorted; columns that are keys, or named in `without`, are left out."""
    left_out = _KEYS | set(without)
    found: Dump = {}
    for table, query in _TABLES.items():
        rows = [
            tuple((name, row[name]) for name in row.keys() if name not in left_out)  # noqa: SIM118
            for row in connection.execute(query)
        ]
        found[table] = sorted(rows, key=repr)
    return found


def differences(live: Dump, rebuilt: Dump) -> list[str]:
    """What is said by one of them alone, a line each."""
    found = []
    for table in _TABLES:
        for name, mine, other in (("live", live, rebuilt), ("rebuilt", rebuilt, live)):
            found += [f"{table}, {name} only: {row}" for row in mine[table] if row not in other[table]]
    return found
