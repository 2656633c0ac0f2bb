"""Aligns one scan to another: search, refine, deform where asked for, and check.

The work is done twice, fixed to moving and moving to fixed, each with a search of its own: where the two ways do
not cancel, one of them is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import SimpleITK as sitk

from longitudinal import __version__
from longitudinal.dicom.deformable_registration import DisplacementField
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.alignment import Alignment, Method, Progress, Stage
from longitudinal.registration.block_match import match_blocks
from longitudinal.registration.greedy import refine_affine, refine_deformable
from longitudinal.registration.mirror import mirror_ratio
from longitudinal.registration.pyramid import Pyramid, image_transform
from longitudinal.registration.quality import (
    NO_OVERLAP,
    Quality,
    Rejection,
    covered,
    forward_backward,
    judge,
    overlap,
    tissue_points,
)
from longitudinal.registration.rigid import MIDDLE, NoOverlap, mutual_information, refine_rigid
from longitudinal.registration.search import search
from longitudinal.registration.volume import Volume
from longitudinal.settings import Acceptance
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.model import Transform, linear

ENGINE = (
    f"orthanc-longitudinal {__version__} (SimpleITK {version('SimpleITK')}, Greedy {version('picsl-greedy')})"
)
"""What made an alignment, down to the version: another one may come to other digits."""

_RIGID_REJECTIONS = (Rejection.NO_OVERLAP, Rejection.LIKE_ITS_MIRROR_IMAGE)
"""What is judged by the rigid part, whatever was asked for: without the rest it is rejected all the same."""


def _silent(stage: Stage, fraction: float) -> None:
    """Tells nobody."""


def align(
    fixed: Volume,
    moving: Volume,
    method: Method,
    *,
    initial: Matrix | None = None,
    acceptance: Acceptance = Acceptance(),  # noqa: B008 - frozen
    threads: int = 1,
    progress: Progress = _silent,
) -> Alignment:
    """Align a scan to another one.

    Parameters
    ----------
    initial
        (4, 4) *moving from fixed*, LPS mm: starts the refinement instead of the search.
    acceptance
        What the figures must be.
    threads
        For Greedy and for resampling. The rigid part runs in one: several would not give the same digits twice.
    progress
        Called often; what it raises ends the alignment and reaches the caller.

    Returns
    -------
    Alignment
        Rejected ones too, with their figures; the identity where the scans did not overlap at all. A rejected affine or
        deformable one has the `rigid` one beside it, where that passes the same checks.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    there, back = Pyramid(fixed), Pyramid(moving)
    returning = None if initial is None else affine.invert(initial)
    try:
        forth = _register(there, back, method, initial, threads, progress)
        home = _register(back, there, method, returning, threads, progress)
    except NoOverlap:
        return Alignment(np.eye(4), None, method, NO_OVERLAP, ENGINE)
    progress(Stage.CHECK, 0.0)
    if any(affine.find_fault(way.matrix) for way in (forth, home)):  # Greedy's affine stage, gone astray
        quality = replace(NO_OVERLAP, rejection=Rejection.INCONSISTENT)
        forth, home = forth.without_freedom, home.without_freedom
    else:
        quality = judge(_measure(there, back, forth, home), acceptance)
    rigid = None
    if method is not Method.RIGID and quality.rejection not in (None, *_RIGID_REJECTIONS):
        rigid_quality = judge(_measure(there, back, forth.without_freedom, home.without_freedom), acceptance)
        if rigid_quality.accepted:
            rigid = Alignment(forth.rigid, None, Method.RIGID, rigid_quality, ENGINE)
    progress(Stage.CHECK, 1.0)
    return Alignment(forth.matrix, forth.field, method, quality, ENGINE, rigid)


@dataclass(frozen=True, eq=False)
class _Way:
    """One way, *moving from fixed*: rigid, then the matrix and the field of what was asked for."""

    rigid: Matrix
    matrix: Matrix
    field: DisplacementField | None

    @property
    def points(self) -> Transform:
        """The map of points."""
        return linear(self.matrix) if self.field is None else DisplacementGrid(self.field)

    @property
    def without_freedom(self) -> "_Way":
        """The rigid part alone."""
        return _Way(self.rigid, self.rigid, None)


def _register(
    fixed: Pyramid, moving: Pyramid, method: Method, initial: Matrix | None, threads: int, progress: Progress
) -> _Way:
    """Register one way.

    Raises
    ------
    NoOverlap
    """
    starts = [initial] if initial is not None else _search(fixed, moving, _of(Stage.SEARCH, progress))
    rigid = refine_rigid(fixed, moving, starts, _of(Stage.REFINE, progress))
    if method is Method.RIGID:
        return _Way(rigid, rigid, None)
    progress(Stage.AFFINE, 0.0)
    matrix = refine_affine(fixed, moving, rigid, threads)
    progress(Stage.AFFINE, 1.0)
    if method is Method.AFFINE:
        return _Way(rigid, matrix, None)
    progress(Stage.DEFORM, 0.0)
    field = refine_deformable(fixed, moving, matrix, threads)
    progress(Stage.DEFORM, 1.0)
    return _Way(rigid, matrix, field)


def _search(fixed: Pyramid, moving: Pyramid, progress: Callable[[float], None]) -> list[Matrix]:
    return [candidate.moving_from_fixed for candidate in search(fixed, moving, progress)]


def _of(stage: Stage, progress: Progress) -> Callable[[float], None]:
    """The progress of one stage."""
    return lambda fraction: progress(stage, fraction)


def _measure(fixed: Pyramid, moving: Pyramid, forth: _Way, home: _Way) -> Quality:
    """The figures of an alignment, not judged yet."""
    tissue = tissue_points(fixed)
    shared = tissue[covered(forth.points.map_points(tissue), moving.volume)]
    distances = forward_backward(shared, forth.points, home.points)
    rigid = forward_backward(shared, linear(forth.rigid), linear(home.rigid))
    blocks = match_blocks(fixed, moving, image_transform(forth.matrix, forth.field))
    return Quality(
        forward_backward_mean_mm=float(distances.mean()) if len(distances) else np.nan,
        forward_backward_max_mm=float(distances.max()) if len(distances) else np.nan,
        rigid_forward_backward_mm=float(rigid.mean()) if len(rigid) else np.nan,
        overlap=overlap(fixed, moving, linear(forth.rigid)),
        metric=mutual_information(fixed, moving, forth.matrix, MIDDLE.spacing),
        block_offset_mm=blocks.offset_mm,
        block_spread_mm=blocks.spread_mm,
        blocks=len(blocks.centres),
        mirror_ratio=mirror_ratio(fixed, moving, forth.rigid, tissue),
        rejection=None,
    )
