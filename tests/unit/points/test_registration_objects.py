"""Objects of our own: made twice of the same inputs they are one, and what was said about it stays."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.outcome import Outcome, Outcomes
from longitudinal.alignment.partner import Wish, choose
from longitudinal.dicom.contrast import Contrast
from longitudinal.dicom.registration_writer import Authorship
from longitudinal.errors import ArchiveFailed
from longitudinal.points.registration_objects import RegistrationObjects
from longitudinal.sidecar.patients import patient_key_of
from longitudinal.sidecar.records import Notes
from longitudinal.transforms.annotation import decide, read_annotation
from longitudinal.transforms.attempts import read_attempts
from longitudinal.transforms.error_at_place import ErrorGrid, read_error, split_errors
from tests.builders import as_file, classic
from tests.unit.points.patients import Ward, shift, volume

HEIGHTS = range(0, 60, 3)


class Store:
    """Keeps files and what is said about them, as Orthanc does: a file stored again is the one that is there."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.said: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.is_full = False

    def store(self, file: bytes) -> str:
        uid = str(pydicom.dcmread(BytesIO(file)).SOPInstanceUID)
        self.files.setdefault(uid, file)
        return uid

    def delete(self, orthanc_id: str) -> None:
        del self.files[orthanc_id]

    def change_annotation(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        if self.is_full:
            raise ArchiveFailed("no room")
        self.said[orthanc_id] = change(self.said.get(orthanc_id))

    def change_errors_at_place(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        self.errors[orthanc_id] = change(self.errors.get(orthanc_id))

    def change_attempts(self, study: str, change: Callable[[str | None], str]) -> None:
        self.failed[study] = change(self.failed.get(study))


class Files:
    def file(self, _: str) -> bytes:
        return as_file(classic())

    def default_encoding(self) -> str:
        return "Latin1"


class Desk:
    def __init__(self, folder: Path) -> None:
        scans = [volume(n, heights=HEIGHTS, frame_of_reference_uid=f"1.9.{n}") for n in (1, 2)]
        self.ward, self.store = Ward(folder, *scans), Store()
        self.settled: list[str] = []
        self.objects = RegistrationObjects(self.ward.readers, Files(), self.store, self.settled.append)  # type: ignore[arg-type]
        self.outcomes = Outcomes(self.objects, self.store, self.settled.append)  # type: ignore[arg-type]
        key = patient_key_of(self.ward.connection, "P")
        assert key is not None
        index = self.ward.catalogue.patient(key)
        assert index is not None
        self.index = index
        choice = choose(index, Wish("s1.2"), lambda _: Acquisition(Contrast("CT")))
        assert choice is not None
        (self.pair,) = choice.pairs

    def keep(self, engine: str = "engine 1", x: float = 5.0, initial: list[list[float]] | None = None) -> str:
        made = outcome(engine=engine, transform=shift(x, 0, 0), initial=initial)
        return self.outcomes.keep(self.index, self.pair, made, "ann").transform


def outcome(**more: object) -> Outcome:
    plain = {"transform": np.eye(4), "method": "rigid", "engine": "engine 1", "quality": {"overlap": 0.9},
             "expected_error_mm": 0.5, "rejection": None, "reason": None, **more}  # fmt: skip
    return Outcome(**plain)  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_double_run_stores_one_object_and_a_review_in_between_stays(desk: Desk) -> None:
    first = desk.keep()
    (uid,) = desk.store.files
    desk.store.said[uid] = decide(desk.store.said[uid], 2, "accepted", "bob", "2026-01-01")
    assert desk.keep(x=5.001) == first == f"{uid}.2"  # another thread count, other last digits
    (notes,) = read_annotation(desk.store.said[uid]).values()
    assert (notes.decision, notes.given_origin, notes.given_by) == ("accepted", "automatic", "ann")
    assert (notes.expected_error_mm, notes.error_source, notes.quality) == (
        0.5,
        "forwardBackward",
        '{"overlap":0.9}',
    )


def grid(bound: float) -> ErrorGrid:
    return ErrorGrid(np.full((2, 2, 2), bound), np.eye(4))


def test_errors_are_stored_with_a_new_object_and_stay_as_the_first_run_measured_them(desk: Desk) -> None:
    for bound in (1.5, 9.0):
        desk.outcomes.keep(desk.index, desk.pair, outcome(errors=grid(bound)), "ann")
    (text,) = desk.store.errors.values()
    read = read_error(split_errors(text)[2])
    assert read is not None
    assert read.bound_mm(0, 0, 0) == 1.5


def test_an_object_whose_errors_cannot_be_stored_is_taken_back(desk: Desk) -> None:
    def full(*_: object) -> None:
        raise ArchiveFailed("no room")

    desk.store.change_errors_at_place = full  # type: ignore[method-assign]
    with pytest.raises(ArchiveFailed):
        desk.outcomes.keep(desk.index, desk.pair, outcome(errors=grid(1.5)), "ann")
    assert desk.store.files == {}


def test_another_engine_or_start_makes_another_object(desk: Desk) -> None:
    eye = np.eye(4).tolist()
    assert len({desk.keep(), desk.keep("engine 2"), desk.keep(initial=eye)}) == 3


def test_the_object_lies_in_the_later_study_and_leads_to_the_earlier_frame(desk: Desk) -> None:
    desk.keep()
    (file,) = desk.store.files.values()
    made = pydicom.dcmread(BytesIO(file))
    assert (made.FrameOfReferenceUID, made.ContentDescription) == ("1.9.1", "automatic, not reviewed")
    item = made.RegistrationSequence[1]
    assert item.FrameOfReferenceUID == "1.9.2"
    assert (
        item.MatrixRegistrationSequence[0].RegistrationTypeCodeSequence[0].CodeValue == "125024"
    )  # image content
    assert made.SoftwareVersions == "engine 1"


def test_a_refused_one_is_noted_beside_the_later_study_and_stores_nothing(desk: Desk) -> None:
    refused = outcome(rejection="inconsistent", reason="it wanders", quality={"forwardBackwardMeanMm": 14.2})
    desk.outcomes.refuse(desk.index, desk.pair, refused, "")
    assert desk.store.files == {}
    assert list(desk.store.failed) == desk.settled == ["s1.2"]
    (attempt,) = read_attempts(desk.store.failed["s1.2"])
    assert (attempt.partner_study_instance_uid, attempt.rejection, attempt.by) == ("1.1", "inconsistent", "")
    assert attempt.is_about("1.9.1", "1.9.2")


def test_what_cannot_be_said_about_a_new_object_takes_it_back(desk: Desk) -> None:
    desk.store.is_full = True
    with pytest.raises(ArchiveFailed):
        desk.keep()
    assert (desk.store.files, desk.settled) == ({}, [])


def test_without_inputs_each_object_is_another(desk: Desk) -> None:
    made = {
        desk.objects.write(
            desk.index, np.eye(4), later="1.9.2", earlier="1.9.1", authorship=Authorship(datetime.now(UTC)), notes=Notes()
        ).transform
        for _ in range(2)
    }  # fmt: skip
    assert len(made) == 2
