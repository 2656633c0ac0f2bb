"""Ours and the rivals on the real pairs: each run in a process of its own, one thread."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.registration import rivals
from benchmarks.registration.cases import Case, aligned_one_way, decubitus, head, lung
from benchmarks.registration.errors import SUMMARY_HEAD, distances, summary
from longitudinal.geometry import affine
from longitudinal.geometry.affine import Matrix, Points
from longitudinal.registration.alignment import Method
from longitudinal.registration.pyramid import Pyramid
from longitudinal.registration.quality import covered, tissue_points
from longitudinal.registration.volume import Volume

IN_PROJECT = ("SimpleITK", "Greedy")
"""Engines the project itself installs; the others need `--rivals`."""


def run(rivals_python: str | None) -> None:
    """Print a table for each pair and method."""
    for case, method in (
        (head(), "rigid"),
        (decubitus(), "rigid"),
        (lung(), "rigid"),
        (lung(), "affine"),
        (lung(), "deformable"),
    ):
        tuned = "tuned on" if case.tuned_on else "not tuned on"
        truth = (
            "error at points" if case.has_truth else "no truth: there and back at points, each way on its own"
        )
        print(f"\n### {case.name}, {method} ({tuned}; {truth})\n")
        print(
            f"| engine | {SUMMARY_HEAD} | CPU s | times SimpleITK | peak MiB |\n|---|---|---|---|---|---|---|---|",
            flush=True,
        )
        _table(case, method, rivals_python)


def _table(case: Case, method: str, rivals_python: str | None) -> None:
    points = case.fixed_points if case.has_truth else _shared_tissue(case)
    truth = case.moving_points if case.has_truth else points
    results = {}
    for engine, python in (*engines(method, rivals_python), ("ours", sys.executable)):
        found = results[engine] = _mapped(engine, python, method, case, points)
        if "error" in found:
            print(f"| {engine} | {found['error']} | | | | | | |", flush=True)
            continue
        plain = results.get("SimpleITK", {}).get("seconds")
        ratio = f"{found['seconds'] / plain:.1f}" if plain else "-"
        print(
            f"| {engine} | {summary(distances(found['points'], truth))} | {found['seconds']:.1f} | {ratio} "
            f"| {found['peakMib']:.0f} |",
            flush=True,
        )
    if "quality" in results["ours"]:
        print(f"\nOur own figures: {_figures(results['ours']['quality'])}", flush=True)


def _shared_tissue(case: Case) -> Points:
    """Points of the fixed scan's tissue that the moving one shows too, by our own alignment."""
    fixed, moving = (Pyramid(scan) for scan in case.volumes())
    tissue = tissue_points(fixed)
    there = affine.apply(aligned_one_way(fixed, moving, Method.RIGID), tissue)
    return tissue[covered(there, moving.volume)]


def _mapped(engine: str, python: str, method: str, case: Case, points: Points) -> dict[str, Any]:
    """Where an engine puts points of the fixed scan; without truth, where they come back to."""
    found = _once(engine, python, method, case, points)
    if case.has_truth or "error" in found:
        return found
    back = _once(engine, python, method, case.swapped(), np.array(found["points"]))
    return back if "error" in back else {**found, "points": back["points"]}


def _once(engine: str, python: str, method: str, case: Case, points: Points) -> dict[str, Any]:
    """One registration in a process of its own."""
    if engine != "ours":
        with save_scans(*case.volumes(), points, [np.eye(4)]) as scans:
            return next(run_rival(python, engine, method, scans))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.npy"
        np.save(path, points)
        ours = "benchmarks.registration.ours"
        return next(_run([python, "-m", ours, method, case.fixed, case.moving, path]))


def _figures(quality: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in quality.items()
    )


def engines(method: str, rivals_python: str | None) -> Iterator[tuple[str, str]]:
    """The rivals there are for a method, each with the python that has it."""
    for engine in rivals.ENGINES:
        if engine == "SimpleITK" and method != "rigid":
            continue
        python = sys.executable if engine in IN_PROJECT else rivals_python
        if python is not None:
            yield engine, python


@contextmanager
def save_scans(fixed: Volume, moving: Volume, points: Points, motions: list[Matrix]) -> Iterator[Path]:
    """Two scans as rivals.py reads them; each of its ``motions`` of the moving scan's frame is registered."""
    parts: dict[str, Any] = {"points": points, "motions": np.array(motions)}
    for name, scan in (("fixed", fixed), ("moving", moving)):
        parts[f"{name}_voxels"], parts[f"{name}_origin"] = scan.voxels, scan.origin
        parts[f"{name}_spacing"], parts[f"{name}_directions"] = scan.spacing, scan.directions
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scans.npz"
        np.savez(path, alike=fixed.contrast.is_like(moving.contrast), **parts)
        yield path


def run_rival(python: str, engine: str, method: str, scans: Path) -> Iterator[dict[str, Any]]:
    """What a rival printed for each motion, as it comes."""
    yield from _run([python, rivals.__file__, engine, method, scans])


def _run(command: list[Any]) -> Iterator[dict[str, Any]]:
    """The lines of JSON that a process prints; what else engines write is left out."""
    with subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
    if process.returncode:
        yield {"error": f"ended with status {process.returncode}", "seconds": float("nan")}
