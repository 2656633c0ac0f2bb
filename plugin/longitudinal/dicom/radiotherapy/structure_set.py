"""RT Structure Set: its regions of interest, without their contours (PS3.3 C.8.8.5, C.8.8.6, C.8.8.8)."""

from __future__ import annotations

from typing import Final

import msgspec

from longitudinal.dicom.related.elements import Elements
from longitudinal.dicom.related.values import Reader, code, integer, items, number, numbers

LABEL, _DATE, _TIME, _APPROVAL = 0x3006_0002, 0x3006_0008, 0x3006_0009, 0x300E_0002
ROIS, ROI_NUMBER, _FRAME, _NAME, _VOLUME, _ALGORITHM = (
    0x3006_0020, 0x3006_0022, 0x3006_0024, 0x3006_0026, 0x3006_002C, 0x3006_0036,
)  # fmt: skip
ROI_CONTOURS, CONTOURS, _COLOUR, CONTOUR_TYPE, REFERENCED_ROI = (
    0x3006_0039, 0x3006_0040, 0x3006_002A, 0x3006_0042, 0x3006_0084,
)  # fmt: skip
_OBSERVATIONS, _INTERPRETED_TYPE = 0x3006_0080, 0x3006_00A4

STRUCTURE_SET_TAGS: Final = frozenset(
    {LABEL, _DATE, _TIME, _APPROVAL, ROIS, ROI_NUMBER, _FRAME, _NAME, _VOLUME, _ALGORITHM, ROI_CONTOURS, CONTOURS,
     _COLOUR, CONTOUR_TYPE, REFERENCED_ROI, _OBSERVATIONS, _INTERPRETED_TYPE}
)  # fmt: skip
MOST_ROIS: Final = 10_000


class Roi(msgspec.Struct, frozen=True, rename="camel"):
    """One region of interest.

    `volume_cc` is ROI Volume (3006,002C) as the vendor wrote it; `contours` counts contours by their geometric type.
    """

    number: int
    name: str
    frame_of_reference_uid: str
    interpreted_type: str
    colour: tuple[int, int, int] | None
    volume_cc: float | None
    algorithm: str
    contours: dict[str, int]


class StructureSet(msgspec.Struct, frozen=True, rename="camel"):
    """What an RT Structure Set states; `date` as DICOM writes it."""

    label: str
    date: str
    approval: str
    rois: tuple[Roi, ...]


def read_structure_set(root: Elements, reader: Reader) -> StructureSet:
    """Read the regions in the order of their numbers; those that have contours but no name are there, too."""
    contours: dict[int, Elements] = {}
    for item in items(root, ROI_CONTOURS):
        roi = integer(item, REFERENCED_ROI)
        if roi is not None:
            contours.setdefault(roi, item)
    types = {
        integer(item, REFERENCED_ROI): code(item, _INTERPRETED_TYPE) for item in items(root, _OBSERVATIONS)
    }
    named = {roi: item for item in items(root, ROIS) if (roi := integer(item, ROI_NUMBER)) is not None}
    found = [
        _roi(roi, named.get(roi, {}), contours.get(roi, {}), types.get(roi, ""), reader)
        for roi in sorted({*named, *contours})[:MOST_ROIS]
    ]
    return StructureSet(reader.text(root, LABEL), code(root, _DATE), code(root, _APPROVAL), tuple(found))


def _roi(roi: int, item: Elements, drawn: Elements, interpreted: str, reader: Reader) -> Roi:
    kinds: dict[str, int] = {}
    for contour in items(drawn, CONTOURS):
        kind = code(contour, CONTOUR_TYPE)
        kinds[kind] = kinds.get(kind, 0) + 1
    colour = numbers(drawn, _COLOUR)
    is_colour = len(colour) == 3 and all(0 <= part <= 255 for part in colour)
    volume = number(item, _VOLUME)
    return Roi(
        number=roi,
        name=reader.text(item, _NAME),
        frame_of_reference_uid=code(item, _FRAME),
        interpreted_type=interpreted,
        colour=(int(colour[0]), int(colour[1]), int(colour[2])) if is_colour else None,
        volume_cc=volume if volume is not None and volume >= 0 else None,
        algorithm=code(item, _ALGORITHM),
        contours=kinds,
    )
