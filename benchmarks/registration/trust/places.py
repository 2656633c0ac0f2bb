"""What is said of places, against the errors there: bounds, and the grades that follow from them.

python -m benchmarks.registration.trust.places [CASE ...]
"""

import sys
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.trust.known import CASES
from benchmarks.registration.trust.registered import Registered, both_directions
from longitudinal.points.answer import grade_of
from longitudinal.registration.alignment import Method
from longitudinal.registration.block_match import PLACES, match_blocks
from longitudinal.registration.place_error import measure_errors
from longitudinal.registration.pyramid import image_transform

WRONG_MM = 3.0
HEAD = (
    "| pair | limits set on it | points | mean error mm | not measured | green | of green: over 3 mm | p95 mm | "
    "error within bound | bound mm, median | times the median error |"
)


def run(part: int = 1, wanted: Sequence[str] = tuple(CASES)) -> None:
    """Print a row for each pair, method and direction; of every ``part``-th pair where it is more than 1."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print("\n### Places\n")
    print("Each pair registered both ways; 'back' is the same pair with fixed and moving swapped.\n")
    print(f"{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    persons = set()
    for key in list(wanted)[::part]:
        known = CASES[key]()
        persons.add(known.person)
        for method in Method:
            for one in both_directions(known, method):
                print(_row(one), flush=True)
    print(f"\nDistinct persons: {len(persons)} ({', '.join(sorted(persons))}).")


def bounds_of(one: Registered) -> np.ndarray:
    """What is said of each point, (n,) mm; NaN where nothing is."""
    transform = image_transform(one.forth.matrix, one.forth.field)
    blocks = match_blocks(one.fixed, one.moving, transform, PLACES)
    errors = measure_errors(one.fixed, one.moving, one.forth.points, blocks, one.home.points, one.forth.rigid)
    found = [errors.bound_mm(*point) for point in one.points.tolist()]
    return np.array([np.nan if bound is None else bound for bound in found])


def _row(one: Registered) -> str:
    bounds, errors = bounds_of(one), one.errors
    measured = np.isfinite(bounds) & np.isfinite(errors)
    green = measured & np.array([grade_of(bound) == "green" for bound in bounds])
    wrong = int((errors[green] > WRONG_MM).sum())
    p95 = f"{np.percentile(errors[green], 95):.2f}" if green.any() else "-"
    typical = float(np.median(errors[measured]))
    said = float(np.median(bounds[measured]))
    return (
        f"| {one.name} | {'yes' if one.known.limits_set_on else 'no'} | {len(errors)} | {np.nanmean(errors):.2f} "
        f"| {1 - measured.mean():.0%} | {green.mean():.0%} | {wrong} ({wrong / max(1, green.sum()):.1%}) | {p95} "
        f"| {(errors[measured] <= bounds[measured]).mean():.1%} | {said:.1f} | {said / typical:.1f} |"
    )


if __name__ == "__main__":
    run(wanted=sys.argv[1:] or tuple(CASES))
