"""What refining does to places that are right, and to places that are not.

python -m benchmarks.registration.trust.refinement [POINTS]
"""

import sys
from collections import Counter

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.trust.kept import code_of, kept_in
from benchmarks.registration.trust.known import CASES
from benchmarks.registration.trust.registered import Registered, both_directions
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.points.answer import grade_of
from longitudinal.registration import local
from longitudinal.registration.alignment import Method
from longitudinal.registration.local import LocalRefinement, Verdict, estimate, judge
from longitudinal.transforms.local_affine import local_affine

STARTS = (
    ("p01", Method.RIGID), ("p04 moved", Method.RIGID), ("p09 moved", Method.RIGID), ("slab", Method.RIGID),
    ("p01 warped", Method.RIGID), ("p04 warped", Method.RIGID), ("breath", Method.RIGID), ("breath", Method.DEFORMABLE),
    ("lung", Method.AFFINE),
)  # fmt: skip
"""In the first four the truth is rigid: there a refinement can only do harm."""

POINTS, LANDMARKS = 20, 51
"""Of each pair; of the lung all there are."""

WRONG_MM, NEAR_MM = 3.0, 2.0
HEAD = (
    "| pair | limits set on it | points | mean error mm before | after | change | < 2 mm before | after | verdicts "
    "| green | of green: p95 mm | max | over 3 mm | amber | red | not measured | error within bound "
    "| of places right before: change | red |"
)


def run(part: int = 1, points: int = POINTS) -> None:
    """Print a row for each start, of every ``part``-th point where it is more than 1."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print("\n### Refined points\n")
    print(f"{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    persons = set()
    for key, method in STARTS:
        one = both_directions(CASES[key](), method)[0]
        persons.add(one.known.person)
        most = LANDMARKS if key == "lung" else points
        print(_row(one, max(1, most // part)), flush=True)
    print(f"\nDistinct persons: {len(persons)} ({', '.join(sorted(persons))}).")


def _row(one: Registered, most: int) -> str:
    chosen = np.random.default_rng(1).permutation(len(one.points))[:most]
    refined = {number: found for number in chosen if (found := refine_kept(one, number)) is not None}
    found = list(refined.values())
    before = one.errors[list(refined)]
    after = np.array([np.linalg.norm(each.point - one.truth[number]) for number, each in refined.items()])
    grades = np.array([grade(each) for each in found])
    bounds = np.array([np.nan if each.uncertainty_mm is None else each.uncertainty_mm for each in found])
    known, green, right = np.isfinite(bounds), grades == "green", before < NEAR_MM
    verdicts = Counter(each.verdict.value for each in found)
    of_green = after[green]
    quality = f"{np.percentile(of_green, 95):.2f} | {of_green.max():.2f}" if green.any() else "- | -"
    harm = (
        f"{(after - before)[right].mean():+.3f} | {(grades[right] == 'red').mean():.0%}"
        if right.any()
        else "- | -"
    )
    return (
        f"| {one.name} | {'yes' if one.known.limits_set_on else 'no'} | {len(found)} | {before.mean():.2f} "
        f"| {after.mean():.2f} | {after.mean() - before.mean():+.3f} | {right.mean():.0%} | {(after < NEAR_MM).mean():.0%} "
        f"| {', '.join(f'{name} {count}' for name, count in verdicts.most_common())} "
        f"| {green.mean():.0%} | {quality} | {int((of_green > WRONG_MM).sum())} | {(grades == 'amber').mean():.0%} "
        f"| {(grades == 'red').mean():.0%} | {(grades == 'unknown').mean():.0%} "
        f"| {(after[known] <= bounds[known]).mean():.0%} | {harm} |"
    )


def refine_kept(one: Registered, number: int) -> LocalRefinement | None:
    """`local.refine` of a point, its estimates kept; None where the field does not reach all round the point."""
    point = one.points[number]

    def estimated() -> tuple[Matrix, Points | None] | None:
        try:
            start = local_affine(one.forth.points, point)
        except ValueError:
            return None
        return start, estimate(one.fixed, one.moving, start, point)

    name = f"{one.name}, point {number}"
    kept = kept_in(f"{one.key}/{point.tolist()}/{code_of(local)}", name, estimated)
    if kept is None:
        return None
    start, estimates = kept
    if estimates is None:
        return LocalRefinement(affine.apply(start, point), Verdict.TOO_LITTLE, None, None)
    verdict, displacement, uncertainty = judge(estimates)
    return LocalRefinement(affine.apply(start, point + displacement), verdict, uncertainty, None)


def grade(refined: LocalRefinement) -> str:
    """As an answer has it: what is contradicted is never green."""
    return grade_of(refined.uncertainty_mm, is_claimed=refined.verdict is Verdict.CONTRADICTED)


if __name__ == "__main__":
    run(points=int(sys.argv[1]) if len(sys.argv) > 1 else POINTS)
