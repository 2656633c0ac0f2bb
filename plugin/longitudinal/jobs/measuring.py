"""The process that measures values: `python -m longitudinal.jobs.measuring`, started by `worker_process`.

It is not the one that registers: a click must not wait for an alignment of minutes, nor interrupt it, and without the
libraries of registration this one starts in a fifth of a second.
"""

import time
from collections import OrderedDict

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.image_plane import PLANE
from longitudinal.geometry.sphere import SpherePlanes
from longitudinal.jobs.messages import (
    Failed,
    Measured,
    MeasuredSphere,
    MeasureTask,
    SphereTask,
    Unanswered,
    WorkerAnswer,
)
from longitudinal.jobs.pixels import (
    ImageGone,
    ImageUnavailable,
    OrthancSilent,
    PixelSource,
    PixelsUnavailable,
)
from longitudinal.jobs.worker_life import Answerer, Voice, live
from longitudinal.reasons import ValueReason
from longitudinal.values.sphere import Sphere, in_numbers, measure

# Of the memory of the process, for frames that are kept.
_KEPT = 0.5


class Frames:
    """Stored values of frames, the least recently used leave first: another radius at the same place reads nothing."""

    def __init__(self, source: PixelSource, budget: float) -> None:
        self.read = 0
        self._source = source
        self._budget = budget
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, int, str], NDArray[np.generic]] = OrderedDict()

    def get(self, instance: str, frame: int, last_update: str) -> NDArray[np.generic]:
        """Stored values of a frame (1-based). Raises as `PixelSource.read` does."""
        key = (instance, frame, last_update)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        stored = self._source.read(instance, frame, rescale=False)
        self.read += 1
        self._kept[key] = stored
        self._bytes += stored.nbytes
        while self._bytes > self._budget and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return stored


def main() -> None:
    """Measure until there is nothing more to measure."""

    def prepare(voice: Voice, source: PixelSource, memory: int) -> Answerer:
        frames = Frames(source, memory * _KEPT)
        return lambda line: _answer(line, frames, voice)

    live(prepare)


def _answer(line: bytes, frames: Frames, voice: Voice) -> WorkerAnswer:
    """Do a task; whatever is wrong with it is an answer."""
    began, before = time.monotonic(), frames.read
    try:
        task = msgspec.json.decode(line, type=MeasureTask)
        found = []
        for number, sphere in enumerate(task.spheres):
            voice.progress("measuring", number / len(task.spheres))
            found.append(_measured(sphere, frames))
        return Measured(found, frames.read - before, round(time.monotonic() - began, 3))
    except OrthancSilent as error:
        return Unanswered(str(error))
    except Exception as error:  # the process is fit for the next task
        return Failed(f"{type(error).__name__}: {error}")


def _measured(task: SphereTask, frames: Frames) -> MeasuredSphere:
    """One sphere; an image of it that cannot be read is no fault of the others. Raises OrthancSilent."""
    planes = np.frombuffer(task.planes, PLANE)
    found = SpherePlanes(planes, np.array(task.kinds, np.intp), np.full(len(planes), -1))
    sphere = Sphere(np.array(task.centre), task.radius_mm, task.uncertainty_mm)
    read: dict[int, NDArray[np.float64]] = {}

    def values(number: int) -> NDArray[np.float64]:
        if number not in read:
            read[number] = _values(task, number, planes[number], frames)
        return read[number]

    try:
        result = measure(sphere, found, values)
    except ImageGone as error:
        return MeasuredSphere(ValueReason.IMAGE_GONE, str(error))
    except (PixelsUnavailable, ImageUnavailable) as error:
        return MeasuredSphere(ValueReason.UNREADABLE, str(error))
    return MeasuredSphere(
        reason=result.reason, voxels=result.voxels, outside=result.outside, mean=result.mean, sd=result.sd,
        minimum=result.minimum, maximum=result.maximum, least_mean=result.least_mean,
        greatest_mean=result.greatest_mean, moved_reason=result.moved_reason,
    )  # fmt: skip


def _values(task: SphereTask, number: int, plane: np.void, frames: Frames) -> NDArray[np.float64]:
    """The numbers of one plane. Raises as `PixelSource.read` does."""
    instance, scale = task.instances[number], task.scale[number]
    assert instance is not None
    assert scale is not None
    stored = frames.get(instance, task.frames[number], task.last_update)
    if stored.shape != (int(plane["rows"]), int(plane["columns"])):
        raise PixelsUnavailable(
            f"frame {task.frames[number]} of instance {instance} is not as its header says"
        )
    return in_numbers(stored, *scale, task.padding[number])


if __name__ == "__main__":
    main()
