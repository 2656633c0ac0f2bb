"""Writing and removing what the sidecar knows of the archive's instances. Runs on the writer's connection only."""

import hashlib
import json
import sqlite3

import msgspec

from longitudinal.sidecar.tables import headers, places
from longitudinal.sidecar.tables.records import InstanceRecord, TransformRecord
from longitudinal.sidecar.tables.series_columns import drop_block, write_block

# Upserts keep the key, so that rows below stay where they are; RETURNING gives it in the same statement. The other columns
# of a row come from the headers of its instances.
_PATIENT = """INSERT INTO patients (patient_id, orthanc_id, patient_name) VALUES (?, ?, ?)
    ON CONFLICT (patient_id) DO UPDATE SET orthanc_id = excluded.orthanc_id RETURNING key"""
_STUDY = """INSERT INTO studies (orthanc_id, patient_key, study_instance_uid) VALUES (?, ?, ?)
    ON CONFLICT (orthanc_id) DO UPDATE SET patient_key = excluded.patient_key,
    study_instance_uid = excluded.study_instance_uid RETURNING key"""
_SERIES = """INSERT INTO series (orthanc_id, study_key, series_instance_uid) VALUES (?, ?, ?)
    ON CONFLICT (orthanc_id) DO UPDATE SET study_key = excluded.study_key,
    series_instance_uid = excluded.series_instance_uid RETURNING key"""
_FRAME = (
    "INSERT INTO frames (uid) VALUES (?) ON CONFLICT (uid) DO UPDATE SET uid = excluded.uid RETURNING key"
)
_INSTANCE_COLUMNS = """series_key, frame_key, header_key, sop_instance_uid, sop_class_uid, instance_number, number_of_frames,
    image_type, acquisition_date_time, time_source, role, reason, detail, planes, file"""
_MARKS = ", ".join("?" * len(_INSTANCE_COLUMNS.split(",")))
_INSERT = f"""INSERT INTO instances ({_INSTANCE_COLUMNS}, orthanc_id) VALUES ({_MARKS}, ?)
    ON CONFLICT (orthanc_id) DO NOTHING"""
_REPLACE = f"UPDATE instances SET ({_INSTANCE_COLUMNS}) = ({_MARKS}) WHERE key = ?"
_TRANSFORM = """INSERT INTO transforms (id, item, instance_key, source_frame, source_references, target_frame,
    target_references, kind, matrix, grid, refusal, detail, origin, label, created, creator, maker, digest,
    expected_error_mm, error_source, given_origin, given_by, given_at, decision, decided_by, decided_at,
    quality, error_at_place, decided_why)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


# The keys of a patient and of one of its series whose content changed.
Touched = tuple[int, int]
_REMEMBERED_PLACES = 1_000


class _Place(msgspec.Struct, frozen=True):
    """Keys of what an instance belongs to."""

    patient: int
    study: int
    series: int
    frame: int | None
    header: int


class InstanceWriter:
    """Stores instances, remembering the keys of what it has just written.

    A study of 500 slices names its patient, study, series and frame 500 times; they are written once. `forget` must be
    called whenever rows are removed or a transaction is rolled back.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._places: dict[tuple[str, str | None, headers.HeaderValues], _Place] = {}
        self._without_block: set[int] = set()

    def forget(self) -> None:
        """Drop the remembered keys."""
        self._places.clear()
        self._without_block.clear()

    def put(self, record: InstanceRecord, file: str | None = None) -> Touched:
        """Store or replace one instance; returns the keys of its patient and series.

        `file` is the name of the stored file that it was read from, None if that is not known.
        """
        place = self._place(record)
        self._drop_block(place.series)
        execute = self._connection.execute
        values = (
            place.series, place.frame, place.header, record.sop_instance_uid, record.sop_class_uid,
            record.instance_number, record.number_of_frames, record.image_type, record.acquisition_date_time,
            record.time_source, record.role, record.reason, record.detail, record.planes, file,
        )  # fmt: skip
        inserted = execute(_INSERT, (*values, record.orthanc_id))
        instance_key = inserted.lastrowid
        if not inserted.rowcount:
            before = execute(
                "SELECT key, frame_key, header_key FROM instances WHERE orthanc_id = ?", (record.orthanc_id,)
            ).fetchone()
            instance_key = before["key"]
            execute(_REPLACE, (*values, instance_key))
            execute("DELETE FROM transforms WHERE instance_key = ?", (instance_key,))
            places.delete(self._connection, instance_key)
            execute("DELETE FROM contents WHERE instance_key = ?", (instance_key,))
            if (before["frame_key"], before["header_key"]) != (place.frame, place.header):
                self._release(place.study, place.series, before["frame_key"], before["header_key"])
        if record.transforms:
            rows = [_transform_row(record, item, int(instance_key or 0)) for item in record.transforms]
            self._connection.executemany(_TRANSFORM, rows)
        if record.places:
            places.write(self._connection, int(instance_key or 0), record.places)
        if record.content is not None:
            execute("INSERT INTO contents (instance_key, body) VALUES (?, ?)", (instance_key, record.content))
        return place.patient, place.series

    def remove(self, orthanc_id: str) -> Touched | None:
        """Remove one instance and what is empty without it; returns the same keys as `put`, None if it was not indexed."""
        row = self._connection.execute(
            """SELECT i.key, i.series_key, i.frame_key, i.header_key, e.study_key, s.patient_key FROM instances i
            JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key WHERE i.orthanc_id = ?""",
            (orthanc_id,),
        ).fetchone()
        if row is None:
            return None
        instance_key, series_key, frame_key, header_key, study_key, patient_key = row
        self._drop_block(series_key)
        execute = self._connection.execute
        execute("DELETE FROM transforms WHERE instance_key = ?", (instance_key,))
        places.delete(self._connection, instance_key)
        execute("DELETE FROM contents WHERE instance_key = ?", (instance_key,))
        execute("DELETE FROM instances WHERE key = ?", (instance_key,))
        if execute("SELECT 1 FROM instances WHERE series_key = ? LIMIT 1", (series_key,)).fetchone() is None:
            self._remove_series(series_key, study_key, patient_key)
        else:
            self._release(study_key, series_key, frame_key, header_key)
        return int(patient_key), int(series_key)

    def write_block(self, series_key: int) -> tuple[Touched, ...]:
        """Keep the instances of a series in one piece, too, until one of them changes; touches nothing."""
        write_block(self._connection, series_key)
        self._without_block.discard(series_key)
        return ()

    def _drop_block(self, series_key: int) -> None:
        if series_key not in self._without_block:
            drop_block(self._connection, series_key)
            self._without_block.add(series_key)
            if len(self._without_block) > _REMEMBERED_PLACES:
                self._without_block = {series_key}

    def _remove_series(self, series_key: int, study_key: int, patient_key: int) -> None:
        """Remove an empty series, and its study and patient where these are empty then."""
        self.forget()
        execute = self._connection.execute
        frames = execute("SELECT frame_key FROM series_frames WHERE series_key = ?", (series_key,)).fetchall()
        for (frame_key,) in map(tuple, frames):
            self._release_frame(series_key, frame_key)
        headers.release_series(self._connection, series_key)
        execute("DELETE FROM series WHERE key = ?", (series_key,))
        if execute("SELECT 1 FROM series WHERE study_key = ? LIMIT 1", (study_key,)).fetchone() is not None:
            headers.settle_study(self._connection, study_key)
        else:
            execute("DELETE FROM studies WHERE key = ?", (study_key,))
        remove_patient_if_empty(self._connection, patient_key)
        headers.settle_patient(self._connection, patient_key)

    def _release(self, study_key: int, series_key: int, frame_key: int | None, header_key: int) -> None:
        """An instance has left a series, or has another frame or header now."""
        execute = self._connection.execute
        if frame_key is not None:
            used = execute(
                "SELECT 1 FROM instances WHERE series_key = ? AND frame_key = ? LIMIT 1",
                (series_key, frame_key),
            )
            if used.fetchone() is None:
                self.forget()
                self._release_frame(series_key, frame_key)
        if headers.release(self._connection, series_key, header_key):
            self.forget()
            headers.settle(self._connection, study_key, series_key)

    def _release_frame(self, series_key: int, frame_key: int) -> None:
        execute = self._connection.execute
        execute("DELETE FROM series_frames WHERE series_key = ? AND frame_key = ?", (series_key, frame_key))
        execute(
            """DELETE FROM frames WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM series_frames WHERE frame_key = ?1)""",
            (frame_key,),
        )

    def _place(self, record: InstanceRecord) -> _Place:
        stated = headers.header_values(record)
        name = (record.orthanc_series, record.frame_of_reference_uid, stated)
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = self._write_place(record, stated)
            if len(self._places) > _REMEMBERED_PLACES:
                del self._places[next(iter(self._places))]
        return place

    def _write_place(self, record: InstanceRecord, stated: headers.HeaderValues) -> _Place:
        execute = self._connection.execute
        (patient_key,) = execute(
            _PATIENT, (record.patient_id, record.orthanc_patient, record.patient_name)
        ).fetchone()
        before = execute(
            "SELECT patient_key FROM studies WHERE orthanc_id = ?", (record.orthanc_study,)
        ).fetchone()
        (study_key,) = execute(
            _STUDY, (record.orthanc_study, patient_key, record.study_instance_uid)
        ).fetchone()
        if before is not None and before[0] != patient_key:
            remove_patient_if_empty(self._connection, before[0])
            headers.settle_patient(self._connection, before[0])
        (series_key,) = execute(
            _SERIES, (record.orthanc_series, study_key, record.series_instance_uid)
        ).fetchone()
        frame_key = None
        if record.frame_of_reference_uid is not None:
            (frame_key,) = execute(_FRAME, (record.frame_of_reference_uid,)).fetchone()
            execute(
                "INSERT OR IGNORE INTO series_frames (frame_key, series_key) VALUES (?, ?)",
                (frame_key, series_key),
            )
        header_key = headers.keep_header(self._connection, stated)
        if headers.add_to_series(self._connection, series_key, header_key):
            headers.settle_added(self._connection, study_key, series_key, stated)
        return _Place(int(patient_key), int(study_key), int(series_key), frame_key, header_key)


def remove_patient_if_empty(connection: sqlite3.Connection, patient_key: int) -> None:
    """Remove a patient without studies."""
    connection.execute(
        "DELETE FROM patients WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM studies WHERE patient_key = ?1)",
        (patient_key,),
    )


def _transform_row(record: InstanceRecord, item: TransformRecord, instance_key: int) -> tuple[object, ...]:
    return (
        f"{record.sop_instance_uid}.{item.item}", item.item, instance_key, item.source_frame,
        json.dumps(item.source_references), item.target_frame, json.dumps(item.target_references), item.kind, item.matrix,
        item.grid, item.refusal, item.detail, item.origin, item.label, item.created, item.creator,
        item.maker, _digest(item), *item.notes.columns(),
    )  # fmt: skip


def _digest(item: TransformRecord) -> str:
    """Distinguishes two contents that were stored under one id."""
    return hashlib.sha256((item.matrix or b"") + (item.grid or b"")).hexdigest()
