"""The point of a question in the frames of the objects, each frame once."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.affine import FARTHEST_MM
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.points.answer import Grade, grade_of
from longitudinal.points.resolve import OUTSIDE_TRANSFORM, Source, why_unreached
from longitudinal.transforms.graph import UncertaintySource


class Reached(msgspec.Struct, frozen=True):
    """The point in one frame; `point` is None, with a reason, where it cannot be mapped into it."""

    frame: str | None
    point: NDArray[np.float64] | None
    path: tuple[str, ...] | None = None
    method: str | None = None
    uncertainty_mm: float | None = None
    uncertainty_source: UncertaintySource = "unknown"
    grade: Grade = "unknown"
    reviewed: bool = False
    reason: str | None = None
    detail: str = ""

    def fields(self) -> dict[str, Any]:
        """As `answer.Place` has them."""
        x, y, z = (None, None, None) if self.point is None else self.point.tolist()
        return {
            "frame_of_reference_uid": self.frame, "x": x, "y": y, "z": z, "path": self.path, "method": self.method,
            "uncertainty_mm": self.uncertainty_mm, "uncertainty_source": self.uncertainty_source, "grade": self.grade,
            "reviewed": self.reviewed,
        }  # fmt: skip


class Places:
    """Maps the point of one question into frames."""

    def __init__(self, index: PatientIndex, source: Source, foreign: frozenset[tuple[str, str]]) -> None:
        self._index = index
        self._source = source
        self._foreign = foreign
        self._known: dict[str | None, Reached] = {}

    @property
    def paths(self) -> set[str]:
        """The transforms that were gone by."""
        return {step for reached in self._known.values() for step in reached.path or ()}

    def reach(self, frame_of_reference_uid: str | None) -> Reached:
        """The point in a frame."""
        known = self._known.get(frame_of_reference_uid)
        if known is None:
            known = self._known[frame_of_reference_uid] = self._reach(frame_of_reference_uid)
        return known

    def _reach(self, uid: str | None) -> Reached:
        if not uid:
            return Reached(None, None, reason="noFrame", detail="no Frame of Reference is stated")
        frame = self._index.canonical_frame(uid)
        way = self._index.way_between(self._source.frame, frame)
        if way is None:
            if ("frame", uid) in self._foreign and frame not in self._index.frames:
                return Reached(frame, None, reason="otherPatient", detail=f"frame {uid} is another patient's")
            reason, detail = why_unreached(self._index, {frame})
            # that an alignment was tried and failed leaves the question open all the same
            return Reached(frame, None, reason="needsAlignment", detail=f"{detail} ({reason})")
        trail = way.path.trail(self._source.point)
        point = trail[-1]
        if not (np.abs(point) <= FARTHEST_MM).all():
            return Reached(
                frame, None, way.edge_ids, way.method, reason="outsideTransform", detail=OUTSIDE_TRANSFORM
            )
        uncertainty, source = way.uncertainty(trail)
        return Reached(
            frame, point, way.edge_ids, way.method, uncertainty, source,
            grade_of(uncertainty, is_claimed=way.is_claimed), way.reviewed,
        )  # fmt: skip
