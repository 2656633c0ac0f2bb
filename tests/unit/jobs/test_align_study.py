"""What an align job gives its worker and makes of the answer; the worker is a list of answers."""

import msgspec
import numpy as np
import pytest

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry import affine
from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.kinds.align import Aligned
from longitudinal.jobs.kinds.align_pair import Initial
from longitudinal.jobs.messages import Unusable
from longitudinal.jobs.queue import JobQueue
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.writer import Writer
from longitudinal.transforms.grid_storage import encode_field
from tests.unit.jobs.aligning import MOVING_FROM_FIXED, House, registered, scan


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
