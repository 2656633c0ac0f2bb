"""Greedy at our border: directions, frames, and silence."""

from typing import Any

import numpy as np
import pytest

from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry import affine
from longitudinal.registration import greedy
from longitudinal.registration.greedy import (
    LOCAL_CORRELATION,
    MUTUAL_INFORMATION,
    deform_spacing,
    find_metric,
    refine_affine,
    refine_deformable,
)
from longitudinal.registration.pyramid import Pyramid, image_transform
from longitudinal.registration.quality import covered
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.grid_storage import encode_field
from tests.unit.registration.phantoms import BODY, BODY_MM, MOTION, MR, mean_error, scan

pytestmark = pytest.mark.slow

STRETCH = np.diag([1.05, 0.97, 1.0, 1.0])
MEGABYTE = 1 << 20
FIXED = Pyramid(scan(BODY))


def test_an_affine_motion_is_found_from_a_rigid_start(capfd: pytest.CaptureFixture[str]) -> None:
    truth = affine.compose(MOTION, STRETCH)
    moving = Pyramid(scan(BODY, affine.invert(truth), seed=1))
    assert mean_error(MOTION, truth) > 1.5
    assert mean_error(refine_affine(FIXED, moving, MOTION), truth) < 0.6
    assert capfd.readouterr().out == "", "the worker speaks JSON on its standard output"


def test_the_same_scans_give_the_same_affine_map() -> None:
    moving = Pyramid(scan(BODY, affine.invert(affine.compose(MOTION, STRETCH)), seed=1))
    first, second = (refine_affine(FIXED, moving, MOTION) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_what_a_slab_does_not_show_is_not_pressed_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """56 mm of the body, 120 mm high: the truth is rigid, and where the slab ends nothing holds what may stretch."""
    slab = Pyramid(scan(BODY, affine.invert(MOTION), size=(45, 50, 14), seed=1))
    points = np.random.default_rng(1).uniform(-0.6, 0.6, (200, 3)) * BODY_MM * (1, 1, 0.5)
    truth = affine.apply(MOTION, points)
    shown = covered(truth, slab.volume)
    assert shown.mean() > 0.5

    def off() -> float:
        field = refine_deformable(FIXED, slab, MOTION, threads=1)
        missed = np.linalg.norm(DisplacementGrid(field).map_points(points) - truth, axis=1)
        return float(missed[shown].mean())

    assert off() < 1
    monkeypatch.setattr(greedy, "WHOLE_VIEW", 0.0)
    assert off() > 1.5


UNKNOWN = Contrast("MR")


@pytest.mark.parametrize("contrast", [MR, UNKNOWN], ids=[LOCAL_CORRELATION, MUTUAL_INFORMATION])
def test_the_same_scans_give_the_same_field_in_any_number_of_threads(contrast: Contrast) -> None:
    shape: dict[str, Any] = {"size": (28, 28, 28), "contrast": contrast}
    fixed, moving = (
        Pyramid(scan(BODY, frame, seed=seed, **shape)) for seed, frame in enumerate((np.eye(4), STRETCH))
    )
    fields = [refine_deformable(fixed, moving, np.eye(4), threads).vectors for threads in (1, 1, 2)]
    assert np.abs(fields[0]).max() > 1
    for again in fields[1:]:
        np.testing.assert_array_equal(fields[0], again)


def test_a_field_maps_like_the_motion_it_was_made_for() -> None:
    """By two readers of the field: ours for points, SimpleITK's for images."""
    truth = affine.compose(MOTION, STRETCH)
    moving = Pyramid(scan(BODY, affine.invert(truth), seed=1))
    field = refine_deformable(FIXED, moving, MOTION, threads=1)
    points = np.random.default_rng(1).uniform(-0.6, 0.6, (100, 3)) * BODY_MM
    mapped = DisplacementGrid(field).map_points(points)
    assert np.linalg.norm(mapped - affine.apply(truth, points), axis=1).mean() < 0.8
    by_image = [image_transform(field.post, field).TransformPoint(point.tolist()) for point in points]
    np.testing.assert_allclose(mapped, by_image, atol=0.01)
    assert len(encode_field(field, largest_exact=0)) < MEGABYTE


@pytest.mark.parametrize(
    ("first", "second", "metric"),
    [
        (Contrast("CT"), Contrast("CT"), LOCAL_CORRELATION),
        (Contrast("CT"), Contrast("MR", 500, 10), MUTUAL_INFORMATION),
        (Contrast("MR", 500, 10), Contrast("MR", 600, 12), LOCAL_CORRELATION),
        (Contrast("MR", 500, 10), Contrast("MR", 4000, 100), MUTUAL_INFORMATION),
        (Contrast("MR", 9000, 100, 2500), Contrast("MR", 9000, 100), MUTUAL_INFORMATION),
        (Contrast("MR"), Contrast("MR"), MUTUAL_INFORMATION),
        (Contrast("PT"), Contrast("PT"), MUTUAL_INFORMATION),
    ],
)
def test_local_correlation_is_for_one_contrast(first: Contrast, second: Contrast, metric: str) -> None:
    pyramids = [
        Pyramid(scan(BODY, spacing=(8, 8, 8), size=(23, 25, 20), contrast=each)) for each in (first, second)
    ]
    assert find_metric(*pyramids) == metric


def test_a_deformation_of_a_large_scan_takes_no_more_memory_than_it_may() -> None:
    """CT of a limb, of a chest and of a trunk, without their pixels: 24 mm a voxel here."""
    limb, chest, trunk = (
        Pyramid(scan(BODY, spacing=(24, 24, 24), size=size, contrast=Contrast("CT")))
        for size in ((8, 8, 12), (16, 12, 12), (21, 21, 50))
    )
    assert deform_spacing(limb, limb, LOCAL_CORRELATION) == greedy.FINEST_DEFORM_MM
    of_chest = deform_spacing(chest, chest, LOCAL_CORRELATION)
    assert greedy.FINEST_DEFORM_MM < of_chest < greedy.DEFORM_MM
    assert np.prod(chest.cube(of_chest).GetSize()) <= 1.02 * greedy.MOST_DEFORM_VOXELS
    assert deform_spacing(limb, chest, LOCAL_CORRELATION) == of_chest, "the larger one counts"
    assert deform_spacing(trunk, limb, LOCAL_CORRELATION) == greedy.DEFORM_MM
    assert deform_spacing(limb, limb, MUTUAL_INFORMATION) == greedy.DEFORM_MM
