"""Grids and voxels: values, ranges and distances against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from longitudinal.geometry.grids import Grid
from longitudinal.geometry.voxels import VoxelRegion

RANDOM = np.random.default_rng(11)
TURNED = np.array([[0.8, 0.6, 0.0], [-0.36, 0.48, 0.8], [0.48, -0.64, 0.6]])


def grid(values: np.ndarray, offsets: list[float]) -> Grid:  # type: ignore[type-arg]
    return Grid(
        values, np.array([5.0, -3.0, 20.0]), TURNED[0], TURNED[1], TURNED[2], (2.0, 3.0), np.array(offsets)
    )


def test_a_linear_field_is_met_exactly_with_uneven_frames() -> None:
    offsets = [0.0, 1.0, 4.0, 4.5, 9.0]
    frame, row, column = np.meshgrid(offsets, np.arange(6) * 2.0, np.arange(7) * 3.0, indexing="ij")
    of = grid(3 * frame + 2 * row - column + 7, offsets)
    local = RANDOM.uniform((0, 0, 0), (9, 10, 18), size=(500, 3))
    points = of.origin + local @ np.vstack((TURNED[2], TURNED[1], TURNED[0]))
    found = of.interpolate(points)
    assert found == pytest.approx(3 * local[:, 0] + 2 * local[:, 1] - local[:, 2] + 7)


@pytest.mark.parametrize(
    "local", [(-0.01, 1, 1), (9.01, 1, 1), (1, -0.01, 1), (1, 10.01, 1), (1, 1, -0.01), (1, 1, 18.01)]
)
def test_outside_the_voxel_centres_there_is_no_value(local: tuple[float, float, float]) -> None:
    of = grid(np.ones((5, 6, 7)), [0.0, 1.0, 4.0, 4.5, 9.0])
    inside = np.clip(local, 0, (9, 10, 18))
    axes = np.vstack((TURNED[2], TURNED[1], TURNED[0]))
    assert np.isnan(of.interpolate((of.origin + np.array(local) @ axes)[None])[0])
    assert of.interpolate((of.origin + inside @ axes)[None])[0] == pytest.approx(1)


def test_the_range_in_a_sphere_is_that_of_brute_force() -> None:
    random = np.random.default_rng(5)
    of = grid(random.uniform(0, 60, size=(12, 12, 12)), [2.5 * n for n in range(12)])
    axes = np.vstack((TURNED[2], TURNED[1], TURNED[0]))
    for radius in (0.5, 2.0, 5.0):
        point = of.origin + np.array([13.0, 11.0, 16.0]) @ axes
        ball = random.normal(size=(60_000, 3))
        ball *= (radius * random.uniform(size=60_000) ** (1 / 3) / np.linalg.norm(ball, axis=1))[:, None]
        brute = of.interpolate(point + ball)
        found = of.range_within(point, radius)
        assert found is not None
        assert found[0] <= brute.min() + 1  # noise of 60 Gy from one voxel to the next; real doses are smooth
        assert found[1] >= brute.max() - 1
        assert found[0] >= brute.min() - 3
        assert found[1] <= brute.max() + 3
    assert of.range_within(of.origin + np.array([1.0, 11.0, 16.0]) @ axes, 2.0) is None
    value = of.interpolate(point[None])[0]
    assert of.range_within(point, 0.0) == (pytest.approx(value), pytest.approx(value))


def boxes(mask: np.ndarray, gap: bool = False) -> VoxelRegion:  # type: ignore[type-arg]
    steps = [
        np.stack((np.arange(n), np.arange(n) + 1.0), axis=1) * s
        for n, s in zip(mask.shape, (3, 1, 2), strict=True)
    ]
    if gap:
        steps[0][2:] += 4.0
    return VoxelRegion(TURNED, np.array([1.0, 2.0, 3.0]), (steps[0], steps[1], steps[2]), mask)


@pytest.mark.parametrize("gap", [False, True])
def test_distance_from_voxels_is_that_of_brute_force(gap: bool) -> None:
    mask = RANDOM.uniform(size=(4, 6, 5)) < 0.6
    of = boxes(mask, gap)
    fine = []
    for frame, row, column in np.argwhere(np.ones_like(mask)):
        low = [of.edges[axis][number, 0] for axis, number in enumerate((frame, row, column))]
        fine.append((low, mask[frame, row, column]))
    size = np.array([3.0, 1.0, 2.0])
    for point in RANDOM.uniform((-3, -3, -3), (20, 9, 13), size=(50, 3)):
        at = point @ TURNED + of.origin
        within = [
            is_set for low, is_set in fine if (point >= low).all() and (point < np.array(low) + size).all()
        ]
        inside = bool(within and within[0])
        assert of.is_inside(at) == inside
        found = of.signed_distance_mm(at)
        # the nearest point of the other kind, on a fine lattice of the whole neighbourhood
        lattice = (
            np.stack(np.meshgrid(*[np.linspace(-6, 6, 49)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
            + point
        )
        kind = np.zeros(len(lattice), dtype=bool)
        for low, is_set in fine:
            if is_set:
                kind |= ((lattice >= low) & (lattice < np.array(low) + size)).all(axis=1)
        other = lattice[kind != inside]
        if len(other) and abs(found) < 5:
            brute = np.sqrt(((other - point) ** 2).sum(axis=1).min())
            assert abs(found) <= brute + 1e-9
            assert abs(found) >= brute - 0.45
        assert (found < 0) == inside


def test_the_volume_of_voxels() -> None:
    mask = np.zeros((4, 6, 5), dtype=bool)
    mask[1, 2:4, 1:4] = True
    assert boxes(mask).volume_mm3 == pytest.approx(6 * 3 * 1 * 2)
