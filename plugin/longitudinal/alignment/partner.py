"""Which study a study is aligned with: its best partner, not all of them.

Frames that transforms join already are one group. One alignment joins two groups, so n studies in n frames need n - 1.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from longitudinal.alignment.candidate import AcquisitionOf, Candidate, are_comparable, find_candidates, fit_of
from longitudinal.points.patient_index import PatientIndex
from longitudinal.points.registration_objects import first_series
from longitudinal.transforms.graph import FrameGraph, freedom

MOST_PARTNERS = 2
"""When the best partner does not fit, the next best may; a third has never been better than either."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted for one study.

    Attributes
    ----------
    study
        Its Orthanc id.
    method
        rigid, affine or deformable: a transform that is at least as free joins two frames already.
    partners
        Orthanc ids of the studies to choose from; None for all of the patient.
    series
        SeriesInstanceUIDs, one or more of which stand for their study; the others of that study do not.
    frames
        Two frames that are to be aligned with each other, whatever joins them already; empty for any.
    is_asked
        Somebody asked: what failed or was rejected before is tried again.
    """

    study: str
    method: str = "rigid"
    partners: frozenset[str] | None = None
    series: frozenset[str] = frozenset()
    frames: frozenset[str] = frozenset()
    is_asked: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """Two stacks to align: the fixed one lies in the earlier frame."""

    fixed: Candidate
    moving: Candidate


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """What to do for one frame of a study: its best pair with each possible partner's frame, the best partner first."""

    frame: str
    pairs: tuple[Pair, ...]


def choose(
    index: PatientIndex, wish: Wish, acquisition_of: AcquisitionOf, seen: Collection[str] = ()
) -> Choice | None:
    """What to do for the first frame of a study that is not joined yet, and not among those `seen`; None for nothing.

    There is nothing to do for a frame whose group has others in it and holds the earliest comparable study.
    """
    candidates = _allowed(index, wish)
    groups = Groups(index, candidates, wish.method)
    own = [candidate for candidate in candidates if index.studies[candidate.study].orthanc_id == wish.study]
    for frame in dict.fromkeys(candidate.frame for candidate in own):
        if frame in seen or (wish.frames and frame not in wish.frames):
            continue
        mine = [candidate for candidate in own if candidate.frame == frame]
        pairs = _pairs_of_frame(index, wish, mine, candidates, groups, acquisition_of)
        if pairs:
            return Choice(frame, tuple(pairs))
    return None


class Groups:
    """Frames with candidates, and which of them transforms of at least some freedom join."""

    def __init__(self, index: PatientIndex, candidates: Sequence[Candidate], method: str) -> None:
        graph = FrameGraph(edge for edge in index.graph.edges if freedom(edge.method) >= freedom(method))
        frames = dict.fromkeys(candidate.frame for candidate in candidates)
        self._members: Mapping[str, frozenset[str]] = {
            frame: frozenset(graph.paths_from(frame)) & frames.keys() for frame in frames
        }

    def of(self, frame: str) -> frozenset[str]:
        """The frames of a group, by one of them."""
        return self._members[frame]


def _allowed(index: PatientIndex, wish: Wish) -> list[Candidate]:
    """Candidates of the study and of those to choose from, where some series are wanted those alone."""
    told = {index.study_of_series[number] for number, series in enumerate(index.series)
            if series.series_instance_uid in wish.series}  # fmt: skip
    found = []
    for candidate in find_candidates(index):
        study = index.studies[candidate.study]
        if (
            wish.partners is not None
            and study.orthanc_id != wish.study
            and study.orthanc_id not in wish.partners
        ):
            continue
        if candidate.study in told and index.series[candidate.series].series_instance_uid not in wish.series:
            continue
        found.append(candidate)
    return found


def _pairs_of_frame(
    index: PatientIndex,
    wish: Wish,
    mine: Sequence[Candidate],
    candidates: Sequence[Candidate],
    groups: Groups,
    acquisition_of: AcquisitionOf,
) -> list[Pair]:
    frame = mine[0].frame
    others = [
        (first, other)
        for first in mine
        for other in candidates
        if are_comparable(first, other, acquisition_of)
    ]
    if not others:
        return []
    group = groups.of(frame)
    earliest = min((frame, *(other.frame for _, other in others)), key=index.frames.index)
    if len(group) > 1 and earliest in group and not wish.frames:
        return []
    if not wish.is_asked and _attempts(index, frame, wish.method) >= MOST_PARTNERS:
        return []
    best: dict[str, tuple[tuple[object, ...], Pair]] = {}
    for first, other in others:
        if wish.frames:
            if other.frame not in wish.frames:
                continue
        elif other.frame in group:
            continue
        if not wish.is_asked and _was_refused(index, frame, other.frame, wish.method):
            continue
        rank = _rank(index, first, other, groups, acquisition_of)
        known = best.get(other.frame)
        if known is None or rank < known[0]:
            best[other.frame] = (rank, _in_time_order(index, first, other))
    return [pair for _, pair in sorted(best.values(), key=lambda entry: entry[0])]


def _rank(
    index: PatientIndex, first: Candidate, other: Candidate, groups: Groups, acquisition_of: AcquisitionOf
) -> tuple[object, ...]:
    """Smaller is better: modality, the larger group, contrast, coverage, voxel, the earlier frame.

    All joining the largest group by its earliest frame keeps paths short, and errors add along them.
    """
    return (
        first.modality != other.modality,
        -len(groups.of(other.frame)),
        *fit_of(first, other, acquisition_of),
        index.frames.index(other.frame),
        other.stack,
        first.stack,
    )


def _attempts(index: PatientIndex, frame: str, method: str) -> int:
    """How often a frame's own study was tried in vain."""
    return sum(
        attempt.frame_of_reference_uid == frame and attempt.method == method
        for study in index.studies
        for attempt in study.attempts
    )


def _was_refused(index: PatientIndex, frame: str, other: str, method: str) -> bool:
    """Whether an alignment of two frames failed its checks before, or a person rejected what we made of it."""
    failed = any(
        attempt.is_about(frame, other) and attempt.method == method
        for study in index.studies
        for attempt in study.attempts
    )
    return failed or any(
        {stored.source_frame, stored.target_frame} == {frame, other}
        and stored.origin == "automatic"
        and stored.notes.decision == "rejected"
        for stored in index.transforms
    )


def _in_time_order(index: PatientIndex, first: Candidate, other: Candidate) -> Pair:
    if first_series(index, first.frame) < first_series(index, other.frame):
        return Pair(first, other)
    return Pair(other, first)
