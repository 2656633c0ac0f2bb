"""Planes of multi-frame objects with functional groups: enhanced CT, MR, PET, X-ray 3D, segmentation.

A functional group stands either in the item of its frame or once in the shared item; the frame's comes first
(PS3.3 C.7.6.16.1.1 and C.7.6.16.1.2).
"""

from __future__ import annotations

import math
from datetime import timezone
from functools import lru_cache

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.dates import posix_seconds, read_date_time, read_timezone
from longitudinal.dicom.header import acquisition_moment
from longitudinal.dicom.plane_values import (
    TELLING_APART,
    NotIndexableError,
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
from longitudinal.dicom.roles import FRAME_TYPE_SEQUENCES
from longitudinal.dicom.tags import Tags, item, sequence, text, texts
from longitudinal.geometry.image_plane import Planes

_NO_TAGS: Tags = {}

_GROUPS = (
    tag.PLANE_POSITION_SEQUENCE,
    tag.PLANE_ORIENTATION_SEQUENCE,
    tag.PIXEL_MEASURES_SEQUENCE,
    tag.FRAME_CONTENT_SEQUENCE,
    tag.CARDIAC_SYNCHRONIZATION_SEQUENCE,
    tag.MR_ECHO_SEQUENCE,
    tag.MR_DIFFUSION_SEQUENCE,
    tag.SEGMENT_IDENTIFICATION_SEQUENCE,
    *FRAME_TYPE_SEQUENCES,
)


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
        self._shared = {key: item(shared, key) for key in _GROUPS}
        self._size = matrix_size(tags)
        self._instance_number = optional_integer(tags, tag.INSTANCE_NUMBER)
        self._zone = read_timezone(text(tags, tag.TIMEZONE_OFFSET_FROM_UTC))
        moment = acquisition_moment(tags)
        self._time = posix_seconds(moment) if moment else math.nan
        self._of_object = ["/".join(texts(tags, key)) for key in TELLING_APART]

    def read(self, frame: Tags, number: int) -> PlaneValues:
        """Read the `PLANE` fields of the frame with this 1-based number."""
        position = self._group(frame, tag.PLANE_POSITION_SEQUENCE)
        orientation = self._group(frame, tag.PLANE_ORIENTATION_SEQUENCE)
        measures = self._group(frame, tag.PIXEL_MEASURES_SEQUENCE)
        content = self._group(frame, tag.FRAME_CONTENT_SEQUENCE)
        moment = text(content, tag.FRAME_ACQUISITION_DATE_TIME)
        heart = self._group(frame, tag.CARDIAC_SYNCHRONIZATION_SEQUENCE)
        return (
            read_position(position),
            read_orientation(orientation),
            read_spacing(measures),
            *self._size,
            optional(measures, tag.SLICE_THICKNESS),
            number,
            self._instance_number,
            _frame_seconds(moment, self._zone) if moment else self._time,
            optional_integer(content, tag.TEMPORAL_POSITION_INDEX),
            optional(self._group(frame, tag.MR_ECHO_SEQUENCE), tag.EFFECTIVE_ECHO_TIME),
            optional(self._group(frame, tag.MR_DIFFUSION_SEQUENCE), tag.DIFFUSION_B_VALUE),
            optional(heart, tag.NOMINAL_CARDIAC_TRIGGER_DELAY_TIME),
            self._fingerprint(frame),
        )

    def _group(self, frame: Tags, key: str) -> Tags:
        """Give the frame's own functional group, else the shared one, else {}."""
        return (item(frame, key) if key in frame else _NO_TAGS) or self._shared[key]

    def _fingerprint(self, frame: Tags) -> int:
        """Tell frames apart by frame type, complex component and segment."""
        telling = [*self._of_object]
        for key in FRAME_TYPE_SEQUENCES:
            kind = self._group(frame, key)
            if kind:
                telling += "/".join(texts(kind, tag.FRAME_TYPE)), text(kind, tag.COMPLEX_IMAGE_COMPONENT)
        segment = self._group(frame, tag.SEGMENT_IDENTIFICATION_SEQUENCE)
        telling.append(text(segment, tag.REFERENCED_SEGMENT_NUMBER))
        return fingerprint(telling)


@lru_cache(maxsize=1024)  # frames of one volume often share it
def _frame_seconds(value: str, zone: timezone | None) -> float:
    moment = read_date_time(value, zone)
    return posix_seconds(moment) if moment else math.nan
