"""Planes whose orientation is noisy: one stack, and the nearest plane answers. All planes are synthetic."""

from dataclasses import replace

import numpy as np
import pytest

from longitudinal.geometry.image_plane import PLANE, Planes, pixel_from_patient
from longitudinal.geometry.stack import split_into_stacks
from longitudinal.geometry.stack_set import StackSet

SIZE = 200


def turned(heights, angles, twist=0.0, shear=0.0, **fields) -> Planes:
    """Axial planes of 200 x 200 mm about the z axis, each turned about its centre line by an angle (radians)."""
    angles, twist = np.broadcast_to(angles, len(heights)), np.broadcast_to(twist, len(heights))
    planes = np.zeros(len(heights), PLANE)
    along = np.stack([np.cos(twist), np.sin(twist), 0 * twist], axis=1)
    down = np.stack([-np.sin(twist) * np.cos(angles), np.cos(twist) * np.cos(angles), np.sin(angles)], axis=1)
    centre = np.stack([0 * angles, shear * np.array(heights), np.array(heights, float)], axis=1)
    planes["orientation"] = np.hstack([along, down])
    planes["position"] = centre - (SIZE - 1) / 2 * (along + down)
    planes["spacing"], planes["rows"], planes["columns"], planes["slice_thickness"] = (1, 1), SIZE, SIZE, 3
    planes["frame_number"], planes["instance_number"] = 1, np.arange(len(planes)) + 1
    planes["temporal_position"] = -1
    for name in ("acquisition_time", "echo_time", "b_value", "trigger_time"):
        planes[name] = np.nan
    for name, values in fields.items():
        planes[name] = values
    return planes


def noise(count, sigma, seed=11):
    return np.random.default_rng(seed).normal(0, sigma, count)


HEIGHTS = {
    "even": np.arange(40) * 3.0,
    "descending": 120 - np.arange(40) * 3.0,
    "fine": np.arange(100) * 1.0,
    "uneven": np.cumsum(np.tile([1.0, 1.0, 1.0, 5.0], 12)),
    "a hole": np.delete(np.arange(40) * 3.0, [17, 18]),
}


@pytest.mark.parametrize("heights", HEIGHTS)
@pytest.mark.parametrize("sigma", [0.0002, 0.0012, 0.003])
@pytest.mark.parametrize("shear", [0.0, 0.3])
def test_the_nearest_of_all_planes_answers(heights: str, sigma: float, shear: float) -> None:
    z = HEIGHTS[heights]
    planes = turned(z, noise(len(z), sigma), twist=noise(len(z), sigma, 12), shear=shear)
    (stack,) = split_into_stacks(planes)
    assert np.abs(np.diff(stack.order)).max() == 1  # in order, whichever way
    rng = np.random.default_rng(5)
    places = np.stack([*rng.uniform(-60, 60, (2, 300)), rng.uniform(z.min() + 1, z.max() - 1, 300)], axis=1)
    places[:, 1] += shear * places[:, 2]
    found = StackSet.build(planes, [stack]).locate_many(np.zeros(300, int), places)
    distances = np.array([pixel_from_patient(planes, place)[2] for place in places])
    np.testing.assert_allclose(np.abs(found.distance_mm), np.abs(distances).min(axis=1), atol=1e-9)
    assert found.within_reach.all()
    np.testing.assert_array_equal(np.argsort(stack.order)[stack.order[found.slice_index]], found.slice_index)
    gaps = np.diff(np.sort(z))
    assert found.in_gap.any() == (gaps.max() > 1.5 * np.median(gaps))


def test_the_ends_reach_half_a_gap() -> None:
    planes = turned(np.arange(40) * 3.0, noise(40, 0.0012))
    stacks = StackSet.build(planes, split_into_stacks(planes))
    for z, answers in ((-1.4, True), (-1.6, False), (118.4, True), (118.6, False)):
        assert stacks.locate([(0, 0, z)]).within_reach.tolist() == [answers]
    assert not stacks.locate([(np.nan, 0, 0)]).within_reach[0]


def orders(planes: Planes) -> list[list[int]]:
    return [sorted(stack.order.tolist()) for stack in split_into_stacks(planes)]


def test_phases_of_noisy_planes_are_told_apart() -> None:
    angles = noise(20, 0.0012)
    planes = turned(
        np.tile(np.arange(20) * 3.0, 2), np.tile(angles, 2), temporal_position=np.repeat([1, 2], 20)
    )
    assert orders(planes) == [list(range(20)), list(range(20, 40))]


def test_phases_with_a_noise_of_their_own_are_told_apart() -> None:
    heights = np.tile(np.arange(20) * 3.0, 2) + noise(40, 0.02)
    planes = turned(heights, noise(40, 0.0012), temporal_position=np.repeat([1, 2], 20))
    assert orders(planes) == [list(range(20)), list(range(20, 40))]


@pytest.mark.parametrize("field", ["temporal_position", "acquisition_time"])
def test_volumes_that_follow_the_patient_stay_apart(field) -> None:
    """Prospective motion correction: each volume has an orientation of its own, a degree or less from the others'."""
    volumes, slices = 6, 10
    moved = np.repeat(noise(volumes, 0.004), slices)
    heights = np.tile(np.arange(slices) * 3.0, volumes) + np.repeat(noise(volumes, 0.05, 3), slices)
    planes = turned(heights, moved, **{field: np.repeat(np.arange(volumes), slices)})
    assert [len(order) for order in orders(planes)] == [slices] * volumes


def test_radial_planes_are_no_stack() -> None:
    """Each turned by a degree about a common line: one position, many orientations."""
    assert orders(turned(np.zeros(30), np.radians(np.arange(30)))) == [[number] for number in range(30)]


def test_planes_turned_by_more_than_noise_are_two_stacks() -> None:
    angles = np.repeat([0.0, np.radians(5)], 10)
    assert orders(turned(np.arange(20) * 3.0, angles)) == [list(range(10)), list(range(10, 20))]


def test_parallel_stacks_are_asked_as_before_beside_noisy_ones() -> None:
    parallel, noisy = turned(np.arange(10) * 3.0, 0.0), turned(np.arange(40) * 3.0, noise(40, 0.0012))
    planes = np.concatenate([parallel, noisy])
    stacks = split_into_stacks(parallel)
    (second,) = split_into_stacks(noisy)
    both = StackSet.build(planes, [*stacks, replace(second, order=second.order + 10)])
    place = np.tile([10.0, 20.0, 13.6], (2, 1))
    alone = StackSet.build(parallel, stacks).locate(place[:1])
    found = both.locate(place)
    assert (found.plane[0], found.distance_mm[0]) == (alone.plane[0], alone.distance_mm[0])
    assert found.slice_index[0] == 5
