"""What is said of places, against the errors there: bounds, and the grades that follow from them.

python -m benchmarks.registration.trust.places [CASE ...]
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.trust.bounds import most
from benchmarks.registration.trust.kept import code_of, kept_in
from benchmarks.registration.trust.known import CASES
from benchmarks.registration.trust.registered import Registered, both_directions
from longitudinal.geometry.affine import Points
from longitudinal.points.answer import grade_of
from longitudinal.registration import block_match, place_error
from longitudinal.registration.alignment import Method
from longitudinal.registration.block_match import PLACES, match_blocks
from longitudinal.registration.place_error import measure_errors
from longitudinal.registration.pyramid import image_transform

WRONG_MM = 3.0
HEAD = (
    "| pair | limits set on it | points | mean error mm | not measured | green | of green: over 3 mm | p95 mm | "
    "error within bound | bound mm, median | times the median error |"
)


LANDMARK_MM = 1.0
"""What those who set the landmarks of such scans differ by; those of the lung err by it themselves."""


@dataclass(frozen=True, eq=False)
class Said:
    """What is said of the points of one registration, (n,) mm: NaN where nothing is; and the errors there."""

    one: Registered
    bounds: np.ndarray
    errors: np.ndarray

    @property
    def green(self) -> np.ndarray:
        """Which points are (n,)."""
        return np.array([grade_of(bound) == "green" for bound in self.bounds])

    @property
    def wrong(self) -> int:
        """How many green points are more than `WRONG_MM` off."""
        return int((self.errors[self.green] > WRONG_MM).sum())


def run(part: int = 1, wanted: Sequence[str] = tuple(CASES)) -> None:
    """Print a row for each pair, method and direction; of every ``part``-th pair where it is more than 1."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print("\n### Places\n")
    print("Each pair registered both ways; 'back' is the same pair with fixed and moving swapped.\n")
    print(f"{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    found = []
    for key in list(wanted)[::part]:
        known = CASES[key]()
        for method in Method:
            for one in both_directions(known, method):
                said = Said(one, bounds_of(one), one.errors)
                found.append(said)
                print(_row(one.name, said), flush=True)
                if key == "lung" and method is Method.DEFORMABLE:
                    errors = np.sqrt(np.maximum(said.errors**2 - LANDMARK_MM**2, 0))
                    print(
                        _row(f"{one.name}, {LANDMARK_MM:g} mm taken out", replace(said, errors=errors)),
                        flush=True,
                    )
    _bounds(found)


def _bounds(found: Sequence[Said]) -> None:
    """Green points over 3 mm, all pairs of a kind together; points of one pair are no trials of their own."""
    print("\nGreen points over 3 mm, at most (95 %, Clopper and Pearson):\n")
    print("| | green | over 3 mm | at most, by points | persons | with one | at most, by persons |")
    print("|---|---|---|---|---|---|---|")
    groups: dict[str, list[Said]] = {}
    for said in found:
        if said.one.known.has_truth:
            whose = "p01, p04" if said.one.known.limits_set_on else said.one.known.person
            groups.setdefault(f"{whose}, {said.one.method.value}", []).append(said)
    for name, group in sorted(groups.items()):
        green, wrong = sum(int(said.green.sum()) for said in group), sum(said.wrong for said in group)
        persons = {said.one.known.person for said in group}
        affected = {said.one.known.person for said in group if said.wrong}
        print(
            f"| {name} | {green} | {wrong} | {most(wrong, green):.1%} | {len(persons)} | {len(affected)} "
            f"| {most(len(affected), len(persons)):.0%} |"
        )


def bounds_of(one: Registered) -> np.ndarray:
    """What is said of each point, (n,) mm; NaN where nothing is."""
    code = code_of(block_match, place_error)
    found: np.ndarray = kept_in(
        f"{one.key}/{digest_of(one.points)}/bounds/{code}", f"{one.name}, bounds", lambda: _bounds_of(one)
    )
    return found


def _bounds_of(one: Registered) -> np.ndarray:
    transform = image_transform(one.forth.matrix, one.forth.field)
    blocks = match_blocks(one.fixed, one.moving, transform, PLACES)
    errors = measure_errors(one.fixed, one.moving, one.forth.points, blocks, one.home.points, one.forth.rigid)
    found = [errors.bound_mm(*point) for point in one.points.tolist()]
    return np.array([np.nan if bound is None else bound for bound in found])


def digest_of(points: Points) -> str:
    """Which points they are."""
    return hashlib.sha256(np.ascontiguousarray(points).tobytes()).hexdigest()


def _row(name: str, said: Said) -> str:
    green, errors = said.green, said.errors
    start = (
        f"| {name} | {'yes' if said.one.known.limits_set_on else 'no'} | {len(errors)} "
        f"| {{mean}} | {1 - np.isfinite(said.bounds).mean():.0%} | {green.mean():.0%} "
    )
    if not said.one.known.has_truth:
        return start.format(mean="-") + f"| - | - | - | {np.nanmedian(said.bounds):.1f} | - |"
    both = np.isfinite(said.bounds) & np.isfinite(errors)
    of_green = errors[green & both]
    p95 = f"{np.percentile(of_green, 95):.2f}" if len(of_green) else "-"
    typical, bound = float(np.median(errors[both])), float(np.median(said.bounds[both]))
    return (
        start.format(mean=f"{np.nanmean(errors):.2f}")
        + f"| {said.wrong} ({said.wrong / max(1, green.sum()):.1%}) | {p95} "
        f"| {(errors[both] <= said.bounds[both]).mean():.1%} | {bound:.1f} | {bound / typical:.1f} |"
    )


if __name__ == "__main__":
    run(wanted=sys.argv[1:] or tuple(CASES))
