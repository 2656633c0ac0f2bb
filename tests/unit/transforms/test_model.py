"""Linear transforms."""

import numpy as np
import pytest

from longitudinal.transforms.model import Affine, Rigid, linear

SHEAR = np.array([[1.0, 0.2, 0, 5], [0, 1.1, 0, -3], [0, 0, 0.9, 2], [0, 0, 0, 1]])


def test_inverse_returns_every_point():
    points = np.random.default_rng(1).uniform(-500, 500, (50, 3))
    transform = linear(SHEAR)
    assert type(transform) is Affine
    np.testing.assert_allclose(
        transform.inverse().map_points(transform.map_points(points)), points, atol=1e-9
    )


def test_linear_tells_rigid_from_affine():
    assert type(linear(np.eye(4))) is Rigid
    with pytest.raises(ValueError, match="notRigid"):
        Rigid(SHEAR)


@pytest.mark.parametrize(
    ("matrix", "fault"),
    [
        (np.zeros((4, 4)), "lastRow"),
        (np.diag([1.0, 1, 0, 1]), "singular"),
        (np.diag([1.0, 1, -1, 1]), "mirrored"),
        (np.full((4, 4), np.nan), "notFinite"),
        (np.eye(3), "shape"),
    ],
)
def test_what_is_no_point_map_is_refused(matrix, fault):
    with pytest.raises(ValueError, match=fault):
        linear(matrix)


def test_matrix_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="read-only"):
        linear(np.eye(4)).matrix[0, 0] = 2
