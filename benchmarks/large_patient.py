"""A patient with thousands of studies: what one point, a batch, and the patient's page cost, in seconds, bytes and memory.

    .venv/bin/python -m benchmarks.large_patient [--studies 3000] [--points 1000]

The sidecar is synthetic, the routes and what they read are the product's own, in this process, without Orthanc: there each
study and image that an answer names is looked up once more, 20 to 40 us each. Twice: all studies in one Frame of Reference,
where the point is in many of them (in all with --slices 40), and each in a frame of its own, where nothing leads from one to
another. The peak is what Python had taken at once beyond what the patient takes (tracemalloc, in a run of its own).
"""

import argparse
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from benchmarks.resolve import _Everything
from benchmarks.synthetic_archive import fill, slices
from longitudinal.http.exchange import Request, Response
from longitudinal.http.links import link_builder
from longitudinal.http.router import Router
from longitudinal.http.routes.patients import patient_routes
from longitudinal.http.routes.points import MAX_ANSWERS, point_routes
from longitudinal.http.routes.refinements import Refinements
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.points.resolver import Resolver
from longitudinal.sidecar.connection import Readers, open_writer
from longitudinal.sidecar.writer import Writer

PATIENT = "LARGE"
SERIES = 1
MIB = 1024 * 1024


def measured(what: str, run: Callable[[], Response]) -> Response:
    """Run twice: for the seconds, and for the memory."""
    began = time.perf_counter()
    response = run()
    seconds = time.perf_counter() - began
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = len(response.body)
    print(
        f"{what}: {response.status}, {seconds:.2f} s, {size / MIB:.2f} MiB, peak memory {peak / MIB:.0f} MiB"
    )
    return response


def measure(folder: Path, studies: int, points: int, count: int, shared_frame: bool) -> None:
    """One patient, and what is asked of it."""
    path = folder / f"sidecar-{shared_frame}.sqlite"
    records = list(slices(PATIENT, studies, SERIES, count, shared_frame=shared_frame))
    connection = open_writer(path)
    fill(connection, iter(records))
    connection.close()
    readers = Readers(path)
    catalogue = Catalogue(readers)
    resolver = Resolver(
        readers, catalogue, cast(Any, _Everything()), lambda gone: None, link_builder("/imaging")
    )
    (resolve,) = point_routes(resolver, cast(Refinements, None), 64)
    writer = Writer(readers, lambda touched: None)
    writer.start()
    _, page = patient_routes(readers, catalogue, JobQueue(readers, writer), None)
    point = {"sopInstanceUid": records[count - 1].sop_instance_uid, "row": 20.5, "column": 31.25}

    def ask(body: dict[str, Any]) -> Response:
        return Router.run(resolve, {}, Request("POST", "/points/resolve", body=json.dumps(body).encode()))

    def open_page(**query: str) -> Response:
        return Router.run(page, {"patient": PATIENT}, Request("GET", f"/patients/{PATIENT}", query))

    where = "one frame" if shared_frame else "a frame each"
    print(f"\n{studies} studies, {where}; a batch may have {MAX_ANSWERS} answers")
    began = time.perf_counter()
    ask(point)
    print(f"the first point, which reads the patient: {time.perf_counter() - began:.2f} s")
    one = measured("one point", lambda: ask(point))
    counts = {name: len(json.loads(one.body)[name]) for name in ("matches", "unresolved")}
    print(f"  {counts}")
    refused = measured(f"a batch of {points}", lambda: ask({"points": [point] * points}))
    print(f"  {json.loads(refused.body).get('detail', 'answered')}")
    most = max(1, MAX_ANSWERS // studies)
    measured(f"the largest batch that is answered ({most} points)", lambda: ask({"points": [point] * most}))
    few = {**point, "studyInstanceUids": sorted({record.study_instance_uid for record in records})[:20]}
    measured(f"a batch of {points} points in 20 studies", lambda: ask({"points": [few] * points}))
    measured("the patient's page", open_page)
    measured("its last page of 100", lambda: open_page(limit="100", offset=str(studies - 100)))
    writer.stop()
    readers.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=3_000)
    parser.add_argument("--slices", type=int, default=3)
    parser.add_argument("--points", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for shared_frame in (True, False):
            measure(Path(name), options.studies, options.points, options.slices, shared_frame)


if __name__ == "__main__":
    main()
