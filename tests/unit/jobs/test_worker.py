"""The real worker, given scans that end early: what it reads, from where, and what it says of what it cannot use."""

import io
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.messages import AlignTask, Registered, ScanPlanes, Unusable
from longitudinal.jobs.queue import JobQueue
from longitudinal.jobs.supervisor import ArchiveSilent, JobContext
from longitudinal.jobs.worker_process import TaskFailed, WorkerProcess, Workplace
from longitudinal.settings import Acceptance
from longitudinal.sidecar.tables.jobs import JobRequest
from tests import builders as build
from tests.local_server import LocalServer, Quiet
from tests.unit.dicom.test_nesting import nested

TOKEN = "Bearer of this test"
SIZE = 40
FILE = build.as_file(build.classic())
DEEP = nested(40)
Pixels = Callable[[str, int], np.ndarray | int | None]
"""The pixels of a frame, a status instead, or None for an answer without sense."""


class Orthanc(LocalServer):
    """Answers for the pixels of frames, and for files without any; remembers who asked for what."""

    def __init__(
        self, pixels: Pixels, is_there: bool = True, file: Callable[[str], bytes] = lambda _: FILE
    ) -> None:
        asked: list[tuple[str, str | None]] = []

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.path, self.headers["Authorization"]))
                _, _, instance, *rest = self.path.split("/")
                if rest == ["file"]:
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(file(instance))
                    return
                found = pixels(instance, int(rest[1])) if rest else (200 if is_there else 404)
                body = io.BytesIO()
                if isinstance(found, np.ndarray):
                    np.save(body, found)
                self.send_response(found if isinstance(found, int) else 200)
                self.end_headers()
                self.wfile.write(body.getvalue())

        self.asked = asked
        super().__init__(Handler)
        self.url = f"http://127.0.0.1:{self.port}"
        self.__enter__()

    @property
    def frames_asked(self) -> list[str]:
        """Paths of the pixels that were asked for."""
        return [path for path, _ in self.asked if "numpy" in path]

    def close(self) -> None:
        self.__exit__(None, None, None)


@pytest.fixture
def run(queue: JobQueue) -> Iterator[Callable[..., tuple[Registered | Unusable, Orthanc]]]:
    """Have a task done by the real worker."""
    opened: list[Orthanc | WorkerProcess] = []

    def do(
        task: AlignTask,
        pixels: Pixels,
        memory_mib: int = 1024,
        is_there: bool = True,
        file: Callable[[str], bytes] = lambda _: FILE,
    ) -> tuple[Registered | Unusable, Orthanc]:
        orthanc = Orthanc(pixels, is_there, file)
        worker = WorkerProcess(Workplace(Path(sys.executable), orthanc.url, lambda: TOKEN, 1, memory_mib))
        opened.extend((worker, orthanc))
        queue.enqueue([JobRequest("align", "s")])
        job = queue.start_next(frozenset({"align"}))
        assert job is not None
        return worker.run(task, JobContext(job, queue, threading.Event(), lambda: False)), orthanc

    yield do
    for one in opened:
        one.close()


def scan(name: str, count: int = 10, size: int = SIZE, multi_frame: bool = False) -> ScanPlanes:
    planes = np.zeros(count, PLANE)
    planes["position"][:, 2] = 3.0 * np.arange(count)
    planes["orientation"], planes["spacing"] = (1, 0, 0, 0, 1, 0), 3.0
    planes["rows"] = planes["columns"] = size
    planes["slice_thickness"] = 3.0
    for key in ("acquisition_time", "echo_time", "b_value", "trigger_time"):
        planes[key] = np.nan
    planes["temporal_position"] = -1
    numbers = range(1, count + 1)
    frames = list(numbers) if multi_frame else [1] * count
    planes["frame_number"] = frames
    instances = [name] * count if multi_frame else [f"{name}{number}" for number in numbers]
    return ScanPlanes(planes.tobytes(), instances, frames, "CT")


def task(fixed: ScanPlanes, moving: ScanPlanes) -> AlignTask:
    return AlignTask(fixed, moving, "rigid", 1, Acceptance())


def grey(instance: str, frame: int) -> np.ndarray:
    """(rows, columns, 1), as Orthanc gives it."""
    return np.random.default_rng(frame).random((SIZE, SIZE, 1), np.float32) * (1 + len(instance))


def test_it_asks_for_single_frames_with_the_token(
    run: Callable[..., tuple[Unusable, Orthanc]],
) -> None:
    def pixels(instance: str, frame: int) -> np.ndarray:
        return grey(instance, frame) if instance == "multi" else np.zeros((SIZE, SIZE, 1), np.float32)

    answer, orthanc = run(task(scan("multi", multi_frame=True), scan("flat")), pixels)
    assert {token for _, token in orthanc.asked} == {TOKEN}
    paths = orthanc.frames_asked
    assert paths[:10] == [f"/instances/multi/frames/{frame}/numpy?rescale=false" for frame in range(10)]
    assert paths[10:] == [f"/instances/flat{number}/frames/0/numpy?rescale=false" for number in range(1, 11)]
    assert (answer.scan, answer.reason) == ("moving", "noContrast")


@pytest.mark.parametrize(
    ("fixed", "shape", "reason"),
    [
        (scan("f", count=3), (SIZE, SIZE, 1), "tooFewPlanes"),
        (scan("f"), (SIZE, SIZE, 3), "notGrey"),
        (scan("f", size=SIZE + 1), (SIZE, SIZE, 1), "badPixels"),
    ],
)
def test_a_scan_that_cannot_be_registered_is_named_with_its_reason(
    run: Callable[..., tuple[Unusable, Orthanc]], fixed: ScanPlanes, shape: tuple[int, ...], reason: str
) -> None:
    answer, _ = run(task(fixed, scan("m")), lambda *_: np.ones(shape, np.float32))
    assert (answer.scan, answer.reason) == ("fixed", reason)


@pytest.mark.parametrize(
    ("status", "is_there", "reason"),
    [
        (400, True, "unreadablePixels"),
        (500, True, "imageUnavailable"),
        (404, True, "imageUnavailable"),
        (404, False, "imageGone"),
    ],
)
@pytest.mark.parametrize("bad", ["f4", "m4"])
def test_what_cannot_be_read_fails_the_task_by_name_and_scan(
    run: Callable[..., object], bad: str, status: int, is_there: bool, reason: str
) -> None:
    with pytest.raises(TaskFailed, match=f"instance {bad}") as failed:
        run(
            task(scan("f"), scan("m")),
            lambda instance, frame: status if instance == bad else grey(instance, frame),
            is_there=is_there,
        )
    assert (failed.value.reason, failed.value.scan) == (reason, "fixed" if bad == "f4" else "moving")


@pytest.mark.parametrize("bad", ["f4", "m4"])
def test_pixels_of_what_is_nested_too_deep_are_not_asked_for(run: Callable[..., object], bad: str) -> None:
    asked: list[str] = []

    def pixels(instance: str, frame: int) -> np.ndarray:
        asked.append(instance)
        return grey(instance, frame)

    with pytest.raises(TaskFailed, match=f"instance {bad} .*32 levels") as failed:
        run(task(scan("f"), scan("m")), pixels, file=lambda instance: DEEP if instance == bad else FILE)
    assert (failed.value.reason, failed.value.scan) == ("tooDeep", "fixed" if bad == "f4" else "moving")
    assert "f3" in asked
    assert bad not in asked


@pytest.mark.parametrize("status", [401, 503])
def test_orthanc_that_does_not_answer_is_no_fault_of_the_scan(
    run: Callable[..., object], status: int
) -> None:
    with pytest.raises(ArchiveSilent, match=f"HTTP {status}"):
        run(task(scan("f"), scan("m")), lambda *_: status)


def test_what_is_no_array_is_not_readable(run: Callable[..., object]) -> None:
    with pytest.raises(TaskFailed, match="no array") as failed:
        run(task(scan("f"), scan("m")), lambda *_: None)
    assert failed.value.reason == "unreadablePixels"


def test_more_memory_than_allowed_fails_the_task_and_says_so(run: Callable[..., object]) -> None:
    """A block of 400 x 400 x 400 mm takes half a gigabyte; what the interpreter itself needs is a tenth of that."""
    wide = scan("f", count=100, size=200)
    with pytest.raises(TaskFailed, match="WorkerMemoryMiB") as failed:
        run(task(wide, wide), lambda *_: np.ones((200, 200, 1), np.float32), memory_mib=100)
    assert (failed.value.reason, failed.value.scan) == ("tooMuchMemory", "fixed")
