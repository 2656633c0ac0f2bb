"""The process that registers: `python -m longitudinal.jobs.worker`, started by `worker_process` and by nobody else.

It reads pixels from Orthanc over loopback, so that every transfer syntax Orthanc decodes will do, and keeps out of
Orthanc's way: lowest priority, bounded memory, dead as soon as Orthanc is. A crash of it costs one job.
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time
from dataclasses import fields
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.contrast import Contrast
from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.messages import (
    MEMORY_VARIABLE,
    PARENT_VARIABLE,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    Answer,
    Failed,
    Progress,
    Registered,
    ScanPlanes,
    Task,
    Unusable,
    rounded,
)
from longitudinal.jobs.pixels import PixelSource, PixelsUnavailable
from longitudinal.registration.alignment import Alignment, Method, Stage
from longitudinal.registration.engine import align
from longitudinal.registration.quality import REJECTIONS, Quality
from longitudinal.registration.volume import UnusableVolume, Volume, build_volume
from longitudinal.transforms.attempts import Figure
from longitudinal.transforms.grid_size import fit_field
from longitudinal.transforms.grid_storage import encode_field

# Linux, sys/prctl.h: the signal this process gets when the thread that started it ends.
_PR_SET_PDEATHSIG = 1
_LOWEST_PRIORITY = 19
# After so long without a task it ends and gives its memory back; the next task starts another.
_IDLE_SECONDS = 120.0
# Of the whole, reading the two scans takes so much, and the stages of the registration share the rest in this order.
_READING = 0.25
_STAGES = {
    Stage.SEARCH: (0.25, 0.45),
    Stage.REFINE: (0.45, 0.6),
    Stage.AFFINE: (0.6, 0.65),
    Stage.DEFORM: (0.65, 0.8),
    Stage.CHECK: (0.8, 1.0),
}
_SAY_SECONDS = 0.2


class Voice:
    """Says how far a task is, a few times a second."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._said = ("", 0.0)

    def say(self, answer: Answer) -> None:
        """Write one line."""
        self._output.write(msgspec.json.encode(answer) + b"\n")
        self._output.flush()

    def progress(self, stage: str, progress: float) -> None:
        """Tell where a task stands, at once where the stage is a new one."""
        last, at = self._said
        if stage != last or time.monotonic() - at >= _SAY_SECONDS:
            self._said = (stage, time.monotonic())
            self.say(Progress(stage, progress))


def do(task: Task, source: PixelSource, voice: Voice) -> Answer:
    """Do one task; whatever is wrong with it is an answer."""
    began = time.monotonic()
    scans: list[Volume] = []
    for number, (name, scan) in enumerate((("fixed", task.fixed), ("moving", task.moving))):
        try:
            scans.append(_read(scan, source, voice, number * _READING / 2))
        except UnusableVolume as error:
            return Unusable(name, error.reason, str(error))

    furthest = _READING

    def progress(stage: Stage, fraction: float) -> None:
        nonlocal furthest  # the way back is searched too, after the way there was refined
        start, end = _STAGES[stage]
        furthest = max(furthest, start + fraction * (end - start))
        voice.progress(stage.value, furthest)

    initial = None if task.initial is None else np.array(task.initial, dtype=np.float64)
    alignment = align(
        scans[0], scans[1], Method(task.method), initial=initial, acceptance=task.acceptance, threads=task.threads,
        progress=progress,
    )  # fmt: skip
    return _registered(alignment, time.monotonic() - began)


def _read(scan: ScanPlanes, source: PixelSource, voice: Voice, start: float) -> Volume:
    planes = np.frombuffer(scan.planes, dtype=PLANE)

    def read(plane: int) -> NDArray[np.generic]:
        return source.read(scan.instances[plane], scan.frames[plane])

    contrast = Contrast(
        scan.modality, *(np.nan if value is None else value
                         for value in (scan.repetition_time, scan.echo_time, scan.inversion_time)),
    )  # fmt: skip
    return build_volume(
        planes, read, contrast, lambda fraction: voice.progress("reading", start + fraction * _READING / 2)
    )


def _registered(alignment: Alignment, seconds: float) -> Registered:
    quality = alignment.quality
    rejection = quality.rejection
    return Registered(
        moving_from_fixed=alignment.moving_from_fixed.tolist(),
        grid=None if alignment.field is None else encode_field(fit_field(alignment.field), largest_exact=0),
        engine=alignment.engine,
        quality=_figures(quality),
        expected_error_mm=rounded(quality.expected_error_mm),
        rejection=None if rejection is None else rejection.value,
        reason=None if rejection is None else REJECTIONS[rejection],
        seconds=round(seconds, 2),
        peak_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    )


def _figures(quality: Quality) -> dict[str, Figure]:
    """Every figure under the name the API has for it."""
    figures: dict[str, Figure] = {}
    for field in fields(quality):
        value = getattr(quality, field.name)
        if field.name != "rejection":
            first, *rest = field.name.split("_")
            name = first + "".join(word.capitalize() for word in rest)
            figures[name] = rounded(value) if isinstance(value, float) else value
    return figures


def _settle_in() -> None:
    """Die with Orthanc, stay behind everybody else, take no more memory than allowed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ.pop(PARENT_VARIABLE)):  # it was gone before we asked
        raise SystemExit(0)
    os.setpriority(os.PRIO_PROCESS, 0, _LOWEST_PRIORITY)
    # What the process itself allocates; RLIMIT_AS would count every library that is mapped, and each thread's stack.
    limit = int(os.environ.pop(MEMORY_VARIABLE)) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Do tasks until standard input ends, or none has come for a while."""
    _settle_in()
    source = PixelSource(os.environ.pop(URL_VARIABLE), os.environ.pop(TOKEN_VARIABLE))
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what native code prints is no answer
        _serve(source, Voice(output))


def _serve(source: PixelSource, voice: Voice) -> None:
    tasks = sys.stdin.buffer
    while select.select([tasks], [], [], _IDLE_SECONDS)[0]:
        line = tasks.readline()
        if not line:
            return
        voice.say(_answer(line, source, voice))


def _answer(line: bytes, source: PixelSource, voice: Voice) -> Answer:
    try:
        return do(msgspec.json.decode(line, type=Task), source, voice)
    except PixelsUnavailable as error:
        return Failed(str(error))
    except MemoryError:
        return Failed("it needs more memory than WorkerMemoryMiB allows")
    except (
        Exception
    ) as error:  # native code raises RuntimeError for anything; the process is fit for the next task
        text = str(error).strip()
        if "bad_alloc" in text or "allocate" in text.lower():
            return Failed("it needs more memory than WorkerMemoryMiB allows")
        return Failed(f"{type(error).__name__}: {text}")


if __name__ == "__main__":
    main()
