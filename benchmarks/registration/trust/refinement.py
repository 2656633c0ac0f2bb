"""What refining does to places that are right, and to places that are not.

python -m benchmarks.registration.trust.refinement [POINTS]
"""

import sys
from collections import Counter

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.trust.known import CASES
from benchmarks.registration.trust.registered import Registered, both_directions
from longitudinal.points.answer import grade_of
from longitudinal.registration.alignment import Method
from longitudinal.registration.local import Refinement, Verdict, refine

STARTS = (
    ("p01", Method.RIGID), ("slab", Method.RIGID), ("p09 moved", Method.RIGID), ("p01 warped", Method.RIGID),
    ("breath", Method.RIGID), ("breath", Method.DEFORMABLE), ("lung", Method.AFFINE),
)  # fmt: skip
"""In the first three the truth is rigid: there a refinement can only do harm."""

WRONG_MM, NEAR_MM = 3.0, 2.0
HEAD = (
    "| pair | points | mean error mm before | after | change | < 2 mm before | after | verdicts | green | "
    "of green: p95 mm | max | over 3 mm | amber | red | not measured |"
)


def run(part: int = 1, points: int = 51) -> None:
    """Print a row for each start, of every ``part``-th point where it is more than 1."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print("\n### Refined points\n")
    print(f"{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    persons = set()
    for key, method in STARTS:
        one = both_directions(CASES[key](), method)[0]
        persons.add(one.known.person)
        print(_row(one, max(1, points // part)), flush=True)
    print(f"\nDistinct persons: {len(persons)} ({', '.join(sorted(persons))}).")


def _row(one: Registered, most: int) -> str:
    chosen = np.random.default_rng(1).permutation(len(one.points))[:most]
    found, before, after = [], [], []
    for number in chosen:
        try:
            refined = refine(one.fixed, one.moving, one.forth.points, one.points[number])
        except ValueError:  # the field does not reach all round the point: it is not refined
            continue
        found.append(refined)
        before.append(one.errors[number])
        after.append(float(np.linalg.norm(refined.point - one.truth[number])))
    grades = np.array([grade(refined) for refined in found])
    errors, green = np.array(after), grades == "green"
    verdicts = Counter(refined.verdict.value for refined in found)
    of_green = errors[green]
    quality = f"{np.percentile(of_green, 95):.2f} | {of_green.max():.2f}" if green.any() else "- | -"
    return (
        f"| {one.name} | {len(found)} | {np.mean(before):.2f} | {errors.mean():.2f} "
        f"| {errors.mean() - np.mean(before):+.3f} | {np.mean(np.array(before) < NEAR_MM):.0%} "
        f"| {(errors < NEAR_MM).mean():.0%} | {', '.join(f'{name} {count}' for name, count in verdicts.most_common())} "
        f"| {green.mean():.0%} | {quality} | {int((of_green > WRONG_MM).sum())} | {(grades == 'amber').mean():.0%} "
        f"| {(grades == 'red').mean():.0%} | {(grades == 'unknown').mean():.0%} |"
    )


def grade(refined: Refinement) -> str:
    """As an answer has it: what is contradicted is never green."""
    return grade_of(refined.uncertainty_mm, is_claimed=refined.verdict is Verdict.CONTRADICTED)


if __name__ == "__main__":
    run(points=int(sys.argv[1]) if len(sys.argv) > 1 else 51)
