"""The voxels of the segments of a Segmentation (PS3.3 C.8.20, A.51)."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.related.elements import Buffer, DamagedFile, ElementReader, Elements
from longitudinal.dicom.related.values import items, short
from longitudinal.geometry.image_plane import Planes, normals
from longitudinal.geometry.slabs import slabs_of
from longitudinal.geometry.voxels import VoxelRegion

_SHARED, _PER_FRAME, _IDENTIFICATION, _SEGMENT = 0x5200_9229, 0x5200_9230, 0x0062_000A, 0x0062_000B
_BITS: Final = 0x0028_0100
_ALLOCATED: Final = frozenset({1, 8, 16})
_KINDS: Final = frozenset({"BINARY", "FRACTIONAL", "LABELMAP"})
_TOLERANCE: Final = 1e-3
"""Of a pixel: frames of one segment begin at the same place of their planes."""

SegmentFault = Literal["noContours", "mixedPlanes", "singlePlane", "unreadablePixels"]
Faulty = tuple[SegmentFault, str]


class SegmentVoxels:
    """The frames of one segmentation, of which segments are made on demand.

    Parameters
    ----------
    planes : array of `PLANE`, shape (frames,)
        The places of its frames, in the order of the frames.
    kind
        Segmentation Type: BINARY, FRACTIONAL or LABELMAP.
    maximum
        Maximum Fractional Value of a fractional one; voxels from half of it on belong to the segment.

    Raises
    ------
    DamagedFile
    """

    def __init__(self, data: Buffer, planes: Planes, kind: str, maximum: int | None) -> None:
        reader = ElementReader(data)
        root = reader.read(frozenset({_SHARED, _PER_FRAME, _IDENTIFICATION, _SEGMENT, _BITS}))
        pixels = reader.pixels()
        if pixels is None:
            raise DamagedFile("the pixels are missing or compressed")
        if kind not in _KINDS:
            raise DamagedFile(f"Segmentation Type (0062,0001) is {kind or 'not stated'}")
        if kind == "FRACTIONAL" and not maximum:
            raise DamagedFile(
                "Maximum Fractional Value (0062,000E) is not stated, so that half of it is not known"
            )
        self._planes, self._kind = planes, kind
        self._maximum = maximum or 0
        self._bits = short(root, _BITS) or 0
        if self._bits not in _ALLOCATED:
            raise DamagedFile(f"Bits Allocated (0028,0100) is {self._bits}")
        self._numbers = _segment_numbers(root, len(planes))
        self._pixels = np.frombuffer(pixels, dtype=np.uint8)
        self._size = int(planes["rows"][0]) * int(planes["columns"][0])
        if len(self._pixels) * 8 < self._size * len(planes) * self._bits:
            raise DamagedFile(
                f"{len(self._pixels)} bytes are too few for {len(planes)} frames of {self._size} pixels"
            )

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return int(self._pixels.nbytes + self._planes.nbytes)

    def region(self, segment: int) -> VoxelRegion | Faulty:
        """The voxels of a segment, or why there are none."""
        mine = [
            frame
            for frame, number in enumerate(self._numbers)
            if self._kind == "LABELMAP" or number == segment
        ]
        masks = [(frame, mask) for frame in mine if (mask := self._mask(frame, segment)).any()]
        if not masks:
            return "noContours", "no voxel belongs to the segment"
        return _placed(self._planes[[frame for frame, _ in masks]], [mask for _, mask in masks])

    def _mask(self, frame: int, segment: int) -> NDArray[np.bool_]:
        shape = int(self._planes["rows"][frame]), int(self._planes["columns"][frame])
        first = frame * self._size
        if (
            self._bits == 1
        ):  # frames follow each other without padding, the first pixel in the lowest bit (PS3.5 8.1.1)
            start, end = first // 8, -(-(first + self._size) // 8)
            bits = np.unpackbits(self._pixels[start:end], bitorder="little")[first % 8 :][: self._size]
            return bits.astype(bool).reshape(shape)
        width = self._bits // 8
        written = self._pixels[first * width : (first + self._size) * width]
        values = written.view("<u2" if self._bits == 16 else np.uint8)
        if self._kind == "LABELMAP":
            found = values == segment
        else:  # binary ones have 1 bit, and 8 where somebody wrote them so
            found = values * 2.0 >= self._maximum if self._kind == "FRACTIONAL" else values != 0
        return np.asarray(found.reshape(shape))


def _segment_numbers(root: Elements, frames: int) -> list[int | None]:
    shared = next((_number(item) for item in items(root, _SHARED)), None)
    found = [_number(item) for item in items(root, _PER_FRAME)][:frames]
    found += [None] * (frames - len(found))
    return [shared if number is None else number for number in found]


def _number(group: Elements) -> int | None:
    return next((short(item, _SEGMENT) for item in items(group, _IDENTIFICATION)), None)


def _placed(planes: Planes, masks: list[NDArray[np.bool_]]) -> VoxelRegion | Faulty:
    """The masks as boxes, cut to what they fill."""
    normal, orientation, spacing = normals(planes)[0], planes["orientation"][0], planes["spacing"][0]
    axes = np.vstack((normal, orientation[3:], orientation[:3]))
    local = (planes["position"] - planes["position"][0]) @ axes.T
    is_shifted = np.abs(local[:, 1:] / spacing).max() > _TOLERANCE
    if (
        is_shifted
        or np.abs(planes["orientation"] - orientation).max() > _TOLERANCE
        or len({m.shape for m in masks}) > 1
    ):
        return "mixedPlanes", "the frames of the segment are not above each other"
    order = np.argsort(local[:, 0], kind="stable")
    heights = local[order, 0]
    if len(heights) > 1 and np.diff(heights).min() <= _TOLERANCE:
        return "mixedPlanes", "two frames of the segment are at one place"
    thickness = float(planes["slice_thickness"][0])
    if len(heights) == 1 and not thickness > 0:
        return "singlePlane", "the segment is in one plane, and no thickness is stated"
    slabs, _ = slabs_of(heights, thickness if thickness > 0 else None)
    mask = np.stack([masks[number] for number in order.tolist()])
    rows, columns = np.flatnonzero(mask.any(axis=(0, 2))), np.flatnonzero(mask.any(axis=(0, 1)))
    edges = [
        np.stack((np.arange(first, last + 1) - 0.5, np.arange(first, last + 1) + 0.5), axis=1) * step
        for (first, last), step in zip(
            ((rows[0], rows[-1]), (columns[0], columns[-1])), spacing.tolist(), strict=True
        )
    ]
    cut = mask[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return VoxelRegion(axes, np.array(planes["position"][0]), (np.array(slabs), edges[0], edges[1]), cut)
