"""Refinement of a match: in which scans a point is refined, and the resulting match."""

from collections.abc import Set
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.geometry.affine import Matrix
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.points.answer import Answer, Match, RefinedMatch, grade_of
from longitudinal.points.resolve import LinkBuilder, Source
from longitudinal.reasons import RefinementReason, UnusableScan
from longitudinal.transforms.local_affine import local_affine

CONTRAST_UNKNOWN = "contrastUnknown"
"""Flag of a match that was refined by mutual information, because the contrasts are not known to be equal."""

Verdict = Literal["confirmed", "moved", "contradicted", "unsure", "tooLittleInCommon"]

_KEPT: dict[Verdict, RefinementReason] = {
    "contradicted": RefinementReason.CONTRADICTED,
    "unsure": RefinementReason.LOOKS_DISAGREE,
    "tooLittleInCommon": RefinementReason.TOO_LITTLE_IN_COMMON,
}


class NotRefined(Exception):
    """The match stays as it is; `reason` is a code of docs/reason-codes.md."""

    def __init__(self, reason: RefinementReason | UnusableScan, detail: str = "") -> None:
        super().__init__(detail or reason.explanation)
        self.reason = reason


class Surroundings(msgspec.Struct, frozen=True, eq=False):
    """Where a point is refined.

    Attributes
    ----------
    fixed, moving
        Stacks of the `PatientIndex`: the clicked one, and that of the match.
    moving_from_fixed
        (4, 4) LPS mm: the path of the match around the point.
    point
        (3,) LPS mm in the frame of `fixed`.
    """

    fixed: int
    moving: int
    moving_from_fixed: Matrix
    point: NDArray[np.float64]


class LocalEstimate(msgspec.Struct, frozen=True):
    """The result of registering the surroundings.

    Attributes
    ----------
    point
        (3,) LPS mm in the frame of the match.
    verdict
        What the local estimates say about the known position.
    uncertainty_mm
        The bound that 95 % of errors stay below; None if the estimates are inconclusive.
    disagreement_mm
        How far they differ; None if there were none.
    """

    point: tuple[float, float, float]
    verdict: Verdict
    uncertainty_mm: float | None
    disagreement_mm: float | None
    contrast_is_known: bool
    frames_read: int
    seconds: float


def refinable(answer: Answer) -> list[Match]:
    """The matches that were reached through transforms; geometry alone needs no refinement."""
    return [match for match in answer.matches if match.path]


def same_frame(answer: Answer) -> list[RefinedMatch]:
    """The results for the other matches, except the clicked one."""
    others = [match for match in answer.matches if not match.path and not match.is_source]
    return [unrefined(match, NotRefined(RefinementReason.SAME_FRAME)) for match in others]


def unrefined(match: Match, why: NotRefined) -> RefinedMatch:
    """A match that stays as it is."""
    return RefinedMatch(
        match.study_instance_uid, match.series_instance_uid, is_refined=False, reason=why.reason, detail=str(why),
        match=match,
    )  # fmt: skip


def changed(study_instance_uid: str, series_instance_uid: str) -> RefinedMatch:
    """The result if the answer has changed: it has no match."""
    return RefinedMatch(
        study_instance_uid, series_instance_uid, is_refined=False, reason=RefinementReason.CHANGED,
        detail=RefinementReason.CHANGED.explanation,
    )  # fmt: skip


def find_surroundings(
    index: PatientIndex, source: Source, match: Match, modalities: Set[str]
) -> Surroundings:
    """The two stacks, and the known map between them.

    Parameters
    ----------
    modalities
        Those with stacks that can be registered.

    Raises
    ------
    NotRefined
        ``notAScan``, ``noSourceImages`` or ``outsideTransform``.
    """
    moving = _stack_of(index, match)
    is_scan = index.stack_is_image & np.isin(index.stack_modality, list(modalities))
    clicked = source.plane
    fixed = _stack_at(index, source, is_scan, moving) if clicked is None else index.stack_of_plane(clicked)
    if not (is_scan[fixed] and is_scan[moving]):
        raise NotRefined(RefinementReason.NOT_A_SCAN)
    way = index.map_into_frames(source.frame, source.point).ways[int(index.stack_frame[moving])]
    assert way is not None  # the match was reached that way
    try:
        matrix = local_affine(way.path, source.point)
    except ValueError:
        raise NotRefined(RefinementReason.OUTSIDE_TRANSFORM) from None
    return Surroundings(fixed, moving, matrix, source.point)


def refined(
    index: PatientIndex,
    match: Match,
    stack: int,
    look: LocalEstimate,
    links: LinkBuilder,
    most_mm: float | None,
) -> RefinedMatch:
    """The match at the position that was found or confirmed, or unrefined, and then not measured unless contradicted.

    Parameters
    ----------
    stack
        That of the match.
    most_mm
        The largest distance from the nearest plane, if the question has one.
    """
    moved = float(np.linalg.norm(np.subtract(look.point, (match.x, match.y, match.z))))
    reason, new = _KEPT.get(look.verdict), None
    if look.verdict == "confirmed":
        new = _measured(match, look)
    elif look.verdict == "moved":
        new = _placed(index, match, stack, look, links, most_mm)
        if new is None:
            reason, new = RefinementReason.OUTSIDE_COVERAGE, _doubted(match, moved)
    else:
        new = _doubted(match, look.uncertainty_mm)
    return RefinedMatch(
        match.study_instance_uid, match.series_instance_uid, is_refined=reason is None, reason=reason,
        detail="" if reason is None else reason.explanation, grade=new.grade,
        disagreement_mm=look.disagreement_mm, moved_mm=None if look.disagreement_mm is None else round(moved, 3),
        match=new, frames_read=look.frames_read, seconds=look.seconds,
    )  # fmt: skip


def _measured(match: Match, look: LocalEstimate) -> Match:
    """The match with the uncertainty that the local estimates measured."""
    return msgspec.structs.replace(
        match, uncertainty_mm=look.uncertainty_mm, uncertainty_source="local", grade=grade_of(look.uncertainty_mm),
        reviewed=False,  # a person has reviewed the transforms, not this position
        flags=match.flags if look.contrast_is_known else (*match.flags, CONTRAST_UNKNOWN),
    )  # fmt: skip


def _placed(
    index: PatientIndex,
    match: Match,
    stack: int,
    look: LocalEstimate,
    links: LinkBuilder,
    most_mm: float | None,
) -> Match | None:
    """The match at the new position; None if that is outside the images."""
    located = index.stack_set.locate_many([stack], [look.point])
    distance = float(located.distance_mm[0])
    if not (located.within_reach[0] and located.inside[0]) or (
        most_mm is not None and abs(distance) > most_mm
    ):
        return None
    plane = int(located.plane[0])
    study = index.studies[int(index.stack_study[stack])]
    series = index.series[int(index.stack_series[stack])]
    instance = int(index.plane_instance[plane])
    frame_number = int(index.stack_set.planes["frame_number"][plane])
    x, y, z = look.point
    return msgspec.structs.replace(
        _measured(match, look),
        sop_instance_uid=series.sop_instance_uids[instance], orthanc_instance_id=series.orthanc_ids[instance],
        frame_number=frame_number, slice_index=int(located.slice_index[0]), row=float(located.row[0]),
        column=float(located.column[0]), x=x, y=y, z=z, distance_mm=distance, in_gap=bool(located.in_gap[0]),
        links=links(study, series, instance, frame_number, plane),
    )  # fmt: skip


def _doubted(match: Match, seen_mm: float | None) -> Match:
    """The unrefined match: a good figure of the whole alignment must not vouch for a position that was not confirmed.

    Amber or red by the distance that contradicts it, and not measured if nothing is known.
    """
    if seen_mm is None:
        return msgspec.structs.replace(
            match, uncertainty_mm=None, uncertainty_source="unknown", grade="unknown", reviewed=False
        )
    worst = max(seen_mm, match.uncertainty_mm or 0.0)
    grade = grade_of(worst, is_claimed=True)  # whatever its size, the position was not confirmed
    return msgspec.structs.replace(
        match, uncertainty_mm=worst, uncertainty_source="local", grade=grade, reviewed=False
    )


def _stack_of(index: PatientIndex, match: Match) -> int:
    for series_number, instance in index.instances[match.sop_instance_uid]:
        if index.series[series_number].orthanc_ids[instance] == match.orthanc_instance_id:
            found = index.plane_of_frame(series_number, instance, match.frame_number)
            assert found is not None  # the match is one of this index
            return index.stack_of_plane(found[1])
    raise AssertionError("the match is of another index")


def _stack_at(index: PatientIndex, source: Source, is_scan: NDArray[np.bool_], moving: int) -> int:
    """The scan for a point that was given without a click: of the match's modality, then with the finest voxel."""
    here = np.array([index.frames[frame] == source.frame for frame in index.stack_frame.tolist()], dtype=bool)
    located = index.stack_set.locate(np.where(here[:, None], source.point, np.nan))
    shown = np.flatnonzero(here & is_scan & located.within_reach & located.inside)
    if not len(shown):
        raise NotRefined(RefinementReason.NO_SOURCE_IMAGES)
    differs = index.stack_modality_code[shown] != index.stack_modality_code[moving]
    return int(shown[np.lexsort((shown, index.stack_voxel[shown], differs))[0]])
