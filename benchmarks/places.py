"""What places cost on a running Orthanc, and how exactly they come back.

    .venv/bin/python -m benchmarks.places [--places 200] [--studies 5] [--repeat 30] [--reports 300]

A patient with studies in frames of their own, each joined to the first by a transform. So many places are kept, and
mapped into all studies. Then: how long it takes to keep and to map one; the list cold (the first question after a change)
and warm; one place with its answer; the distance between what was clicked and what is there after the sidecar was
deleted; the marks after one transform was rejected; what dciodvfy says. Last, C-STORE of structured reports of other
software, with the plugin and without it, in turns: a ratio, as the machine has other work too.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from tests import builders as build
from tests.builders import as_file
from tests.orthanc.server import OrthancServer

SECONDS = 600.0
PATIENT = "PLACES"
Json = dict[str, Any]


def scan(year: int, frame: str) -> list[bytes]:
    uids = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID")}
    return [
        as_file(
            build.classic(
                (-100, -100, 2.0 * number), Rows=200, Columns=200, PatientID=PATIENT, FrameOfReferenceUID=frame,
                InstanceNumber=number + 1, StudyDate=f"{year}0101", StudyTime="120000", **uids,
            )
        )
        for number in range(40)
    ]  # fmt: skip


def settle(server: OrthancServer) -> None:
    count = server.session.get("/statistics").json()["CountInstances"]
    server.wait_indexed(lambda health: health["instances"] == count and not health["queued"], SECONDS)


def ask(server: OrthancServer, method: str, path: str, body: Json | None = None) -> Json:
    response = server.session.request(method, f"/imaging{path}", json=body)
    response.raise_for_status()
    return dict(response.json())


def timed(does: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = does()
    return (time.perf_counter() - began) * 1e3, found


def say(what: str, times: list[float]) -> None:
    ordered = sorted(times)
    print(
        f"{what}: median {statistics.median(ordered):.1f} ms, {ordered[0]:.1f} to {ordered[-1]:.1f} ({len(ordered)})",
        flush=True,
    )


def listed(server: OrthancServer) -> Json:
    return ask(server, "GET", f"/places?patientId={PATIENT}")


def fill(server: OrthancServer, studies: int) -> list[str]:
    """The frames of the patient's studies; each but the first has a transform to it."""
    frames = [generate_uid() for _ in range(studies)]
    for number, frame in enumerate(frames):
        server.store_rest(scan(2015 + number, frame))
    settle(server)
    for number, frame in enumerate(frames[1:], 1):
        matrix = np.eye(4)
        matrix[:3, 3] = (0.5 * number, -0.25 * number, 0)
        body = {"sourceFrameOfReferenceUid": frame, "targetFrameOfReferenceUid": frames[0], "matrix": matrix.tolist(),
                "expectedErrorMm": 1.0}  # fmt: skip
        ask(server, "POST", "/transforms", body)
    return frames


def keep_all(server: OrthancServer, frame: str, count: int) -> dict[str, list[float]]:
    """Keep places at random points; what was asked for, by the place's id."""
    rng = np.random.default_rng(17)
    kept: dict[str, list[float]] = {}
    keeping, mapping = [], []
    for number in range(count):
        point = [float(value) for value in (*rng.uniform(-80, 80, 2), rng.uniform(4, 70))]
        body = {"name": f"place {number}", "patientId": PATIENT, "frameOfReferenceUid": frame,
                **dict(zip("xyz", point, strict=True))}  # fmt: skip
        took, place = timed(lambda body=body: ask(server, "POST", "/places", body))
        keeping.append(took)
        kept[place["id"]] = point
        took, _ = timed(lambda place=place: ask(server, "POST", f"/places/{place['id']}/studies", {}))
        mapping.append(took)
    say("keep one place (the first starts the process)", keeping)
    say("keep it in all studies", mapping)
    return kept


def measure_lists(server: OrthancServer, frame: str, repeat: int) -> None:
    warm = [timed(lambda: listed(server))[0] for _ in range(repeat)]
    found = listed(server)
    reports = sum(len(place["reports"]) for place in found["places"])
    say(f"list of {found['total']} places, {reports} reports, warm", warm)
    cold = []
    for number in range(5):
        body = {
            "name": f"cold {number}",
            "patientId": PATIENT,
            "frameOfReferenceUid": frame,
            "x": 1,
            "y": 1,
            "z": 4,
        }
        place = ask(server, "POST", "/places", body)
        ask(server, "DELETE", f"/places/{place['id']}")
        cold.append(timed(lambda: listed(server))[0])
    say("list, cold", cold)
    ids = [place["id"] for place in found["places"]][:repeat]
    say(
        "one place with its answer",
        [timed(lambda one=one: ask(server, "GET", f"/places/{one}"))[0] for one in ids],
    )


def measure_return(server: OrthancServer, kept: dict[str, list[float]]) -> None:
    before = {place["id"]: place for place in listed(server)["places"]}
    server.stop()
    for path in (server.folder / "index").glob("longitudinal-*.sqlite*"):
        path.unlink()
    server.start()
    settle(server)
    after = {place["id"]: place for place in listed(server)["places"]}
    assert after.keys() == before.keys() == kept.keys()
    off = [
        np.linalg.norm([after[one][axis] for axis in "xyz"] - np.array(point)) for one, point in kept.items()
    ]
    equal = sum(after[one]["reports"] == before[one]["reports"] for one in kept)
    print(
        f"after the sidecar was deleted: {equal} of {len(kept)} places equal, largest distance {max(off):.6f} mm",
        flush=True,
    )


def measure_marks(server: OrthancServer) -> None:
    reports = [report for place in listed(server)["places"] for report in place["reports"]]
    transform = next(report["path"][0] for report in reports if report["path"])
    through = {report["id"] for report in reports if transform in report["path"]}
    ask(server, "POST", f"/transforms/{transform}/review", {"decision": "rejected"})
    took, found = timed(lambda: listed(server))
    marked = {report["id"] for place in found["places"] for report in place["reports"] if report["stale"]}
    print(
        f"one transform rejected: {len(marked)} reports marked, {len(through)} came through it, equal: {marked == through}; "
        f"the list took {took:.1f} ms",
        flush=True,
    )


def measure_validity(server: OrthancServer, folder: Path) -> None:
    errors = count = 0
    for place in listed(server)["places"][:20]:
        for report in place["reports"]:
            path = folder / "report.dcm"
            path.write_bytes(server.session.get(f"/instances/{report['orthancInstanceId']}/file").content)
            said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
            errors += sum(line.startswith("Error") for line in (said.stdout + said.stderr).splitlines())
            count += 1
    print(f"dciodvfy: {errors} errors in {count} reports", flush=True)


def others_reports(server: OrthancServer, folder: Path, count: int) -> list[Path]:
    """Copies of one report, as another software would have written them."""
    report = listed(server)["places"][0]["reports"][0]
    ds = pydicom.dcmread(
        BytesIO(server.session.get(f"/instances/{report['orthancInstanceId']}/file").content)
    )
    ds.Manufacturer = "Other"
    paths = []
    for number in range(count):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        paths.append(folder / f"{number}.dcm")
        paths[-1].write_bytes(as_file(ds))
    return paths


def measure_stores(folder: Path, paths: list[Path], rounds: int = 4) -> None:
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(rounds * 2):
        has_plugin = turn % 2 == 0
        place = folder / f"store{turn}"
        with OrthancServer(place, plugin=has_plugin) as server:
            began = time.perf_counter()
            server.store_scu(paths, options=["--required"])
            seconds[has_plugin].append(time.perf_counter() - began)
    ratios = [with_ / without for with_, without in zip(seconds[True], seconds[False], strict=True)]
    each = [1e3 * statistics.median(seconds[which]) / len(paths) for which in (True, False)]
    print(
        f"C-STORE of {len(paths)} reports: {each[0]:.2f} ms each with the plugin, {each[1]:.2f} without; "
        f"ratio median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f} ({rounds} pairs)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--places", type=int, default=200)
    parser.add_argument("--studies", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--reports", type=int, default=300)
    asked = parser.parse_args()
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with OrthancServer(folder / "server", configuration=configuration) as server:
            frames = fill(server, asked.studies)
            kept = keep_all(server, frames[0], asked.places)
            measure_lists(server, frames[0], asked.repeat)
            measure_validity(server, folder)
            measure_return(server, kept)
            measure_marks(server)
            paths = others_reports(server, folder, asked.reports)
        measure_stores(folder, paths)


if __name__ == "__main__":
    main()
