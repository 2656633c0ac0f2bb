"""What the worker does for a cut."""

import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.cut import cut_stack, points_between
from longitudinal.geometry.image_plane import PLANE
from longitudinal.jobs.messages import PlaneMeaning, Resliced, ResliceTask
from longitudinal.jobs.pixels import PixelSource, PixelsUnavailable
from longitudinal.jobs.png16 import encode_png16

_MOST_BYTES = 128 * 1024 * 1024
"""Planes that are kept for the next cut of the same study."""


class PlaneStore:
    """Rescaled planes, read once while they are used."""

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self._kept: OrderedDict[tuple[str, str, int, PlaneMeaning], NDArray[np.float32]] = OrderedDict()
        self._bytes = 0
        self.read = 0

    def get(self, version: str, instance: str, frame: int, meaning: PlaneMeaning) -> NDArray[np.float32]:
        """Rescaled pixels (rows, columns) of a frame, 1-based; NaN for padding. Raises as `PixelSource.read` does.

        `version` is that of the scan's files: what was read of others is not for it.
        """
        key = (version, instance, frame, meaning)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        pixels = self._source.read(instance, frame)
        self.read += 1
        if pixels.ndim != 2:
            raise PixelsUnavailable(f"frame {frame} of instance {instance} is in colour")
        values = pixels.astype(np.float32)
        if meaning.padding is not None:
            ends = sorted(
                stored * meaning.slope + meaning.intercept
                for stored in (meaning.padding, meaning.padding if meaning.limit is None else meaning.limit)
            )
            half = abs(meaning.slope) / 2  # of a stored value: single precision is not exact
            values[(values > ends[0] - half) & (values < ends[1] + half)] = np.nan
        self._kept[key] = values
        self._bytes += values.nbytes
        while self._bytes > _MOST_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return values


def reslice(task: ResliceTask, store: PlaneStore, progress: Callable[[float], None]) -> Resliced:
    """Make a cut. Raises as `PixelSource.read` does."""
    began, read_before = time.monotonic(), store.read
    planes = np.frombuffer(task.scan.planes, dtype=PLANE)
    nodes = np.frombuffer(task.nodes, np.float64).reshape(task.node_rows, task.node_columns, 3)

    def read(number: int) -> NDArray[np.float32]:
        progress(number / len(planes))
        scan = task.scan
        pixels = store.get(scan.version, scan.instances[number], scan.frames[number], task.meaning[number])
        if pixels.shape != (planes[number]["rows"], planes[number]["columns"]):
            raise PixelsUnavailable(
                f"instance {task.scan.instances[number]} has other pixels than its header says"
            )
        return pixels

    points = points_between(nodes, task.rows, task.columns).reshape(-1, 3)
    values = cut_stack(planes, task.end_mm, read, points).reshape(task.rows, task.columns)
    return Resliced(
        encode_png16(values, task.unit), store.read - read_before, round(time.monotonic() - began, 3)
    )
