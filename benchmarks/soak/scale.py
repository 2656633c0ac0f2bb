"""Resolve, start-up and size of the index as it grows from ten thousand slices to ten million.

    .venv/bin/python -m benchmarks.soak.scale [--sizes 10000 1000000 10000000] [--rounds 12] [--filled FOLDER]

The product's own writer fills one index for each size with synthetic patients; ten million rows take 20 minutes of a
processor and 4.6 GB. `--filled` keeps the files there, and takes those that are there. An Orthanc runs on each, all at
once, with the same real patient stored in it; rounds go from one to the next. Each round asks 200 questions about that
patient, and one about a synthetic patient nobody has asked about, whose planes come from the file. The synthetic rows are
in no archive, so the comparison with the archive, and for the second kind of question the check for what is gone, are
switched off meanwhile. Start-up is measured afterwards, with everything on.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.pairs import median_interval
from benchmarks.resolve import NO_OP, RawConnection
from benchmarks.soak.clients import IMAGES, ROUTE, store_patient
from benchmarks.soak.equality import sidecar_of
from benchmarks.synthetic_archive import fill, slices
from longitudinal.sidecar.connection import open_writer
from longitudinal.sidecar.tables.records import InstanceRecord
from tests.data import ROOT
from tests.orthanc.server import OrthancServer

SIZES = (10_000, 1_000_000, 10_000_000)
STUDIES, SERIES, SLICES = 2, 5, 100
PER_PATIENT = STUDIES * SERIES * SLICES
REQUESTS = 200
BATCH = 50_000
INDEXED_SECONDS = 60.0
GROWTH_TARGET, START_TARGET_SECONDS = 1.5, 2.0
WITHOUT_RECONCILE = """
from longitudinal.ingest.reconcile import Reconcile
Reconcile.steps = lambda self: iter(())
"""


@dataclass
class Grown:
    """An Orthanc on an index of `size` slices, and its figures: one a round, in seconds."""

    size: int
    server: OrthancServer
    bytes_per_slice: float
    warm: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    starts_after_kill: list[float] = field(default_factory=list)


def fill_sidecar(path: Path, size: int) -> None:
    """An index of so many slices, patients of 1,000 each."""
    connection = open_writer(path)
    connection.execute(f"PRAGMA cache_size = -{1 << 20}")  # the rows are in random order, by SHA-1

    def rows() -> Iterator[InstanceRecord]:
        for number in range(size // PER_PATIENT):
            yield from patient(number)

    fill(connection, rows(), BATCH)
    connection.close()


def patient(number: int) -> Iterator[InstanceRecord]:
    """The slices of one synthetic patient."""
    return slices(f"FILL{number}", STUDIES, SERIES, SLICES)


def prepare(folder: Path, size: int, filled: Path) -> Grown:
    """A server, not started, with a filled index of its own."""
    made = filled / f"{size}.sqlite"
    if not made.exists():
        fill_sidecar(made, size)
    script = folder / "switches.py"
    script.write_text(NO_OP.format(main=str(ROOT / "plugin" / "main.py")) + WITHOUT_RECONCILE)
    server = OrthancServer(folder / str(size), script=script, authentication=False)
    sidecar_of(server).parent.mkdir(parents=True)
    shutil.copy(made, sidecar_of(server))
    return Grown(size, server, made.stat().st_size / size)


def ask_rounds(grown: Sequence[Grown], folder: Path, rounds: int) -> None:
    """Ask each server in turn: p50 of many questions about one patient, and one about a patient not asked about before."""
    with ExitStack() as running:
        ready = []
        for one in grown:
            running.enter_context(one.server)
            questions = store_patient(one.server, folder / f"asked{one.size}")
            one.server.wait_indexed(
                lambda health, size=one.size: health["instances"] == size + IMAGES, INDEXED_SECONDS
            )  # fmt: skip
            ready.append((one, questions))
        for number in range(-1, rounds):
            for one, questions in ready:
                connection = RawConnection(one.server)  # Orthanc hangs up after an idle second
                took = [_seconds(connection, questions[n % len(questions)]) for n in range(REQUESTS)]
                cold = _cold_seconds(one, connection, (number + 1) % (one.size // PER_PATIENT), rounds)
                if number >= 0:  # the first round warms all of them
                    one.warm.append(float(np.median(took)))
                    one.cold.append(cold)


def _seconds(connection: RawConnection, question: bytes) -> float:
    began = time.perf_counter()
    connection.post(ROUTE, question)
    return time.perf_counter() - began


def _cold_seconds(one: Grown, connection: RawConnection, number: int, rounds: int) -> float:
    """The first question about a patient; patients from all over the file."""
    step = max(1, one.size // PER_PATIENT // (rounds + 1))
    record = next(patient(number * step % (one.size // PER_PATIENT)))
    question = json.dumps({"sopInstanceUid": record.sop_instance_uid, "row": 20.5, "column": 31.25}).encode()
    one.server.session.put("/checks", data="off").raise_for_status()
    took = _seconds(connection, question)
    one.server.session.put("/checks", data="on").raise_for_status()
    return took


def start_rounds(grown: Sequence[Grown], bare: OrthancServer, rounds: int) -> list[float]:
    """Start each in turn, after a stop and after a SIGKILL, until /imaging/health answers; returns `bare`'s figures."""
    without = []
    for one in grown:
        one.server.configuration["PythonScript"] = str(ROOT / "plugin" / "main.py")
    for _ in range(rounds):
        without.append(_start_seconds(bare, "/system"))
        bare.stop()
        for one in grown:
            one.starts.append(_start_seconds(one.server, "/imaging/health"))
            one.server.kill()
            one.starts_after_kill.append(_start_seconds(one.server, "/imaging/health"))
            one.server.stop()
    return without


def _start_seconds(server: OrthancServer, route: str) -> float:
    began = time.perf_counter()
    server.start()
    server.session.get(route).raise_for_status()
    return time.perf_counter() - began


def growth(one: Grown, first: Grown, figure: str) -> tuple[float, float, float]:
    """Median ratio of a figure to that of the smallest, round by round, with its 95 % interval."""
    return median_interval(np.array(getattr(one, figure)) / np.array(getattr(first, figure)))


def report(grown: Sequence[Grown], without: Sequence[float]) -> None:
    first = grown[0]
    print(
        "| slices | bytes a slice | resolve p50, ms | against the smallest | | first question of a patient, ms | ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    for one in grown:
        ratio, low, high = growth(one, first, "warm")
        cold, cold_low, cold_high = growth(one, first, "cold")
        verdict = "met" if high < GROWTH_TARGET else "MISSED"
        print(
            f"| {one.size} | {one.bytes_per_slice:.0f} | {np.median(one.warm) * 1e3:.2f} | {ratio:.2f} (95 % {low:.2f} to "
            f"{high:.2f}) | {verdict} | {np.median(one.cold) * 1e3:.1f} | {cold:.2f} ({cold_low:.2f} to {cold_high:.2f}) |"
        )
    print("\n| start-up with | after a stop, s | longer than without the plugin, s | | after a SIGKILL, s |")
    print("|---|---|---|---|---|")
    print(f"| no plugin | {np.median(without):.2f} | | | |")
    for one in grown:
        longer, low, high = median_interval(np.array(one.starts) - np.array(without))
        verdict = "met" if high <= START_TARGET_SECONDS else "MISSED"
        print(
            f"| {one.size} slices | {np.median(one.starts):.2f} | {longer:.2f} (95 % {low:.2f} to {high:.2f}) | {verdict} | "
            f"{np.median(one.starts_after_kill):.2f} |"
        )


def measure(folder: Path, sizes: Sequence[int], rounds: int, filled: Path) -> tuple[list[Grown], list[float]]:
    """All of it; and how long an Orthanc without the plugin takes to start."""
    grown = [prepare(folder, size, filled) for size in sizes]
    ask_rounds(grown, folder, rounds)
    bare = OrthancServer(folder / "bare", plugin=False, authentication=False)
    return grown, start_rounds(grown, bare, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--filled", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report(*measure(Path(name), options.sizes, options.rounds, options.filled or Path(name)))


if __name__ == "__main__":
    main()
