"""The process for points: `python -m longitudinal.jobs.point_worker`, started by `worker_process` and by nobody else.

It refines single points and makes cuts. It is not the one that registers: a person waits for it, and must not wait for an
alignment of minutes, nor interrupt it; and what it has read stays in memory for the next point.
"""

import time
from functools import partial

import msgspec
import numpy as np

from longitudinal.jobs.cut_task import PlaneStore, reslice
from longitudinal.jobs.messages import (
    Failed,
    RefinedMessage,
    RefineTask,
    ResliceTask,
    WorkerAnswer,
    rounded,
)
from longitudinal.jobs.pixels import PixelSource
from longitudinal.jobs.scan_cache import ScanCache
from longitudinal.jobs.scan_reading import answered, peak_mib, read_both, read_scan
from longitudinal.jobs.worker_life import Answerer, Voice, live
from longitudinal.reasons import AlignmentFailure
from longitudinal.registration.local import refine
from longitudinal.transforms.model import linear

# Refining a point takes as long as reading a small scan.
_READING = 0.7
# Of its memory, for scans that are kept: what the other half must hold is a scan that is being read.
_KEPT = 0.5
# A person waits for it, so it does not stand back behind everybody as registration does.
_PRIORITY = 5


def refine_point(task: RefineTask, scans: ScanCache, voice: Voice) -> RefinedMessage:
    """Refine a point. Raises UnusableScan, OrthancSilent, and what native code raises."""
    began, read = time.monotonic(), scans.frames_read
    fixed, moving = read_both(task, scans.get, voice, _READING)
    voice.progress("refining", _READING)
    known = linear(np.array(task.moving_from_fixed, dtype=np.float64))
    found = refine(fixed, moving, known, np.array(task.point, dtype=np.float64))
    return RefinedMessage(
        point=found.point.tolist(),
        verdict=found.verdict.value,
        uncertainty_mm=None if found.uncertainty_mm is None else rounded(found.uncertainty_mm),
        disagreement_mm=None if found.disagreement_mm is None else rounded(found.disagreement_mm),
        frames_read=scans.frames_read - read,
        seconds=round(time.monotonic() - began, 2),
        peak_mib=peak_mib(),
    )


def main() -> None:
    """Do tasks until there are no more."""

    def prepare(voice: Voice, source: PixelSource, memory: int) -> Answerer:
        scans = ScanCache(memory * _KEPT, partial(read_scan, source))
        planes = PlaneStore(source)
        return lambda line: _answer(line, scans, planes, voice)

    live(prepare, priority=_PRIORITY)


def _answer(line: bytes, scans: ScanCache, planes: PlaneStore, voice: Voice) -> WorkerAnswer:
    def do() -> WorkerAnswer:
        task = msgspec.json.decode(line, type=RefineTask | ResliceTask)
        if isinstance(task, ResliceTask):
            return reslice(task, planes, voice.part("reading", 0.0, 1.0))
        return refine_point(task, scans, voice)

    answer = answered(do)
    if isinstance(answer, Failed) and answer.reason == AlignmentFailure.TOO_MUCH_MEMORY:
        scans.forget()
    return answer


if __name__ == "__main__":
    main()
