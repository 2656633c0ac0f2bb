"""Statements seen before, so that an older one that is put back is not taken for a new one, and a rejection persists."""

import sqlite3
from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from longitudinal.sidecar.tables.facts import read_fact, write_fact

_KEYS = "statements.keys"
WaitsBecause = Literal["unsigned", "contradicted", "notReviewed"]
"""Its review is unsigned; newer checks reject what was accepted; nobody has decided on an automatic alignment."""
Row = tuple[int, int, int | None, str, str]
"""Largest counters of `given` and `review`, that of a rejection, what is unsigned (space-separated), an unknown key's id."""


def read_memories(connection: sqlite3.Connection, orthanc_id: str) -> dict[int, Row]:
    """What was seen of the items of one object before."""
    rows = connection.execute(
        "SELECT item, given, review, rejected, unsigned, unknown_key FROM statements WHERE orthanc_id = ?",
        (orthanc_id,),
    )
    return {int(row[0]): tuple(row)[1:] for row in rows}


def write_memories(connection: sqlite3.Connection, orthanc_id: str, rows: Mapping[int, Row]) -> None:
    """Remember. Runs on the writer's connection only."""
    connection.executemany(
        "INSERT OR REPLACE INTO statements VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(orthanc_id, item, *row) for item, row in rows.items()],
    )


def read_unknown_keys(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Objects with statements signed with a key this node did not have, and the key's id."""
    rows = connection.execute(
        """SELECT s.orthanc_id, s.unknown_key FROM statements s JOIN instances i ON i.orthanc_id = s.orthanc_id
        WHERE s.unknown_key <> ''"""
    )
    return [(str(row[0]), str(row[1])) for row in rows]


def registrations(connection: sqlite3.Connection) -> list[str]:
    """Orthanc ids of every registration object with items."""
    rows = connection.execute(
        "SELECT DISTINCT i.orthanc_id FROM transforms t JOIN instances i ON i.key = t.instance_key"
    )
    return [str(row[0]) for row in rows]


class Waiting(msgspec.Struct, frozen=True):
    """A transform that waits for a review, its patient, and why it waits."""

    patient_key: int
    transform: str
    orthanc_id: str
    because: WaitsBecause


def read_waiting(
    connection: sqlite3.Connection, maker: str, given_labels: Collection[str], patient_key: int | None = None
) -> list[Waiting]:
    """Transforms that wait for a person, those of unknown error first, then the largest errors.

    Their review is unsigned; or it is older than the checks that rejected the transform; or the plugin (`maker`, as the
    objects state it) aligned it, without the label of what a person gave, and nobody has decided. The item of an object that
    maps its frame onto itself is none of them.
    """
    marks = ", ".join("?" * len(given_labels))
    rows = connection.execute(
        f"""SELECT * FROM (SELECT s.patient_key, t.id, i.orthanc_id, CASE
            WHEN instr(coalesce(m.unsigned, ''), 'review') > 0 THEN 'unsigned'
            WHEN t.decision = 'accepted' AND json_extract(t.quality, '$.rejection') IS NOT NULL
                AND coalesce(t.decided_at, '') < json_extract(t.quality, '$.checkedAt') THEN 'contradicted'
            WHEN t.maker = ? AND t.label NOT IN ({marks}) AND t.decision IS NULL THEN 'notReviewed' END AS because
        FROM transforms t JOIN instances i ON i.key = t.instance_key
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key
        LEFT JOIN statements m ON m.orthanc_id = i.orthanc_id AND m.item = t.item
        WHERE t.refusal IS NULL AND s.patient_key = coalesce(?, s.patient_key)
        AND (t.source_frame IS NULL OR t.source_frame IS NOT t.target_frame)
        ORDER BY t.expected_error_mm IS NOT NULL, t.expected_error_mm DESC, t.key) WHERE because IS NOT NULL""",
        (maker, *sorted(given_labels), patient_key),
    )
    return [Waiting(*row) for row in rows]


def read_verified_with(connection: sqlite3.Connection) -> str | None:
    """The fingerprint of the keys with which the statements in the sidecar were verified."""
    return read_fact(connection, _KEYS)


def write_verified_with(connection: sqlite3.Connection, fingerprint: str) -> None:
    """Note that fingerprint. Runs on the writer's connection only."""
    write_fact(connection, _KEYS, fingerprint)
