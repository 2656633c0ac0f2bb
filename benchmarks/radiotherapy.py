"""How fast radiotherapy is read and answered: `python -m benchmarks.radiotherapy [--store [--pairs 8] | --lines]`.

Made data: a structure set of 2.3 MB (20 regions of 100 contours of 60 points), five of them, a dose, and objects with 10,000
references. Prints the median of some runs in milliseconds. With --store instead: how long ten structure sets of 3 MB take to
be stored, against an Orthanc without any Python plugin, in interleaved pairs. With --lines: what lines on an image cost
Orthanc's own process.
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from benchmarks.ingest import post_all, timed_store
from benchmarks.pairs import compare
from longitudinal.dicom.character_sets import LATIN_1
from longitudinal.dicom.related.content import read_content
from tests.builders import CT, as_file
from tests.orthanc.server import OrthancServer
from tests.unit.http.served import Served
from tests.unit.relations import radiotherapy as rt

REGIONS, PLANES, POINTS, SETS = 20, 100, 60, 5


def median_ms(run: Callable[[], object], times: int = 9) -> float:
    run()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken)


def structure_set(number: int, planes: int = PLANES) -> Dataset:
    """Cylinders at many places."""
    angle = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    ds = rt.structure_set([], uid=f"1.2.3.50.2.{number}")
    ds.StructureSetROISequence, ds.ROIContourSequence = [], []
    for roi in range(1, REGIONS + 1):
        centre = 15.0 * (roi % 5), 15.0 * (roi // 5)
        contours = []
        for plane in range(planes):
            corners = np.stack(
                (centre[0] + 20.123 * np.cos(angle), centre[1] + 20.123 * np.sin(angle)), axis=1
            )
            image = rt.named(CT, rt.IMAGES[plane % 4])
            contours.append(
                rt.contour(
                    2.0 * plane, tuple(np.round(corners, 3).ravel().tolist()), ContourImageSequence=[image]
                )
            )
        ds.StructureSetROISequence.append(
            rt.item(ROINumber=roi, ROIName=f"ROI {roi}", ReferencedFrameOfReferenceUID=rt.FRAME)
        )
        ds.ROIContourSequence.append(rt.item(ContourSequence=contours, ReferencedROINumber=roi))
    return ds


def store(pairs: int) -> None:
    """The goal is at most 1.2 times."""
    bodies = [as_file(structure_set(number, 133)) for number in range(10)]
    print(
        f"{len(bodies)} structure sets of {len(bodies[0]) / 1e6:.1f} MB, {pairs} interleaved pairs; goal: at most 1.2"
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        OrthancServer(Path(folder) / "with", authentication=False) as ours,
        OrthancServer(Path(folder) / "without", plugin=False, authentication=False) as bare,
    ):
        for connections in (1, 4):

            def run(server: OrthancServer, connections: int = connections) -> tuple[float, float]:
                return timed_store(server, lambda one: post_all(one, bodies, connections), len(bodies))

            run(ours), run(bare)
            found, processor = compare(lambda run=run: run(ours), lambda run=run: run(bare), pairs)
            each = f"{1e3 * found.a / len(bodies):.0f} ms against {1e3 * found.b / len(bodies):.0f} ms"
            print(
                f"REST, {connections} connections: {each}, ratio {found}; processor {processor}", flush=True
            )


def processor(server: OrthancServer) -> float:
    """Seconds that Orthanc's own process has used, all threads."""
    return time.clock_gettime((~server.pid << 3) | 2)  # clock_getcpuclockid(3)


def lines() -> None:
    """Of a scan of 100 slices with five structure sets and a dose, on a real server."""
    slices = rt.scan()[0]
    scan = []
    for number in range(PLANES):
        ds = copy.deepcopy(slices)
        ds.SOPInstanceUID, ds.ImagePositionPatient = f"1.2.3.50.1.{number + 1}", [-100, -100, 2.0 * number]
        ds.Rows = ds.Columns = 256
        ds.PixelData, ds.InstanceNumber = bytes(2 * 256 * 256), number + 1
        scan.append(as_file(ds))
    objects = [as_file(ds) for ds in (*map(structure_set, range(SETS)), rt.plan(None), rt.dose())]
    with (
        tempfile.TemporaryDirectory() as folder,
        OrthancServer(Path(folder) / "server", authentication=False) as server,
    ):
        server.store_rest([*scan, *objects])
        server.wait_indexed(lambda health: health["instances"] == len(scan) + len(objects))
        for name, numbers in (
            ("cold", [10]),
            ("new slices", range(20, 60)),
            ("the same again", range(20, 60)),
        ):
            taken = []
            for number in numbers:
                body = {"sopInstanceUid": f"1.2.3.50.1.{number}", "levelsGy": [5, 8]}
                used, began = processor(server), time.perf_counter()
                answer = server.session.post("/imaging/overlays", json=body)
                taken.append((time.perf_counter() - began, processor(server) - used))
                assert answer.status_code == 200, answer.text
            wall, cpu = (1e3 * statistics.median(each) for each in zip(*taken, strict=True))
            print(
                f"lines of {SETS} x {REGIONS} regions, {name}: {wall:.1f} ms, {cpu:.1f} ms of Orthanc's processor"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--lines", action="store_true")
    options = parser.parse_args()
    if options.store:
        store(options.pairs)
    elif options.lines:
        lines()
    else:
        answers()


def answers() -> None:
    with tempfile.TemporaryDirectory() as folder:
        served = Served(Path(folder))
        sets = [structure_set(number) for number in range(SETS)]
        file = as_file(sets[0])
        print(f"structure set: {len(file) / 1e6:.1f} MB, {REGIONS} regions of {PLANES} contours")
        print(
            f"references and statements of it: {median_ms(lambda: read_content(file, rt.STRUCTURE_SET, LATIN_1)):.1f} ms"
        )
        served.store(*rt.scan(), *sets, rt.plan(None), rt.dose())
        body = {"patientId": "RT", "frameOfReferenceUid": rt.FRAME, "x": 20.0, "y": 20.0, "z": 30.0}
        start = time.perf_counter()
        served.send("POST", "/points/radiotherapy", body)
        print(
            f"a point, {SETS} sets of {REGIONS} regions, cold: {1e3 * (time.perf_counter() - start):.0f} ms"
        )
        places = iter(
            np.random.default_rng(1).uniform((-20, -20, 0), (80, 80, 200), size=(1_000, 3)).tolist()
        )

        def point() -> None:
            x, y, z = next(places)
            served.send("POST", "/points/radiotherapy", {**body, "x": x, "y": y, "z": z})

        print(f"a point, {SETS} sets of {REGIONS} regions, warm: {median_ms(point, 49):.1f} ms")
        for number in range(20):
            images = [rt.named(CT, f"1.2.77.{number}.{image}") for image in range(500)]
            served.store(
                rt.structure_set(
                    [rt.contour(0.0, ContourImageSequence=[image]) for image in images],
                    uid=f"1.2.70.{number}",
                )
            )
        print(
            f"relations with 10,000 references: {median_ms(lambda: served.send('GET', '/patients/RT/relations')):.0f} ms"
        )
        served.close()


if __name__ == "__main__":
    main()
