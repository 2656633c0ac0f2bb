"""One stored instance becomes one record, whatever it is: planes or a reason, and never an exception."""

import numpy as np
import pydicom
import pytest
from msgspec.structs import replace
from pydicom.uid import generate_uid

from longitudinal.archive import StoredFile
from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.ingest.annotations import with_current_notes
from longitudinal.ingest.record import read_record
from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.annotation import write_annotation
from longitudinal.transforms.error_at_place import ErrorGrid, digest_of, encode_error, join_errors, read_error
from tests.annotations import decide
from tests.builders import as_file, classic, dataset, mosaic
from tests.data import data

SPATIAL_REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.1"
PARENTS = ("patient", "study", "series")


class OneFile:
    """An archive with one instance, whose ids cannot be derived from its tags."""

    def __init__(self, file: bytes) -> None:
        self._file = file

    def file(self, orthanc_id: str) -> bytes:
        return self._file

    def stored_file(self, orthanc_id: str) -> StoredFile:
        return StoredFile(len(self._file), None)

    def annotation(self, orthanc_id: str) -> None:
        return None

    def errors_at_place(self, orthanc_id: str) -> None:
        return None

    def default_encoding(self) -> str:
        return "Latin1"

    def parents(self, orthanc_id: str) -> object:
        from longitudinal.archive import Parents

        return Parents(*PARENTS)


def record(ds: pydicom.Dataset, file: bytes = b""):  # type: ignore[no-untyped-def]
    return read_record("an-id", tags_from_dataset(ds), OneFile(file))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ds", [classic(), mosaic(), classic(ImagePositionPatient=None), dataset("1.2.3.4", "OT", Rows=None)]
)
def test_there_are_planes_or_a_reason_and_never_both(ds: pydicom.Dataset) -> None:
    made = record(ds)
    assert (made.planes is None) != (made.reason is None)
    assert (made.role is None) == (made.planes is None)
    assert (made.orthanc_patient, made.orthanc_study, made.orthanc_series) == PARENTS


def test_an_empty_patient_id_makes_each_study_a_patient() -> None:
    made = record(classic(PatientID=""))
    assert made.patient_id == f"study:{made.study_instance_uid}"


def test_without_a_frame_of_reference_a_series_is_one() -> None:
    assert record(classic(FrameOfReferenceUID=None)).frame_of_reference_uid.startswith("series:")
    assert record(classic(FrameOfReferenceUID=None, ImagePositionPatient=None)).frame_of_reference_uid is None


def test_a_sop_class_that_dicom_does_not_have_is_named() -> None:
    path = data("reg_malformed") / "838356188785bc2d5c53f95b6afce5fa565c3248.dcm"
    ds = pydicom.dcmread(path)
    made = record(ds, path.read_bytes())
    assert made.reason == "notAnImage"
    assert str(ds.SOPClassUID) in made.detail
    assert made.transforms == ()


def test_a_registration_of_which_nothing_can_be_used_says_why_in_its_own_row() -> None:
    path = data("reg_malformed") / "6c690a9eccdbcc3c58f4ae55bc081f07a614393e.dcm"
    made = record(pydicom.dcmread(path), path.read_bytes())
    assert (made.reason, made.transforms[0].refusal) == ("noFrame", "noFrame")
    assert "item 1: the item has no Frame of Reference UID" in made.detail


@pytest.mark.parametrize("damage", [b"", b"no DICOM at all", b"\0" * 200], ids=["empty", "text", "zeros"])
def test_a_registration_whose_file_cannot_be_read_is_kept_with_a_reason(damage: bytes) -> None:
    ds = dataset(SPATIAL_REGISTRATION, "REG", Rows=None, Columns=None, SOPInstanceUID=generate_uid())
    made = record(ds, damage)
    assert made.reason == "notARegistration"
    assert made.detail
    assert record(ds, as_file(ds)).reason in ("noRegistration", "notARegistration")


def test_a_review_that_comes_while_a_registration_is_read_again_is_not_lost() -> None:
    """A rejected transform must not come back with a record that was read before the rejection."""
    file = (data("reg_independent") / "openms_p01_RIGID.dcm").read_bytes()
    archive = OneFile(file)
    ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(file))
    made = read_record("an-id", tags_from_dataset(ds), archive)  # type: ignore[arg-type]
    before, own_frame = made.transforms
    assert own_frame.source_frame == own_frame.target_frame  # its images are looked up later
    assert before.notes.decision is None
    archive.annotation = lambda _: decide(None, before.item, "rejected", "ann", "2026-01-01T00:00:00")  # type: ignore
    after, _ = with_current_notes(made, archive).transforms  # type: ignore[arg-type]
    assert (after.notes.decision, after.notes.decided_by) == ("rejected", "ann")
    assert after.matrix == before.matrix


def test_errors_at_a_place_are_read_with_what_is_said_and_never_without() -> None:
    file = (data("reg_independent") / "openms_p01_RIGID.dcm").read_bytes()
    archive = OneFile(file)
    ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(file))
    tags = tags_from_dataset(ds)
    item = read_record("an-id", tags, archive).transforms[0]  # type: ignore[arg-type]
    grid = ErrorGrid(np.full((2, 2, 2), 1.5), np.diag([10.0, 10.0, 10.0, 1.0]))
    archive.errors_at_place = lambda _: join_errors({item.item: grid})  # type: ignore
    alone = read_record("an-id", tags, archive).transforms[0]  # type: ignore[arg-type]
    assert alone.notes.error_at_place is None
    said = Notes(1.5, "forwardBackward", "automatic")
    named = replace(said, errors_digest=digest_of(encode_error(grid)))
    archive.annotation = lambda _: write_annotation({item.item: named})  # type: ignore
    made = read_record("an-id", tags, archive)  # type: ignore[arg-type]
    with_errors = made.transforms[0]
    read = read_error(with_errors.notes.error_at_place)
    assert read is not None
    assert read.bound_mm(0, 0, 0) == 1.5
    archive.errors_at_place = lambda _: "something else"  # type: ignore
    assert with_current_notes(made, archive).transforms[0].notes == said  # type: ignore[arg-type]
