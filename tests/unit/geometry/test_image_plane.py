"""Pixel to patient and back, against highdicom and by hand."""

import highdicom
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longitudinal.geometry.image_plane import (
    PLANE,
    Planes,
    normals,
    patient_from_pixel,
    pixel_from_patient,
    point_of_pixel,
)

EXACT = 1e-9


def plane(position=(0, 0, 0), orientation=(1, 0, 0, 0, 1, 0), spacing=(1, 1)) -> Planes:
    one = np.zeros(1, PLANE)
    one["position"], one["orientation"], one["spacing"] = position, orientation, spacing
    one["rows"], one["columns"] = 64, 48
    return one


@st.composite
def rotations(draw) -> np.ndarray:
    """Uniform rotations from quaternions."""
    q = np.array([draw(st.floats(-1, 1)) for _ in range(4)])
    if np.linalg.norm(q) < 0.1:
        q = np.array([1.0, 0, 0, 0])
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


POSITIONS = st.tuples(*[st.floats(-500, 500)] * 3)
SPACINGS = st.tuples(st.floats(0.05, 10), st.floats(0.05, 10))
PIXELS = st.floats(-100, 1000)


def test_row_and_column_by_hand() -> None:
    # the second value of PixelSpacing is the distance between columns, which run along the first triplet
    moved = patient_from_pixel(plane((10, 20, 30), (1, 0, 0, 0, 1, 0), (2.0, 0.5)), row=3, column=8)
    assert moved.tolist() == [[10 + 8 * 0.5, 20 + 3 * 2.0, 30]]


@given(rotations(), POSITIONS, SPACINGS, PIXELS, PIXELS)
def test_agrees_with_highdicom(rotation, position, spacing, row, column) -> None:
    orientation = (*rotation[:, 0], *rotation[:, 1])
    oracle = highdicom.spatial.ImageToReferenceTransformer(position, orientation, spacing)
    # highdicom's image coordinates put the corner of the first pixel at 0, and say (column, row)
    expected = oracle(np.array([[column + 0.5, row + 0.5]]))
    ours = patient_from_pixel(plane(position, orientation, spacing), row, column)
    np.testing.assert_allclose(ours, expected, atol=1e-7)


@given(rotations(), POSITIONS, SPACINGS, POSITIONS)
def test_inverse_agrees_with_highdicom(rotation, position, spacing, point) -> None:
    orientation = (*rotation[:, 0], *rotation[:, 1])
    oracle = highdicom.spatial.ReferenceToImageTransformer(
        position, orientation, spacing, drop_slice_coord=False
    )
    expected = oracle(np.array([point]))[0]
    row, column, distance = pixel_from_patient(plane(position, orientation, spacing), point)
    assert column[0] + 0.5 == pytest.approx(expected[0], abs=1e-6)
    assert row[0] + 0.5 == pytest.approx(expected[1], abs=1e-6)
    assert distance[0] == pytest.approx(expected[2], abs=1e-6)


@given(rotations(), POSITIONS, SPACINGS, PIXELS, PIXELS, st.floats(-200, 200), st.floats(-0.05, 0.05))
def test_round_trip_with_skewed_cosines(rotation, position, spacing, row, column, off, skew) -> None:
    rows = rotation[:, 0] * (1 + skew / 2)
    columns = rotation[:, 1] + skew * rotation[:, 0]
    one = plane(position, (*rows, *columns), spacing)
    point = patient_from_pixel(one, row, column) + off * normals(one)
    found = pixel_from_patient(one, point)
    np.testing.assert_allclose(np.ravel(found), [row, column, off], atol=1e-6)


def test_projection_on_skewed_plane_is_the_nearest_point() -> None:
    one = plane((1, 2, 3), (1, 0, 0, 0.05, 1, 0), (0.7, 1.3))
    point = np.array([12.0, 5.0, 9.0])
    row, column, distance = pixel_from_patient(one, point)
    foot = patient_from_pixel(one, row, column)[0]
    np.testing.assert_allclose(point - foot, distance[0] * normals(one)[0], atol=EXACT)


def test_many_planes_and_points_at_once() -> None:
    planes = np.concatenate([plane((0, 0, z)) for z in range(5)])
    points = np.arange(12.0).reshape(4, 1, 3)
    row, column, distance = pixel_from_patient(planes, points)
    assert row.shape == column.shape == distance.shape == (4, 5)
    assert distance[2].tolist() == [8, 7, 6, 5, 4]
    assert patient_from_pixel(planes, 1, 2).shape == (5, 3)


def test_planes_are_packed() -> None:
    # the sidecar stores an array of planes as a BLOB
    assert PLANE.itemsize == sum(PLANE[name].itemsize for name in PLANE.names)


def test_one_pixel_is_where_the_arrays_have_it() -> None:
    generator = np.random.default_rng(5)
    planes = np.zeros(50, PLANE)
    planes["position"] = generator.uniform(-300, 300, (50, 3))
    planes["orientation"] = generator.uniform(-1, 1, (50, 6))
    planes["spacing"] = generator.uniform(0.1, 5, (50, 2))
    rows, columns = generator.uniform(0, 512, (2, 50)).tolist()
    expected = patient_from_pixel(planes, rows, columns)
    found = [point_of_pixel(*each) for each in zip(planes, rows, columns, strict=True)]
    assert np.array_equal(np.array(found), expected)
