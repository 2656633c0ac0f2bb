"""Stacks by hand; all planes are synthetic."""

import numpy as np
import pytest

from longitudinal.geometry.image_plane import PLANE, Planes
from longitudinal.geometry.stack import DEFAULT_THICKNESS_MM, split_into_stacks
from longitudinal.geometry.stack_set import StackSet

AXIAL = (1, 0, 0, 0, 1, 0)


def planes_at(positions, orientation=AXIAL, **fields) -> Planes:
    planes = np.zeros(len(positions), PLANE)
    planes["position"] = [(0, 0, p) if np.isscalar(p) else p for p in positions]
    planes["orientation"], planes["spacing"] = orientation, (1, 1)
    planes["rows"], planes["columns"], planes["slice_thickness"] = 100, 80, 3
    planes["frame_number"], planes["instance_number"] = 1, np.arange(len(planes)) + 1
    planes["temporal_position"] = -1
    for name in ("acquisition_time", "echo_time", "b_value", "trigger_time"):
        planes[name] = np.nan
    for name, values in fields.items():
        planes[name] = values
    return planes


def orders(planes: Planes) -> list[list[int]]:
    return [stack.order.tolist() for stack in split_into_stacks(planes)]


def test_nothing() -> None:
    assert split_into_stacks(np.zeros(0, PLANE)) == []
    assert len(StackSet.build(np.zeros(0, PLANE), [])) == 0
    assert StackSet.build(np.zeros(0, PLANE), []).locate(np.empty((0, 3))).plane.shape == (0,)


def test_descending_series_is_put_in_ascending_order() -> None:
    (stack,) = split_into_stacks(planes_at([30, 20, 10]))
    assert stack.order.tolist() == [2, 1, 0]
    assert stack.offsets.tolist() == [10, 20, 30]
    assert stack.median_gap == 10


def test_feet_first_ascends_along_its_own_normal() -> None:
    # rows reversed: the normal points to the feet
    (stack,) = split_into_stacks(planes_at([10, 20, 30], (-1, 0, 0, 0, 1, 0)))
    assert stack.normal.tolist() == [0, 0, -1]
    assert stack.order.tolist() == [2, 1, 0]


def test_gantry_tilt_is_one_stack() -> None:
    tilt = np.deg2rad(15)
    orientation = (1, 0, 0, 0, np.cos(tilt), -np.sin(tilt))
    (stack,) = split_into_stacks(planes_at([5.0 * i for i in range(10)], orientation))
    np.testing.assert_allclose(np.diff(stack.offsets), 5 * np.cos(tilt))


def test_reach() -> None:
    (stack,) = split_into_stacks(planes_at([0, 2, 4, 10, 12]))
    assert stack.median_gap == 2
    assert stack.reach.tolist() == [[1, 1], [1, 1], [1, 3], [3, 1], [1, 1]]


def test_single_slice_reaches_half_its_thickness() -> None:
    (stack,) = split_into_stacks(planes_at([7]))
    assert stack.reach.tolist() == [[1.5, 1.5]]
    assert np.isnan(stack.median_gap)


@pytest.mark.parametrize("thickness", [np.nan, 0.0, -2.0])
def test_single_slice_without_thickness(thickness) -> None:
    (stack,) = split_into_stacks(planes_at([7], slice_thickness=thickness))
    assert stack.reach.tolist() == [[DEFAULT_THICKNESS_MM / 2] * 2]


def test_mixed_orientations() -> None:
    planes = np.concatenate(
        [planes_at([0, 1, 2]), planes_at([(0, y, 0) for y in range(3)], (1, 0, 0, 0, 0, -1))]
    )
    assert orders(planes) == [[0, 1, 2], [3, 4, 5]]


def test_rounded_cosines_stay_together() -> None:
    planes = planes_at(range(4))
    planes["orientation"][2] = (0.9999, 0.0004, 0, -0.0004, 0.9999, 0)
    assert orders(planes) == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("temporal_position", [1, 2]),
        ("acquisition_time", [1e9, 1e9 + 2.5]),
        ("echo_time", [4.6, 9.2]),
        ("b_value", [0, 1000]),
        ("b_value", [np.nan, 1000]),
        ("trigger_time", [0, 33.5]),
        ("image_type", [123, 456]),
    ],
)
def test_repeats_are_told_apart_by(field, values) -> None:
    # instance numbers that would mislead the ordinal
    planes = planes_at([0, 0, 1, 1, 2, 2], instance_number=[1, 2, 4, 3, 5, 6])
    planes[field] = values * 3
    assert orders(planes) == [[0, 2, 4], [1, 3, 5]]


def test_repeats_without_a_key_are_counted_by_instance_then_frame() -> None:
    planes = planes_at([0, 0, 1, 1], instance_number=[1, 1, 1, 1], frame_number=[3, 1, 2, 4])
    assert orders(planes) == [[0, 3], [1, 2]]


def test_time_of_each_slice_shatters_nothing() -> None:
    planes = planes_at(range(10), acquisition_time=np.arange(10))
    assert orders(planes) == [list(range(10))]


def test_time_of_each_slice_shatters_no_repeats_either() -> None:
    # CT perfusion in shuttle mode: 3 positions, 2 passes, a time for each of the 6 images
    planes = planes_at([0, 1, 2, 0, 1, 2], acquisition_time=np.arange(6))
    assert orders(planes) == [[0, 1, 2], [3, 4, 5]]


def test_two_keys_together() -> None:
    planes = planes_at([0, 1] * 4, echo_time=[5, 5, 10, 10] * 2, temporal_position=[1] * 4 + [2] * 4)
    assert orders(planes) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_diffusion_with_many_directions() -> None:
    planes = planes_at([0, 1] * 4, b_value=[0, 0] + [1000] * 6)
    assert orders(planes) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_four_slices_at_one_position() -> None:
    assert orders(planes_at([5, 5, 5, 5])) == [[0], [1], [2], [3]]


def test_stations_at_the_same_offsets() -> None:
    # a coronal whole-body scan in two stations; times would mislead
    positions = [(0, y, z) for z in (0, 300) for y in (0, 5, 10)]
    planes = planes_at(positions, (1, 0, 0, 0, 0, -1), acquisition_time=[1, 1, 1, 1, 2, 2])
    assert [sorted(order) for order in orders(planes)] == [[0, 1, 2], [3, 4, 5]]


def test_overlapping_blocks_take_no_more_stacks_than_needed() -> None:
    planes = planes_at([0, 1, 2, 2, 3, 4, 4, 5, 6], temporal_position=[1] * 3 + [2] * 3 + [3] * 3)
    assert sorted(map(len, orders(planes))) == [2, 7]


def test_slices_of_a_micro_ct_are_no_repeats() -> None:
    planes = planes_at(np.arange(5) * 0.008, spacing=(0.008, 0.008))
    assert orders(planes) == [[0, 1, 2, 3, 4]]


def test_rounding_does_not_hide_a_repeat() -> None:
    planes = planes_at([0, 0.0004, 1, 1.0004], echo_time=[1, 2, 1, 2])
    assert orders(planes) == [[0, 2], [1, 3]]


def locate(planes: Planes, point):
    stacks = StackSet.build(planes, split_into_stacks(planes))
    return stacks.locate(np.tile(np.asarray(point, float), (len(stacks), 1)))


@pytest.mark.parametrize(
    ("z", "slice_index", "within", "in_gap"),
    [
        (-1.001, 0, False, False),
        (-1.0, 0, True, False),
        (0.9, 0, True, False),
        (1.1, 1, True, False),
        (4.9, 2, True, False),
        (5.1, 2, True, True),
        (6.9, 2, True, True),
        (7.1, 3, True, True),
        (9.1, 3, True, False),
        (13.0, 4, True, False),
        (13.1, 4, False, False),
    ],
)
def test_hole(z, slice_index, within, in_gap) -> None:
    found = locate(planes_at([0, 2, 4, 10, 12]), (0, 0, z))
    assert (found.slice_index[0], found.within_reach[0], found.in_gap[0]) == (slice_index, within, in_gap)


def test_one_and_a_half_gaps_are_no_hole() -> None:
    assert not locate(planes_at([0, 2, 4, 7, 9, 11]), (0, 0, 5.4)).in_gap[0]


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ((-0.5, -0.5, 0), True),
        ((-0.51, 0, 0), False),
        ((0, -0.51, 0), False),
        ((79.5, 99.5, 0), True),
        ((79.51, 0, 0), False),
        ((0, 99.51, 0), False),
    ],
)
def test_inside(point, inside) -> None:
    assert locate(planes_at([0, 1]), point).inside[0] == inside


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_point(bad) -> None:
    found = locate(planes_at([0, 1]), (bad, bad, bad))
    assert not found.within_reach[0]
    assert not found.inside[0]
    assert not found.in_gap[0]


def test_source_index_leads_back() -> None:
    planes = np.concatenate([planes_at([20, 10]), planes_at([(0, 5, 0)], (1, 0, 0, 0, 0, -1))])
    stacks = StackSet.build(planes, split_into_stacks(planes))
    assert stacks.start.tolist() == [0, 2, 3]
    assert stacks.source_index.tolist() == [1, 0, 2]
    assert stacks.planes.tobytes() == planes[stacks.source_index].tobytes()
    found = stacks.locate_many([1, 0, 0], [(0, 5.1, 0), (0, 0, 11), (3, 4, 22)])
    assert found.plane.tolist() == [2, 0, 1]
    assert found.slice_index.tolist() == [0, 0, 1]
    np.testing.assert_allclose(found.distance_mm, [0.1, 1, 2])
    assert (found.row[2], found.column[2]) == (4, 3)
