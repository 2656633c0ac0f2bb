"""Where a point of a patient lies in every other study: one pure function over a `PatientIndex`."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.stack import Located
from longitudinal.points.answer import (
    Answer,
    ChosenBy,
    Links,
    Match,
    Point,
    Unresolved,
    UnresolvedReason,
    grade_of,
)
from longitudinal.points.patient_index import FramePoints, PatientIndex, StudyEntry
from longitudinal.transforms.graph import Path

# PS3.3 C.7.6.2 names no planes; 30 degrees tells axial, coronal and sagittal apart and joins oblique ones to theirs.
_SAME_PLANE_COSINE = np.cos(np.radians(30.0))
# The rules of `per: study` in order; the clicked image's own modality and plane come first.
_RULES: tuple[ChosenBy, ...] = ("modality", "plane", "original", "voxel", "distance", "order")

LinkBuilder = Callable[[StudyEntry, str, int, int], Links]


@dataclass(frozen=True, slots=True)
class Source:
    """What was asked about: a point in a frame, and the clicked pixel where there is one.

    Attributes
    ----------
    point
        (3,) LPS mm in `frame`.
    plane
        Index of the clicked plane in `PatientIndex.stack_set.planes`; None for a point without an image.
    """

    frame: str
    point: NDArray[np.float64]
    plane: int | None = None
    row: float = 0.0
    column: float = 0.0


@dataclass(frozen=True, slots=True)
class Filters:
    """Which studies are asked, and how.

    Attributes
    ----------
    studies
        Keys (`StudyEntry.key`) of the studies wanted; None for all.
    first_date, last_date
        StudyDate as YYYYMMDD, inclusive; a study without a date fails either.
    max_distance_mm
        Narrows the reach of planes, never widens it.
    """

    studies: frozenset[int] | None = None
    modalities: frozenset[str] | None = None
    roles: frozenset[str] = frozenset({"image"})
    first_date: str | None = None
    last_date: str | None = None
    per: Literal["study", "series"] = "study"
    max_distance_mm: float | None = None


@dataclass(frozen=True, slots=True)
class _Reached:
    """The stacks of a patient and where the point lies in each; arrays with one element per stack."""

    located: Located
    frame_points: FramePoints
    wanted: NDArray[np.bool_]
    answers: NDArray[np.bool_]


def resolve(index: PatientIndex, source: Source, filters: Filters, links: LinkBuilder) -> Answer:
    """Find the point in every study of the patient.

    Parameters
    ----------
    index
        The patient.
    source
        The point; `source.frame` is canonical.
    filters
        Which studies, series and planes may answer.
    links
        Builds the links of a match from study, Orthanc instance id, frame number and index in the stack set.
    """
    reached = _reach(index, source, filters)
    order, ranks = _rank(index, source, reached)
    chosen: dict[int, list[int]] = {}
    for stack in order:
        chosen.setdefault(int(index.stack_study[stack]), []).append(int(stack))
    matches: list[Match] = []
    unresolved: list[Unresolved] = []
    for number, study in enumerate(index.studies):
        if not _passes(index, study, filters):
            continue
        groups = _groups(index, study, chosen.get(number, []), filters.per)
        for series_number, candidates in groups:
            if candidates:
                rule = _chosen_by(candidates, ranks, source, index)
                matches.append(_match(index, source, reached, candidates, rule, study, links))
            else:
                unresolved.append(_explain(index, study, series_number, reached))
    x, y, z = source.point.tolist()
    return Answer(
        point=Point(index.patient_id, source.frame, x, y, z),
        matches=matches,
        unresolved=unresolved,
        flags=("identityConflict",) if index.identity_conflict else (),
    )


def _reach(index: PatientIndex, source: Source, filters: Filters) -> _Reached:
    frame_points = index.map_into_frames(source.frame, source.point)
    located = index.stack_set.locate(frame_points.points[index.stack_frame])
    wanted = (
        np.isin(index.stack_role, list(filters.roles)) if filters.roles != {"image"} else index.stack_is_image
    )
    if filters.modalities is not None:
        wanted = wanted & np.isin(index.stack_modality, list(filters.modalities))
    answers = wanted & located.within_reach & located.inside
    if filters.max_distance_mm is not None:
        answers &= np.abs(located.distance_mm) <= filters.max_distance_mm
    if source.plane is not None:
        # The clicked pixel is on its plane by definition, whatever another plane at the same place would say.
        answers[index.stack_of_plane(source.plane)] = True
    return _Reached(located, frame_points, wanted, answers)


def _rank(
    index: PatientIndex, source: Source, reached: _Reached
) -> tuple[NDArray[np.intp], tuple[NDArray[np.float64], ...]]:
    """The answering stacks, best first, and the value of every rule for every stack (smaller is better)."""
    distance = np.abs(reached.located.distance_mm)
    original = (~index.stack_is_original).astype(np.float64)
    size = len(index.stack_study)
    modality = plane = np.zeros(size)
    clicked = np.ones(size)
    if source.plane is not None:
        stack = index.stack_of_plane(source.plane)
        modality = (index.stack_modality != index.stack_modality[stack]).astype(np.float64)
        turned = index.map_direction(source.frame, index.stack_normal[stack])[index.stack_frame]
        cosine = np.abs(np.einsum("ij,ij->i", turned, index.stack_normal))
        plane = (~(cosine >= _SAME_PLANE_COSINE)).astype(np.float64)
        clicked[stack] = 0.0
    ranks: tuple[NDArray[np.float64], ...] = (
        modality,
        plane,
        original,
        index.stack_voxel,
        np.round(distance, 6).astype(np.float64),
        np.arange(size, dtype=np.float64),
    )
    answering = np.flatnonzero(reached.answers)
    order = np.lexsort(tuple(rank[answering] for rank in reversed((clicked, *ranks))))
    return answering[order], ranks


def _passes(index: PatientIndex, study: StudyEntry, filters: Filters) -> bool:
    if filters.studies is not None and study.key not in filters.studies:
        return False
    if filters.first_date is not None and not (study.study_date and study.study_date >= filters.first_date):
        return False
    if filters.last_date is not None and not (study.study_date and study.study_date <= filters.last_date):
        return False
    wanted = filters.modalities
    return wanted is None or any(index.series[number].modality in wanted for number in study.series)


def _groups(
    index: PatientIndex, study: StudyEntry, candidates: list[int], per: str
) -> Iterator[tuple[int | None, list[int]]]:
    """The candidates of the study as one group, or one group a series."""
    if per == "study" or not study.series:
        yield None, candidates
        return
    for series_number in study.series:
        yield series_number, [stack for stack in candidates if index.stack_series[stack] == series_number]


def _chosen_by(
    candidates: list[int], ranks: tuple[NDArray[np.float64], ...], source: Source, index: PatientIndex
) -> ChosenBy:
    """The first rule by which the chosen stack beats the runner-up."""
    if source.plane is not None and candidates[0] == index.stack_of_plane(source.plane):
        return "clicked"
    if len(candidates) == 1:
        return "only"
    first, second = candidates[:2]
    return next(rule for rule, rank in zip(_RULES, ranks, strict=True) if rank[first] != rank[second])


def _match(
    index: PatientIndex,
    source: Source,
    reached: _Reached,
    candidates: list[int],
    rule: ChosenBy,
    study: StudyEntry,
    links: LinkBuilder,
) -> Match:
    stack = candidates[0]
    frame = int(index.stack_frame[stack])
    path = reached.frame_points.paths[frame]
    assert path is not None  # a frame without a path gives NaN, and NaN is within no reach
    x, y, z = reached.frame_points.points[frame].tolist()
    located, is_source = reached.located, rule == "clicked"
    if is_source and source.plane is not None:
        plane, row, column, distance, in_gap = source.plane, source.row, source.column, 0.0, False
    else:
        plane, row, column = (
            int(located.plane[stack]),
            float(located.row[stack]),
            float(located.column[stack]),
        )
        distance, in_gap = float(located.distance_mm[stack]), bool(located.in_gap[stack])
    series, instance = index.instance_of_plane(plane)
    frame_number = int(index.stack_set.planes[plane]["frame_number"])
    orthanc_id = series.orthanc_ids[instance]
    return Match(
        study_instance_uid=study.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        sop_instance_uid=series.sop_instance_uids[instance],
        orthanc_instance_id=orthanc_id,
        is_source=is_source,
        frame_number=frame_number,
        slice_index=plane - int(index.stack_set.start[stack]),
        row=row,
        column=column,
        frame_of_reference_uid=index.frames[frame],
        x=x,
        y=y,
        z=z,
        distance_mm=distance,
        in_gap=in_gap,
        chosen_by=rule,
        other_series=len(
            {int(index.stack_series[other]) for other in candidates} - {int(index.stack_series[stack])}
        ),
        study_date=_dashed(study.study_date),
        acquisition_date_time=study.acquisition_date_time,
        modality=series.modality,
        series_description=series.series_description,
        path=path.edge_ids,
        alternatives=_alternatives(index, path),
        method=path.method or "sharedFrame",
        uncertainty_mm=path.expected_error_mm,
        uncertainty_source=path.error_source,  # type: ignore[arg-type]
        grade=grade_of(path.expected_error_mm),
        reviewed=bool(path.steps) and path.reviewed,
        flags=("oneFramePerSlice",) if series.aliases else (),
        links=links(study, orthanc_id, frame_number, plane),
    )


def _alternatives(index: PatientIndex, path: Path) -> tuple[str, ...]:
    """The transforms that stand back for those of the path."""
    return tuple(
        edge.id for step in path.steps for edge in index.graph.alternatives(step.from_frame, step.to_frame)
    )


def _explain(
    index: PatientIndex, study: StudyEntry, series_number: int | None, reached: _Reached
) -> Unresolved:
    """Why a study (or one series of it) has no match."""
    members = study.series if series_number is None else (series_number,)
    reason, detail = _reason(index, members, reached)
    uid = None if series_number is None else index.series[series_number].series_instance_uid
    return Unresolved(study.study_instance_uid, reason, detail, _dashed(study.study_date), uid)


def _reason(index: PatientIndex, members: tuple[int, ...], reached: _Reached) -> tuple[UnresolvedReason, str]:
    if not members:
        return "notIndexed", "the study is stored and waits to be indexed"
    mine = np.flatnonzero(np.isin(index.stack_series, members) & reached.wanted)
    if not len(mine):
        counts = sum((index.series[number].reasons for number in members), start=Counter[str]())
        listed = ", ".join(f"{count} x {reason}" for reason, count in counts.most_common())
        return "notIndexable", listed or "no images of the roles and modalities asked for"
    frames = index.stack_frame[mine]
    reachable = mine[[reached.frame_points.paths[frame] is not None for frame in frames]]
    if not len(reachable):
        return "needsAlignment", "no transform leads from the point's Frame of Reference to the study's"
    mapped = reachable[~np.isnan(reached.frame_points.points[index.stack_frame[reachable], 0])]
    if not len(mapped):
        return "outsideTransform", "the point is outside the region the deformable transform covers"
    if np.any(reached.located.inside[mapped]):
        inside = mapped[reached.located.inside[mapped]]
        nearest = float(np.abs(reached.located.distance_mm[inside]).min())
        return "outsideCoverage", f"the nearest plane is {nearest:.1f} mm away, further than it reaches"
    return "outsideCoverage", "the point is beside the images"


def _dashed(date: str) -> str:
    """DICOM's YYYYMMDD as YYYY-MM-DD."""
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdigit() else date
