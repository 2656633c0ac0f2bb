"""The displacement field of a Deformable Spatial Registration item (PS3.3 C.20.3).

The map runs from the REG's frame into the item's, opposite to a matrix REG:
``source = Post . (Pre . x + D(x))``. The grid lies in the Registered RCS: D is looked up at the registered
point x itself, not at ``Pre . x`` (C.20.3.1.1).
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry import affine

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
