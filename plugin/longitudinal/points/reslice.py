"""What it takes to cut a stack of one study along an image of another: which planes, and where the image lies among them."""

from collections.abc import Callable
from hashlib import sha256

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.archive import Archive
from longitudinal.errors import FieldError, NotFound, Unprocessable
from longitudinal.geometry.affine import FARTHEST_MM
from longitudinal.geometry.image_plane import Planes, patient_from_pixel
from longitudinal.patients.patient_index import PatientIndex, Way
from longitudinal.points.resolve import why_unreached
from longitudinal.points.resolver import PixelQuestion, QuestionFilters, Resolver
from longitudinal.points.stale import Stale, find_stale_transforms, transforms_used, until_current

MOST_PIXELS = 2_048 * 2_048
"""Of a cut: its points take 100 MB in the worker."""

NODE_MM = 2.0
"""Between the points that are mapped by a transform that is no matrix; finer than the grids of any registration here."""

MOST_NODES = 257
"""A side: 0.5 m at `NODE_MM`."""


class AskedCut(msgspec.Struct, frozen=True):
    """The image whose plane counts, frame number 1-based, and the series to be cut (UID or Orthanc id), stack 0-based."""

    sop_instance_uid: str
    frame_number: int
    series: str
    stack: int


class Cut(msgspec.Struct, frozen=True, eq=False):
    """A cut that can be made.

    Attributes
    ----------
    stack
        Of the `PatientIndex`.
    rows, columns
        Of the clicked image, and so of the cut.
    nodes
        (v, u, 3) LPS mm of the stack's frame: points at even distances over the whole clicked image.
    key
        The same for the same cut by the same transforms.
    """

    index: PatientIndex
    stack: int
    series_orthanc_id: str
    stack_in_series: int
    rows: int
    columns: int
    nodes: NDArray[np.float64]
    key: str


class CutPlanner:
    """Finds out what a cut takes.

    Parameters
    ----------
    heal
        Takes what no longer holds and returns when the sidecar knows.
    last_update_of
        When something was last stored in a series, by the Orthanc id of one of its instances.
    """

    def __init__(
        self,
        resolver: Resolver,
        archive: Archive,
        heal: Callable[[Stale], None],
        last_update_of: Callable[[str], str],
    ) -> None:
        self._resolver = resolver
        self._archive = archive
        self._heal = heal
        self._last_update_of = last_update_of

    def plan(self, asked: AskedCut) -> Cut:
        """What it takes to make a cut.

        Raises
        ------
        NotFound, Ambiguous, NotIndexable
            As `Resolver.find` does; NotFound also where the patient has no such series or stack.
        Unprocessable
            No transform leads to the series, or the image is too large.
        """
        question = PixelQuestion(asked.sop_instance_uid, asked.frame_number, 0.0, 0.0)

        def ask() -> tuple[tuple[PatientIndex, int, np.void, Way], Stale]:
            found = self._resolver.find(question, QuestionFilters())
            index, source = found.index, found.source
            assert source.plane is not None
            stack = _find_stack(index, asked)
            way = index.way_between(source.frame, index.frames[int(index.stack_frame[stack])])
            if way is None:
                _, detail = why_unreached(index, {index.frames[int(index.stack_frame[stack])]})
                raise Unprocessable(detail, [FieldError("seriesInstanceUid", detail)])
            stale = find_stale_transforms(self._archive, index, transforms_used(index, way.edge_ids))
            return (index, stack, index.stack_set.planes[source.plane], way), stale

        index, stack, plane, way = until_current(ask, self._heal, "transforms are being deleted")
        return self._cut(index, stack, plane, way, asked)

    def _cut(self, index: PatientIndex, stack: int, plane: np.void, way: Way, asked: AskedCut) -> Cut:
        rows, columns = int(plane["rows"]), int(plane["columns"])
        if rows * columns > MOST_PIXELS:
            detail = f"the image has {rows} x {columns} pixels; the most is {MOST_PIXELS:,}"
            raise Unprocessable(detail, [FieldError("sopInstanceUid", detail)])
        series = index.series[int(index.stack_series[stack])]
        start = int(index.stack_set.start[stack])
        first = series.orthanc_ids[int(index.plane_instance[start])]
        parts = (
            index.orthanc_id, asked.sop_instance_uid, str(asked.frame_number), plane.tobytes().hex(), series.orthanc_id,
            str(asked.stack), *way.edge_ids, self._last_update_of(first),
        )  # fmt: skip
        return Cut(
            index=index,
            stack=stack,
            series_orthanc_id=series.orthanc_id,
            stack_in_series=asked.stack,
            rows=rows,
            columns=columns,
            nodes=nodes_of(np.asarray(plane), way),
            key=sha256("\n".join(parts).encode()).hexdigest(),
        )


def _find_stack(index: PatientIndex, asked: AskedCut) -> int:
    """The stack of a series, named by its UID or Orthanc id. Raises NotFound."""
    for number, series in enumerate(index.series):
        if asked.series in (series.series_instance_uid, series.orthanc_id):
            stacks = np.flatnonzero(index.stack_series == number)
            if asked.stack < len(stacks):
                return int(stacks[asked.stack])
            detail = f"the series has {len(stacks)} stacks, there is none with the number {asked.stack}"
            raise NotFound(detail, [FieldError("stack", detail)])
    detail = f"the patient of the image has no series {asked.series} in the index"
    raise NotFound(detail, [FieldError("seriesInstanceUid", "unknown SeriesInstanceUID or Orthanc id")])


def nodes_of(plane: Planes, way: Way) -> NDArray[np.float64]:
    """Points over the whole image, mapped: its corners where the way is a matrix; NaN where the transform does not reach."""
    sides = []
    for count, spacing in ((plane["rows"], plane["spacing"][0]), (plane["columns"], plane["spacing"][1])):
        cells = 1 if way.path.matrix is not None else int(np.ceil(float(count) * float(spacing) / NODE_MM))
        sides.append(np.linspace(-0.5, float(count) - 0.5, min(max(cells, 1) + 1, MOST_NODES)))
    row, column = (axis.ravel() for axis in np.meshgrid(*sides, indexing="ij"))
    mapped = way.path.trails(patient_from_pixel(plane, row, column))[-1]
    mapped[~(np.abs(mapped) <= FARTHEST_MM).all(axis=1)] = np.nan
    return np.asarray(mapped, np.float64).reshape(len(sides[0]), len(sides[1]), 3)
