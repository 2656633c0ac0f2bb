"""The matrix that a displacement field is around a point."""

import numpy as np
import pytest

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.local_affine import local_affine
from longitudinal.transforms.model import linear

POINT = np.array([12.0, -20.0, 8.0])
MOTION = np.array([[0.0, -1.0, 0.0, 5.0], [1.0, 0.0, 0.0, -3.0], [0.0, 0.0, 1.0, 7.0], [0.0, 0.0, 0.0, 1.0]])


def test_a_matrix_is_itself() -> None:
    np.testing.assert_array_equal(local_affine(linear(MOTION), POINT), MOTION)


def test_a_field_is_a_matrix_round_a_point() -> None:
    """D rises linearly: interpolation is exact, and the map is the same matrix everywhere."""
    stretch = np.array([[0.05, 0.01, 0.0], [0.0, -0.03, 0.02], [0.01, 0.0, 0.04]])
    k, j, i = np.indices((9, 9, 9))
    origin = np.full(3, -40.0)
    points = origin + np.stack([i, j, k], axis=-1) * 10.0
    field = DisplacementField(
        origin, np.array([1.0, 0, 0, 0, 1, 0]), np.full(3, 10.0), (9, 9, 9),
        (points @ stretch.T).astype(np.float32), np.eye(4), MOTION,
    )  # fmt: skip
    expected = np.eye(4)
    expected[:3, :3] += stretch
    grid = DisplacementGrid(field)
    np.testing.assert_allclose(local_affine(grid, POINT), MOTION @ expected, atol=1e-4)
    with pytest.raises(ValueError, match="does not reach"):
        local_affine(grid, np.array([1e4, 0, 0]))
