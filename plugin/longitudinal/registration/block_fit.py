"""The end of a rigid alignment: the motion that small blocks of the scans agree on.

Mutual information of two whole scans hardly changes with a few tenths of a millimetre. A block of 32 mm is found to a few
tenths, too, but each block errs by itself: a motion fitted to hundreds of them lies nearer to the truth than either.
"""

import numpy as np

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.block_match import BlockMatches, Layout, match_blocks
from longitudinal.registration.pyramid import Pyramid, as_transform
from longitudinal.registration.volume import Floats

BLOCKS = Layout(32.0, 16.0, 300, search_mm=6.0)
"""More than are needed to judge an alignment: it is their number that evens their errors out. Smaller ones, and looked for
near by, for mutual information has brought them within some millimetres: 400 of 40 mm within 16 mm take three times as long
and are no better."""

LEAST_BLOCKS = 40
"""A motion has six numbers: fitted to a few blocks it would follow their errors, and hide them from the checks."""

MOST_MISSED_MM = 0.4
"""How far the median block may lie from where one rigid motion puts it. Heads miss by 0.1 to 0.3 mm; a chest that breathes
by 0.5, and there the blocks of most structure are no better a guide than all voxels."""

LEAST_SCALE_MM = 0.1
"""Of the distance at which a block counts half; smaller ones are noise."""

_STEPS = 20


def fit_to_blocks(fixed: Pyramid, moving: Pyramid, moving_from_fixed: Matrix) -> Matrix:
    """Fit a rigid alignment to the displacements of blocks.

    Parameters
    ----------
    moving_from_fixed
        (4, 4) rigid, LPS mm, right to some millimetres.

    Returns
    -------
    (4, 4) rigid, LPS mm; as it was where too few blocks have structure, or they do not agree on one rigid motion.
    """
    blocks = match_blocks(fixed, moving, as_transform(moving_from_fixed), BLOCKS)
    if len(blocks.centres) < LEAST_BLOCKS:
        return moving_from_fixed
    motion = common_motion(blocks)
    if float(np.median(_missed(motion, blocks))) > MOST_MISSED_MM:
        return moving_from_fixed
    return affine.compose(moving_from_fixed, motion)


def common_motion(blocks: BlockMatches) -> Matrix:
    """The rigid map (4, 4) in the fixed frame, LPS mm, that most blocks ask for.

    A block counts the less the farther it lies from where the others put it (Cauchy weights), so that a part of the body
    that moved by itself does not turn the rest.
    """
    targets = blocks.centres + blocks.displacements
    weights = np.ones(len(targets))
    motion = np.eye(4)
    for _ in range(_STEPS):
        motion = _weighted_fit(blocks.centres, targets, weights)
        missed = _missed(motion, blocks)
        weights = 1 / (1 + (missed / max(float(np.median(missed)), LEAST_SCALE_MM)) ** 2)
    return motion


def _missed(motion: Matrix, blocks: BlockMatches) -> Floats:
    """How far each block (n,) lies from where a motion puts it, mm."""
    targets = blocks.centres + blocks.displacements
    return np.asarray(np.linalg.norm(affine.apply(motion, blocks.centres) - targets, axis=1))


def _weighted_fit(source: Points, target: Points, weights: Floats) -> Matrix:
    """The rigid map with the smallest weighted sum of squared distances (Kabsch)."""
    part = weights / weights.sum()
    middle, goal = part @ source, part @ target
    matrix = np.eye(4)
    matrix[:3, :3] = affine.best_rotation((source - middle).T @ (part[:, None] * (target - goal)))[0]
    matrix[:3, 3] = goal - matrix[:3, :3] @ middle
    return matrix
