"""Points of one Frame of Reference in another, along the very path that resolve goes."""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.archive import Archive
from longitudinal.geometry.affine import FARTHEST_MM
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.frame_pair import FramePair, find_frame_pair
from longitudinal.patients.patient_index import Way
from longitudinal.points.answer import Grade, grade_of
from longitudinal.points.resolve import OUTSIDE_TRANSFORM, why_unreached
from longitudinal.points.stale import Stale, find_stale_transforms, transforms_used, until_current
from longitudinal.reasons import UnresolvedReason
from longitudinal.sidecar.connection import Readers
from longitudinal.transforms.graph import UncertaintySource


class MappedPoint(msgspec.Struct, rename="camel", frozen=True):
    """Where one point lies in the target frame, LPS mm, and how well that is known there; or why it lies nowhere.

    `uncertainty_mm` is what the error at 95 % of places like this one stays under, null when nothing was measured there.
    """

    point: tuple[float, float, float] | None
    reason: UnresolvedReason | None
    uncertainty_mm: float | None
    uncertainty_source: UncertaintySource
    grade: Grade


class MappedPoints(msgspec.Struct, rename="camel", frozen=True):
    """The points in their order, and the path by which they were mapped.

    Where no path leads from source to target `path` and `method` are null, and `reason` and `detail` say why.
    """

    patient_id: str
    source_frame_of_reference_uid: str
    target_frame_of_reference_uid: str
    path: tuple[str, ...] | None
    alternatives: tuple[str, ...]
    method: str | None
    reviewed: bool
    reason: UnresolvedReason | None
    detail: str
    points: list[MappedPoint]


class PointMapper:
    """Maps points, and checks that the transforms it goes by are still in the archive.

    Parameters
    ----------
    heal
        Takes what no longer holds and returns when the sidecar knows.
    """

    def __init__(
        self, readers: Readers, catalogue: Catalogue, archive: Archive, heal: Callable[[Stale], None]
    ) -> None:
        self._readers = readers
        self._catalogue = catalogue
        self._archive = archive
        self._heal = heal

    def map_points(
        self, source: str, target: str, patient: str | None, points: NDArray[np.float64]
    ) -> MappedPoints:
        """Map points (n, 3), LPS mm, of a frame into another one of the same patient.

        Raises
        ------
        NotFound, Ambiguous, TransformRefused
            As `find_frame_pair`.
        """

        def ask() -> tuple[tuple[FramePair, Way | None], Stale]:
            pair = find_frame_pair(
                self._readers.connection(), self._catalogue, (source, target), patient, with_images=False
            )
            way = pair.index.way_between(pair.source, pair.target)
            used = () if way is None else transforms_used(pair.index, way.edge_ids)
            return (pair, way), find_stale_transforms(self._archive, pair.index, used)

        pair, way = until_current(ask, self._heal, "transforms are being deleted")
        return _unmapped(pair, len(points)) if way is None else _mapped(pair, way, points)


def _mapped(pair: FramePair, way: Way, points: NDArray[np.float64]) -> MappedPoints:
    trails = way.path.trails(points)
    inside = (np.abs(trails[-1]) <= FARTHEST_MM).all(axis=1).tolist()  # NaN is not
    found = []
    for number, (x, y, z) in enumerate(trails[-1].tolist()):
        if not inside[number]:
            found.append(MappedPoint(None, UnresolvedReason.OUTSIDE_TRANSFORM, None, "unknown", "unknown"))
            continue
        uncertainty, uncertainty_source = way.uncertainty(trails[:, number])
        grade = grade_of(uncertainty, is_claimed=way.is_claimed)
        found.append(MappedPoint((x, y, z), None, uncertainty, uncertainty_source, grade))
    return MappedPoints(
        patient_id=pair.index.patient_id,
        source_frame_of_reference_uid=pair.source,
        target_frame_of_reference_uid=pair.target,
        path=way.edge_ids,
        alternatives=way.alternatives,
        method=way.method,
        reviewed=way.reviewed,
        reason=None,
        detail="" if all(inside) else OUTSIDE_TRANSFORM,
        points=found,
    )


def _unmapped(pair: FramePair, count: int) -> MappedPoints:
    reason, detail = why_unreached(pair.index, {pair.target})
    return MappedPoints(
        patient_id=pair.index.patient_id,
        source_frame_of_reference_uid=pair.source,
        target_frame_of_reference_uid=pair.target,
        path=None,
        alternatives=(),
        method=None,
        reviewed=False,
        reason=reason,
        detail=detail,
        points=[MappedPoint(None, reason, None, "unknown", "unknown")] * count,
    )
