"""Which study a study is aligned with: its best partner, not all others.

Frames that are joined by transforms form a group. An alignment joins two groups, so n studies in n frames need n - 1.
"""

from collections.abc import Mapping, Sequence

import msgspec

from longitudinal.alignment.candidate import (
    AcquisitionOf,
    StackCandidate,
    are_comparable,
    find_candidates,
    fit_of,
)
from longitudinal.alignment.failures import Failures, LastUpdateOf, Tried
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.registration_objects.written import first_series
from longitudinal.transforms.graph import FrameGraph, freedom


class Wish(msgspec.Struct, frozen=True):
    """The request for one study.

    Attributes
    ----------
    study
        Its Orthanc id.
    method
        rigid, affine or deformable: an existing transform joins two frames if it has at least this freedom.
    partners
        Orthanc ids of the studies to choose from; None for all of the patient.
    series
        SeriesInstanceUIDs that represent their studies instead of the other series.
    frames
        Two frames to align with each other even if they are joined already; empty for any.
    is_asked
        Somebody asked: pairs that failed or were rejected before are tried again.
    """

    study: str
    method: str = "rigid"
    partners: frozenset[str] | None = None
    series: frozenset[str] = frozenset()
    frames: frozenset[str] = frozenset()
    is_asked: bool = False


class Pair(msgspec.Struct, frozen=True, eq=False):
    """Two stacks to align: the fixed one is in the earlier frame."""

    fixed: StackCandidate
    moving: StackCandidate


class Choice(msgspec.Struct, frozen=True, eq=False):
    """What to do for one frame of a study: its best pair with each possible partner's frame, the best partner first."""

    frame: str
    pairs: tuple[Pair, ...]


def choose(
    index: PatientIndex,
    wish: Wish,
    acquisition_of: AcquisitionOf,
    last_update_of: LastUpdateOf,
    tried: Tried = Tried(),  # noqa: B008 - frozen
) -> Choice | None:
    """What to do for the first frame of a study that is not joined yet, and was not `tried`; None for nothing.

    A frame needs nothing if its group has other frames and contains the earliest comparable study.
    """
    failures = None if wish.is_asked else Failures(index, wish.method, last_update_of)
    candidates = _allowed(index, wish, tried, frozenset() if failures is None else failures.unusable)
    groups = Groups(index, candidates, wish.method)
    own = [candidate for candidate in candidates if index.studies[candidate.study].orthanc_id == wish.study]
    for frame in dict.fromkeys(candidate.frame for candidate in own):
        if frame in tried.frames or (wish.frames and frame not in wish.frames):
            continue
        if failures is not None and failures.has_had_enough(frame):
            continue
        mine = [candidate for candidate in own if candidate.frame == frame]
        pairs = [
            pair
            for pair in _pairs_of_frame(index, wish, mine, candidates, groups, acquisition_of)
            if frozenset((pair.fixed.frame, pair.moving.frame)) not in tried.pairs
            and not (failures is not None and _was_refused(index, pair, failures))
        ]
        if pairs:
            return Choice(frame, tuple(pairs))
    return None


class Groups:
    """Frames with candidates, and which of them are joined by transforms of at least some freedom."""

    def __init__(self, index: PatientIndex, candidates: Sequence[StackCandidate], method: str) -> None:
        graph = FrameGraph(edge for edge in index.graph.edges if freedom(edge.method) >= freedom(method))
        frames = dict.fromkeys(candidate.frame for candidate in candidates)
        self._members: Mapping[str, frozenset[str]] = {
            frame: frozenset(graph.paths_from(frame)) & frames.keys() for frame in frames
        }

    def of(self, frame: str) -> frozenset[str]:
        """The frames of a group, by one of them."""
        return self._members[frame]


def _allowed(index: PatientIndex, wish: Wish, tried: Tried, unusable: frozenset[str]) -> list[StackCandidate]:
    """Candidates of the study and of its possible partners; if series are given, only these.

    `unusable` are SeriesInstanceUIDs of series that cannot be aligned with anything.
    """
    told = {index.study_of_series[number] for number, series in enumerate(index.series)
            if series.series_instance_uid in wish.series}  # fmt: skip
    found = []
    for candidate in find_candidates(index):
        study = index.studies[candidate.study]
        series_instance_uid = index.series[candidate.series].series_instance_uid
        if candidate.instance in tried.scans or series_instance_uid in unusable:
            continue
        if (
            wish.partners is not None
            and study.orthanc_id != wish.study
            and study.orthanc_id not in wish.partners
        ):
            continue
        if candidate.study in told and series_instance_uid not in wish.series:
            continue
        found.append(candidate)
    return found


def _pairs_of_frame(
    index: PatientIndex,
    wish: Wish,
    mine: Sequence[StackCandidate],
    candidates: Sequence[StackCandidate],
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
    best: dict[str, tuple[tuple[object, ...], Pair]] = {}
    for first, other in others:
        if wish.frames:
            if other.frame not in wish.frames:
                continue
        elif other.frame in group:
            continue
        rank = _rank(index, first, other, groups, acquisition_of)
        known = best.get(other.frame)
        if known is None or rank < known[0]:
            best[other.frame] = (rank, _in_time_order(index, first, other))
    return [pair for _, pair in sorted(best.values(), key=lambda entry: entry[0])]


def _rank(
    index: PatientIndex,
    first: StackCandidate,
    other: StackCandidate,
    groups: Groups,
    acquisition_of: AcquisitionOf,
) -> tuple[object, ...]:
    """Smaller is better: modality, the larger group, contrast, coverage, voxel, the earlier frame.

    If all join the largest group at its earliest frame, paths stay short, and errors add along them.
    """
    return (
        first.modality != other.modality,
        -len(groups.of(other.frame)),
        *fit_of(first, other, acquisition_of),
        index.frames.index(other.frame),
        other.stack,
        first.stack,
    )


def _was_refused(index: PatientIndex, pair: Pair, failures: Failures) -> bool:
    """Whether an alignment of two frames failed before, or a person rejected its result."""
    frames = {pair.fixed.frame, pair.moving.frame}
    return failures.were_refused(*frames) or any(
        {stored.source_frame, stored.target_frame} == frames
        and stored.origin == "automatic"
        and stored.notes.decision == "rejected"
        for stored in index.transforms
    )


def _in_time_order(index: PatientIndex, first: StackCandidate, other: StackCandidate) -> Pair:
    if first_series(index, first.frame) < first_series(index, other.frame):
        return Pair(first, other)
    return Pair(other, first)
