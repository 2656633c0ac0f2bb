"""One point refined: the neighbourhood of a clicked place registered on its own, with a check of itself.

A second round the point does as well as a deformable registration of the whole scan, and less harm where the truth is rigid.

A block match, by gradients, finds the neighbourhood from as far as a centimetre and a half in milliseconds; Greedy goes on
from there, the way there and the way back (from the place that was known, where a smaller block finds another one: one of
them is astray). So that Greedy ends where the block has put it is no evidence: where there is nothing to register it moves
nothing. What tells is whether two other blocks, each searched for on its own round the known place, find it too: the
block of the other scan, on the way back, and the smaller one. Of another person's head the block and Greedy agreed within a
millimetre at every fourth place, with the smaller block at none (docs/measurements). Correlation in the neighbourhood itself
says nothing (area under the curve 0.47 to 0.70 for errors above 3 mm, against 0.95 for the disagreement).

The place that is known already is an estimate as well, by the whole scan: where one of the two ways or the block of the
other scan finds it within half a voxel, or their median within what they differ by, it stays, confirmed if both blocks and
one of the ways find it. Where all four agree on another one, that is the answer: the median of the ways and the block of the
other scan along each axis, so that one gone astray does not move it far. Where they agree on nothing, the place stays, and
is contradicted only if all of them say so.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import SimpleITK as sitk

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.block_match import (
    PLACES,
    SPACING_MM,
    WHOLE,
    Layout,
    Sampled,
    match_block,
)
from longitudinal.registration.greedy import (
    LOCAL_CORRELATION,
    MUTUAL_INFORMATION,
    find_metric,
    run,
    weighted,
)
from longitudinal.registration.pyramid import Image, Pyramid, as_transform, grid
from longitudinal.transforms.local_affine import local_affine
from longitudinal.transforms.model import Transform

EDGE_MM = 80.0
"""Of the neighbourhood, a cube: from where the block is, 100 mm find it no better, in twice the time."""

LOCAL_MM = 2.0
"""Voxel of the neighbourhood."""

MARGIN_MM = 12.0
"""The moving neighbourhood is larger on each side by this: what moved in from outside can be found."""

ITERATIONS = "60x40x5"
LOCAL_SMOOTHING = {LOCAL_CORRELATION: "2vox 0.5vox", MUTUAL_INFORMATION: "4vox 2vox"}
"""Of updates and field; mutual information of so few voxels is noisy and needs more."""

KEPT_MM = LOCAL_MM / 2
"""A place that is found again within half a voxel is the place."""

AGREED_MM = LOCAL_MM
"""Estimates that lie farther from their median have not found one place."""

FLOOR_MM, FACTOR = 0.8, 1.7
"""What 95 % of errors stay under: a floor, and so many times the distance of the estimates that have to agree.

Set so that half a voxel of disagreement is 2.5 mm, the limit of green; docs/measurements has the errors behind it.
"""

LEAST_COVER = 0.5
"""Of the neighbourhood, in the moving scan; with less there is nothing to register."""


class Verdict(StrEnum):
    """What the estimates say of the place that was known."""

    CONFIRMED = "confirmed"
    MOVED = "moved"
    CONTRADICTED = "contradicted"
    UNSURE = "unsure"
    TOO_LITTLE = "tooLittleInCommon"


@dataclass(frozen=True, eq=False)
class LocalRefinement:
    """A point of the moving scan, and what is known of it.

    Attributes
    ----------
    point
        (3,) LPS mm in the moving frame: another one than before only where the verdict is MOVED.
    verdict
        What the estimates say.
    uncertainty_mm
        What 95 % of errors stay under; where the place is contradicted, how far off it may be. None where the estimates
        tell nothing of it.
    disagreement_mm
        How far the farthest of the four estimates lies from the median of the first three, in the fixed frame's mm; None
        without any.
    """

    point: Points
    verdict: Verdict
    uncertainty_mm: float | None
    disagreement_mm: float | None


def refine(fixed: Pyramid, moving: Pyramid, moving_from_fixed: Transform, point: Points) -> LocalRefinement:
    """Refine where a point of the fixed scan lies in the moving one; in one thread, as two are slower at this size.

    Parameters
    ----------
    moving_from_fixed
        What is known so far; it may be off by a centimetre or a little more.
    point
        (3,) LPS mm in the fixed frame.

    Raises
    ------
    ValueError
        The transform does not reach the point.
    """
    start = local_affine(moving_from_fixed, point)
    estimates = estimate(fixed, moving, start, point)
    if estimates is None:
        return LocalRefinement(affine.apply(start, point), Verdict.TOO_LITTLE, None, None)
    verdict, displacement, uncertainty = judge(estimates)
    disagreement = float(_from(_place(estimates), estimates).max())
    return LocalRefinement(affine.apply(start, point + displacement), verdict, uncertainty, disagreement)


def judge(estimates: Points) -> tuple[Verdict, Points, float | None]:
    """The verdict, the displacement (3,) to add to the known place, and what 95 % of errors stay under, mm.

    Parameters
    ----------
    estimates
        (4, 3) displacements from the known place, one a row, mm: registered forward, backward, by the block of the moving
        scan, and by the small one.

    >>> judge(np.array([[0.2, 0, 0], [0, 15, 0], [-0.4, 0, 0], [0.5, 0, 0]]))[0].value
    'confirmed'
    >>> judge(np.array([[6.0, 0, 0], [6.4, 0, 0], [6.2, 0.3, 0], [6.0, 1, 0]]))[1].tolist()
    [6.2, 0.0, 0.0]
    >>> judge(np.array([[6.0, 0, 0], [6.4, 0, 0], [6.2, 0.3, 0], [0.5, 0, 0]]))[0].value
    'unsure'
    >>> judge(np.array([[6.0, 0, 0], [0, 9.0, 0], [0, 0, 7.0], [0, 0, -9.0]]))[0].value
    'contradicted'
    """
    stays = np.zeros(3)
    best = _place(estimates)
    from_known = np.linalg.norm(estimates, axis=1)
    from_best = _from(best, estimates)
    if from_known.min() > AGREED_MM and from_best.max() > AGREED_MM:
        return Verdict.CONTRADICTED, stays, FLOOR_MM + float(from_known.max())
    is_elsewhere = from_known[:_PLACING].min() > KEPT_MM and np.linalg.norm(best) > from_best[:_PLACING].max()
    if is_elsewhere and from_best.max() <= AGREED_MM:
        return Verdict.MOVED, best, FLOOR_MM + FACTOR * float(from_best.max())
    # What they differ by is no evidence for another place, and that Greedy finds what the blocks find is none for this one.
    forward, backward, block, small = from_known
    confirming = float(max(block, small, min(forward, backward)))
    if not is_elsewhere and confirming <= AGREED_MM:
        return Verdict.CONFIRMED, stays, FLOOR_MM + FACTOR * confirming
    return Verdict.UNSURE, stays, None


_PLACING = 3
"""The estimates that say where; the small block only says whether: it averages less, and is found less exactly."""


def _place(estimates: Points) -> Points:
    """(3,) the median of those that say where, along each axis."""
    return np.asarray(np.median(estimates[:_PLACING], axis=0))


def _from(place: Points, estimates: Points) -> Points:
    """(n,) distances, mm."""
    return np.asarray(np.linalg.norm(estimates - place, axis=1))


def estimate(fixed: Pyramid, moving: Pyramid, start: Matrix, point: Points) -> Points | None:
    """Displacements (4, 3), mm in the fixed frame, that the start lacks at a point, in the order of `judge`.

    None where too little of the neighbourhood is in the moving scan.
    """
    if _cover(moving, start, point) < LEAST_COVER:
        return None
    first, small = _blocks(fixed, moving, start, point, WHOLE, PLACES)
    back = affine.invert(start)
    (block,) = _blocks(moving, fixed, back, affine.apply(start, point + first), WHOLE)
    near = start @ _shift(first)
    forward = first + _Registration(fixed, moving, near).displacement(point)
    partner = affine.apply(start, point + forward)
    home = affine.invert(near)
    missed = affine.apply(home, partner + _Registration(moving, fixed, home).displacement(partner)) - point
    # the block of the moving scan says where in the fixed one it lies, as a displacement of the moving frame
    return np.stack([forward, forward - missed, -back[:3, :3] @ block, small])


class _Registration:
    """One way, from a fixed to a moving scan through a start."""

    def __init__(self, fixed: Pyramid, moving: Pyramid, start: Matrix) -> None:
        metric = find_metric(fixed, moving)
        self._metric = weighted(metric)
        self._smoothing = LOCAL_SMOOTHING[metric]
        self._fixed, self._moving = fixed.level(LOCAL_MM)[0], moving.level(LOCAL_MM)[0]
        self._start = start

    def displacement(self, point: Points) -> Points:
        """(3,) mm in the fixed frame to add before the start, by Greedy on a cube round the point."""
        fixed = sitk.Resample(self._fixed, _box(point, EDGE_MM, LOCAL_MM))
        around = _box(point, EDGE_MM + 2 * MARGIN_MM, LOCAL_MM)
        moving = sitk.Resample(self._moving, around, as_transform(self._start), sitk.sitkLinear, 0.0)
        greedy = run(
            f"-i fixed moving -m {self._metric} -n {ITERATIONS} -s {self._smoothing} -o warp",
            1,
            fixed=fixed,
            moving=moving,
            warp=None,
        )
        warp = sitk.DisplacementFieldTransform(sitk.Cast(greedy["warp"], sitk.sitkVectorFloat64))
        return np.array(warp.TransformPoint(point.tolist())) - point


def _cover(moving: Pyramid, start: Matrix, point: Points) -> float:
    """Part of the neighbourhood that the moving scan covers."""
    box = _box(point, EDGE_MM, LOCAL_MM * 2)
    sampled = sitk.Resample(moving.level(LOCAL_MM)[0], box, as_transform(start), sitk.sitkLinear, -1.0)
    return float((sitk.GetArrayViewFromImage(sampled) >= 0).mean())


def _blocks(fixed: Pyramid, moving: Pyramid, start: Matrix, point: Points, *layouts: Layout) -> list[Points]:
    """The same by matching one block of gradients, for each layout; all are searched for round the start."""
    widths = [2 * (layout.half + layout.reach) for layout in layouts]
    box = _box(point, max(widths) * SPACING_MM, SPACING_MM)
    mine = Sampled.on(box, fixed, sitk.Transform(3, sitk.sitkIdentity))
    theirs = Sampled.on(box, moving, as_transform(start))
    found = []
    for layout, width in zip(layouts, widths, strict=True):
        corner = ((max(widths) - width) // 2,) * 3
        shift, _ = match_block(mine.part(corner, width), theirs.part(corner, width), layout.reach)
        found.append(np.asarray(shift[::-1] * SPACING_MM, np.float64))
    return found


def _shift(by: Points) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, 3] = by
    return matrix


def _box(point: Points, edge: float, spacing: float) -> Image:
    """An empty cube round a point, along the axes of the patient."""
    return grid(point, np.eye(3), np.full(3, spacing), np.full(3, round(edge / spacing)))
