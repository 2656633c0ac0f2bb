"""Blocks against shifts that are known."""

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.registration.block_match import BlockMatches, match_blocks
from longitudinal.registration.pyramid import Pyramid, as_transform
from tests.unit.registration.phantoms import BODY, Body, motion, scan

pytestmark = pytest.mark.slow

WITHIN_MM = 0.4
"""A fifth of the blocks' voxel."""

FIXED = Pyramid(scan(BODY, spacing=(2.5, 2.5, 3.0), size=(72, 80, 54)))


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (3.0, -5.0, 1.5)])
def test_a_shift_is_what_every_block_asks_for(shift: tuple[float, float, float]) -> None:
    moving = Pyramid(
        scan(BODY, affine.invert(motion(shift, (0, 0, 0))), spacing=(2.5, 2.5, 3.0), size=(72, 80, 54))
    )
    blocks = match_blocks(FIXED, moving, as_transform(np.eye(4)))
    assert len(blocks.centres) >= 8
    np.testing.assert_allclose(np.median(blocks.displacements, axis=0), shift, atol=WITHIN_MM)
    assert blocks.offset_mm == pytest.approx(np.linalg.norm(shift), abs=WITHIN_MM)
    assert blocks.spread_mm < WITHIN_MM


def test_another_body_fits_nowhere_in_particular() -> None:
    other = Pyramid(scan(Body.random(4), spacing=(2.5, 2.5, 3.0), size=(72, 80, 54)))
    assert match_blocks(FIXED, other, as_transform(np.eye(4))).spread_mm > 3


def test_without_overlap_there_are_no_blocks() -> None:
    away = motion((1000, 0, 0), (0, 0, 0))
    blocks = match_blocks(FIXED, FIXED, as_transform(away))
    assert len(blocks.centres) == 0
    assert np.isnan(blocks.offset_mm)
    assert np.isnan(blocks.spread_mm)


def test_spread_is_the_distance_from_the_neighbours() -> None:
    centres = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3) * 20
    smooth = centres * 0.05
    assert BlockMatches(centres, smooth, np.ones(64)).spread_mm < 1
    wild = np.random.default_rng(1).uniform(-10, 10, (64, 3))
    assert BlockMatches(centres, wild, np.ones(64)).spread_mm > 5
