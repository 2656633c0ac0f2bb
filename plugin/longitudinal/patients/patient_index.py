"""One patient in memory, immutable: studies in time order, stacks ready to be searched, frames joined by transforms."""

import dataclasses
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.dicom.dates import dashed_date
from longitudinal.geometry.affine import FARTHEST_MM
from longitudinal.geometry.image_plane import PLANE
from longitudinal.geometry.stack_set import StackSet
from longitudinal.patients.instance_places import InstancePlaces
from longitudinal.patients.remembered import Remembered
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.patients.study_time import earliest, sort_key, study_time
from longitudinal.sidecar.tables.headers import IDENTITY
from longitudinal.transforms.attempts import Attempt, read_attempts
from longitudinal.transforms.graph import UNKNOWN, FrameGraph, Path, UncertaintySource
from longitudinal.transforms.stored import StoredTransform

# Kinds of clicked stacks, and frames a point was given in, of which something is remembered: a reader looks at some at once.
_MOST_SOURCES = 64
# A view has arrays of its own for every plane that is visible.
_MOST_VIEWS = 4


class StudyEntry(msgspec.Struct, frozen=True):
    """A study in time order; `study_date` as YYYY-MM-DD; `series` are indices into `PatientIndex.series`.

    Its planes are contiguous in `PatientIndex.stack_set.planes`, from `first_plane`. `attempts` are failed alignments.
    """

    key: int
    orthanc_id: str
    study_instance_uid: str
    study_date: str
    study_description: str
    acquisition_date_time: str | None
    series: tuple[int, ...]
    first_plane: int
    attempts: tuple[Attempt, ...] = ()


class FramePoints(msgspec.Struct, frozen=True, eq=False):
    """A point of one frame mapped into every frame of the patient.

    Attributes
    ----------
    points
        (f, 3) LPS mm, in the order of `PatientIndex.frames`; NaN if there is no path or the path does not reach.
    ways
        For each frame how it was reached, None if it was not.
    source
        (3,) LPS mm: the point itself.
    trails
        The point in each frame on the path, (s + 1, 3), for paths that are not linear: it is known already.
    """

    points: NDArray[np.float64]
    ways: tuple["Way | None", ...]
    source: NDArray[np.float64]
    trails: Mapping[int, NDArray[np.float64]]

    def uncertainty(self, frame: int) -> tuple[float | None, UncertaintySource]:
        """The bound that 95 % of errors at places like this one stay below in a reached frame, mm, and its source."""
        way = self.ways[frame]
        assert way is not None
        if not way.depends_on_place:
            return way.uncertainty_mm, way.uncertainty_source
        if not np.isfinite(self.points[frame]).all():
            return None, "unknown"
        trail = self.trails.get(frame)
        return way.uncertainty(way.path.trail(self.source) if trail is None else trail)


class StandingRanks(msgspec.Struct, frozen=True, eq=False):
    """How stacks compare by what a point does not change, smaller is better.

    Attributes
    ----------
    rank
        (stacks,) index of each into `classes`.
    classes
        What the rules say of a stack, in their order; sorted.
    """

    rank: NDArray[np.intp]
    classes: tuple[tuple[float, ...], ...]


class Way(msgspec.Struct, frozen=True):
    """A path between two frames, as needed for an answer.

    `uncertainty_mm` is that of every place if it does not depend on the place, otherwise None.
    """

    path: Path
    edge_ids: tuple[str, ...]
    alternatives: tuple[str, ...]
    method: str
    depends_on_place: bool
    uncertainty_mm: float | None
    uncertainty_source: UncertaintySource
    reviewed: bool
    is_claimed: bool

    def uncertainty(self, trail: NDArray[np.float64]) -> tuple[float | None, UncertaintySource]:
        """What 95 % of places like this one stay under, mm, and where it comes from; `trail` as `Path.trail` gives it."""
        if not self.depends_on_place:
            return self.uncertainty_mm, self.uncertainty_source
        bound = self.path.bound_mm(trail)
        return (None, "unknown") if bound is None else (round(bound, 3), self.uncertainty_source)


_Route = tuple[NDArray[np.float64], tuple[Way | None, ...], tuple[int, ...]]
"""For each frame a (3, 4) matrix (NaN where there is none) and the way; and the frames of which the way is no matrix."""


class PatientIndex:
    """Everything that resolve needs to know about one patient.

    Parameters
    ----------
    patient, studies
        Rows of the sidecar.
    series
        The patient's series.
    transforms
        The transforms of the patient's registration objects, refused ones included.
    identities
        The statements on the patient's identity (`read_identities`), in any instance of any series.
    believes_files
        Whether the stored file of an instance tells that it is there.
    """

    def __init__(
        self,
        patient: sqlite3.Row,
        studies: Sequence[sqlite3.Row],
        series: Sequence[SeriesPlanes],
        transforms: Sequence[StoredTransform],
        identities: Sequence[sqlite3.Row],
        *,
        believes_files: bool = False,
    ) -> None:
        self.believes_files = believes_files
        self.key: int = patient["key"]
        self.patient_id: str = patient["patient_id"]
        self.orthanc_id: str = patient["orthanc_id"]
        self.identity_conflict = any(
            len({row[column] for row in identities if row[column]}) > 1 for column in IDENTITY
        )
        self.transforms = tuple(transforms)
        self.studies, self.series = _in_time_order(studies, series)
        self.study_of_series = {i: s for s, study in enumerate(self.studies) for i in study.series}
        self.graph = FrameGraph(entry.edge for entry in transforms if entry.edge is not None)
        self._lay_out_stacks()
        self.study_ids = frozenset(study.orthanc_id for study in self.studies)
        self._rows = (patient, studies, identities)
        self._ranks: Remembered[tuple[str, int], StandingRanks] = Remembered(_MOST_SOURCES)
        self._routes: Remembered[str, _Route] = Remembered(_MOST_SOURCES)
        self._views: Remembered[tuple[frozenset[str], bool], PatientIndex] = Remembered(_MOST_VIEWS)

    def _lay_out_stacks(self) -> None:
        """Flatten every stack of every series, in study order, into arrays with one element per stack."""
        entries = [(i, entry) for i, series in enumerate(self.series) for entry in series.stacks]
        offsets = np.cumsum([0] + [len(series.planes) for series in self.series])
        planes = np.concatenate([series.planes for series in self.series] or [np.empty(0, PLANE)])
        stacks = [
            dataclasses.replace(entry.stack, order=entry.stack.order + offsets[i]) for i, entry in entries
        ]
        self.stack_set = StackSet.build(planes, stacks)
        self.frames = tuple(dict.fromkeys(entry.frame for _, entry in entries))
        frame_number = {frame: number for number, frame in enumerate(self.frames)}
        self._plane_offsets = offsets
        self.stack_series = np.array([i for i, _ in entries], dtype=np.intp)
        self.stack_study = np.array([self.study_of_series[i] for i, _ in entries], dtype=np.intp)
        self.stack_frame = np.array([frame_number[entry.frame] for _, entry in entries], dtype=np.intp)
        self.stack_role = np.array([entry.role for _, entry in entries], dtype="U16")
        self.study_of_series_array = np.array(
            [self.study_of_series[i] for i in range(len(self.series))], dtype=np.intp
        )
        instances = [series.plane_instance for series in self.series] or [np.empty(0, np.intp)]
        # For each plane of the stack set: the index of its instance within the series.
        self.plane_instance = np.concatenate(instances)[self.stack_set.source_index]
        self.frame_numbers = np.ascontiguousarray(self.stack_set.planes["frame_number"])
        self.stack_modality = np.array([self.series[i].modality for i, _ in entries], dtype="U16")
        self.stack_modality_code = np.unique(self.stack_modality, return_inverse=True)[1]
        self.stack_is_original = np.array([entry.is_original for _, entry in entries], dtype=bool)
        self.stack_is_image = self.stack_role == "image"
        # Voxel volumes that agree to three digits count as equal: spacings are decimal strings.
        self.stack_voxel = np.array(
            [float(f"{entry.voxel_mm3:.3g}") for _, entry in entries], dtype=np.float64
        )
        self.stack_normal = np.array([entry.stack.normal for _, entry in entries], dtype=np.float64).reshape(
            -1, 3
        )

    @cached_property
    def instances(self) -> InstancePlaces:
        """SOP Instance UID -> (index of the series, index of the instance in it), wherever it is stored."""
        return InstancePlaces([series.sop_instance_uids for series in self.series])

    def file_of(self, sop_instance_uid: str, orthanc_id: str) -> str | None:
        """The name of the stored file that proves that an instance is there; None where none does."""
        if self.believes_files:
            for series_number, instance in self.instances.get(sop_instance_uid, ()):
                series = self.series[series_number]
                if series.orthanc_ids[instance] == orthanc_id:
                    return series.files[instance]
        return None

    def files_of_stack(self, stack: int) -> dict[str, str | None]:
        """Orthanc id of each instance of a stack -> the name of its file, as `file_of` has it."""
        start, end = (int(value) for value in self.stack_set.start[stack : stack + 2])
        series = self.series[int(self.stack_series[stack])]
        return {
            series.orthanc_ids[number]: series.files[number] if self.believes_files else None
            for number in self.plane_instance[start:end].tolist()
        }

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """FrameOfReferenceUID -> frame, for series with a UID per slice."""
        return {uid: frame for series in self.series for uid, frame in series.aliases.items()}

    @cached_property
    def newest_attempts(self) -> Mapping[str, Attempt]:
        """The newest failed alignment of each frame."""
        newest: dict[str, Attempt] = {}
        for study in self.studies:
            for attempt in study.attempts:
                for frame in (attempt.frame_of_reference_uid, attempt.partner_frame_of_reference_uid):
                    if frame not in newest or newest[frame].at < attempt.at:
                        newest[frame] = attempt
        return newest

    @cached_property
    def study_keys(self) -> Mapping[str, int]:
        """StudyInstanceUID or Orthanc id -> `StudyEntry.key`."""
        return {
            name: study.key for study in self.studies for name in (study.study_instance_uid, study.orthanc_id)
        }

    @cached_property
    def study_dates(self) -> Mapping[str, str]:
        """StudyInstanceUID -> study date."""
        return {study.study_instance_uid: study.study_date for study in self.studies}

    def canonical_frame(self, frame_of_reference_uid: str) -> str:
        """The frame of a FrameOfReferenceUID."""
        return self.aliases.get(frame_of_reference_uid, frame_of_reference_uid)

    def knows_frame(self, frame: str) -> bool:
        """Whether the patient has images in the frame, or a transform from or to it."""
        return frame in self.frames or len(self.graph.paths_from(frame)) > 1

    def plane_of_frame(
        self, series_number: int, instance: int, frame_number: int
    ) -> tuple[np.void, int] | None:
        """The plane of a frame (1-based) of an instance and its index in `stack_set.planes`; None if it has none."""
        series = self.series[series_number]
        first = int(series.plane_instance.searchsorted(instance))
        for member in range(first, len(series.planes)):
            if series.plane_instance[member] != instance:
                break
            plane = series.planes[member]
            if plane["frame_number"] == frame_number:
                return plane, int(self._plane_of_source[member + self._plane_offsets[series_number]])
        return None

    @cached_property
    def _plane_of_source(self) -> NDArray[np.intp]:
        inverse = np.empty(len(self.stack_set.source_index), dtype=np.intp)
        inverse[self.stack_set.source_index] = np.arange(len(inverse))
        return inverse

    def stack_of_plane(self, plane: int) -> int:
        """The stack that `stack_set.planes[plane]` is in."""
        return int(self.stack_set.start.searchsorted(plane, side="right")) - 1

    def view(self, visible_studies: frozenset[str], *, bridges: bool = False) -> "PatientIndex":
        """The patient as somebody sees them who may see some of the studies (Orthanc ids) only.

        Registration objects in hidden studies are no bridge between visible ones, unless `bridges` says so, and alignments
        that failed with a hidden study as partner are left out. Whether identities conflict is told of the whole patient.
        """
        if visible_studies is self.study_ids or visible_studies >= self.study_ids:
            return self
        visible = visible_studies & self.study_ids
        return self._views.get((visible, bridges), lambda: self._make_view(visible, bridges))

    def _make_view(self, visible: frozenset[str], bridges: bool) -> "PatientIndex":
        patient, rows, identities = self._rows
        studies = [study for study in self.studies if study.orthanc_id in visible]
        series = [self.series[number] for study in studies for number in study.series]
        objects = {orthanc_id for entry in series for orthanc_id in entry.orthanc_ids}
        made = PatientIndex(
            patient,
            [row for row in rows if row["orthanc_id"] in visible],
            series,
            [transform for transform in self.transforms if bridges or transform.orthanc_id in objects],
            identities,
            believes_files=self.believes_files,
        )
        uids = {study.study_instance_uid for study in studies}
        made.studies = tuple(
            msgspec.structs.replace(
                study, attempts=tuple(one for one in study.attempts if one.partner_study_instance_uid in uids)
            )
            for study in made.studies
        )
        return made

    def ranks(self, frame: str, clicked: int | None, compute: Callable[[], StandingRanks]) -> StandingRanks:
        """What `compute` says of each stack for a source frame and a clicked stack, remembered; not to be changed.

        It may go by the modality of the clicked stack and its normal, and by nothing else of it.
        """
        return self._ranks.get((frame, -1 if clicked is None else self._alike[clicked]), compute)

    @cached_property
    def _alike(self) -> list[int]:
        """For each stack the number of those with its modality and its normal."""
        numbers: dict[tuple[int, bytes], int] = {}
        alike = zip(self.stack_modality_code.tolist(), self.stack_normal, strict=True)
        return [numbers.setdefault((code, normal.tobytes()), len(numbers)) for code, normal in alike]

    def map_into_frames(self, frame: str, point: NDArray[np.float64]) -> FramePoints:
        """Map one point of `frame` into every frame of the patient."""
        matrices, ways, curved = self._route(frame)
        # matmul needs 30 KB of stack, of which Orthanc's threads have 100
        points = np.add.reduce(matrices[:, :, :3] * point, axis=2) + matrices[:, :, 3]
        trails: dict[int, NDArray[np.float64]] = {}
        for number in curved:
            way = ways[number]
            assert way is not None
            trails[number] = way.path.trail(point)
            points[number] = trails[number][-1]
        # A long chain of transforms can lead beyond all bounds; no position exists there.
        near = np.abs(points) <= FARTHEST_MM
        if not near.all():
            points[~near.all(axis=1)] = np.nan
        return FramePoints(points, ways, point, trails)

    def way_between(self, frame: str, other: str) -> Way | None:
        """How one frame is reached from another, the same way as `map_into_frames`; None where no path leads there."""
        if other in self.frames:
            return self._route(frame)[1][self.frames.index(other)]
        path = self.graph.paths_from(frame).get(other)
        return None if path is None else self._way(path)

    def map_direction(self, frame: str, direction: NDArray[np.float64]) -> NDArray[np.float64]:
        """A direction of `frame` as unit vectors (f, 3) in every frame; NaN where no linear path leads."""
        mapped = self._route(frame)[0][:, :, :3] @ direction
        length = np.sqrt(np.add.reduce(mapped * mapped, axis=1))
        return np.asarray(mapped / length[:, None])

    def _route(self, frame: str) -> _Route:
        return self._routes.get(frame, lambda: self._find_route(frame))

    def _find_route(self, frame: str) -> _Route:
        found = self.graph.paths_from(frame)
        paths = [found.get(other) for other in self.frames]
        matrices = np.full((len(self.frames), 3, 4), np.nan)
        curved = []
        for number, path in enumerate(paths):
            if path is not None and path.matrix is not None:
                matrices[number] = path.matrix[:3]
            elif path is not None:
                curved.append(number)
        return matrices, tuple(None if path is None else self._way(path) for path in paths), tuple(curved)

    def _way(self, path: Path) -> Way:
        alternatives = (
            edge.id for step in path.steps for edge in self.graph.alternatives(step.from_frame, step.to_frame)
        )
        depends_on_place = path.depends_on_place
        bound = None if depends_on_place else path.bound_mm(np.zeros((len(path.steps) + 1, 3)))
        is_unknown = bool(path.steps) and not depends_on_place and bound is None
        return Way(
            path=path,
            edge_ids=path.edge_ids,
            alternatives=tuple(alternatives),
            method=path.method or "sharedFrame",
            depends_on_place=depends_on_place,
            uncertainty_mm=bound,
            uncertainty_source=cast(UncertaintySource, UNKNOWN if is_unknown else path.error_source),
            reviewed=bool(path.steps) and path.reviewed,
            is_claimed=path.is_claimed,
        )


def _in_time_order(
    studies: Sequence[sqlite3.Row], series: Sequence[SeriesPlanes]
) -> tuple[tuple[StudyEntry, ...], tuple[SeriesPlanes, ...]]:
    """Studies by time, unknown last, then by UID; their series by number, then UID."""
    mine: dict[int, list[SeriesPlanes]] = {}
    for entry in series:
        mine.setdefault(entry.study_key, []).append(entry)
    timed = []
    for row in studies:
        members = sorted(mine.get(row["key"], []), key=_series_order)
        timed.append((_time_of(row, members), row, members))
    timed.sort(key=lambda item: (sort_key(item[0]), item[1]["study_instance_uid"], item[1]["orthanc_id"]))
    ordered: list[SeriesPlanes] = []
    entries = []
    for time, row, members in timed:
        first, first_plane = len(ordered), sum(len(entry.planes) for entry in ordered)
        ordered.extend(members)
        entries.append(
            StudyEntry(
                row["key"], row["orthanc_id"], row["study_instance_uid"], dashed_date(row["study_date"] or ""),
                row["study_description"] or "", time, tuple(range(first, len(ordered))), first_plane,
                read_attempts(row["attempts"]),
            )
        )  # fmt: skip
    return tuple(entries), tuple(ordered)


def _series_order(series: SeriesPlanes) -> tuple[bool, int, str, str]:
    number = series.series_number
    return number is None, number or 0, series.series_instance_uid, series.orthanc_id


def _time_of(study: sqlite3.Row, series: Sequence[SeriesPlanes]) -> str | None:
    """The time of the images with geometry, if any: a report made years later must not date the scan."""
    with_place = [entry for entry in series if len(entry.planes)] or series
    times = (earliest(entry.instance_times, entry.time_sources) for entry in with_place)
    return study_time(times) or _study_date_time(study)


def _study_date_time(study: sqlite3.Row) -> str | None:
    return dashed_date(study["study_date"] or "") or None
