"""What an align job gives its worker and makes of the answer; the worker is a list of answers."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.alignment.outcome import Outcome
from longitudinal.alignment.partner import Pair
from longitudinal.dicom.contrast import Contrast
from longitudinal.dicom.deformable_registration import DisplacementField
from longitudinal.errors import ArchiveFailed
from longitudinal.geometry import affine
from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.align_pair import AlignPair, Initial
from longitudinal.jobs.align_study import KIND, Aligned, AlignStudy, Parameters, request_alignment
from longitudinal.jobs.index_study import UnreadableInstances
from longitudinal.jobs.messages import Registered, Task, Unusable
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import ArchiveSilent, JobContext, JobCrashed
from longitudinal.jobs.worker_process import TaskFailed
from longitudinal.points.catalogue import Catalogue
from longitudinal.points.patient_index import PatientIndex
from longitudinal.points.registration_objects import StoredObject
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.instances import InstanceWriter, Touched
from longitudinal.sidecar.records import InstanceRecord
from longitudinal.sidecar.writer import Writer
from longitudinal.transforms.grid_storage import encode_field
from tests.unit.points.patients import shift, volume

MOVING_FROM_FIXED = shift(5, -6, 7)


def scan(study: int, **more: Any) -> list[InstanceRecord]:
    return volume(study, **{"heights": range(0, 60, 3), "frame_of_reference_uid": f"1.9.{study}", **more})


def registered(rejection: str | None = None, grid: bytes | None = None) -> Registered:
    reason = None if rejection is None else "it wanders"
    return Registered(
        MOVING_FROM_FIXED.tolist(), grid, "engine 1", {"overlap": 0.9}, 0.5, rejection, reason, 12.0, 300.0
    )


@dataclass
class Workers:
    answers: list[Registered | Unusable | Exception]
    tasks: list[Task] = field(default_factory=list)

    def register(self, task: Task, _: JobContext) -> Registered | Unusable:
        self.tasks.append(task)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Outcomes:
    kept: list[tuple[str, str, Outcome, str]] = field(default_factory=list)
    refused: list[tuple[str, str, Outcome, str]] = field(default_factory=list)
    noted: list[Sequence[str]] = field(default_factory=list)
    fault: Exception | None = None

    def keep(self, _: PatientIndex, pair: Pair, outcome: Outcome, user: str) -> StoredObject:
        if self.fault is not None:
            raise self.fault
        self.kept.append((pair.fixed.frame, pair.moving.frame, outcome, user))
        return StoredObject("1.2.3.2", "orthanc id", 2434)

    def refuse(
        self, _: PatientIndex, pair: Pair, outcome: Outcome, user: str, last_updates: Sequence[str]
    ) -> None:
        if self.fault is not None:
            raise self.fault
        self.refused.append((pair.fixed.frame, pair.moving.frame, outcome, user))
        self.noted.append(last_updates)


class House:
    def __init__(self, readers: Readers, writer: Writer, queue: JobQueue) -> None:
        self.writer, self.queue = writer, queue
        self.catalogue = Catalogue(readers)
        self.worker, self.outcomes = Workers([]), Outcomes()
        self.indexed: list[str] = []
        self.damaged = ""
        self.gone: set[str] = set()
        self.healed: list[str] = []
        align_pair = AlignPair(
            self.look, lambda instance: f"of {instance}", self.outcomes, self.worker, Settings(worker_threads=3),
            lambda instance: instance not in self.gone, self.heal,
        )  # type: ignore[arg-type]  # fmt: skip
        self.job = AlignStudy(readers, self.catalogue, self, align_pair)  # type: ignore[arg-type]

    def heal(self, instances: Sequence[str]) -> None:
        """Take what is gone out of the index."""
        self.healed += instances
        touched: list[Touched] = []

        def remove(_: object, writer: InstanceWriter) -> list[Touched]:
            touched[:] = [one for one in map(writer.remove, instances) if one is not None]
            return touched

        self.writer.submit(remove).result()
        self.catalogue.invalidate(frozenset(touched))

    def index(self, _: JobContext, study: str) -> None:
        """Stands for the job that indexes what is missing."""
        self.indexed.append(study)
        if study == self.damaged:
            raise UnreadableInstances("1 of 20 instances cannot be read")

    def look(self, instance: str) -> Acquisition:
        if instance in self.gone:
            raise KeyError(instance)
        return Acquisition(Contrast("MR", 500, 10))

    def store(self, *scans: list[InstanceRecord]) -> None:
        records = [record for one in scans for record in one]
        self.writer.submit(lambda _, instances: [instances.put(record) for record in records]).result()

    def align(
        self, study: int, *answers: Registered | Unusable | Exception, keep: bool = False, **parameters: Any
    ) -> Aligned:
        """Do a job; `keep` leaves it to start again where it was interrupted."""
        self.worker.answers = list(answers)
        self.queue.enqueue([request_alignment(f"s1.{study}", Parameters(**parameters))])
        job = self.queue.start_next(frozenset({KIND}))
        assert job is not None
        try:
            return self.job(JobContext(job, self.queue, threading.Event(), lambda: False))
        finally:
            if keep:
                self.queue.again(job, "crashed")
            else:
                self.queue.cancel(job.id)


@pytest.fixture
def house(sidecar: tuple[Readers, Writer], queue: JobQueue) -> House:
    return House(*sidecar, queue)


def test_the_worker_is_given_both_scans_and_the_result_leads_from_the_later_to_the_earlier(
    house: House,
) -> None:
    house.store(scan(1), scan(2))
    result = house.align(2, registered(), by="ann")
    (task,) = house.worker.tasks
    planes = np.frombuffer(task.moving.planes, PLANE)
    assert (task.method, task.threads, task.initial) == ("rigid", 3, None)
    assert (len(planes), task.moving.frames) == (20, [1] * 20)
    assert planes["position"][:, 2].tolist() == list(range(0, 60, 3))
    assert task.fixed.instances == [f"i1.1.1.{number}" for number in range(1, 21)]
    assert task.moving.instances == [f"i1.2.1.{number}" for number in range(1, 21)]
    assert (task.fixed.repetition_time, task.fixed.echo_time, task.fixed.inversion_time) == (500, 10, None)
    ((fixed, moving, outcome, user),) = house.outcomes.kept
    assert (fixed, moving, user) == ("1.9.1", "1.9.2", "ann")
    np.testing.assert_allclose(np.asarray(outcome.transform) @ MOVING_FROM_FIXED, np.eye(4), atol=1e-12)
    (pair,) = result.pairs
    assert (result.outcome, pair.transform, pair.object_bytes) == ("aligned", "1.2.3.2", 2434)
    assert (pair.study_instance_uid, pair.partner_study_instance_uid) == ("1.2", "1.1")
    assert msgspec.json.decode(msgspec.json.encode(result))["pairs"][0]["peakMib"] == 300.0


def test_what_is_missing_of_all_that_were_named_is_indexed_first(house: House) -> None:
    house.store(scan(1), scan(2))
    house.align(2, registered(), partners=["s1.1", "s1.2", "s1.7"])
    assert house.indexed == ["s1.2", "s1.1", "s1.7"]


def test_a_file_that_cannot_be_read_keeps_the_others_from_nothing(house: House) -> None:
    house.store(scan(1), scan(2))
    house.damaged = "s1.2"
    assert house.align(2, registered()).outcome == "aligned"


@pytest.mark.parametrize("is_backwards", [False, True])
def test_a_start_reaches_the_worker_as_moving_from_fixed(house: House, is_backwards: bool) -> None:
    house.store(scan(1), scan(2))
    ends = ("1.9.2", "1.9.1") if is_backwards else ("1.9.1", "1.9.2")
    given = affine.invert(MOVING_FROM_FIXED) if is_backwards else MOVING_FROM_FIXED
    house.align(2, registered(), initial=Initial(*ends, given.tolist()), is_asked=True)
    (task,) = house.worker.tasks
    np.testing.assert_allclose(np.array(task.initial), MOVING_FROM_FIXED, atol=1e-12)
    assert house.outcomes.kept[0][2].initial == task.initial


def test_a_field_is_kept_as_the_worker_packed_it(house: House) -> None:
    vectors = np.round(np.random.default_rng(1).normal(0, 3, (4, 5, 6, 3)), 2).astype(np.float32)
    made = DisplacementField(
        np.zeros(3),
        np.array([1.0, 0, 0, 0, 1, 0]),
        np.full(3, 5.0),
        (6, 5, 4),
        vectors,
        np.eye(4),
        MOVING_FROM_FIXED,
    )
    house.store(scan(1), scan(2))
    house.align(2, registered(grid=encode_field(made, 0)), method="deformable")
    transform = house.outcomes.kept[0][2].transform
    assert isinstance(transform, DisplacementField)
    np.testing.assert_allclose(transform.vectors, vectors, atol=1e-5)
    np.testing.assert_array_equal(transform.post, MOVING_FROM_FIXED)


def test_after_a_refusal_the_next_best_partner_and_then_no_more(house: House) -> None:
    house.store(scan(1), scan(2), scan(3), scan(4))
    result = house.align(4, registered("inconsistent"), registered(), registered())
    assert [fixed for fixed, *_ in house.outcomes.refused] == ["1.9.1"]
    assert [fixed for fixed, *_ in house.outcomes.kept] == ["1.9.2"]
    assert (result.outcome, len(result.pairs), len(house.worker.answers)) == ("aligned", 2, 1)


def test_all_refused_is_failed_and_ends(house: House) -> None:
    house.store(scan(1), scan(2), scan(3), scan(4))
    result = house.align(4, registered("inconsistent"), registered("noOverlap"), is_asked=True)
    assert (result.outcome, [pair.rejection for pair in result.pairs]) == (
        "failed",
        ["inconsistent", "noOverlap"],
    )
    assert house.outcomes.kept == []


def test_a_scan_that_cannot_be_registered_is_a_refusal_that_names_it(house: House) -> None:
    house.store(scan(1), scan(2))
    result = house.align(2, Unusable("moving", "notGrey", "pixels of shape (9, 9, 3)"))
    ((_, _, outcome, _),) = house.outcomes.refused
    assert (outcome.rejection, "moving scan" in (outcome.reason or "")) == ("notGrey", True)
    assert result.outcome == "failed"


def test_of_two_frames_in_a_study_each_is_aligned(house: House) -> None:
    house.store(scan(1), scan(2), scan(2, series=2, frame_of_reference_uid="1.9.22"))
    house.align(2, registered(), registered())
    assert sorted(moving for _, moving, *_ in house.outcomes.kept) == ["1.9.2", "1.9.22"]


def test_nobody_asked_and_nobody_knows_who_it_is(house: House) -> None:
    house.store(scan(1, patient_birth_date="19500101"), scan(2, patient_birth_date="19910101"))
    assert house.align(2) == Aligned("identityConflict", [])
    assert house.align(2, registered(), is_asked=True).outcome == "aligned"


def test_nothing_to_do(house: House) -> None:
    house.store(scan(1))
    assert house.align(1) == Aligned("nothingToDo", [])
    assert house.align(9) == Aligned("nothingToDo", [])


# A pair that fails is that pair's failure


UNREADABLE = TaskFailed("Orthanc does not decode frame 1 of instance i1.1.1.7", "unreadablePixels", "fixed")


def codes(result: Aligned) -> list[str | None]:
    return [pair.rejection for pair in result.pairs]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (UNREADABLE, "unreadablePixels"),
        (TaskFailed("RuntimeError: ITK ERROR"), "registrationFailed"),
        (TaskFailed("it needs more memory", "tooMuchMemory"), "tooMuchMemory"),
        (TaskFailed("it needs more memory", "tooMuchMemory", "fixed"), "tooMuchMemory"),
        (Unusable("fixed", "noContrast", "every pixel is 0"), "noContrast"),
    ],
)
def test_a_pair_that_cannot_be_done_is_noted_and_the_next_partner_is_tried(
    house: House, failure: Exception | Unusable, code: str
) -> None:
    house.store(scan(1), scan(2), scan(3))
    result = house.align(3, failure, registered(), by="ann")
    ((fixed, moving, outcome, by),) = house.outcomes.refused
    assert (fixed, moving, outcome.rejection, by) == ("1.9.1", "1.9.3", code, "ann")
    assert house.outcomes.noted == [["of i1.1.1.1", "of i1.3.1.1"]]
    assert [fixed for fixed, *_ in house.outcomes.kept] == ["1.9.2"]
    assert (result.outcome, codes(result)) == ("aligned", [code, None])


def test_scans_that_cannot_be_read_do_not_use_up_the_partners(house: House) -> None:
    house.store(*(scan(number) for number in range(1, 7)))
    result = house.align(6, *[UNREADABLE] * 4, registered(), is_asked=True)
    assert codes(result) == ["unreadablePixels"] * 4 + [None]
    assert [fixed for fixed, *_ in house.outcomes.kept] == ["1.9.5"]
    assert {outcome.unusable.series for *_, outcome, _ in house.outcomes.refused if outcome.unusable} == {
        0,
        1,
        2,
        3,
    }


def test_another_series_stands_for_the_study_where_the_best_cannot_be_read(house: House) -> None:
    house.store(scan(1), scan(1, series=2), scan(2))
    result = house.align(2, UNREADABLE, registered(), is_asked=True)
    assert [pair.partner_series_instance_uid for pair in result.pairs] == ["1.1.1", "1.1.2"]
    assert result.outcome == "aligned"


def test_where_its_own_only_scan_cannot_be_read_it_ends_at_once(house: House) -> None:
    house.store(scan(1), scan(2), scan(3))
    own = TaskFailed("Orthanc does not decode frame 1", "unreadablePixels", "moving")
    assert codes(house.align(3, own, is_asked=True)) == ["unreadablePixels"]


def test_a_worker_that_crashes_on_one_pair_starts_again_and_then_the_next_pair_is_tried(house: House) -> None:
    house.store(scan(1), scan(2), scan(3))
    for _ in range(2):
        with pytest.raises(JobCrashed):
            house.align(3, JobCrashed("killed"), keep=True, is_asked=True)
    with pytest.raises(JobCrashed):  # the next pair crashes too: its first time
        house.align(3, JobCrashed("killed by signal 9"), JobCrashed("killed"), keep=True, is_asked=True)
    ((fixed, _, outcome, _),) = house.outcomes.refused
    assert (fixed, outcome.rejection, outcome.reason) == (
        "1.9.1",
        "workerCrashed",
        "killed by signal 9 (3 times)",
    )
    job = house.queue.latest(KIND, "s1.3")
    assert job is not None
    assert job.attempts == 1
    result = house.align(3, registered(), is_asked=True)
    assert (result.outcome, codes(result)) == ("aligned", ["workerCrashed", None])
    assert [fixed for fixed, *_ in house.outcomes.kept] == ["1.9.2"]


def test_what_was_refused_before_an_interruption_is_not_tried_again(house: House) -> None:
    house.store(scan(1), scan(2), scan(3))
    with pytest.raises(JobCrashed):
        house.align(3, registered("noOverlap"), JobCrashed("killed"), keep=True, is_asked=True)
    result = house.align(3, registered("inconsistent"), is_asked=True)
    assert (result.outcome, codes(result)) == ("failed", ["noOverlap", "inconsistent"])


def test_a_retry_begins_anew(house: House) -> None:
    house.store(scan(1), scan(2))
    assert codes(house.align(2, registered("noOverlap"), is_asked=True)) == ["noOverlap"]
    job = house.queue.latest(KIND, "s1.2")
    assert job is not None
    assert job.memory is not None  # it was cancelled
    house.queue.retry(job.id)
    assert codes(house.align(2, registered(), is_asked=True)) == [None]


def test_orthanc_that_does_not_answer_is_no_fault_of_a_pair(house: House) -> None:
    house.store(scan(1), scan(2))
    for _ in range(3):
        with pytest.raises(ArchiveSilent):
            house.align(2, ArchiveSilent("Orthanc does not answer"), keep=True)
    assert house.outcomes.refused == []


def test_an_object_that_orthanc_does_not_take_is_no_fault_of_a_pair(house: House) -> None:
    house.store(scan(1), scan(2))
    house.outcomes.fault = ArchiveFailed("Orthanc did not answer over loopback")
    with pytest.raises(ArchiveSilent, match="loopback"):
        house.align(2, registered())


def test_a_failure_that_cannot_be_noted_is_told_by_the_job(house: House) -> None:
    house.store(scan(1), scan(2))
    house.outcomes.fault = ArchiveFailed("HTTP 404")
    assert codes(house.align(2, registered("noOverlap"))) == ["noOverlap"]


def test_without_one_image_that_was_deleted_the_others_are_aligned(house: House) -> None:
    """The index did not know of it; what is left of the scan is enough."""
    house.store(scan(1), scan(2))
    house.gone.add("i1.1.1.1")
    result = house.align(2, registered())
    assert (result.outcome, codes(result)) == ("aligned", ["imageGone", None])
    assert house.healed == ["i1.1.1.1"]
    assert len(house.worker.tasks[0].fixed.instances) == 19
    assert house.outcomes.refused == [], "it says nothing of the images that are left"


@pytest.mark.parametrize("name", ["fixed", "moving"])
def test_an_image_that_goes_while_it_is_read_is_a_failure_with_a_reason(house: House, name: str) -> None:
    house.store(scan(1), scan(2))
    gone = TaskFailed("instance i was deleted", "imageGone", name)
    result = house.align(2, gone, gone)
    assert (result.outcome, codes(result)) == ("failed", ["imageGone"] * 2)
    assert "deleted" in (result.pairs[0].reason or "")


def test_what_is_gone_when_it_is_done_is_not_stored_over(house: House) -> None:
    house.store(scan(1), scan(2))
    worker = house.worker.register

    def meanwhile(task: Task, context: JobContext) -> Registered | Unusable:
        house.gone.update(f"i1.2.1.{number}" for number in range(1, 21))
        return worker(task, context)

    house.worker.register = meanwhile  # type: ignore[method-assign]
    result = house.align(2, registered())
    assert (result.outcome, codes(result)) == ("failed", ["imageGone"])
    assert (house.outcomes.kept, len(house.healed)) == ([], 20)


@pytest.mark.parametrize("code", ["registrationFailed", "tooMuchMemory"])
def test_a_deformable_that_comes_to_nothing_leaves_a_rigid_one(house: House, code: str) -> None:
    house.store(scan(1), scan(2), scan(3))
    result = house.align(3, TaskFailed("it failed", code), registered(), method="deformable", is_asked=True)
    assert [(pair.method, pair.rejection) for pair in result.pairs] == [("deformable", code), ("rigid", None)]
    assert [task.method for task in house.worker.tasks] == ["deformable", "rigid"]
    ((*_, kept, _),), ((*_, refused, _),) = house.outcomes.kept, house.outcomes.refused
    assert (kept.method, refused.method, result.outcome) == ("rigid", "deformable", "aligned")


def test_a_deformable_that_fails_its_checks_leaves_the_rigid_one_it_began_with(house: House) -> None:
    house.store(scan(1), scan(2), scan(3))
    failed = msgspec.structs.replace(registered("inconsistent"), rigid=registered())
    result = house.align(3, failed, method="deformable", is_asked=True)
    assert [(pair.method, pair.rejection) for pair in result.pairs] == [
        ("deformable", "inconsistent"),
        ("rigid", None),
    ]
    assert len(house.worker.tasks) == 1, "the next partner is not needed"
    ((*_, kept, _),), ((*_, refused, _),) = house.outcomes.kept, house.outcomes.refused
    assert (kept.method, kept.rejection, kept.expected_error_mm) == ("rigid", None, 0.5)
    np.testing.assert_allclose(np.asarray(kept.transform) @ MOVING_FROM_FIXED, np.eye(4), atol=1e-12)
    assert (refused.method, refused.rejection) == ("deformable", "inconsistent")
