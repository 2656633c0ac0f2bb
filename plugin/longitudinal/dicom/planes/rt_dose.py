"""Planes of an RT Dose grid: the first position and GridFrameOffsetVector (PS3.3 C.8.8.3.2)."""

from __future__ import annotations

import math

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.planes.plane_values import (
    NotIndexableError,
    build_planes,
    checked_position,
    common_values,
    frame_count,
    geometry_values,
)
from longitudinal.dicom.planes.reasons import NotIndexableReason
from longitudinal.dicom.tags import Tags, numbers
from longitudinal.geometry.image_plane import Planes, normals

OFFSET_TOLERANCE_MM = 1e-2
"""The first offset and the position's z may be written with a different number of decimals."""

AXIAL_TOLERANCE = 1e-4
"""Cosines this near to 0 or 1 are axial: 0.05 mm over half a metre."""


def dose_planes(tags: Tags) -> Planes:
    """Read one plane per frame.

    Offsets that start at 0 run from the first plane along the normal. Offsets that start at the z of
    ImagePositionPatient are absolute z, which holds for axial planes only. Anything else is ambiguous.

    Raises
    ------
    NotIndexableError, BadValueError
    """
    count = frame_count(tags)
    geometry, common = geometry_values(tags), common_values(tags)
    offsets = numbers(tags, tag.GRID_FRAME_OFFSET_VECTOR)
    if not offsets and count == 1:
        offsets = (0.0,)  # a single plane needs no offsets
    if len(offsets) != count:
        detail = f"NumberOfFrames is {count}, GridFrameOffsetVector has {len(offsets)} values"
        raise NotIndexableError(NotIndexableReason.FRAMES_WITHOUT_GEOMETRY, detail)
    first = build_planes([(*geometry, *common)])
    position, orientation = first["position"][0], first["orientation"][0]
    if offsets[0] == 0.0:
        step = normals(first)[0]
    elif _is_axial(orientation.tolist()) and math.isclose(
        offsets[0], position[2], rel_tol=0.0, abs_tol=OFFSET_TOLERANCE_MM
    ):
        step = normals(first)[0] * 0.0
        step[2] = 1.0
        position[2] = 0.0
    else:
        detail = (
            f"GridFrameOffsetVector starts at {offsets[0]:g}, neither at 0 nor, in an axial grid, at z of the first plane "
            f"({position[2]:g})"
        )
        raise NotIndexableError(NotIndexableReason.AMBIGUOUS_OFFSETS, detail)
    planes = first.repeat(count)
    for number, offset in enumerate(offsets):
        planes["position"][number] = checked_position(tuple((position + offset * step).tolist()))
    planes["frame_number"] = range(1, count + 1)
    return planes


def _is_axial(orientation: list[float]) -> bool:
    """Whether rows and columns run along +-x and +-y."""
    axial = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    return all(
        abs(abs(have) - want) <= AXIAL_TOLERANCE for have, want in zip(orientation, axial, strict=True)
    )
