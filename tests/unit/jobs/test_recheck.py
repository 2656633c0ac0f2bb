"""What a recheck job gives its worker, and what it says about the transform afterwards; the worker is a list of answers."""

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.outcome import Outcome
from longitudinal.alignment.partner import Pair
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry import affine
from longitudinal.jobs.kinds.recheck import KIND, Recheck, Rechecked, request_rechecks
from longitudinal.jobs.messages import AlignTask, Registered, Unusable
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import JobContext
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.records import InstanceRecord, Notes
from longitudinal.sidecar.writer import Writer
from longitudinal.transforms.annotation import read_annotation, read_statement, write_annotation
from longitudinal.transforms.error_at_place import ErrorGrid, digest_of, encode_error, put_error, read_error
from longitudinal.transforms.grid_storage import decode_field, encode_field
from tests.unit.patients.ward import registration, shift, volume

FIRST, SECOND = "1.9.1", "1.9.2"
FIXED_FROM_MOVING = shift(5, -6, 7)
OLD = Notes(0.4, "forwardBackward", "automatic", "", "2026-01-01", quality='{"overlap":0.9}')

ERRORS = ErrorGrid(np.full((2, 2, 2), 1.5), np.diag([10.0, 10.0, 10.0, 1.0]))


def answer(rejection: str | None = None) -> Registered:
    reason = None if rejection is None else "left and right may be swapped"
    return Registered(
        [], None, "engine 2", {"checks": 2, "mirrorRatio": 0.7}, 0.6, rejection, reason, 3.0, 300.0,
        errors=ERRORS.to_bytes(),
    )  # fmt: skip


class House:
    def __init__(self, readers: Readers, writer: Writer, queue: JobQueue) -> None:
        self.readers, self.writer, self.queue = readers, writer, queue
        self.tasks: list[AlignTask] = []
        self.answers: list[Registered | Unusable] = []
        self.annotation = write_annotation({1: OLD})
        self.errors: str | None = None
        self.settled: list[str] = []
        self.refused: list[tuple[str, str, Outcome]] = []
        look = Acquisition(Contrast("MR", 500, 10))
        self.job = Recheck(
            readers, Catalogue(readers), lambda _: look, lambda _: "20260101", self, self, self, self.settled.append, self,
            Settings(worker_threads=3),
        )  # type: ignore[arg-type] # fmt: skip

    def register(self, task: AlignTask, _: JobContext) -> Registered | Unusable:
        self.tasks.append(task)
        return self.answers.pop(0)

    def restate(self, _: str, text: str | None, item: int, change: Callable[[Notes], Notes]) -> str:
        notes = read_annotation(text)
        return write_annotation({**notes, item: change(notes.get(item, Notes()))})

    def refuse(self, _: PatientIndex, pair: Pair, outcome: Outcome, __: str, updates: Any) -> None:
        assert tuple(updates) == ("20260101", "20260101")
        self.refused.append((pair.fixed.frame, pair.moving.frame, outcome))

    def change_annotation(self, _: str, change: Any) -> None:
        self.annotation = change(self.annotation)

    def change_errors_at_place(self, _: str, change: Any) -> None:
        self.errors = change(self.errors)

    def bound_mm(self) -> float | None:
        """What counts at a place of the transform."""
        error = read_error(read_statement(self.annotation, self.errors)[1].error_at_place)
        return None if error is None else error.bound_mm(0, 0, 0)

    def store(self, *scans: list[InstanceRecord]) -> None:
        records = [record for one in scans for record in one]
        self.writer.submit(lambda _, instances: [instances.put(record) for record in records]).result()

    def run(self, *answers: Registered | Unusable) -> list[Rechecked]:
        self.answers = list(answers)
        self.queue.backfill(request_rechecks(self.readers.connection()))
        job = self.queue.start_next(frozenset({KIND}))
        assert job is not None
        return self.job(JobContext(job, self.queue, threading.Event(), lambda: False))


def scan(study: int, frame: str) -> list[InstanceRecord]:
    return volume(study, heights=range(0, 60, 3), frame_of_reference_uid=frame)


def aligned(record: InstanceRecord, notes: Notes = OLD) -> list[InstanceRecord]:
    item = replace(record.transforms[0], notes=notes, maker="orthanc-longitudinal")
    return [replace(record, transforms=(item,))]


@pytest.fixture
def house(sidecar: tuple[Readers, Writer], queue: JobQueue) -> House:
    made = House(*sidecar, queue)
    made.store(scan(1, FIRST), scan(2, SECOND))
    return made


def test_the_worker_is_given_the_transform_instead_of_a_search(house: House) -> None:
    house.store(aligned(registration(2, SECOND, FIRST, FIXED_FROM_MOVING)))
    (found,) = house.run(answer())
    (task,) = house.tasks
    assert (found.outcome, task.method, task.threads, task.initial) == ("passed", "rigid", 3, None)
    assert (task.fixed.instances[0], task.moving.instances[0]) == ("i1.1.1.1", "i1.2.1.1")
    np.testing.assert_allclose(task.known, affine.invert(FIXED_FROM_MOVING))
    said = read_annotation(house.annotation)[1]
    assert (said.expected_error_mm, said.decision) == (0.6, None)
    assert house.settled == ["i1.2.9.90"]


def test_what_passes_is_measured_place_by_place(house: House) -> None:
    house.store(aligned(registration(2, SECOND, FIRST, FIXED_FROM_MOVING)))
    house.errors = put_error(None, 1, b'{"kind":"grid","grid":"AAAA"}')
    house.run(answer())
    assert house.bound_mm() == 1.5


def test_what_was_measured_before_counts_no_more(house: House) -> None:
    item = encode_error(ERRORS)
    house.errors = put_error(None, 1, item)
    house.annotation = write_annotation({1: replace(OLD, errors_digest=digest_of(item))})
    house.store(aligned(registration(2, SECOND, FIRST, FIXED_FROM_MOVING)))
    assert house.bound_mm() == 1.5
    house.run(msgspec.structs.replace(answer(), errors=None))
    assert house.bound_mm() is None


def test_a_field_goes_to_the_worker_as_the_object_holds_it(house: House) -> None:
    vectors = np.random.default_rng(1).normal(size=(4, 4, 4, 3)).astype(np.float32)
    axes = np.array([1.0, 0, 0, 0, 1, 0])
    field = DisplacementField(np.zeros(3), axes, np.full(3, 5.0), (4, 4, 4), vectors, np.eye(4), np.eye(4))
    record = registration(2, SECOND, FIRST, FIXED_FROM_MOVING)
    item = replace(record.transforms[0], matrix=None, grid=encode_field(field), kind="deformable")
    house.store(aligned(replace(record, transforms=(item,))))
    house.run(answer())
    (task,) = house.tasks
    assert task.method == "deformable"
    assert isinstance(task.known, bytes)
    np.testing.assert_array_equal(decode_field(task.known).vectors, vectors)


def test_what_fails_is_rejected_with_the_reason(house: House) -> None:
    house.store(aligned(registration(2, SECOND, FIRST, FIXED_FROM_MOVING)))
    (found,) = house.run(answer("mirrorImageFitsBetter"))
    assert (found.outcome, found.rejection) == ("failed", "mirrorImageFitsBetter")
    said = read_annotation(house.annotation)[1]
    assert (said.decision, said.decided_by) == ("rejected", "engine 2")
    assert house.bound_mm() is None
    assert "left and right may be swapped" in (said.quality or "")
    ((fixed, moving, outcome),) = house.refused
    assert (fixed, moving, outcome.rejection, outcome.engine) == (
        FIRST,
        SECOND,
        "mirrorImageFitsBetter",
        "engine 2",
    )


def test_a_persons_review_stands(house: House) -> None:
    reviewed = replace(OLD, decision="accepted", decided_by="ann", decided_at="2026-02-01")
    house.store(aligned(registration(2, SECOND, FIRST, FIXED_FROM_MOVING), reviewed))
    house.annotation = write_annotation({1: reviewed})
    house.run(answer("mirrorImageFitsBetter"))
    said = read_annotation(house.annotation)[1]
    assert (said.decision, said.decided_by) == ("accepted", "ann")
    assert house.refused == []


def test_a_review_that_came_meanwhile_stands(house: House) -> None:
    house.store(aligned(registration(2, SECOND, FIRST, FIXED_FROM_MOVING)))
    house.annotation = write_annotation(
        {1: replace(OLD, decision="accepted", decided_by="ann", decided_at="2026-02-01")}
    )
    house.run(answer("mirrorImageFitsBetter"))
    said = read_annotation(house.annotation)[1]
    assert (said.decision, said.decided_by) == ("accepted", "ann")


def test_without_its_scans_nothing_is_said(house: House) -> None:
    house.store(aligned(registration(2, "1.9.8", FIRST, FIXED_FROM_MOVING)))
    before = house.annotation
    (found,) = house.run()
    assert (found.outcome, house.annotation) == ("notChecked", before)


def test_a_scan_that_cannot_be_read_leaves_it_unchecked(house: House) -> None:
    house.store(aligned(registration(2, SECOND, FIRST, FIXED_FROM_MOVING)))
    before = house.annotation
    (found,) = house.run(Unusable("fixed", "notGrey", "colour"))
    assert (found.outcome, found.rejection, house.annotation) == ("notChecked", "notGrey", before)
    assert "notGrey" not in house.annotation


def test_nobody_waits_for_it(house: House) -> None:
    house.store(aligned(registration(2, SECOND, FIRST, FIXED_FROM_MOVING)))
    house.queue.pause(True)
    house.queue.backfill(request_rechecks(house.readers.connection()))
    assert house.queue.start_next(frozenset({KIND})) is None
