"""The displacement field of a Deformable Spatial Registration item (PS3.3 C.20.3).

The map runs from the REG's frame into the item's, opposite to a matrix REG:
``source = Post . (Pre . x + D(x))``. The grid lies in the Registered RCS: D is looked up at the registered
point x itself, not at ``Pre . x`` (C.20.3.1.1).
"""

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from longitudinal.dicom.registration.matrix import RefusedError, items, numbers, read_matrix, value_of
from longitudinal.geometry import affine
from longitudinal.reasons import RegistrationRefusal

COSINE_TOLERANCE = 1e-2
"""How far the direction cosines of a grid may be from perpendicular unit vectors.

They are used as stored; beyond one per cent a 300 mm grid is 3 mm off, which is more than rounding.
"""

LONGEST_VECTOR_MM = 1e4
"""No part of a patient moves by ten metres; float32 goes to 3e38, and its square overflows."""

LEAST_STEP_MM, LARGEST_STEP_MM = 1e-3, 1e4
"""Between grid voxels: finer than any image, and longer than any patient."""


class DisplacementField(msgspec.Struct, frozen=True, eq=False):
    """A grid of displacement vectors in a REG's own frame, between two matrices.

    Attributes
    ----------
    position
        (3,) centre of the first grid voxel, LPS mm.
    orientation
        (6,) direction of increasing i, then of increasing j; k runs along their cross product.
    resolution
        (3,) mm between grid voxels along i, j, k.
    dimensions
        Grid voxels along i, j, k.
    vectors
        (k, j, i, 3) float32, mm; NaN where the transform is undefined (C.20.3.1.3: i runs fastest).
    pre, post
        (4, 4), identity when the file has none.
    """

    position: NDArray[np.float64]
    orientation: NDArray[np.float64]
    resolution: NDArray[np.float64]
    dimensions: tuple[int, int, int]
    vectors: NDArray[np.float32]
    pre: affine.Matrix
    post: affine.Matrix

    @property
    def point_from_index(self) -> affine.Matrix:
        """(4, 4) LPS mm from 0-based (i, j, k): ``start + i Rx row + j Ry column + k Rz row x column``."""
        row, column = self.orientation[:3], self.orientation[3:]
        matrix = np.eye(4)
        matrix[:3, :3] = np.column_stack([row, column, np.cross(row, column)]) * self.resolution
        matrix[:3, 3] = self.position
        return matrix


def find_field_fault(field: DisplacementField) -> str | None:
    """Why a field is impossible for a patient; None if it is possible.

    Without these limits sums and squares of its numbers overflow, and points cannot be looked up.
    """
    if not (field.resolution > 0).all():
        return "GridResolution is not positive"
    if not ((field.resolution >= LEAST_STEP_MM) & (field.resolution <= LARGEST_STEP_MM)).all():
        return f"GridResolution is not between {LEAST_STEP_MM} and {LARGEST_STEP_MM:.0f} mm"
    corners = affine.apply(field.point_from_index, np.array([(0, 0, 0), field.dimensions]))
    if not affine.are_near(corners):
        return f"the grid begins or ends more than {affine.FARTHEST_MM:.0f} mm from the origin"
    longest = np.nanmax(np.abs(field.vectors), initial=0.0)
    if not longest <= LONGEST_VECTOR_MM:
        return f"VectorGridData has a component of {longest:.3g} mm; the most is {LONGEST_VECTOR_MM:.0f} mm"
    return None


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
