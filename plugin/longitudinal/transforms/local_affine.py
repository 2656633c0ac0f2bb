"""A point map around one point: a matrix, even if the map itself is not linear."""

import numpy as np

from longitudinal.geometry.affine import Matrix, Points
from longitudinal.transforms.graph import Path
from longitudinal.transforms.model import Transform

# A displacement grid has a vector each 5 mm; nearer points would see one cell of it.
_STEP_MM = 5.0


def local_affine(target_from_source: Transform | Path, point: Points) -> Matrix:
    """The (4, 4) map that approximates a transform around a point (3,) of its source frame, LPS mm.

    Raises
    ------
    ValueError
        The transform does not reach it.
    """
    if target_from_source.matrix is not None:
        return target_from_source.matrix
    steps = _STEP_MM * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    mapped = target_from_source.map_points(point + steps)
    if np.isnan(mapped).any():
        raise ValueError("the transform does not reach the point")
    matrix = np.eye(4)
    matrix[:3, :3] = (mapped[1:4] - mapped[4:7]).T / (2 * _STEP_MM)
    matrix[:3, 3] = mapped[0] - matrix[:3, :3] @ point
    return matrix
