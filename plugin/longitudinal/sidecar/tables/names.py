"""Every name that the index has: Orthanc ids, UIDs, PatientIDs; for those who may not see everything, of what they see."""

import sqlite3
from collections.abc import Iterator

_NAMES = (
    "SELECT patient_id, orthanc_id FROM patients",
    "SELECT study_instance_uid, orthanc_id FROM studies",
    "SELECT series_instance_uid, orthanc_id FROM series",
    "SELECT sop_instance_uid, orthanc_id FROM instances",
    "SELECT uid, NULL FROM frames",
    "SELECT id, NULL FROM transforms",
)


def all_names(connection: sqlite3.Connection) -> Iterator[str]:
    """The names, in no order. Raises sqlite3.Error."""
    for query in _NAMES:
        for row in connection.execute(query):
            yield from (name for name in tuple(row) if name)
