"""The mirror control on a made-up head: nearly alike on both sides, lying straight or turned, in its grid or its frame."""

from dataclasses import replace

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.mirror import mirror_ratio, plane_normals
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.quality import MIRROR_IMAGE_RATIO, tissue_points
from longitudinal.registration.volume import Volume
from tests.unit.registration.phantoms import Body, motion, scan

pytestmark = pytest.mark.slow

ODD = 0.35
"""How much higher the blobs of one side are: what left and right of a head differ by is small."""


def head(seed: int) -> Body:
    """Blobs and their mirror images, slightly unequal."""
    half = Body.random(seed, blobs=30)
    uneven = half.heights + ODD * np.random.default_rng(seed).choice((-1, 1), len(half.heights))
    return Body(
        np.concatenate([half.centres, half.centres * (-1, 1, 1)]),
        np.tile(half.widths, 2),
        np.concatenate([half.heights, uneven]),
    )


def other_side(body: Body) -> Body:
    return replace(body, centres=body.centres * (-1, 1, 1))


HEAD = head(3)
STRAIGHT = scan(HEAD)
TURNS = [(0.0, 3.0, 25.0), (4.0, 0.0, 60.0), (10.0, 8.0, -45.0)]


def ratio(fixed: Volume, moving: Volume, moving_from_fixed: Matrix) -> float:
    there = Pyramid(fixed)
    return mirror_ratio(there, Pyramid(moving), moving_from_fixed, tissue_points(there))


@pytest.mark.parametrize("degrees", TURNS, ids=str)
def test_the_same_head_fits_better_than_its_mirror_image_however_it_lies(
    degrees: tuple[float, float, float],
) -> None:
    turn = motion((8.0, -5.0, 4.0), degrees)
    moving = scan(HEAD, affine.invert(turn), seed=1)
    assert ratio(STRAIGHT, moving, turn) > 1.06


@pytest.mark.parametrize("degrees", TURNS, ids=str)
def test_a_mirrored_head_fits_worse_however_it_lies(degrees: tuple[float, float, float]) -> None:
    """Aligned as well as a mirrored head can be: by the plane in which it is nearly alike."""
    turn = motion((8.0, -5.0, 4.0), degrees)
    moving = scan(other_side(HEAD), affine.invert(turn), seed=1)
    assert ratio(moving, STRAIGHT, affine.invert(turn)) < MIRROR_IMAGE_RATIO


def test_an_oblique_grid_makes_no_difference() -> None:
    turn = motion((0.0, 0.0, 0.0), (0.0, 0.0, 60.0))
    moving = scan(other_side(HEAD), seed=1)
    oblique = replace(
        moving, origin=affine.apply(turn, moving.origin), directions=turn[:3, :3] @ moving.directions
    )
    assert ratio(STRAIGHT, oblique, turn) == pytest.approx(ratio(STRAIGHT, moving, np.eye(4)), abs=0.02)


def test_no_plane_is_far_from_those_that_are_tried() -> None:
    normals = plane_normals()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    any_normals = np.random.default_rng(1).normal(size=(5000, 3))
    any_normals /= np.linalg.norm(any_normals, axis=1, keepdims=True)
    nearest = np.rad2deg(np.arccos(np.abs(any_normals @ normals.T).max(axis=1).clip(0, 1)))
    assert nearest.max() < 13
