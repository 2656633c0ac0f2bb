"""One point at a time, after an alignment of the whole: error, grade, seconds."""

import time

import numpy as np
import SimpleITK as sitk

from benchmarks.registration.cases import Case, head, lung
from benchmarks.registration.errors import SUMMARY_HEAD, distances, summary
from longitudinal.registration.greedy import refine_affine
from longitudinal.registration.local import Grade, refine
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.rigid import refine_rigid
from longitudinal.registration.search import search
from longitudinal.transforms.model import Affine, linear


def run(points: int) -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    for case, method in ((lung(), "affine"), (head(), "rigid")):
        _report(case, method, points)


def _report(case: Case, method: str, most: int) -> None:
    began = time.process_time()
    fixed, moving = (Pyramid(volume) for volume in case.volumes())
    read = time.process_time() - began
    start = _start(fixed, moving, method)
    chosen = np.random.default_rng(1).permutation(len(case.fixed_points))[:most]
    points, truth = case.fixed_points[chosen], case.moving_points[chosen]
    found, seconds = [], []
    for point in points:
        began = time.process_time()
        found.append(refine(fixed, moving, start, point))
        seconds.append(time.process_time() - began)
    before = distances(start.map_points(points), truth)
    after = distances([each.point for each in found], truth)
    print(f"\n### {case.name}, {len(points)} points after a {method} alignment (distinct subjects: 1)\n")
    print(f"| | points | {SUMMARY_HEAD} |\n|---|---|---|---|---|---|")
    print(f"| before | {len(points)} | {summary(before)} |\n| refined | {len(points)} | {summary(after)} |")
    for grade in Grade:
        of_grade = np.array([each.grade is grade for each in found])
        print(f"| {grade.value} | {of_grade.sum()} ({of_grade.mean():.0%}) | {summary(after[of_grade])} |")
    worse = after - before
    print(
        f"\nChange at a point: mean {worse.mean():+.2f}, p95 {np.percentile(worse, 95):+.2f} mm. "
        f"CPU: reading {read:.1f} s once, first point {seconds[0]:.1f} s, then {np.mean(seconds[1:]):.1f} s each.",
        flush=True,
    )


def _start(fixed: Pyramid, moving: Pyramid, method: str) -> Affine:
    starts = [candidate.moving_from_fixed for candidate in search(fixed, moving, lambda fraction: None)]
    matrix = refine_rigid(fixed, moving, starts, lambda fraction: None)
    return linear(matrix if method == "rigid" else refine_affine(fixed, moving, matrix, 1))
