"""Measure jobs from the question to the values: the real worker, and a server that has nothing but pixels."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longitudinal.jobs.kinds.measure import KIND, MODULE, MeasuredPlace, MeasurePlace, request_measurement
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import ArchiveSilent, JobCancelled, JobContext
from longitudinal.jobs.worker_pool import WorkerPool
from longitudinal.jobs.worker_process import WorkerProcess, Workplace
from longitudinal.points.resolver import PointQuestion, QuestionFilters
from longitudinal.sidecar.tables.jobs import JobState
from tests import builders as build
from tests.unit.jobs.test_worker import TOKEN, Orthanc
from tests.unit.patients.ward import FRAME, Ward, volume

SIZE = 100
HEADER: dict[str, Any] = {
    "7fe0,0010": None, "0028,0004": "MONOCHROME2", "0008,0060": "CT", "0028,1052": "-1024", "0028,1053": "2",
    "0028,0101": "12", "0028,0103": "0",
}  # fmt: skip
FILE = build.as_file(build.classic(BitsAllocated=16, BitsStored=12, HighBit=11, PixelRepresentation=0))
PLACE = PointQuestion("P", FRAME, (40.0, 50.0, 9.0))
MEMORY_MIB = 256


def pixels(instance: str, frame: int) -> np.ndarray | int:
    """Noise of each image, with something above its 12 bits."""
    seed = sum(map(ord, instance)) + frame
    noise = np.random.default_rng(seed).integers(0, 4096, (SIZE, SIZE, 1)).astype(np.uint16)
    return noise | np.uint16(0x8000)


def expected(study: int, radius: float, slope: float = 2.0) -> np.ndarray:
    """The voxels of a study within the sphere; slices are 2 mm apart, pixels 1 mm wide."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    found = []
    for number, z in enumerate(range(0, 20, 2), 1):
        near = (columns - 40) ** 2 + (rows - 50) ** 2 + (z - 9) ** 2 <= radius**2
        stored = np.asarray(pixels(f"i1.{study}.1.{number}", 0))[..., 0] & 0xFFF
        found.append(stored[near] * slope - 1024.0)
    return np.concatenate(found)


class Desk:
    def __init__(self, folder: Path, queue: JobQueue, orthanc: Orthanc) -> None:
        self.ward = Ward(folder, volume(1), volume(2))
        self.queue = queue
        self.updates = "1"
        self.gone: set[str] = set()
        place = Workplace(Path(sys.executable), orthanc.url, lambda: TOKEN, 1, MEMORY_MIB)
        self.worker = WorkerProcess(place, MODULE)
        self.measure = MeasurePlace(
            self.ward.resolver, self._headers, lambda _: self.updates, WorkerPool([self.worker])
        )

    def _headers(self, _: str, orthanc_ids: Sequence[str]) -> Iterator[dict[str, Any] | None]:
        return (None if one in self.gone else HEADER for one in orthanc_ids)

    def context(self, radius: float = 4.0) -> JobContext:
        self.queue.enqueue([request_measurement("p", PLACE, QuestionFilters(), radius)])
        job = self.queue.start_next(frozenset({KIND}))
        assert job is not None
        return JobContext(job, self.queue, threading.Event(), lambda: False)

    def run(self, radius: float = 4.0) -> MeasuredPlace:
        context = self.context(radius)
        result = self.measure(context)
        self.queue.finish(context.job, JobState.DONE)
        return result


@pytest.fixture
def start(tmp_path: Path, queue: JobQueue) -> Iterator[Callable[..., Desk]]:
    opened: list[Any] = []

    def make(found: Callable[[str, int], Any] = pixels, is_there: bool = True) -> Desk:
        orthanc = Orthanc(found, is_there, lambda _: FILE)
        desk = Desk(tmp_path / "ward", queue, orthanc)
        opened.extend((desk.worker, orthanc))
        return desk

    yield make
    for one in opened:
        one.close()


def test_every_match_is_measured_and_again_from_memory(start: Callable[..., Desk]) -> None:
    desk = start()
    first = desk.run()
    for study, result in zip((1, 2), first.results, strict=True):
        values, by_hand = result.values, expected(study, 4.0)
        assert (values.reason, values.quantity, values.voxels) == (None, "HU", len(by_hand))
        assert (values.mean, values.sd) == (np.mean(by_hand), np.std(by_hand))
        assert (values.minimum, values.maximum) == (by_hand.min(), by_hand.max())
    assert first.frames_read == 2 * 4
    larger = desk.run(6.0)
    assert larger.results[0].values.mean == np.mean(expected(1, 6.0))
    assert larger.frames_read == 2 * 2, "the others are kept"
    assert desk.run().frames_read == 0
    desk.updates = "2"
    assert desk.run().frames_read == 2 * 4, "the series has changed"


def test_an_image_that_cannot_be_read_is_no_fault_of_the_other_study(start: Callable[..., Desk]) -> None:
    desk = start(lambda instance, frame: 400 if instance == "i1.1.1.5" else pixels(instance, frame))
    first, second = desk.run().results
    assert (first.values.reason, "i1.1.1.5" in first.values.detail) == ("unreadable", True)
    assert (second.values.reason, second.values.mean) == (None, np.mean(expected(2, 4.0)))


def test_an_image_that_is_deleted_meanwhile_is_told(start: Callable[..., Desk]) -> None:
    desk = start(lambda *_: 404, False)
    assert [result.values.reason for result in desk.run().results] == ["imageGone", "imageGone"]
    desk.gone.add("i1.1.1.5")
    assert desk.run().results[0].values.reason == "imageGone"


def test_pixels_that_are_not_as_the_header_says_are_not_measured(start: Callable[..., Desk]) -> None:
    desk = start(lambda *_: np.zeros((SIZE, SIZE - 1, 1), np.uint16))
    assert {result.values.reason for result in desk.run().results} == {"unreadable"}


def test_orthanc_that_does_not_answer_starts_the_job_again(start: Callable[..., Desk]) -> None:
    with pytest.raises(ArchiveSilent):
        start(lambda *_: 503).run()


def test_a_cancelled_job_ends_its_worker_and_the_next_one_has_another(start: Callable[..., Desk]) -> None:
    desk = start()
    context = desk.context()
    desk.queue.cancel(context.job.id)
    with pytest.raises(JobCancelled):
        desk.measure(context)
    assert desk.run().results[0].values.reason is None


def test_the_same_question_twice_is_one_job(queue: JobQueue) -> None:
    first, second, other = queue.enqueue(
        [request_measurement("p", PLACE, QuestionFilters(), radius) for radius in (4.0, 4.0, 5.0)]
    )
    assert (first == second, first == other) == (True, False)
