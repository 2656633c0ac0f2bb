"""The first question about a patient of 30,000 slices, and how long Orthanc takes to start.

    .venv/bin/python -m benchmarks.first_question [--pairs 12] [--starts 12] [--before FOLDER]

A synthetic sidecar, read by the product's own code in this process: interleaved pairs of a first question from blocks, one a
series, and from the rows that they are made of, as it was without them; processor time of the process. With `--before`, a
checkout of an earlier version (`git worktree add FOLDER 56dfb2c`, the last without blocks), pairs of that code and this one,
each in a process of its own. Then an Orthanc with the plugin and one without, each started and stopped in turn, with caches
warm: seconds until it answers, and processor time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.ingest import processor_seconds
from benchmarks.pairs import compare, median_interval
from benchmarks.resolve import PATIENT, SERIES, SLICES, STUDIES, _Everything
from benchmarks.synthetic_archive import fill, slices
from longitudinal.http.links import link_builder
from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.resolver import PixelQuestion, QuestionFilters, Resolver
from longitudinal.sidecar.connection import Readers, open_writer
from longitudinal.sidecar.tables.series_columns import write_block
from tests.orthanc.server import OrthancServer

TARGET, START_TARGET = 0.4, 0.25
MS = 1e3


def first_question(readers: Readers, sop_instance_uid: str) -> tuple[float]:
    """Milliseconds of processor time of a question about a patient that is not in memory."""
    resolver = Resolver(
        readers, Catalogue(readers), cast(Any, _Everything()), lambda gone: None, link_builder("/imaging")
    )
    began = time.process_time()
    resolver.resolve(PixelQuestion(sop_instance_uid, 1, 20.5, 31.25), QuestionFilters())
    return ((time.process_time() - began) * MS,)


def measure_questions(folder: Path, pairs: int) -> None:
    """Two sidecars with the same rows, one of them with blocks."""
    records = list(slices(PATIENT, STUDIES, SERIES, SLICES))
    readers = []
    for name in ("blocks", "rows"):
        path = folder / f"{name}.sqlite"
        connection = open_writer(path)
        fill(connection, iter(records))
        if name == "blocks":
            began = time.process_time()
            keys = [row[0] for row in connection.execute("SELECT key FROM series")]
            for key in keys:
                write_block(connection, key)
            made = (time.process_time() - began) / len(records) * 1e6
            (size,) = connection.execute("SELECT sum(length(body)) FROM series_blocks").fetchone()
            print(f"blocks: {size / len(records):.0f} bytes a slice, made in {made:.1f} us a slice")
        connection.close()
        readers.append(Readers(path))
    uid = records[len(records) // 2].sop_instance_uid
    (found,) = compare(
        lambda: first_question(readers[0], uid), lambda: first_question(readers[1], uid), pairs
    )
    print(
        f"first question of {len(records)} slices: {found.a:.0f} ms from blocks, {found.b:.0f} ms from rows"
    )
    print(f"blocks / rows {found}; target at most {TARGET}")


class Asker:
    """A process that answers first questions by the code of a checkout."""

    def __init__(self, checkout: Path, sidecar: Path) -> None:
        script = Path(__file__).with_name("one_first_question.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(sidecar)], cwd=checkout, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": f"{checkout / 'plugin'}:{checkout}"},
        )  # fmt: skip

    def ask(self) -> tuple[float]:
        """Milliseconds of processor time of one question."""
        given, answer = self._process.stdin, self._process.stdout
        assert given is not None
        assert answer is not None
        given.write("\n")
        given.flush()
        return (float(answer.readline()),)

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


def measure_before(folder: Path, before: Path, pairs: int) -> None:
    """The code of this checkout, and that of another one."""
    here = Path(__file__).resolve().parent.parent
    ours, theirs = (
        Asker(checkout.resolve(), folder / f"{name}.sqlite")
        for name, checkout in (("here", here), ("before", before))
    )
    ours.ask(), theirs.ask()  # the first of a process is cold
    (found,) = compare(ours.ask, theirs.ask, pairs)
    ours.stop(), theirs.stop()
    print(f"first question: {found.a:.0f} ms of processor time, {found.b:.0f} ms by the code of {before}")
    print(f"now / before {found}; target at most {TARGET}")


def one_start(server: OrthancServer) -> tuple[float, float]:
    """Seconds until it answers, and of the processors."""
    began = time.perf_counter()
    server.start()
    seconds, used = time.perf_counter() - began, processor_seconds(server.pid)
    server.stop()
    return seconds, used


def measure_starts(folder: Path, starts: int) -> None:
    """An Orthanc with the plugin, and one without."""
    ours, bare = OrthancServer(folder / "with"), OrthancServer(folder / "without", plugin=False)
    one_start(ours), one_start(bare)
    pairs = []
    for number in range(starts):
        first, second = (ours, bare) if number % 2 == 0 else (bare, ours)
        times = {id(server): one_start(server) for server in (first, second)}
        pairs.append((times[id(ours)], times[id(bare)]))
    figures = np.array(pairs)  # (pairs, with and without, wall and processor)
    for column, name in enumerate(("until it answers", "of the processors")):
        ours_s, bare_s = np.median(figures[:, :, column], axis=0)
        more, low, high = median_interval(figures[:, 0, column] - figures[:, 1, column])
        print(
            f"start, seconds {name}: {ours_s:.2f} with the plugin, {bare_s:.2f} without; {more:+.2f} (95 % {low:+.2f} to "
            f"{high:+.2f}, {starts} pairs); target at most {START_TARGET:+.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--starts", type=int, default=12)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        measure_questions(Path(name), options.pairs)
        if options.before is not None:
            measure_before(Path(name), options.before, options.pairs)
        measure_starts(Path(name), options.starts)


if __name__ == "__main__":
    main()
