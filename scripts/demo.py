"""A demo patient on the running server, and the one question asked about it: `make demo`.

Three examinations of one brain, each with its own Frame of Reference, and the transforms between them as Spatial
Registration objects. The motion is known, so the answer can be checked. If it runs again, it stores nothing twice.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from demo_brain import (
    LESION,
    NOTE,
    TIME_POINTS,
    TimePoint,
    make_images,
    patient_and_study,
    read_template,
    uid,
)
from numpy.typing import NDArray
from pydicom import Dataset
from run import ROOT
from running_server import RunningServer

sys.path.insert(0, str(ROOT / "plugin"))

from longitudinal.dicom.registration.authorship import MATRIX, Authorship, RegistrationType
from longitudinal.dicom.registration.registered_frame import ReferencedImage, RegisteredFrame
from longitudinal.dicom.registration.writer import file_bytes, write_registration

WHEEL_FOLDER = ROOT / "var" / "demo"
REQUIREMENTS = ROOT / "scripts" / "demo-requirements.txt"
INDEXED_SECONDS = 30.0
TOLERANCE_MM = 0.01
"""Allows for decimal strings of 16 characters, and for row and column rounded in the curl line."""


def fetch_wheel() -> Path:
    """Return the wheel that holds the template, fetched by pip the first time (12 MB)."""
    WHEEL_FOLDER.mkdir(parents=True, exist_ok=True)
    wheels = list(WHEEL_FOLDER.glob("nilearn-*.whl"))
    if not wheels:
        print("Fetching the ICBM 152 template (12 MB, once) ...", flush=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--require-hashes", "--requirement", str(REQUIREMENTS), "--dest", str(WHEEL_FOLDER)]
        if subprocess.run(command).returncode != 0:
            sys.exit("make demo: pip could not fetch the template; the network is needed once")
        wheels = list(WHEEL_FOLDER.glob("nilearn-*.whl"))
    return wheels[0]


def registrations(images: dict[int, list[Dataset]]) -> Iterator[bytes]:
    """Write, for each later examination, the transform into the one before it."""
    for target, source in itertools.pairwise(TIME_POINTS):
        matrix = target.patient_from_template @ np.linalg.inv(source.patient_from_template)
        dataset = write_registration(
            matrix,
            source=_frame(source, images[source.number][0]),
            target=_frame(target, images[target.number][0]),
            reference=patient_and_study(source),
            authorship=Authorship(
                created=source.when,
                content_label=MATRIX,  # given: no check of automatic alignments decides on it
                content_description="SYNTHETIC: the motion the images were made with",
                registration_type=RegistrationType.EQUIPMENT,
            ),
            entropy=[uid("given registration", target.number, source.number)],
        )
        yield file_bytes(dataset)


def _frame(time_point: TimePoint, image: Dataset) -> RegisteredFrame:
    reference = ReferencedImage(
        study_instance_uid=time_point.study_uid,
        series_instance_uid=image.SeriesInstanceUID,
        sop_class_uid=image.SOPClassUID,
        sop_instance_uid=image.SOPInstanceUID,
    )
    return RegisteredFrame(time_point.frame_of_reference_uid, (reference,))


def content_of(image: Dataset) -> bytes:
    """Return an image as a DICOM file."""
    file = BytesIO()
    pydicom.dcmwrite(file, image, enforce_file_format=True)
    return file.getvalue()


def store_all(server: RunningServer, images: dict[int, list[Dataset]]) -> dict[int, str]:
    """Store the images, then the transforms; return {time point: Orthanc id of an image}."""
    everything = [(number, content_of(image)) for number, some in images.items() for image in some]
    everything += [(0, content) for content in registrations(images)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda each: server.store(each[1]), everything))
    refused = [answer.status for answer in answers if not answer.is_there]
    if refused:
        sys.exit(
            f"make demo: the server stored {len(answers) - len(refused)} of {len(answers)} objects: {refused[0]}"
        )
    new = sum(answer.is_new for answer in answers)
    print(f"{len(answers)} objects: {new} stored, {len(answers) - new} there already.")
    return {number: answer.orthanc_id for (number, _), answer in zip(everything, answers, strict=True)}


def moved(matrix: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map one point (3,), mm."""
    return np.asarray(matrix[:3, :3] @ point + matrix[:3, 3])


def make_question(images: list[Dataset]) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Return a click on the lesion in the first examination, and the clicked point, LPS mm."""
    lesion = moved(TIME_POINTS[0].patient_from_template, LESION)
    image = min(images, key=lambda each: abs(float(each.ImagePositionPatient[2]) - lesion[2]))
    corner = np.array([float(value) for value in image.ImagePositionPatient])
    column, row = np.round(
        (lesion - corner)[:2] / [float(image.PixelSpacing[1]), float(image.PixelSpacing[0])], 1
    )
    point = corner + [column * float(image.PixelSpacing[1]), row * float(image.PixelSpacing[0]), 0.0]
    return {"sopInstanceUid": str(image.SOPInstanceUID), "row": float(row), "column": float(column)}, point


def ask(server: RunningServer, question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer, once it has a match in every examination."""
    deadline = time.monotonic() + INDEXED_SECONDS
    while True:
        response = server.session.post(f"{server.url}/imaging/points/resolve", json=question, timeout=10)
        answer: dict[str, Any] = response.json()
        if len(answer.get("matches", [])) == len(TIME_POINTS):
            return answer
        if time.monotonic() > deadline:
            print(json.dumps(answer, indent=2))
            sys.exit(f"make demo: no match in every examination within {INDEXED_SECONDS:.0f} s")
        time.sleep(0.2)


def check(answer: dict[str, Any], clicked: NDArray[np.float64], images: dict[int, list[Dataset]]) -> float:
    """Print each match with its error; return the largest error, mm."""
    template = moved(np.linalg.inv(TIME_POINTS[0].patient_from_template), clicked)
    by_uid = {image.SOPInstanceUID: image for some in images.values() for image in some}
    errors = []
    print("\n  date        slice    row  column   off plane   uncertainty    error against the truth")
    for time_point in TIME_POINTS:
        match = next(each for each in answer["matches"] if each["studyInstanceUid"] == time_point.study_uid)
        truth = moved(time_point.patient_from_template, template)
        errors += [float(np.linalg.norm([match["x"], match["y"], match["z"]] - truth))]
        image = by_uid[match["sopInstanceUid"]]
        corner = np.array([float(value) for value in image.ImagePositionPatient])
        spacing = [float(value) for value in image.PixelSpacing]
        shown = corner + [match["column"] * spacing[1], match["row"] * spacing[0], match["distanceMm"]]
        errors += [float(np.linalg.norm(shown - truth))]
        known = match["uncertaintyMm"]
        print(
            f"  {match['studyDate']}  {match['sliceIndex']:5d}  {match['row']:5.1f}  {match['column']:6.1f}  "
            f"{match['distanceMm']:6.2f} mm   {'not measured' if known is None else f'{known:.1f} mm':12}   "
            f"{max(errors[-2:]):.5f} mm"
        )
    return max(errors)


def timeline_link(server: RunningServer, question: dict[str, Any]) -> str:
    """Return the address of the timeline page, at the clicked pixel."""
    return f"{server.url}/imaging/app/?point={question['sopInstanceUid']},1,{question['row']},{question['column']}"


def print_links(
    server: RunningServer, question: dict[str, Any], answer: dict[str, Any], ids: dict[int, str]
) -> None:
    """Print the links; OHIF opens all three examinations in one window."""
    patient = server.session.get(f"{server.url}/instances/{ids[1]}/patient", timeout=10).json()["ID"]
    print(f"\nView it:\n  Timeline    {timeline_link(server, question)}")
    for match in answer["matches"]:
        print(f"  {match['studyDate']}  {server.url}{match['links']['frame']}")
    print(f"  Orthanc     {server.url}/app/explorer.html#patient?uuid={patient}")
    ohif = answer["matches"][0]["links"]["ohif"]
    if ohif is not None:
        # opens at the clicked image, the other examinations in the list beside it
        studies = ",".join(time_point.study_uid for time_point in TIME_POINTS)
        page, _, first = ohif.partition("?")
        print(f"  OHIF        {server.url}{page}?{first.replace(TIME_POINTS[0].study_uid, studies, 1)}")


def main() -> None:
    """Make, store, ask, check."""
    server = RunningServer()
    server.check()
    template = read_template(fetch_wheel())
    images = {each.number: list(make_images(each, template)) for each in TIME_POINTS}
    print(f"DEMO^SYNTHETIC: {len(images)} examinations, {sum(map(len, images.values()))} images. {NOTE}")
    ids = store_all(server, images)
    question, clicked = make_question(images[1])
    answer = ask(server, question)
    print(f"\nSee it over the years, in a browser: {timeline_link(server, question)}")
    print("\nThe lesion's centre, clicked in the first examination, in all of them:")
    print(
        f"\n  curl --user {server.curl_user} -H 'Content-Type: application/json' \\\n"
        f"    --data '{json.dumps(question)}' \\\n    {server.url}/imaging/points/resolve\n"
    )
    print(json.dumps(answer, indent=2))
    error = check(answer, clicked, images)
    print_links(server, question, answer, ids)
    if error > TOLERANCE_MM:
        sys.exit(f"make demo: WRONG by {error:.3f} mm")
    print(f"\nAll three agree with the known motion to {TOLERANCE_MM} mm.")


if __name__ == "__main__":
    main()
