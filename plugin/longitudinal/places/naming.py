"""What a place may be called, and which one an id names."""

import re
import sqlite3

from longitudinal.dicom.reports.statement import LONGEST_NAME
from longitudinal.dicom.uids import is_uid
from longitudinal.errors import Ambiguous, FieldError, InvalidRequest, NotFound
from longitudinal.reasons import PlaceFault
from longitudinal.sidecar.tables.patients import read_patient
from longitudinal.sidecar.tables.places import patient_of_report, patients_with_tracking_uid

# OHIF takes a name that begins like this for that of a tool, and fails on what it does not find then.
_TOOL = re.compile(r"^cornerstone\w*@", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def checked_name(name: str) -> str:
    """A name without blanks around it. Raises InvalidRequest if it cannot be one."""
    trimmed = name.strip()
    fault = None
    if not trimmed:
        fault = "is empty: give 1 to 64 characters"
    elif len(trimmed) > LONGEST_NAME:
        fault = f"has {len(trimmed)} characters: give 1 to {LONGEST_NAME}"
    elif _UNPRINTABLE.search(trimmed):
        fault = "has a line break or another control character: give one line of text"
    elif _TOOL.search(trimmed):
        fault = "begins like the name of a viewer's tool: give another name"
    if fault is not None:
        raise InvalidRequest(f"name {fault}", [FieldError("/name", fault)])
    return trimmed


def find_place(connection: sqlite3.Connection, place: str) -> tuple[int, str]:
    """The key of the patient and of the place that an id names.

    Raises
    ------
    NotFound
    Ambiguous
        Two patients have this tracking UID, or this report.
    """
    named, _, patient = place.rpartition("@") if "@" in place else (place, "", "")
    keys = patients_with_tracking_uid(connection, named) if is_uid(named) else []
    if not keys:
        uid, _, number = named.rpartition(".")
        keys = (
            patient_of_report(connection, uid, int(number)) if number.isdecimal() and len(number) < 9 else []
        )
    owners = {key: _orthanc_id(connection, key) for key in keys}
    found = [key for key, orthanc_id in owners.items() if not patient or orthanc_id == patient]
    if not found:
        raise unknown_place(place)
    if len(found) > 1:
        names = ", ".join(f"{named}@{owners[key]}" for key in found)
        detail = f"{PlaceFault.SHARED_TRACKING_UID.explanation} They are {names}."
        raise Ambiguous(detail, orthanc_ids=[owners[key] for key in found])
    return found[0], named


def unknown_place(place: str) -> NotFound:
    """The error of a place that is not kept, or not any more."""
    return NotFound(f"there is no place {place}", [FieldError("place", "unknown id of a place")])


def _orthanc_id(connection: sqlite3.Connection, patient_key: int) -> str:
    row = read_patient(connection, patient_key)
    return "" if row is None else str(row["orthanc_id"])
