"""Regions of contours: membership, distance and volume against brute force and shapely."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from longitudinal.geometry.contours import Region, build_region
from longitudinal.geometry.polygons import edges_of, even_odd_area

Floats = np.ndarray  # type: ignore[type-arg]


def circle(radius: float, z: float, centre: tuple[float, float] = (0.0, 0.0), count: int = 40) -> Floats:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack(
        (centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle), np.full(count, z)), axis=1
    )


def square(size: float, z: float, corner: tuple[float, float] = (0.0, 0.0)) -> Floats:
    x, y = corner
    return np.array([[x, y, z], [x + size, y, z], [x + size, y + size, z], [x, y + size, z]])


def region(contours: list[Floats], **more: object) -> Region:
    built = build_region(contours, **more)  # type: ignore[arg-type]
    assert isinstance(built, Region)
    return built


def blob() -> list[Floats]:
    """Uneven: another radius and centre in each plane, a hole in two of them, two parts in one, a plane missing."""
    contours = [circle(6 + z % 3, float(z), (0.4 * z, -0.2 * z)) for z in (0, 2, 4, 8, 10)]
    contours += [circle(2.5, 2.0, (0.8, -0.4)), circle(2.0, 4.0, (1.6, -0.8)), circle(2.0, 10.0, (20.0, 0.0))]
    return contours


ROTATION = np.array([[0.8, 0.6, 0.0], [-0.36, 0.48, 0.8], [0.48, -0.64, 0.6]])
"""Exactly orthonormal."""


def surface(of: Region, step: float) -> Floats:
    """Points of the surface, densely: walls, and the parts of floors and ceilings where one side is inside."""
    points = []
    for plane in of.planes:
        heights = np.arange(plane.low, plane.high + step / 2, step)
        for x0, y0, x1, y1 in plane.edges:
            share = np.linspace(0, 1, max(2, int(np.hypot(x1 - x0, y1 - y0) / step) + 2))
            along = np.stack((x0 + share * (x1 - x0), y0 + share * (y1 - y0)), axis=1)
            points.append(
                np.hstack((np.repeat(along, len(heights), axis=0), np.tile(heights, len(along))[:, None]))
            )
    shapes = []
    for plane in of.planes:
        shape = shapely.Polygon()
        for start, end in zip(plane.first, [*plane.first[1:], len(plane.edges)], strict=True):
            shape = shape.symmetric_difference(shapely.Polygon(plane.edges[start:end, :2]))
        shapes.append(shape)
    faces: dict[float, list[shapely.Geometry]] = {}
    for plane, shape in zip(of.planes, shapes, strict=True):
        for face in (plane.low, plane.high):
            faces.setdefault(round(face, 6), []).append(shape)
    for height, both in faces.items():
        cap = both[0] if len(both) == 1 else both[0].symmetric_difference(both[1])
        x0, y0, x1, y1 = cap.bounds
        x, y = np.meshgrid(np.arange(x0, x1, step), np.arange(y0, y1, step))
        held = shapely.contains_xy(cap, x, y)
        points.append(np.stack((x[held], y[held], np.full(held.sum(), height)), axis=1))
    return np.concatenate(points) @ of.axes


@pytest.mark.parametrize("turned", [False, True])
def test_distance_is_that_of_brute_force(turned: bool) -> None:
    contours = [contour @ ROTATION if turned else contour for contour in blob()]
    of = region(contours)
    assert (of.is_tilted, of.gaps) == (turned, 1)
    dense = surface(of, 0.06)
    box = np.array([dense.min(axis=0) - 5, dense.max(axis=0) + 5])
    points = np.random.default_rng(3).uniform(*box, size=(150, 3))
    inside = 0
    for point in points:
        brute = np.sqrt(((dense - point) ** 2).sum(axis=1).min())
        found = of.signed_distance_mm(point)
        assert abs(found) == pytest.approx(brute, abs=0.05)
        assert (found < 0) == of.is_inside(point)
        inside += found < 0
    assert inside > 5


def test_slabs_reach_half_way_and_gaps_are_not_filled() -> None:
    of = region([square(10, z) for z in (0.0, 2.0, 4.0, 10.0, 12.0)])
    assert [(plane.low, plane.high) for plane in of.planes] == [(-1, 1), (1, 3), (3, 5), (9, 11), (11, 13)]
    assert of.volume_mm3 == pytest.approx(1_000)
    for z, inside, in_gap in ((-1.01, False, False), (-0.99, True, False), (4.99, True, False), (5.01, False, True),
                              (8.99, False, True), (9.01, True, False), (13.01, False, False)):  # fmt: skip
        point = np.array([5.0, 5.0, z])
        assert (of.is_inside(point), of.is_in_gap(point)) == (inside, in_gap), z
    assert of.signed_distance_mm(np.array([5.0, 5.0, 7.0])) == pytest.approx(2)
    assert of.signed_distance_mm(np.array([5.0, 5.0, 4.5])) == pytest.approx(-0.5)


def test_spacing_may_vary_a_little() -> None:
    of = region([square(10, z) for z in (0.0, 3.0, 6.1, 9.0, 12.2)])
    assert of.gaps == 0
    assert of.planes[1].high == of.planes[2].low == pytest.approx(4.55)


KEYHOLE = np.array(
    [
        [0, 0],
        [20, 0],
        [20, 20],
        [0, 20],
        [0, 10],
        [5, 10],
        [5, 15],
        [15, 15],
        [15, 5],
        [5, 5],
        [5, 10],
        [0, 10],
    ],
    float,
)
"""A square with a hole that a channel of no width leads to."""


def test_three_ways_to_write_a_hole_are_one_region() -> None:
    """A hole within, a channel that leads to it, and XOR."""
    heights = (0.0, 2.0)
    nested = region([part for z in heights for part in (square(20, z), square(10, z, (5, 5)))])
    channel = region([np.hstack((KEYHOLE, np.full((12, 1), z))) for z in heights])
    xor = region([part for z in heights for part in (square(20, z), square(10, z, (5, 5)))], is_xor=True)
    for of in (nested, channel, xor):
        assert of.volume_mm3 == pytest.approx(300 * 4)
        assert of.is_inside(np.array([10.0, 10.0, 0.0])) is False
        assert of.is_inside(np.array([2.0, 2.0, 0.0])) is True
    for point in np.random.default_rng(5).uniform((-5, -5, -4), (25, 25, 6), size=(200, 3)):
        assert nested.is_inside(point) == xor.is_inside(point) == channel.is_inside(point)
        distances = [of.signed_distance_mm(point) for of in (nested, xor)]
        assert distances[0] == pytest.approx(distances[1])


def test_copies_are_dropped_and_nothing_else() -> None:
    """25 of one contour; 4 % of difference is a copy, 6 % another contour."""
    shape = square(20, 0.0)
    copies = region([shape] * 25 + [np.roll(shape, 1, axis=0), shape[::-1], square(20, 2.0)])
    assert (copies.duplicates, copies.volume_mm3) == (26, pytest.approx(1_600))
    nearly, other = square(20, 0.0), square(20, 0.0)
    nearly[1:3, 0] = 20.8
    other[1:3, 0] = 21.3
    assert region([shape, nearly, square(20, 2.0)]).duplicates == 1
    assert region([shape, other, square(20, 2.0)]).duplicates == 0
    # of XOR every contour counts
    even = region([shape, shape, square(20, 2.0)], is_xor=True)
    assert (even.duplicates, even.is_inside(np.array([10.0, 10.0, 0.0]))) == (0, False)


def test_a_partial_overlap_is_ambiguous_where_both_cover_and_nowhere_else() -> None:
    of = region([square(20, 0.0), square(20, 0.0, (10, 0)), square(20, 2.0)])
    at = {x: of.is_inside(np.array([x, 5.0, 0.0])) for x in (5.0, 15.0, 25.0, 35.0)}
    assert at == {5.0: True, 15.0: None, 25.0: True, 35.0: False}
    # the next plane has one contour
    assert of.is_inside(np.array([15.0, 5.0, 2.0])) is True
    nested = region([square(20, 0.0), square(5, 0.0, (5, 5)), square(2, 0.0, (6, 6)), square(20, 2.0)])
    assert [nested.is_inside(np.array([x, x, 0.0])) for x in (2.0, 5.5, 7.0)] == [True, False, True]


@pytest.mark.parametrize(
    ("contours", "fault"),
    [
        ([], "noContours"),
        ([np.zeros((4, 3))], "noContours"),
        ([np.array([[0, 0, 0], [5, 0, 0], [10, 0, 0]], float)] * 2, "noContours"),
        ([square(5, 0.0)[:2]], "noContours"),
        ([square(5, 0.0)], "singlePlane"),
        (
            [square(5, 0.0) + np.array([[0, 0, 3], [0, 0, 0], [0, 0, 3], [0, 0, 0]]), square(5, 2.0)],
            "notPlanar",
        ),
        ([square(5, 0.0), square(5, 2.0)[:, [2, 0, 1]]], "mixedPlanes"),
    ],
)
def test_no_region(contours: list[Floats], fault: str) -> None:
    assert build_region(contours) == fault


def test_degenerate_contours_are_left_out_and_counted() -> None:
    line = np.array([[0, 0, 0], [9, 0, 0], [4, 0, 0]], float)
    of = region([square(10, 0.0), line, square(10, 2.0)])
    assert (of.degenerate, of.volume_mm3) == (1, pytest.approx(400))


def test_a_stated_slab_gives_a_single_plane_its_thickness() -> None:
    of = region([square(10, 5.0)], slab_mm=3.0)
    assert (of.volume_mm3, of.planes[0].low, of.planes[0].high) == (pytest.approx(300), 3.5, 6.5)


_POINT = st.tuples(st.integers(0, 30), st.integers(0, 30))


@given(
    st.lists(_POINT, min_size=3, max_size=12, unique=True),
    st.lists(_POINT, min_size=3, max_size=12, unique=True),
)
@settings(max_examples=150, deadline=None)
def test_areas_and_membership_are_those_of_shapely(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    """Star-shaped polygons about their middle, so that a ring does not cross itself."""
    shapes = []
    for points in (one, other):
        array = np.array(points, dtype=np.float64)
        centre = array.mean(axis=0) + 1e-3
        shape = shapely.Polygon(array[np.argsort(np.arctan2(*(array - centre).T))])
        if not shape.is_valid or shape.area < 1:
            return
        shapes.append(shape)
    rings = [edges_of(np.array(shape.exterior.coords)[:-1]) for shape in shapes]
    for shape, ring in zip(shapes, rings, strict=True):
        assert even_odd_area(ring) == pytest.approx(shape.area, rel=1e-9)
    # where they cross, a band is an approximation
    exact = shapes[0].symmetric_difference(shapes[1]).area
    assert even_odd_area(np.vstack(rings)) == pytest.approx(exact, abs=5e-3 * shapes[0].union(shapes[1]).area)
