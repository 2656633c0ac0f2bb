"""The grid of an RT Dose: its stored values at their places in the patient (PS3.3 C.8.8.3)."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.related.elements import Buffer, DamagedFile, ElementReader
from longitudinal.dicom.related.values import short
from longitudinal.geometry.grids import Grid
from longitudinal.geometry.image_plane import Planes, normals

_BITS, _STORED, _REPRESENTATION = 0x0028_0100, 0x0028_0101, 0x0028_0103
_TYPES: Final = {(16, 0): "<u2", (16, 1): "<i2", (32, 0): "<u4", (32, 1): "<i4", (8, 0): "u1"}

GridFault = Literal["noGrid", "unreadablePixels"]


def read_dose_grid(data: Buffer, planes: Planes) -> Grid | tuple[GridFault, str]:
    """Read the values of a dose.

    Parameters
    ----------
    planes : array of `PLANE`, shape (frames,)
        The places of its frames, in the order of the frames.

    Returns
    -------
    Grid, or why there is none and what exactly is wrong
        Values are as stored: without Dose Grid Scaling.
    """
    try:
        reader = ElementReader(data)
        root = reader.read(frozenset({_BITS, _STORED, _REPRESENTATION}))
        pixels = reader.pixels()
    except DamagedFile as damage:
        return "unreadablePixels", str(damage)
    stored = _TYPES.get((short(root, _BITS) or 0, short(root, _REPRESENTATION) or 0))
    if pixels is None or stored is None:
        return "unreadablePixels", "the pixels are missing or compressed, or have neither 16 nor 32 bits"
    frames, rows, columns = len(planes), int(planes["rows"][0]), int(planes["columns"][0])
    count = frames * rows * columns
    if len(pixels) < count * np.dtype(stored).itemsize:
        return "unreadablePixels", f"{len(pixels)} bytes are too few for {frames} x {rows} x {columns} voxels"
    values = np.frombuffer(pixels, dtype=stored, count=count).reshape(frames, rows, columns)
    fault = _beyond(values, short(root, _STORED))
    return ("unreadablePixels", fault) if fault else _placed(values, planes)


def _beyond(values: NDArray[Any], bits_stored: int | None) -> str:
    """What is wrong with values that no dose can have; "" if nothing is. A dose of the type ERROR is never read."""
    if values.size and values.dtype.kind == "i" and values.min() < 0:
        return "Pixel Representation (0028,0103) is 1, and some stored values are negative"
    if bits_stored and values.size and int(values.max()) >> bits_stored:
        return f"Bits Stored (0028,0101) is {bits_stored}, and some stored values are larger"
    return ""


def _placed(values: NDArray[Any], planes: Planes) -> Grid | tuple[GridFault, str]:
    normal = normals(planes)[0]
    heights = (planes["position"] - planes["position"][0]) @ normal
    order = np.argsort(heights, kind="stable")
    offsets = heights[order] - heights[order[0]]
    if len(offsets) > 1 and np.diff(offsets).min() <= 0:
        return "noGrid", "two frames are at one place"
    orientation = planes["orientation"][0]
    return Grid(
        values=values if (order == np.arange(len(order))).all() else values[order],
        origin=np.array(planes["position"][order[0]]),
        along_row=np.array(orientation[:3]),
        down_column=np.array(orientation[3:]),
        normal=np.array(normal),
        spacing=(float(planes["spacing"][0][0]), float(planes["spacing"][0][1])),
        offsets=offsets,
    )
