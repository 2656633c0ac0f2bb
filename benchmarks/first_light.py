"""The figures of first light: where points arrive, against truth and readers that are not ours; and while images pour in.

    .venv/bin/python -m benchmarks.first_light

Real Orthanc, real scans (openms_dicom/patient01, two studies in two frames of reference), registration objects by other
software; then a synthetic patient with oblique images and non-square pixels. highdicom computes every pixel and every plane.
"""

import csv
import tempfile
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom

from longitudinal.dicom.registration.authorship import Authorship
from longitudinal.dicom.registration.registered_frame import RegisteredFrame
from longitudinal.dicom.registration.writer import file_bytes, write_registration
from tests.builders import OBLIQUE, as_file, classic
from tests.data import data, dicom_files
from tests.orthanc.server import OrthancServer

PATIENT = "OPENMS_P01"
RIGID_MEAN_MM, RIGID_MAX_MM, AFFINE_MAX_MM, PROJECTION_MM = 0.12, 0.30, 0.01, 1e-3
REQUESTS = 300
SYNTHETIC = "NON-SQUARE"
Question = dict[str, Any]


@dataclass
class Scan:
    """Images by SOP Instance UID, with highdicom's transformers both ways."""

    images: dict[str, pydicom.Dataset]

    @classmethod
    def read(cls, files: Iterable[Path]) -> "Scan":
        read = [pydicom.dcmread(path, stop_before_pixels=True) for path in files]
        return cls({image.SOPInstanceUID: image for image in read})

    def patient(self, uid: str, row: float, column: float) -> np.ndarray:
        """The point of a pixel, by highdicom, whose image coordinates have the centre of the first pixel at 0.5."""
        oracle = highdicom.spatial.ImageToReferenceTransformer.for_image(self.images[uid])
        return np.asarray(oracle(np.array([[column + 0.5, row + 0.5]]))[0])

    def pixel(self, point: np.ndarray) -> tuple[str, float, float]:
        """The nearest image, and the pixel of the point's projection on it."""
        distances = {
            uid: abs(float(normal(image) @ (point - position(image)))) for uid, image in self.images.items()
        }
        uid = min(distances, key=lambda each: distances[each])
        oracle = highdicom.spatial.ReferenceToImageTransformer.for_image(self.images[uid])
        column, row, *_ = np.asarray(oracle(point[None])[0]).tolist()
        return uid, row - 0.5, column - 0.5


def normal(image: pydicom.Dataset) -> np.ndarray:
    across = np.cross(image.ImageOrientationPatient[:3], image.ImageOrientationPatient[3:])
    return across / np.linalg.norm(across)


def position(image: pydicom.Dataset) -> np.ndarray:
    return np.array(image.ImagePositionPatient, dtype=float)


@dataclass
class Checked:
    """Errors of many answers: of the mapped point, and of the returned pixel against highdicom, in mm."""

    point: np.ndarray
    pixel: np.ndarray

    def row(self, name: str, mean: float | None, most: float) -> str:
        holds = (
            self.point.max() <= most
            and self.pixel.max() <= PROJECTION_MM
            and (mean is None or self.point.mean() <= mean)
        )
        target = f"{'' if mean is None else f'mean {mean}, '}max {most}"
        return (
            f"| {name} | {len(self.point)} | {self.point.mean():.4f} | {self.point.max():.4f} | {target} | "
            f"{self.pixel.max():.1e} | {'met' if holds else 'MISSED'} |"
        )


def ask(server: OrthancServer, question: Question) -> dict[str, Any]:
    response = server.session.post("/imaging/points/resolve", json=question)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def check(server: OrthancServer, target: Scan, questions: Sequence[Question], truth: np.ndarray) -> Checked:
    """Ask all; compare the match in the target scan with the truth, and its pixel with highdicom."""
    points, pixels = [], []
    for question, expected in zip(questions, truth, strict=True):
        (match,) = [
            each for each in ask(server, question)["matches"] if each["sopInstanceUid"] in target.images
        ]
        found = np.array([match["x"], match["y"], match["z"]])
        points.append(np.linalg.norm(found - expected))
        image = target.images[match["sopInstanceUid"]]
        projected = found - match["distanceMm"] * normal(image)
        seen = target.patient(match["sopInstanceUid"], match["row"], match["column"])
        pixels.append(np.linalg.norm(seen - projected))
    return Checked(np.array(points), np.array(pixels))


def read_truth() -> tuple[np.ndarray, np.ndarray]:
    path = data("openms_dicom/patient01") / "truth_points_study1_to_study2_LPSmm.csv"
    rows = np.array([[float(value) for value in row] for row in list(csv.reader(path.open()))[1:]])
    return rows[:, :3], rows[:, 3:]


def fitted(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The affine map of the CSV's pairs, 3 x 4, by least squares: the truth where a pixel is beside a CSV point."""
    return np.linalg.lstsq(np.c_[first, np.ones(len(first))], second, rcond=None)[0].T


def by_point(frame: str, points: np.ndarray) -> list[Question]:
    return [
        {"patientId": PATIENT, "frameOfReferenceUid": frame, "x": x, "y": y, "z": z}
        for x, y, z in points.tolist()
    ]


def by_pixel(scan: Scan, points: np.ndarray) -> tuple[list[Question], np.ndarray]:
    """Questions by the pixel nearest to each point, fractional, and the points that those pixels are."""
    pixels = [scan.pixel(point) for point in points]
    questions: list[Question] = [
        {"sopInstanceUid": uid, "row": row, "column": column} for uid, row, column in pixels
    ]
    return questions, np.array([scan.patient(*pixel) for pixel in pixels])


def real(server: OrthancServer) -> list[Question]:
    """Figures (a), (b), (c) on the real scans; returns the 600 questions, with the rigid registration stored."""
    folder = data("openms_dicom/patient01")
    files = dicom_files("openms_dicom/patient01")
    server.store_scu(files)
    server.wait_indexed(lambda health: health["instances"] == len(files))
    first = Scan.read(sorted((folder / "study1_FLAIR").glob("*.dcm")))
    second = Scan.read([path for path in files if "study2" in str(path)])
    frame = str(next(iter(first.images.values())).FrameOfReferenceUID)
    source, target = read_truth()
    truth = fitted(source, target)
    clicked, places = by_pixel(first, source)
    expected = places @ truth[:, :3].T + truth[:, 3]
    residual = np.linalg.norm(source @ truth[:, :3].T + truth[:, 3] - target, axis=1).max()
    for name, mean, most in (("AFFINE", None, AFFINE_MAX_MM), ("RIGID", RIGID_MEAN_MM, RIGID_MAX_MM)):
        (stored,) = server.store_rest([data("reg_independent") / f"openms_p01_{name}.dcm"])
        server.wait_indexed(lambda health: health["instances"] == len(files) + 1)
        print(check(server, second, by_point(frame, source), target).row(f"{name}, by point", mean, most))
        print(check(server, second, clicked, expected).row(f"{name}, by pixel", mean, most), flush=True)
        if name == "AFFINE":
            server.session.delete(f"/instances/{stored['ID']}").raise_for_status()
            server.wait_indexed(lambda health: health["instances"] == len(files))
    print(
        f"\nTruth of a pixel: affine map fitted to the {len(source)} CSV pairs, largest residual {residual:.4f} mm."
    )
    return [*by_point(frame, source), *clicked]


def synthetic(server: OrthancServer) -> None:
    """Two studies of a made patient: oblique, rows and columns of different size, a rotation between their frames."""
    angle = np.radians(12)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (11, -7, 5)
    scans, frames, files = [], [], []
    for spacing, gap, count in (((1.7, 0.6), 2.5, 30), ((0.5, 1.9), 1.0, 140)):
        study, series, frame = (pydicom.uid.generate_uid() for _ in range(3))
        across = np.cross(OBLIQUE[:3], OBLIQUE[3:])
        # the middle of the block is at the origin, and in the second study where the origin is mapped to
        middle = np.zeros(3) if not scans else matrix[:3, 3]
        size = (60, 170) if not scans else (400, 105)
        corner = (
            middle
            - np.array(OBLIQUE[:3]) * spacing[1] * size[1] / 2
            - np.array(OBLIQUE[3:]) * spacing[0] * size[0] / 2
        )
        images = [
            classic(
                corner + across * gap * (number - count / 2), OBLIQUE, spacing, Rows=size[0], Columns=size[1],
                PatientID=SYNTHETIC, StudyInstanceUID=study, SeriesInstanceUID=series, FrameOfReferenceUID=frame,
                InstanceNumber=number + 1, StudyDate=f"20{20 + len(scans)}0101",
            )
            for number in range(count)
        ]  # fmt: skip
        scans.append(Scan({image.SOPInstanceUID: image for image in images}))
        frames.append(frame)
        files += [as_file(image) for image in images]
    registration = write_registration(
        np.linalg.inv(matrix), source=RegisteredFrame(frames[1]), target=RegisteredFrame(frames[0]),
        reference=next(iter(scans[1].images.values())), authorship=Authorship(created=datetime(2021, 1, 1, tzinfo=UTC)),
    )  # fmt: skip
    before = server.health()["instances"]
    server.store_rest([*files, file_bytes(registration)])
    server.wait_indexed(lambda health: health["instances"] == before + len(files) + 1)
    points = np.random.default_rng(7).uniform(-25, 25, (REQUESTS, 3))
    questions, places = by_pixel(scans[0], points)
    expected = places @ matrix[:3, :3].T + matrix[:3, 3]
    print(
        check(server, scans[1], questions, expected).row(
            "synthetic, non-square, by pixel", None, AFFINE_MAX_MM
        )
    )


def while_storing(server: OrthancServer, questions: list[Question]) -> None:
    """The same questions, quiet and while 4 associations store without a pause: the same answers, bit for bit."""
    quiet = [ask(server, question) for question in questions]
    others = dicom_files("elastix_3dct_lung/dicom") + dicom_files("dcm_decubitus_mr")
    enough, sent = threading.Event(), 0

    def pour() -> None:
        nonlocal sent
        with server.new_session() as session:
            kept = set(session.get("/patients").json())
            while not enough.is_set():
                server.store_scu(others, associations=4)
                sent += len(others)
                for patient in set(session.get("/patients").json()) - kept:
                    session.delete(f"/patients/{patient}").raise_for_status()

    with ThreadPoolExecutor(1) as pool:
        storing = pool.submit(pour)
        try:
            busy = [ask(server, question) for question in questions]
        finally:
            enough.set()
        storing.result()
    different = sum(a != b for a, b in zip(quiet, busy, strict=True))
    verdict = "met" if not different else "MISSED"
    print(
        f"{len(questions)} requests, 4 associations storing {sent} instances: {different} other answers, no error: {verdict}"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name, OrthancServer(Path(name) / "orthanc") as server:
        print(
            "| registration | requests | mean error, mm | max, mm | target | pixel against highdicom, max mm | |"
        )
        print("|---|---|---|---|---|---|---|")
        questions = real(server)
        print(
            "\n| registration | requests | mean error, mm | max, mm | target | pixel against highdicom, max mm | |"
        )
        print("|---|---|---|---|---|---|---|")
        synthetic(server)
        print()
        while_storing(server, questions)
        health = server.health()
        versions = ", ".join(f"{key} {value}" for key, value in health["versions"].items())
        print(f"\n{versions}; state {health['state']}")


if __name__ == "__main__":
    main()
