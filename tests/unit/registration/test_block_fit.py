"""A rigid alignment fitted to the displacements of blocks."""

from typing import Any

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.registration import block_fit
from longitudinal.registration.block_fit import LEAST_BLOCKS, common_motion, fit_to_blocks
from longitudinal.registration.block_match import BlockMatches
from longitudinal.registration.pyramid import Pyramid
from tests.unit.registration.phantoms import BODY, MOTION, mean_error, motion, scan

ASKED = motion((0.4, -0.3, 0.2), (0.3, 0.1, -0.4))


def blocks(asked: affine.Matrix, count: int = 300, noise: float = 0.2) -> BlockMatches:
    random = np.random.default_rng(3)
    centres = random.uniform(-80, 80, (count, 3))
    displacements = affine.apply(asked, centres) - centres + random.normal(scale=noise, size=(count, 3))
    return BlockMatches(centres, displacements, np.ones(count))


def test_the_errors_of_blocks_even_out() -> None:
    assert mean_error(common_motion(blocks(ASKED)), ASKED) < 0.05


def test_a_part_that_moved_by_itself_does_not_turn_the_rest() -> None:
    found = blocks(ASKED)
    moved_by_itself = found.centres[:, 2] < -30
    displacements = found.displacements + np.where(moved_by_itself[:, None], (3.0, -4.0, 11.0), 0.0)
    assert moved_by_itself.mean() > 0.3
    assert mean_error(common_motion(BlockMatches(found.centres, displacements, found.scores)), ASKED) < 0.1


def test_no_displacements_are_no_motion() -> None:
    still = BlockMatches(blocks(ASKED).centres, np.zeros((300, 3)), np.ones(300))
    np.testing.assert_allclose(common_motion(still), np.eye(4), atol=1e-12)


OFF = affine.compose(MOTION, motion((1.0, -0.8, 0.7), (0.6, -0.4, 0.5)))


FINE: dict[str, Any] = {"spacing": (2.5, 2.5, 2.5), "size": (72, 80, 64), "noise": 1.0}


@pytest.mark.slow
def test_an_alignment_comes_nearer_to_the_truth_where_the_blocks_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fixed, moving = Pyramid(scan(BODY, **FINE)), Pyramid(scan(BODY, affine.invert(MOTION), seed=1, **FINE))
    # blobs are found less exactly than anatomy: by the limit for scans they do not agree
    np.testing.assert_array_equal(fit_to_blocks(fixed, moving, OFF), OFF)
    monkeypatch.setattr(block_fit, "MOST_MISSED_MM", 2.0)
    found = fit_to_blocks(fixed, moving, OFF)
    assert affine.is_rigid(found, 1e-9)
    assert mean_error(OFF, MOTION) > 1.2
    assert mean_error(found, MOTION) < 0.2


@pytest.mark.slow
def test_few_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_fit, "MOST_MISSED_MM", 20.0)
    small = scan(BODY, size=(16, 16, 16))
    other = scan(BODY, affine.invert(MOTION), size=(16, 16, 16), seed=1)
    assert LEAST_BLOCKS > 3**3
    np.testing.assert_array_equal(fit_to_blocks(Pyramid(small), Pyramid(other), OFF), OFF)
