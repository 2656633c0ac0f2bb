"""Where a point of a patient is in every other study: one pure function over a `PatientIndex`."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.stack_set import Located
from longitudinal.patients.patient_index import FramePoints, PatientIndex, StudyEntry, Way
from longitudinal.patients.series_planes import SeriesPlanes
from longitudinal.points.answer import Answer, Grade, Links, Match, Point, Unresolved, grade_of
from longitudinal.points.choice import Winners, choose
from longitudinal.reasons import AlignmentFailure, UnresolvedReason
from longitudinal.transforms.attempts import Attempt
from longitudinal.transforms.graph import UncertaintySource

_IMAGE = frozenset({"image"})
# For the text of a failed alignment, which anybody may write into metadata; the plugin's have some hundred characters.
_LONGEST_DETAIL = 2_000
_WITHOUT_RESULT = frozenset(AlignmentFailure)

OUTSIDE_TRANSFORM = "the point is outside the region of the deformable transform"

LinkBuilder = Callable[[StudyEntry, SeriesPlanes, int, int, int], Links]


class Source(msgspec.Struct, frozen=True, eq=False):
    """The source of a question: a point in a frame, and the clicked pixel if there is one.

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


class Filters(msgspec.Struct, frozen=True):
    """Which studies are searched, and how.

    Attributes
    ----------
    studies
        Keys (`StudyEntry.key`) of the studies wanted; None for all.
    first_date, last_date
        StudyDate as YYYY-MM-DD, inclusive; a study without a date fails either.
    max_distance_mm
        Reduces the reach of planes, never increases it.
    """

    studies: frozenset[int] | None = None
    modalities: frozenset[str] | None = None
    roles: frozenset[str] = frozenset({"image"})
    first_date: str | None = None
    last_date: str | None = None
    per: Literal["study", "series"] = "study"
    max_distance_mm: float | None = None


class _Reached(msgspec.Struct, frozen=True, eq=False):
    """The stacks of a patient and the position of the point in each; arrays with one element per stack."""

    located: Located
    frame_points: FramePoints
    wanted: NDArray[np.bool_]
    answers: NDArray[np.bool_]
    clicked: int | None


class Found(msgspec.Struct, frozen=True):
    """An answer, and the stored files of the images of its matches (None where one is not known), in their order."""

    answer: Answer
    files: tuple[str | None, ...]


def resolve(index: PatientIndex, source: Source, filters: Filters, links: LinkBuilder) -> Answer:
    """Find the point in every study of the patient; as `find`."""
    return find(index, source, filters, links).answer


def find(index: PatientIndex, source: Source, filters: Filters, links: LinkBuilder) -> Found:
    """Find the point in every study of the patient.

    Parameters
    ----------
    index
        The patient.
    source
        The point; `source.frame` is canonical.
    filters
        Which studies, series and planes may match.
    links
        Builds the links of a match from study, series, number of the instance in it, frame number, index in the stack set.
    """
    passes = _all_passes(index, filters)
    reached = _reach(index, source, filters, passes)
    winners = choose(
        index, source.frame, reached.answers, reached.located.distance_mm, reached.clicked, filters.per
    )
    found = _matches(index, source, reached, winners, filters.per, links)
    matches: list[Match] = []
    files: list[str | None] = []
    unresolved: list[Unresolved] = []
    for number, study in enumerate(index.studies):
        if not passes[number]:
            continue
        for group in (number,) if filters.per == "study" else study.series or (None,):
            if group in found:
                match, file = found[group]
                matches.append(match)
                files.append(file)
            else:
                unresolved.append(_explain(index, study, None if filters.per == "study" else group, reached))
    x, y, z = source.point.tolist()
    answer = Answer(
        point=Point(index.patient_id, source.frame, x, y, z),
        matches=matches,
        unresolved=unresolved,
        flags=("identityConflict",) if index.identity_conflict else (),
    )
    return Found(answer, tuple(files))


def passing_studies(index: PatientIndex, filters: Filters) -> list[StudyEntry]:
    """The studies that are searched, in time order."""
    return [study for study in index.studies if _passes(index, study, filters)]


def count_answers(index: PatientIndex, filters: Filters) -> int:
    """How many matches and unresolved studies (with `per: series`, series) an answer has."""
    passing = passing_studies(index, filters)
    if filters.per == "study":
        return len(passing)
    return sum(max(1, len(study.series)) for study in passing)


def _reach(index: PatientIndex, source: Source, filters: Filters, passes: Sequence[bool]) -> _Reached:
    frame_points = index.map_into_frames(source.frame, source.point)
    located = index.stack_set.locate(frame_points.points.take(index.stack_frame, axis=0))
    wanted = index.stack_is_image
    if filters.roles != _IMAGE:
        wanted = np.isin(index.stack_role, list(filters.roles))
    if filters.modalities is not None:
        wanted = wanted & np.isin(index.stack_modality, list(filters.modalities))
    answers = wanted & located.within_reach & located.inside
    if not all(passes):
        # Studies that were filtered out cost nothing: a batch in a few of thousands of studies is as fast as in a few.
        answers &= np.array(passes, dtype=bool)[index.stack_study]
    if filters.max_distance_mm is not None:
        answers &= np.abs(located.distance_mm) <= filters.max_distance_mm
    clicked = None
    if source.plane is not None:
        # The clicked pixel is on its plane by definition, even if another plane is at the same place.
        clicked = index.stack_of_plane(source.plane)
        answers[clicked] = True
    return _Reached(located, frame_points, wanted, answers, clicked)


def _all_passes(index: PatientIndex, filters: Filters) -> Sequence[bool]:
    """Whether each study passes the filters."""
    if (filters.studies, filters.modalities, filters.first_date, filters.last_date) == (None,) * 4:
        return (True,) * len(index.studies)
    return [_passes(index, study, filters) for study in index.studies]


def _passes(index: PatientIndex, study: StudyEntry, filters: Filters) -> bool:
    if filters.studies is not None and study.key not in filters.studies:
        return False
    if filters.first_date is not None and not (study.study_date and study.study_date >= filters.first_date):
        return False
    if filters.last_date is not None and not (study.study_date and study.study_date <= filters.last_date):
        return False
    wanted = filters.modalities
    return wanted is None or any(index.series[number].modality in wanted for number in study.series)


def _matches(
    index: PatientIndex, source: Source, reached: _Reached, winners: Winners, per: str, links: LinkBuilder
) -> dict[int | None, tuple[Match, str | None]]:
    """The match of each winning stack and the file of its image, by its group: the number of the study or series."""
    located, stacks = reached.located, winners.stacks
    planes, frames = located.plane[stacks], index.stack_frame[stacks].tolist()
    columns = zip(
        stacks.tolist(), index.stack_study[stacks].tolist(), index.stack_series[stacks].tolist(), frames,
        planes.tolist(), index.plane_instance[planes].tolist(),
        index.frame_numbers[planes].tolist(), located.slice_index[stacks].tolist(),
        located.row[stacks].tolist(), located.column[stacks].tolist(), located.distance_mm[stacks].tolist(),
        located.in_gap[stacks].tolist(), winners.rules, winners.other_series, strict=True,
    )  # fmt: skip
    arrivals = {frame: _arrival(reached.frame_points, frame) for frame in set(frames)}
    found: dict[int | None, tuple[Match, str | None]] = {}
    for (
        stack, study_number, series_number, frame, plane, instance, frame_number, slice_index, row, column, distance,
        in_gap, rule, other_series,
    ) in columns:  # fmt: skip
        if rule == "clicked" and source.plane is not None:
            plane, row, column, distance, in_gap = source.plane, source.row, source.column, 0.0, False
            instance = int(index.plane_instance[plane])
            frame_number = int(index.stack_set.planes[plane]["frame_number"])
            slice_index = plane - int(index.stack_set.start[stack])
        study, series = index.studies[study_number], index.series[series_number]
        (x, y, z), way, uncertainty, uncertainty_source, grade = arrivals[frame]
        match = Match(
            study.study_instance_uid, series.series_instance_uid, series.sop_instance_uids[instance],
            series.orthanc_ids[instance],
            rule == "clicked", frame_number, slice_index, row, column, index.frames[frame], x, y, z, distance, in_gap,
            rule, other_series, study.study_date, study.acquisition_date_time, series.modality,
            series.series_description, way.edge_ids, way.alternatives, way.method, uncertainty,
            uncertainty_source, grade, way.reviewed, series.flags,
            links(study, series, instance, frame_number, plane),
        )  # fmt: skip
        found[study_number if per == "study" else series_number] = match, series.files[instance]
    return found


def _arrival(
    frame_points: FramePoints, frame: int
) -> tuple[list[float], Way, float | None, UncertaintySource, Grade]:
    """The point in a frame where it was reached, by which way, and how well that is known: alike for all matches there."""
    way = frame_points.ways[frame]
    assert way is not None  # a frame without a path yields NaN, and NaN is within no reach
    uncertainty, source = frame_points.uncertainty(frame)
    grade = grade_of(uncertainty, is_claimed=way.is_claimed)
    return frame_points.points[frame].tolist(), way, uncertainty, source, grade


def _explain(
    index: PatientIndex, study: StudyEntry, series_number: int | None, reached: _Reached
) -> Unresolved:
    """Why a study (or one series of it) has no match."""
    members = study.series if series_number is None else (series_number,)
    reason, detail = _reason(index, members, reached)
    uid = None if series_number is None else index.series[series_number].series_instance_uid
    return Unresolved(study.study_instance_uid, reason, detail, study.study_date, uid)


def _reason(index: PatientIndex, members: tuple[int, ...], reached: _Reached) -> tuple[UnresolvedReason, str]:
    if not members:
        return UnresolvedReason.NOT_INDEXED, "the study is stored but not indexed yet"
    # The series of a study follow each other, and so do their stacks.
    first, end = np.searchsorted(index.stack_series, (members[0], members[-1] + 1))
    mine = first + np.flatnonzero(reached.wanted[first:end])
    if not len(mine):
        return UnresolvedReason.NOT_INDEXABLE, _listed_reasons(
            index, members
        ) or "no images of the requested roles and modalities"
    frames = index.stack_frame[mine]
    reachable = mine[[reached.frame_points.ways[frame] is not None for frame in frames]]
    if not len(reachable):
        return why_unreached(index, {index.frames[number] for number in frames.tolist()})
    mapped = reachable[~np.isnan(reached.frame_points.points[index.stack_frame[reachable], 0])]
    if not len(mapped):
        return UnresolvedReason.OUTSIDE_TRANSFORM, OUTSIDE_TRANSFORM
    if np.any(reached.located.inside[mapped]):
        inside = mapped[reached.located.inside[mapped]]
        nearest = float(np.abs(reached.located.distance_mm[inside]).min())
        return (
            UnresolvedReason.OUTSIDE_COVERAGE,
            f"the nearest plane is {nearest:.1f} mm away, beyond its reach",
        )
    return UnresolvedReason.OUTSIDE_COVERAGE, "the point is outside the images"


def why_unreached(index: PatientIndex, frames: set[str]) -> tuple[UnresolvedReason, str]:
    """Why no path leads into these frames: nothing was tried, or what was tried was refused."""
    failed = _failed_alignment(index, frames)
    if failed is not None:
        return UnresolvedReason.ALIGNMENT_FAILED, _figures_of(index, failed)
    return (
        UnresolvedReason.NEEDS_ALIGNMENT,
        "no transform leads from the point's Frame of Reference to the study's",
    )


def _listed_reasons(index: PatientIndex, members: tuple[int, ...]) -> str:
    """How often each reason occurs, with the attribute and value most often at fault."""
    counts = sum((index.series[number].reasons for number in members), start=Counter[tuple[str, str]]())
    details: dict[str, list[str]] = {}
    by_reason: Counter[str] = Counter()
    for (reason, detail), count in counts.most_common():
        by_reason[reason] += count
        details.setdefault(reason, []).append(detail)
    listed = []
    for reason, count in by_reason.most_common():
        first, more = details[reason][0], len(details[reason]) - 1
        why = f" ({first}{f', and {more} more' if more else ''})" if first else ""
        listed.append(f"{count} x {reason}{why}")
    return ", ".join(listed)


def _failed_alignment(index: PatientIndex, frames: set[str]) -> Attempt | None:
    """The newest failed alignment with one of these frames."""
    tried = [index.newest_attempts[frame] for frame in frames if frame in index.newest_attempts]
    return max(tried, key=lambda attempt: attempt.at, default=None)


def _figures_of(index: PatientIndex, failed: Attempt) -> str:
    """What was tried, why it was refused or ended, and its figures."""
    dates = index.study_dates
    partner = failed.partner_study_instance_uid
    figures = ", ".join(f"{name} {value}" for name, value in failed.quality.items() if value is not None)
    tried = f"{failed.method} alignment with study {partner} ({dates.get(partner) or 'no date'})"
    # a process that ended says nothing of how well the images fit
    became = "ended without a result" if failed.rejection in _WITHOUT_RESULT else "was refused"
    said = f"{tried} {became}, {failed.rejection}: {failed.reason}"
    return (said + (f" ({figures})" if figures else ""))[:_LONGEST_DETAIL]
