"""The mirror control: how much better an alignment fits than one to the mirror image of the same scan.

Another person's head, and the patient's own mirror image, align there and back to a fraction of a millimetre. But
to another person a head is as good as its mirror image, while the patient's own fits clearly better than that. So
the ratio of the two needs no scale from elsewhere: 1.2 and more for the same head, 1.0 for another's, below for a
mirror image. Of a trunk the mirror image does not fit at all.
"""

import numpy as np
import SimpleITK as sitk

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import COARSE, MIDDLE, mutual_information, refine_start
from longitudinal.registration.volume import Floats, Volume

LEFT_RIGHT = 0
"""Axis of LPS along which people are alike on both sides."""


def mirror_ratio(fixed: Pyramid, moving: Pyramid, moving_from_fixed: Matrix, tissue: Points) -> float:
    """Mutual information of a rigid alignment over that of the best alignment to the mirror image.

    Parameters
    ----------
    tissue
        (n, 3) points of the fixed scan in the patient; their middle is where the mirror image is put.

    Returns
    -------
    float
        Infinite where the mirror image does not align at all.
    """
    mirrored, normal = _mirrored(moving)
    flipped = Pyramid(mirrored)
    centre = tissue.mean(axis=0)
    partner = affine.apply(moving_from_fixed, centre)
    start = moving_from_fixed.copy()
    reflected = partner - 2 * normal * ((partner - flipped.centre) @ normal)
    start[:3, 3] = reflected - start[:3, :3] @ centre
    for level in (COARSE, MIDDLE):
        refined = refine_start(fixed, flipped, start, level)
        if refined is None:
            return np.inf
        start = refined.moving_from_fixed
    control = mutual_information(fixed, flipped, start, MIDDLE.spacing)
    straight = mutual_information(fixed, moving, moving_from_fixed, MIDDLE.spacing)
    return straight / control if control > 0 else np.inf


def _mirrored(moving: Pyramid) -> tuple[Volume, Floats]:
    """The scan at the resolution of the comparison, left and right swapped, and the normal of the mirror."""
    image, mask = moving.level(MIDDLE.spacing)
    directions = np.reshape(image.GetDirection(), (3, 3))
    axis = int(np.argmax(np.abs(directions[LEFT_RIGHT])))
    flip = 2 - axis
    volume = Volume(
        np.flip(sitk.GetArrayFromImage(image), flip).copy(),
        None if mask is None else np.flip(sitk.GetArrayFromImage(mask), flip).astype(bool),
        np.array(image.GetOrigin()),
        directions,
        np.array(image.GetSpacing()),
        moving.volume.contrast,
    )
    return volume, directions[:, axis]
