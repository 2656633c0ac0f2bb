"""How far a right pair's alignment is off where that is known: head A by its makers' registration, a scan with itself."""

from functools import lru_cache

import numpy as np

from benchmarks.registration.trust.pairs import Pair
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.transforms.landmarks import fit_rigid
from tests.data import data

POINTS = {
    ("A1", "A2"): "openms_dicom/patient01/truth_points_study1_to_study2_LPSmm.csv",
    ("A1", "A2t"): "openms_cross_contrast/patient01/truth_points_study1_FLAIR_to_study2_T1W_LPSmm.csv",
    ("A1t", "A2"): "openms_cross_contrast/patient01/truth_points_study1_T1W_to_study2_FLAIR_LPSmm.csv",
}


def mean_error(pair: Pair, moving_from_fixed: Matrix) -> float:
    """Mean distance, mm, from the truth at points of the head; NaN where there is none."""
    sources = pair.fixed.source, pair.moving.source
    points = _points()
    if pair.fixed.person == "A":
        origin = _from_first(sources[0])
        between = affine.compose(_from_first(sources[1]), affine.invert(origin))
    elif sources[0] == sources[1]:
        # the same spread of places round the middle of the scan, which its motion turns about
        origin, between = np.eye(4), np.eye(4)
        points = points - points.mean(axis=0) + pair.fixed.centre()
    else:
        return np.nan
    truth = affine.compose(pair.moving.motion(), between, affine.invert(pair.fixed.motion()))
    places = affine.apply(affine.compose(pair.fixed.motion(), origin), points)
    off = affine.apply(moving_from_fixed, places) - affine.apply(truth, places)
    return float(np.linalg.norm(off, axis=1).mean())


def _from_first(source: str) -> Matrix:
    """(4, 4) a scan of head A from its first study's FLAIR."""
    if source == "A1":
        return np.eye(4)
    if source == "A1t":
        return affine.compose(affine.invert(_fitted("A1t", "A2")), _fitted("A1", "A2"))
    return _fitted("A1", source)


@lru_cache
def _fitted(first: str, second: str) -> Matrix:
    """Rigid to 0.1 mm, as the authors' transforms of one head are."""
    rows = np.loadtxt(data(POINTS[first, second]), delimiter=",", skiprows=1)
    return np.asarray(fit_rigid(rows[:, :3], rows[:, 3:]).transform.target_from_source)


@lru_cache
def _points() -> Points:
    rows = np.loadtxt(data(POINTS["A1", "A2"]), delimiter=",", skiprows=1)
    return np.asarray(rows[:, :3])
