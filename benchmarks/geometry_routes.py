"""What the geometry for viewers costs on a running Orthanc: stacks of a series, points mapped from frame to frame.

    .venv/bin/python -m benchmarks.geometry_routes [--slices 300] [--points 1000] [--repeat 15]

Stacks of a classic series of 512 x 512 slices, and of an enhanced image of as many frames: cold (the first question, and the
first one after a slice was stored again, which changes the series) and warm. Points: along a rigid path, a path of
two, a deformable transform and its inverse. A small route of the plugin is asked in the
same run. On a busy machine go by the processor time.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from benchmarks.made_patients.head import make_head
from tests import builders as build
from tests.builders import as_file
from tests.cases import CT, enhanced, volume
from tests.data import data, dicom_files
from tests.orthanc.server import OrthancServer

SECONDS = 300.0


def store(server: OrthancServer, files: list[Path] | list[bytes]) -> None:
    server.store_rest(files)
    count = server.session.get("/statistics").json()["CountInstances"]
    server.wait_indexed(lambda health: health["instances"] == count and not health["queued"], SECONDS)


Cost = tuple[float, float]
"""Milliseconds of one request: by the clock, and of Orthanc's processor time, all threads."""


def timed(server: OrthancServer, method: str, path: str, body: Any = None) -> Cost:
    clock = (~server.pid << 3) | 2  # clock_getcpuclockid(3)
    busy, began = time.clock_gettime(clock), time.perf_counter()
    answer = server.session.request(method, path, json=body)
    took = (time.perf_counter() - began) * 1e3
    answer.raise_for_status()
    return took, (time.clock_gettime(clock) - busy) * 1e3


def report(what: str, costs: list[Cost]) -> None:
    clock, busy = (sorted(values) for values in zip(*costs, strict=True))
    print(
        f"{what}: median {statistics.median(clock):.1f} ms, {clock[0]:.1f} to {clock[-1]:.1f}; "
        f"processor {statistics.median(busy):.1f} ms, {busy[0]:.1f} to {busy[-1]:.1f} ({len(costs)})",
        flush=True,
    )


def measure_stacks(server: OrthancServer, what: str, scan: list[Dataset], repeat: int) -> None:
    """Cold as often as a slice is stored again; warm."""
    path = f"/imaging/series/{scan[0].SeriesInstanceUID}/stacks"
    cold, warm = [], []
    for number in range(max(3, repeat // 4)):
        cold.append(timed(server, "GET", path))
        warm.append(timed(server, "GET", path))
        again = scan[number % len(scan)]
        server.session.delete(f"/instances/{_orthanc_id(server, again)}").raise_for_status()
        store(server, [as_file(again)])
    timed(server, "GET", path)
    warm += [timed(server, "GET", path) for _ in range(repeat)]
    report(f"stacks of {what}, cold", cold)
    report(f"stacks of {what}, warm", warm)


def _orthanc_id(server: OrthancServer, ds: Dataset) -> str:
    found = server.session.post("/tools/lookup", data=ds.SOPInstanceUID).json()
    return str(next(entry["ID"] for entry in found if entry["Type"] == "Instance"))


def measure_points(
    server: OrthancServer, what: str, frames: tuple[str, str], points: np.ndarray, repeat: int
) -> None:
    source, target = frames
    body = {
        "sourceFrameOfReferenceUid": source,
        "targetFrameOfReferenceUid": target,
        "points": points.round(3).tolist(),
    }
    times = [timed(server, "POST", "/imaging/points/map", body) for _ in range(repeat + 2)]
    answer = server.session.post("/imaging/points/map", json=body).json()
    found = sum(one["point"] is not None for one in answer["points"])
    report(f"{len(points)} points {what}, {found} of them reached, first", times[:1])
    report(f"{len(points)} points {what}, warm", times[2:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--points", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args()
    quiet = {"Longitudinal": {"AlignOnArrival": False}}
    with (
        tempfile.TemporaryDirectory() as name,
        OrthancServer(Path(name) / "o", configuration=quiet) as server,
    ):
        heights = [float(z) for z in range(options.slices)]
        classic = volume(
            "CLASSIC", heights, **CT, Rows=512, Columns=512, RescaleSlope=1, RescaleIntercept=-1024
        )
        multi = enhanced("ENHANCED", heights)
        for frame in multi.PerFrameFunctionalGroupsSequence:
            frame.PixelValueTransformationSequence = [
                build.change(Dataset(), {"RescaleSlope": 2, "RescaleIntercept": 0})
            ]
        store(server, [as_file(ds) for ds in [*classic, multi]])
        report(
            "GET /imaging, for comparison",
            [timed(server, "GET", "/imaging") for _ in range(options.repeat)],
        )
        measure_stacks(server, f"{options.slices} slices", classic, options.repeat)
        measure_stacks(server, f"one image of {options.slices} frames", [multi], options.repeat)
        truth = make_head(Path(name) / "head", 3, size=64, registrations="chain")
        store(server, sorted((Path(name) / "head").rglob("*.dcm")))
        first, second, third = (study["frameOfReferenceUid"] for study in truth["studies"])
        points = np.random.default_rng(1).uniform(-60, 60, (options.points, 3))
        measure_points(server, "rigid", (first, second), points, options.repeat)
        measure_points(server, "along two rigid transforms", (third, first), points, options.repeat)
        measure_lung(server, options.points, options.repeat)


def measure_lung(server: OrthancServer, count: int, repeat: int) -> None:
    """A deformable transform that other software wrote, and its inverse, round the landmarks of a real chest."""
    store(
        server,
        [*dicom_files("elastix_3dct_lung/dicom"), data("reg_independent") / "elastix_lung_DEFORMABLE.dcm"],
    )
    baseline, followup = (
        str(pydicom.dcmread(dicom_files(f"elastix_3dct_lung/dicom/{name}")[0]).FrameOfReferenceUID)
        for name in ("baseline", "followup")
    )
    random = np.random.default_rng(2)
    for name, frames in (("baseline", (baseline, followup)), ("followup", (followup, baseline))):
        landmarks = np.loadtxt(data(f"elastix_3dct_lung/landmarks_{name}_physical_mm.txt"))
        points = landmarks[random.integers(0, len(landmarks), count)] + random.uniform(-10, 10, (count, 3))
        measure_points(server, f"deformable, from the {name}", frames, points, repeat)


if __name__ == "__main__":
    main()
