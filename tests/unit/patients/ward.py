"""Small patients in a real sidecar: what resolve is tested on without a server."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from longitudinal.geometry.image_plane import PLANE
from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.answer import Answer, Links
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters, Resolver
from longitudinal.points.stale import Stale
from longitudinal.sidecar.connection import Readers, open_writer
from longitudinal.sidecar.tables.instances import InstanceWriter
from longitudinal.sidecar.tables.patients import instances_under
from longitudinal.sidecar.tables.records import InstanceRecord, TransformRecord
from longitudinal.sidecar.tables.transforms import write_notes
from longitudinal.transforms.annotation import read_annotation

AXIAL = (1, 0, 0, 0, 1, 0)
CORONAL = (1, 0, 0, 0, 0, -1)
SAGITTAL = (0, 1, 0, 0, 0, -1)
FRAME = "1.2.9"


def plane(
    z: float = 0.0,
    *,
    position: tuple[float, float, float] | None = None,
    orientation: tuple[float, ...] = AXIAL,
    spacing: float = 1.0,
    size: int = 100,
    thickness: float = 2.0,
) -> bytes:
    """One packed plane; by default axial, its first pixel at (0, 0, z)."""
    made = np.zeros(1, PLANE)
    made["position"] = position or (0, 0, z)
    made["orientation"], made["spacing"] = orientation, spacing
    made["rows"] = made["columns"] = size
    made["slice_thickness"], made["frame_number"] = thickness, 1
    made["temporal_position"] = -1
    for key in ("echo_time", "b_value", "trigger_time", "acquisition_time"):
        made[key] = np.nan
    return made.tobytes()


def image(
    study: int, series: int = 1, number: int = 1, *, planes: bytes | None = None, **more: Any
) -> InstanceRecord:
    """An instance of study `study` of patient P, uids 1.<study>, 1.<study>.<series>, 1.<study>.<series>.<number>."""
    uid = f"1.{study}.{series}.{number}"
    record = InstanceRecord(
        orthanc_id=f"i{uid}", orthanc_series=f"e1.{study}.{series}", orthanc_study=f"s1.{study}", orthanc_patient="pP",
        patient_id="P", patient_name="", patient_birth_date="", patient_sex="", issuer_of_patient_id="",
        study_instance_uid=f"1.{study}", study_date=f"{2000 + study}0101", study_time="", study_description="",
        accession_number="", timezone_offset="", series_instance_uid=f"1.{study}.{series}", series_number=series,
        series_description="", modality="CT", sop_instance_uid=uid, sop_class_uid="", instance_number=number,
        number_of_frames=1, image_type="ORIGINAL\\PRIMARY", frame_of_reference_uid=FRAME, acquisition_date_time=None,
        time_source=None, role="image", reason=None, detail="", planes=plane(0.0) if planes is None else planes,
    )  # fmt: skip
    return msgspec.structs.replace(record, **more)


def volume(
    study: int, series: int = 1, *, heights: Iterable[float] = range(0, 20, 2), **more: Any
) -> list[InstanceRecord]:
    """An axial series with a slice at each height."""
    look = {key: more.pop(key) for key in ("orientation", "spacing", "size", "thickness") if key in more}
    return [
        image(study, series, number, planes=plane(float(z), **look), **more)
        for number, z in enumerate(heights, 1)
    ]


def unplaced(study: int, series: int = 1, reason: str = "noGeometry", **more: Any) -> InstanceRecord:
    """An instance without a place."""
    record = image(study, series, **more)
    return msgspec.structs.replace(record, role=None, planes=None, reason=reason)


def registration(
    study: int, source: str, target: str, matrix: np.ndarray, *, number: int = 90, **more: Any
) -> InstanceRecord:
    """A registration object in a study whose one item maps source points to target points."""
    item = TransformRecord(
        item=1, source_frame=source, source_references=(), target_frame=target, target_references=(), kind="rigid",
        matrix=matrix.astype("<f8").tobytes(), grid=None, refusal=None, detail="", origin="vendor", label="",
        created=None, creator="",
    )  # fmt: skip
    item = msgspec.structs.replace(item, **more)
    record = unplaced(study, 9, "notAnImage", modality="REG", number=number)
    return msgspec.structs.replace(record, transforms=(item,), frame_of_reference_uid=None)


def shift(x: float, y: float, z: float) -> np.ndarray:
    """A translation in mm."""
    matrix = np.eye(4)
    matrix[:3, 3] = (x, y, z)
    return matrix


class FakeArchive:
    """Has everything but what was taken away."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.annotations: dict[str, str] = {}
        self.errors: dict[str, str] = {}

    def has_instance(self, orthanc_id: str, file: str | None = None) -> bool:
        return orthanc_id not in self.gone

    def has(self, level: str, orthanc_id: str) -> bool:
        return orthanc_id not in self.gone

    def annotation(self, orthanc_id: str) -> str | None:
        return self.annotations.get(orthanc_id)

    def errors_at_place(self, orthanc_id: str) -> str | None:
        return self.errors.get(orthanc_id)


class Ward:
    """A sidecar with records in it, and the questions one can ask of it."""

    def __init__(self, folder: Path, *records: InstanceRecord | list[InstanceRecord]) -> None:
        folder.mkdir(exist_ok=True)
        self.connection = open_writer(folder / "sidecar.sqlite")
        self.writer = InstanceWriter(self.connection)
        self.readers = Readers(folder / "sidecar.sqlite")
        self.catalogue = Catalogue(self.readers)
        self.archive = FakeArchive()
        self.resolver = Resolver(self.readers, self.catalogue, self.archive, self.heal, _links)
        self.put(*records)

    def put(self, *records: InstanceRecord | list[InstanceRecord]) -> None:
        for record in records:
            for one in record if isinstance(record, list) else [record]:
                self.catalogue.invalidate(frozenset([self.writer.put(one)]))

    def heal(self, stale: Stale) -> None:
        touched = [self.writer.remove(orthanc_id) for orthanc_id in stale.instances]
        for orthanc_id in stale.studies:
            under = instances_under(self.connection, "studies", orthanc_id)
            touched += [self.writer.remove(instance) for instance in under]
        for orthanc_id in stale.rejected:
            touched += write_notes(
                self.connection, orthanc_id, read_annotation(self.archive.annotation(orthanc_id))
            )
        self.catalogue.invalidate(frozenset(entry for entry in touched if entry))

    def click(self, uid: str, row: float = 50, column: float = 40, frame: int = 1, **wanted: Any) -> Answer:
        return self.resolver.resolve(PixelQuestion(uid, frame, row, column), QuestionFilters(**wanted))

    def point(self, x: float, y: float, z: float, frame: str = FRAME, **wanted: Any) -> Answer:
        return self.resolver.resolve(PointQuestion("P", frame, (x, y, z)), QuestionFilters(**wanted))


def _links(*_: Any) -> Links:
    return Links("", "", None)
