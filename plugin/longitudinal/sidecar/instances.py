"""Writing and removing what the sidecar knows of the archive's instances. Runs on the writer's connection only."""

import hashlib
import json
import sqlite3

from longitudinal.sidecar.records import InstanceRecord, TransformRecord

# Upserts keep the key, so that rows below stay where they are; RETURNING gives it in the same statement.
_PATIENT = """INSERT INTO patients (patient_id, orthanc_id, patient_name) VALUES (?, ?, ?)
    ON CONFLICT (patient_id) DO UPDATE SET patient_name = excluded.patient_name RETURNING key"""
_STUDY = """INSERT INTO studies (orthanc_id, patient_key, study_instance_uid, study_date, study_time, study_description,
    accession_number, timezone_offset, patient_birth_date, patient_sex, issuer_of_patient_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (orthanc_id) DO UPDATE SET patient_key = excluded.patient_key, study_date = excluded.study_date,
    study_time = excluded.study_time, study_description = excluded.study_description,
    accession_number = excluded.accession_number, timezone_offset = excluded.timezone_offset,
    patient_birth_date = excluded.patient_birth_date, patient_sex = excluded.patient_sex,
    issuer_of_patient_id = excluded.issuer_of_patient_id RETURNING key"""
_SERIES = """INSERT INTO series (orthanc_id, study_key, series_instance_uid, series_number, series_description, modality)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (orthanc_id) DO UPDATE SET series_number = excluded.series_number RETURNING key"""
_FRAME = (
    "INSERT INTO frames (uid) VALUES (?) ON CONFLICT (uid) DO UPDATE SET uid = excluded.uid RETURNING key"
)
_INSTANCE = """INSERT INTO instances (orthanc_id, series_key, frame_key, sop_instance_uid, sop_class_uid, instance_number,
    number_of_frames, image_type, acquisition_date_time, time_source, role, reason, detail, planes)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (orthanc_id) DO UPDATE SET frame_key = excluded.frame_key, instance_number = excluded.instance_number,
    number_of_frames = excluded.number_of_frames, image_type = excluded.image_type,
    acquisition_date_time = excluded.acquisition_date_time, time_source = excluded.time_source, role = excluded.role,
    reason = excluded.reason, detail = excluded.detail, planes = excluded.planes RETURNING key"""
_TRANSFORM = """INSERT INTO transforms (id, item, instance_key, source_frame, source_references, target_frame,
    target_references, kind, matrix, grid, refusal, detail, origin, label, created, creator, maker, digest,
    expected_error_mm, error_source, given_origin, given_by, given_at, decision, decided_by, decided_at,
    quality, error_at_place)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


# The keys of a patient and of one of its series whose content changed.
Touched = tuple[int, int]
_REMEMBERED_SERIES = 1_000


class InstanceWriter:
    """Stores instances, remembering the keys of the series it has just written.

    A study of 500 slices names its patient, study, series and frame 500 times; they are written once. Whatever removes
    rows or rolls back must call `forget`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._series: dict[tuple[str, str | None], tuple[int, int, int | None]] = {}

    def forget(self) -> None:
        """Drop the remembered keys."""
        self._series.clear()

    def put(self, record: InstanceRecord) -> Touched:
        """Store or replace one instance; returns the keys of its patient and series."""
        patient_key, series_key, frame_key = self._parents(record)
        (instance_key,) = self._connection.execute(
            _INSTANCE,
            (
                record.orthanc_id, series_key, frame_key, record.sop_instance_uid, record.sop_class_uid,
                record.instance_number, record.number_of_frames, record.image_type, record.acquisition_date_time,
                record.time_source, record.role, record.reason, record.detail, record.planes,
            ),
        ).fetchone()  # fmt: skip
        if record.transforms or record.modality == "REG":
            self._connection.execute("DELETE FROM transforms WHERE instance_key = ?", (instance_key,))
            self._connection.executemany(
                _TRANSFORM, [_transform_row(record, item, instance_key) for item in record.transforms]
            )
        return patient_key, series_key

    def remove(self, orthanc_id: str) -> Touched | None:
        """Remove one instance and what is empty without it; returns what `put` returned, None if it was not there."""
        row = self._connection.execute(
            """SELECT i.key, i.series_key, e.study_key, s.patient_key FROM instances i
            JOIN series e ON e.key = i.series_key JOIN studies s ON s.key = e.study_key WHERE i.orthanc_id = ?""",
            (orthanc_id,),
        ).fetchone()
        if row is None:
            return None
        instance_key, series_key, study_key, patient_key = row
        execute = self._connection.execute
        execute("DELETE FROM transforms WHERE instance_key = ?", (instance_key,))
        execute("DELETE FROM instances WHERE key = ?", (instance_key,))
        if execute("SELECT 1 FROM instances WHERE series_key = ? LIMIT 1", (series_key,)).fetchone() is None:
            self.forget()
            execute("DELETE FROM series_frames WHERE series_key = ?", (series_key,))
            execute("DELETE FROM series WHERE key = ?", (series_key,))
            if execute("SELECT 1 FROM series WHERE study_key = ? LIMIT 1", (study_key,)).fetchone() is None:
                execute("DELETE FROM studies WHERE key = ?", (study_key,))
                if (
                    execute("SELECT 1 FROM studies WHERE patient_key = ? LIMIT 1", (patient_key,)).fetchone()
                    is None
                ):
                    execute("DELETE FROM patients WHERE key = ?", (patient_key,))
        return int(patient_key), int(series_key)

    def _parents(self, record: InstanceRecord) -> tuple[int, int, int | None]:
        remembered = self._series.get((record.orthanc_series, record.frame_of_reference_uid))
        if remembered is not None:
            return remembered
        execute = self._connection.execute
        (patient_key,) = execute(
            _PATIENT, (record.patient_id, record.orthanc_patient, record.patient_name)
        ).fetchone()
        (study_key,) = execute(
            _STUDY,
            (
                record.orthanc_study, patient_key, record.study_instance_uid, record.study_date, record.study_time,
                record.study_description, record.accession_number, record.timezone_offset, record.patient_birth_date,
                record.patient_sex, record.issuer_of_patient_id,
            ),
        ).fetchone()  # fmt: skip
        (series_key,) = execute(
            _SERIES,
            (
                record.orthanc_series, study_key, record.series_instance_uid, record.series_number,
                record.series_description, record.modality,
            ),
        ).fetchone()  # fmt: skip
        frame_key = None
        if record.frame_of_reference_uid is not None:
            (frame_key,) = execute(_FRAME, (record.frame_of_reference_uid,)).fetchone()
            execute(
                "INSERT OR IGNORE INTO series_frames (frame_key, series_key) VALUES (?, ?)",
                (frame_key, series_key),
            )
        parents = (int(patient_key), int(series_key), frame_key)
        self._series[(record.orthanc_series, record.frame_of_reference_uid)] = parents
        if len(self._series) > _REMEMBERED_SERIES:
            del self._series[next(iter(self._series))]
        return parents


def _transform_row(record: InstanceRecord, item: TransformRecord, instance_key: int) -> tuple[object, ...]:
    return (
        f"{record.sop_instance_uid}.{item.item}", item.item, instance_key, item.source_frame,
        json.dumps(item.source_references), item.target_frame, json.dumps(item.target_references), item.kind, item.matrix,
        item.grid, item.refusal, item.detail, item.origin, item.label, item.created, item.creator,
        item.maker, _digest(item), *item.notes.columns(),
    )  # fmt: skip


def _digest(item: TransformRecord) -> str:
    """Tells two contents apart that came under one id."""
    return hashlib.sha256((item.matrix or b"") + (item.grid or b"")).hexdigest()
