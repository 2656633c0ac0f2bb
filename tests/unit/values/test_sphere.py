"""Statistics of a sphere against brute force: every voxel centre of the volume, its distance, numpy."""

import numpy as np
import pytest

from longitudinal.geometry.image_plane import PLANE, patient_from_pixel
from longitudinal.geometry.sphere import DIRECTIONS, planes_of_sphere
from longitudinal.reasons import ValueReason
from longitudinal.values.sphere import Sphere, SphereStatistics, in_numbers, measure

ROWS, COLUMNS, SLICES = 40, 44, 30
TILTED = np.linalg.qr(np.array([[1, 0.2, 0.1], [-0.1, 1, 0.3], [0.05, -0.2, 1]]))[0]


def stack(
    spacing: tuple[float, float] = (0.8, 0.7),
    gap: float = 1.5,
    axes: np.ndarray | None = None,
    without: tuple[int, ...] = (),
) -> np.ndarray:
    axes = np.eye(3) if axes is None else axes
    planes = np.zeros(SLICES, PLANE)
    normal = np.cross(axes[0], axes[1])
    planes["position"] = np.array([3.0, -7.0, 11.0]) + np.outer(np.arange(SLICES) * gap, normal)
    planes["orientation"], planes["spacing"] = (*axes[0], *axes[1]), spacing
    planes["rows"], planes["columns"], planes["slice_thickness"] = ROWS, COLUMNS, gap
    return np.delete(planes, without)


def numbers(planes: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1000, 2000, (len(planes), ROWS, COLUMNS)).astype(float)


def measured(
    planes: np.ndarray,
    values: np.ndarray,
    centre: np.ndarray,
    radius: float,
    uncertainty: float | None = None,
) -> SphereStatistics:
    sphere = Sphere(centre, radius, uncertainty)
    found = planes_of_sphere(planes, centre, sphere.reach_mm)
    return measure(sphere, found, lambda number: values[found.source[number]])


def by_hand(planes: np.ndarray, values: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    places = np.stack([patient_from_pixel(plane, rows, columns) for plane in planes])
    return values[np.linalg.norm(places - centre, axis=-1) <= radius]


def place(
    planes: np.ndarray, slice_index: float = 14.3, row: float = 19.6, column: float = 21.2
) -> np.ndarray:
    below = planes[int(slice_index)]
    above = planes[int(slice_index) + 1]
    along = (above["position"] - below["position"]) * (slice_index % 1)
    return patient_from_pixel(below, row, column) + along


@pytest.mark.parametrize("axes", [None, TILTED], ids=["axial", "oblique"])
@pytest.mark.parametrize("radius", [2.0, 5.0, 9.7])
def test_they_equal_numpy_over_every_voxel_centre(axes: np.ndarray | None, radius: float) -> None:
    planes = stack(axes=axes)
    values, centre = numbers(planes), place(planes)
    found, expected = measured(planes, values, centre, radius), by_hand(planes, values, centre, radius)
    assert (found.reason, found.voxels) == (None, len(expected))
    assert (found.mean, found.sd) == (np.mean(expected), np.std(expected))
    assert (found.minimum, found.maximum) == (np.min(expected), np.max(expected))
    assert (found.least_mean, found.moved_reason) == (None, ValueReason.NOT_MEASURED)


def test_moved_by_the_uncertainty_the_least_and_the_greatest_mean_are_found() -> None:
    planes = stack()
    values, centre = numbers(planes), place(planes)
    means = [np.mean(by_hand(planes, values, centre + 2.2 * step, 4.0)) for step in DIRECTIONS]
    means.append(np.mean(by_hand(planes, values, centre, 4.0)))
    found = measured(planes, values, centre, 4.0, 2.2)
    assert len(means) == 27
    assert (found.least_mean, found.greatest_mean, found.moved_reason) == (min(means), max(means), None)
    still = measured(planes, values, centre, 4.0, 0.0)
    assert still.least_mean == still.greatest_mean == still.mean


def test_a_voxel_centre_on_the_sphere_belongs_to_it() -> None:
    planes = stack((0.1, 0.1), 0.1)
    centre = patient_from_pixel(planes[14], 20, 20)
    exact = sum(x * x + y * y + z * z <= 49 for x in range(-7, 8) for y in range(-7, 8) for z in range(-7, 8))
    assert measured(planes, numbers(planes), centre, 0.7).voxels == exact


@pytest.mark.parametrize(
    ("where", "radius", "reason"),
    [
        ({"row": 3.0}, 5.0, ValueReason.PARTLY_OUTSIDE),
        ({"column": 42.0}, 5.0, ValueReason.PARTLY_OUTSIDE),
        ({"slice_index": 0.2}, 5.0, ValueReason.PARTLY_OUTSIDE),
        ({"slice_index": 28.5}, 5.0, ValueReason.PARTLY_OUTSIDE),
        ({}, 1.1, ValueReason.TOO_FEW),
        ({}, 0.1, ValueReason.TOO_FEW),
    ],
)
def test_half_a_sphere_is_not_measured_and_says_why(
    where: dict[str, float], radius: float, reason: ValueReason
) -> None:
    planes = stack()
    found = measured(planes, numbers(planes), place(planes, **where), radius, 1.0)
    assert (found.reason, found.mean, found.least_mean) == (reason, None, None)
    assert (found.outside > 0) == (reason == ValueReason.PARTLY_OUTSIDE)


def test_a_sphere_that_just_fits_is_measured() -> None:
    planes = stack((1.0, 1.0), 1.0)
    centre = patient_from_pixel(planes[5], 5, 5)
    assert measured(planes, numbers(planes), centre, 5.9).reason is None
    assert measured(planes, numbers(planes), centre, 6.0).reason == ValueReason.PARTLY_OUTSIDE


def test_moved_outside_there_is_no_range_but_the_mean_is_there() -> None:
    planes = stack((1.0, 1.0), 1.0)
    found = measured(planes, numbers(planes), patient_from_pixel(planes[5], 5, 20), 5.0, 2.0)
    assert (found.reason, found.moved_reason) == (None, ValueReason.PARTLY_OUTSIDE)
    assert found.mean is not None
    assert found.least_mean is None


def test_a_missing_slice_within_the_sphere_is_told_and_one_beyond_it_is_not() -> None:
    planes = stack((1.0, 1.0), 1.0, without=(12,))
    values = numbers(planes)
    inside = measured(planes, values, patient_from_pixel(planes[14], 20, 20), 5.0)
    assert inside.reason == ValueReason.MISSING_SLICES
    assert measured(planes, values, patient_from_pixel(planes[20], 20, 20), 5.0).reason is None


def test_one_slice_is_no_sphere() -> None:
    planes = stack((1.0, 1.0), 3.0)[14:15]
    assert measured(planes, numbers(planes), patient_from_pixel(planes[0], 20, 20), 5.0).reason == (
        ValueReason.PARTLY_OUTSIDE
    )


def test_beyond_thirty_millimetres_the_sphere_is_not_moved() -> None:
    planes = stack()
    found = measured(planes, numbers(planes), place(planes), 4.0, 30.1)
    assert (found.reason, found.moved_reason, found.least_mean) == (None, ValueReason.TOO_UNCERTAIN, None)


def test_padding_is_no_value() -> None:
    planes = stack()
    stored = numbers(planes)
    stored[14, 19, 21] = -2000
    values = in_numbers(stored, 1.0, 0.0, (-2000, -1990))
    assert measured(planes, values, place(planes), 4.0).reason == ValueReason.PADDING
    assert measured(planes, values, place(planes, row=10.0), 4.0).reason is None


def test_each_frame_has_its_own_slope() -> None:
    planes = stack()
    stored = numbers(planes)
    slopes = np.linspace(0.5, 2.0, len(planes))
    values = np.stack([in_numbers(one, slope, 3.0, None) for one, slope in zip(stored, slopes, strict=True)])
    expected = by_hand(planes, stored * slopes[:, None, None] + 3.0, place(planes), 4.0)
    assert measured(planes, values, place(planes), 4.0).mean == np.mean(expected)
