"""Planes of multi-frame objects with functional groups: enhanced CT, MR, PET, X-ray 3D, segmentation.

A functional group stands either in the item of its frame or once in the shared item; the frame's comes first
(PS3.3 C.7.6.16.1.1 and C.7.6.16.1.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timezone
from functools import lru_cache
from typing import Any, TypeVar

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.dates import posix_seconds, read_date_time, read_timezone
from longitudinal.dicom.header import acquisition_moment
from longitudinal.dicom.plane_values import (
    TELLING_APART,
    NotIndexableError,
    Pair,
    PlaneValues,
    build_planes,
    fingerprint,
    frame_count,
    matrix_size,
    optional,
    optional_integer,
    read_orientation,
    read_position,
    read_spacing,
)
from longitudinal.dicom.reasons import Reason
from longitudinal.dicom.tags import Tags, item, sequence, text, texts
from longitudinal.geometry.image_plane import Planes

T = TypeVar("T")

_NO_TAGS: Tags = {}


def multi_frame_planes(tags: Tags) -> Planes:
    """Read one plane per frame.

    Raises
    ------
    NotIndexableError, BadValueError
        One frame without a place, and the object has none.
    """
    frames = sequence(tags, tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
    count = frame_count(tags)
    shared = item(tags, tag.SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
    if not frames and count == 1:
        frames = [_NO_TAGS]  # all of it is shared
    if len(frames) != count:
        detail = f"{count} frames, functional groups for {len(frames)}"
        raise NotIndexableError(Reason.FRAMES_WITHOUT_GEOMETRY, detail)
    reader = _FrameReader(tags, shared)
    return build_planes([reader.read(frame, number) for number, frame in enumerate(frames, start=1)])


class _FrameReader:
    """Reads one frame after the other; what is the same for all of them is read once."""

    def __init__(self, tags: Tags, shared: Tags) -> None:
        self._shared = shared
        self._of_shared: dict[str, Any] = {}
        self._size = matrix_size(tags)
        self._instance_number = optional_integer(tags, tag.INSTANCE_NUMBER)
        self._zone = read_timezone(text(tags, tag.TIMEZONE_OFFSET_FROM_UTC))
        moment = acquisition_moment(tags)
        self._time = posix_seconds(moment) if moment else math.nan
        self._of_object = ["/".join(texts(tags, key)) for key in TELLING_APART]
        self._fingerprints: dict[tuple[str, ...], int] = {}

    def read(self, frame: Tags, number: int) -> PlaneValues:
        """Read the `PLANE` fields of the frame with this 1-based number."""
        spacing, thickness = self._group(frame, tag.PIXEL_MEASURES_SEQUENCE, _measures)
        moment, temporal_position = self._group(frame, tag.FRAME_CONTENT_SEQUENCE, _content)
        return (
            self._group(frame, tag.PLANE_POSITION_SEQUENCE, read_position),
            self._group(frame, tag.PLANE_ORIENTATION_SEQUENCE, read_orientation),
            spacing,
            *self._size,
            thickness,
            number,
            self._instance_number,
            _frame_seconds(moment, self._zone) if moment else self._time,
            temporal_position,
            self._group(frame, tag.MR_ECHO_SEQUENCE, _echo_time),
            self._group(frame, tag.MR_DIFFUSION_SEQUENCE, _b_value),
            self._group(frame, tag.CARDIAC_SYNCHRONIZATION_SEQUENCE, _trigger_time),
            self._fingerprint(frame),
        )

    def _group(self, frame: Tags, key: str, read: Callable[[Tags], T]) -> T:
        """Read a functional group: the frame's own, else the shared one, else of no tags."""
        if key in frame and (own := item(frame, key)):
            return read(own)
        if key not in self._of_shared:
            self._of_shared[key] = read(item(self._shared, key))
        value: T = self._of_shared[key]
        return value

    def _fingerprint(self, frame: Tags) -> int:
        """Tell frames apart by frame type, complex component and segment."""
        telling = (
            *self._group(frame, tag.MR_IMAGE_FRAME_TYPE_SEQUENCE, _frame_type),
            *self._group(frame, tag.CT_IMAGE_FRAME_TYPE_SEQUENCE, _frame_type),
            *self._group(frame, tag.PET_FRAME_TYPE_SEQUENCE, _frame_type),
            self._group(frame, tag.SEGMENT_IDENTIFICATION_SEQUENCE, _segment),
        )
        if telling not in self._fingerprints:
            self._fingerprints[telling] = fingerprint([*self._of_object, *telling])
        return self._fingerprints[telling]


def _measures(group: Tags) -> tuple[Pair, float]:
    return read_spacing(group), optional(group, tag.SLICE_THICKNESS)


def _content(group: Tags) -> tuple[str, int]:
    moment = text(group, tag.FRAME_ACQUISITION_DATE_TIME)
    return moment, optional_integer(group, tag.TEMPORAL_POSITION_INDEX)


def _echo_time(group: Tags) -> float:
    return optional(group, tag.EFFECTIVE_ECHO_TIME)


def _b_value(group: Tags) -> float:
    return optional(group, tag.DIFFUSION_B_VALUE)


def _trigger_time(group: Tags) -> float:
    return optional(group, tag.NOMINAL_CARDIAC_TRIGGER_DELAY_TIME)


def _frame_type(group: Tags) -> tuple[str, str]:
    return "/".join(texts(group, tag.FRAME_TYPE)), text(group, tag.COMPLEX_IMAGE_COMPONENT)


def _segment(group: Tags) -> str:
    return text(group, tag.REFERENCED_SEGMENT_NUMBER)


@lru_cache(maxsize=1024)  # frames of one volume often share it
def _frame_seconds(value: str, zone: timezone | None) -> float:
    moment = read_date_time(value, zone)
    return posix_seconds(moment) if moment else math.nan
