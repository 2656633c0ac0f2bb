"""A stack cut along a surface, against SimpleITK, and at the ends, holes and padding of a stack."""

from collections.abc import Sequence

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from longitudinal.geometry.cut import cut_stack, points_between
from longitudinal.geometry.image_plane import PLANE, patient_from_pixel

RANDOM = np.random.default_rng(19)
ROWS, COLUMNS = 20, 24
AXIAL: NDArray[np.float64] = np.eye(3)


def stack(heights: Sequence[float], axes: NDArray[np.float64] = AXIAL) -> np.ndarray:
    """Planes in order along axes[:, 2], the third of which the heights are on."""
    planes = np.zeros(len(heights), PLANE)
    planes["orientation"] = [*axes[:, 0], *axes[:, 1]]
    planes["spacing"] = 1.5, 0.75
    planes["rows"], planes["columns"] = ROWS, COLUMNS
    planes["position"] = np.outer(heights, axes[:, 2]) + (3, -4, 5)
    return planes


def turned() -> NDArray[np.float64]:
    axes, _ = np.linalg.qr(np.eye(3) + RANDOM.normal(scale=0.2, size=(3, 3)))
    return np.asarray(axes * np.sign(np.linalg.det(axes)))


@pytest.mark.parametrize("axes", [AXIAL, turned()], ids=["axial", "turned"])
def test_against_simpleitk(axes: NDArray[np.float64]) -> None:
    voxels = RANDOM.normal(size=(9, ROWS, COLUMNS)).astype(np.float32)
    planes = stack([2.5 * k for k in range(9)], axes)
    image = sitk.GetImageFromArray(voxels.astype(np.float64))
    image.SetOrigin(planes["position"][0].tolist())
    image.SetSpacing([0.75, 1.5, 2.5])
    image.SetDirection(axes.ravel().tolist())
    middle = planes["position"].mean(axis=0) + axes[:, 0] * 8 + axes[:, 1] * 14
    points = middle + RANDOM.uniform(-16, 16, (4_000, 3))
    values = cut_stack(planes, 1.25, lambda number: voxels[number], points)
    inside = 0
    for point, value in zip(points.tolist(), values, strict=True):
        index = image.TransformPhysicalPointToContinuousIndex(point)
        if all(-0.5 < at < size - 0.5 for at, size in zip(index, image.GetSize(), strict=True)):
            expected = image.EvaluateAtContinuousIndex(index, sitk.sitkLinear)
            assert value == pytest.approx(expected, abs=1e-5)
            inside += 1
        else:
            assert np.isnan(value)
    assert inside > 500


def test_beyond_the_ends_and_in_a_hole_nothing_is_made_up() -> None:
    planes = stack([0, 2, 4, 12, 14])
    read = lambda number: np.full((ROWS, COLUMNS), float(number), np.float32)  # noqa: E731
    heights = [-1.1, -1, 0, 1, 4.9, 5.1, 8, 10.9, 11.1, 13, 15, 15.1]
    values = cut_stack(planes, 1.0, read, np.array([[8.0, 8.0, 5.0 + z] for z in heights]))
    expected = [np.nan, 0, 0, 0.5, 2, np.nan, np.nan, np.nan, 3, 3.5, 4, np.nan]
    assert values.tolist() == pytest.approx(expected, nan_ok=True)


def test_only_the_planes_beside_the_points_are_read() -> None:
    read: list[int] = []

    def plane(number: int) -> NDArray[np.float32]:
        read.append(number)
        return np.zeros((ROWS, COLUMNS), np.float32)

    cut_stack(stack(range(30)), 0.5, plane, np.array([[8.0, 8.0, 5.0 + 10.5], [8.0, 8.0, np.nan]]))
    assert read == [10, 11]


def test_padding_has_no_part_in_a_value() -> None:
    pixels = np.full((ROWS, COLUMNS), 7.0, np.float32)
    pixels[:, :10] = np.nan
    planes = stack([0, 2])
    across = [patient_from_pixel(planes[:1], 5, column)[0] for column in (8, 9.4, 9.6, 12)]
    values = cut_stack(planes, 1.0, lambda _: pixels, np.array(across))
    assert values.tolist() == pytest.approx([np.nan, np.nan, 7, 7], nan_ok=True)


def test_points_between_nodes_are_those_of_the_pixels() -> None:
    planes = stack([0])
    row, column = np.meshgrid([-0.5, ROWS - 0.5], [-0.5, COLUMNS - 0.5], indexing="ij")
    nodes = patient_from_pixel(planes, row.ravel(), column.ravel()).reshape(2, 2, 3)
    found = points_between(nodes, ROWS, COLUMNS)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    expected = patient_from_pixel(planes, y.ravel(), x.ravel()).reshape(ROWS, COLUMNS, 3)
    assert np.abs(found - expected).max() < 1e-9
