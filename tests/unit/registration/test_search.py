"""The global search: its grid of rotations, and what it finds across contrasts."""

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import COARSE, refine_start
from longitudinal.registration.search import rotation_grid, search
from tests.unit.registration.phantoms import BODY, MOTION, mean_error, motion, scan

pytestmark = pytest.mark.slow

FARTHEST_DEGREES = 18.0
"""How far a rotation within 45 degrees is from the grid at the most; the refinement bridges 20."""

CAPTURE_MM = 20.0


def test_no_rotation_within_45_degrees_is_far_from_the_grid() -> None:
    grid = np.array(list(rotation_grid()))
    rng = np.random.default_rng(3)
    axes = rng.normal(size=(300, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    for axis, angle in zip(axes, rng.uniform(0, 45, 300), strict=True):
        turn = motion((0, 0, 0), tuple(axis * angle))[:3, :3]
        cosine = (np.einsum("nij,ij->n", grid, turn).max() - 1) / 2
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) < FARTHEST_DEGREES


def test_the_grid_begins_without_a_turn_and_holds_rotations() -> None:
    grid = np.array(list(rotation_grid()))
    np.testing.assert_array_equal(grid[0], np.eye(3))
    np.testing.assert_allclose(
        grid @ grid.transpose(0, 2, 1), np.broadcast_to(np.eye(3), grid.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(grid), 1)


@pytest.mark.parametrize("inverted", [False, True], ids=["one contrast", "dark for bright"])
def test_the_right_place_is_among_the_candidates(inverted: bool) -> None:
    fixed = scan(BODY)
    moving = scan(BODY, affine.invert(MOTION), seed=1)
    if inverted:
        inside = moving.voxels > 50
        moving.voxels[inside] = 1100 - moving.voxels[inside]
    candidates = search(Pyramid(fixed), Pyramid(moving), lambda fraction: None)
    errors = [mean_error(candidate.moving_from_fixed, MOTION) for candidate in candidates]
    assert min(errors) < CAPTURE_MM


def test_the_same_start_ends_at_the_same_place() -> None:
    fixed, moving = Pyramid(scan(BODY)), Pyramid(scan(BODY, affine.invert(MOTION), seed=1))
    ends = [refine_start(fixed, moving, MOTION, COARSE) for _ in range(2)]
    assert ends[0] is not None
    assert ends[1] is not None
    np.testing.assert_array_equal(ends[0].moving_from_fixed, ends[1].moving_from_fixed)
