"""Aligns one scan to another: search, refine, deform where asked for, and check.

The work is done twice, fixed to moving and moving to fixed, each with a search of its own: where the two ways do
not cancel, one of them is wrong.
"""

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import SimpleITK as sitk

from longitudinal import __version__
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.alignment import Alignment, Method, Progress, Stage
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.quality import (
    Quality,
    Rejection,
    covered,
    forward_backward,
    overlap,
    tissue_points,
)
from longitudinal.registration.rigid import MIDDLE, NoOverlap, mutual_information, refine_rigid
from longitudinal.registration.search import search
from longitudinal.registration.volume import Volume
from longitudinal.transforms.model import Transform, linear

ENGINE = (
    f"orthanc-longitudinal {__version__} (SimpleITK {version('SimpleITK')}, Greedy {version('picsl-greedy')})"
)
"""What made an alignment, down to the version: another one may come to other digits."""


def _silent(stage: Stage, fraction: float) -> None:
    """Tells nobody."""


def align(
    fixed: Volume,
    moving: Volume,
    method: Method,
    *,
    initial: Matrix | None = None,
    threads: int = 1,
    progress: Progress = _silent,
) -> Alignment:
    """Align a scan to another one.

    Parameters
    ----------
    initial
        (4, 4) *moving from fixed*, LPS mm: starts the refinement instead of the search.
    threads
        For SimpleITK and Greedy. The last digits of the result depend on it.
    progress
        Called often; what it raises ends the alignment and reaches the caller.

    Returns
    -------
    Alignment
        Rejected ones too, with their figures; the identity where the scans did not overlap at all.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    forth, back = Pyramid(fixed), Pyramid(moving)
    try:
        there = _rigid(forth, back, initial, progress)
        returned = _rigid(back, forth, None if initial is None else affine.invert(initial), progress)
    except NoOverlap:
        nothing = Quality(np.nan, np.nan, 0.0, 0.0, np.nan, np.nan, 0, Rejection.NO_OVERLAP)
        return Alignment(np.eye(4), None, method, nothing, ENGINE)
    progress(Stage.CHECK, 0.0)
    quality = _judge(forth, back, linear(there), linear(returned))
    progress(Stage.CHECK, 1.0)
    return Alignment(there, None, method, quality, ENGINE)


def _rigid(fixed: Pyramid, moving: Pyramid, initial: Matrix | None, progress: Progress) -> Matrix:
    """Moving from fixed.

    Raises
    ------
    NoOverlap
    """
    starts = [initial] if initial is not None else _search(fixed, moving, _of(Stage.SEARCH, progress))
    return refine_rigid(fixed, moving, starts, _of(Stage.REFINE, progress))


def _search(fixed: Pyramid, moving: Pyramid, progress: Callable[[float], None]) -> list[Matrix]:
    return [candidate.moving_from_fixed for candidate in search(fixed, moving, progress)]


def _of(stage: Stage, progress: Progress) -> Callable[[float], None]:
    """The progress of one stage."""
    return lambda fraction: progress(stage, fraction)


def _judge(fixed: Pyramid, moving: Pyramid, there: Transform, returned: Transform) -> Quality:
    """The figures of an alignment."""
    points = tissue_points(fixed)
    points = points[covered(there.map_points(points), moving.volume)]
    distances = forward_backward(points, there, returned)
    matrix = there.matrix if there.matrix is not None else np.eye(4)
    return Quality(
        float(distances.mean()) if len(distances) else np.nan,
        float(distances.max()) if len(distances) else np.nan,
        overlap(fixed, moving, there),
        mutual_information(fixed, moving, matrix, MIDDLE.spacing),
        np.nan,
        np.nan,
        0,
        None,
    )
