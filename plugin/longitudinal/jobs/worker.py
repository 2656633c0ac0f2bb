"""The process that registers: `python -m longitudinal.jobs.worker`, started by `worker_process` and by nobody else.

It reads pixels from Orthanc over loopback, so that every transfer syntax Orthanc decodes will do, and lives as
`worker_life` says. A crash of it costs one job.
"""

import math
import resource
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.cut_task import PlaneStore, reslice
from longitudinal.jobs.messages import (
    AlignTask,
    Failed,
    RefinedMessage,
    RefineTask,
    Registered,
    ResliceTask,
    ScanPlanes,
    Unanswered,
    Unusable,
    WorkerAnswer,
    rounded,
)
from longitudinal.jobs.pixels import (
    ImageGone,
    ImageUnavailable,
    OrthancSilent,
    PixelSource,
    PixelsTooDeep,
    PixelsUnavailable,
)
from longitudinal.jobs.scan_cache import ReadScan, ScanCache
from longitudinal.jobs.worker_life import Answerer, Voice, live
from longitudinal.reasons import AlignmentFailure
from longitudinal.registration.alignment import Alignment, Method, Stage
from longitudinal.registration.engine import align, recheck
from longitudinal.registration.local import refine
from longitudinal.registration.quality import Quality
from longitudinal.registration.volume import UnusableVolume, Volume, build_volume
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.checks import CHECKS, VERSION
from longitudinal.transforms.grid_size import fit_field
from longitudinal.transforms.grid_storage import decode_field, encode_field
from longitudinal.transforms.model import linear

# Of the whole, reading the two scans takes so much, and the stages of the registration share the rest in this order.
_READING = 0.25
_STAGES = {
    Stage.SEARCH: (0.25, 0.45),
    Stage.REFINE: (0.45, 0.6),
    Stage.AFFINE: (0.6, 0.65),
    Stage.DEFORM: (0.65, 0.8),
    Stage.CHECK: (0.8, 1.0),
}
# Processor time until the next word, seconds: Greedy says nothing in the course of a stage. Of a chest of 1 mm affine took
# 60 and deformable 150, and larger scans take longer.
_LONGEST: dict[str, float] = {Stage.AFFINE: 1_800.0, Stage.DEFORM: 7_200.0, Stage.CHECK: 1_200.0}
# Refining a point takes as long as reading a small scan.
_READING_TO_REFINE = 0.7
# Of the worker's memory, for scans that are kept: what the other half must hold is a scan that is being read.
_KEPT = 0.5


Scan = TypeVar("Scan")


class _UnusableScan(Exception):
    """One of the two scans will not do; `answer` says which and why."""

    def __init__(self, answer: Unusable | Failed) -> None:
        super().__init__(str(answer))
        self.answer = answer


def align_scans(task: AlignTask, read: ReadScan, voice: Voice) -> Registered:
    """Do an alignment. Raises _UnusableScan, PixelsUnavailable, and what native code raises."""
    began = time.monotonic()
    fixed, moving = _read_both(task, read, voice, _READING)
    furthest = _READING

    def progress(stage: Stage, fraction: float) -> None:
        nonlocal furthest  # the way back is searched too, after the way there was refined
        start, end = _STAGES[stage]
        furthest = max(furthest, start + fraction * (end - start))
        voice.progress(stage.value, furthest)

    if task.known is not None:
        known = (
            decode_field(task.known) if isinstance(task.known, bytes) else np.array(task.known, np.float64)
        )
        again = recheck(
            fixed, moving, Method(task.method), known, acceptance=task.acceptance, threads=task.threads, progress=progress
        )  # fmt: skip
        return _registered(again, time.monotonic() - began)
    initial = None if task.initial is None else np.array(task.initial, dtype=np.float64)
    alignment = align(
        fixed, moving, Method(task.method), initial=initial, acceptance=task.acceptance, threads=task.threads,
        progress=progress,
    )  # fmt: skip
    return _registered(alignment, time.monotonic() - began)


def refine_point(task: RefineTask, scans: ScanCache, voice: Voice) -> RefinedMessage:
    """Refine a point. Raises as `align_scans` does."""
    began, read = time.monotonic(), scans.frames_read
    fixed, moving = _read_both(task, scans.get, voice, _READING_TO_REFINE)
    voice.progress("refining", _READING_TO_REFINE)
    known = linear(np.array(task.moving_from_fixed, dtype=np.float64))
    found = refine(fixed, moving, known, np.array(task.point, dtype=np.float64), task.threads)
    return RefinedMessage(
        point=found.point.tolist(),
        verdict=found.verdict.value,
        uncertainty_mm=None if found.uncertainty_mm is None else rounded(found.uncertainty_mm),
        disagreement_mm=None if found.disagreement_mm is None else rounded(found.disagreement_mm),
        frames_read=scans.frames_read - read,
        seconds=round(time.monotonic() - began, 2),
        peak_mib=_peak_mib(),
    )


def _read_both(
    task: AlignTask | RefineTask,
    read: Callable[[ScanPlanes, Callable[[float], None]], Scan],
    voice: Voice,
    share: float,
) -> list[Scan]:
    """The fixed and the moving scan, whose reading is such a share of the task. Raises _UnusableScan."""
    found = []
    for number, (name, scan) in enumerate((("fixed", task.fixed), ("moving", task.moving))):
        try:
            found.append(read(scan, voice.part("reading", number * share / 2, share / 2)))
        except UnusableVolume as error:
            raise _UnusableScan(Unusable(name, error.reason, str(error))) from error
        except OrthancSilent:
            raise
        except Exception as error:  # of this scan alone; its partner may go with another
            raise _UnusableScan(_failure(error, name)) from error
    return found


def read_scan(source: PixelSource, scan: ScanPlanes, progress: Callable[[float], None]) -> Volume:
    """Read the pixels of a scan. Raises UnusableVolume, and as `PixelSource.read` does."""
    planes = np.frombuffer(scan.planes, dtype=PLANE)

    def read(plane: int) -> NDArray[np.generic]:
        return source.read(scan.instances[plane], scan.frames[plane])

    times = (scan.repetition_time, scan.echo_time, scan.inversion_time)
    contrast = Contrast(scan.modality, *(math.nan if time is None else time for time in times))
    return build_volume(planes, read, contrast, progress)


def _registered(alignment: Alignment, seconds: float) -> Registered:
    quality = alignment.quality
    rejection = quality.rejection
    return Registered(
        moving_from_fixed=alignment.moving_from_fixed.tolist(),
        grid=None if alignment.field is None else encode_field(fit_field(alignment.field), largest_exact=0),
        engine=alignment.engine,
        quality=_figures(quality),
        expected_error_mm=rounded(alignment.expected_error_mm),
        rejection=None if rejection is None else rejection.value,
        reason=None if rejection is None else rejection.explanation,
        seconds=round(seconds, 2),
        peak_mib=_peak_mib(),
        rigid=None if alignment.rigid is None else _registered(alignment.rigid, seconds),
        errors=None if alignment.errors is None else alignment.errors.to_bytes(),
    )


def _peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _figures(quality: Quality) -> dict[str, Figure]:
    """Every figure under the name the API has for it."""
    figures: dict[str, Figure] = {VERSION: CHECKS}
    for field in fields(quality):
        value = getattr(quality, field.name)
        if field.name != "rejection":
            first, *rest = field.name.split("_")
            name = first + "".join(word.capitalize() for word in rest)
            figures[name] = rounded(value) if isinstance(value, float) else value
    return figures


def main() -> None:
    """Do tasks until there are no more."""

    def prepare(voice: Voice, source: PixelSource, memory: int) -> Answerer:
        read = partial(read_scan, source)
        scans = ScanCache(memory * _KEPT, read)
        planes = PlaneStore(source)
        return lambda line: _answer(line, read, scans, planes, voice)

    live(prepare, _LONGEST)


def _answer(line: bytes, read: ReadScan, scans: ScanCache, planes: PlaneStore, voice: Voice) -> WorkerAnswer:
    """Do a task; whatever is wrong with it is an answer."""
    try:
        task = msgspec.json.decode(line, type=AlignTask | RefineTask | ResliceTask)
        if isinstance(task, ResliceTask):
            return reslice(task, planes, voice.part("reading", 0.0, 1.0))
        if isinstance(task, RefineTask):
            return refine_point(task, scans, voice)
        scans.forget()  # an alignment may need all the memory there is
        return align_scans(task, read, voice)
    except _UnusableScan as error:
        answer: WorkerAnswer = error.answer
    except OrthancSilent as error:
        return Unanswered(str(error))
    except Exception as error:  # the process is fit for the next task
        answer = _failure(error)
    if isinstance(answer, Failed) and answer.reason == AlignmentFailure.TOO_MUCH_MEMORY:
        scans.forget()
    return answer


def _failure(error: Exception, scan: str = "") -> Failed:
    """What to say of an exception; native code raises RuntimeError for anything."""
    text = str(error).strip()
    if isinstance(error, PixelsTooDeep):
        return Failed(text, AlignmentFailure.TOO_DEEP, scan)
    if isinstance(error, PixelsUnavailable):
        return Failed(text, AlignmentFailure.UNREADABLE_PIXELS, scan)
    if isinstance(error, ImageUnavailable):
        return Failed(text, AlignmentFailure.IMAGE_UNAVAILABLE, scan)
    if isinstance(error, ImageGone):
        return Failed(text, AlignmentFailure.IMAGE_GONE, scan)
    if isinstance(error, MemoryError) or "bad_alloc" in text or "allocate" in text.lower():
        return Failed(
            "it needs more memory than WorkerMemoryMiB allows", AlignmentFailure.TOO_MUCH_MEMORY, scan
        )
    return Failed(f"{type(error).__name__}: {text}", scan=scan)


if __name__ == "__main__":
    main()
