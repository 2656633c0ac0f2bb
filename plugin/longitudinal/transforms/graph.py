"""Frames of Reference joined by transforms, and the best path from one frame to every other.

Between two frames one transform is preferred and the rest are alternatives; a path uses preferred transforms
only, forward or backward, and its expected error is the sum along it, which is unknown if one of them is.
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from longitudinal.geometry import affine
from longitudinal.transforms.error_at_place import ErrorAtPlace
from longitudinal.transforms.model import Transform

SHARED_FRAME = "sharedFrame"
DECLARED = "declared"
UncertaintySource = Literal["sharedFrame", "declared", "forwardBackward", "landmarks", "local", "unknown"]
UNKNOWN: UncertaintySource = "unknown"

_METHODS_BY_FREEDOM = ("rigid", "landmarks", "affine", "deformable")


class Edge(msgspec.Struct, frozen=True, eq=False, dict=True):
    """One transform between two frames.

    Attributes
    ----------
    id
        SOP Instance UID of the REG + "." + item number.
    transform
        Maps points of `source_frame` into `target_frame`.
    expected_error_mm
        One figure for the whole transform, mm, by which transforms are chosen; None if not measured.
    error_source
        declared, forwardBackward, landmarks, local or unknown.
    origin
        person, vendor or automatic.
    created
        ISO 8601; None when unknown.
    method
        rigid, affine, deformable or landmarks.
    error_at_place
        The error measured place by place, in the target frame; None if not measured.

    Raises
    ------
    ValueError
        A negative or non-finite expected error, or an edge from a frame to itself.
    """

    id: str
    source_frame: str
    target_frame: str
    transform: Transform
    expected_error_mm: float | None = None
    error_source: str = UNKNOWN
    reviewed: bool = False
    origin: str = "vendor"
    created: str | None = None
    rejected: bool = False
    method: str = "rigid"
    error_at_place: ErrorAtPlace | None = None

    def __post_init__(self) -> None:
        if self.source_frame == self.target_frame:
            raise ValueError("an edge joins two different frames")
        error = self.expected_error_mm
        if error is not None and not (math.isfinite(error) and error >= 0):
            raise ValueError("an expected error is a finite number of millimetres, not negative, or None")

    @property
    def is_claimed(self) -> bool:
        """Whether its error is only declared, and no person has accepted the transform."""
        return self.error_source == DECLARED and not self.reviewed

    def bound_mm(self, place: Sequence[float]) -> float | None:
        """The bound that 95 % of errors at places like this one stay below, mm; None if nothing was measured there.

        `place` is (x, y, z) of the target frame. A declared error is the same at every place.
        """
        if self.error_at_place is not None:
            return self.error_at_place.bound_mm(*place)
        return self.expected_error_mm if self.error_source == DECLARED else None

    @cached_property
    def inverse_transform(self) -> Transform:
        """Maps points of `target_frame` into `source_frame`."""
        return self.transform.inverse()


def _age_key(created: str | None) -> float:
    """Sorts the newest first and the unknown last; a time without an offset counts as UTC."""
    try:
        moment = datetime.fromisoformat(created or "")
    except ValueError:
        return math.inf
    return -(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def preference(edge: Edge) -> tuple[bool, float, bool, float, str]:
    """Sort key among the transforms of two frames, the preferred one first.

    Reviewed, then smaller known error, then person or vendor before automatic, then newest, then UID.
    """
    error = math.inf if edge.expected_error_mm is None else edge.expected_error_mm
    return (not edge.reviewed, error, edge.origin == "automatic", _age_key(edge.created), edge.id)


class Step(msgspec.Struct, frozen=True):
    """An edge as a path uses it, forward or backward."""

    edge: Edge
    forward: bool

    @property
    def from_frame(self) -> str:
        """The frame the step leaves."""
        return self.edge.source_frame if self.forward else self.edge.target_frame

    @property
    def to_frame(self) -> str:
        """The frame the step enters."""
        return self.edge.target_frame if self.forward else self.edge.source_frame

    @property
    def transform(self) -> Transform:
        """Maps points of `from_frame` into `to_frame`."""
        return self.edge.transform if self.forward else self.edge.inverse_transform


class Path(msgspec.Struct, frozen=True, eq=False, dict=True):
    """The path from one frame to another; without steps within one frame."""

    source_frame: str
    steps: tuple[Step, ...] = ()

    @property
    def target_frame(self) -> str:
        """The frame the path ends in."""
        return self.steps[-1].to_frame if self.steps else self.source_frame

    @property
    def edge_ids(self) -> tuple[str, ...]:
        """Ids of the transforms in the order they are applied."""
        return tuple(step.edge.id for step in self.steps)

    @cached_property
    def expected_error_mm(self) -> float | None:
        """Sum along the path in mm; None if one is unknown, and within one frame, which nobody has measured."""
        errors = [step.edge.expected_error_mm for step in self.steps]
        known = [error for error in errors if error is not None]
        return sum(known) if errors and len(known) == len(errors) else None

    @property
    def is_claimed(self) -> bool:
        """Whether a part of the error is only declared."""
        return any(step.edge.is_claimed for step in self.steps)

    @property
    def depends_on_place(self) -> bool:
        """Whether the bound is not the same everywhere."""
        return any(step.edge.error_at_place is not None for step in self.steps)

    def bound_mm(self, trail: affine.Points) -> float | None:
        """The bound that 95 % of errors at such places stay below, mm: the sum of the transforms' bounds at their places.

        `trail` is the result of `trail`. None within one frame, and if one transform has no bound at its place.
        """
        total = 0.0
        places = trail.tolist()
        for number, step in enumerate(self.steps):
            bound = step.edge.bound_mm(places[number + step.forward])
            if bound is None:
                return None
            total += bound
        return total if self.steps else None

    @property
    def error_source(self) -> str:
        """The source of the expected error; if there are several, that of the largest part."""
        if not self.steps:
            return SHARED_FRAME
        if self.expected_error_mm is None:
            return UNKNOWN
        return max(self.steps, key=lambda step: step.edge.expected_error_mm or 0.0).edge.error_source

    @property
    def method(self) -> str | None:
        """The freest method along the path; None within one frame."""
        methods = [step.edge.method for step in self.steps]
        return max(methods, key=freedom) if methods else None

    @property
    def reviewed(self) -> bool:
        """Whether a person accepted every transform of the path."""
        return all(step.edge.reviewed for step in self.steps)

    @cached_property
    def matrix(self) -> affine.Matrix | None:
        """(4, 4) target from source, the product along the path; None when a step is not linear."""
        product = np.eye(4)
        for step in self.steps:
            matrix = step.transform.matrix
            if matrix is None:
                return None
            product = matrix @ product
        return product

    @cached_property
    def _matrices(self) -> affine.Matrix | None:
        """(s + 1, 3, 4): into each frame on the path, the first one included; None if a step is not linear."""
        if self.matrix is None:
            return None
        products = [np.eye(4)]
        for step in self.steps:
            assert step.transform.matrix is not None
            products.append(step.transform.matrix @ products[-1])
        return np.stack(products)[:, :3]

    def trail(self, point: affine.Points) -> affine.Points:
        """The point (3,) in each frame on the path, mm: (s + 1, 3), beginning with itself; NaN where it cannot be mapped."""
        if self._matrices is not None:
            return np.asarray(self._matrices[:, :, :3] @ point + self._matrices[:, :, 3])
        return self.trails(point[None])[:, 0]

    def trails(self, points: affine.Points) -> affine.Points:
        """Points (n, 3) in each frame on the way, mm: (s + 1, n, 3), as `trail` has it of one."""
        if self._matrices is not None:
            turned = points @ self._matrices[:, :, :3].transpose(0, 2, 1)
            return np.asarray(turned + self._matrices[:, None, :, 3])
        places = [points]
        for step in self.steps:
            places.append(step.transform.map_points(places[-1]))
        return np.stack(places)

    def map_points(self, points: ArrayLike) -> affine.Points:
        """Map (n, 3) points in mm into `target_frame`; a row is NaN where a step does not reach."""
        matrix = self.matrix
        if matrix is not None:
            return affine.apply(matrix, points)
        mapped: affine.Points = np.asarray(points, dtype=np.float64)
        for step in self.steps:
            mapped = step.transform.map_points(mapped)
        return mapped


def freedom(method: str) -> int:
    """The freedom of a method, rigid 0; an unknown one counts as the freest."""
    known = method in _METHODS_BY_FREEDOM
    return _METHODS_BY_FREEDOM.index(method) if known else len(_METHODS_BY_FREEDOM)


Cost = tuple[int, float, int]
"""Number of edges with an unknown error, sum of the known errors in mm, number of edges."""


def _extend(cost: Cost, edge: Edge) -> Cost:
    unknown, known, length = cost
    error = edge.expected_error_mm
    return (unknown + (error is None), known + (error or 0.0), length + 1)


class FrameGraph:
    """All transforms of a patient; immutable, and can be shared between threads.

    Parameters
    ----------
    edges
        In any order; rejected ones are left out.
    """

    def __init__(self, edges: Iterable[Edge]) -> None:
        ranked: dict[frozenset[str], list[Edge]] = {}
        for edge in edges:
            if not edge.rejected:
                ranked.setdefault(frozenset((edge.source_frame, edge.target_frame)), []).append(edge)
        self._ranked = {pair: tuple(sorted(group, key=preference)) for pair, group in ranked.items()}
        self._steps: dict[str, list[Step]] = {}
        for group in self._ranked.values():
            for step in (Step(group[0], forward=True), Step(group[0], forward=False)):
                self._steps.setdefault(step.from_frame, []).append(step)
        self._paths: dict[str, Mapping[str, Path]] = {}

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every transform that is not rejected, the preferred ones first."""
        return tuple(sorted((edge for group in self._ranked.values() for edge in group), key=preference))

    def between(self, frame: str, other: str) -> tuple[Edge, ...]:
        """Transforms between two frames in either direction, the preferred one first."""
        return self._ranked.get(frozenset((frame, other)), ())

    def preferred(self, frame: str, other: str) -> Edge | None:
        """The transform that paths use between two frames."""
        return next(iter(self.between(frame, other)), None)

    def alternatives(self, frame: str, other: str) -> tuple[Edge, ...]:
        """The transforms between two frames that are not preferred."""
        return self.between(frame, other)[1:]

    def paths_from(self, source_frame: str) -> Mapping[str, Path]:
        """The best path to every frame that can be reached, `source_frame` itself among them.

        Best is the fewest unknown errors, then the smallest sum of known ones, then the fewest transforms,
        then the ids: the result does not depend on the order of the edges.
        """
        paths = self._paths.get(source_frame)
        if paths is None:
            paths = self._paths[source_frame] = MappingProxyType(self._search(source_frame))
        return paths

    def _search(self, source_frame: str) -> dict[str, Path]:
        """Dijkstra on cost tuples; the ids in the key make it deterministic."""
        found: dict[str, Path] = {}
        queue: list[tuple[Cost, tuple[str, ...], str, tuple[Step, ...]]] = [
            ((0, 0.0, 0), (), source_frame, ())
        ]
        while queue:
            cost, ids, frame, steps = heapq.heappop(queue)
            if frame in found:
                continue
            found[frame] = Path(source_frame, steps)
            for step in self._steps.get(frame, ()):
                if step.to_frame not in found:
                    longer = (*steps, step)
                    heapq.heappush(
                        queue, (_extend(cost, step.edge), (*ids, step.edge.id), step.to_frame, longer)
                    )
        return found
