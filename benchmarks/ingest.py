"""What the plugin costs a store: the time of a batch with it, against an Orthanc without any Python plugin.

    .venv/bin/python -m benchmarks.ingest [--image CT|MR] [--pairs 12] [--files 200] [--against states|reading]

Two Orthancs run at once and are measured in interleaved pairs; between two runs the patient is deleted, and the index has
caught up, which is not timed. With --against the other Orthanc has the plugin too, with one thing less: `states`, the
Python states of Orthanc's threads are made anew for each callback; `reading`, files are read in Orthanc's process.
Processor time is that of Orthanc's process alone, by the kernel's clock of it; what its worker processes use is shown beside
it. The lag is how long after the last answer to a store the index has everything.

The images are copies of a real CT slice (513 KiB, anonymised: 42 attributes) or of a real MR slice (259 KiB, 135
attributes). TCP_NODELAY=1 on both ends: else Nagle's algorithm is all there is to see. A third Orthanc tells the time
inside the OnStoredInstance callback.
"""

import argparse
import contextlib
import http.client
import os
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom

from benchmarks.pairs import compare
from longitudinal.dicom.registration.writer import file_bytes
from tests.data import ROOT, dicom_files
from tests.orthanc.processes import session_members
from tests.orthanc.server import OrthancServer, wait_until

PATIENT = "BENCHMARK"
IMAGES = {
    "CT": ("dcm_dicom2nifti_geometry/failing", "gantrytilting"),
    "MR": ("dcm_decubitus_mr", "0021"),
}
CATCH_UP_SECONDS = 30.0
SETTLE_SECONDS = 0.6
"""After this the index has what was stored; its work counts as processor time."""
TARGETS = "time: median at most 1.05, upper end 1.10; processor time: 1.08; lag: 1 s"
LESS = {
    "states": "import longitudinal.host.callbacks as it; it._MOST_KEPT = 0",
    "reading": "from longitudinal.jobs.reading import ReadingProcess as it; it._is_fit = lambda self: False",
}
"""What makes the plugin do without one thing, run before any callback."""
WITH_LESS = """
import runpy
runpy.run_path({main!r}, run_name="__main__")
{less}
"""
PROBE = """
import runpy
import time
import orthanc

_times = []
_register = orthanc.RegisterOnStoredInstanceCallback

def _timed(callback):
    def run(*arguments):
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        callback(*arguments)
        _times.append((time.perf_counter_ns() - wall, time.thread_time_ns() - cpu))
    _register(run)

def _report(output, uri, **request):
    output.AnswerBuffer("\\n".join(f"{wall} {cpu}" for wall, cpu in _times), "text/plain")
    _times.clear()

orthanc.RegisterOnStoredInstanceCallback = _timed
orthanc.RegisterRestCallback("/probe", _report)
runpy.run_path(%r, run_name="__main__")
"""


def make_files(folder: Path, count: int, image: str) -> list[Path]:
    """Copies of one real slice with identifiers and positions of their own."""
    place, part = IMAGES[image]
    dataset = pydicom.dcmread(next(path for path in dicom_files(place) if part in str(path)))
    dataset.PatientID, dataset.StudyInstanceUID = PATIENT, pydicom.uid.generate_uid()
    dataset.SeriesInstanceUID = pydicom.uid.generate_uid()
    folder.mkdir()
    paths = []
    for number in range(count):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.InstanceNumber = number + 1
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y, z + 1]
        paths.append(folder / f"{number:04}.dcm")
        paths[-1].write_bytes(file_bytes(dataset))
    return paths


def post_all(server: OrthancServer, bodies: list[bytes], connections: int) -> None:
    """POST /instances over so many keep-alive connections."""

    def post(hand: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.http_port)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for body in hand:
            connection.request("POST", "/instances", body)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise RuntimeError(f"HTTP {response.status}")
        connection.close()

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(post, [bodies[number::connections] for number in range(connections)]))


def clear(server: OrthancServer, is_indexed: bool) -> None:
    """Delete the patient, and wait until the index knows."""
    for patient in server.session.get("/patients").json():
        server.session.delete(f"/patients/{patient}").raise_for_status()
    if is_indexed:
        server.wait_indexed(lambda health: health["instances"] == health["queued"] == 0, CATCH_UP_SECONDS)


def processor_seconds(pid: int) -> float:
    """What a process has used of the processors so far, by its clock (clock_getcpuclockid(3)); ticks are too coarse."""
    return time.clock_gettime(~pid << 3 | 2)


def workers_seconds(server: OrthancServer) -> float:
    """The same of the processes that Orthanc has started."""
    total = 0.0
    for pid in session_members(server.pid):
        with contextlib.suppress(OSError):
            total += 0.0 if pid == server.pid else processor_seconds(pid)
    return total


def wait_for_rows(server: OrthancServer, count: int) -> None:
    """Wait until the index has so many instances, looking at its file: to ask Orthanc would cost what is measured."""
    path = next(server.folder.rglob("longitudinal-*.sqlite"))
    index = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    query = "SELECT value FROM counts WHERE name = 'instances'"
    wait_until(lambda: index.execute(query).fetchone()[0] == count, CATCH_UP_SECONDS, "all is indexed")
    index.close()


def timed_store(
    server: OrthancServer, store: Callable[[OrthancServer], None], count: int
) -> tuple[float, float, float, float]:
    """Seconds of one batch; what Orthanc and its workers used of the processors until some time after; the index's lag.

    The batch must be in the archive completely, and in the index where there is one.
    """
    is_indexed = "PythonScript" in server.configuration
    used, workers, began = processor_seconds(server.pid), workers_seconds(server), time.perf_counter()
    store(server)
    ended = time.perf_counter()
    if is_indexed:
        wait_for_rows(server, count)
    lag = time.perf_counter() - ended
    time.sleep(max(0.0, SETTLE_SECONDS - lag))
    used, workers = processor_seconds(server.pid) - used, workers_seconds(server) - workers
    if (stored := server.session.get("/statistics").json()["CountInstances"]) != count:
        raise AssertionError(f"{stored} instances of {count} are stored")
    clear(server, is_indexed)
    return ended - began, used, workers, lag


def inside_the_callback(folder: Path, ways: dict[str, Callable[[OrthancServer], None]], count: int) -> None:
    """Microseconds from entering the callback to leaving it, and of the processor in between."""
    script = folder / "probe.py"
    script.write_text(PROBE % str(ROOT / "plugin" / "main.py"))
    print(
        "\n| way | inside OnStoredInstance, us: median | p99 | of the processor: median |\n|---|---|---|---|"
    )
    with OrthancServer(folder / "probed", script=script, authentication=False) as server:
        for name, store in ways.items():
            for _ in range(3):
                timed_store(server, store, count)
            text = server.session.get("/probe").text
            wall, cpu = np.array([line.split() for line in text.splitlines()], dtype=float).T / 1e3
            print(
                f"| {name} | {np.median(wall):.0f} | {np.quantile(wall, 0.99):.0f} | {np.median(cpu):.0f} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--image", choices=IMAGES, default="CT")
    parser.add_argument(
        "--against", choices=LESS, help="the plugin with one thing less, instead of no plugin"
    )
    parser.add_argument("--way", help="only the ways with this word in their name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_files(folder / "files", options.files, options.image)
        bodies = [path.read_bytes() for path in paths]
        ways: dict[str, Callable[[OrthancServer], None]] = {
            "C-STORE, 1 association": lambda server: server.store_scu(paths),
            "C-STORE, 4 associations": lambda server: server.store_scu(paths, associations=4),
            "REST, 4 connections": lambda server: post_all(server, bodies, 4),
        }
        ways = {name: way for name, way in ways.items() if not options.way or options.way in name}
        size = sum(map(len, bodies)) / len(bodies) / 1024
        print(
            f"{options.files} {options.image} instances of {size:.0f} KiB, {options.pairs} interleaved pairs"
        )
        print(f"load {os.getloadavg()[0]:.1f}; targets: {TARGETS}\n")
        other = f"the plugin without {options.against}" if options.against else "without Python"
        print(
            f"| way | with the plugin, /s | {other}, /s | time, ratio | Orthanc's processor time, ratio | us each, with "
            "| us each, other | workers, us each | lag s, median and longest |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        script = None
        if options.against:
            script = folder / "less.py"
            main = str(ROOT / "plugin" / "main.py")
            script.write_text(WITH_LESS.format(main=main, less=LESS[options.against]))
        with (
            OrthancServer(folder / "with", authentication=False) as ours,
            OrthancServer(folder / "without", plugin=False, script=script, authentication=False) as bare,
        ):
            for way, store in ways.items():
                timed_store(ours, store, len(paths))  # both caches are warm from here on
                timed_store(bare, store, len(paths))
                beside: list[tuple[float, float]] = []

                def with_plugin(store: Callable[[OrthancServer], None] = store) -> tuple[float, float]:
                    *compared, workers, lag = timed_store(ours, store, len(paths))
                    beside.append((workers, lag))  # noqa: B023 - used in this turn only
                    return compared[0], compared[1]

                found, processor = compare(
                    with_plugin, lambda store=store: timed_store(bare, store, len(paths))[:2], options.pairs
                )
                rates = f"{len(paths) / found.a:.0f} | {len(paths) / found.b:.0f}"
                each = " | ".join(f"{used / len(paths) * 1e6:.0f}" for used in (processor.a, processor.b))
                workers, lags = np.array(beside).T
                print(
                    f"| {way} | {rates} | {found} | {processor} | {each} | {np.median(workers) / len(paths) * 1e6:.0f} | "
                    f"{np.median(lags):.2f}, {lags.max():.2f} |",
                    flush=True,
                )
        if not options.against:
            inside_the_callback(folder, ways, len(paths))


if __name__ == "__main__":
    main()
