"""Spatial coordinates of a report (PS3.3 C.18.6, C.18.9): points and lines of two points, anything else with its reason."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from pydicom import Dataset

from longitudinal.dicom.reports.group import GroupKind
from longitudinal.dicom.reports.statement import Axis, Line
from longitudinal.dicom.uids import frame_uid
from longitudinal.reasons import PlaceFault

# No scanner is ten kilometres long, and no image has as many pixels.
_FARTHEST = 1e7
_AXES: dict[str, Axis] = {
    "103339001": "long",  # SCT, and SRT before it
    "G-A185": "long",
    "103340004": "short",
    "G-A186": "short",
}
_AXES_BY_MEANING: dict[str, Axis] = {"long axis": "long", "short axis": "short"}
_MOST_LINES = 2


class UnknownShape(Exception):
    """The coordinates make no place; `fault` is the reason."""

    def __init__(self, fault: PlaceFault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


class Coordinates(msgspec.Struct, frozen=True):
    """One SCOORD or SCOORD3D item: its points, and where they are.

    `axis` is that of the measurement it belongs to, `stated_mm` the value.
    """

    graphic_type: str
    points: tuple[tuple[float, ...], ...]
    frame_of_reference_uid: str | None
    image_uid: str | None
    frame_number: int
    axis: Axis
    stated_mm: float | None


def read_coordinates(
    item: Dataset, image: Dataset | None, concept: str, meaning: str, stated_mm: float | None
) -> Coordinates:
    """Read one item.

    Parameters
    ----------
    image
        The IMAGE item below it.
    concept, meaning
        Of the measurement it belongs to.

    Raises
    ------
    UnknownShape
    """
    is_3d = str(item.get("ValueType")) == "SCOORD3D"
    size = 3 if is_3d else 2
    values = _values(item.get("GraphicData"))
    if not values or len(values) % size:
        raise UnknownShape(
            PlaceFault.BAD_COORDINATES, f"{len(values)} values are no points of {size} coordinates"
        )
    if not all(math.isfinite(value) and abs(value) <= _FARTHEST for value in values):
        raise UnknownShape(PlaceFault.BAD_COORDINATES, "a coordinate is not a number that a patient can have")
    points = tuple(tuple(values[start : start + size]) for start in range(0, len(values), size))
    axis = _AXES.get(concept) or _AXES_BY_MEANING.get(meaning.lower(), "length")
    frame, uid, number = None, None, 1
    if is_3d:
        frame = frame_uid(str(item.get("ReferencedFrameOfReferenceUID") or "").strip())
        if not frame:
            raise UnknownShape(PlaceFault.NO_FRAME_UID, "the coordinates name no Frame of Reference UID")
    else:
        uid, number = _image(image)
    return Coordinates(str(item.get("GraphicType") or ""), points, frame, uid, number, axis, stated_mm)


def _values(graphic_data: Any) -> list[float]:
    """Graphic Data as pydicom has it: a list, one number, or nothing."""
    if graphic_data is None:
        return []
    many = graphic_data if isinstance(graphic_data, Iterable) else [graphic_data]
    return [float(value) for value in many]


def _image(image: Dataset | None) -> tuple[str, int]:
    """The SOP Instance UID and the frame number that an IMAGE item names. Raises UnknownShape."""
    references = None if image is None else image.get("ReferencedSOPSequence")
    uid = str(references[0].get("ReferencedSOPInstanceUID") or "") if references else ""
    if not uid:
        raise UnknownShape(PlaceFault.UNKNOWN_IMAGE, "the coordinates name no image")
    numbers = references[0].get("ReferencedFrameNumber") if references else None
    first = numbers if numbers is None or isinstance(numbers, int | str) else next(iter(numbers), None)
    number = 1 if first is None else int(first)
    if number < 1:
        raise UnknownShape(
            PlaceFault.UNKNOWN_IMAGE, f"frame {number} does not exist: they are counted from 1"
        )
    return uid, number


def lines_of(coordinates: Sequence[Coordinates], *, is_arrow: bool) -> tuple[GroupKind, tuple[Line, ...]]:
    """The point or the diameters that the coordinates of one group make.

    Parameters
    ----------
    is_arrow
        Whether an arrow was drawn: of its two points the first is the tip.

    Raises
    ------
    UnknownShape
    """
    if len({(one.frame_of_reference_uid, one.image_uid, one.frame_number) for one in coordinates}) != 1:
        raise UnknownShape(
            PlaceFault.UNKNOWN_SHAPE, "the coordinates of the group are on several images or frames"
        )
    if is_arrow and len(coordinates) == 1 and len(coordinates[0].points) == 2:
        return "point", (Line("point", coordinates[0].points[:1]),)
    shapes = [(one.graphic_type, len(one.points)) for one in coordinates]
    if shapes in ([("POINT", 1)], [("MULTIPOINT", 1)]):
        return "point", (Line("point", coordinates[0].points),)
    lines = [one for one in coordinates if (one.graphic_type, len(one.points)) == ("POLYLINE", 2)]
    axes = [one.axis for one in lines]
    if len(lines) == len(coordinates) <= _MOST_LINES and len(set(axes)) == len(axes):
        ordered = sorted(lines, key=lambda one: one.axis == "short")
        return "diameters", tuple(Line(one.axis, one.points, one.stated_mm) for one in ordered)
    named = ", ".join(f"{kind or 'a shape without type'} of {count} points" for kind, count in shapes[:4])
    raise UnknownShape(PlaceFault.UNKNOWN_SHAPE, f"the group has {named}")
