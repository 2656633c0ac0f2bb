"""The real process for points: what it finds, and what it reads once."""

import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from longitudinal.jobs.messages import RefinedMessage, RefineTask, ScanPlanes
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import JobContext
from longitudinal.jobs.worker_pool import POINTS
from longitudinal.jobs.worker_process import WorkerProcess, Workplace
from longitudinal.sidecar.tables.jobs import JobRequest
from tests.unit.jobs.test_worker import SIZE, TOKEN, Orthanc, scan


def refine_task(fixed: ScanPlanes, moving: ScanPlanes, point: tuple[float, float, float]) -> RefineTask:
    matrix = np.eye(4)
    matrix[0, 3] = OFF_MM
    return RefineTask(fixed, moving, matrix.tolist(), list(point))


def blobs(instance: str, frame: int) -> np.ndarray:
    """One scene in each scan, smooth and without symmetry: frame by frame a function of the place."""
    number = int(instance.lstrip("fm"))
    x, y = np.meshgrid(3.0 * np.arange(SIZE), 3.0 * np.arange(SIZE))
    z = 3.0 * (number - 1)
    values = np.zeros((SIZE, SIZE))
    for centre, width in zip(CENTRES, WIDTHS, strict=True):
        squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2
        values += np.exp(-squared / (2 * width**2))
    return values[..., None].astype(np.float32)


OFF_MM = 4.0
_RANDOM = np.random.default_rng(3)
CENTRES = _RANDOM.uniform(0, 3.0 * SIZE, (60, 3))
WIDTHS = _RANDOM.uniform(4, 9, 60)


@pytest.mark.slow
def test_a_point_is_refined_and_the_next_one_reads_nothing(queue: JobQueue) -> None:
    orthanc = Orthanc(blobs)
    worker = WorkerProcess(Workplace(Path(sys.executable), orthanc.url, lambda: TOKEN, 1, 1024), POINTS)
    queue.enqueue([JobRequest("refine", "s")])
    job = queue.start_next(frozenset({"refine"}))
    assert job is not None
    context = JobContext(job, queue, threading.Event(), lambda: False)
    try:
        fixed, moving = scan("f", SIZE), scan("m", SIZE)
        first = worker.run(refine_task(fixed, moving, (60, 57, 60)), context)
        assert isinstance(first, RefinedMessage)
        assert (first.frames_read, len(orthanc.frames_asked)) == (2 * SIZE, 2 * SIZE)
        assert np.linalg.norm(np.array(first.point) - (60, 57, 60)) < OFF_MM / 4, first
        assert first.disagreement_mm is not None
        second = worker.run(refine_task(fixed, moving, (66, 60, 54)), context)
        assert isinstance(second, RefinedMessage)
        assert (second.frames_read, len(orthanc.frames_asked)) == (0, 2 * SIZE)
        overwritten = msgspec.structs.replace(moving, version="one of its files is another one")
        third = worker.run(refine_task(fixed, overwritten, (66, 60, 54)), context)
        assert isinstance(third, RefinedMessage)
        assert (third.frames_read, third.point) == (SIZE, second.point)
        away = worker.run(refine_task(fixed, moving, (500, 500, 500)), context)
        assert isinstance(away, RefinedMessage)
        assert (away.verdict, away.uncertainty_mm, away.disagreement_mm) == ("tooLittleInCommon", None, None)
        flat = worker.run(refine_task(fixed, scan("m", 3), (60, 57, 60)), context)
        assert (flat.scan, flat.reason) == ("moving", "tooFewPlanes")  # type: ignore[union-attr]
    finally:
        worker.close()
        orthanc.close()
