"""The process that draws, seen from Orthanc's: started, killed, hung, without objects, or not there at all."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from longitudinal.errors import Busy, Unprocessable
from longitudinal.http.admission import Admission
from longitudinal.jobs import drawing_process
from longitudinal.jobs.drawing_process import MODULE, DrawingProcess
from longitudinal.jobs.worker_process import WorkerProcess, Workplace
from longitudinal.points.radiotherapy.overlay_answer import Outline
from longitudinal.points.radiotherapy.overlay_task import ObjectToDraw, OutlineToDraw, OverlayTask, PlaneNodes
from tests.builders import as_file
from tests.unit.relations import radiotherapy as rt

PLACE = Workplace(Path(sys.executable), "http://127.0.0.1:9", lambda: "none", 1, 512)


@pytest.fixture
def worker() -> WorkerProcess:
    return WorkerProcess(PLACE, MODULE)


@pytest.fixture
def drawing(worker: WorkerProcess) -> Iterator[DrawingProcess]:
    made = DrawingProcess(worker, _any, threading.Event())
    yield made
    made.close()


def _any() -> AbstractContextManager[None]:
    return nullcontext()


def task(path: Path | None) -> OverlayTask:
    """The slice at z = 2 of 40 x 40 pixels of 1 mm, and the block of `radiotherapy.squares`."""
    corners = np.array([[[x, y, 2.0] for x in (-0.5, 39.5)] for y in (-0.5, 39.5)])
    outline = Outline("contours", rt.SETS, 1, "Target", None, [], (), None)
    target = ObjectToDraw("the-set", None if path is None else str(path), str(path), "contours")
    return OverlayTask(
        rt.IMAGES[1], 1, 40, 40, (1.0, 1.0), [], [target], [PlaneNodes(corners.tobytes(), 2, 2)],
        [OutlineToDraw(outline, 0, 0)], [],
    )  # fmt: skip


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "set.dcm"
    path.write_bytes(as_file(rt.structure_set()))
    return path


def lines(drawing: DrawingProcess, path: Path | None) -> list[Any]:
    (found,) = json.loads(drawing.draw(task(path)))["structures"]
    drawn: list[Any] = found["lines"]
    return drawn


def test_it_draws_what_is_in_the_file(drawing: DrawingProcess, stored: Path) -> None:
    (line,) = lines(drawing, stored)
    assert np.array(line).min(axis=0) == pytest.approx([9.75, 9.75], abs=0.26)
    assert np.array(line).max(axis=0) == pytest.approx([29.75, 29.75], abs=0.26)


def test_a_process_that_is_killed_is_started_again(
    drawing: DrawingProcess, worker: WorkerProcess, stored: Path
) -> None:
    first = lines(drawing, stored)
    process = worker._process
    assert process is not None
    process.kill()
    process.wait()
    assert lines(drawing, stored) == first


def test_a_process_that_hangs_is_given_up(
    drawing: DrawingProcess, worker: WorkerProcess, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lines(drawing, stored)
    process = worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(drawing_process, "_SECONDS", 0.5)
    with pytest.raises(Busy, match="not ready in time"):
        drawing.draw(task(stored))
    monkeypatch.undo()
    assert lines(drawing, stored) == first


def test_a_file_that_is_gone_is_named(drawing: DrawingProcess, stored: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="the-set"):
        drawing.draw(task(tmp_path / "none.dcm"))
    assert lines(drawing, stored)  # the process goes on


def test_orthanc_that_does_not_answer_for_a_file(drawing: DrawingProcess) -> None:
    with pytest.raises(Unprocessable, match="Orthanc does not answer"):
        drawing.draw(task(None))


def test_without_an_interpreter_it_says_what_to_do(tmp_path: Path, stored: Path) -> None:
    process = WorkerProcess(replace(PLACE, python=tmp_path / "python"), MODULE)
    with pytest.raises(Unprocessable, match="make setup"):
        DrawingProcess(process, _any, threading.Event()).draw(task(stored))


def test_too_many_requests_and_a_server_that_ends(
    worker: WorkerProcess, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = Admission(4)
    made = DrawingProcess(worker, admission.held, admission.ending)
    monkeypatch.setattr(drawing_process, "_PLACE_SECONDS", 30.0)
    with ThreadPoolExecutor() as pool:
        # there is a place for one: the others wait for it
        drawn = list(pool.map(lambda _: made.draw(task(stored)), range(4)))
    assert len(set(drawn)) == 1
    monkeypatch.setattr(drawing_process, "_PLACE_SECONDS", 0.1)
    with admission.held(), pytest.raises(Busy):
        made.draw(task(stored))
    admission.ending.set()
    with pytest.raises(Busy):
        made.draw(task(stored))
    made.close()
