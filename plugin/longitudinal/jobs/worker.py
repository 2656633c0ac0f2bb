"""The process that registers: `python -m longitudinal.jobs.worker`, started by `worker_process` and by nobody else.

It reads pixels from Orthanc over loopback, so that every transfer syntax Orthanc decodes will do, and lives as
`worker_life` says. A crash of it costs one job.
"""

import time
from dataclasses import fields
from functools import partial

import msgspec
import numpy as np

from longitudinal.jobs.messages import AlignTask, Registered, WorkerAnswer, rounded
from longitudinal.jobs.pixels import PixelSource
from longitudinal.jobs.scan_cache import ReadScan
from longitudinal.jobs.scan_reading import answered, peak_mib, read_both, read_scan
from longitudinal.jobs.worker_life import Answerer, Voice, live
from longitudinal.registration.alignment import Alignment, Method, Stage
from longitudinal.registration.engine import align, recheck
from longitudinal.registration.quality import Quality
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.checks import CHECKS, VERSION
from longitudinal.transforms.grid_size import fit_field
from longitudinal.transforms.grid_storage import decode_field, encode_field

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


def align_scans(task: AlignTask, read: ReadScan, voice: Voice) -> Registered:
    """Do an alignment. Raises UnusableScan, PixelsUnavailable, and what native code raises."""
    began = time.monotonic()
    fixed, moving = read_both(task, read, voice, _READING)
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
        peak_mib=peak_mib(),
        rigid=None if alignment.rigid is None else _registered(alignment.rigid, seconds),
        errors=None if alignment.errors is None else alignment.errors.to_bytes(),
    )


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
        return lambda line: _answer(line, read, voice)

    live(prepare, _LONGEST)


def _answer(line: bytes, read: ReadScan, voice: Voice) -> WorkerAnswer:
    return answered(lambda: align_scans(msgspec.json.decode(line, type=AlignTask), read, voice))


if __name__ == "__main__":
    main()
