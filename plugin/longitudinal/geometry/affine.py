"""4x4 maps of points in patient coordinates.

A matrix is named after what it maps: ``b_from_a`` takes points of frame A into frame B, and
``c_from_a = c_from_b @ b_from_a``. Every point is LPS, millimetres, float64 (PS3.3 C.7.6.2.1.1); every matrix
is homogeneous with the last row ``0, 0, 0, 1`` (PS3.3 C.20.2.1.1).
"""

from enum import StrEnum
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]
Points = NDArray[np.float64]

LAST_ROW_TOLERANCE = 1e-6
"""How far the last row may be from 0, 0, 0, 1: the rounding of a decimal string, and nothing else."""

RIGID_TOLERANCE = 1e-3
"""Largest entry of ``R^T R - 1`` still called rigid.

A rotation written with four decimals is off by 2e-4; half of 1e-3 on a lever of 200 mm is 0.1 mm.
"""

MIN_STRETCH = 1e-3
"""Smallest and, inverted, largest stretch of a usable map.

Both frames are in millimetres of the same patient: a map that folds a metre into a millimetre is no anatomy.
"""


FARTHEST_MM = 1e7
"""No scanner is ten kilometres long: a coordinate beyond it is an error, and could overflow later."""

_ROUNDING = 1 + 1e-6
"""Tolerance that lets a value written at the limit be read back as within it."""


class MatrixFault(StrEnum):
    """Why a 4x4 array is not a usable point map."""

    SHAPE = "shape"
    NOT_FINITE = "notFinite"
    LAST_ROW = "lastRow"
    TOO_FAR = "tooFar"
    SINGULAR = "singular"
    MIRRORED = "mirrored"


def apply(matrix: Matrix, points: ArrayLike) -> Points:
    """Map points.

    Parameters
    ----------
    matrix
        (4, 4), target from source.
    points
        (..., 3) in mm, LPS of the source frame. NaN rows stay NaN.

    Returns
    -------
    (..., 3) in mm, LPS of the target frame.

    >>> apply(np.array([[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), [1, 2, 3]).tolist()
    [6.0, 2.0, 3.0]
    """
    mapped: Points = np.asarray(points, dtype=np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return mapped


def compose(*matrices: Matrix) -> Matrix:
    """Multiply maps, the last one applied first: ``compose(c_from_b, b_from_a)`` is ``c_from_a``."""
    return reduce(np.matmul, matrices, np.eye(4))


def invert(matrix: Matrix) -> Matrix:
    """Invert a point map.

    Raises
    ------
    numpy.linalg.LinAlgError
        The linear part has no inverse.
    """
    linear = matrix[:3, :3]
    inverse = np.eye(4)
    inverse[:3, :3] = np.linalg.inv(linear)
    inverse[:3, 3] = -inverse[:3, :3] @ matrix[:3, 3]
    return inverse


def best_rotation(covariance: Matrix) -> tuple[Matrix, Points, float]:
    """The rotation that turns points onto others best (Kabsch).

    Parameters
    ----------
    covariance
        (3, 3) sum over the points, weighted or not, of ``outer(source, target)``, both about their centroids.

    Returns
    -------
    rotation
        (3, 3), target from source.
    stretches
        (3,) singular values, largest first.
    handedness
        -1 where a mirror image would fit better, else 1.
    """
    left, stretches, right = np.linalg.svd(covariance)
    handedness = float(np.sign(np.linalg.det(left @ right))) or 1.0
    return np.asarray(right.T @ np.diag([1.0, 1.0, handedness]) @ left.T), stretches, handedness


def is_rigid(matrix: Matrix, tolerance: float = RIGID_TOLERANCE) -> bool:
    """Whether the map keeps distances and handedness (PS3.3 C.20.2.1.2, type RIGID)."""
    linear = matrix[:3, :3]
    deviation = np.abs(linear.T @ linear - np.eye(3)).max()
    return bool(deviation <= tolerance and np.linalg.det(linear) > 0)


def is_rigid_scale(matrix: Matrix, tolerance: float = RIGID_TOLERANCE) -> bool:
    """Whether the map is a rotation and scales along three perpendicular axes (type RIGID_SCALE).

    PS3.3 C.20.2.1.2 says no more than that, so the scales may be on either side of the rotation: then the rows
    are perpendicular, or the columns.
    """
    linear = matrix[:3, :3]
    return _has_perpendicular_rows(linear, tolerance) or _has_perpendicular_rows(linear.T, tolerance)


def _has_perpendicular_rows(linear: Matrix, tolerance: float) -> bool:
    lengths = np.linalg.norm(linear, axis=1)
    if not np.all(lengths > 0):
        return False
    unit_rows = linear / lengths[:, None]
    deviation = np.abs(unit_rows @ unit_rows.T - np.eye(3)).max()
    return bool(deviation <= tolerance and np.linalg.det(linear) > 0)


def is_identity(matrix: Matrix, tolerance: float = LAST_ROW_TOLERANCE) -> bool:
    """Whether the map leaves every point where it is, to the rounding of a decimal string."""
    return bool(np.abs(matrix - np.eye(4)).max() <= tolerance)


def find_fault(matrix: NDArray[np.float64]) -> MatrixFault | None:
    """Tell why an array is not a usable point map; None if it is one.

    A map is also unusable if its translation, or that of its inverse, is beyond `FARTHEST_MM`: paths use it both ways.

    >>> find_fault(np.diag([1.0, 1.0, -1.0, 1.0]))
    <MatrixFault.MIRRORED: 'mirrored'>
    >>> find_fault(np.eye(4)) is None
    True
    """
    if matrix.shape != (4, 4):
        return MatrixFault.SHAPE
    if not np.isfinite(matrix).all():
        return MatrixFault.NOT_FINITE
    if np.abs(matrix[3] - (0.0, 0.0, 0.0, 1.0)).max() > LAST_ROW_TOLERANCE:
        return MatrixFault.LAST_ROW
    linear = matrix[:3, :3]
    # No entry is larger than the largest stretch; checked first, since squares of huge numbers overflow.
    if np.abs(linear).max() > 1 / MIN_STRETCH:
        return MatrixFault.SINGULAR
    stretches = np.linalg.svd(linear, compute_uv=False)
    if stretches[-1] < MIN_STRETCH or stretches[0] > 1 / MIN_STRETCH:
        return MatrixFault.SINGULAR
    if np.linalg.det(linear) < 0:
        return MatrixFault.MIRRORED
    if not (are_near(matrix[:3, 3]) and are_near(invert(matrix)[:3, 3])):
        return MatrixFault.TOO_FAR
    return None


def are_near(values: ArrayLike) -> bool:
    """Whether all coordinates (mm) are finite and no farther from the origin than `FARTHEST_MM`, to rounding.

    >>> are_near([1.0, -1e7]), are_near([1e8, 0.0]), are_near(float("nan"))
    (True, False, False)
    """
    return bool((np.abs(np.asarray(values, dtype=np.float64)) <= FARTHEST_MM * _ROUNDING).all())
