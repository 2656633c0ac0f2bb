"""Volumes from planes: a linear ramp in patient coordinates must come back wherever a voxel is covered."""

import numpy as np
import pytest
from numpy.typing import NDArray

from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry.image_plane import PLANE, Planes, patient_from_pixel
from longitudinal.registration.volume import UnusableVolume, Volume, build_volume

CT = Contrast("CT")
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, 0.8)
GRADIENT = np.array([1.5, -2.0, 0.75])
LINEAR_MM = 1e-3
"""float32 of values up to a thousand."""


def planes_at(
    positions: NDArray[np.float64], orientation=AXIAL, spacing=(1.0, 1.0), rows=40, columns=30
) -> Planes:
    planes = np.zeros(len(positions), PLANE)
    planes["position"], planes["orientation"], planes["spacing"] = positions, orientation, spacing
    planes["rows"], planes["columns"], planes["slice_thickness"] = rows, columns, np.nan
    return planes


def along_z(offsets: list[float]) -> NDArray[np.float64]:
    return np.array([(0.0, 0.0, z) for z in offsets])


def ramp(planes: Planes):
    """Pixels of each plane of a field that rises linearly in the patient."""

    def read(index: int) -> NDArray[np.float64]:
        plane = planes[index]
        row, column = np.mgrid[: plane["rows"], : plane["columns"]]
        return patient_from_pixel(np.broadcast_to(plane, row.shape), row, column) @ GRADIENT

    return read


def worst_error(volume: Volume, *, inside: bool = False) -> float:
    """The largest deviation of a covered voxel from the ramp at its own place.

    ``inside`` leaves out the outermost voxels of each layer, which repeat the value of the last pixel.
    """
    k, j, i = np.indices(volume.voxels.shape)
    points = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ volume.point_from_index.T
    error = np.abs(volume.voxels - points[..., :3] @ GRADIENT)
    covered = np.ones(error.shape, bool) if volume.covered is None else volume.covered
    if inside:
        padded = np.pad(covered, ((0, 0), (1, 1), (1, 1)))
        covered = (
            covered & padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1] & padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
        )
    return float(error[covered].max())


def test_regular_planes_are_taken_as_they_are() -> None:
    planes = planes_at(along_z([3.0 * k for k in range(10)]), spacing=(1.25, 2.0))
    rng = np.random.default_rng(1)
    pixels = rng.normal(size=(10, 40, 30)).astype(np.float32)
    volume = build_volume(planes, lambda index: pixels[index], CT)
    np.testing.assert_array_equal(volume.voxels, pixels)
    np.testing.assert_allclose(volume.spacing, (2.0, 1.25, 3.0))
    assert volume.covered is None


def test_the_order_of_the_planes_does_not_matter() -> None:
    shuffled = np.random.default_rng(2).permutation(12)
    planes = planes_at(along_z([2.5 * k for k in range(12)]), orientation=OBLIQUE)
    planes["position"] = np.outer(2.5 * np.arange(12), np.cross(OBLIQUE[:3], OBLIQUE[3:])) + (5, -7, 11)
    assert worst_error(build_volume(planes[shuffled], ramp(planes[shuffled]), CT)) < LINEAR_MM


def test_gantry_tilt_is_sheared_upright() -> None:
    tilt = np.deg2rad(20)
    orientation = (1.0, 0.0, 0.0, 0.0, np.cos(tilt), -np.sin(tilt))
    planes = planes_at(along_z([3.0 * k for k in range(12)]), orientation=orientation)
    volume = build_volume(planes, ramp(planes), CT)
    assert worst_error(volume, inside=True) < LINEAR_MM
    np.testing.assert_allclose(volume.directions.T @ volume.directions, np.eye(3), atol=1e-12)
    assert volume.covered is not None, "the corners beside the sheared planes were never scanned"
    assert volume.covered.mean() > 0.7


def test_uneven_spacing_is_no_average() -> None:
    offsets = [0, 2, 4, 7, 10, 12, 15, 17, 20, 22.5, 25]
    planes = planes_at(along_z(offsets))
    planes["slice_thickness"] = 3
    volume = build_volume(planes, ramp(planes), CT)
    assert worst_error(volume) < LINEAR_MM
    assert volume.covered is None


def test_a_hole_stays_a_hole() -> None:
    planes = planes_at(along_z([*range(0, 30, 3), *range(60, 90, 3)]))
    volume = build_volume(planes, ramp(planes), CT)
    assert worst_error(volume) < LINEAR_MM
    assert volume.covered is not None
    z = volume.origin[2] + volume.spacing[2] * np.arange(volume.size[2])
    np.testing.assert_array_equal(volume.covered.any(axis=(1, 2)), (z <= 28.5) | (z >= 58.5))


def test_fine_pixels_are_averaged_to_a_millimetre() -> None:
    planes = planes_at(along_z([0.5 * k for k in range(50)]), spacing=(0.5, 0.4), rows=81, columns=100)
    volume = build_volume(planes, ramp(planes), CT)
    np.testing.assert_allclose(volume.spacing, 1.0)
    assert worst_error(volume, inside=True) < LINEAR_MM


def test_pixels_of_different_size_in_one_stack() -> None:
    planes = planes_at(along_z([2.0 * k for k in range(14)]), rows=40, columns=40)
    planes["spacing"][7:], planes["rows"][7:], planes["columns"][7:] = 2.0, 20, 20
    planes["position"][7:, :2] = 0.5
    volume = build_volume(planes, ramp(planes), CT)
    assert worst_error(volume, inside=True) < LINEAR_MM


@pytest.mark.parametrize(
    ("offsets", "pixels", "reason"),
    [
        ([0, 10, 20], np.eye(40, 30), "tooFewPlanes"),
        ([0, 1, 2, 3], np.eye(40, 30), "tooSmall"),
        ([0, 10, 20, 30], np.ones((40, 30)), "noContrast"),
        ([0, 10, 20, 30], np.ones((40, 30, 3)), "notGrey"),
        ([0, 10, 20, 30], np.eye(30, 40), "badPixels"),
        ([0, 10, 20, 30], np.full((40, 30), np.nan), "badPixels"),
        ([0, 1, 2, 4e6], np.eye(40, 30), "tooLarge"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_volume_says_why(offsets: list[float], pixels: NDArray[np.float64], reason: str) -> None:
    with pytest.raises(UnusableVolume) as caught:
        build_volume(planes_at(along_z(offsets)), lambda index: pixels, CT)
    assert caught.value.reason == reason
