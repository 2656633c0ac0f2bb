"""Synthetic rows for the sidecar, written by the product's own writer: patients of parallel axial slices."""

import hashlib
import sqlite3
from collections.abc import Iterator

import numpy as np

from longitudinal.geometry.image_plane import PLANE
from longitudinal.sidecar.tables.instances import InstanceWriter
from longitudinal.sidecar.tables.records import InstanceRecord

SIZE, SPACING_MM, GAP_MM = 64, 4.0, 2.5
MODALITIES = ("CT", "CT", "MR", "CT", "PT")


def orthanc_id(*parts: str) -> str:
    """Orthanc's identifier of a resource: SHA-1 of its DICOM identifiers."""
    digest = hashlib.sha1("|".join(parts).encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))


def slices(
    patient: str, studies: int, series: int, count: int, *, shared_frame: bool = True
) -> Iterator[InstanceRecord]:
    """Every slice of one patient; series differ by a fraction of the gap, so that each answers a little elsewhere."""
    root = f"2.25.{int(hashlib.sha1(patient.encode(), usedforsecurity=False).hexdigest()[:16], 16)}"
    plane = np.zeros(1, PLANE)
    plane["orientation"] = (1, 0, 0, 0, 1, 0)
    plane["spacing"] = SPACING_MM
    plane["rows"] = plane["columns"] = SIZE
    plane["slice_thickness"], plane["frame_number"] = GAP_MM, 1
    plane["temporal_position"] = -1
    for key in ("echo_time", "b_value", "trigger_time", "acquisition_time"):
        plane[key] = np.nan
    for study_number in range(studies):
        study = f"{root}.{study_number + 1}"
        for series_number in range(series):
            uid = f"{study}.{series_number + 1}"
            frame = f"{root}.99" if shared_frame else f"{study}.99"
            for number in range(count):
                sop = f"{uid}.{number + 1}"
                plane["position"] = (-126, -126, GAP_MM * number + 0.2 * series_number + 0.03 * study_number)
                plane["instance_number"] = number + 1
                yield InstanceRecord(
                    orthanc_id=orthanc_id(patient, study, uid, sop), orthanc_series=orthanc_id(patient, study, uid),
                    orthanc_study=orthanc_id(patient, study), orthanc_patient=orthanc_id(patient), patient_id=patient,
                    patient_name="SYNTHETIC", patient_birth_date="", patient_sex="", issuer_of_patient_id="",
                    study_instance_uid=study, study_date=f"{2000 + study_number}0102", study_time="", study_description="",
                    accession_number="", timezone_offset="", series_instance_uid=uid, series_number=series_number + 1,
                    series_description=f"series {series_number + 1}", modality=MODALITIES[series_number % 5],
                    sop_instance_uid=sop, sop_class_uid="1.2.840.10008.5.1.4.1.1.2", instance_number=number + 1,
                    number_of_frames=1, image_type="ORIGINAL\\PRIMARY\\AXIAL", frame_of_reference_uid=frame,
                    acquisition_date_time=f"{2000 + study_number}-01-02T10:00:00", time_source="acquisition", role="image",
                    reason=None, detail="", planes=plane.tobytes(),
                )  # fmt: skip


def fill(connection: sqlite3.Connection, records: Iterator[InstanceRecord], batch: int = 5_000) -> int:
    """Write records in transactions of `batch`; returns how many."""
    writer, count = InstanceWriter(connection), 0
    connection.execute("BEGIN IMMEDIATE")
    for count, record in enumerate(records, 1):
        writer.put(record)
        if count % batch == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")
    return count
