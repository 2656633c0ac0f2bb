"""Figures of quality against what they must be by hand, and which of them rejects."""

from dataclasses import replace

import numpy as np
import pytest

from longitudinal.reasons import Rejection
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.quality import (
    Quality,
    covered,
    forward_backward,
    judge,
    overlap,
    tissue_points,
)
from longitudinal.settings import Acceptance
from longitudinal.transforms.model import linear
from tests.unit.registration.phantoms import BODY, BODY_MM, motion, scan

GOOD = Quality(0.3, 0.8, 0.3, 0.9, 1.0, 0.4, 0.2, 0.2, 40, 1.3, None)
FIXED = Pyramid(scan(BODY))


def shift(x: float, y: float, z: float):
    return linear(motion((x, y, z), (0, 0, 0)))


def test_there_and_back_is_measured_where_it_ends() -> None:
    points = np.random.default_rng(1).normal(size=(50, 3))
    np.testing.assert_allclose(forward_backward(points, shift(5, 6, 7), shift(-5, -6, -4)), 3.0)


def test_overlap_is_a_part_of_the_smaller_scan() -> None:
    quarter = FIXED.extent[0] / 4
    assert overlap(FIXED, FIXED, shift(0, 0, 0)) == pytest.approx(1)
    assert overlap(FIXED, FIXED, shift(quarter, 0, 0)) == pytest.approx(0.75, abs=0.04)
    assert overlap(FIXED, FIXED, shift(1000, 0, 0)) == 0


def test_holes_are_not_covered() -> None:
    volume = FIXED.volume
    hole = np.ones(volume.voxels.shape, bool)
    hole[10, 20, 30] = False
    centre = volume.origin + np.array([30, 20, 10]) * volume.spacing
    outside = volume.origin - 0.6 * volume.spacing
    inside = volume.origin - 0.4 * volume.spacing
    found = covered(
        np.array([centre, centre + volume.spacing, outside, inside]), replace(volume, covered=hole)
    )
    assert found.tolist() == [False, True, False, True]


def test_tissue_is_in_the_body() -> None:
    points = tissue_points(FIXED)
    assert len(points) > 100
    assert (np.linalg.norm(points / BODY_MM, axis=1) < 1.1).all()


def test_good_figures_suffice() -> None:
    assert judge(GOOD, Acceptance()).accepted


@pytest.mark.parametrize(
    ("figures", "rejection"),
    [
        ({"overlap": 0.2}, Rejection.NO_OVERLAP),
        ({"rigid_forward_backward_mm": 2.1}, Rejection.INCONSISTENT),
        ({"forward_backward_mean_mm": 6.1}, Rejection.INCONSISTENT),
        ({"rigid_forward_backward_mm": np.nan}, Rejection.INCONSISTENT),
        ({"blocks": 7}, Rejection.TOO_LITTLE_STRUCTURE),
        ({"block_spread_mm": 2.1}, Rejection.LOCALLY_DIFFERENT),
        ({"block_spread_mm": np.nan}, Rejection.LOCALLY_DIFFERENT),
        ({"mirror_ratio": 1.02}, Rejection.LIKE_ITS_MIRROR_IMAGE),
        ({"mirror_ratio": 0.97}, Rejection.LIKE_ITS_MIRROR_IMAGE),
        ({"mirror_ratio": 0.93}, Rejection.MIRROR_IMAGE_FITS_BETTER),
        ({"mirror_ratio": 0.93, "block_spread_mm": 0.4}, Rejection.MIRROR_IMAGE_FITS_BETTER),
        ({"mirror_ratio": 1.03, "rigid_block_spread_mm": 0.39}, Rejection.LOCALLY_DIFFERENT),
        ({"mirror_ratio": 1.1, "rigid_block_spread_mm": 0.9}, Rejection.LOCALLY_DIFFERENT),
        ({"mirror_ratio": 1.1, "rigid_block_spread_mm": np.nan}, Rejection.LOCALLY_DIFFERENT),
        ({"mirror_ratio": np.nan}, Rejection.MIRROR_IMAGE_FITS_BETTER),
        ({"mirror_ratio": 1.02, "overlap": 0.1}, Rejection.NO_OVERLAP),
    ],
)
def test_the_first_figure_that_does_not_suffice_is_named(figures: dict, rejection: Rejection) -> None:
    assert judge(replace(GOOD, **figures), Acceptance()).rejection is rejection


@pytest.mark.parametrize(
    ("ratio", "spread"), [(1.04, 0.28), (1.1, 0.5), (1.3, 2.0), (3.4, 1.6), (np.inf, 1.6)]
)
def test_the_less_its_mirror_image_fits_the_more_the_blocks_may_differ(ratio: float, spread: float) -> None:
    figures = replace(GOOD, mirror_ratio=ratio, block_spread_mm=spread, rigid_block_spread_mm=spread)
    assert judge(figures, Acceptance()).accepted


def test_a_deformation_that_brings_the_blocks_together_makes_no_other_person_right() -> None:
    """Nor is one refused for what a breath does to the rigid part."""
    bent = replace(GOOD, block_spread_mm=0.1, rigid_block_spread_mm=1.3)
    assert judge(replace(bent, mirror_ratio=1.03), Acceptance()).rejection is Rejection.LOCALLY_DIFFERENT
    assert judge(replace(bent, mirror_ratio=3.4, rigid_block_spread_mm=3.0), Acceptance()).accepted


def test_an_administrator_sets_the_limits() -> None:
    worse = replace(GOOD, rigid_forward_backward_mm=2.5)
    assert judge(worse, Acceptance(most_forward_backward_mm=3.0)).accepted
    assert not judge(replace(GOOD, block_spread_mm=0.2), Acceptance(most_block_spread_mm=0.1)).accepted
    assert judge(replace(GOOD, mirror_ratio=0.5), Acceptance(least_mirror_ratio=0.0)).accepted
    assert not judge(replace(GOOD, mirror_ratio=1.2), Acceptance(least_mirror_ratio=1.25)).accepted


def test_every_rejection_is_explained() -> None:
    assert all(rejection.explanation.endswith(".") for rejection in Rejection)
