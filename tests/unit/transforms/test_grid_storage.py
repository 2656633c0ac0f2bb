"""Displacement fields as bytes: what is exact, what is lost, and how small it gets."""

import numpy as np
import pytest

from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.grid_storage import encode_field


def make_field(vectors):
    pre, post = np.eye(4), np.eye(4)
    pre[:3, 3], post[:3, 3] = (1 / 3, 2, 3), (np.pi, 5, 6)
    return DisplacementField(
        position=np.array([-1.1, 2.2, 3.3]),
        orientation=np.array([0.8, 0.6, 0, -0.6, 0.8, 0]),
        resolution=np.array([5, 5.5, 2.732]),
        dimensions=vectors.shape[2::-1],
        vectors=vectors.astype(np.float32),
        pre=pre,
        post=post,
    )


def make_vectors(shape, amplitude=20.0):
    """A breathing motion and the noise a registration engine leaves, mm."""
    rng = np.random.default_rng(5)
    k, j, i = np.indices(shape) / np.array(shape)[:, None, None, None]
    smooth = np.stack([np.sin(3 * i + j), np.sin(4 * j + k) * i, np.exp(-((k / 0.4) ** 2))], axis=-1)
    return amplitude * smooth + rng.normal(0, 0.02, (*shape, 3))


def assert_same_geometry(field, other):
    assert field.dimensions == other.dimensions
    for name in ("position", "orientation", "resolution", "pre", "post"):
        np.testing.assert_array_equal(getattr(field, name), getattr(other, name))


def test_imported_fields_come_back_exactly():
    vectors = make_vectors((6, 7, 8))
    vectors[0, 0, 0] = np.nan
    field = make_field(vectors)
    back = DisplacementGrid.from_bytes(DisplacementGrid(field).to_bytes()).field
    assert_same_geometry(field, back)
    np.testing.assert_array_equal(field.vectors, back.vectors)


def test_compact_fields_lose_at_most_half_a_hundredth_of_a_millimetre():
    vectors = make_vectors((6, 7, 8))
    vectors[1, 2, 3] = np.nan
    field = make_field(vectors)
    back = DisplacementGrid.from_bytes(DisplacementGrid(field).to_bytes(largest_exact=0)).field
    assert_same_geometry(field, back)
    np.testing.assert_array_equal(np.isnan(field.vectors), np.isnan(back.vectors))
    assert np.nanmax(np.abs(field.vectors - back.vectors)) <= 0.006


def test_only_a_field_past_the_limit_is_made_compact():
    field = make_field(make_vectors((6, 7, 8)))
    exact = encode_field(field)
    assert encode_field(field, largest_exact=len(exact)) == exact
    assert len(encode_field(field, largest_exact=len(exact) - 1)) < len(exact) / 2


def test_what_int16_cannot_hold_stays_exact():
    field = make_field(make_vectors((4, 4, 4), amplitude=400.0))
    back = DisplacementGrid.from_bytes(encode_field(field, largest_exact=0)).field
    np.testing.assert_array_equal(field.vectors, back.vectors)


def test_a_chest_at_5_mm_takes_less_than_a_megabyte():
    field = make_field(make_vectors((70, 66, 84)))
    assert len(encode_field(field, largest_exact=0)) <= 1_000_000


@pytest.mark.parametrize("data", [b"", b"LDG1", b"x" * 500])
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match="no displacement field"):
        DisplacementGrid.from_bytes(data)


def test_truncated_bytes_are_refused():
    data = encode_field(make_field(make_vectors((4, 4, 4))))
    with pytest.raises(ValueError, match="no displacement field"):
        DisplacementGrid.from_bytes(data[:-7])
