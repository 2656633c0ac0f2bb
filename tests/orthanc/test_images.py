"""Pictures of frames, as a browser fetches them."""

from urllib.parse import urljoin

import pydicom
import pytest

from longitudinal.dicom.registration_writer import file_bytes
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

PNG = b"\x89PNG"


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
    assert loaded.session.get(f"/imaging/studies/{study['orthancStudyId']}/frames/x").status_code == 400


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


def test_redirects_are_relative(loaded: OrthancServer) -> None:
    """Behind a proxy that serves this Orthanc under /pacs/, the browser must stay under /pacs/."""
    uid = pydicom.dcmread(dicom_files("openms_dicom/patient01")[5], stop_before_pixels=True).SOPInstanceUID
    answer = loaded.session.get(f"/imaging/instances/{uid}/preview", allow_redirects=False)
    seen_by_browser = f"https://hospital/pacs/imaging/instances/{uid}/preview"
    assert urljoin(seen_by_browser, answer.headers["Location"]).startswith("https://hospital/pacs/instances/")
    assert "immutable" in answer.headers["Cache-Control"]
