"""Planes of reconstructed nuclear medicine images: one position and the spacing (PS3.3 C.8.4.15)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.planes.plane_values import (
    NotIndexableError,
    PlaneValues,
    build_planes,
    checked_position,
    common_values,
    fingerprint,
    frame_count,
    matrix_size,
    read_orientation,
    read_position,
    read_spacing,
)
from longitudinal.dicom.planes.reasons import NotIndexableReason
from longitudinal.dicom.tags import BadValueError, Tags, integer, name_of, number, numbers, sequence, texts
from longitudinal.geometry.image_plane import Planes, normals

RECONSTRUCTIONS = frozenset({"RECON TOMO", "RECON GATED TOMO"})
"""Value 3 of ImageType (PS3.3 C.8.4.9.1.1); all others are projections of the camera."""

OTHER_VECTORS = (
    tag.ENERGY_WINDOW_VECTOR,
    tag.DETECTOR_VECTOR,
    tag.PHASE_VECTOR,
    tag.ROTATION_VECTOR,
    tag.RR_INTERVAL_VECTOR,
)
"""What tells frames of one slice apart, beside the time slot."""

MAX_SLICE_SPACING_MM = 1e3
"""1 m: farther apart are no slices of a patient."""


def nuclear_medicine_planes(tags: Tags) -> Planes:
    """Read one plane per frame of a RECON TOMO or RECON GATED TOMO image.

    A frame of slice ``s`` (1-based, SliceVector) lies at ``position + (s - 1) * spacing * normal``, where the
    spacing is SpacingBetweenSlices with its sign.

    Raises
    ------
    NotIndexableError, BadValueError
        ``projection`` for every other kind; ``ambiguousOffsets`` where detectors differ or slices are not
        told.
    """
    kind = texts(tags, tag.IMAGE_TYPE)[2:3]
    if not RECONSTRUCTIONS.intersection(kind):
        raise NotIndexableError(
            NotIndexableReason.PROJECTION,
            f"ImageType value 3 of the NM image is {'/'.join(kind) or 'absent'}",
        )
    count = frame_count(tags)
    position, orientation = _first_plane(tags)
    spacing, size = read_spacing(tags), matrix_size(tags)
    first = build_planes([(position, orientation, spacing, *size, *common_values(tags))])
    slices = _slice_numbers(tags, count)
    step = normals(first)[0] * _slice_spacing(tags, slices)
    planes = first.repeat(count)
    for frame, slice_number in enumerate(slices):
        place = first["position"][0] + (slice_number - 1) * step
        planes["position"][frame] = checked_position(tuple(place.tolist()))
    planes["frame_number"] = range(1, count + 1)
    slots = _vector(tags, tag.TIME_SLOT_VECTOR, count)
    if slots is not None:
        planes["temporal_position"] = slots
    planes["image_type"] = _fingerprints(tags, count, int(first["image_type"][0]))
    return planes


def _first_plane(tags: Tags) -> PlaneValues:
    """Read position and orientation of the first slice, which all detectors must agree on.

    They stand in DetectorInformationSequence (PS3.3 C.8.4.11); some writers put both or one of them at the root.
    """
    detectors = [
        detector
        for detector in sequence(tags, tag.DETECTOR_INFORMATION_SEQUENCE)
        if tag.IMAGE_POSITION_PATIENT in detector or tag.IMAGE_ORIENTATION_PATIENT in detector
    ]
    places = {
        (
            read_position(detector if tag.IMAGE_POSITION_PATIENT in detector else tags),
            read_orientation(detector if tag.IMAGE_ORIENTATION_PATIENT in detector else tags),
        )
        for detector in detectors or [tags]
    }
    if len(places) > 1:
        raise NotIndexableError(
            NotIndexableReason.AMBIGUOUS_OFFSETS, f"DetectorInformationSequence has {len(places)} positions"
        )
    return places.pop()


def _slice_numbers(tags: Tags, count: int) -> Sequence[int]:
    """Find the 1-based slice number of each frame; without SliceVector the frames must be the slices."""
    vector = _vector(tags, tag.SLICE_VECTOR, count)
    if vector is not None:
        if min(vector) < 1 or max(vector) > count:
            raise BadValueError(
                f"SliceVector has slices {min(vector)} to {max(vector)}, NumberOfFrames is {count}"
            )
        return vector
    slices = integer(tags, tag.NUMBER_OF_SLICES)
    vectors = (*OTHER_VECTORS, tag.TIME_SLOT_VECTOR)
    if slices not in (None, count) or any(len(set(numbers(tags, key))) > 1 for key in vectors):
        detail = f"SliceVector is absent, NumberOfFrames is {count}, NumberOfSlices is {slices}: frames are not slices alone"
        raise NotIndexableError(NotIndexableReason.AMBIGUOUS_OFFSETS, detail)
    return range(1, count + 1)


def _slice_spacing(tags: Tags, slices: Sequence[int]) -> float:
    """Read SpacingBetweenSlices with its sign, mm."""
    spacing = number(tags, tag.SPACING_BETWEEN_SLICES)
    if max(slices) == 1:
        return 0.0
    if math.isnan(spacing):
        raise NotIndexableError(NotIndexableReason.AMBIGUOUS_OFFSETS, "SpacingBetweenSlices is absent")
    if spacing == 0:
        raise NotIndexableError(NotIndexableReason.ZERO_SPACING, "SpacingBetweenSlices is 0")
    if abs(spacing) > MAX_SLICE_SPACING_MM:
        raise BadValueError(f"SpacingBetweenSlices is {spacing:g}")
    return spacing


def _vector(tags: Tags, key: str, count: int) -> list[int] | None:
    """Read a frame vector, one whole number per frame; None when absent."""
    values = numbers(tags, key)
    if not values:
        return None
    if len(values) != count:
        raise BadValueError(f"NumberOfFrames is {count}, {name_of(key)} has {len(values)} values")
    return [int(value) for value in values]


def _fingerprints(tags: Tags, count: int, common: int) -> Sequence[int]:
    """Tell frames of one slice apart by energy window, detector, phase, rotation and heart beat."""
    vectors = [vector for key in OTHER_VECTORS if (vector := _vector(tags, key, count)) is not None]
    if not vectors:
        return np.full(count, common, np.uint32).tolist()
    return [fingerprint([str(common), *map(str, values)]) for values in zip(*vectors, strict=True)]
