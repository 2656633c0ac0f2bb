"""How long the values at one place in 20 studies take, cold and warm, beside reading the same slices with pydicom by hand.

    .venv/bin/python -m benchmarks.values [--studies 20] [--slices 40] [--rounds 5]

CT studies of noise (512 x 512) in one Frame of Reference are stored in a real Orthanc. Cold: the first question after a
start, with the worker not yet running. Warm: the same place once more, and other places nearby whose slices were read.
By hand: pydicom reads the slices within the radius, rescales them and takes mean, sd, least and greatest of the voxel
centres in the sphere (one exactly on it belongs to it); the files were just written, so both read from the page cache. The
figures of both must agree.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from longitudinal.geometry.sphere import RIM_MM
from tests.builders import CT, as_file, classic
from tests.orthanc.server import OrthancServer

SIZE, SPACING_MM, RADIUS_MM = 512, 0.7, 5.0
FRAME = generate_uid()
INDEXED_SECONDS = 300.0
AGREE = 1e-9


def study(number: int, slices: int) -> list[Dataset]:
    noise = np.random.default_rng(number).integers(0, 3000, (slices, SIZE, SIZE)).astype(np.uint16)
    uid, series = generate_uid(), generate_uid()
    return [
        classic(
            (0, 0, z), spacing=(SPACING_MM, SPACING_MM), SOPClassUID=CT, Modality="CT", PatientID="VALUES",
            FrameOfReferenceUID=FRAME, StudyInstanceUID=uid, SeriesInstanceUID=series, StudyDate=f"{2000 + number}0101",
            Rows=SIZE, Columns=SIZE, InstanceNumber=z + 1, PixelData=pixels.tobytes(), RescaleIntercept="-1024",
            RescaleSlope="1",
        )
        for z, pixels in enumerate(noise)
    ]  # fmt: skip


def ask(server: OrthancServer, place: np.ndarray) -> list[dict[str, Any]]:
    x, y, z = place.tolist()
    body = {
        "patientId": "VALUES",
        "frameOfReferenceUid": FRAME,
        "x": x,
        "y": y,
        "z": z,
        "radiusMm": RADIUS_MM,
    }
    response = server.session.post("/imaging/points/timeline", json=body)
    response.raise_for_status()
    matches: list[dict[str, Any]] = response.json()["matches"]
    return matches


def by_hand(files: list[list[Path]], place: np.ndarray) -> list[tuple[float, float, float, float]]:
    found = []
    for paths in files:
        values = []
        for z in range(int(np.ceil(place[2] - RADIUS_MM)), int(np.floor(place[2] + RADIUS_MM)) + 1):
            ds = pydicom.dcmread(paths[z])
            rows, columns = np.ogrid[:SIZE, :SIZE]
            square = (columns * SPACING_MM - place[0]) ** 2 + (rows * SPACING_MM - place[1]) ** 2
            near = square + (z - place[2]) ** 2 <= (RADIUS_MM + RIM_MM) ** 2
            values.append(ds.pixel_array[near] * float(ds.RescaleSlope) + float(ds.RescaleIntercept))
        sphere = np.concatenate(values)
        found.append((float(sphere.mean()), float(sphere.std()), float(sphere.min()), float(sphere.max())))
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def check(matches: list[dict[str, Any]], expected: list[tuple[float, float, float, float]]) -> float:
    """The largest relative difference of any figure."""
    names = ("mean", "sd", "minimum", "maximum")
    served = np.array([[match["values"][name] for name in names] for match in matches])
    return float(np.max(np.abs(served - np.array(expected)) / np.maximum(1.0, np.abs(expected))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with tempfile.TemporaryDirectory() as folder:
        files: list[list[Path]] = []
        with OrthancServer(Path(folder) / "server", configuration=configuration) as server:
            for number in range(asked.studies):
                paths = [Path(folder) / f"{number}-{z}.dcm" for z in range(asked.slices)]
                for path, ds in zip(paths, study(number, asked.slices), strict=True):
                    path.write_bytes(as_file(ds))
                server.store_rest(paths)
                files.append(paths)
            count = asked.studies * asked.slices
            server.wait_indexed(
                lambda health: health["instances"] == count and not health["queued"], INDEXED_SECONDS
            )
            server.restart()
            server.wait_indexed(lambda health: not health["queued"], INDEXED_SECONDS)
            report(server, files, asked.rounds)


def report(server: OrthancServer, files: list[list[Path]], rounds: int) -> None:
    middle = np.array([SIZE * SPACING_MM / 2, SIZE * SPACING_MM / 2, len(files[0]) / 2])
    cold, matches = timed(lambda: ask(server, middle))
    hand, expected = timed(lambda: by_hand(files, middle))
    difference = check(matches, expected)
    warm, other, hands = [], [], [hand]
    for number in range(rounds):
        warm.append(timed(lambda: ask(server, middle))[0])
        beside = middle + np.array([10.0 * (number + 1), -7.0, 0.0])
        seconds, matches = timed(lambda place=beside: ask(server, place))
        other.append(seconds)
        seconds, expected = timed(lambda place=beside: by_hand(files, place))
        hands.append(seconds)
        difference = max(difference, check(matches, expected))
    by_pydicom = statistics.median(hands)
    slices = len(files) * (2 * int(RADIUS_MM) + 1)
    print(
        f"{len(files)} studies, {slices} slices of {SIZE} x {SIZE} within {RADIUS_MM} mm; medians of {rounds}"
    )
    print(f"by hand with pydicom: {by_pydicom * 1000:.0f} ms")
    for name, seconds in (
        ("cold, worker not running", cold),
        ("warm, the same place", statistics.median(warm)),
        ("warm, another place in the same slices", statistics.median(other)),
    ):
        print(f"{name}: {seconds * 1000:.0f} ms, {seconds / by_pydicom:.2f} of by hand")
    print(
        f"largest relative difference of a figure: {difference:.1e} ({'agree' if difference < AGREE else 'DIFFER'})"
    )


if __name__ == "__main__":
    main()
