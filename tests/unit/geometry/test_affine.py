"""4x4 point maps against values computed by hand."""

import numpy as np
import pytest

from longitudinal.geometry import affine

B_FROM_A = np.array([[0.0, -1, 0, 10], [1, 0, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1]])
C_FROM_B = np.array([[2.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -5], [0, 0, 0, 1]])


def test_apply_by_hand_keeps_shape_and_nan_rows():
    points = np.array([[[1.0, 2.0, 3.0], [np.nan, 0.0, 0.0]]])
    mapped = affine.apply(B_FROM_A, points)
    assert mapped.shape == (1, 2, 3)
    assert mapped[0, 0].tolist() == [8.0, 21.0, 33.0]
    assert np.isnan(mapped[0, 1]).any()


def test_compose_applies_the_last_one_first():
    point = [1.0, 2.0, 3.0]
    c_from_a = affine.compose(C_FROM_B, B_FROM_A)
    by_steps = affine.apply(C_FROM_B, affine.apply(B_FROM_A, point))
    np.testing.assert_allclose(affine.apply(c_from_a, point), by_steps, atol=1e-12)
    assert by_steps.tolist() == [16.0, 21.0, 28.0]


def test_invert_is_exact_on_the_last_row():
    inverse = affine.invert(C_FROM_B @ B_FROM_A)
    np.testing.assert_allclose(inverse @ C_FROM_B @ B_FROM_A, np.eye(4), atol=1e-12)
    assert inverse[3].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("matrix", "rigid", "rigid_scale"),
    [
        (B_FROM_A, True, True),
        (C_FROM_B @ B_FROM_A, False, True),
        (np.diag([1.0, 1, -1, 1]), False, False),
        (np.array([[1.0, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), False, False),
        (np.zeros((4, 4)), False, False),
    ],
)
def test_kinds_of_matrices(matrix, rigid, rigid_scale):
    assert affine.is_rigid(matrix) is rigid
    assert affine.is_rigid_scale(matrix) is rigid_scale


def test_scales_stand_on_either_side_of_the_rotation():
    turn = np.eye(4)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    scale = np.diag([2.0, 1.0, 1.0, 1.0])
    assert affine.is_rigid_scale(scale @ turn)
    assert affine.is_rigid_scale(turn @ scale)
    assert not affine.is_rigid_scale(turn @ scale @ turn)


def moving(shift, scale=1.0):
    matrix = np.diag([scale, scale, scale, 1.0])
    matrix[1, 3] = shift
    return matrix


@pytest.mark.parametrize(
    ("matrix", "fault"),
    [
        (B_FROM_A, None),
        (np.eye(3), "shape"),
        (np.full((4, 4), np.inf), "notFinite"),
        (np.ones((4, 4)), "lastRow"),
        (np.diag([1.0, 1, 1e-9, 1]), "singular"),
        (np.diag([1e4, 1, 1, 1]), "singular"),
        (np.diag([-1.0, 1, 1, 1]), "mirrored"),
        (np.diag([1e300, 1, 1, 1]), "singular"),
        (moving(1e7), None),
        (moving(-1.001e7), "tooFar"),
        (moving(1e300), "tooFar"),
        (moving(2e5, scale=0.01), "tooFar"),  # its inverse moves by 2e7
    ],
)
def test_faults(matrix, fault):
    assert affine.find_fault(matrix) == fault
