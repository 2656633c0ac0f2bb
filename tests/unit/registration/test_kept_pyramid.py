"""What is kept of a scan for neighbourhoods is what the whole scan gives there."""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from longitudinal.registration.kept_pyramid import KeptPyramid
from longitudinal.registration.pyramid import Pyramid, cubic_grid
from tests.unit.registration.phantoms import BODY, scan

FINE = scan(BODY, spacing=(1.0, 1.0, 3.0), size=(61, 70, 24))
KEPT_MM = 2.0


def pyramids(with_holes: bool) -> tuple[Pyramid, KeptPyramid]:
    volume = FINE
    if with_holes:
        covered = np.ones(volume.voxels.shape, bool)
        covered[:, 20:31, :] = False
        volume = replace(volume, covered=covered)
    whole = Pyramid(volume)
    return whole, KeptPyramid(Pyramid(volume), KEPT_MM)


def test_the_level_that_is_kept_is_the_same_image() -> None:
    for with_holes in (False, True):
        whole, kept = pyramids(with_holes)
        (image, mask), (same, same_mask) = whole.level(KEPT_MM), kept.level(KEPT_MM)
        np.testing.assert_array_equal(sitk.GetArrayViewFromImage(image), sitk.GetArrayViewFromImage(same))
        assert (image.GetSpacing(), image.GetOrigin()) == (same.GetSpacing(), same.GetOrigin())
        assert (mask is None) == (same_mask is None) == (not with_holes)
        if mask is not None:
            np.testing.assert_array_equal(
                sitk.GetArrayViewFromImage(mask), sitk.GetArrayViewFromImage(same_mask)
            )
        np.testing.assert_allclose(kept.volume.spacing, image.GetSpacing())
        assert kept.volume.voxels.shape == image.GetSize()[::-1]
        assert kept.volume.contrast == whole.volume.contrast


def test_it_covers_the_same_places_and_takes_less_memory() -> None:
    for with_holes in (False, True):
        whole, kept = pyramids(with_holes)
        grid = cubic_grid(whole.level(1.0)[0], 1.7)
        shift = sitk.TranslationTransform(3, (7.0, -4.0, 3.0))
        np.testing.assert_array_equal(kept.covers(grid, shift), whole.covers(grid, shift))
        of_mask = 0 if whole.volume.covered is None else whole.volume.covered.nbytes
        assert kept.nbytes < (whole.volume.voxels.nbytes + of_mask) / 2
