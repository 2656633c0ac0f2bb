"""A rigid alignment refined by mutual information, from coarse to fine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.pyramid import Image, Pyramid, as_transform
from longitudinal.registration.volume import FINEST_MM, Floats

SEED = 1
"""Of the random samples: the same scans give the same transform."""

BINS = 32
"""Of the joint histogram; fewer blur tissues, more need more samples."""

DISTINCT_MM = 10.0
"""Starts that end nearer to each other than this (mean over the scan) are one."""

FINALISTS = 3
"""How many distinct ends of the coarse stage go on to the middle one."""

LEAST_GAIN = 1e-3
"""Of mutual information by which a place is a better one; a head turned by 2 degrees has lost a hundred times that."""

LEAST_STEP_PART = 1 / 8
"""Of a level's first step: when even that gains nothing, the refinement stays where it is."""

MOST_RESTARTS = 12
"""Of a refinement; 5 to 8 were seen."""

EVALUATION_SAMPLES = 40_000
"""On which starts are compared: the same points of the fixed scan for each."""


@dataclass(frozen=True, slots=True)
class Level:
    """One step of the refinement: voxel in mm, random samples, iterations and first step length in mm."""

    spacing: float
    samples: int
    iterations: int
    step: float


COARSE = Level(6.0, 4_000, 40, 8.0)
MIDDLE = Level(3.0, 10_000, 40, 2.0)
FINE = Level(FINEST_MM, 40_000, 40, 0.5)

_LEAST_STEP = 1e-3
_RELAXATION = 0.6
_GRADIENT_TOLERANCE = 1e-6


class NoOverlap(Exception):
    """From every start too few samples of the fixed scan fell on the moving one."""


@dataclass(frozen=True, eq=False)
class RefinedPose:
    """The end of one start: (4, 4) moving from fixed, LPS mm, and its mutual information."""

    moving_from_fixed: Matrix
    information: float


def refine_rigid(
    fixed: Pyramid, moving: Pyramid, starts: Sequence[Matrix], progress: Callable[[float], None]
) -> Matrix:
    """Refine starts and keep the best: all at 6 mm, the distinct best at 3 mm, the winner until it stays, then at 1 mm.

    Returns
    -------
    (4, 4) moving from fixed, LPS mm.

    Raises
    ------
    NoOverlap
    """
    steps = len(starts) + FINALISTS + 1
    ends = []
    for number, start in enumerate(starts):
        ends.append(refine_start(fixed, moving, start, COARSE))
        progress((number + 1) / steps)
    finalists = _distinct(fixed, [end for end in ends if end is not None])
    ends = []
    for number, start in enumerate(finalists):
        ends.append(refine_start(fixed, moving, start, MIDDLE))
        progress((len(starts) + number + 1) / steps)
    best = max((end for end in ends if end is not None), key=lambda end: end.information, default=None)
    if best is None:
        raise NoOverlap("the scans do not overlap from any start")
    settled = settle(fixed, moving, best, MIDDLE)
    fine = refine_start(fixed, moving, settled.moving_from_fixed, FINE)
    if fine is None:
        raise NoOverlap("the scans hardly overlap where they fit best")
    progress(1.0)
    return fine.moving_from_fixed


def settle(fixed: Pyramid, moving: Pyramid, end: RefinedPose, level: Level) -> RefinedPose:
    """Start anew from where a refinement ended until no step gains anything.

    The optimizer shortens its steps whenever it turns, and stops short in a narrow valley: of a slab, one start in
    ten ended 2 to 3 mm off. A long step from there gets on, or leaves the valley, and then a shorter one is tried.
    """
    step = level.step
    for _ in range(MOST_RESTARTS):
        again = refine_start(fixed, moving, end.moving_from_fixed, replace(level, step=step))
        if again is not None and again.information > end.information + LEAST_GAIN:
            end = again
        elif step > LEAST_STEP_PART * level.step:
            step /= 2
        else:
            break
    return end


def refine_start(fixed: Pyramid, moving: Pyramid, start: Matrix, level: Level) -> RefinedPose | None:
    """Refine one start at one resolution; None when it leaves the overlap."""
    transform = _as_euler(start, fixed.centre)
    method = _method(fixed, moving, level.spacing, level.samples)
    method.SetOptimizerAsRegularStepGradientDescent(
        level.step, _LEAST_STEP, level.iterations, _RELAXATION, _GRADIENT_TOLERANCE
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, True)
    try:
        method.Execute(*_pair(fixed, moving, level.spacing))
    except RuntimeError:  # SimpleITK's only kind; here: too few samples map into the moving image
        return None
    end = _as_matrix(transform)
    return RefinedPose(end, mutual_information(fixed, moving, end, level.spacing))


def mutual_information(fixed: Pyramid, moving: Pyramid, moving_from_fixed: Matrix, spacing: float) -> float:
    """Mattes mutual information over the overlap, the larger the better; 0 where nothing overlaps."""
    method = _method(fixed, moving, spacing, EVALUATION_SAMPLES)
    method.SetInitialTransform(as_transform(moving_from_fixed))
    try:
        return -float(method.MetricEvaluate(*_pair(fixed, moving, spacing)))
    except RuntimeError:  # too few samples, as above
        return 0.0


def information_at(fixed: Pyramid, moving: Pyramid, starts: Sequence[Matrix], level: Level) -> list[float]:
    """Mutual information of each start as it is, on a level's samples; 0 where nothing overlaps."""
    method = _method(fixed, moving, level.spacing, level.samples)
    pair = _pair(fixed, moving, level.spacing)
    found = []
    for start in starts:
        method.SetInitialTransform(as_transform(start))
        try:
            found.append(-float(method.MetricEvaluate(*pair)))
        except RuntimeError:  # too few samples, as below
            found.append(0.0)
    return found


def _pair(fixed: Pyramid, moving: Pyramid, spacing: float) -> tuple[Image, Image]:
    return fixed.level(spacing)[0], moving.level(spacing)[0]


def _method(fixed: Pyramid, moving: Pyramid, spacing: float, samples: int) -> sitk.ImageRegistrationMethod:
    """Mutual information on a fixed set of random points of the fixed scan."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    image, mask = fixed.level(spacing)
    method.SetMetricSamplingPercentage(min(1.0, samples / image.GetNumberOfPixels()), SEED)
    method.SetInterpolator(sitk.sitkLinear)
    # threads add up the histogram in the order they finish: with more than one the last digits are anybody's guess
    method.SetNumberOfThreads(1)
    method.SetNumberOfWorkUnits(1)
    # a gradient image of a 1 mm chest would take 600 MB; the samples need a few gradients only
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    if mask is not None:
        method.SetMetricFixedMask(mask)
    moving_mask = moving.level(spacing)[1]
    if moving_mask is not None:
        method.SetMetricMovingMask(moving_mask)
    return method


def _distinct(fixed: Pyramid, ends: list[RefinedPose]) -> list[Matrix]:
    """The best ends that are not the same as a better one."""
    corners = np.array(np.meshgrid(*[(-0.3, 0.3)] * 3)).reshape(3, -1).T * fixed.extent
    points = fixed.centre + corners @ fixed.volume.directions.T
    kept: list[tuple[Matrix, Floats]] = []
    for end in sorted(ends, key=lambda end: -end.information):
        mapped = affine.apply(end.moving_from_fixed, points)
        if all(np.linalg.norm(mapped - other, axis=1).mean() > DISTINCT_MM for _, other in kept):
            kept.append((end.moving_from_fixed, mapped))
    return [matrix for matrix, _ in kept[:FINALISTS]]


def _as_euler(matrix: Matrix, centre: Floats) -> sitk.Euler3DTransform:
    """A rigid map with its centre of rotation in the middle of the scan, where turns move least."""
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    left, _, right = np.linalg.svd(matrix[:3, :3])
    transform.SetMatrix((left @ right).ravel().tolist())
    transform.SetTranslation((affine.apply(matrix, centre) - centre).tolist())
    return transform


def _as_matrix(transform: sitk.Euler3DTransform) -> Matrix:
    """(4, 4) with the centre of rotation folded in: ``t + c - R c``."""
    matrix = np.eye(4)
    rotation = np.reshape(transform.GetMatrix(), (3, 3))
    centre = np.array(transform.GetCenter())
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - rotation @ centre
    return matrix
