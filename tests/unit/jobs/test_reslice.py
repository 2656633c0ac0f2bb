"""What a reslice job gives its worker, what it keeps, and when it ends early; the worker is played by its own function."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from longitudinal.errors import Unprocessable
from longitudinal.jobs import kept_cuts
from longitudinal.jobs.cut_task import PlaneStore, reslice
from longitudinal.jobs.kept_cuts import KeptCuts
from longitudinal.jobs.kinds.reslice import KIND, Reslice, ResliceParameters, request_cut
from longitudinal.jobs.messages import PlaneMeaning, Resliced, ResliceTask
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import JobCancelled, JobContext
from longitudinal.jobs.worker_process import TaskFailed
from longitudinal.points.reslice import AskedCut, CutPlanner
from longitudinal.points.resolver import PixelQuestion, QuestionFilters
from tests.browser.png16 import read_png16
from tests.unit.patients.ward import Ward, registration, shift, volume

ASKED = AskedCut("1.1.1.11", 1, "1.2.1", 0)
"""Slice 10 of study 1, at z = 30."""


class Pixels:
    """Every plane of an instance "i1.2.1.<slice>" has the number of its slice in all pixels."""

    def read(self, instance: str, _: int) -> NDArray[Any]:
        return np.full((100, 100), float(instance.split(".")[3]), np.float32)


class Described:
    """The stacks of a series as far as a cut needs them."""

    def stacks(self, _: str) -> Any:
        plane = type("Plane", (), {
            "rescale_slope": 1.0, "rescale_intercept": 0.0, "pixel_padding_value": None, "pixel_padding_range_limit": None,
            "reach_mm": (1.5, 1.5), "unit": "HU",
        })  # fmt: skip
        return type("Series", (), {"stacks": [type("Stack", (), {"planes": [plane] * 21})]})


class Workers:
    def __init__(self) -> None:
        self.meanwhile: Callable[[JobContext], None] = lambda context: None
        self.fails: Exception | None = None
        self.planes = PlaneStore(Pixels())  # type: ignore[arg-type]

    def reslice(self, task: ResliceTask, context: JobContext) -> Resliced:
        self.meanwhile(context)
        if self.fails is not None:
            raise self.fails
        return reslice(task, self.planes, lambda fraction: None)


class House:
    def __init__(self, folder: Path, queue: JobQueue) -> None:
        scans = [
            volume(study, 1, heights=range(0, 61, 3), frame_of_reference_uid=f"1.9.{study}")
            for study in (1, 2)
        ]
        self.ward = Ward(folder, *scans, registration(2, "1.9.1", "1.9.2", shift(0, 0, -1.5)))
        self.queue, self.kept, self.workers = queue, KeptCuts(), Workers()
        self.updated = "once"
        resolver = self.ward.resolver
        self.planner = CutPlanner(resolver, resolver._archive, resolver._heal, lambda instance: self.updated)
        self.gone: set[str] = set()
        self.job = Reslice(self.planner, Described(), self.kept, self.workers, self.version)  # type: ignore[arg-type]

    def version(self, instance: str, file: str | None) -> str:
        if instance in self.gone:
            raise KeyError(instance)
        return f"{self.updated} {instance}"

    def run(self) -> Any:
        (job_id,) = self.queue.enqueue([request_cut(self.planner.plan(ASKED), ASKED)])
        job = self.queue.start_next(frozenset({KIND}))
        assert job is not None
        assert job.id == job_id
        return self.job(JobContext(job, self.queue, threading.Event(), lambda: False))


@pytest.fixture
def house(tmp_path: Path, queue: JobQueue) -> House:
    return House(tmp_path, queue)


def test_the_cut_is_kept_for_those_who_wait(house: House) -> None:
    key = house.planner.plan(ASKED).key
    with house.kept.waiting_for(key):
        result = house.run()
    png = house.kept.get(key)
    assert png is not None
    values, texts = read_png16(png)
    assert (result.rows, result.columns, texts["Unit"]) == (*values.shape, "HU")
    # where resolve has it: between two slices, which are numbered from 1
    answer = house.ward.resolver.resolve(PixelQuestion("1.1.1.11", 1, 50.0, 40.0), QuestionFilters())
    (match,) = [match for match in answer.matches if not match.is_source]
    assert match.z % 3 == 1.5
    assert np.nanmax(np.abs(values - (match.z / 3 + 1))) < 1e-3


def test_nobody_waits(house: House) -> None:
    with pytest.raises(JobCancelled):
        house.run()


def test_those_who_waited_have_left_meanwhile(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_cuts, "GRACE_SECONDS", 0.0)
    key = house.planner.plan(ASKED).key
    with house.kept.waiting_for(key):

        def leave(context: JobContext) -> None:
            context.checkpoint()  # somebody waits
            house.kept._waiting.clear()
            context.checkpoint()

        house.workers.meanwhile = leave
        with pytest.raises(JobCancelled):
            house.run()
        house.kept._waiting[key] = 1
    assert house.kept.get(key) is None


def test_a_worker_that_fails_says_why(house: House) -> None:
    house.workers.fails = TaskFailed("frame 1 is in colour")
    with (
        house.kept.waiting_for(house.planner.plan(ASKED).key),
        pytest.raises(Unprocessable, match="in colour"),
    ):
        house.run()


def test_a_plane_is_read_once_and_again_where_a_file_was_overwritten(house: House) -> None:
    meaning = PlaneMeaning(1.0, 0.0)
    for version, read in (("a", 1), ("a", 1), ("b", 2), ("b", 2)):
        house.workers.planes.get(version, "i1.2.1.4", 1, meaning)
        assert house.workers.planes.read == read


def test_the_worker_is_told_the_version_of_the_files_and_of_a_deleted_image_nothing_is_cut(
    house: House,
) -> None:
    told = []
    for house.updated in ("once", "again"):
        cut = house.planner.plan(ASKED)
        told.append(house.job._task(cut).scan.version)
    assert len(set(told)) == 2
    house.gone.add("i1.2.1.21")
    with (
        house.kept.waiting_for(house.planner.plan(ASKED).key),
        pytest.raises(Unprocessable, match=r"i1\.2\.1\.21.*deleted"),
    ):
        house.run()


def test_another_key_when_the_images_or_the_image_asked_by_change(house: House) -> None:
    keys = {house.planner.plan(ASKED).key, house.planner.plan(ASKED).key}
    assert len(keys) == 1
    keys.add(house.planner.plan(AskedCut("1.1.1.12", 1, "1.2.1", 0)).key)
    house.updated = "again"
    keys.add(house.planner.plan(ASKED).key)
    assert len(keys) == 3
    assert ResliceParameters("1", 1, "2", 0) == ResliceParameters("1", 1, "2", 0)
