"""Aligns one scan to another: search, refine, deform where asked for, and check.

The work is done twice, fixed to moving and moving to fixed, each with a search of its own: where the two ways do
not cancel, one of them is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import SimpleITK as sitk

from longitudinal import __version__
from longitudinal.dicom.deformable_registration import DisplacementField
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.registration.alignment import Alignment, Method, Progress, Stage
from longitudinal.registration.block_match import PLACES, WHOLE, BlockMatches, match_layouts
from longitudinal.registration.greedy import refine_affine, refine_deformable
from longitudinal.registration.mirror import mirror_ratio
from longitudinal.registration.place_error import measure_errors
from longitudinal.registration.pyramid import Pyramid, image_transform
from longitudinal.registration.quality import (
    NO_OVERLAP,
    Quality,
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
        Rejected ones too, with their figures; the identity where the scans did not overlap at all.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    there, back = Pyramid(fixed), Pyramid(moving)
    returning = None if initial is None else affine.invert(initial)
    try:
        forth = register_one_way(there, back, method, initial, threads, progress)
        home = register_one_way(back, there, method, returning, threads, progress)
    except NoOverlap:
        return Alignment(np.eye(4), None, method, NO_OVERLAP, ENGINE)
    progress(Stage.CHECK, 0.0)
    whole, places = match_layouts(there, back, image_transform(forth.matrix, forth.field), WHOLE, PLACES)
    quality = judge(_measure(there, back, forth, home, whole), acceptance)
    errors = measure_errors(there, back, forth.points, places, home.points, forth.rigid)
    progress(Stage.CHECK, 1.0)
    return Alignment(forth.matrix, forth.field, method, quality, ENGINE, errors)


@dataclass(frozen=True, eq=False)
class Way:
    """One way, *moving from fixed*: rigid, then the matrix and the field of what was asked for."""

    rigid: Matrix
    matrix: Matrix
    field: DisplacementField | None

    @property
    def points(self) -> Transform:
        """The map of points."""
        return linear(self.matrix) if self.field is None else DisplacementGrid(self.field)


def register_one_way(
    fixed: Pyramid, moving: Pyramid, method: Method, initial: Matrix | None, threads: int, progress: Progress
) -> Way:
    """Register one way.

    Raises
    ------
    NoOverlap
    """
    starts = [initial] if initial is not None else _search(fixed, moving, _of(Stage.SEARCH, progress))
    rigid = refine_rigid(fixed, moving, starts, _of(Stage.REFINE, progress))
    if method is Method.RIGID:
        return Way(rigid, rigid, None)
    progress(Stage.AFFINE, 0.0)
    matrix = refine_affine(fixed, moving, rigid, threads)
    progress(Stage.AFFINE, 1.0)
    if method is Method.AFFINE:
        return Way(rigid, matrix, None)
    progress(Stage.DEFORM, 0.0)
    field = refine_deformable(fixed, moving, matrix, threads)
    progress(Stage.DEFORM, 1.0)
    return Way(rigid, matrix, field)


def _search(fixed: Pyramid, moving: Pyramid, progress: Callable[[float], None]) -> list[Matrix]:
    return [candidate.moving_from_fixed for candidate in search(fixed, moving, progress)]


def _of(stage: Stage, progress: Progress) -> Callable[[float], None]:
    """The progress of one stage."""
    return lambda fraction: progress(stage, fraction)


def _measure(fixed: Pyramid, moving: Pyramid, forth: Way, home: Way, blocks: BlockMatches) -> Quality:
    """The figures of an alignment, not judged yet."""
    tissue = tissue_points(fixed)
    shared = tissue[covered(forth.points.map_points(tissue), moving.volume)]
    distances = forward_backward(shared, forth.points, home.points)
    rigid = forward_backward(shared, linear(forth.rigid), linear(home.rigid))
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
