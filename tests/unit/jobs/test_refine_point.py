"""What a refine job gives its worker and makes of the answer; the worker is a list of answers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from longitudinal.alignment.acquisition import Acquisition
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.kinds.refine import KIND, RefinedPoint, RefinePoint, request_refinement
from longitudinal.jobs.messages import RefinedMessage, RefineTask, Unusable
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import ArchiveSilent, JobContext, JobCrashed
from longitudinal.jobs.worker_process import TaskFailed
from longitudinal.points.answer import Links, RefinedMatch
from longitudinal.points.refinement import refinable
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters
from longitudinal.reasons import RefinementReason
from longitudinal.sidecar.tables.jobs import JobRequest, Priority
from longitudinal.sidecar.tables.records import InstanceRecord
from tests.data import ROOT
from tests.unit.patients.ward import Ward, registration, shift, volume

CLICK = PixelQuestion("1.1.1.11", 1, 50.0, 40.0)
"""Slice 10 of study 1, at z = 30: the point (40, 50, 30)."""


def scan(study: int, series: int = 1, **more: Any) -> list[InstanceRecord]:
    return volume(
        study, series, **{"heights": range(0, 61, 3), "frame_of_reference_uid": f"1.9.{study}", **more}
    )


def looked(
    x: float, y: float, z: float, uncertainty: float | None = 1.4, verdict: Any = "moved"
) -> RefinedMessage:
    return RefinedMessage([x, y, z], verdict, uncertainty, 0.7, 0, 2.5, 400.0)


@dataclass
class Workers:
    answers: list[RefinedMessage | Unusable | Exception] = field(default_factory=list)
    tasks: list[RefineTask] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def refine(self, task: RefineTask, _: JobContext) -> RefinedMessage | Unusable:
        self.tasks.append(task)
        self.meanwhile()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class House:
    def __init__(self, folder: Path, queue: JobQueue) -> None:
        self.queue, self.workers = queue, Workers()
        self.ward = Ward(
            folder, scan(1), scan(2), scan(3),
            registration(2, "1.9.1", "1.9.2", shift(5, -6, 7)),
            registration(3, "1.9.2", "1.9.3", shift(0, 0, -10), number=91),
        )  # fmt: skip
        self.contrast = Contrast("CT")
        self.tagless: set[str] = set()
        self.versions: dict[str, str] = {}
        self.gone: set[str] = set()
        self.job = RefinePoint(
            self.ward.resolver, self.look, self.version,
            lambda *of: Links(f"{of[2:]}", "", None), self.workers,
        )  # type: ignore[arg-type]  # fmt: skip

    def look(self, instance: str) -> Acquisition:
        if instance in self.tagless:
            raise KeyError(instance)
        return Acquisition(self.contrast)

    def version(self, instance: str, file: str | None) -> str:
        if instance in self.gone:
            raise KeyError(instance)
        return self.versions.get(instance, f"file of {instance}")

    def refine(
        self, *answers: RefinedMessage | Unusable | Exception, question: PixelQuestion | PointQuestion = CLICK,
        between: Callable[[], object] = lambda: None, keep: bool = False, **wanted: Any,
    ) -> list[RefinedMatch]:  # fmt: skip
        """Ask, queue, and do the job; `between` happens after the answer was given.

        `keep` leaves it to start again where it was interrupted.
        """
        self.workers.answers = list(answers)
        asked = QuestionFilters(**wanted)
        found = self.ward.resolver.find(question, asked)
        self.queue.enqueue([request_refinement(found, question, asked, refinable(found.answer))])
        between()
        job = self.queue.start_next(frozenset({KIND}))
        assert job is not None
        assert job.priority == Priority.ASKED
        try:
            result = self.job(JobContext(job, self.queue, threading.Event(), lambda: False))
        finally:
            if keep:
                self.queue.again(job, "crashed")
            else:
                self.queue.cancel(job.id)
        return msgspec.json.decode(msgspec.json.encode(result), type=RefinedPoint).results


@pytest.fixture
def house(tmp_path: Path, queue: JobQueue) -> House:
    return House(tmp_path / "ward", queue)


def test_the_worker_is_given_the_clicked_scan_and_that_of_the_match_and_the_way_between(house: House) -> None:
    house.refine(looked(45, 44, 37), looked(45, 44, 27))
    second, third = house.workers.tasks
    assert second.fixed == third.fixed
    for task in (second, third):
        assert task.fixed.instances == [f"i1.1.1.{number}" for number in range(1, 22)]
        assert (task.point, task.fixed.modality) == ([40.0, 50.0, 30.0], "CT")
    assert second.moving.instances[0] == "i1.2.1.1"
    planes = np.frombuffer(third.moving.planes, PLANE)
    assert (third.moving.instances[0], len(planes)) == ("i1.3.1.1", 21)
    np.testing.assert_array_equal(second.moving_from_fixed, shift(5, -6, 7))
    np.testing.assert_array_equal(third.moving_from_fixed, shift(5, -6, -3))  # through study 2


def test_one_image_overwritten_is_another_scan_for_the_worker(house: House) -> None:
    house.refine(looked(45, 44, 37), looked(45, 44, 27))
    before = house.workers.tasks[0]
    house.versions["i1.2.1.9"] = "file that overwrites it"
    house.refine(looked(45, 44, 37), looked(45, 44, 27))
    after = house.workers.tasks[2]
    assert (before.fixed, before.point) == (after.fixed, after.point)
    assert before.moving.version != after.moving.version


def test_where_an_image_of_a_scan_is_gone_nothing_is_refined(house: House) -> None:
    """Not even one that is far from the point, and that the worker may still have in memory."""
    house.gone.add("i1.2.1.21")
    second, third = house.refine(looked(45, 44, 27))
    assert (second.is_refined, second.reason, second.match) == (False, "changed", None)
    assert third.is_refined


def test_the_match_moves_to_where_the_place_was_found(house: House) -> None:
    (result,) = house.refine(looked(46.5, 44, 39.5), studies=("1.2",))
    match = result.match
    assert match is not None
    assert (result.is_refined, result.reason, result.grade, result.seconds) == (True, None, "green", 2.5)
    assert result.moved_mm == pytest.approx(np.sqrt(1.5**2 + 2.5**2), abs=1e-3)
    assert (match.sop_instance_uid, match.orthanc_instance_id, match.slice_index) == (
        "1.2.1.14",
        "i1.2.1.14",
        13,
    )
    assert (match.row, match.column, match.distance_mm) == pytest.approx((44, 46.5, 0.5))
    assert (match.x, match.y, match.z) == (46.5, 44, 39.5)
    assert (match.uncertainty_mm, match.uncertainty_source, match.grade) == (1.4, "local", "green")
    assert (match.reviewed, match.flags, match.links.preview) == (False, (), "(13, 1, 34)")


def test_where_contrast_is_not_known_to_be_the_same_it_is_said(house: House) -> None:
    house.contrast = Contrast("MR")
    (result,) = house.refine(looked(45, 44, 37), studies=("1.2",))
    assert result.match is not None
    assert result.match.flags == ("contrastUnknown",)


@pytest.mark.parametrize(
    ("look", "reason", "uncertainty", "source", "grade"),
    [
        (looked(45, 44, 37, 7.2, "contradicted"), "contradicted", 7.2, "local", "red"),
        (looked(45, 44, 37, 3.2, "contradicted"), "contradicted", 3.2, "local", "amber"),
        (looked(45, 44, 37, None, "unsure"), "looksDisagree", None, "unknown", "unknown"),
        (looked(45, 44, 37, None, "tooLittleInCommon"), "tooLittleInCommon", None, "unknown", "unknown"),
        (looked(45, 44, 67, 0.4), "outsideCoverage", 30.0, "local", "red"),
        (looked(145, 44, 37, 0.4), "outsideCoverage", 100.0, "local", "red"),
    ],
)
def test_a_place_that_is_not_confirmed_stays_and_is_red_only_by_evidence(
    house: House, look: RefinedMessage, reason: str, uncertainty: float | None, source: str, grade: str
) -> None:
    (before,) = refinable(house.ward.resolver.resolve(CLICK, QuestionFilters(studies=("1.2",))))
    (result,) = house.refine(look, studies=("1.2",))
    assert (result.is_refined, result.reason, result.detail) == (
        False,
        reason,
        RefinementReason(reason).explanation,
    )
    assert result.match == msgspec.structs.replace(
        before, uncertainty_mm=uncertainty, uncertainty_source=source, grade=grade
    )
    assert result.grade == grade


def test_a_place_that_is_confirmed_stays_and_is_measured(house: House) -> None:
    (before,) = refinable(house.ward.resolver.resolve(CLICK, QuestionFilters(studies=("1.2",))))
    (result,) = house.refine(looked(45, 44, 37, 1.1, "confirmed"), studies=("1.2",))
    assert (result.is_refined, result.reason, result.moved_mm) == (True, None, 0.0)
    assert result.match == msgspec.structs.replace(
        before, uncertainty_mm=1.1, uncertainty_source="local", grade="green", reviewed=False
    )


def test_a_smaller_disagreement_does_not_hide_a_larger_known_error(house: House) -> None:
    with house.ward.connection as connection:
        connection.execute("UPDATE transforms SET expected_error_mm = 6.0, error_source = 'declared'")
    house.ward.catalogue.forget()
    (result,) = house.refine(looked(45, 44, 37, 4.2, "contradicted"), studies=("1.2",))
    assert result.match is not None
    assert result.match.uncertainty_mm == 6.0


def test_max_distance_holds_for_the_refined_place_too(house: House) -> None:
    (result,) = house.refine(looked(45, 44, 38.4), studies=("1.2",), max_distance_mm=1.2)
    assert result.is_refined
    (result,) = house.refine(looked(45, 44, 37.4), studies=("1.2",), max_distance_mm=1.2)
    assert result.reason == "outsideCoverage"


def test_what_cannot_be_registered_leaves_the_others_alone(house: House) -> None:
    colour, fine = house.refine(
        Unusable("moving", "notGrey", "pixels of shape (9, 9, 3)"), looked(45, 44, 27)
    )
    assert (colour.is_refined, colour.reason, fine.is_refined) == (False, "notGrey", True)
    assert "other scan" in colour.detail
    assert colour.match == house.ward.resolver.resolve(CLICK, QuestionFilters()).matches[1]
    failed, _ = house.refine(TaskFailed("Orthanc does not decode frame 1"), looked(45, 44, 27))
    assert (failed.reason, failed.detail, failed.grade) == (
        "workerFailed", "Orthanc does not decode frame 1", None,
    )  # fmt: skip


def test_what_is_no_scan_is_not_given_to_a_worker(house: House) -> None:
    house.ward.put(scan(2, 2, modality="US", spacing=0.5))
    (result,) = house.refine(studies=("1.2",), modalities=frozenset({"US"}))
    assert (result.reason, house.workers.tasks) == ("notAScan", [])


def test_a_point_is_refined_from_the_scan_that_shows_it(house: House) -> None:
    house.ward.put(
        scan(1, 2, modality="MR", spacing=0.5, size=200),
        scan(1, 3, spacing=0.8, size=120),
        scan(1, 4, spacing=0.6, size=40),
    )
    at = PointQuestion("P", "1.9.1", (40.0, 50.0, 30.0))
    house.refine(looked(45, 44, 37), question=at, studies=("1.2",))
    assert house.workers.tasks[0].fixed.instances[0] == "i1.1.3.1"  # the finest CT that is large enough
    beside = PointQuestion("P", "1.9.1", (-3.0, 50.0, 30.0))
    (result,) = house.refine(question=beside, studies=("1.2",))
    assert result.reason == "noSourceImages"


def test_what_has_changed_since_the_answer_is_not_refined_another_way(house: House) -> None:
    newer = registration(2, "1.9.1", "1.9.2", shift(4, -6, 7), number=92, created="2024-01-01")
    (result,) = house.refine(between=lambda: house.ward.put(newer), studies=("1.2",))
    assert (result.reason, result.match, house.workers.tasks) == ("changed", None, [])


def test_what_is_deleted_or_rejected_while_it_is_refined_is_not_answered(house: House) -> None:
    house.workers.meanwhile = lambda: house.ward.archive.gone.add("i1.2.1.14")
    (result,) = house.refine(looked(45, 44, 39), studies=("1.2",))
    assert result.reason == "changed"
    house.ward.archive.gone.clear()
    house.workers.meanwhile = lambda: house.ward.archive.gone.add("i1.2.9.90")  # the registration object
    (result,) = house.refine(looked(45, 44, 39), studies=("1.2",))
    assert result.reason == "changed"


def test_where_the_clicked_image_is_gone_every_match_has_changed(house: House) -> None:
    results = house.refine(
        between=lambda: house.ward.archive.gone.update(f"i1.1.1.{n}" for n in range(1, 22))
    )
    assert [(one.reason, one.match) for one in results] == [("changed", None)] * 2
    assert house.workers.tasks == []


def test_a_study_that_is_gone_has_changed_and_the_others_are_refined(house: House) -> None:
    def delete() -> None:
        house.ward.archive.gone.update(f"i1.3.1.{number}" for number in range(1, 22))

    second, third = house.refine(looked(45, 44, 37), between=delete, studies=("1.2", "1.3"))
    assert (second.is_refined, third.reason, third.match) == (True, "changed", None)


def test_an_image_that_goes_while_it_is_read_has_changed_its_match_alone(house: House) -> None:
    gone = TaskFailed("instance i1.2.1.7 was deleted", "imageGone", "moving")
    second, third = house.refine(gone, looked(45, 44, 27))
    assert (second.reason, second.match, third.is_refined) == ("changed", None, True)
    house.tagless.add("i1.2.1.1")  # deleted between the answer and the look at its tags
    second, third = house.refine(looked(45, 44, 27))
    assert (second.reason, third.is_refined) == ("changed", True)


def test_a_match_that_crashes_the_worker_is_given_up_at_the_last_start(house: House) -> None:
    for _ in range(2):
        with pytest.raises(JobCrashed):
            house.refine(JobCrashed("killed"), looked(45, 44, 27), keep=True)
    second, third = house.refine(JobCrashed("killed by signal 9"), looked(45, 44, 27))
    assert (second.reason, second.detail) == ("workerFailed", "killed by signal 9 (3 times)")
    assert third.is_refined


def test_what_is_refined_stays_so_when_a_later_match_crashes_the_worker(house: House) -> None:
    with pytest.raises(JobCrashed):
        house.refine(looked(45, 44, 37), JobCrashed("killed"), keep=True)
    house.workers.tasks.clear()
    second, third = house.refine(looked(45, 44, 27))
    assert (second.is_refined, third.is_refined, len(house.workers.tasks)) == (True, True, 1)


def test_orthanc_that_does_not_answer_is_no_fault_of_a_match(house: House) -> None:
    for _ in range(3):
        with pytest.raises(ArchiveSilent):
            house.refine(ArchiveSilent("Orthanc does not answer"), keep=True)


def test_the_same_question_twice_is_one_job_and_another_point_another(house: House) -> None:
    def job(row: float, **wanted: Any) -> str:
        question, asked = PixelQuestion("1.1.1.11", 1, row, 40.0), QuestionFilters(**wanted)
        found = house.ward.resolver.find(question, asked)
        return house.queue.enqueue([request_refinement(found, question, asked, refinable(found.answer))])[0]

    roles = [frozenset({"image", "derived"}), frozenset({"derived", "image"})]
    assert job(50.0, roles=roles[0]) == job(50.0, roles=roles[1])
    assert len({job(50.0), job(50.1), job(50.0, studies=("1.2",)), job(50.0, per="series")}) == 4
    assert house.queue.get(job(50.0)).subject.startswith("pP/")


def test_what_somebody_waits_for_goes_before_an_alignment_that_somebody_asked_for(house: House) -> None:
    found = house.ward.resolver.find(CLICK, QuestionFilters())
    house.queue.enqueue([JobRequest("align", "s1.2", Priority.ASKED)])
    matches = refinable(found.answer)
    house.queue.enqueue(
        [request_refinement(found, CLICK, QuestionFilters(), matches, "ann", Priority.WAITED_FOR)]
    )
    first = house.queue.start_next(frozenset({"align", KIND}))
    assert first is not None
    assert first.kind == KIND


def test_every_reason_has_a_row() -> None:
    codes = (ROOT / "docs" / "reason-codes.md").read_text()
    part = codes.split("## Refined points", 1)[1].split("\n## ", 1)[0]
    assert {reason for reason in RefinementReason if f"| `{reason}` |" not in part} == set()
    assert "`contrastUnknown`" in part
