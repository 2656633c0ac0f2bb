"""Segmentation: its segments (PS3.3 C.8.20.2, C.8.20.4)."""

from __future__ import annotations

from typing import Final

import msgspec

from longitudinal.dicom.related.elements import Elements
from longitudinal.dicom.related.values import Reader, code, items, short

_TYPE, _SEGMENTS, _NUMBER, _LABEL, _ALGORITHM, _COLOUR = (
    0x0062_0001, 0x0062_0002, 0x0062_0004, 0x0062_0005, 0x0062_0008, 0x0062_000D,
)  # fmt: skip
_MAXIMUM = 0x0062_000E

SEGMENT_TAGS: Final = frozenset({_TYPE, _SEGMENTS, _NUMBER, _LABEL, _ALGORITHM, _COLOUR, _MAXIMUM})


class Segment(msgspec.Struct, frozen=True, rename="camel"):
    """One segment."""

    number: int
    label: str
    algorithm: str


class Segmentation(msgspec.Struct, frozen=True, rename="camel"):
    """What a segmentation states; `type` BINARY, FRACTIONAL or LABELMAP."""

    type: str
    maximum: int | None
    segments: tuple[Segment, ...]


def read_segmentation(root: Elements, reader: Reader) -> Segmentation:
    """Read the segments in the order of their numbers."""
    found = {
        segment: Segment(segment, reader.text(item, _LABEL), code(item, _ALGORITHM))
        for item in items(root, _SEGMENTS)
        if (segment := short(item, _NUMBER)) is not None
    }
    return Segmentation(
        code(root, _TYPE).upper(), short(root, _MAXIMUM), tuple(found[key] for key in sorted(found))
    )
