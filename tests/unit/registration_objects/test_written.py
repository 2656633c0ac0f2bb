"""Objects of our own: made twice of the same inputs they are one, and what was said about it stays."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from longitudinal.access.keyring import Keyring
from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.outcome import Outcome, Outcomes
from longitudinal.alignment.partner import Wish, choose
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.dicom.registration.authorship import Authorship
from longitudinal.errors import ArchiveFailed
from longitudinal.registration_objects.statements import Memories, Statements
from longitudinal.registration_objects.written import RegistrationObjects
from longitudinal.sidecar.tables.patients import patient_key_of
from longitudinal.sidecar.tables.records import Notes
from longitudinal.transforms.annotation import read_annotation, read_statement
from longitudinal.transforms.attempts import read_attempts
from longitudinal.transforms.error_at_place import (
    ErrorGrid,
    digest_of,
    encode_error,
    put_error,
    read_error,
    split_errors,
)
from tests.builders import as_file, classic
from tests.unit.patients.ward import Ward, shift, volume

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
    def __init__(self, store: Store) -> None:
        self.store = store

    def file(self, orthanc_id: str) -> bytes:
        return self.store.files.get(orthanc_id) or as_file(classic())

    def annotation(self, orthanc_id: str) -> str | None:
        return self.store.said.get(orthanc_id)

    def default_encoding(self) -> str:
        return "Latin1"


class Desk:
    def __init__(self, folder: Path) -> None:
        scans = [volume(n, heights=HEIGHTS, frame_of_reference_uid=f"1.9.{n}") for n in (1, 2)]
        self.ward, self.store = Ward(folder, *scans), Store()
        self.settled: list[str] = []
        files = Files(self.store)
        memories = Memories(self.ward.readers, lambda _: None)
        self.statements = Statements(files, Keyring(folder / "keys.json"), memories)  # type: ignore[arg-type]
        self.objects = RegistrationObjects(
            self.ward.readers,
            files,
            self.store,
            self.settled.append,
            self.statements,  # type: ignore[arg-type]
        )
        self.outcomes = Outcomes(self.objects, self.store, self.settled.append)  # type: ignore[arg-type]
        key = patient_key_of(self.ward.connection, "P")
        assert key is not None
        index = self.ward.catalogue.patient(key)
        assert index is not None
        self.index = index
        choice = choose(index, Wish("s1.2"), lambda _: Acquisition(Contrast("CT")), lambda _: "")
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
    desk.store.said[uid] = desk.statements.decide(
        uid, desk.store.said[uid], 2, "accepted", "bob", "2026-01-01"
    )
    assert desk.keep(x=5.001) == first == f"{uid}.2"  # another thread count, other last digits
    (notes,) = read_annotation(desk.statements.believed(uid)).values()
    assert (notes.decision, notes.given_origin, notes.given_by) == ("accepted", "automatic", "ann")
    assert (notes.expected_error_mm, notes.error_source, notes.quality) == (
        0.5,
        "forwardBackward",
        '{"overlap":0.9}',
    )


def test_the_same_images_make_the_same_file_and_what_was_said_about_it_stays(desk: Desk) -> None:
    made: list[bytes] = []
    store = desk.store.store
    desk.store.store = lambda file: (made.append(file), store(file))[1]  # type: ignore[method-assign]
    desk.outcomes.keep(desk.index, desk.pair, outcome(), "ann")
    said = dict(desk.store.said)
    desk.outcomes.keep(desk.index, desk.pair, outcome(), "bob")
    assert made[0] == made[1]
    assert desk.store.said == said


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
    desk.outcomes.refuse(desk.index, desk.pair, refused, "", ("at 1", "at 2"))
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


def bounds(desk: Desk) -> list[float | None]:
    """What counts at a place, of each object in the order in which they were stored."""
    said = [
        read_statement(desk.statements.believed(uid), desk.store.errors.get(uid)) for uid in desk.store.files
    ]
    errors = [read_error(notes[2].error_at_place) for notes in said]
    return [None if error is None else error.bound_mm(0, 0, 0) for error in errors]


def test_errors_that_were_altered_swapped_or_are_named_by_nobody_are_not_measured(desk: Desk) -> None:
    for engine, bound in (("engine 1", 1.5), ("engine 2", 4.0), ("engine 3", None)):
        errors = None if bound is None else grid(bound)
        desk.outcomes.keep(desk.index, desk.pair, outcome(engine=engine, errors=errors), "ann")
    first, second, third = desk.store.files
    assert bounds(desk) == [1.5, 4.0, None]
    kept = dict(desk.store.errors)
    desk.store.errors = {first: kept[second], second: kept[first], third: kept[first]}
    assert bounds(desk) == [None, None, None]
    altered = {second: put_error(kept[second], 2, encode_error(grid(0.1)))}
    desk.store.errors = {**kept, **altered}
    assert bounds(desk) == [1.5, None, None]


@pytest.mark.parametrize("change", ["taken away", "replaced", "of an unsigned statement"])
def test_the_name_of_the_errors_is_signed(desk: Desk, change: str) -> None:
    desk.outcomes.keep(desk.index, desk.pair, outcome(errors=grid(4.0)), "ann")
    (uid,) = desk.store.files
    assert bounds(desk) == [4.0]
    item = encode_error(grid(0.1))
    desk.store.errors[uid] = put_error(None, 2, item)
    document = json.loads(desk.store.said[uid])
    document["items"]["2"] |= {"errorsDigest": digest_of(item)}
    if change == "taken away":
        del document["items"]["2"]["errorsDigest"]
    if change == "of an unsigned statement":
        del document["items"]["2"]["givenSignature"]
    desk.store.said[uid] = json.dumps(document)
    assert bounds(desk) == [None]
    assert read_annotation(desk.statements.believed(uid))[2].expected_error_mm is None


def test_the_statement_comes_last_as_an_object_without_one_is_checked_again(desk: Desk) -> None:
    there: list[bool] = []
    change = desk.store.change_annotation

    def looking(orthanc_id: str, make: Callable[[str | None], str]) -> None:
        there.append(orthanc_id in desk.store.errors)
        change(orthanc_id, make)

    desk.store.change_annotation = looking  # type: ignore[method-assign]
    desk.outcomes.keep(desk.index, desk.pair, outcome(errors=grid(1.5)), "ann")
    assert (there, bounds(desk)) == ([True], [1.5])
