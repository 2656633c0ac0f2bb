"""Which of the stacks that hold a point shows it best, in each study or series, and by which rule."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from longitudinal.patients.patient_index import PatientIndex, StandingRanks
from longitudinal.points.answer import ChosenBy

# PS3.3 C.7.6.2 names no planes; 30 degrees separates axial, coronal and sagittal, and assigns oblique ones to theirs.
_SAME_PLANE_COSINE = np.cos(np.radians(30.0))
# The rules that a point does not change, in order; a clicked stack comes before them, the distance and the order after.
# Without a clicked image the first two do not apply.
_RULES: tuple[ChosenBy, ...] = ("modality", "plane", "original", "voxel")
# Differences below a nanometre are rounding.
_STEPS_OF_A_MM = 1e6


class Winners(msgspec.Struct, frozen=True, eq=False):
    """The chosen stack of each group (study or series) that has one: its number, the rule, and how many series lost."""

    stacks: NDArray[np.intp]
    rules: Sequence[ChosenBy]
    other_series: Sequence[int]


def choose(
    index: PatientIndex,
    frame: str,
    answers: NDArray[np.bool_],
    distance_mm: NDArray[np.float64],
    clicked: int | None,
    per: Literal["study", "series"],
) -> Winners:
    """The best of the stacks that answer, of each group, by the rules in their order.

    Parameters
    ----------
    frame
        Of the question.
    answers, distance_mm
        (stacks,) whether it holds the point, and how far its nearest plane is away.
    clicked
        The stack that was clicked in, which answers; None for a point without an image.
    """
    standing = index.ranks(frame, clicked, lambda: _standing_ranks(index, frame, clicked))
    group = index.stack_study if per == "study" else index.stack_series
    answering = answers.nonzero()[0]
    if not len(answering):
        return Winners(answering, (), ())
    groups, ranks = group[answering], standing.rank[answering]
    if clicked is not None:
        ranks[answering.searchsorted(clicked)] = -1
    steps = np.rint(np.abs(distance_mm[answering]) * _STEPS_OF_A_MM)
    # stacks of equal rank and distance follow in their order
    order = np.lexsort((steps, groups * (len(standing.classes) + 1) + ranks))
    groups = groups[order]
    heads = np.concatenate(((0,), (groups[1:] != groups[:-1]).nonzero()[0] + 1))
    stacks = answering[order[heads]]
    rules = _rules(standing, heads.tolist(), ranks[order].tolist(), steps[order].tolist())
    return Winners(stacks, rules, _others(index, answering, stacks) if per == "study" else (0,) * len(heads))


def _rules(
    standing: StandingRanks, heads: Sequence[int], ranks: Sequence[int], steps: Sequence[float]
) -> list[ChosenBy]:
    """Why the first of each group stands before the second; `heads` are the first ones."""
    rules: list[ChosenBy] = []
    for head, end in zip(heads, (*heads[1:], len(ranks)), strict=True):
        rank = ranks[head]
        if rank < 0:
            rules.append("clicked")
        elif end - head == 1:
            rules.append("only")
        elif ranks[head + 1] != rank:
            pairs = zip(standing.classes[rank], standing.classes[ranks[head + 1]], strict=True)
            rules.append(next(rule for rule, (a, b) in zip(_RULES, pairs, strict=True) if a != b))
        else:
            rules.append("order" if steps[head + 1] == steps[head] else "distance")
    return rules


def _others(index: PatientIndex, answering: NDArray[np.intp], stacks: NDArray[np.intp]) -> list[int]:
    """How many other series answer in the study of each of the stacks."""
    series = np.bincount(index.stack_series[answering]).nonzero()[0]
    others: list[int] = (
        np.bincount(index.study_of_series_array[series])[index.stack_study[stacks]] - 1
    ).tolist()
    return others


def _standing_ranks(index: PatientIndex, frame: str, clicked: int | None) -> StandingRanks:
    """All rules but the distance, which is the only one that depends on the point."""
    values = np.zeros((len(_RULES), len(index.stack_study)))
    if clicked is not None:
        values[0] = index.stack_modality_code != index.stack_modality_code[clicked]
        turned = index.map_direction(frame, index.stack_normal[clicked])[index.stack_frame]
        cosine = np.abs(np.add.reduce(turned * index.stack_normal, axis=1))
        values[1] = ~(cosine >= _SAME_PLANE_COSINE)  # NaN where only a deformable path leads: not the same
    values[2] = ~index.stack_is_original
    values[3] = index.stack_voxel
    classes, rank = np.unique(values, axis=1, return_inverse=True)
    return StandingRanks(rank.reshape(-1), tuple(map(tuple, classes.T.tolist())))
