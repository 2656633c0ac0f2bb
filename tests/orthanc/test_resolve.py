"""The whole of resolve on a real server: batches, patients without an id, series without a frame of reference."""

from pathlib import Path
from typing import Any

import pydicom
import pytest

from longitudinal.dicom.registration.writer import file_bytes
from tests.builders import as_file, classic
from tests.data import data, dicom_files
from tests.orthanc.server import OrthancServer

TILTED = "dcm_dicom2nifti_geometry/failing/gantrytilting/001"


def ask(server: OrthancServer, question: dict[str, Any], status: int = 200) -> dict[str, Any]:
    response = server.session.post("/imaging/points/resolve", json=question)
    assert response.status_code == status, response.text
    return response.json()


def store(server: OrthancServer, files: list[Path] | list[bytes]) -> None:
    before = server.health()["instances"]
    server.store_rest(files)
    server.wait_indexed(lambda health: health["instances"] == before + len(files))


def changed(path: Path, **tags: str) -> bytes:
    dataset = pydicom.dcmread(path)
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return file_bytes(dataset)


@pytest.fixture(scope="module")
def baseline() -> list[Path]:
    return dicom_files("elastix_3dct_lung/dicom/baseline")


def test_a_batch_answers_each_point_or_says_what_is_wrong_with_it(
    server: OrthancServer, baseline: list[Path]
) -> None:
    store(server, list(baseline))
    uid = pydicom.dcmread(baseline[10], stop_before_pixels=True).SOPInstanceUID
    good = {"sopInstanceUid": uid, "row": 30, "column": 20.5}
    points = [
        good,
        {"sopInstanceUid": "1.2.3", "row": 1, "column": 1},
        {**good, "row": 4000},
        {**good, "row": "x", "colour": 1, "column": None, "per": "year"},
        good,
    ]
    answers = ask(server, {"points": points})["results"]
    assert [answer.get("code") for answer in answers] == [
        None, "notFound", "outsideImage", "invalidRequest", None,
    ]  # fmt: skip
    assert answers[0] == answers[4] == ask(server, good)
    named = {error["field"] for error in answers[3]["errors"]}
    assert {"/points/3/row", "/points/3/colour", "/points/3/per"} <= named


def test_a_thousand_points_and_not_one_more(server: OrthancServer, baseline: list[Path]) -> None:
    store(server, list(baseline))
    uid = pydicom.dcmread(baseline[10], stop_before_pixels=True).SOPInstanceUID
    points = [{"sopInstanceUid": uid, "row": number % 70, "column": number % 50} for number in range(1000)]
    answers = ask(server, {"points": points})["results"]
    assert len(answers) == 1000
    assert all(answer["matches"][0]["isSource"] for answer in answers)
    refused = ask(server, {"points": [*points, points[0]]}, status=400)
    assert refused["errors"][0]["field"] == "/points"


def test_a_batch_whose_answer_nobody_could_use_is_refused_with_the_numbers(server: OrthancServer) -> None:
    files = [
        as_file(classic(PatientID="MANY", StudyInstanceUID=f"1.2.9.{number}", FrameOfReferenceUID="1.2.9"))
        for number in range(51)
    ]  # fmt: skip
    store(server, files)
    point = {"patientId": "MANY", "frameOfReferenceUid": "1.2.9", "x": 0, "y": 0, "z": 0}
    refused = ask(server, {"points": [point] * 1000}, status=413)
    assert refused["code"] == "answerTooLarge"
    assert "1000 points x up to 51" in refused["detail"]
    assert "Send 980 such points" in refused["detail"]
    assert len(ask(server, {"points": [point] * 980})["results"]) == 980
    assert (
        len(ask(server, {"points": [{**point, "studyInstanceUids": ["1.2.9.1"]}] * 1000})["results"]) == 1000
    )


def test_filters_beside_points_are_refused_by_name(server: OrthancServer) -> None:
    refused = ask(server, {"points": [], "per": "series", "row": 3}, status=400)
    assert {error["field"] for error in refused["errors"]} == {"/per", "/row"}


def test_studies_without_a_patient_id_are_patients_of_their_own(
    server: OrthancServer, baseline: list[Path]
) -> None:
    """Orthanc puts them all into one patient; joining them would show one person's scan as another's."""
    first = [changed(path, PatientID="") for path in baseline[:4]]
    second = [
        changed(
            path,
            PatientID="",
            StudyInstanceUID="1.2.77",
            SeriesInstanceUID="1.2.77.1",
            SOPInstanceUID=f"1.2.77.1.{n}",
        )
        for n, path in enumerate(baseline[:4], 1)
    ]
    store(server, [*first, *second])
    answer = ask(server, {"sopInstanceUid": "1.2.77.1.2", "row": 5, "column": 5})
    assert answer["point"]["patientId"] == "study:1.2.77"
    assert [match["studyInstanceUid"] for match in answer["matches"]] == ["1.2.77"]
    assert answer["unresolved"] == []
    again = ask(server, answer["point"])
    assert again["matches"][0]["sopInstanceUid"] == "1.2.77.1.2"


def test_a_series_without_frame_of_reference_is_a_frame_of_its_own(server: OrthancServer) -> None:
    files = sorted(path for path in data(TILTED).rglob("*") if path.is_file())
    store(server, files)
    middle = pydicom.dcmread(files[len(files) // 2], stop_before_pixels=True)
    assert "FrameOfReferenceUID" not in middle
    answer = ask(server, {"sopInstanceUid": middle.SOPInstanceUID, "row": 100, "column": 90.5})
    assert answer["point"]["frameOfReferenceUid"] == f"series:{middle.SeriesInstanceUID}"
    again = ask(server, answer["point"])
    match = again["matches"][0]
    assert match["sopInstanceUid"] == middle.SOPInstanceUID
    assert (match["row"], match["column"]) == pytest.approx((100, 90.5), abs=1e-6)


def test_classic_and_enhanced_answer_the_same_place(server: OrthancServer) -> None:
    """One acquisition as 40 files and as one multi-frame file; both came with one SeriesInstanceUID."""
    files = dicom_files("dcm_philips_classic_vs_enhanced")
    read = [pydicom.dcmread(path, stop_before_pixels=True) for path in files]
    store(
        server,
        [
            changed(path, SeriesInstanceUID="1.2.99") if "NumberOfFrames" in dataset else path.read_bytes()
            for path, dataset in zip(files, read, strict=True)
        ],
    )
    classic = [dataset for dataset in read if "NumberOfFrames" not in dataset]
    clicked = classic[len(classic) // 2]
    answer = ask(
        server, {"sopInstanceUid": clicked.SOPInstanceUID, "row": 33.25, "column": 44.5, "per": "series"}
    )
    enhanced = {dataset.SOPInstanceUID for dataset in read if "NumberOfFrames" in dataset}
    (twin,) = [match for match in answer["matches"] if match["sopInstanceUid"] in enhanced]
    assert (twin["row"], twin["column"]) == pytest.approx((33.25, 44.5), abs=1e-6)
    assert abs(twin["distanceMm"]) < 1e-6
    back = ask(
        server,
        {
            "sopInstanceUid": twin["sopInstanceUid"],
            "frameNumber": twin["frameNumber"],
            "row": 33.25,
            "column": 44.5,
            "per": "series",
        },
    )
    (home,) = [match for match in back["matches"] if match["sopInstanceUid"] not in enhanced]
    assert home["sopInstanceUid"] == clicked.SOPInstanceUID
