"""The contours of an RT Structure Set, as points in the patient (PS3.3 C.8.8.6)."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.radiotherapy.structure_set import (
    CONTOUR_TYPE,
    CONTOURS,
    REFERENCED_ROI,
    ROI_CONTOURS,
    ROI_NUMBER,
    ROIS,
)
from longitudinal.dicom.related.elements import Buffer, DamagedFile, ElementReader, Elements
from longitudinal.dicom.related.values import code, integer, items, number
from longitudinal.geometry.affine import FARTHEST_MM

_DATA, _SLAB, _POINTS, _OFFSET = 0x3006_0050, 0x3006_0044, 0x3006_0046, 0x3006_0045
_WANTED: Final = frozenset(
    {ROIS, ROI_NUMBER, ROI_CONTOURS, CONTOURS, CONTOUR_TYPE, REFERENCED_ROI, _DATA, _SLAB, _POINTS, _OFFSET}
)
POINT_TAGS: Final = frozenset({_DATA, _POINTS, _OFFSET})
CLOSED: Final = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"})
XOR: Final = "CLOSEDPLANAR_XOR"
LARGEST_BYTES: Final = 256 * 1024 * 1024
"""A structure set beyond this is not read: real ones have some megabytes."""


class RoiContours(msgspec.Struct):
    """The contours of one ROI.

    Attributes
    ----------
    closed, others
        Points (n, 3), LPS mm, of each closed contour and of each other one (open, or single points), in the order of the
        file.
    is_xor
        Whether the closed ones are CLOSEDPLANAR_XOR.
    slab_mm
        Contour Slab Thickness, if one is stated.
    damage
        What is wrong with one of the contours; "" if nothing is.
    """

    closed: list[NDArray[np.float64]] = msgspec.field(default_factory=list)
    others: list[NDArray[np.float64]] = msgspec.field(default_factory=list)
    is_xor: bool = False
    slab_mm: float | None = None
    damage: str = ""


def read_contours(data: Buffer) -> dict[int, RoiContours]:
    """Read the contours of each ROI, by its number.

    Raises
    ------
    DamagedFile
        The file cannot be read, or is larger than any structure set.
    """
    if len(data) > LARGEST_BYTES:
        raise DamagedFile(f"the structure set has {len(data)} bytes, more than {LARGEST_BYTES}")
    found: dict[int, RoiContours] = {}
    root = ElementReader(data).read(_WANTED)
    named = Counter(integer(item, ROI_NUMBER) for item in items(root, ROIS))
    for item in items(root, ROI_CONTOURS):
        roi = integer(item, REFERENCED_ROI)
        if roi is None:
            continue
        if roi in found:
            found[roi].damage = f"two items of ROI Contour Sequence (3006,0039) are of ROI {roi}"
            continue
        mine = found[roi] = RoiContours()
        for contour in items(item, CONTOURS):
            _add(mine, contour)
        if named[roi] > 1:
            mine.damage = (
                f"{named[roi]} regions have the ROI Number (3006,0022) {roi}: whose contours are these?"
            )
    return found


def _add(mine: RoiContours, contour: Elements) -> None:
    kind = code(contour, CONTOUR_TYPE)
    points, damage = points_of(contour)
    if points is None:
        mine.damage = mine.damage or damage
        return
    if kind not in CLOSED:
        mine.others.append(points)
        return
    mine.closed.append(points)
    mine.is_xor = mine.is_xor or kind == XOR
    slab = number(contour, _SLAB)
    if slab is not None and slab > 0:
        mine.slab_mm = slab


def points_of(contour: Elements) -> tuple[NDArray[np.float64] | None, str]:
    """The points (n, 3) of an item with Contour Data, LPS mm, or what is wrong with it; with `POINT_TAGS`."""
    written = contour.get(_DATA)
    if not isinstance(written, bytes) or not written.strip(b" \0"):
        return None, "a contour has no Contour Data (3006,0050)"
    if any(offset for offset in code(contour, _OFFSET).split("\\") if offset.strip(" 0.+-")):
        return None, "a contour has the retired Contour Offset Vector (3006,0045)"
    expected = written.count(b"\\") + 1
    try:
        values = np.fromstring(written.strip(b" \0").decode("latin-1"), dtype=np.float64, sep="\\")
    except ValueError:
        return None, "Contour Data (3006,0050) holds something that is no number"
    if len(values) != expected or len(values) % 3:
        return (
            None,
            f"Contour Data (3006,0050) has {len(values)} numbers in {expected} values, not three for each point",
        )
    if not (np.abs(values) <= FARTHEST_MM).all():
        return None, "a coordinate of Contour Data (3006,0050) is not finite, or beyond any patient"
    stated = integer(contour, _POINTS)
    if stated is not None and stated != len(values) // 3:
        return None, f"Number of Contour Points (3006,0046) is {stated}, the contour has {len(values) // 3}"
    return values.reshape(-1, 3), ""
