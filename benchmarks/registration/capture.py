"""From how far away an alignment is found: random starts of a pair whose answer is known, ours and plain SimpleITK.

The truth is the pair's own best alignment; a start moves the frame of the later scan, without interpolation.
"""

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.registration import rivals
from benchmarks.registration.cases import cropped, head, moved, volume
from longitudinal.geometry import affine
from longitudinal.registration.alignment import Method
from longitudinal.registration.engine import align
from longitudinal.registration.search import rotation_matrix
from longitudinal.registration.volume import Volume
from longitudinal.transforms.landmarks import fit_rigid

CAPTURED_MM = 2.0
PARTIAL = 0.5
"""Of the moving scan kept along its slices for a partial field of view."""

DISTANCES_MM, DEGREES = (10.0, 60.0), (10.0, 45.0)


@dataclass(frozen=True)
class Start:
    """One start's outcome."""

    error: float
    accepted: bool | None
    seconds: float


def run(starts: int, with_simpleitk: int) -> None:
    case = head()
    fixed, moving = volume(case.fixed), volume(case.moving)
    truth = fit_rigid(case.fixed_points, case.moving_points).transform.target_from_source
    for name, target in (
        ("head", moving),
        (f"head, {PARTIAL:.0%} of the slices", cropped(moving, 0, PARTIAL)),
    ):
        print(f"\n### Capture range, {name} (distinct subjects: 1)\n")
        for engine, count in (("ours", starts), ("SimpleITK", with_simpleitk)):
            rng = np.random.default_rng(2026)
            found = [_one(engine, fixed, target, truth, case.fixed_points, rng) for _ in range(count)]
            _report(engine, found)


def _report(engine: str, found: list[Start]) -> None:
    if not found:
        return
    errors = np.array([start.error for start in found])
    captured = errors < CAPTURED_MM
    wrong = sum(bool(start.accepted) and start.error >= CAPTURED_MM for start in found)
    refused = sum(start.accepted is False and start.error < CAPTURED_MM for start in found)
    judged = (
        f"; wrong and accepted {wrong}, right and rejected {refused}" if found[0].accepted is not None else ""
    )
    print(
        f"- {engine}: {captured.sum()} of {len(found)} under {CAPTURED_MM:g} mm; of these mean "
        f"{errors[captured].mean() if captured.any() else np.nan:.2f}, worst of all {errors.max():.1f} mm{judged}; "
        f"{np.mean([start.seconds for start in found]):.1f} CPU s each",
        flush=True,
    )


def _one(
    engine: str,
    fixed: Volume,
    moving: Volume,
    truth: affine.Matrix,
    points: np.ndarray,
    rng: np.random.Generator,
) -> Start:
    """A start: the moving scan, first aligned by the truth, then turned about the points' middle and shifted."""
    turn = np.eye(4)
    middle = points.mean(axis=0)
    turn[:3, :3] = rotation_matrix(_direction(rng) * np.deg2rad(rng.uniform(*DEGREES)))
    turn[:3, 3] = middle - turn[:3, :3] @ middle + _direction(rng) * rng.uniform(*DISTANCES_MM)
    motion = affine.compose(turn, affine.invert(truth))
    started = moved(moving, motion)
    began = time.process_time()
    if engine == "ours":
        found = align(fixed, started, Method.RIGID)
        accepted: bool | None = found.quality.accepted
        mapped = affine.apply(found.moving_from_fixed, points)
    else:
        accepted = None
        mapped = _simpleitk(fixed, started, points)
    error = float(np.linalg.norm(mapped - affine.apply(turn, points), axis=1).mean())
    return Start(error, accepted, time.process_time() - began)


def _simpleitk(fixed: Volume, moving: Volume, points: np.ndarray) -> np.ndarray:
    scans = {"points": points}
    for name, scan in (("fixed", fixed), ("moving", moving)):
        scans[f"{name}_voxels"], scans[f"{name}_origin"] = scan.voxels, scan.origin
        scans[f"{name}_spacing"], scans[f"{name}_directions"] = scan.spacing, scan.directions
    try:
        return rivals.plain_simpleitk(scans, "rigid")
    except RuntimeError:  # nothing overlaps from its start
        return np.full_like(points, 1e3)


def _direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)
