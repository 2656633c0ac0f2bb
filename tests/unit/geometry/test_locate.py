"""StackSet against brute force over every plane; all planes are synthetic."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from longitudinal.geometry.image_plane import PLANE, Planes, pixel_from_patient
from longitudinal.geometry.stack import GAP_FACTOR, split_into_stacks
from longitudinal.geometry.stack_set import Located, StackSet

NEAR_TIE_MM = 1e-6
"""Points this near to a boundary may fall to either side by rounding."""


@st.composite
def series(draw) -> Planes:
    """A series of one oblique stack: uneven gaps, sheared as by gantry tilt, in any file order."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    count = draw(st.integers(1, 12))
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    planes = np.zeros(count, PLANE)
    planes["orientation"] = [*q[:, 0], *q[:, 1]]
    planes["spacing"] = rng.uniform(0.3, 3, 2)
    planes["rows"], planes["columns"] = rng.integers(1, 60, 2)
    planes["slice_thickness"] = rng.uniform(0.5, 5)
    normal = np.cross(q[:, 0], q[:, 1])
    gaps = rng.choice([1.0, 1.0, 1.0, 1.1, 2.0, 7.5], count) * rng.uniform(0.5, 5)
    shear = rng.uniform(-0.3, 0.3, 2)
    offsets = np.cumsum(gaps)
    planes["position"] = rng.uniform(-300, 300, 3) + np.outer(offsets, normal + q[:, :2] @ shear)
    return planes[rng.permutation(count)]


def brute_force(planes: Planes, point: np.ndarray) -> dict[str, object]:
    """Answer by definition, plane by plane."""
    row, column, distance = pixel_from_patient(planes, point)
    nearest = int(np.argmin(np.abs(distance)))
    beyond = distance[nearest]
    others = np.delete(distance, nearest) - beyond  # seen from the plane, the others lie at -offset
    gaps = np.diff(np.sort(distance))
    half_median = np.median(gaps) / 2 if len(gaps) else float(planes["slice_thickness"][nearest]) / 2
    above, below = -others[others < 0], others[others > 0]
    side = above if beyond > 0 else below
    gap = side.min() if len(side) else None
    reach = half_median if gap is None else gap / 2
    in_hole = gap is not None and gap > GAP_FACTOR * 2 * half_median and abs(beyond) > half_median
    boundaries = [reach, half_median]
    ambiguous = any(abs(abs(beyond) - boundary) < 2 * NEAR_TIE_MM for boundary in boundaries)
    return {
        "nearest": nearest,
        "row": row[nearest],
        "column": column[nearest],
        "distance": beyond,
        "within": abs(beyond) <= reach,
        "inside": -0.5 <= row[nearest] <= planes["rows"][nearest] - 0.5
        and -0.5 <= column[nearest] <= planes["columns"][nearest] - 0.5,
        "in_gap": in_hole and abs(beyond) <= reach,
        "slice_index": int((distance > beyond).sum()),
        "ambiguous": ambiguous,
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(series(), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_locate_agrees_with_brute_force(all_series: list[Planes], seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes, stacks, owners = combine(all_series)
    stack_set = StackSet.build(planes, stacks)
    chosen = rng.integers(0, len(stacks), 20)
    points = []
    for stack in chosen:
        some = all_series[owners[stack]]
        centre = some["position"][rng.integers(len(some))]
        points.append(centre + rng.normal(scale=rng.choice([1.0, 10.0, 80.0]), size=3))
    found = stack_set.locate_many(chosen, points)
    for index, (stack, point) in enumerate(zip(chosen, points, strict=True)):
        expected = brute_force(all_series[owners[stack]], point)
        if not expected["ambiguous"]:
            check(stack_set, found, index, int(stack), expected)


def combine(all_series: list[Planes]):
    stacks, owners, first = [], [], 0
    for number, planes in enumerate(all_series):
        own = split_into_stacks(planes)
        assume(len(own) == 1)
        stacks += [type(s)(s.order + first, s.normal, s.offsets, s.reach, s.median_gap) for s in own]
        owners += [number] * len(own)
        first += len(planes)
    return np.concatenate(all_series), stacks, owners


def check(stacks: StackSet, found: Located, index: int, stack: int, expected: dict[str, object]) -> None:
    first = stacks.source_index[stacks.start[stack] : stacks.start[stack + 1]].min()
    assert stacks.source_index[found.plane[index]] - first == expected["nearest"]
    assert found.slice_index[index] == expected["slice_index"]
    np.testing.assert_allclose(
        [found.row[index], found.column[index], found.distance_mm[index]],
        [expected["row"], expected["column"], expected["distance"]],
        atol=1e-6,
    )
    assert found.within_reach[index] == expected["within"]
    assert found.inside[index] == expected["inside"]
    assert found.in_gap[index] == expected["in_gap"]


def test_locate_is_locate_many_with_every_stack_once() -> None:
    rng = np.random.default_rng(5)
    planes = np.zeros(12, PLANE)
    planes["orientation"] = np.repeat(
        [(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)], 4, axis=0
    )
    planes["position"], planes["spacing"], planes["rows"], planes["columns"] = (
        rng.normal(size=(12, 3)),
        1,
        9,
        9,
    )
    stacks = StackSet.build(planes, split_into_stacks(planes))
    points = rng.normal(size=(len(stacks), 3))
    one, many = stacks.locate(points), stacks.locate_many(np.arange(len(stacks)), points)
    for name in Located.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 4), st.integers(0, 2), st.integers(0, 3), st.integers(0, 20)
        ),
        min_size=1,
        max_size=40,
    )
)
def test_every_plane_is_in_one_stack_and_no_stack_repeats_a_position(fields) -> None:
    planes = np.zeros(len(fields), PLANE)
    orientations = np.array([(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)])
    turn, place, echo, time, clock = np.array(fields).T
    planes["orientation"], planes["spacing"] = orientations[turn], 1
    normals = np.cross(orientations[:, :3], orientations[:, 3:])
    planes["position"] = normals[turn] * place[:, None] * 2.5
    planes["echo_time"], planes["temporal_position"], planes["acquisition_time"] = echo, time, clock
    stacks = split_into_stacks(planes)
    assert sorted(np.concatenate([stack.order for stack in stacks])) == list(range(len(planes)))
    for stack in stacks:
        assert (np.diff(stack.offsets) > 1).all()
        assert len(set(turn[stack.order])) == 1
    # no more stacks than the position that repeats most often needs
    for orientation in set(turn):
        counts = np.bincount(place[turn == orientation])
        assert sum(turn[stack.order[0]] == orientation for stack in stacks) == counts.max()
