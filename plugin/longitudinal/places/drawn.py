"""Diameters as a person draws them on an image, and the lines of the report that keeps them."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.reports.statement import Line
from longitudinal.errors import FieldError, InvalidRequest
from longitudinal.places.positions import CORNER

SHORTEST_MM = 0.5
"""A shorter line is a click."""

Pixel = tuple[float, float]
"""Row and column, 0-based, fractional."""


class DrawnDiameter(msgspec.Struct, frozen=True):
    """One line between two pixels of an image."""

    axis: Literal["long", "short"]
    start: Pixel
    end: Pixel


class DrawnDiameters(msgspec.Struct, frozen=True):
    """A long axis, and perhaps a short one, on one frame (1-based) of an image."""

    sop_instance_uid: str
    frame_number: int
    diameters: tuple[DrawnDiameter, ...]

    @property
    def middle(self) -> Pixel:
        """Of the long axis."""
        long = next(one for one in self.diameters if one.axis == "long")
        return (long.start[0] + long.end[0]) / 2, (long.start[1] + long.end[1]) / 2


class DrawnLines(msgspec.Struct, frozen=True):
    """The lines as a report has them: in the patient (LPS mm), or on the image where that has no Frame of Reference."""

    in_patient: tuple[Line, ...]
    on_image: tuple[Line, ...]


def check_drawn(diameters: Sequence[DrawnDiameter]) -> None:
    """One long axis, and at most one short one. Raises InvalidRequest."""
    axes = [one.axis for one in diameters]
    if axes.count("long") != 1 or axes.count("short") > 1:
        detail = "must be one long axis, and at most one short axis"
        raise InvalidRequest(f"diameters {detail}", [FieldError("/diameters", detail)])


def lines_of(
    drawn: DrawnDiameters, ends: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> DrawnLines:
    """The lines of a report.

    Parameters
    ----------
    ends
        The two ends of each diameter, (3,) LPS mm.

    Raises
    ------
    InvalidRequest
        A line has no length, or the short axis is the longer one.
    """
    lengths = [float(np.linalg.norm(end - start)) for start, end in ends]
    errors = [
        FieldError(
            f"/diameters/{number}", f"has {length:.2f} mm: draw from one edge of the lesion to the other"
        )
        for number, length in enumerate(lengths)
        if length < SHORTEST_MM
    ]
    by_axis = {one.axis: length for one, length in zip(drawn.diameters, lengths, strict=True)}
    if by_axis.get("short", 0.0) > by_axis["long"]:
        errors.append(FieldError("/diameters", "the short axis is longer than the long axis: exchange them"))
    if errors:
        raise InvalidRequest("; ".join(f"{error.field} {error.detail}" for error in errors), errors)
    measured = list(zip(drawn.diameters, ends, lengths, strict=True))
    return DrawnLines(
        tuple(
            Line(one.axis, (tuple(start.tolist()), tuple(end.tolist())), length)
            for one, (start, end), length in measured
        ),
        tuple(Line(one.axis, (_corner(one.start), _corner(one.end)), length) for one, _, length in measured),
    )


def _corner(pixel: Pixel) -> tuple[float, float]:
    """Column and row, counted from the corner of the first pixel (PS3.3 C.18.6.1.2)."""
    row, column = pixel
    return column + CORNER, row + CORNER
