"""A pair that fails is that pair's failure: what an align job notes of it, and what it tries next."""

import msgspec
import numpy as np
import pytest

from longitudinal.errors import ArchiveFailed
from longitudinal.jobs.align_study import KIND, Aligned
from longitudinal.jobs.messages import AlignTask, Registered, Unusable
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import ArchiveSilent, JobContext, JobCrashed
from longitudinal.jobs.worker_process import TaskFailed
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.writer import Writer
from tests.unit.jobs.aligning import MOVING_FROM_FIXED, House, registered, scan


@pytest.fixture
def house(sidecar: tuple[Readers, Writer], queue: JobQueue) -> House:
    return House(*sidecar, queue)


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

    def meanwhile(task: AlignTask, context: JobContext) -> Registered | Unusable:
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


def test_a_storage_that_fails_says_nothing_of_what_is_stored(house: House) -> None:
    house.store(scan(1), scan(2), scan(3))
    lost = TaskFailed("Orthanc cannot read frame 1 of instance i1.1.1.7", "imageUnavailable", "fixed")
    assert codes(house.align(3, lost, registered())) == ["imageUnavailable", None]
    assert house.outcomes.noted == [("", "")]
