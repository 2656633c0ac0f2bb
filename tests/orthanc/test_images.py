"""Pictures of frames, as a browser fetches them."""

from urllib.parse import urljoin

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from longitudinal.dicom.registration.writer import file_bytes
from tests.builders import as_file, change, classic, dataset, dose, segmentation
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

PNG = b"\x89PNG"
JPEG = b"\xff\xd8"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"


@pytest.fixture
def loaded(server: OrthancServer) -> OrthancServer:
    files = dicom_files("dcm_philips_classic_vs_enhanced") + dicom_files("openms_dicom/patient01")
    server.store_rest(files)
    server.wait_indexed(lambda health: health["instances"] == len(files))
    return server


def ask(server: OrthancServer, uid: str, frame: int = 1) -> dict:
    question = {"sopInstanceUid": uid, "frameNumber": frame, "row": 20, "column": 30, "per": "series"}
    response = server.session.post("/imaging/points/resolve", json=question)
    assert response.status_code == 200, response.text
    return next(match for match in response.json()["matches"] if match["isSource"])


def test_the_links_of_a_match_show_the_match(loaded: OrthancServer) -> None:
    enhanced = next(
        path
        for path in dicom_files("dcm_philips_classic_vs_enhanced")
        if "NumberOfFrames" in pydicom.dcmread(path, stop_before_pixels=True)
    )
    for path, frame in ((enhanced, 17), (dicom_files("openms_dicom/patient01")[5], 1)):
        match = ask(loaded, pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID, frame)
        assert match["frameNumber"] == frame
        followed = loaded.session.get(match["links"]["frame"])
        assert followed.content[:4] == PNG
        expected = f"/instances/{match['orthancInstanceId']}/frames/{frame - 1}/preview"
        assert followed.url.endswith(expected)
        assert loaded.session.get(match["links"]["preview"]).content[:4] == PNG


def test_every_frame_of_a_study_is_shown_once_and_not_one_more(loaded: OrthancServer) -> None:
    study = loaded.session.get("/imaging/studies", params={"patientId": "OPENMS_P01"}).json()["studies"][0]
    seen = set()
    for index in range(study["instances"]):
        address = f"/imaging/studies/{study['studyInstanceUid']}/frames/{index}"
        seen.add(loaded.session.get(address, allow_redirects=False).headers["Location"])
    assert len(seen) == study["instances"]
    beyond = loaded.session.get(f"/imaging/studies/{study['studyInstanceUid']}/frames/{study['instances']}")
    assert beyond.status_code == 404
    assert beyond.json()["errors"][0]["detail"] == f"must be from 0 to {study['instances'] - 1}"
    for wrong in ("x", "-1", "1.5", "٣", "9" * 5000):
        answer = loaded.session.get(f"/imaging/studies/{study['orthancStudyId']}/frames/{wrong}")
        assert answer.status_code == 400, wrong[:10]
        assert answer.json()["errors"][0]["field"] == "index"


def test_frames_without_a_place_come_after_those_with_one(loaded: OrthancServer) -> None:
    dataset = pydicom.dcmread(dicom_files("openms_dicom/patient01")[0])
    del dataset.ImagePositionPatient
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    before = loaded.health()["instances"]
    (stored,) = loaded.store_rest([file_bytes(dataset)])
    loaded.wait_indexed(lambda health: health["instances"] == before + 1)
    detail = loaded.session.get(f"/imaging/studies/{dataset.StudyInstanceUID}").json()
    placed = sum(series["planes"] for series in detail["series"])
    last = loaded.session.get(f"/imaging/studies/{dataset.StudyInstanceUID}/frames/{placed}")
    assert f"/instances/{stored['ID']}/" in last.url


def test_preview_by_uid_or_id_with_a_window_and_a_width(loaded: OrthancServer) -> None:
    uid = pydicom.dcmread(dicom_files("openms_dicom/patient01")[5], stop_before_pixels=True).SOPInstanceUID
    plain = loaded.session.get(f"/imaging/instances/{uid}/preview")
    assert plain.content[:4] == PNG
    small = loaded.session.get(f"/imaging/instances/{uid}/preview", params={"width": 64, "window": "100,300"})
    assert small.content[:4] == PNG
    assert int.from_bytes(small.content[16:20]) == 64
    wrong = loaded.session.get(f"/imaging/instances/{uid}/preview", params={"width": 0, "window": "a"})
    assert {error["field"] for error in wrong.json()["errors"]} == {"width", "window"}
    assert loaded.session.get("/imaging/instances/1.2.3/preview").status_code == 404


def test_quality_is_that_of_the_jpeg_a_client_asks_for(loaded: OrthancServer) -> None:
    uid = pydicom.dcmread(dicom_files("openms_dicom/patient01")[20], stop_before_pixels=True).SOPInstanceUID
    coarse, fine = (
        loaded.session.get(
            f"/imaging/instances/{uid}/preview", params={"quality": quality}, headers={"Accept": "image/jpeg"}
        ).content
        for quality in (10, 95)
    )
    assert coarse[:2] == fine[:2] == JPEG
    assert len(coarse) < len(fine)


def test_an_instance_that_is_stored_twice_is_not_guessed(loaded: OrthancServer) -> None:
    twice = pydicom.dcmread(dicom_files("openms_dicom/patient01")[5])
    before = loaded.health()["instances"]
    twice.PatientID = "ANOTHER"
    (second,) = loaded.store_rest([file_bytes(twice)])
    loaded.wait_indexed(lambda health: health["instances"] == before + 1)
    answer = loaded.session.get(f"/imaging/instances/{twice.SOPInstanceUID}/preview")
    assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous")
    assert len(answer.json()["orthancIds"]) == 2
    assert second["ID"] in answer.json()["orthancIds"]
    for orthanc_id in answer.json()["orthancIds"]:
        assert loaded.session.get(f"/imaging/instances/{orthanc_id}/preview").content[:4] == PNG


def test_a_study_without_frames_says_so(loaded: OrthancServer) -> None:
    before = loaded.health()["instances"]
    report = dataset(BASIC_TEXT_SR, "SR", Rows=None, Columns=None, NumberOfFrames=None)
    loaded.store_rest([as_file(report)])
    loaded.wait_indexed(lambda health: health["instances"] == before + 1)
    answer = loaded.session.get(f"/imaging/studies/{report.StudyInstanceUID}/frames/0")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "the study has no frames"


def test_redirects_are_relative(loaded: OrthancServer) -> None:
    """Behind a proxy that serves this Orthanc under /pacs/, the browser must stay under /pacs/."""
    uid = pydicom.dcmread(dicom_files("openms_dicom/patient01")[5], stop_before_pixels=True).SOPInstanceUID
    answer = loaded.session.get(f"/imaging/instances/{uid}/preview", allow_redirects=False)
    seen_by_browser = f"https://hospital/pacs/imaging/instances/{uid}/preview"
    assert urljoin(seen_by_browser, answer.headers["Location"]).startswith("https://hospital/pacs/instances/")
    assert answer.headers["Cache-Control"] == "private, no-cache"  # a UID can come to name another instance


def without_picture(name: str) -> Dataset:
    if name == "dose without NumberOfFrames":
        return change(
            dose((0.0,)), {"NumberOfFrames": None, "BitsAllocated": 32, "PixelData": bytes(8 * 6 * 4)}
        )
    if name == "dose":
        return dose()
    if name == "segmentation":
        return segmentation([(0, 0, 0), (0, 0, 1)], [1])
    if name == "floats":
        made = classic(PixelData=None)
        made.add_new("FloatPixelData", "OF", bytes(8 * 6 * 4))
        return made
    if name == "overlay without its size":
        made = classic()
        made.add_new(0x60003000, "OW", bytes(8))
        return made
    changed = {
        "one bit": {"BitsAllocated": 1},
        "large": {"Rows": 10_000, "Columns": 10_000},
        "no pixels": {"PixelData": None},
    }
    return classic(**changed[name])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("dose without NumberOfFrames", "dose"), ("dose", "dose"), ("segmentation", "segmentation"), ("floats", "float"),
        ("overlay without its size", "(6000,0010)"), ("one bit", "BitsAllocated is 1"), ("large", "10000"),
        ("no pixels", "PixelData"),
    ],
)  # fmt: skip
def test_no_browser_is_sent_to_what_orthanc_cannot_draw(
    shared_server: OrthancServer, name: str, why: str
) -> None:
    made = change(
        without_picture(name), {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    )
    before = shared_server.session.get("/statistics").json()["CountInstances"]
    shared_server.store_rest([as_file(made)])
    shared_server.wait_indexed(lambda health: health["instances"] == before + 1, 10)
    addresses = [f"/imaging/instances/{made.SOPInstanceUID}/preview"]
    if name != "no pixels":  # which has no frames
        addresses.append(f"/imaging/studies/{made.StudyInstanceUID}/frames/0")
    for address in addresses:
        answer = shared_server.session.get(address, allow_redirects=False)
        assert (answer.status_code, answer.json()["code"]) == (422, "noPicture")
        assert why in answer.json()["errors"][0]["detail"]
    assert shared_server.session.get("/system").ok
