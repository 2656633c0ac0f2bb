"""One point through the server, warm: this version against another one of the repository, in interleaved pairs.

Two servers, each with its own version of the plugin, the same scans and the same transform; each pair is the same point
refined by both, in turns. What is known before is put off by so many millimetres.
"""

import os
import subprocess
import tempfile
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.pairs import compare
from benchmarks.registration.served import CASES, OFF_MM, Asker, Timed
from tests.data import ROOT, dicom_files
from tests.orthanc.server import OrthancServer

_PLUGIN = Path("plugin") / "main.py"
_ENVIRONMENT = ROOT / ".venv"


def run(revision: str, wanted: list[str], off: list[float], pairs: int) -> None:
    """Print a row for each pair of scans and each distance that what is known is off."""
    print(f"Ratios: this version to {revision}, medians of {pairs} interleaved pairs\n")
    print(
        "| scans | start off, mm | s: this, other | ratio | CPU s: this, other | ratio | error, mm: this, other "
        "| where it is not red | red | green |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        _check_out(revision, Path(folder))
        for name, distance in product(wanted, off):
            _report(name, Path(folder), distance, pairs)
    print("load average", " ".join(f"{load:.1f}" for load in os.getloadavg()), flush=True)


def _check_out(revision: str, folder: Path) -> None:
    tree = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "x", "-C", str(folder)], input=tree, check=True)


def _report(name: str, other: Path, distance: float, pairs: int) -> None:
    make, method = CASES[name]
    case = make()
    files = [*dicom_files(str(case.fixed)), *dicom_files(str(case.moving))]
    configuration = {"Longitudinal": {"AlignOnArrival": False, "Environment": str(_ENVIRONMENT)}}
    off = OFF_MM / np.linalg.norm(OFF_MM) * distance
    askers: list[Asker] = []
    with ExitStack() as stack:
        for script in (ROOT / _PLUGIN, other / _PLUGIN):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(OrthancServer(folder, configuration=configuration, script=script))
            server.store_rest(files)
            server.wait_indexed(lambda health: health["instances"] == len(files), within=120.0)
            askers.append(Asker(server, case, method, off))
        chosen = np.random.default_rng(1).permutation(len(case.fixed_points))[: pairs + 1].tolist()
        for ask in askers:
            ask(chosen[0])  # it starts, and reads both scans
        asked: list[list[Timed]] = [[], []]

        def figures(which: int) -> list[float]:
            timed = askers[which](chosen[len(asked[which]) + 1])
            asked[which].append(timed)
            return [timed.waited, timed.processor]

        wall, processor = compare(lambda: figures(0), lambda: figures(1), pairs)
    errors = ", ".join(f"{np.mean([timed.error for timed in of]):.2f}" for of in asked)
    answered = ", ".join(
        f"{np.mean([timed.error for timed in of if timed.grade != 'red'] or [np.nan]):.2f}" for of in asked
    )
    red = ", ".join(f"{sum(timed.grade == 'red' for timed in of)}" for of in asked)
    green = ", ".join(f"{np.mean([timed.grade == 'green' for timed in of]):.0%}" for of in asked)
    print(
        f"| {case.name} | {distance:g} | {wall.a:.2f}, {wall.b:.2f} | {wall} "
        f"| {processor.a:.2f}, {processor.b:.2f} | {processor} | {errors} | {answered} | {red} | {green} |",
        flush=True,
    )
