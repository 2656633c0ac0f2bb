"""What the instances of a series state about their patient, study and series, and which value counts if they differ.

Instances that belong together may contradict each other. A row of `patients`, `studies` or `series` is made from all
its instances, independent of the order in which they arrived: an index that is built again is the same.
Runs on the writer's connection, reads excepted.
"""

import hashlib
import sqlite3
from collections.abc import Collection
from typing import Any

import msgspec

from longitudinal.sidecar.tables.records import InstanceRecord

UNKNOWN_READER = 0
"""Key of the header of instances that were indexed before headers were kept; it holds no values."""

_PATIENT = ("patient_name",)
_STUDY = (
    "study_date", "study_time", "study_description", "accession_number", "timezone_offset", "patient_birth_date",
    "patient_sex", "issuer_of_patient_id",
)  # fmt: skip
_SERIES = ("series_number", "series_description", "modality")
_COLUMNS = (*_PATIENT, *_STUDY, *_SERIES, "reader")
IDENTITY = ("patient_birth_date", "patient_sex", "issuer_of_patient_id")
"""Attributes that distinguish two persons under one PatientID."""

HeaderValues = tuple[Any, ...]
"""The values of one instance, in the order of the columns."""


class _Row(msgspec.Struct, frozen=True):
    """A table whose rows are made from headers: its columns, and the column of the join that names the row."""

    table: str
    columns: tuple[str, ...]
    owner: str


_SERIES_ROW = _Row("series", _SERIES, "e.key")
_STUDY_ROW = _Row("studies", _STUDY, "e.study_key")
_PATIENT_ROW = _Row("patients", _PATIENT, "s.patient_key")


def header_values(record: InstanceRecord) -> HeaderValues:
    """The values that an instance states about its patient, study and series."""
    return (
        record.patient_name, record.study_date, record.study_time, record.study_description, record.accession_number,
        record.timezone_offset, record.patient_birth_date, record.patient_sex, record.issuer_of_patient_id,
        record.series_number, record.series_description, record.modality, record.reader,
    )  # fmt: skip


def keep_header(connection: sqlite3.Connection, values: HeaderValues) -> int:
    """The key of a header, which is written if it is new."""
    digest = hashlib.sha256(repr(values).encode()).hexdigest()
    marks = ", ".join("?" * (len(values) + 1))
    (key,) = connection.execute(
        f"""INSERT INTO headers (digest, {", ".join(_COLUMNS)}) VALUES ({marks})
        ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest RETURNING key""",
        (digest, *values),
    ).fetchone()
    return int(key)


def add_to_series(connection: sqlite3.Connection, series_key: int, header_key: int) -> bool:
    """An instance of a series has this header; returns whether it is the first to have it."""
    added = connection.execute(
        "INSERT OR IGNORE INTO series_headers (series_key, header_key) VALUES (?, ?)",
        (series_key, header_key),
    )
    return added.rowcount == 1


def release(connection: sqlite3.Connection, series_key: int, header_key: int) -> bool:
    """An instance of a series no longer has this header; returns whether no other instance has it."""
    used = connection.execute(
        "SELECT 1 FROM instances WHERE series_key = ? AND header_key = ? LIMIT 1", (series_key, header_key)
    )
    if used.fetchone() is not None:
        return False
    connection.execute(
        "DELETE FROM series_headers WHERE series_key = ? AND header_key = ?", (series_key, header_key)
    )
    _drop_if_unused(connection, header_key)
    return True


def release_series(connection: sqlite3.Connection, series_key: int) -> None:
    """A series is gone, with all its instances."""
    rows = connection.execute(
        "DELETE FROM series_headers WHERE series_key = ? RETURNING header_key", (series_key,)
    ).fetchall()
    for row in rows:
        _drop_if_unused(connection, row[0])


def _drop_if_unused(connection: sqlite3.Connection, header_key: int) -> None:
    connection.execute(
        """DELETE FROM headers WHERE key = ?1 AND key != 0
        AND NOT EXISTS (SELECT 1 FROM series_headers WHERE header_key = ?1)""",
        (header_key,),
    )


def settle(connection: sqlite3.Connection, study_key: int, series_key: int) -> None:
    """Make the rows of a series, its study and its patient from the present headers."""
    _settle_row(connection, _SERIES_ROW, series_key)
    settle_study(connection, study_key)
    settle_patient(connection, _patient_of(connection, study_key))


def settle_added(
    connection: sqlite3.Connection, study_key: int, series_key: int, values: HeaderValues
) -> None:
    """Make the same rows after one header was added.

    A row with the same values stays, and nothing else is read: a patient may have thousands of series, and nearly all of
    them name the patient alike.
    """
    by_column = dict(zip(_COLUMNS, values, strict=True))
    keys = (
        (_SERIES_ROW, series_key),
        (_STUDY_ROW, study_key),
        (_PATIENT_ROW, _patient_of(connection, study_key)),
    )
    for row, key in keys:
        names = ", ".join(row.columns)
        present = connection.execute(f"SELECT {names} FROM {row.table} WHERE key = ?", (key,)).fetchone()
        if tuple(present) != tuple(by_column[column] for column in row.columns):
            _settle_row(connection, row, key)


def settle_study(connection: sqlite3.Connection, study_key: int) -> None:
    """Make the row of a study from the present headers."""
    _settle_row(connection, _STUDY_ROW, study_key)


def settle_patient(connection: sqlite3.Connection, patient_key: int) -> None:
    """Make the row of a patient from the present headers."""
    _settle_row(connection, _PATIENT_ROW, patient_key)


def _patient_of(connection: sqlite3.Connection, study_key: int) -> int:
    (patient_key,) = connection.execute(
        "SELECT patient_key FROM studies WHERE key = ?", (study_key,)
    ).fetchone()
    return int(patient_key)


def _settle_row(connection: sqlite3.Connection, row: _Row, key: int) -> None:
    """Of two headers the one with a value comes first: a date before an empty one, the earlier of two dates."""
    names = ", ".join(f"h.{column}" for column in row.columns)
    order = ", ".join(f"h.{column} IS NULL OR h.{column} = '', h.{column}" for column in row.columns)
    values = connection.execute(
        f"""SELECT {names} FROM series_headers x JOIN headers h ON h.key = x.header_key
        JOIN series e ON e.key = x.series_key JOIN studies s ON s.key = e.study_key
        WHERE {row.owner} = ? AND h.key != {UNKNOWN_READER} ORDER BY {order} LIMIT 1""",
        (key,),
    ).fetchone()
    if values is not None:
        marks = ", ".join("?" * len(row.columns))
        connection.execute(
            f"UPDATE {row.table} SET ({', '.join(row.columns)}) = ({marks}) WHERE key = ?",
            (*tuple(values), key),
        )


def read_identities(connection: sqlite3.Connection, patient_key: int) -> list[sqlite3.Row]:
    """Each combination of birth date, sex and issuer that any instance states about a patient; columns as `IDENTITY`."""
    names = ", ".join(f"h.{column}" for column in IDENTITY)
    return connection.execute(
        f"""SELECT DISTINCT {names} FROM series_headers x JOIN headers h ON h.key = x.header_key
        JOIN series e ON e.key = x.series_key JOIN studies s ON s.key = e.study_key WHERE s.patient_key = ?1
        UNION SELECT {", ".join(IDENTITY)} FROM studies WHERE patient_key = ?1""",
        (patient_key,),
    ).fetchall()


def outdated_instances(connection: sqlite3.Connection, study: str, readers: Collection[str]) -> set[str]:
    """Orthanc ids of the instances of a study that were read by none of these readers."""
    marks = ", ".join("?" * len(readers))
    series = connection.execute(
        f"""SELECT DISTINCT e.key FROM series_headers x JOIN headers h ON h.key = x.header_key
        JOIN series e ON e.key = x.series_key JOIN studies s ON s.key = e.study_key
        WHERE s.orthanc_id = ? AND h.reader NOT IN ({marks})""",
        (study, *readers),
    ).fetchall()
    return {
        row[0]
        for (series_key,) in map(tuple, series)
        for row in connection.execute(
            f"""SELECT i.orthanc_id FROM instances i JOIN headers h ON h.key = i.header_key
            WHERE i.series_key = ? AND h.reader NOT IN ({marks})""",
            (series_key, *readers),
        )
    }
