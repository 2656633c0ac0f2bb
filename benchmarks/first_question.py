"""The first question about a patient of 30,000 slices, and how long Orthanc takes to start.

    .venv/bin/python -m benchmarks.first_question [--pairs 12] [--starts 6]

A synthetic sidecar, read by the product's own code in this process: interleaved pairs of a first question from blocks, one a
series, and from the rows that they are made of, as it was without them; processor time of the process. Then an Orthanc with
the plugin and one without, each started and stopped in turn, with caches warm: seconds until it answers, and processor time.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from benchmarks.ingest import processor_seconds
from benchmarks.pairs import compare
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
    seconds, processor = compare(lambda: one_start(ours), lambda: one_start(bare), starts)
    print(
        f"start: {seconds.a:.2f} s with the plugin, {seconds.b:.2f} s without; {seconds.a - seconds.b:+.2f} s"
    )
    print(f"processor time: {processor.a:.2f} s, {processor.b:.2f} s; target at most {START_TARGET} s more")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--starts", type=int, default=6)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        measure_questions(Path(name), options.pairs)
        measure_starts(Path(name), options.starts)


if __name__ == "__main__":
    main()
