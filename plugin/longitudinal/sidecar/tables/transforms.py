"""Transforms of registration objects in the sidecar, and the statements about them."""

import sqlite3
from collections.abc import Collection, Mapping

from longitudinal.sidecar.tables.instances import Touched
from longitudinal.sidecar.tables.records import Notes

# All but `grid`, which can take megabytes and is read only if it is not unpacked yet.
_COLUMNS = """t.key, t.id, t.item, t.source_frame, t.source_references, t.target_frame, t.target_references, t.kind,
    t.matrix, t.grid IS NOT NULL AS has_grid, t.digest, t.refusal, t.detail, t.origin, t.label, t.created, t.creator,
    t.maker, t.expected_error_mm, t.error_source, t.given_origin, t.given_by, t.given_at, t.decision, t.decided_by,
    t.decided_at, t.quality, t.error_at_place, t.decided_why"""

# In the order of Notes.columns().
_NOTES = """expected_error_mm, error_source, given_origin, given_by, given_at, decision, decided_by, decided_at, quality,
    error_at_place, decided_why"""
_MARKS = ", ".join("?" * len(_NOTES.split(",")))


def read_transforms(connection: sqlite3.Connection, patient_key: int) -> list[sqlite3.Row]:
    """The transforms of a patient's registration objects, refused ones included."""
    return connection.execute(
        f"""SELECT {_COLUMNS}, i.orthanc_id, i.sop_instance_uid FROM transforms t
        JOIN instances i ON i.key = t.instance_key
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key
        WHERE s.patient_key = ? ORDER BY t.key""",
        (patient_key,),
    ).fetchall()


def read_grid(connection: sqlite3.Connection, transform_key: int) -> bytes:
    """The packed displacement grid of a transform that has one."""
    (grid,) = connection.execute("SELECT grid FROM transforms WHERE key = ?", (transform_key,)).fetchone()
    return bytes(grid)


def read_grid_of(connection: sqlite3.Connection, transform: str, orthanc_id: str) -> bytes | None:
    """The packed displacement grid of a transform by its id and its object; None where it has none."""
    row = connection.execute(
        """SELECT t.grid FROM transforms t JOIN instances i ON i.key = t.instance_key
        WHERE t.id = ? AND i.orthanc_id = ?""",
        (transform, orthanc_id),
    ).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def read_unchecked(
    connection: sqlite3.Connection, checks: int, maker: str, given_labels: Collection[str]
) -> list[str]:
    """Ids of the automatic transforms of the plugin that lack the checks of this version, unless a person rejected them.

    `maker` and `given_labels` are as the objects state them: made by the plugin, and not given by a person. A rejection by
    older checks is recognised by its `decided_by`, the name of what made the checks.
    """
    marks = ", ".join("?" * len(given_labels))
    rows = connection.execute(
        f"""SELECT id FROM transforms WHERE maker = ? AND label NOT IN ({marks}) AND refusal IS NULL
        AND (source_frame IS NOT target_frame OR source_references IS NOT target_references)
        AND coalesce(json_extract(quality, '$.checks'), 0) < ?
        AND (decision IS NOT 'rejected' OR decided_by = json_extract(quality, '$.checkedBy')) ORDER BY key""",
        (maker, *sorted(given_labels), checks),
    )
    return [row[0] for row in rows]


def owners_of_transform(connection: sqlite3.Connection, transform: str) -> list[tuple[int, str]]:
    """The patient's key and the registration object of every transform with this id."""
    rows = connection.execute(
        """SELECT s.patient_key, i.orthanc_id FROM transforms t JOIN instances i ON i.key = t.instance_key
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key WHERE t.id = ?""",
        (transform,),
    )
    return [(int(row[0]), str(row[1])) for row in rows]


def read_registrations_without_items(
    connection: sqlite3.Connection, patient_key: int, sop_classes: Collection[str]
) -> list[sqlite3.Row]:
    """The patient's objects of the given SOP classes, or that claim to be registrations, without one item that was read.

    Nothing but Modality (0008,0060) tells what an object of an invented SOP class claims to be.
    """
    return connection.execute(
        f"""SELECT i.orthanc_id, i.sop_instance_uid, i.sop_class_uid, i.reason, i.detail FROM instances i
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key
        JOIN headers h ON h.key = i.header_key
        WHERE s.patient_key = ?
        AND (i.sop_class_uid IN ({", ".join("?" * len(sop_classes))}) OR coalesce(h.modality, e.modality) = 'REG')
        AND NOT EXISTS (SELECT 1 FROM transforms t WHERE t.instance_key = i.key) ORDER BY i.key""",
        (patient_key, *sop_classes),
    ).fetchall()


def sop_class_of(connection: sqlite3.Connection, orthanc_id: str) -> str:
    """The SOP Class UID of an instance; "" when it has none or is gone."""
    row = connection.execute(
        "SELECT sop_class_uid FROM instances WHERE orthanc_id = ?", (orthanc_id,)
    ).fetchone()
    return "" if row is None else row[0] or ""


def has_transforms(connection: sqlite3.Connection, orthanc_id: str) -> bool:
    """Whether an instance is a registration object with items."""
    found = connection.execute(
        "SELECT 1 FROM transforms t JOIN instances i ON i.key = t.instance_key WHERE i.orthanc_id = ? LIMIT 1",
        (orthanc_id,),
    ).fetchone()
    return found is not None


def write_notes(connection: sqlite3.Connection, orthanc_id: str, notes: Mapping[int, Notes]) -> list[Touched]:
    """Replace the statements about the items of a registration object. Runs on the writer's connection only."""
    rows = connection.execute(
        """SELECT t.key, t.item, s.patient_key, i.series_key FROM transforms t JOIN instances i ON i.key = t.instance_key
        JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key WHERE i.orthanc_id = ?""",
        (orthanc_id,),
    ).fetchall()
    touched = []
    for row in rows:
        columns = notes.get(row["item"], Notes()).columns()
        changed = connection.execute(
            f"UPDATE transforms SET ({_NOTES}) = ({_MARKS}) WHERE key = ? AND ({_NOTES}) IS NOT ({_MARKS})",
            (*columns, row["key"], *columns),
        )
        if changed.rowcount:
            touched.append((int(row["patient_key"]), int(row["series_key"])))
    return touched


def registrations_of_study(connection: sqlite3.Connection, study: str) -> list[str]:
    """Orthanc ids of a study's registration objects with items.

    Only series with a registration object are searched: a study has few of these and thousands of images.
    """
    rows = connection.execute(
        """SELECT DISTINCT i.orthanc_id FROM studies s JOIN series e ON e.study_key = s.key
        JOIN instances i ON i.series_key = e.key JOIN transforms t ON t.instance_key = i.key
        WHERE s.orthanc_id = ? AND EXISTS (SELECT 1 FROM series_headers x JOIN headers h ON h.key = x.header_key
            WHERE x.series_key = e.key AND (h.reader LIKE 'registration.%' OR h.reader = ''))""",
        (study,),
    )
    return [row[0] for row in rows]
