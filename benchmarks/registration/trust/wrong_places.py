"""What refining says of places that cannot be right: in another person, and farther off than anything searches.

python -m benchmarks.registration.trust.wrong_places [POINTS]

Green there is wrong, whatever the estimates agree on; a far place that is found all the same is counted apart.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.cases import aligned_one_way, head, lung, mirrored, volume
from benchmarks.registration.trust.kept import code_of, kept_in, text_of
from benchmarks.registration.trust.known import CASES
from benchmarks.registration.trust.refinement import WRONG_MM, grade
from benchmarks.registration.trust.registered import both_directions
from longitudinal.dicom.planes.contrast import Contrast
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration import local
from longitudinal.registration.alignment import Method
from longitudinal.registration.local import LocalRefinement, refine
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.quality import tissue_points
from longitudinal.registration.volume import Volume
from longitudinal.transforms.local_affine import local_affine
from longitudinal.transforms.model import linear
from tests.data import data

POINTS = 24
FAR_MM = (22.0, 45.0)
"""A block is searched for within 16 mm along each axis."""

HEAD = (
    "| scans | rule chosen on it | points | verdicts | green | of green: within 3 mm of the truth | amber | red "
    "| not measured |"
)


def _of(person: str) -> Volume:
    return head().volumes()[0] if person == "p01" else volume(data(f"openms_other/{person}_FLAIR"))


def _alike(scan: Volume) -> Volume:
    """As a scan whose contrast is known, registered by local correlation."""
    return replace(scan, contrast=Contrast("MR", 9000.0, 120.0, 2500.0))


def _mirror() -> tuple[Volume, Volume]:
    first, second = head().volumes()
    return first, mirrored(second)


STRANGERS: dict[str, tuple[bool, Callable[[], tuple[Volume, Volume]]]] = {
    "p01 in p04": (True, lambda: (_of("p01"), _of("p04"))),
    "p01 in p09, alike": (True, lambda: (_alike(_of("p01")), _alike(_of("p09")))),
    "p09 in p04": (False, lambda: (_of("p09"), _of("p04"))),
    "p04 in p01, alike": (False, lambda: (_alike(_of("p04")), _alike(_of("p01")))),
    "p01 in its mirror image": (False, _mirror),
    "one chest in another": (False, lambda: (volume(data("chest_breath") / "study1"), lung().volumes()[0])),
}
FAR: dict[str, tuple[bool, Method]] = {
    "p01": (True, Method.RIGID),
    "breath": (True, Method.RIGID),
    "lung": (False, Method.AFFINE),
}


def run(part: int = 1, points: int = POINTS) -> None:
    """Print a row for each pair."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print("\n### Places that cannot be right\n")
    print(f"{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    most = max(1, points // part)
    for name, (is_chosen_on, scans) in STRANGERS.items():
        print(_row(name, is_chosen_on, list(_of_strangers(name, scans, most))), flush=True)
    for key, (is_chosen_on, method) in FAR.items():
        print(_row(f"{key}, from far off", is_chosen_on, list(_from_far(key, method, most))), flush=True)


Found = tuple[LocalRefinement, float]
"""With how far it is from the truth, mm; infinite without one."""


def _of_strangers(name: str, scans: Callable[[], tuple[Volume, Volume]], most: int) -> Iterator[Found]:
    fixed, moving = map(Pyramid, scans())
    start = aligned_one_way(fixed, moving, Method.RIGID)
    tissue = tissue_points(fixed)
    for point in tissue[np.random.default_rng(2).permutation(len(tissue))[:most]]:
        yield _refined(name, fixed, moving, start, point), np.inf


def _from_far(key: str, method: Method, most: int) -> Iterator[Found]:
    one = both_directions(CASES[key](), method)[0]
    random = np.random.default_rng(9)
    for number in np.random.default_rng(2).permutation(len(one.points))[:most]:
        direction = random.normal(size=3)
        away = np.eye(4)
        away[:3, 3] = direction * random.uniform(*FAR_MM) / np.linalg.norm(direction)
        start = away @ local_affine(one.forth.points, one.points[number])
        found = _refined(one.key, one.fixed, one.moving, start, one.points[number])
        yield found, float(np.linalg.norm(found.point - one.truth[number]))


def _refined(name: str, fixed: Pyramid, moving: Pyramid, start: Matrix, point: Points) -> LocalRefinement:
    key = f"{text_of(sys.modules[__name__])}{code_of(local)}/{name}/{affine.apply(start, point)}/{point}"
    found: LocalRefinement = kept_in(
        key, f"{name}, wrong place", lambda: refine(fixed, moving, linear(start), point)
    )
    return found


def _row(name: str, is_chosen_on: bool, found: list[Found]) -> str:
    grades = [grade(each) for each, _ in found]
    verdicts = Counter(each.verdict.value for each, _ in found)
    of_green = [error for (_, error), its in zip(found, grades, strict=True) if its == "green"]
    shares = " | ".join(str(grades.count(name)) for name in ("amber", "red", "unknown"))
    return (
        f"| {name} | {'yes' if is_chosen_on else 'no'} | {len(found)} "
        f"| {', '.join(f'{name} {count}' for name, count in verdicts.most_common())} "
        f"| {len(of_green)} | {sum(error <= WRONG_MM for error in of_green)} | {shares} |"
    )


if __name__ == "__main__":
    run(points=int(sys.argv[1]) if len(sys.argv) > 1 else POINTS)
