"""The mirror control: how much better an alignment fits than one to the mirror image of the same scan.

Another person's head, and the patient's own mirror image, align there and back to a fraction of a millimetre. But
to another person a head is as good as its mirror image, while the patient's own fits better than that. So the ratio
of the two needs no scale from elsewhere: above 1 for the same head, about 1 for another's, below for a mirror image.
Of a trunk the mirror image hardly fits at all.

It says so only where the mirror image is aligned as well as it can be. The plane in which the patient is alike on
both sides is known from neither the header nor the grid: a head may lie turned in either. So planes of every
direction are tried, and the best one counts.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import (
    COARSE,
    LEAST_GAIN,
    MIDDLE,
    RefinedPose,
    information_at,
    mutual_information,
    refine_start,
    settle,
)
from longitudinal.registration.volume import Floats, Volume

PLANES = 72
"""Directions of planes that are tried: none is farther than 13 degrees from one, which turns what is mirrored by 26."""

STARTS = 5
"""Planes whose mirror image is aligned; in one of 80 pairs the right one was not better than the third before that."""

APART_DEGREES = 12.0
"""Between planes whose mirror images are aligned: nearer ones end alike."""

NEARER_DEGREES = 7.0
"""How far the planes lie from each of these that are tried before one goes on."""

NEARER = 6
"""How many of them."""

MOST_LONG_STEPS = 4
"""How often each goes on from where it ended, before the best is chosen: what starts 20 degrees off begins slowly."""


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

    def starts(normals: Floats) -> list[Matrix]:
        return [affine.compose(flip, moving_from_fixed, _reflection(normal, middle)) for normal in normals]

    chosen = _planes(lambda normals: np.array(information_at(fixed, flipped, starts(normals), COARSE)))
    best = _aligned(fixed, flipped, starts(chosen))
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


def _planes(score: Callable[[Floats], Floats]) -> Floats:
    """Normals (n, 3) of the best planes that are apart, each the best of those near it."""
    normals = plane_normals()
    scores = score(normals)
    kept: list[int] = []
    for number in np.argsort(scores, kind="stable")[::-1]:
        if np.all(np.abs(normals[kept] @ normals[number]) < np.cos(np.deg2rad(APART_DEGREES))):
            kept.append(int(number))
    found = []
    for number in kept[:STARTS]:
        near = np.vstack([normals[number], _around(normals[number])])
        found.append(near[np.argmax(score(near))])
    return np.array(found)


def _around(normal: Floats) -> Floats:
    """Normals (n, 3) in a circle of `NEARER_DEGREES` round one (3,)."""
    across = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    across /= np.linalg.norm(across)
    angle = 2 * np.pi * np.arange(NEARER)[:, None] / NEARER
    circle = np.cos(angle) * across + np.sin(angle) * np.cross(normal, across)
    reach = np.deg2rad(NEARER_DEGREES)
    return np.asarray(np.cos(reach) * normal + np.sin(reach) * circle)


def _aligned(fixed: Pyramid, flipped: Pyramid, starts: list[Matrix]) -> RefinedPose | None:
    """The best alignment to the mirror image from any of the starts (4, 4); None when all leave the overlap."""
    ends = [_gone_on(fixed, flipped, start) for start in starts]
    best = max((end for end in ends if end is not None), key=lambda end: end.information, default=None)
    if best is None:
        return None
    settled = settle(fixed, flipped, best, COARSE)
    return refine_start(fixed, flipped, settled.moving_from_fixed, MIDDLE)


def _gone_on(fixed: Pyramid, flipped: Pyramid, start: Matrix) -> RefinedPose | None:
    """Where a start ends by long steps; None when it leaves the overlap."""
    end = refine_start(fixed, flipped, start, COARSE)
    for _ in range(MOST_LONG_STEPS):
        again = None if end is None else refine_start(fixed, flipped, end.moving_from_fixed, COARSE)
        if end is None or again is None or again.information <= end.information + LEAST_GAIN:
            break
        end = again
    return end


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
