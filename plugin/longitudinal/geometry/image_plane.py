"""One image plane in the patient: pixel to patient and back.

Patient coordinates are LPS, millimetres, float64. ``row`` and ``column`` are 0-based and may be fractional;
the centre of the first pixel is (0, 0). The formulas are those of PS3.3 C.7.6.2.1.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Planes = NDArray[Any]
"""A structured array of dtype `PLANE`."""

PLANE = np.dtype(
    [
        ("position", "<f8", (3,)),  # ImagePositionPatient: the centre of the first pixel, mm
        ("orientation", "<f8", (6,)),  # ImageOrientationPatient: direction of a row, then of a column
        ("spacing", "<f8", (2,)),  # PixelSpacing: between rows, between columns, mm
        ("rows", "<i4"),
        ("columns", "<i4"),
        ("slice_thickness", "<f4"),  # mm, NaN = absent
        ("frame_number", "<i4"),  # 1-based
        ("instance_number", "<i4"),  # -1 = absent
        ("acquisition_time", "<f8"),  # POSIX seconds, NaN = absent
        ("temporal_position", "<i4"),  # -1 = absent
        ("echo_time", "<f4"),  # ms, NaN = absent
        ("b_value", "<f4"),  # s/mm2, NaN = absent
        ("trigger_time", "<f4"),  # ms, NaN = absent
        ("image_type", "<u4"),  # crc32 of what tells magnitude, phase, Dixon, segment... apart
    ]
)
"""One frame of one instance; packed, so an array of planes is also the sidecar's BLOB."""


def patient_from_pixel(planes: Planes, row: ArrayLike, column: ArrayLike) -> NDArray[np.float64]:
    """Map pixels to the patient, ``P = IPP + column * dc * IOP[0:3] + row * dr * IOP[3:6]``.

    Parameters
    ----------
    planes : array of `PLANE`, shape (...)
    row, column : array_like, broadcast against ``planes``
        0-based, fractional allowed; (0, 0) is the centre of the first pixel.

    Returns
    -------
    ndarray, shape (..., 3)
        LPS, mm.

    Notes
    -----
    PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1. The cosines are used as stored, never normalised.

    >>> plane = np.zeros(1, PLANE)
    >>> plane["orientation"], plane["spacing"] = (1, 0, 0, 0, 1, 0), (2.0, 0.5)
    >>> patient_from_pixel(plane, 10, 4).tolist()
    [[2.0, 20.0, 0.0]]
    """
    along_row, down_column = _axes(planes)
    row = np.asarray(row, np.float64)[..., np.newaxis]
    column = np.asarray(column, np.float64)[..., np.newaxis]
    return np.asarray(planes["position"] + column * along_row + row * down_column)


def point_of_pixel(plane: np.void, row: float, column: float) -> NDArray[np.float64]:
    """The same for one pixel of one plane, equal in every bit: ten calls of numpy for nine numbers cost more than they do.

    >>> plane = np.zeros(1, PLANE)
    >>> plane["orientation"], plane["spacing"] = (1, 0, 0, 0, 1, 0), (2.0, 0.5)
    >>> point_of_pixel(plane[0], 10, 4).tolist()
    [2.0, 20.0, 0.0]
    """
    between_rows, between_columns = plane["spacing"].tolist()
    cosines = plane["orientation"].tolist()
    axes = zip(plane["position"].tolist(), cosines[:3], cosines[3:], strict=True)
    return np.array(
        [
            position + column * (along * between_columns) + row * (down * between_rows)
            for position, along, down in axes
        ]
    )


def pixel_from_patient(
    planes: Planes, points: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Project points orthogonally on planes: the inverse of `patient_from_pixel`.

    Parameters
    ----------
    planes : array of `PLANE`, shape (...)
    points : array_like, shape (..., 3), broadcast against ``planes``
        LPS, mm.

    Returns
    -------
    row, column : ndarray, shape (...)
        0-based, fractional, not clipped to the image.
    distance_mm : ndarray, shape (...)
        Signed, along the normal of the plane.

    >>> plane = np.zeros(1, PLANE)
    >>> plane["orientation"], plane["spacing"] = (1, 0, 0, 0, 1, 0), (2.0, 0.5)
    >>> [float(v[0]) for v in pixel_from_patient(plane, (2.0, 20.0, -3.0))]
    [10.0, 4.0, -3.0]
    """
    offset = np.asarray(points, np.float64) - planes["position"]
    measured = np.einsum("...ij,...j->...i", projections(planes), offset)
    return measured[..., 0], measured[..., 1], measured[..., 2]


def projections(planes: Planes) -> NDArray[np.float64]:
    """Build the matrices that take ``point - position`` to (row, column, distance_mm).

    Returns
    -------
    ndarray, shape (..., 3, 3)
        Rows 0 and 1 are the least-squares inverse of the two in-plane axes, so that the point's orthogonal
        projection is found even if the cosines are not quite perpendicular; row 2 is the unit normal.
    """
    along_row, down_column = _axes(planes)
    rr = np.einsum("...i,...i->...", down_column, down_column)[..., np.newaxis]
    cc = np.einsum("...i,...i->...", along_row, along_row)[..., np.newaxis]
    rc = np.einsum("...i,...i->...", down_column, along_row)[..., np.newaxis]
    determinant = rr * cc - rc * rc
    row = (cc * down_column - rc * along_row) / determinant
    column = (rr * along_row - rc * down_column) / determinant
    return np.stack([row, column, normals(planes)], axis=-2)


def normals(planes: Planes) -> NDArray[np.float64]:
    """Compute unit normals, row direction x column direction, shape (..., 3).

    >>> plane = np.zeros(1, PLANE)
    >>> plane["orientation"] = (1, 0, 0, 0, 1, 0)
    >>> normals(plane).tolist()
    [[0.0, 0.0, 1.0]]
    """
    orientation = planes["orientation"]
    a, b = orientation[..., 0:3], orientation[..., 3:6]
    # np.cross costs three times as much
    normal = a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
    return np.asarray(normal / np.sqrt(np.einsum("...i,...i->...", normal, normal))[..., np.newaxis])


def _axes(planes: Planes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the steps of one column (along a row) and of one row (down a column) in mm, each (..., 3)."""
    orientation, spacing = planes["orientation"], planes["spacing"]
    return orientation[..., 0:3] * spacing[..., 1:2], orientation[..., 3:6] * spacing[..., 0:1]
