"""First questions about a patient of 30,000 slices, in this process, by whatever code is on its path: for first_question.py.

    python one_first_question.py SIDECAR

Makes a synthetic sidecar, with blocks where the code knows them, then answers each line of its input with the milliseconds
of processor time of one question about a patient that is not in memory. Runs on earlier versions of the code, too.
"""

import importlib
import sys
import time
from pathlib import Path
from typing import Any, cast

from benchmarks.resolve import PATIENT, SERIES, SLICES, STUDIES, _Everything
from benchmarks.synthetic_archive import fill, slices
from longitudinal.http.links import link_builder
from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.resolver import PixelQuestion, QuestionFilters, Resolver
from longitudinal.sidecar.connection import Readers, open_writer

MS = 1e3


def make(path: Path) -> str:
    """The SOP Instance UID of a slice in the middle of the patient."""
    records = list(slices(PATIENT, STUDIES, SERIES, SLICES))
    connection = open_writer(path)
    fill(connection, iter(records))
    try:
        columns = importlib.import_module("longitudinal.sidecar.tables.series_columns")
    except ImportError:  # from before there were any
        columns = None
    if columns is not None:
        for (key,) in connection.execute("SELECT key FROM series").fetchall():
            columns.write_block(connection, key)
    connection.commit()
    connection.close()
    return records[len(records) // 2].sop_instance_uid


def ask(readers: Readers, sop_instance_uid: str) -> float:
    resolver = Resolver(
        readers, Catalogue(readers), cast(Any, _Everything()), lambda gone: None, link_builder("/imaging")
    )
    began = time.process_time()
    resolver.resolve(PixelQuestion(sop_instance_uid, 1, 20.5, 31.25), QuestionFilters())
    return (time.process_time() - began) * MS


def main() -> None:
    path = Path(sys.argv[1])
    uid, readers = make(path), Readers(path)
    for _ in sys.stdin:
        print(ask(readers, uid), flush=True)


if __name__ == "__main__":
    main()
