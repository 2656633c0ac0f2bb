"""What /overlays answers."""

from typing import Literal

import msgspec

from longitudinal.reasons import DoseReason, StructureReason

Lines = list[list[tuple[float, float]]]
"""Each a chain of (row, column), 0-based and fractional."""


class Outline(msgspec.Struct, rename="camel", frozen=True):
    """One region on the image; no lines where it does not meet the plane. Of a segment `roiNumber` is the Segment Number."""

    kind: Literal["contours", "segment"]
    sop_instance_uid: str
    roi_number: int
    name: str
    colour: tuple[int, int, int] | None
    lines: Lines
    path: tuple[str, ...] | None
    uncertainty_mm: float | None
    reason: StructureReason | None = None
    detail: str = ""


class Isodose(msgspec.Struct, rename="camel", frozen=True):
    """The lines of one dose, Gy."""

    gy: float
    lines: Lines


class DoseLines(msgspec.Struct, rename="camel", frozen=True):
    """One dose on the image; `largestGy` is the largest on the lattice."""

    sop_instance_uid: str
    largest_gy: float | None
    levels: list[Isodose]
    path: tuple[str, ...] | None
    uncertainty_mm: float | None
    reason: DoseReason | None = None
    detail: str = ""


class Overlays(msgspec.Struct, rename="camel", frozen=True):
    """Lines on one frame of an image; they are exact to `stepMm`, the distance of the places that were looked up."""

    sop_instance_uid: str
    frame_number: int
    step_mm: float
    structures: list[Outline]
    doses: list[DoseLines]
