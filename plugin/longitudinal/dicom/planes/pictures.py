"""Which instances Orthanc can be asked to draw: some kinds end the server in its decoders, others have nothing to show."""

from __future__ import annotations

from typing import Final

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.sop_classes import NO_IMAGES, RT_DOSE, SEGMENTATIONS, WHOLE_SLIDE
from longitudinal.dicom.tags import Tags, has_pixels, integer_if_valid, text

_BITS_ALLOCATED: Final = "0028,0100"
_INTEGERS, *_FLOATS = tag.PIXELS
_DRAWN_BITS: Final = (8, 16)

LARGEST_PIXELS: Final = 50_000_000
"""Of one frame: a mammogram has 20 million; decoders copy a frame several times."""

_OVERLAYS: Final = tuple(f"60{number:02x}" for number in range(0, 0x20, 2))
_OVERLAY_DATA: Final = "3000"
_OVERLAY_NEEDS: Final = ("0010", "0011", "0040", "0050", "0100", "0102")
"""Rows, columns, type, origin, bits and bit position: all of type 1 (PS3.3 C.9.2)."""


def no_picture_of_class(sop_class: str) -> str:
    """Why nothing of a SOP class is drawn; "" where it may be."""
    if sop_class in NO_IMAGES:
        return "it is no image"
    if sop_class == RT_DOSE:
        return "it is a dose grid: values to be laid over an image, not a picture"
    if sop_class in SEGMENTATIONS:
        return "it is a segmentation: it is laid over an image, not a picture"
    if sop_class in WHOLE_SLIDE:
        return "it is a tile of a microscope slide"
    return ""


def no_picture(tags: Tags) -> str:
    """Why an instance is not drawn, by its whole header in Orthanc's short JSON; "" where it is."""
    found = no_picture_of_class(text(tags, tag.SOP_CLASS_UID))
    if found:
        return found
    if not has_pixels(tags):
        return "it is no image: PixelData is absent"
    if any(key in tags for key in _FLOATS):
        return "its pixels are floating-point numbers"
    bits = integer_if_valid(tags, _BITS_ALLOCATED)
    if bits not in _DRAWN_BITS:
        return f"BitsAllocated is {'absent or malformed' if bits is None else bits}; pixels of 8 and 16 bits are drawn"
    rows, columns = integer_if_valid(tags, tag.ROWS), integer_if_valid(tags, tag.COLUMNS)
    if not rows or not columns:
        return f"Rows is {text(tags, tag.ROWS) or 'absent'}, Columns is {text(tags, tag.COLUMNS) or 'absent'}"
    if rows * columns > LARGEST_PIXELS:
        return f"Rows is {rows}, Columns is {columns}: more than {LARGEST_PIXELS:,} pixels"
    for group in _OVERLAYS:
        missing = [element for element in _OVERLAY_NEEDS if f"{group},{element}" not in tags]
        if f"{group},{_OVERLAY_DATA}" in tags and missing:
            return f"its overlay has no ({group},{missing[0]})"
    return ""
