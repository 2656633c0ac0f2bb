"""Displacement grids against values computed by hand and by a slow loop, and against their own inverses."""

import itertools
import warnings

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.dicom.registration.spatial_registration import read_registration
from longitudinal.geometry import affine
from longitudinal.transforms.displacement_grid import INVERSE_TOLERANCE_MM, DisplacementGrid
from tests.data import data

OBLIQUE = np.array([0.8, 0.6, 0, -0.6, 0.8, 0])
TURN_90_ABOUT_Z = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
SHIFT_10_ALONG_X = np.array([[1.0, 0, 0, 10], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def make_grid(
    vectors, position=(0, 0, 0), orientation=(1, 0, 0, 0, 1, 0), resolution=(1, 1, 1), pre=None, post=None
):
    vectors = np.asarray(vectors, dtype=np.float32)
    field = DisplacementField(
        position=np.array(position, dtype=float),
        orientation=np.array(orientation, dtype=float),
        resolution=np.array(resolution, dtype=float),
        dimensions=vectors.shape[2::-1],
        vectors=vectors,
        pre=np.eye(4) if pre is None else pre,
        post=np.eye(4) if post is None else post,
    )
    return DisplacementGrid(field)


def make_linear_grid(linear_part, shape=(9, 9, 9), **geometry):
    """D(x) = linear_part . x on the given grid: trilinear interpolation is exact on it."""
    grid = make_grid(np.zeros((*shape, 3)), **geometry)
    k, j, i = np.indices(shape)
    points = affine.apply(grid.field.point_from_index, np.stack([i, j, k], axis=-1).reshape(-1, 3))
    return make_grid((points @ np.asarray(linear_part).T).reshape(*shape, 3), **geometry)


def make_smooth_grid(shape=(12, 14, 16), amplitude=4.0, seed=0, **geometry):
    rng = np.random.default_rng(seed)
    k, j, i = np.indices(shape) / 6.0
    waves = [
        amplitude * np.sin(phase + a * i + b * j + c * k) for phase, a, b, c in rng.uniform(0.3, 1.0, (3, 4))
    ]
    return make_grid(np.stack(waves, axis=-1), **{"resolution": (5, 4, 3), **geometry})


def test_pre_and_post_that_do_not_commute_by_hand():
    # D is (0, 0, i) mm at x = i mm: at the registered point (2, 0, 0) it is (0, 0, 2).
    # Pre turns by 90 degrees: (2, 0, 0) -> (0, 2, 0). Adding D: (0, 2, 2). Post shifts: (10, 2, 2).
    # Looked up at Pre . x = (0, 2, 0) instead, D would be (0, 0, 0); with Pre and Post swapped the answer
    # would be (0, 12, 2).
    vectors = np.zeros((3, 3, 4, 3))
    vectors[..., 2] = np.arange(4)
    grid = make_grid(vectors, pre=TURN_90_ABOUT_Z, post=SHIFT_10_ALONG_X)
    assert grid.map_points([[2.0, 0.0, 0.0]]).tolist() == [[10.0, 2.0, 2.0]]
    np.testing.assert_allclose(grid.inverse().map_points([[10.0, 2.0, 2.0]]), [[2.0, 0.0, 0.0]], atol=1e-9)


def test_trilinear_by_hand_between_eight_vectors():
    vectors = np.zeros((2, 2, 2, 3))
    vectors[1, 0, 1] = (8.0, 0.0, 16.0)  # k = 1, j = 0, i = 1
    grid = make_grid(vectors, position=(100, 0, 0), resolution=(2, 2, 2))
    # a quarter along i, halfway along j, three quarters along k: weight 1/4 * 1/2 * 3/4 = 3/32
    mapped = grid.map_points([[100.5, 1.0, 1.5]])
    np.testing.assert_allclose(mapped, [[100.5 + 0.75, 1.0, 1.5 + 1.5]], atol=1e-12)


def interpolate_slowly(field, point):
    index = affine.apply(np.linalg.inv(field.point_from_index), point)
    total = np.zeros(3)
    for corner in itertools.product((0, 1), repeat=3):
        at = np.floor(index).astype(int) + corner
        weight = np.prod(1 - np.abs(index - at))
        total += weight * field.vectors[at[2], at[1], at[0]]
    return point + total


def test_oblique_anisotropic_grid_against_a_slow_loop():
    grid = make_smooth_grid(orientation=OBLIQUE, position=(-30, 20, 7))
    index = np.random.default_rng(2).uniform(0.1, np.array(grid.field.dimensions) - 1.1, (40, 3))
    points = affine.apply(grid.field.point_from_index, index)
    expected = [interpolate_slowly(grid.field, point) for point in points]
    np.testing.assert_allclose(grid.map_points(points), expected, atol=1e-9)


def test_outer_half_voxel_is_inside_and_beyond_it_is_nowhere():
    vectors = np.zeros((2, 2, 2, 3))
    vectors[..., 1] = 5.0
    grid = make_grid(vectors)
    mapped = grid.map_points([[-0.5, 0, 0], [1.5, 1.5, 1.5], [-0.51, 0, 0], [0, 0, 1.51], [np.nan, 0, 0]])
    np.testing.assert_allclose(mapped[:2], [[-0.5, 5, 0], [1.5, 6.5, 1.5]])
    assert np.isnan(mapped[2:]).all()


def test_single_plane_grid_serves_its_own_thickness():
    grid = make_grid(np.full((1, 3, 3, 3), 2.0), resolution=(1, 1, 4))
    mapped = grid.map_points([[1, 1, 1.9], [1, 1, 2.1]])
    assert mapped[0].tolist() == pytest.approx([3, 3, 3.9])
    assert np.isnan(mapped[1]).all()


def test_undefined_vectors_give_no_point_and_never_zero_displacement():
    vectors = np.ones((3, 3, 3, 3))
    vectors[1, 1, 2] = np.nan
    grid = make_grid(vectors)
    mapped = grid.map_points([[1.5, 1, 1], [2, 1, 1], [1.999999999, 1, 1], [1, 1, 1], [0.5, 1, 1]])
    assert np.isnan(mapped[:3]).all()
    assert mapped[3:].tolist() == [[2, 2, 2], [1.5, 2, 2]]
    back = grid.inverse().map_points([[2.5, 2, 2], [1.5, 2, 2]])
    assert np.isnan(back[0]).all()
    np.testing.assert_allclose(back[1], [0.5, 1, 1], atol=1e-6)


@pytest.mark.parametrize(
    "linear_part",
    [
        np.diag([3.0, 3.0, 3.0]),  # the fixed point diverges by a factor of three each round
        np.array([[-1.5, -0.9, 0], [0.9, -1.5, 0], [0, 0, 0.5]]),  # turns by 120 degrees
    ],
    ids=["stretch", "turn"],
)
def test_steep_fields_are_inverted_by_newton(linear_part):
    grid = make_linear_grid(linear_part, position=(-4, -4, -4), pre=SHIFT_10_ALONG_X, post=TURN_90_ABOUT_Z)
    points = np.random.default_rng(3).uniform(-3.9, 3.9, (50, 3))
    back = grid.inverse().map_points(grid.map_points(points))
    np.testing.assert_allclose(back, points, atol=1e-5)


def test_inverse_of_what_nothing_maps_to_is_nan():
    grid = make_smooth_grid()
    far = [[1000.0, 0, 0], [np.nan, 0, 0], [-40.0, -40, -40]]
    assert np.isnan(grid.inverse().map_points(far)).all()
    assert np.isnan(grid.inverse().map_points(np.empty((0, 3)))).shape == (0, 3)


def test_inverse_beside_a_hole_still_finds_the_points_that_exist():
    grid = make_smooth_grid()
    vectors = grid.field.vectors.copy()
    vectors[:, :, 8:] = np.nan
    holed = make_grid(vectors, resolution=(5, 4, 3))
    index = np.random.default_rng(4).uniform((0, 0, 0), (7, 13, 11), (200, 3))
    points = affine.apply(holed.field.point_from_index, index)
    back = holed.inverse().map_points(holed.map_points(points))
    np.testing.assert_allclose(back, points, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    amplitude=st.floats(0, 6),
    angle=st.floats(-3, 3),
    shift=st.tuples(*[st.floats(-50, 50)] * 3),
)
def test_inverse_maps_every_image_back(seed, amplitude, angle, shift):
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    move = np.eye(4)
    move[:3, 3] = shift
    grid = make_smooth_grid(amplitude=amplitude, seed=seed, pre=turn, post=move @ turn)
    points = affine.apply(
        grid.field.point_from_index, np.random.default_rng(seed).uniform(-0.4, (15.4, 13.4, 11.4), (30, 3))
    )
    images = grid.map_points(points)
    back = grid.inverse().map_points(images)
    np.testing.assert_allclose(grid.map_points(back), images, atol=2 * INVERSE_TOLERANCE_MM)
    assert grid.inverse().inverse() is grid


def test_grid_of_other_software_hits_the_landmarks():
    registration = read_registration(pydicom.dcmread(data("reg_independent/elastix_lung_DEFORMABLE.dcm")))
    (item,) = registration.transform_items
    assert (item.method, item.frame_of_reference_uid) == (
        "deformable",
        "2.25.1317543028890205250883952209151984354",
    )
    baseline, followup = (
        np.loadtxt(data("elastix_3dct_lung") / f"landmarks_{name}_physical_mm.txt")
        for name in ("baseline", "followup")
    )
    grid = DisplacementGrid(item.field)
    errors = np.linalg.norm(grid.map_points(baseline) - followup, axis=1)
    assert len(errors) == 51
    assert errors.mean() == pytest.approx(1.46, abs=0.005)
    assert errors.max() == pytest.approx(12.7, abs=0.05)
    back = grid.inverse().map_points(grid.map_points(baseline))
    np.testing.assert_allclose(back, baseline, atol=1e-4)


@pytest.mark.parametrize("coordinate", [np.nan, np.inf, -np.inf, 1e308, -1e308, 1e20, 1e7])
def test_a_place_that_is_no_number_or_nowhere_is_outside(coordinate):
    for grid in (
        make_smooth_grid(),
        make_grid(np.full((2, 2, 2, 3), 3e38)),
        make_grid([[[[3e38, -3e38, np.nan]]]]),
    ):
        points = [[coordinate, 5.0, 5.0], [5.0, coordinate, coordinate]]
        with np.errstate(all="ignore"):
            assert np.isnan(grid.map_points(points)).all()
            assert np.isnan(grid.inverse().map_points(points)).all()
            grid.inverse().map_points([[5.0, 5.0, 5.0]])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(width=32), min_size=24, max_size=24),
    st.tuples(*[st.floats() | st.floats(-10, 10)] * 3),
)
def test_whatever_a_field_holds_looking_a_point_up_does_not_fail(values, point):
    grid = make_grid(np.reshape(values, (2, 2, 2, 3)))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a mean of nothing but NaN
        grid.map_points([point])
        grid.inverse().map_points([point])
