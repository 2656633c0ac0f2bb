"""Ours and the rivals on the real pairs: each run in a process of its own, one thread."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.registration import rivals
from benchmarks.registration.cases import Case, decubitus, head, lung
from benchmarks.registration.errors import SUMMARY_HEAD, distances, summary

IN_PROJECT = ("SimpleITK", "Greedy")
"""Engines the project itself installs; the others need `--rivals`."""

TIMEOUT_SECONDS = 1800


def run(rivals_python: str | None) -> None:
    """Print a table for each pair and method."""
    for case, method in (
        (head(), "rigid"),
        (decubitus(), "rigid"),
        (lung(), "rigid"),
        (lung(), "deformable"),
    ):
        tuned = "tuned on" if case.tuned_on else "not tuned on"
        print(f"\n### {case.name}, {method} ({tuned})\n")
        print(
            f"| engine | {SUMMARY_HEAD} | CPU s | times SimpleITK | peak MiB |\n|---|---|---|---|---|---|---|---|"
        )
        results = dict(_results(case, method, rivals_python))
        plain = results.get("SimpleITK", {}).get("seconds")
        for engine, found in results.items():
            if "error" in found:
                print(f"| {engine} | {found['error']} | | | | | | |")
                continue
            errors = (
                distances(found["points"], case.moving_points) if len(case.moving_points) else np.empty(0)
            )
            ratio = f"{found['seconds'] / plain:.1f}" if plain else "-"
            print(
                f"| {engine} | {summary(errors)} | {found['seconds']:.1f} | {ratio} | {found['peakMib']:.0f} |",
                flush=True,
            )
        if "ours" in results:
            print(f"\nOur own figures: {_figures(results['ours']['quality'])}")


def _figures(quality: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in quality.items()
    )


def _results(case: Case, method: str, rivals_python: str | None) -> Any:
    """Engine -> what it printed, ours first."""
    with tempfile.TemporaryDirectory() as folder:
        scans, points = Path(folder) / "scans.npz", Path(folder) / "points.npy"
        np.save(points, case.fixed_points)
        _save(case, scans)
        ours = [sys.executable, "-m", "benchmarks.registration.ours", method, case.fixed, case.moving, points]
        yield "ours", _run(ours)
        for engine in rivals.ENGINES:
            if engine == "SimpleITK" and method != "rigid":
                continue
            python = sys.executable if engine in IN_PROJECT else rivals_python
            if python is not None:
                yield engine, _run([python, rivals.__file__, engine, method, scans])


def _save(case: Case, path: Path) -> None:
    parts: dict[str, Any] = {"points": case.fixed_points}
    volumes = case.volumes()
    for name, volume in zip(("fixed", "moving"), volumes, strict=True):
        parts[f"{name}_voxels"], parts[f"{name}_origin"] = volume.voxels, volume.origin
        parts[f"{name}_spacing"], parts[f"{name}_directions"] = volume.spacing, volume.directions
    np.savez(path, alike=volumes[0].contrast.is_like(volumes[1].contrast), **parts)


def _run(command: list[Any]) -> dict[str, Any]:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    if done.returncode:
        return {"error": f"failed: {(done.stderr.strip().splitlines() or ['no message'])[-1][:100]}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
