"""The mirror control: how much better an alignment fits than one to the mirror image of the same scan.

Another person's head, and the patient's own mirror image, align there and back to a fraction of a millimetre. But
to another person a head is as good as its mirror image, while the patient's own fits better than that. So the ratio
of the two needs no scale from elsewhere: above 1 for the same head, about 1 for another's, below for a mirror image.
Of a trunk the mirror image hardly fits at all.

It is a ratio only where the mirror image is aligned as well as it can be. The plane in which the patient is alike on
both sides is known from neither the header nor the grid: a head may lie turned in either. So planes of every
direction are tried, and the best one counts.
"""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import (
    COARSE,
    MIDDLE,
    Refined,
    information_at,
    mutual_information,
    refine_start,
    settle,
)
from longitudinal.registration.volume import Floats, Volume

PLANES = 72
"""Directions of planes that are tried: none is farther than 13 degrees from one, which turns what is mirrored by 26."""

STARTS = 5
"""Planes whose mirror image is aligned; the right one was the best of the 72 or the second in all measured pairs."""

APART_DEGREES = 12.0
"""Between planes whose mirror images are aligned: nearer ones end alike."""

FINALISTS = 2
"""Mirror images that are aligned until no step gains anything."""


def mirror_ratio(fixed: Pyramid, moving: Pyramid, moving_from_fixed: Matrix, tissue: Points) -> float:
    """Mutual information of a rigid alignment over that of the best alignment to the mirror image.

    Parameters
    ----------
    tissue
        (n, 3) points of the fixed scan in the patient; the planes go through their middle.

    Returns
    -------
    float
        Infinite where the mirror image does not align at all.
    """
    plain, flipped, flip = _both(moving)
    middle = tissue.mean(axis=0)
    starts = [
        affine.compose(flip, moving_from_fixed, _reflection(normal, middle)) for normal in plane_normals()
    ]
    best = _aligned(fixed, flipped, starts)
    control = 0.0 if best is None else best.information
    straight = mutual_information(fixed, plain, moving_from_fixed, MIDDLE.spacing)
    return straight / control if control > 0 else np.inf


def plane_normals() -> Floats:
    """Unit normals (n, 3) of `PLANES` planes of every direction, evenly spread over half a sphere (Fibonacci's)."""
    number = np.arange(PLANES) + 0.5
    x = number / PLANES
    angle = np.pi * (1 + np.sqrt(5)) * number
    across = np.sqrt(1 - x**2)
    return np.column_stack([x, across * np.cos(angle), across * np.sin(angle)])


def _aligned(fixed: Pyramid, flipped: Pyramid, starts: list[Matrix]) -> Refined | None:
    """The best alignment to the mirror image from any of the starts (4, 4); None when all leave the overlap."""
    scores = information_at(fixed, flipped, starts, COARSE)
    ends = [refine_start(fixed, flipped, starts[number], COARSE) for number in _distinct(scores)]
    found = sorted((end for end in ends if end is not None), key=lambda end: -end.information)
    settled = [settle(fixed, flipped, end, COARSE) for end in found[:FINALISTS]]
    best = max(settled, key=lambda end: end.information, default=None)
    return None if best is None else refine_start(fixed, flipped, best.moving_from_fixed, MIDDLE)


def _distinct(scores: list[float]) -> list[int]:
    """Numbers of the best `STARTS` planes, none close to a better one."""
    normals = plane_normals()
    kept: list[int] = []
    for number in np.argsort(scores, kind="stable")[::-1]:
        if np.all(np.abs(normals[kept] @ normals[number]) < np.cos(np.deg2rad(APART_DEGREES))):
            kept.append(int(number))
    return kept[:STARTS]


def _reflection(normal: Floats, point: Floats) -> Matrix:
    """(4, 4): every point to the other side of a plane."""
    matrix = np.eye(4)
    matrix[:3, :3] -= 2 * np.outer(normal, normal)
    matrix[:3, 3] = 2 * normal * (normal @ point)
    return matrix


def _both(moving: Pyramid) -> tuple[Pyramid, Pyramid, Matrix]:
    """The scan at the resolution of the comparison, the same mirrored along an axis of its grid, and that reflection (4, 4).

    Which axis does not matter: two reflections differ by a rotation, and the starts make up for it. Both are made in
    the same way, so that neither has grey values the other lacks.
    """
    image, mask = moving.level(MIDDLE.spacing)
    plain = Volume(
        sitk.GetArrayFromImage(image),
        None if mask is None else sitk.GetArrayFromImage(mask).astype(bool),
        np.array(image.GetOrigin()),
        np.reshape(image.GetDirection(), (3, 3)),
        np.array(image.GetSpacing()),
        moving.volume.contrast,
    )
    covered = None if plain.covered is None else np.flip(plain.covered, -1).copy()
    flipped = Pyramid(replace(plain, voxels=np.flip(plain.voxels, -1).copy(), covered=covered))
    return Pyramid(plain), flipped, _reflection(plain.directions[:, 0], flipped.centre)
