"""Transforms from pairs of landmarks, in closed form, and their expected error at other points.

Vocabulary of Fitzpatrick, West and Maurer, IEEE Trans Med Imaging 17 (1998) 694: FLE, the error of localising
one landmark (both images together); FRE, the remaining distance of the pairs after the fit; TRE, the error at
any other point. All are root mean squares in mm. FRE alone says nothing about TRE: FLE follows from FRE, and
TRE from FLE and the arrangement of the landmarks.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from longitudinal.geometry import affine
from longitudinal.reasons import LandmarkFault
from longitudinal.transforms.error_at_place import LandmarkError
from longitudinal.transforms.model import Affine, Rigid

LEAST_PAIRS_RIGID = 3
LEAST_PAIRS_AFFINE = 4

DUPLICATE_MM = 0.01
"""Landmarks of one image closer than this are one landmark entered twice: no image has such pixels."""

LEAST_SPREAD_MM = 1.0
"""RMS distance from the best line (plane); less is collinear (coplanar). About as large as the error of a click."""

LEAST_SPREAD_RATIO = 0.01
"""A longer row of landmarks needs more breadth: a hundredth of its RMS length."""

MIRROR_RATIO = 2.0
MIRROR_MM = 0.5
"""A reflection fits better if the rotation leaves more than twice its FRE, and half a millimetre more.

Nearly flat landmarks fit both ways within noise; that alone does not indicate a mirror image.
"""


class LandmarkProblem(msgspec.Struct, frozen=True):
    """One fault of the landmarks.

    Attributes
    ----------
    field
        ``source`` or ``target`` for all points of one image, with ``/`` and the 0-based number of a pair for
        one point, empty for the pairs as a whole.
    """

    field: str
    fault: LandmarkFault
    detail: str


class LandmarksRefusedError(ValueError):
    """The landmarks do not yield a transform; every problem found is named."""

    def __init__(self, problems: Sequence[LandmarkProblem]) -> None:
        super().__init__(
            "; ".join(f"{problem.field or 'landmarks'}: {problem.detail}" for problem in problems)
        )
        self.problems = tuple(problems)


class LandmarkFit(msgspec.Struct, frozen=True, eq=False):
    """A fitted transform and its errors at the landmarks.

    Attributes
    ----------
    transform
        Target from source.
    residuals_mm
        (n,) distance of each mapped source landmark from its partner.
    fre_mm
        Their root mean square.
    fle_mm
        RMS localisation error that follows from FRE; None if the fit leaves no residual (affine from 4 pairs).
    """

    transform: Affine
    residuals_mm: NDArray[np.float64]
    fre_mm: float
    fle_mm: float | None
    _centroid: affine.Points
    _spread: affine.Matrix

    def error_at_place(self, least_fle_mm: float = 0.0) -> LandmarkError | None:
        """The error place by place, in the **source** frame; None when FLE is unknown."""
        if self.fle_mm is None:
            return None
        return LandmarkError(
            max(self.fle_mm, least_fle_mm), len(self.residuals_mm), self._centroid, self._spread
        )

    def expected_error_mm(self, points: ArrayLike, least_fle_mm: float = 0.0) -> NDArray[np.float64] | None:
        """Expected (root mean square) error at points of the source frame.

        Parameters
        ----------
        points
            (m, 3) in mm, LPS of the source frame.
        least_fle_mm
            Smallest localisation error to assume: few pairs fit well by chance.

        Returns
        -------
        (m,) mm; None when FLE is unknown.
        """
        if self.fle_mm is None:
            return None
        offsets = np.asarray(points, dtype=np.float64).reshape(-1, 3) - self._centroid
        leverage = np.einsum("mi,ij,mj->m", offsets, self._spread, offsets)
        pairs = len(self.residuals_mm)
        expected: NDArray[np.float64] = max(self.fle_mm, least_fle_mm) * np.sqrt(1 / pairs + leverage)
        return expected


def fit_rigid(source: ArrayLike, target: ArrayLike) -> LandmarkFit:
    """Fit the rotation and translation that leave the smallest FRE (Kabsch).

    Parameters
    ----------
    source, target
        (n, 3) each, n >= 3, mm, LPS of the two frames; row by row the same landmarks.

    Raises
    ------
    LandmarksRefusedError
        Naming every field that is wrong.
    """
    source_points, target_points = _check(source, target, LEAST_PAIRS_RIGID, flat_allowed=True)
    centroid, goal = source_points.mean(axis=0), target_points.mean(axis=0)
    rotation, stretches, handedness = affine.best_rotation(
        (source_points - centroid).T @ (target_points - goal)
    )
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, goal - rotation @ centroid
    _check_fit(matrix)
    residuals = np.linalg.norm(affine.apply(matrix, source_points) - target_points, axis=1)
    if handedness < 0:
        _refuse_better_mirror(residuals, stretches[2])
    pairs = len(residuals)
    fre = _root_mean_square(residuals)
    fle = fre / np.sqrt(1 - 2 / pairs)
    return LandmarkFit(
        Rigid(matrix), residuals, fre, fle, centroid, _rigid_leverage(source_points - centroid)
    )


def _rigid_leverage(offsets: affine.Points) -> affine.Matrix:
    """Quadratic form of TRE: ``1/N * 1/3 * sum_k d_k^2 / f_k^2`` over the principal axes k.

    d_k is the distance of the point from axis k, f_k the RMS distance of the landmarks from it.
    """
    squares, axes = np.linalg.eigh(offsets.T @ offsets / len(offsets))
    from_axis = squares.sum() - squares
    form = sum(
        (np.eye(3) - np.outer(axis, axis)) / square for axis, square in zip(axes.T, from_axis, strict=True)
    )
    return np.asarray(form, dtype=np.float64) / (3 * len(offsets))


def _refuse_better_mirror(residuals: NDArray[np.float64], smallest_stretch: float) -> None:
    """The best reflection leaves squared residuals that are less by 4 times the smallest singular value."""
    pairs = len(residuals)
    rotated = _root_mean_square(residuals)
    mirrored = np.sqrt(max(rotated**2 - 4 * smallest_stretch / pairs, 0.0))
    if rotated > MIRROR_RATIO * mirrored and rotated - mirrored > MIRROR_MM:
        detail = f"a mirror image leaves {mirrored:.2f} mm, a rotation {rotated:.2f} mm"
        raise LandmarksRefusedError([LandmarkProblem("", LandmarkFault.MIRRORED, detail)])


def fit_affine(source: ArrayLike, target: ArrayLike) -> LandmarkFit:
    """Fit the affine map that leaves the smallest FRE (linear least squares).

    Parameters
    ----------
    source, target
        (n, 3) each, n >= 4, not in one plane, mm, LPS of the two frames; row by row the same landmarks.

    Raises
    ------
    LandmarksRefusedError
        Naming every field that is wrong.
    """
    source_points, target_points = _check(source, target, LEAST_PAIRS_AFFINE, flat_allowed=False)
    centroid, goal = source_points.mean(axis=0), target_points.mean(axis=0)
    offsets = source_points - centroid
    linear = np.linalg.lstsq(offsets, target_points - goal, rcond=None)[0].T
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, goal - linear @ centroid
    _check_fit(matrix)
    residuals = np.linalg.norm(affine.apply(matrix, source_points) - target_points, axis=1)
    pairs = len(residuals)
    fre = _root_mean_square(residuals)
    # 12 parameters fitted to 3N coordinates leave 1 - 4/N of the variance: nothing at all with 4 pairs
    fle = fre / np.sqrt(1 - 4 / pairs) if pairs > LEAST_PAIRS_AFFINE else None
    return LandmarkFit(Affine(matrix), residuals, fre, fle, centroid, np.linalg.inv(offsets.T @ offsets))


_FIT_FAULTS = {
    affine.MatrixFault.MIRRORED: LandmarkFault.MIRRORED,
    affine.MatrixFault.TOO_FAR: LandmarkFault.TOO_FAR,
}


def _check_fit(matrix: affine.Matrix) -> None:
    fault = affine.find_fault(matrix)
    if fault is not None:
        kind = _FIT_FAULTS.get(fault, LandmarkFault.SINGULAR)
        raise LandmarksRefusedError([LandmarkProblem("", kind, kind.explanation)])


def _root_mean_square(distances: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(distances**2)))


def _check(
    source: ArrayLike, target: ArrayLike, least: int, *, flat_allowed: bool
) -> tuple[affine.Points, affine.Points]:
    """Points of both images, or a refusal that names everything wrong with them."""
    sides = {"source": _as_points(source), "target": _as_points(target)}
    problems = [
        LandmarkProblem(name, LandmarkFault.NOT_PAIRED, "points are x, y, z in mm, one row each")
        for name, points in sides.items()
        if points.ndim != 2 or points.shape[1] != 3
    ]
    if not problems and len(sides["source"]) != len(sides["target"]):
        detail = f"{len(sides['source'])} source points, {len(sides['target'])} target points"
        problems.append(LandmarkProblem("", LandmarkFault.NOT_PAIRED, detail))
    if not problems:
        problems = [problem for name, points in sides.items() for problem in _not_finite(name, points)]
    if not problems and len(sides["source"]) < least:
        detail = f"{len(sides['source'])} pairs, at least {least} are needed"
        problems.append(LandmarkProblem("", LandmarkFault.TOO_FEW, detail))
    if not problems:
        problems = [
            problem
            for name, points in sides.items()
            for problem in _bad_arrangement(name, points, flat_allowed)
        ]
    if problems:
        raise LandmarksRefusedError(problems)
    return sides["source"], sides["target"]


def _as_points(points: ArrayLike) -> affine.Points:
    try:
        return np.asarray(points, dtype=np.float64)
    except (ValueError, TypeError):
        return np.empty(0)


def _not_finite(name: str, points: affine.Points) -> list[LandmarkProblem]:
    return [
        LandmarkProblem(f"{name}/{row}", LandmarkFault.NOT_FINITE, "a coordinate is not a finite number")
        for row in np.flatnonzero(~np.isfinite(points).all(axis=1))
    ]


def _bad_arrangement(name: str, points: affine.Points, flat_allowed: bool) -> list[LandmarkProblem]:
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = np.triu(distances < DUPLICATE_MM, k=1)
    repeated = np.flatnonzero(same.any(axis=0))
    if len(repeated):
        # each with the first one it repeats: a thousand equal landmarks have half a million pairs
        return [
            LandmarkProblem(f"{name}/{second}", LandmarkFault.DUPLICATE, f"the same point as {name}/{first}")
            for second, first in zip(repeated, same[:, repeated].argmax(axis=0), strict=True)
        ]
    spreads = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / np.sqrt(len(points))
    least = max(LEAST_SPREAD_MM, LEAST_SPREAD_RATIO * spreads[0])
    if np.hypot(spreads[1], spreads[2]) < least:
        return [LandmarkProblem(name, LandmarkFault.COLLINEAR, LandmarkFault.COLLINEAR.explanation)]
    if not flat_allowed and spreads[2] < least:
        return [LandmarkProblem(name, LandmarkFault.COPLANAR, LandmarkFault.COPLANAR.explanation)]
    return []
