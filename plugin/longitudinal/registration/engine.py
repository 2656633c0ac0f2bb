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
from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix
from longitudinal.reasons import Rejection
from longitudinal.registration.alignment import Alignment, Method, Progress, Stage
from longitudinal.registration.block_fit import fit_to_blocks
from longitudinal.registration.block_match import PLACES, WHOLE, BlockMatches, match_blocks, match_layouts
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
from longitudinal.registration.volume import Floats, Volume
from longitudinal.settings import Acceptance
from longitudinal.transforms.checks import CHECKS
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.model import Transform, linear

FIT = 2
"""Raise it with every change of what is found. 1: rigid by mutual information alone."""

ENGINE = (
    f"orthanc-longitudinal {__version__}-{CHECKS}.{FIT} "
    f"(SimpleITK {version('SimpleITK')}, Greedy {version('picsl-greedy')})"
)
"""What made an alignment, down to the version: another may come to other digits, by other `CHECKS` to another judgement."""

_RIGID_REJECTIONS = (
    Rejection.NO_OVERLAP,
    Rejection.LIKE_ITS_MIRROR_IMAGE,
    Rejection.MIRROR_IMAGE_FITS_BETTER,
)
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
        At most; the result does not depend on them. Mutual information takes one: several would not give the same digits
        twice.
    progress
        Called often; what it raises ends the alignment and reaches the caller.

    Returns
    -------
    Alignment
        Rejected ones too, with their figures; the identity where the scans did not overlap at all. A rejected affine or
        deformable one has the `rigid` one beside it, where that passes the same checks.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    fixed_levels, moving_levels = Pyramid(fixed), Pyramid(moving)
    returning = None if initial is None else affine.invert(initial)
    try:
        forward = register_one_way(fixed_levels, moving_levels, method, initial, threads, progress)
        backward = register_one_way(moving_levels, fixed_levels, method, returning, threads, progress)
    except NoOverlap:
        return Alignment(np.eye(4), None, method, NO_OVERLAP, ENGINE)
    return _checked(fixed_levels, moving_levels, forward, backward, method, acceptance, progress)


def recheck(
    fixed: Volume,
    moving: Volume,
    method: Method,
    known: Matrix | DisplacementField,
    *,
    acceptance: Acceptance = Acceptance(),  # noqa: B008 - frozen
    threads: int = 1,
    progress: Progress = _silent,
) -> Alignment:
    """Check an alignment that is known, *moving from fixed*, as one that was just made; nothing is searched for.

    The way back is registered from where it should lead; what is known stays as it is, down to the digit.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    fixed_levels, moving_levels = Pyramid(fixed), Pyramid(moving)
    field = known if isinstance(known, DisplacementField) else None
    matrix = np.asarray(known) if field is None else affine.compose(field.post, field.pre)
    forward = Way(nearest_rigid(matrix, tissue_points(fixed_levels).mean(axis=0)), matrix, field)
    try:
        backward = register_one_way(
            moving_levels, fixed_levels, method, affine.invert(forward.rigid), threads, progress
        )
    except NoOverlap:
        return Alignment(matrix, field, method, NO_OVERLAP, ENGINE)
    return _checked(fixed_levels, moving_levels, forward, backward, method, acceptance, progress)


def _checked(
    fixed: Pyramid, moving: Pyramid, forward: "Way", backward: "Way", method: Method, acceptance: Acceptance,
    progress: Progress,
) -> Alignment:  # fmt: skip
    progress(Stage.CHECK, 0.0)
    if any(
        affine.find_fault(way.matrix) for way in (forward, backward)
    ):  # Greedy's affine stage, gone astray
        quality = replace(NO_OVERLAP, rejection=Rejection.INCONSISTENT)
        forward, backward = forward.without_freedom, backward.without_freedom
        ratio = errors = None
    else:
        whole, places = match_layouts(
            fixed, moving, image_transform(forward.matrix, forward.field), WHOLE, PLACES
        )
        quality = judge(
            there_and_back(look(fixed, moving, forward, whole), fixed, moving, forward, backward), acceptance
        )
        errors = measure_errors(fixed, moving, forward.points, places, backward.points, forward.rigid)
        ratio = quality.mirror_ratio
    rigid = None
    if method is not Method.RIGID and quality.rejection not in (None, *_RIGID_REJECTIONS):
        rigid = _rigid_part(
            fixed, moving, forward.without_freedom, backward.without_freedom, ratio, acceptance
        )
    progress(Stage.CHECK, 1.0)
    return Alignment(forward.matrix, forward.field, method, quality, ENGINE, rigid=rigid, errors=errors)


def _rigid_part(
    fixed: Pyramid,
    moving: Pyramid,
    forward: "Way",
    backward: "Way",
    ratio: float | None,
    acceptance: Acceptance,
) -> Alignment | None:
    """The rigid alignment that a freer one began with, judged by itself; None where it does not pass.

    ``ratio`` is that of the mirror image, which only the rigid part has to do with; None where it is not known.
    """
    whole, places = match_layouts(fixed, moving, image_transform(forward.matrix, None), WHOLE, PLACES)
    if ratio is None:
        figures = look(fixed, moving, forward, whole)
    else:
        figures = replace(look_at_blocks(fixed, moving, forward, whole), mirror_ratio=ratio)
    quality = judge(there_and_back(figures, fixed, moving, forward, backward), acceptance)
    if not quality.accepted:
        return None
    errors = measure_errors(fixed, moving, forward.points, places, backward.points, forward.rigid)
    return Alignment(forward.rigid, None, Method.RIGID, quality, ENGINE, errors=errors)


def nearest_rigid(matrix: Matrix, centre: Floats) -> Matrix:
    """The rigid map (4, 4) that turns as an affine one does and takes a point (3,) where that takes it.

    >>> nearest_rigid(np.diag([1.1, 0.9, 1.0, 1.0]), np.array([10.0, 0.0, 0.0]))[:3].round(3).tolist()
    [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """
    left, _, right = np.linalg.svd(matrix[:3, :3])
    rigid = np.eye(4)
    rigid[:3, :3] = left @ right
    rigid[:3, 3] = affine.apply(matrix, centre) - rigid[:3, :3] @ centre
    return rigid


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

    @property
    def without_freedom(self) -> "Way":
        """The rigid part alone."""
        return Way(self.rigid, self.rigid, None)


def register_one_way(
    fixed: Pyramid, moving: Pyramid, method: Method, initial: Matrix | None, threads: int, progress: Progress
) -> Way:
    """Register one way.

    Raises
    ------
    NoOverlap
    """
    starts = [initial] if initial is not None else _search(fixed, moving, _of(Stage.SEARCH, progress))
    refined = refine_rigid(fixed, moving, starts, _of(Stage.REFINE, progress))
    return free(fixed, moving, fit_to_blocks(fixed, moving, refined), method, threads, progress)


def free(
    fixed: Pyramid, moving: Pyramid, rigid: Matrix, method: Method, threads: int, progress: Progress
) -> Way:
    """Go on from a rigid alignment (4, 4), *moving from fixed*, with the freedom of a method."""
    if method is Method.RIGID:
        return Way(rigid, rigid, None)
    progress(Stage.AFFINE, 0.0)
    matrix = refine_affine(fixed, moving, rigid)
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


def look(fixed: Pyramid, moving: Pyramid, way: Way, blocks: BlockMatches) -> Quality:
    """The figures of an alignment that its way back has no part in; those are NaN, and nothing is judged yet.

    ``blocks`` are those of the whole way.
    """
    ratio = mirror_ratio(fixed, moving, way.rigid, tissue_points(fixed))
    return replace(look_at_blocks(fixed, moving, way, blocks), mirror_ratio=ratio)


def look_at_blocks(fixed: Pyramid, moving: Pyramid, way: Way, blocks: BlockMatches) -> Quality:
    """The same without the mirror image, which is NaN too."""
    is_rigid = way.field is None and np.allclose(way.rigid, way.matrix, rtol=0, atol=1e-9)
    of_rigid = blocks if is_rigid else match_blocks(fixed, moving, image_transform(way.rigid, None))
    return Quality(
        forward_backward_mean_mm=np.nan,
        forward_backward_max_mm=np.nan,
        rigid_forward_backward_mm=np.nan,
        overlap=overlap(fixed, moving, linear(way.rigid)),
        metric=mutual_information(fixed, moving, way.matrix, MIDDLE.spacing),
        block_offset_mm=blocks.offset_mm,
        block_spread_mm=blocks.spread_mm,
        rigid_block_spread_mm=of_rigid.spread_mm,
        blocks=len(blocks.centres),
        mirror_ratio=np.nan,
        rejection=None,
    )


def there_and_back(quality: Quality, fixed: Pyramid, moving: Pyramid, forward: Way, backward: Way) -> Quality:
    """The same figures with those of the way back."""
    tissue = tissue_points(fixed)
    shared = tissue[covered(forward.points.map_points(tissue), moving.volume)]
    distances = forward_backward(shared, forward.points, backward.points)
    rigid = forward_backward(shared, linear(forward.rigid), linear(backward.rigid))
    return replace(
        quality,
        forward_backward_mean_mm=float(distances.mean()) if len(distances) else np.nan,
        forward_backward_max_mm=float(distances.max()) if len(distances) else np.nan,
        rigid_forward_backward_mm=float(rigid.mean()) if len(rigid) else np.nan,
    )
