"""Reads the displacement field of a Deformable Spatial Registration item (PS3.3 C.20.3)."""

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from longitudinal.dicom.registration.displacement_field import DisplacementField, find_field_fault
from longitudinal.dicom.registration.matrix import RefusedError, items, numbers, read_matrix, value_of
from longitudinal.geometry import affine
from longitudinal.reasons import RegistrationRefusal

COSINE_TOLERANCE = 1e-2
"""How far the direction cosines of a grid may be from perpendicular unit vectors.

They are used as stored; beyond one per cent a 300 mm grid is 3 mm off, which is more than rounding.
"""


def read_pre_and_post(item: Dataset) -> tuple[affine.Matrix, affine.Matrix]:
    """Read the matrices before and after the deformation; an absent one is the identity.

    Raises
    ------
    RefusedError
        ``badMatrix``, ``singular`` or ``mirrored``.
    """
    matrices = []
    for name in ("Pre", "Post"):
        parts = items(item, f"{name}DeformationMatrixRegistrationSequence")
        if len(parts) > 1:
            raise RefusedError(
                RegistrationRefusal.BAD_MATRIX, f"{name}-deformation matrix: several, the standard allows one"
            )
        matrices.append(read_matrix(parts[0]) if parts else np.eye(4))
    pre, post = matrices
    return pre, post


def read_displacement_field(item: Dataset) -> DisplacementField | None:
    """Read a Deformable Registration Sequence item.

    Returns
    -------
    The field, or None if the item has no grid: then D is zero, and only the matrices count.

    Raises
    ------
    RefusedError
        ``badGrid``, ``badMatrix``, ``singular`` or ``mirrored``.
    """
    pre, post = read_pre_and_post(item)
    grids = items(item, "DeformableRegistrationGridSequence")
    if not grids:
        return None
    if len(grids) > 1:
        raise RefusedError(
            RegistrationRefusal.BAD_GRID, "the item has several grids, the standard allows one"
        )
    grid = grids[0]
    position = _finite(grid, "ImagePositionPatient", 3)
    orientation = _finite(grid, "ImageOrientationPatient", 6)
    resolution = _finite(grid, "GridResolution", 3)
    dimensions = _dimensions(_finite(grid, "GridDimensions", 3))
    _check_axes(orientation)
    field = DisplacementField(
        position, orientation, resolution, dimensions, _vectors(grid, dimensions, _is_little(item)), pre, post
    )
    fault = find_field_fault(field)
    if fault is not None:
        raise RefusedError(RegistrationRefusal.BAD_GRID, fault)
    return field


def _finite(grid: Dataset, keyword: str, count: int) -> NDArray[np.float64]:
    values = numbers(grid, keyword)
    if values.size != count or not np.isfinite(values).all():
        raise RefusedError(RegistrationRefusal.BAD_GRID, f"{keyword} is not {count} finite numbers")
    return values


def _dimensions(values: NDArray[np.float64]) -> tuple[int, int, int]:
    i, j, k = (int(value) for value in values)
    if min(i, j, k) < 1:
        raise RefusedError(RegistrationRefusal.BAD_GRID, "GridDimensions has a dimension below one")
    return (i, j, k)


def _check_axes(orientation: NDArray[np.float64]) -> None:
    axes = orientation.reshape(2, 3)
    if not np.abs(axes @ axes.T - np.eye(2)).max() <= COSINE_TOLERANCE:
        raise RefusedError(
            RegistrationRefusal.BAD_GRID, "ImageOrientationPatient is not two perpendicular unit vectors"
        )


def _is_little(item: Dataset) -> bool:
    return item.original_encoding[1] is not False


def _vectors(grid: Dataset, dimensions: tuple[int, int, int], little_endian: bool) -> NDArray[np.float32]:
    value = value_of(grid, "VectorGridData")
    data = value if isinstance(value, bytes) else b""
    i, j, k = dimensions
    if len(data) != i * j * k * 3 * 4:
        detail = f"VectorGridData has {len(data)} bytes, {i} x {j} x {k} vectors need {i * j * k * 12}"
        raise RefusedError(RegistrationRefusal.BAD_GRID, detail)
    vectors = np.frombuffer(data, "<f4" if little_endian else ">f4").astype(np.float32).reshape(k, j, i, 3)
    undefined = ~np.isfinite(vectors).all(axis=3)
    if undefined.all():
        raise RefusedError(RegistrationRefusal.BAD_GRID, "VectorGridData defines no vector at all")
    vectors[undefined] = np.nan
    vectors.setflags(write=False)
    return vectors
