"""A field made to fit: how many bytes it takes, and how far it is from what it was."""

import numpy as np
import pytest

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.grid_size import MOST_BYTES, fit_field
from longitudinal.transforms.grid_storage import LARGEST_EXACT_BYTES

QUANTUM_MM = 0.005
PARTIAL_MM = 0.3


def breathing(counts: tuple[int, int, int], noise: float = 0.0, spacing: float = 5.0) -> DisplacementField:
    """A smooth field: waves of some centimetres, 20 mm high, and noise of so many mm."""
    i, j, k = counts
    z, y, x = np.meshgrid(*(np.arange(count) * spacing for count in (k, j, i)), indexing="ij")
    waves = np.stack([20 * np.sin(x / 90) * np.cos(y / 70), 8 * np.sin(z / 80), 5 * np.cos(x / 60)], axis=-1)
    waves += np.random.default_rng(1).normal(0, noise, waves.shape) if noise else 0
    return DisplacementField(
        np.array([-10.0, 20, 30]),
        np.array([1.0, 0, 0, 0, 1, 0]),
        np.full(3, spacing),
        counts,
        waves.astype(np.float32),
        np.eye(4),
        np.eye(4),
    )


def inner_points(field: DisplacementField, count: int = 500) -> np.ndarray:
    index = np.random.default_rng(2).uniform(0, np.array(field.dimensions) - 1, (count, 3))
    return index * field.resolution + field.position


def test_a_small_field_keeps_its_grid() -> None:
    field = breathing((20, 18, 16))
    fitted = fit_field(field)
    assert fitted.dimensions == field.dimensions
    points = inner_points(field)
    moved = DisplacementGrid(fitted).map_points(points) - DisplacementGrid(field).map_points(points)
    assert np.abs(moved).max() <= QUANTUM_MM + 1e-5


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_large_one_spans_the_same_box_with_fewer_vectors(noise: float) -> None:
    field = breathing((120, 110, 100), noise)
    fitted = fit_field(field)
    assert len(DisplacementGrid(fitted).to_bytes(0)) <= MOST_BYTES
    assert (fitted.dimensions < field.dimensions) == (noise > 0)
    first, last = np.zeros(3), np.array(field.dimensions) - 1
    for index in (first, last):
        corner = field.position + index * field.resolution
        where = DisplacementGrid(fitted).map_points(corner[None])[0]
        assert np.isfinite(where).all()
    points = inner_points(field)
    smooth = breathing((120, 110, 100))
    moved = DisplacementGrid(fitted).map_points(points) - DisplacementGrid(smooth).map_points(points)
    assert np.sqrt((moved**2).mean()) <= (PARTIAL_MM if noise else QUANTUM_MM)


def test_read_back_from_an_object_of_ours_it_takes_no_more() -> None:
    """The steps are in the object, so that packing it again loses nothing more."""
    fitted = fit_field(breathing((60, 60, 60)))
    packed = DisplacementGrid(fitted).to_bytes(0)
    again = DisplacementGrid.from_bytes(packed)
    np.testing.assert_allclose(again.field.vectors, fitted.vectors, atol=1e-6)
    assert len(DisplacementGrid(fitted).to_bytes(LARGEST_EXACT_BYTES)) > len(packed)
