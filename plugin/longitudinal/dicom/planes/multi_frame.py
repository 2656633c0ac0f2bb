"""Planes of multi-frame objects with functional groups: enhanced CT, MR, PET, X-ray 3D, segmentation.

An attribute stands either in the functional group of its frame or in the shared one; the frame's comes first
(PS3.3 C.7.6.16.1.1 and C.7.6.16.1.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timezone
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.dates import posix_seconds, read_date_time, read_timezone
from longitudinal.dicom.header import acquisition_moment
from longitudinal.dicom.planes.plane_values import (
    TELLING_APART,
    NotIndexableError,
    Pair,
    PlaneValues,
    Sextet,
    Triplet,
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
from longitudinal.dicom.planes.projections import (
    FRAME_TYPE_SEQUENCES,
    projection_of_frame,
    projection_of_image,
    says_of_frames,
)
from longitudinal.dicom.planes.reasons import NotIndexableReason
from longitudinal.dicom.planes.tiled_frames import tiles_of
from longitudinal.dicom.sop_classes import SEGMENTATIONS
from longitudinal.dicom.tags import BadValueError, Tags, item, sequence, text, texts
from longitudinal.geometry.image_plane import Planes

T = TypeVar("T")

_NO_TAGS: Tags = {}


def multi_frame_planes(tags: Tags) -> Planes:
    """Read one plane per frame; frames that are projections are left out where others are slices.

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
        detail = f"NumberOfFrames is {count}, PerFrameFunctionalGroupsSequence has {len(frames)} items"
        raise NotIndexableError(NotIndexableReason.FRAMES_WITHOUT_GEOMETRY, detail)
    slices = _slices(tags, frames, shared)
    reader = _FrameReader(tags, shared)
    planes = build_planes([_read(reader, frame, number) for number, frame in slices])
    # One position for each slice: the frames are no tiles. A series of tiled volumes has one for all of them.
    if len(np.unique(planes["position"], axis=0)) == 1 and (tiles := tiles_of(tags, frames[0], shared)):
        raise NotIndexableError(NotIndexableReason.MOSAIC, tiles)
    return planes


def _slices(tags: Tags, frames: Sequence[Tags], shared: Tags) -> list[tuple[int, Tags]]:
    """The frames that are no projections, with their 1-based numbers."""
    numbered = list(enumerate(frames, start=1))
    if text(tags, tag.SOP_CLASS_UID) in SEGMENTATIONS:
        return numbered
    if not says_of_frames(tags):
        found = projection_of_image(tags)
        slices = [] if found else numbered
    else:
        slices, found = [], ""
        for number, frame in numbered:
            why = projection_of_frame(tags, frame, shared)
            found = found or why
            if not why:
                slices.append((number, frame))
    if not slices:
        raise NotIndexableError(NotIndexableReason.PROJECTION, found)
    return slices


def _read(reader: _FrameReader, frame: Tags, number: int) -> PlaneValues:
    """Read one frame; what is wrong with it says of which frame it is."""
    try:
        return reader.read(frame, number)
    except NotIndexableError as error:
        raise NotIndexableError(error.reason, f"{error.detail} (frame {number})") from None
    except BadValueError as error:
        raise BadValueError(f"{error} (frame {number})") from None


class _FrameReader:
    """Reads one frame after the other; what is the same for all of them is read once.

    Each attribute is looked up by itself: in the group of the frame, in the shared group, and, where a writer left it
    there, at the root. A group of the frame may state one attribute and leave the others to the shared one.
    """

    def __init__(self, tags: Tags, shared: Tags) -> None:
        self._tags = tags
        self._shared = shared
        self._of_shared: dict[tuple[str, str], Any] = {}
        self._size = matrix_size(tags)
        self._is_single = frame_count(tags) == 1
        self._instance_number = optional_integer(tags, tag.INSTANCE_NUMBER)
        self._zone = read_timezone(text(tags, tag.TIMEZONE_OFFSET_FROM_UTC))
        moment = acquisition_moment(tags)
        self._time = posix_seconds(moment) if moment else math.nan
        self._of_object = ["/".join(texts(tags, key)) for key in TELLING_APART]
        self._fingerprints: dict[tuple[str, ...], int] = {}

    def read(self, frame: Tags, number: int) -> PlaneValues:
        """Read the `PLANE` fields of the frame with this 1-based number."""
        moment = self._find(frame, tag.FRAME_CONTENT_SEQUENCE, tag.FRAME_ACQUISITION_DATE_TIME, text)
        return (
            # a position at the root is that of one frame at most
            self._find(frame, tag.PLANE_POSITION_SEQUENCE, tag.IMAGE_POSITION_PATIENT, _position, self._is_single),
            self._find(frame, tag.PLANE_ORIENTATION_SEQUENCE, tag.IMAGE_ORIENTATION_PATIENT, _orientation, True),
            self._find(frame, tag.PIXEL_MEASURES_SEQUENCE, tag.PIXEL_SPACING, _spacing, True),
            *self._size,
            self._find(frame, tag.PIXEL_MEASURES_SEQUENCE, tag.SLICE_THICKNESS, optional, True),
            number,
            self._instance_number,
            _frame_seconds(moment, self._zone) if moment else self._time,
            self._find(frame, tag.FRAME_CONTENT_SEQUENCE, tag.TEMPORAL_POSITION_INDEX, optional_integer),
            self._find(frame, tag.MR_ECHO_SEQUENCE, tag.EFFECTIVE_ECHO_TIME, optional),
            self._find(frame, tag.MR_DIFFUSION_SEQUENCE, tag.DIFFUSION_B_VALUE, optional),
            self._find(
                frame, tag.CARDIAC_SYNCHRONIZATION_SEQUENCE, tag.NOMINAL_CARDIAC_TRIGGER_DELAY_TIME, optional
            ),
            self._fingerprint(frame),
        )  # fmt: skip

    def _find(
        self, frame: Tags, group: str, key: str, read: Callable[[Tags, str], T], is_at_root: bool = False
    ) -> T:
        """Read one attribute of a functional group: the frame's own, else the shared one, else that of the root."""
        if group in frame and (own := item(frame, group)) and own.get(key, "") != "":
            return read(own, key)
        if (group, key) not in self._of_shared:
            source = item(self._shared, group)
            if is_at_root and source.get(key, "") == "":
                source = self._tags
            self._of_shared[(group, key)] = read(source, key)
        value: T = self._of_shared[(group, key)]
        return value

    def _fingerprint(self, frame: Tags) -> int:
        """Tell frames apart by frame type, complex component and segment."""
        telling = tuple(
            [
                self._find(frame, group, key, _joined) if group in frame or group in self._shared else ""
                for group in FRAME_TYPE_SEQUENCES
                for key in (tag.FRAME_TYPE, tag.COMPLEX_IMAGE_COMPONENT)
            ]
            + [self._find(frame, tag.SEGMENT_IDENTIFICATION_SEQUENCE, tag.REFERENCED_SEGMENT_NUMBER, text)]
        )
        if telling not in self._fingerprints:
            self._fingerprints[telling] = fingerprint([*self._of_object, *telling])
        return self._fingerprints[telling]


def _position(group: Tags, _: str) -> Triplet:
    return read_position(group)


def _orientation(group: Tags, _: str) -> Sextet:
    return read_orientation(group)


def _spacing(group: Tags, _: str) -> Pair:
    return read_spacing(group)


def _joined(group: Tags, key: str) -> str:
    return "/".join(texts(group, key))


@lru_cache(maxsize=1024)  # frames of one volume often share it
def _frame_seconds(value: str, zone: timezone | None) -> float:
    moment = read_date_time(value, zone)
    return posix_seconds(moment) if moment else math.nan
