"""One point refined: the neighbourhood of a clicked place registered on its own, with a check of itself.

A few seconds round the point do as well as a deformable registration of the whole scan, and less harm where the
truth is rigid. There are three estimates: the way there, the way back, and a block match that shares neither method nor
metric with them. Correlation in the neighbourhood itself says nothing (area under the curve 0.47 to 0.70 for errors above
3 mm, against 0.95 for their disagreement).

The place that is known already is an estimate as well, by the whole scan: where one of the three finds it within half a
voxel, or their median within what they differ by, it stays, confirmed if the block and one of the ways find it. Where
they agree on another one, that is the answer: their median along each axis, so that one gone astray does not move it
far. Where they agree on nothing, the place stays, and is contradicted only if all three say so.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import SimpleITK as sitk

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.block_match import SEARCH_MM, SPACING_MM, WHOLE, Sampled, match_block
from longitudinal.registration.greedy import (
    LOCAL_CORRELATION,
    MUTUAL_INFORMATION,
    find_metric,
    run,
    threads_for,
    weighted,
)
from longitudinal.registration.pyramid import Image, Pyramid, as_transform, grid
from longitudinal.transforms.local_affine import local_affine
from longitudinal.transforms.model import Transform

EDGE_MM = 100.0
"""Of the neighbourhood, a cube."""

LOCAL_MM = 2.0
"""Voxel of the neighbourhood."""

MARGIN_MM = 12.0
"""The moving neighbourhood is larger on each side by this: what moved in from outside can be found."""

ITERATIONS = "60x40x20"
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
        How far the farthest of the three estimates lies from their median, in the fixed frame's mm; None without any.
    """

    point: Points
    verdict: Verdict
    uncertainty_mm: float | None
    disagreement_mm: float | None


def refine(
    fixed: Pyramid, moving: Pyramid, moving_from_fixed: Transform, point: Points, threads: int = 1
) -> LocalRefinement:
    """Refine where a point of the fixed scan lies in the moving one.

    Parameters
    ----------
    moving_from_fixed
        What is known so far; it may be off by a centimetre or two.
    point
        (3,) LPS mm in the fixed frame.

    Raises
    ------
    ValueError
        The transform does not reach the point.
    """
    start = local_affine(moving_from_fixed, point)
    estimates = estimate(fixed, moving, start, point, threads)
    if estimates is None:
        return LocalRefinement(affine.apply(start, point), Verdict.TOO_LITTLE, None, None)
    verdict, displacement, uncertainty = judge(estimates)
    disagreement = float(np.linalg.norm(estimates - np.median(estimates, axis=0), axis=1).max())
    return LocalRefinement(affine.apply(start, point + displacement), verdict, uncertainty, disagreement)


def judge(estimates: Points) -> tuple[Verdict, Points, float | None]:
    """The verdict, the displacement (3,) to add to the known place, and what 95 % of errors stay under, mm.

    Parameters
    ----------
    estimates
        (3, 3) displacements from the known place, one a row, mm: registered forward, backward, and by the block.

    >>> judge(np.array([[0.2, 0, 0], [0, 15, 0], [-0.4, 0, 0]]))[0].value
    'confirmed'
    >>> judge(np.array([[6.0, 0, 0], [6.4, 0, 0], [6.2, 0.3, 0]]))[1].tolist()
    [6.2, 0.0, 0.0]
    >>> judge(np.array([[6.0, 0, 0], [0, 9.0, 0], [0, 0, 7.0]]))[0].value
    'contradicted'
    >>> judge(np.array([[0.2, 0, 0], [0.1, 0, 0], [0, 9.0, 0]]))[0].value
    'unsure'
    """
    stays = np.zeros(3)
    best = np.median(estimates, axis=0)
    from_place = np.sort(np.linalg.norm(estimates, axis=1))
    from_best = np.sort(np.linalg.norm(estimates - best, axis=1))
    if from_place[0] > AGREED_MM and from_best[-1] > AGREED_MM:
        return Verdict.CONTRADICTED, stays, FLOOR_MM + float(from_place[-1])
    is_elsewhere = from_place[0] > KEPT_MM and np.linalg.norm(best) > from_best[-1]
    if is_elsewhere and from_best[-1] <= AGREED_MM:
        return Verdict.MOVED, best, FLOOR_MM + FACTOR * float(from_best[-1])
    # What they differ by is no evidence for another place. But where there is nothing to register Greedy moves nothing: only
    # together with the block, which finds some other place then, is that a confirmation.
    forward, backward, block = np.linalg.norm(estimates, axis=1)
    confirming = float(max(block, min(forward, backward)))
    if not is_elsewhere and confirming <= AGREED_MM:
        return Verdict.CONFIRMED, stays, FLOOR_MM + FACTOR * confirming
    return Verdict.UNSURE, stays, None


def estimate(
    fixed: Pyramid, moving: Pyramid, start: Matrix, point: Points, threads: int = 1
) -> Points | None:
    """Displacements (3, 3), mm in the fixed frame, that the start lacks at a point: forward, backward, by a block.

    None where too little of the neighbourhood is in the moving scan.
    """
    forward = _Registration(fixed, moving, start, threads)
    if forward.cover(point) < LEAST_COVER:
        return None
    displacement, block = forward.displacement(point), forward.block_displacement(point)
    partner = affine.apply(start, point + displacement)
    backward = _Registration(moving, fixed, affine.invert(start), threads)
    missed = affine.apply(backward.start, partner + backward.displacement(partner)) - point
    return np.stack([displacement, displacement - missed, block])


class _Registration:
    """One way, from a fixed to a moving scan through a start."""

    def __init__(self, fixed: Pyramid, moving: Pyramid, start: Matrix, threads: int) -> None:
        metric = find_metric(fixed, moving)
        self._metric = weighted(metric)
        self._smoothing = LOCAL_SMOOTHING[metric]
        self._fixed, self._moving = fixed.level(LOCAL_MM)[0], moving.level(LOCAL_MM)[0]
        self._scans = fixed, moving
        self.start = start
        self._threads = threads_for(metric, threads)

    def cover(self, point: Points) -> float:
        """Part of the neighbourhood that the moving scan covers."""
        sampled = self._sampled(_box(point, EDGE_MM, LOCAL_MM * 2), outside=-1.0)
        return float((sitk.GetArrayViewFromImage(sampled) >= 0).mean())

    def displacement(self, point: Points) -> Points:
        """(3,) mm in the fixed frame to add before the start, by Greedy on a cube round the point."""
        fixed = sitk.Resample(self._fixed, _box(point, EDGE_MM, LOCAL_MM))
        moving = self._sampled(_box(point, EDGE_MM + 2 * MARGIN_MM, LOCAL_MM))
        greedy = run(
            f"-i fixed moving -m {self._metric} -n {ITERATIONS} -s {self._smoothing} -o warp",
            self._threads,
            fixed=fixed,
            moving=moving,
            warp=None,
        )
        warp = sitk.DisplacementFieldTransform(sitk.Cast(greedy["warp"], sitk.sitkVectorFloat64))
        return np.array(warp.TransformPoint(point.tolist())) - point

    def block_displacement(self, point: Points) -> Points:
        """The same by matching one block of gradients."""
        box = _box(point, WHOLE.edge_mm + 2 * SEARCH_MM, SPACING_MM)
        mine = Sampled.on(box, self._scans[0], sitk.Transform(3, sitk.sitkIdentity))
        theirs = Sampled.on(box, self._scans[1], as_transform(self.start))
        shift, _ = match_block(mine, theirs)
        return np.asarray(shift[::-1] * SPACING_MM, np.float64)

    def _sampled(self, box: Image, outside: float = 0.0) -> Image:
        return sitk.Resample(self._moving, box, as_transform(self.start), sitk.sitkLinear, outside)


def _box(point: Points, edge: float, spacing: float) -> Image:
    """An empty cube round a point, along the axes of the patient."""
    return grid(point, np.eye(3), np.full(3, spacing), np.full(3, round(edge / spacing)))
