"""One point at a time, after an alignment of the whole: error, grade, seconds."""

import json
import sys
import time

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.cases import Case, aligned_one_way, head, lung
from benchmarks.registration.errors import SUMMARY_HEAD, distances, summary
from benchmarks.registration.trust.refinement import grade
from longitudinal.registration.alignment import Method
from longitudinal.registration.local import LocalRefinement, refine
from longitudinal.registration.pyramid import Pyramid
from longitudinal.transforms.model import linear

CASES = {"lung": (lung, Method.AFFINE), "head": (head, Method.RIGID)}
"""The head's truth is rigid: there a refinement can only do harm."""


def run(wanted: list[str], points: int) -> None:
    """Print a table for each pair wanted; each point goes to standard error at once."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    for name in wanted:
        case, method = CASES[name]
        _report(case(), method, points)


def _report(case: Case, method: Method, most: int) -> None:
    began = time.process_time()
    fixed, moving = (Pyramid(volume) for volume in case.volumes())
    read = time.process_time() - began
    start = linear(aligned_one_way(fixed, moving, method))
    chosen = np.random.default_rng(1).permutation(len(case.fixed_points))[:most]
    points, truth = case.fixed_points[chosen], case.moving_points[chosen]
    before = distances(start.map_points(points), truth)
    found, seconds = [], []
    for number, point in enumerate(points):
        began = time.process_time()
        found.append(refine(fixed, moving, start, point))
        seconds.append(time.process_time() - began)
        _tell(int(chosen[number]), found[-1], before[number], truth[number])
    after = distances([each.point for each in found], truth)
    grades = np.array([grade(each) for each in found])
    print(
        f"\n### {case.name}, {len(points)} points after a {method.value} alignment (distinct subjects: 1)\n"
    )
    print(f"| | points | {SUMMARY_HEAD} |\n|---|---|---|---|---|---|")
    print(f"| before | {len(points)} | {summary(before)} |\n| refined | {len(points)} | {summary(after)} |")
    for name in ("green", "amber", "red", "unknown"):
        of_grade = grades == name
        print(f"| {name} | {of_grade.sum()} ({of_grade.mean():.0%}) | {summary(after[of_grade])} |")
    worse = after - before
    print(
        f"\nThan before: mean {worse.mean():+.3f} mm, p95 {_p95(after) - _p95(before):+.3f} mm; "
        f"p95 of the change at a point {_p95(worse):+.3f} mm. "
        f"CPU: reading {read:.1f} s once, first point {seconds[0]:.1f} s, then {np.mean(seconds[1:]):.1f} s each.",
        flush=True,
    )


def _p95(values: np.ndarray) -> float:
    return float(np.percentile(values, 95))


def _tell(number: int, found: LocalRefinement, before: float, truth: np.ndarray) -> None:
    line = {
        "point": number,
        "before": before,
        "error": float(np.linalg.norm(found.point - truth)),
        "verdict": found.verdict.value,
        "uncertainty": found.uncertainty_mm,
        "disagreement": found.disagreement_mm,
        "grade": grade(found),
    }
    print(json.dumps(line), file=sys.stderr, flush=True)
