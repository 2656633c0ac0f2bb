"""Spatial Fiducials: places that somebody marked, in the patient or on images (PS3.3 C.21.2)."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from longitudinal.dicom.character_sets import CharacterSet, character_set
from longitudinal.dicom.radiotherapy.contour_data import POINT_TAGS, points_of
from longitudinal.dicom.related.elements import Buffer, ElementReader, Elements
from longitudinal.dicom.related.values import Reader, code, double, integer, items, singles

_CHARACTER_SET: Final = 0x0008_0005
_SETS, _FRAME, _IMAGES, _IMAGE_UID, _IMAGE_FRAME = (
    0x0070_031C,
    0x0020_0052,
    0x0008_1140,
    0x0008_1155,
    0x0008_1160,
)
_FIDUCIALS, _IDENTIFIER, _CODES, _MEANING, _DESCRIPTION, _SHAPE, _UID, _RADIUS = (
    0x0070_031E, 0x0070_0310, 0x0070_0311, 0x0008_0104, 0x0070_030F, 0x0070_0306, 0x0070_031A, 0x0070_0312,
)  # fmt: skip
_CONTOUR, _GRAPHICS, _GRAPHIC = 0x3006_0050, 0x0070_0318, 0x0070_0022
_WANTED: Final = frozenset(
    {_CHARACTER_SET, _SETS, _FRAME, _IMAGES, _IMAGE_UID, _IMAGE_FRAME, _FIDUCIALS, _IDENTIFIER, _CODES, _MEANING,
     _DESCRIPTION, _SHAPE, _UID, _RADIUS, _GRAPHICS, _GRAPHIC}
) | POINT_TAGS  # fmt: skip
MOST_FIDUCIALS: Final = 10_000
"""Of one object; real ones have some dozens."""


class Mark(msgspec.Struct, frozen=True):
    """Points on one frame (1-based) of an image, (column, row), the corner of the first pixel being (0, 0)."""

    image_uid: str
    frame_number: int
    points: tuple[tuple[float, float], ...]


class Fiducial(msgspec.Struct, frozen=True):
    """One fiducial, as it is written.

    Attributes
    ----------
    set_number, number
        1-based: of the set in the object, and of the fiducial in the set.
    frame_of_reference_uid
        Of the set; "" where it states none.
    image_uids
        The images that the set names.
    points
        (x, y, z), LPS mm; () where it is marked on images.
    damage
        What is wrong with its coordinates; "" if nothing is.
    """

    set_number: int
    number: int
    identifier: str
    meaning: str
    description: str
    uid: str
    shape: str
    radius_mm: float | None
    frame_of_reference_uid: str
    image_uids: tuple[str, ...]
    points: tuple[tuple[float, float, float], ...]
    marks: tuple[Mark, ...]
    damage: str


def read_fiducials(data: Buffer, default: CharacterSet) -> list[Fiducial]:
    """Read the fiducials of an object in the order of the file.

    Raises
    ------
    DamagedFile
    """
    root = ElementReader(data).read(_WANTED)
    reader = Reader(character_set(code(root, _CHARACTER_SET), default))
    found: list[Fiducial] = []
    for set_number, group in enumerate(items(root, _SETS), start=1):
        for number, item in enumerate(items(group, _FIDUCIALS), start=1):
            if len(found) >= MOST_FIDUCIALS:
                return found
            found.append(_fiducial(set_number, number, group, item, reader))
    return found


def _fiducial(set_number: int, number: int, group: Elements, item: Elements, reader: Reader) -> Fiducial:
    points, damage = _points(item)
    marks: list[Mark] = []
    if not points and not damage:
        marks, damage = _marks(item)
    coded = next(iter(items(item, _CODES)), {})
    return Fiducial(
        set_number=set_number,
        number=number,
        identifier=reader.text(item, _IDENTIFIER),
        meaning=reader.text(coded, _MEANING),
        description=reader.text(item, _DESCRIPTION),
        uid=code(item, _UID),
        shape=code(item, _SHAPE),
        radius_mm=double(item, _RADIUS),
        frame_of_reference_uid=code(group, _FRAME),
        image_uids=tuple(uid for each in items(group, _IMAGES) if (uid := code(each, _IMAGE_UID))),
        points=points,
        marks=tuple(marks),
        damage=damage,
    )


def _points(item: Elements) -> tuple[tuple[tuple[float, float, float], ...], str]:
    """The points in the patient, or what is wrong with them."""
    if not item.get(_CONTOUR):
        return (), ""
    points, damage = points_of(item)
    return () if points is None else tuple((x, y, z) for x, y, z in points.tolist()), damage


def _marks(item: Elements) -> tuple[list[Mark], str]:
    """The points on images, or what is wrong with them."""
    found = []
    for each in items(item, _GRAPHICS):
        values = singles(each, _GRAPHIC)
        if not values or len(values) % 2 or not all(map(math.isfinite, values)):
            return [], "Graphic Data (0070,0022) is not two numbers for each point"
        image = next(iter(items(each, _IMAGES)), {})
        frame = integer(image, _IMAGE_FRAME)
        pairs = tuple(zip(values[::2], values[1::2], strict=True))
        found.append(Mark(code(image, _IMAGE_UID), 1 if frame is None else frame, pairs))
    return found, ""
