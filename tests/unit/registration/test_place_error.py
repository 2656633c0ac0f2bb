"""Errors place by place, on a phantom of which one part has moved."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from longitudinal.geometry import affine
from longitudinal.registration.block_match import PLACES, BlockMatches, match_blocks
from longitudinal.registration.place_error import MOST_CELLS, REACH_MM, measure_errors, place_in_voxel_mm
from longitudinal.registration.pyramid import Pyramid, as_transform
from longitudinal.registration.volume import Volume
from longitudinal.transforms.error_at_place import LONGEST_TEXT, ErrorGrid, join_errors
from longitudinal.transforms.model import Affine, Rigid, linear
from tests.unit.registration.phantoms import BODY, Body, motion, scan

pytestmark = pytest.mark.slow

GRID = {"spacing": (2.5, 2.5, 3.0), "size": (72, 80, 54)}
PULLED, BY = np.array([0.0, 40.0, 0.0]), np.array([0.0, 1.0, 8.0])
STILL = Rigid(np.eye(4))


@dataclass(frozen=True, eq=False)
class Bent(Body):
    """A body of which the part round `PULLED` lies elsewhere."""

    def value(self, points: np.ndarray) -> np.ndarray:
        return super().value(points - displacement(points))


def displacement(points: np.ndarray) -> np.ndarray:
    weight = np.exp(-((points - PULLED) ** 2).sum(axis=-1) / (2 * 25.0**2))
    return weight[..., None] * BY


FIXED = Pyramid(scan(BODY, **GRID))
MOVING = Pyramid(scan(Bent(BODY.centres, BODY.widths, BODY.heights), seed=1, **GRID))


@pytest.fixture(scope="module")
def blocks() -> BlockMatches:
    return match_blocks(FIXED, MOVING, as_transform(np.eye(4)), PLACES)


@pytest.fixture(scope="module")
def errors(blocks: BlockMatches) -> ErrorGrid:
    return measure_errors(FIXED, MOVING, STILL, blocks)


def test_where_a_part_has_moved_the_bound_is_larger(errors: ErrorGrid) -> None:
    at_the_part, beside = errors.bound_mm(*PULLED), errors.bound_mm(0.0, -40.0, 0.0)
    assert at_the_part is not None
    assert beside is not None
    assert at_the_part > 5 > 2 > beside


def test_most_errors_stay_under_their_bounds(errors: ErrorGrid) -> None:
    inside = np.random.default_rng(2).uniform(-45, 45, (400, 3))
    bounds = [errors.bound_mm(*place) for place in inside]
    known = np.array([bound is not None for bound in bounds])
    assert known.mean() > 0.9
    moved = inside
    for _ in range(30):  # a point of the moving scan shows what lies its displacement before it
        moved = inside + displacement(moved)
    off = np.linalg.norm(moved - inside, axis=1)[known]
    assert (off <= np.array([bound for bound in bounds if bound is not None])).mean() >= 0.9


def test_nothing_is_said_where_nothing_was_seen(errors: ErrorGrid, blocks: BlockMatches) -> None:
    points = affine.apply(errors.point_from_index, np.argwhere(np.isfinite(errors.bounds))[:, ::-1] * 1.0)
    nearest = np.linalg.norm(points[:, None] - blocks.centres[None], axis=2).min(axis=1)
    assert nearest.max() <= REACH_MM
    for place in ((400.0, 0, 0), (0.0, 0, -200)):
        assert errors.bound_mm(*place) is None
    few = BlockMatches(blocks.centres[:3], blocks.displacements[:3], blocks.scores[:3])
    assert np.isnan(measure_errors(FIXED, MOVING, STILL, few).bounds).all()


def test_beside_the_moving_scan_nothing_is_said(blocks: BlockMatches) -> None:
    away = linear(motion((0, 0, 120.0), (0, 0, 0)))
    errors = measure_errors(FIXED, MOVING, away, blocks)
    assert errors.bound_mm(0, 0, 50) is None
    assert errors.bound_mm(0, 0, -60) is not None


def test_an_affine_map_vouches_less_for_what_it_stretches(errors: ErrorGrid, blocks: BlockMatches) -> None:
    stretched = measure_errors(FIXED, MOVING, Affine(np.diag([1.0, 1.0, 1.15, 1.0])), blocks)
    near, far = stretched.bound_mm(0, -40, 0), stretched.bound_mm(0, -20, 45)
    assert near is not None
    assert far is not None
    assert far > near + 1


class Field:
    """A map that is no matrix, off by `by` mm along z below z = 0."""

    matrix = None

    def __init__(self, by: float = 0.0) -> None:
        self.by = by

    def map_points(self, points: np.ndarray) -> np.ndarray:
        return points + (points[:, 2:] < 0) * np.array([0, 0, self.by])

    def inverse(self) -> "Field":
        raise AssertionError("the way back is a registration of its own")


def test_a_field_is_measured_by_its_way_back(blocks: BlockMatches) -> None:
    honest = measure_errors(FIXED, MOVING, Field(), blocks, Field())
    astray = measure_errors(FIXED, MOVING, Field(), blocks, Field(6.0))
    above, below = (0.0, -40.0, 30.0), (0.0, -40.0, -30.0)
    assert astray.bound_mm(*above) == honest.bound_mm(*above)
    assert astray.bound_mm(*below) > honest.bound_mm(*below) + 4  # type: ignore[operator]
    with pytest.raises(ValueError, match="way back"):
        measure_errors(FIXED, MOVING, Field(), blocks)


def test_a_field_is_not_known_better_than_a_place_in_a_voxel(blocks: BlockMatches) -> None:
    """Where nothing speaks against it either; a matrix is, as all voxels say the same of it."""
    of_field = measure_errors(FIXED, MOVING, Field(), blocks, Field()).bounds
    of_matrix = measure_errors(FIXED, MOVING, STILL, blocks).bounds
    voxel = np.sqrt((2.5**2 + 2.5**2 + 3.0**2) / 12)
    assert np.nanmin(of_field) >= voxel > np.nanmin(of_matrix)
    coarse = replace(FIXED.volume, spacing=FIXED.volume.spacing * 2)
    assert place_in_voxel_mm(FIXED, Pyramid(coarse)) == pytest.approx(2 * voxel)


def test_a_large_scan_has_coarser_cells_and_fits(blocks: BlockMatches) -> None:
    small = FIXED.volume
    large = Pyramid(
        Volume(small.voxels, None, small.origin, small.directions, small.spacing * 6, small.contrast)
    )
    grid = measure_errors(large, large, STILL, blocks)
    assert MOST_CELLS / 2 < grid.bounds.size < MOST_CELLS * 1.2
    assert len(join_errors({2: grid})) <= LONGEST_TEXT
