"""The whole alignment on made-up anatomy whose motion is known."""

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.registration.alignment import Method, Stage
from longitudinal.registration.engine import align
from longitudinal.registration.search import LARGEST_ROTATION_DEGREES, ROTATION_STEP_DEGREES, rotation_grid
from tests.unit.registration.phantoms import Body, mean_error, motion, scan

WITHIN_MM = 0.3
"""A tenth of the voxel; the noise-free optimum is the truth itself."""

MOTION = motion((35.0, -50.0, 22.0), (18.0, -9.0, 26.0))
BODY = Body.random(1)
FIXED, MOVING = scan(BODY), scan(BODY, affine.invert(MOTION), seed=1)


def test_a_large_motion_is_found() -> None:
    alignment = align(FIXED, MOVING, Method.RIGID)
    assert mean_error(alignment.moving_from_fixed, MOTION) < WITHIN_MM
    assert affine.is_rigid(alignment.moving_from_fixed, 1e-6)
    assert alignment.quality.forward_backward_mean_mm < 2 * WITHIN_MM
    assert alignment.quality.accepted
    np.testing.assert_allclose(alignment.registration @ alignment.moving_from_fixed, np.eye(4), atol=1e-9)


def test_a_start_is_taken_instead_of_the_search() -> None:
    stages = set()
    start = motion((4.0, -3.0, 2.0), (3.0, -3.0, 3.0)) @ MOTION
    alignment = align(
        FIXED, MOVING, Method.RIGID, initial=start, progress=lambda stage, fraction: stages.add(stage)
    )
    assert mean_error(alignment.moving_from_fixed, MOTION) < WITHIN_MM
    assert Stage.SEARCH not in stages


def test_the_same_scans_give_the_same_matrix() -> None:
    first, second = (align(FIXED, MOVING, Method.RIGID, initial=MOTION).moving_from_fixed for _ in range(2))
    np.testing.assert_array_equal(first, second)


class Cancelled(Exception):
    pass


@pytest.mark.parametrize("stage", [Stage.SEARCH, Stage.REFINE, Stage.CHECK])
def test_what_progress_raises_ends_it(stage: Stage) -> None:
    def cancel(at: Stage, fraction: float) -> None:
        if at is stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        align(FIXED, MOVING, Method.RIGID, initial=None if stage is Stage.SEARCH else MOTION, progress=cancel)


def test_no_rotation_within_45_degrees_is_far_from_the_grid() -> None:
    grid = np.array(list(rotation_grid()))
    rng = np.random.default_rng(3)
    axes = rng.normal(size=(300, 3))
    angles = rng.uniform(0, 45, 300)
    worst = 0.0
    for axis, angle in zip(axes, angles, strict=True):
        turn = motion((0, 0, 0), tuple(axis / np.linalg.norm(axis) * angle))[:3, :3]
        cosine = (np.einsum("nij,ij->n", grid, turn).max() - 1) / 2
        worst = max(worst, float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    assert worst < 0.56 * ROTATION_STEP_DEGREES + (45 + 15 - LARGEST_ROTATION_DEGREES)
    assert worst < 18
