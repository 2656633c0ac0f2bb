"""How a process reads the two scans of a task, and what it says where that cannot be done."""

import math
import resource
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.messages import (
    AlignTask,
    Failed,
    RefineTask,
    ScanPlanes,
    Unanswered,
    Unusable,
    WorkerAnswer,
)
from longitudinal.jobs.pixels import (
    ImageGone,
    ImageUnavailable,
    OrthancSilent,
    PixelSource,
    PixelsTooDeep,
    PixelsUnavailable,
)
from longitudinal.jobs.worker_life import Voice
from longitudinal.reasons import AlignmentFailure
from longitudinal.registration.volume import UnusableVolume, Volume, build_volume

Scan = TypeVar("Scan")


class UnusableScan(Exception):
    """One of the two scans will not do; `answer` says which and why."""

    def __init__(self, answer: Unusable | Failed) -> None:
        super().__init__(str(answer))
        self.answer = answer


def read_both(
    task: AlignTask | RefineTask,
    read: Callable[[ScanPlanes, Callable[[float], None]], Scan],
    voice: Voice,
    share: float,
) -> list[Scan]:
    """The fixed and the moving scan, whose reading is such a share of the task. Raises UnusableScan, OrthancSilent."""
    found = []
    for number, (name, scan) in enumerate((("fixed", task.fixed), ("moving", task.moving))):
        try:
            found.append(read(scan, voice.part("reading", number * share / 2, share / 2)))
        except UnusableVolume as error:
            raise UnusableScan(Unusable(name, error.reason, str(error))) from error
        except OrthancSilent:
            raise
        except Exception as error:  # of this scan alone; its partner may go with another
            raise UnusableScan(failure_of(error, name)) from error
    return found


def read_scan(source: PixelSource, scan: ScanPlanes, progress: Callable[[float], None]) -> Volume:
    """Read the pixels of a scan. Raises UnusableVolume, and as `PixelSource.read` does."""
    planes = np.frombuffer(scan.planes, dtype=PLANE)

    def read(plane: int) -> NDArray[np.generic]:
        return source.read(scan.instances[plane], scan.frames[plane])

    times = (scan.repetition_time, scan.echo_time, scan.inversion_time)
    contrast = Contrast(scan.modality, *(math.nan if time is None else time for time in times))
    return build_volume(planes, read, contrast, progress)


def answered(do: Callable[[], WorkerAnswer]) -> WorkerAnswer:
    """Do a task; whatever is wrong with it is an answer, and the process is fit for the next one."""
    try:
        return do()
    except UnusableScan as error:
        return error.answer
    except OrthancSilent as error:
        return Unanswered(str(error))
    except Exception as error:
        return failure_of(error)


def peak_mib() -> float:
    """The most memory that this process has had."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def failure_of(error: Exception, scan: str = "") -> Failed:
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
