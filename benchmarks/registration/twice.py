"""The same pair aligned twice, each time in a process of its own: is it the same file?

The two processes differ in what must not matter: the number of threads of Greedy and of numpy, and the moment.
"""

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import longitudinal
from benchmarks.registration.cases import Case, head, lung
from longitudinal.registration.alignment import Method
from tests.data import data

_PLUGIN = Path(longitudinal.__file__).resolve().parents[1]
_NONE = np.empty((0, 3))

RUNS = ((1, 1), (2, 2))
"""Threads of registration and of numpy."""


def _breath() -> Case:
    folder = data("chest_breath")
    return Case("chest_breath", folder / "study1", folder / "study2", _NONE, _NONE, False)


CASES: dict[str, Callable[[], Case]] = {"head": head, "lung": lung, "breath": _breath}


def run(wanted: list[str], methods: list[str]) -> None:
    """Print a row for each pair and method."""
    print(
        "\n| pair | method | bytes | SHA-256 of each run | the same file | CPU s of each |\n|---|---|---|---|---|---|"
    )
    for name in wanted:
        case = CASES[name]()
        for method in methods:
            with tempfile.TemporaryDirectory() as folder:
                _row(case, Method(method), Path(folder))


def _row(case: Case, method: Method, folder: Path) -> None:
    files, seconds = [], []
    for number, (threads, of_numpy) in enumerate(RUNS):
        out = folder / f"{number}.dcm"
        before = _children()
        subprocess.run(
            [
                sys.executable, "-m", "longitudinal.align", str(case.fixed), str(case.moving),
                "--method", method.value, "--threads", str(threads), "--out", str(out),
            ],
            env=os.environ | {"PYTHONPATH": str(_PLUGIN), "OPENBLAS_NUM_THREADS": str(of_numpy)},
            stdout=subprocess.DEVNULL,
            check=True,
        )  # fmt: skip
        seconds.append(_children() - before)
        files.append(out.read_bytes())
    digests = [hashlib.sha256(file).hexdigest()[:12] for file in files]
    print(
        f"| {case.name} | {method.value} | {len(files[0])} | {', '.join(digests)} | "
        f"{'yes' if len(set(files)) == 1 else 'NO'} | {', '.join(f'{each:.1f}' for each in seconds)} |",
        flush=True,
    )


def _children() -> float:
    """Processor seconds of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
