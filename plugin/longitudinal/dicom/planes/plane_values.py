"""The values of one plane, read from the tags and checked against what a patient can have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.alike import once_alike
from longitudinal.dicom.dates import posix_seconds
from longitudinal.dicom.header import acquisition_moment
from longitudinal.dicom.tags import (
    BadValueError,
    Tags,
    integer,
    integer_if_valid,
    number_if_valid,
    numbers,
    text,
    texts,
)
from longitudinal.geometry.image_plane import PLANE, Planes
from longitudinal.reasons import NotIndexableReason

Triplet = tuple[float, ...]
Sextet = tuple[float, ...]
Pair = tuple[float, ...]
PlaneValues = tuple[Any, ...]
"""The fields of `PLANE` in their order."""

MAX_POSITION_MM = 1e5
"""100 m: no scanner places a patient farther from the origin of its frame, and float64 still resolves 1e-11 mm."""

MIN_SPACING_MM = 1e-5
"""10 nm: finer than any microscope for tissue; a smaller value is a wrong unit or an underflow."""

MAX_SPACING_MM = 1e3
"""1 m: coarser than any patient."""

MAX_LENGTH_ERROR = 0.1
"""Real cosines deviate from unit length by their rounding, at most 1e-2; a tenth has another cause."""

MAX_SKEW = 0.1
"""Cosine between row and column direction; 0.1 is 5.7 degrees off the perpendicular."""

MAX_MATRIX = 65535
"""Rows and Columns are of VR US."""

MAX_FRAMES = 100_000
"""More frames than the largest dynamic scan; a bound on the memory one object can ask for."""

MAX_OPTIONAL = 1e30
"""A value that geometry does not need counts as absent beyond the range of float32 (3e38)."""

TELLING_APART = (
    tag.IMAGE_TYPE,
    tag.COMPLEX_IMAGE_COMPONENT,
    tag.SEQUENCE_NAME,
    tag.INVERSION_TIME,
    tag.FLIP_ANGLE,
    tag.KVP,
    tag.CONVOLUTION_KERNEL,
)
"""What distinguishes images at one position, apart from the named fields of `PLANE`."""


class NotIndexableError(Exception):
    """The object has no planes; never leaves this package."""

    def __init__(self, reason: NotIndexableReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def build_planes(rows: Sequence[PlaneValues]) -> Planes:
    """Make planes, shape (len(rows),), of tuples in the order of the fields of `PLANE`."""
    return np.array(rows, dtype=PLANE)


def geometry_values(tags: Tags) -> PlaneValues:
    """Read position, orientation, spacing, rows, columns of an image with geometry at the root.

    Raises
    ------
    NotIndexableError, BadValueError
    """
    return (read_position(tags), *_in_plane_values(tags))


@once_alike
def _in_plane_values(tags: Tags) -> PlaneValues:
    """Read the same without the position."""
    return (read_orientation(tags), read_spacing(tags), *matrix_size(tags))


def common_values(tags: Tags, frame_number: int = 1) -> PlaneValues:
    """Read the other fields of a `PLANE` from the attributes of a classic image; malformed values are absent."""
    moment = acquisition_moment(tags)
    return (
        optional(tags, tag.SLICE_THICKNESS),
        frame_number,
        optional_integer(tags, tag.INSTANCE_NUMBER),
        posix_seconds(moment) if moment else math.nan,
        *_values_telling_apart(tags),
    )


@once_alike
def _values_telling_apart(tags: Tags) -> PlaneValues:
    """Read the last fields of a `PLANE`: what distinguishes images at one position."""
    return (
        optional_integer(tags, tag.TEMPORAL_POSITION_IDENTIFIER),
        optional(tags, tag.ECHO_TIME),
        optional(tags, tag.DIFFUSION_B_VALUE),
        optional(tags, tag.TRIGGER_TIME),
        fingerprint(["/".join(texts(tags, key)) for key in TELLING_APART]),
    )


def read_position(tags: Tags) -> Triplet:
    """Read ImagePositionPatient, mm (PS3.3 C.7.6.2.1.1)."""
    position = numbers(tags, tag.IMAGE_POSITION_PATIENT)
    if not position:
        raise NotIndexableError(NotIndexableReason.NO_GEOMETRY, "ImagePositionPatient is absent")
    if len(position) != 3:
        raise BadValueError(f"ImagePositionPatient has {len(position)} values: {_listed(position)}")
    return checked_position(position)


def checked_position(position: Triplet) -> Triplet:
    """Refuse a position that no patient can have."""
    x, y, z = position
    if not (
        -MAX_POSITION_MM <= x <= MAX_POSITION_MM
        and -MAX_POSITION_MM <= y <= MAX_POSITION_MM
        and -MAX_POSITION_MM <= z <= MAX_POSITION_MM
    ):
        raise BadValueError(f"ImagePositionPatient is {_listed(position)}: beyond {MAX_POSITION_MM:g} mm")
    return position


def read_orientation(tags: Tags) -> Sextet:
    """Read ImageOrientationPatient, exactly as stored (PS3.3 C.7.6.2.1.1)."""
    value = tags.get(tag.IMAGE_ORIENTATION_PATIENT)
    if value is None and tag.IMAGE_ORIENTATION_PATIENT in tags:
        raise BadValueError("ImageOrientationPatient is too long or binary")
    return _orientation(value if isinstance(value, str) else "")


def read_spacing(tags: Tags) -> Pair:
    """Read PixelSpacing, mm between rows and between columns (PS3.3 10.7.1.3)."""
    value = tags.get(tag.PIXEL_SPACING)
    if value is None and tag.PIXEL_SPACING in tags:
        raise BadValueError("PixelSpacing is too long or binary")
    spacing = _spacing(value if isinstance(value, str) else "")
    if spacing is None:
        if text(tags, tag.IMAGER_PIXEL_SPACING):
            at_detector = text(tags, tag.IMAGER_PIXEL_SPACING)
            detail = f"PixelSpacing is absent, ImagerPixelSpacing {at_detector} holds at the detector"
            raise NotIndexableError(NotIndexableReason.PROJECTION, detail)
        raise NotIndexableError(NotIndexableReason.NO_GEOMETRY, "PixelSpacing is absent")
    return spacing


def matrix_size(tags: Tags) -> tuple[int, int]:
    """Read Rows and Columns."""
    rows, columns = integer(tags, tag.ROWS), integer(tags, tag.COLUMNS)
    if rows is None or columns is None:
        missing = " and ".join(
            name for name, value in (("Rows", rows), ("Columns", columns)) if value is None
        )
        raise NotIndexableError(NotIndexableReason.NO_GEOMETRY, f"{missing} is absent")
    if not (1 <= rows <= MAX_MATRIX and 1 <= columns <= MAX_MATRIX):
        raise BadValueError(f"Rows is {rows}, Columns is {columns}")
    return rows, columns


def frame_count(tags: Tags) -> int:
    """Read NumberOfFrames; 1 when absent."""
    count = integer(tags, tag.NUMBER_OF_FRAMES)
    if count is None:
        return 1
    if not 1 <= count <= MAX_FRAMES:
        raise BadValueError(f"NumberOfFrames is {count}")
    return count


def optional(tags: Tags, key: str) -> float:
    """Read a number that geometry does not need; NaN when absent, malformed or beyond float32."""
    value = number_if_valid(tags, key)
    return value if -MAX_OPTIONAL < value < MAX_OPTIONAL else math.nan


def optional_integer(tags: Tags, key: str) -> int:
    """Read a whole number that geometry does not need; -1 when absent or malformed."""
    value = integer_if_valid(tags, key)
    return -1 if value is None else value


def fingerprint(values: Sequence[str]) -> int:
    """Reduce values that distinguish images to 32 bits.

    >>> fingerprint(["ORIGINAL"]) == fingerprint(["DERIVED"])
    False
    """
    return crc32("\n".join(values).encode())


@lru_cache(maxsize=1024)  # the planes of a series share it
def _orientation(value: str) -> Sextet:
    orientation = numbers({tag.IMAGE_ORIENTATION_PATIENT: value}, tag.IMAGE_ORIENTATION_PATIENT)
    if not orientation:
        raise NotIndexableError(NotIndexableReason.NO_GEOMETRY, "ImageOrientationPatient is absent")
    if len(orientation) != 6:
        raise BadValueError(f"ImageOrientationPatient has {len(orientation)} values: {_listed(orientation)}")
    row, column = orientation[:3], orientation[3:]
    lengths = math.hypot(*row), math.hypot(*column)
    if max(abs(length - 1.0) for length in lengths) > MAX_LENGTH_ERROR:
        detail = f"ImageOrientationPatient is {_listed(orientation)}: cosines of length {lengths[0]:g} and {lengths[1]:g}"
        raise NotIndexableError(NotIndexableReason.DEGENERATE_ORIENTATION, detail)
    skew = sum(a * b for a, b in zip(row, column, strict=True))
    if abs(skew) > MAX_SKEW:
        detail = f"ImageOrientationPatient is {_listed(orientation)}: rows and columns meet at a cosine of {skew:g}"
        raise NotIndexableError(NotIndexableReason.DEGENERATE_ORIENTATION, detail)
    return orientation


@lru_cache(maxsize=1024)  # the planes of a series share it
def _spacing(value: str) -> Pair | None:
    spacing = numbers({tag.PIXEL_SPACING: value}, tag.PIXEL_SPACING)
    if not spacing:
        return None
    if len(spacing) != 2:
        raise BadValueError(f"PixelSpacing has {len(spacing)} values: {_listed(spacing)}")
    if min(spacing) <= 0:
        raise NotIndexableError(NotIndexableReason.ZERO_SPACING, f"PixelSpacing is {_listed(spacing)}")
    if min(spacing) < MIN_SPACING_MM or max(spacing) > MAX_SPACING_MM:
        raise BadValueError(f"PixelSpacing is {_listed(spacing)} mm")
    return spacing


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values[:9])
