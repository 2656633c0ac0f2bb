"""From how far away an alignment is found: random starts of a pair whose answer is known, ours and the rivals.

The truth is the pair's own; a start moves the frame of the later scan, without interpolation. Every start is searched
for and refined; the check of itself, which doubles the work, is made on the first ones and on each that ends wrong.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.cases import aligned_one_way, cropped, head, moved
from benchmarks.registration.compare import engines, run_rival, save_scans
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.alignment import Method
from longitudinal.registration.engine import align
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import NoOverlap
from longitudinal.registration.search import rotation_matrix
from longitudinal.registration.volume import Volume
from longitudinal.transforms.landmarks import fit_rigid

CAPTURED_MM = 2.0
PARTIAL = 0.5
"""Of the moving scan kept along its slices for a partial field of view."""

DISTANCES_MM, DEGREES = (10.0, 60.0), (10.0, 45.0)
SEED = 2026


@dataclass(frozen=True)
class Start:
    """One start's outcome: mean error at the points in mm, CPU seconds; `accepted` is None without the check."""

    number: int
    error: float
    accepted: bool | None
    seconds: float


def run(first: int, starts: int, checked: int, rival_starts: int, rivals_python: str | None) -> None:
    """Print how many starts of each engine ended under `CAPTURED_MM`; each start goes to standard error at once.

    Ours begin at number `first`, to go on with a run that was cut short.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    case = head()
    fixed, moving = case.volumes()
    truth = fit_rigid(case.fixed_points, case.moving_points).transform.target_from_source
    targets = {
        name: moved(scan, affine.invert(truth))
        for name, scan in (
            ("head", moving),
            (f"head, {PARTIAL:.0%} of the slices", cropped(moving, 0, PARTIAL)),
        )
    }
    ours: dict[str, list[Start]] = {name: [] for name in targets}
    for number in range(first, starts):  # in turns, so that a run cut short says as much of each
        for name, target in targets.items():
            start = _ours(fixed, target, case.fixed_points, number, check=number < checked)
            ours[name].append(_told(name, "ours", start))
    for name, target in targets.items():
        print(f"\n### Capture range, {name} (distinct subjects: 1)\n", flush=True)
        _report("ours", ours[name])
        if rival_starts:
            for engine, python in engines("rigid", rivals_python):
                found = _rival(engine, python, fixed, target, case.fixed_points, rival_starts)
                _report(engine, [_told(name, engine, start) for start in found])


def _report(engine: str, found: list[Start]) -> None:
    if not found:
        return
    errors = np.array([start.error for start in found])
    right = errors < CAPTURED_MM
    judged = [start for start in found if start.accepted is not None]
    checks = (
        f"; {len(judged)} checked: wrong and accepted "
        f"{sum(start.accepted is True and start.error >= CAPTURED_MM for start in judged)}, right and rejected "
        f"{sum(start.accepted is False and start.error < CAPTURED_MM for start in judged)}, "
        f"{np.mean([start.seconds for start in judged]):.1f} CPU s each with the check"
    )
    plain = [start.seconds for start in found if start.accepted is None]
    print(
        f"- {engine}: {right.sum()} of {len(found)} under {CAPTURED_MM:g} mm; of these mean "
        f"{errors[right].mean() if right.any() else np.nan:.2f}, at most "
        f"{errors[right].max() if right.any() else np.nan:.2f} mm; worst of all {errors.max():.1f} mm; "
        f"{np.mean(plain) if plain else np.nan:.1f} CPU s each{checks if judged else ''}",
        flush=True,
    )


def _motion(points: Points, number: int) -> Matrix:
    """A start's (4, 4) motion: a turn about the points' middle and a shift, the same for every engine."""
    rng = np.random.default_rng([SEED, number])
    turn = np.eye(4)
    middle = points.mean(axis=0)
    turn[:3, :3] = rotation_matrix(_direction(rng) * np.deg2rad(rng.uniform(*DEGREES)))
    turn[:3, 3] = middle - turn[:3, :3] @ middle + _direction(rng) * rng.uniform(*DISTANCES_MM)
    return turn


def _direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def _ours(fixed: Volume, at_truth: Volume, points: Points, number: int, *, check: bool) -> Start:
    motion = _motion(points, number)
    started, expected = moved(at_truth, motion), affine.apply(motion, points)
    began = time.process_time()
    if not check:
        try:
            found = aligned_one_way(Pyramid(fixed), Pyramid(started), Method.RIGID)
            error = _error(affine.apply(found, points), expected)
        except NoOverlap:
            error = np.inf
        if error < CAPTURED_MM:
            return Start(number, error, None, time.process_time() - began)
        began = time.process_time()
    alignment = align(fixed, started, Method.RIGID)
    error = _error(affine.apply(alignment.moving_from_fixed, points), expected)
    return Start(number, error, alignment.quality.accepted, time.process_time() - began)


def _rival(
    engine: str, python: str, fixed: Volume, at_truth: Volume, points: Points, starts: int
) -> Iterator[Start]:
    motions = [_motion(points, number) for number in range(starts)]
    with save_scans(fixed, at_truth, points, motions) as scans:
        results = run_rival(python, engine, "rigid", scans)
        for number, motion in enumerate(motions):
            result = next(results, {"error": "crashed", "seconds": np.nan})
            expected = affine.apply(motion, points)
            error = np.inf if "error" in result else _error(np.array(result["points"]), expected)
            yield Start(number, error, None, result["seconds"])


def _error(mapped: Points, expected: Points) -> float:
    return float(np.linalg.norm(mapped - expected, axis=1).mean())


def _told(target: str, engine: str, start: Start) -> Start:
    print(json.dumps({"target": target, "engine": engine, **asdict(start)}), file=sys.stderr, flush=True)
    return start
