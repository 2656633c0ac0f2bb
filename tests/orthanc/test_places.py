"""Places on a real server: kept as reports that others read, found again without the sidecar, and marked as stale."""

import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from tests.builders import as_file
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import ANOTHER_HAND, OrthancServer
from tests.orthanc.test_transforms import FIRST, SECOND, THIRD, fill, give, scan, turned

KEPT_MM = 0.1
"""What a place may move by being kept: reports have float32."""
Json = dict[str, Any]


def keep(server: OrthancServer, status: int = 201, **body: object) -> Json:
    response = server.session.post("/imaging/places", json=body)
    assert response.status_code == status, response.text
    return response.json()


def listed(server: OrthancServer, patient: str = "P") -> Json:
    response = server.session.get("/imaging/places", params={"patientId": patient})
    assert response.status_code == 200, response.text
    return response.json()


def opened(server: OrthancServer, place: str) -> Json:
    response = server.session.get(f"/imaging/places/{place}")
    assert response.status_code == 200, response.text
    return response.json()


def keep_in_all(server: OrthancServer, place: str) -> Json:
    response = server.session.post(f"/imaging/places/{place}/studies", json={})
    assert response.status_code == 200, response.text
    return response.json()


def report_of(server: OrthancServer, orthanc_id: str) -> bytes:
    return server.session.get(f"/instances/{orthanc_id}/file").content


def image_at(server: OrthancServer, frame: str, z: float) -> str:
    """The SOP Instance UID of the slice of a frame at a height."""
    found = server.session.post(
        "/imaging/points/resolve",
        json={"patientId": "P", "frameOfReferenceUid": frame, "x": 0, "y": 0, "z": z},
    ).json()
    return next(m["sopInstanceUid"] for m in found["matches"] if m["frameOfReferenceUid"] == frame)


def faults(file: bytes, folder: Path) -> list[str]:
    """What dciodvfy finds wrong with a file."""
    path = folder / "report.dcm"
    path.write_bytes(file)
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]


@pytest.fixture
def three(start_orthanc: StartOrthanc) -> OrthancServer:
    """Three studies of a patient, the second and the third joined to the first by a transform each."""
    server = start_orthanc(script=ANOTHER_HAND)
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021), scan(THIRD, 2022), scan(None, 2023))
    give(server, matrix=turned().tolist(), expectedErrorMm=1.2)
    give(server, source=THIRD, matrix=np.eye(4).tolist())
    return server


def test_a_place_outlives_the_sidecar(three: OrthancServer, tmp_path: Path) -> None:
    image = image_at(three, FIRST, 4)
    clicked = {"sopInstanceUid": image, "row": 61.37, "column": 44.81}
    truth = three.session.post("/imaging/points/resolve", json=clicked).json()
    place = keep(three, name="seg VII", **clicked)
    kept = keep_in_all(three, place["id"])
    before = opened(three, place["id"])
    three.stop()
    sidecars = list((three.folder / "index").glob("longitudinal-*.sqlite*"))
    assert sidecars
    for path in sidecars:
        path.unlink()
    three.start()
    three.wait_indexed(lambda health: health["instances"] == 20 + 2 + 3)

    (found,) = listed(three)["places"]
    assert {report["id"] for report in found["reports"]} == {
        report["id"] for report in kept["place"]["reports"]
    }
    after = opened(three, place["id"])
    assert [after["answer"][name] for name in ("matches", "unresolved")] == [
        before["answer"][name] for name in ("matches", "unresolved")
    ]
    assert after["answer"]["matches"][0]["isSource"]
    for match in truth["matches"]:
        again = next(
            one for one in after["answer"]["matches"] if one["studyInstanceUid"] == match["studyInstanceUid"]
        )
        assert np.linalg.norm([again[axis] - match[axis] for axis in "xyz"]) < KEPT_MM
        assert again["sopInstanceUid"] == match["sopInstanceUid"]
    for report in found["reports"]:
        file = report_of(three, report["orthancInstanceId"])
        assert faults(file, tmp_path) == []
        read = highdicom.sr.srread(BytesIO(file))
        (group,) = read.content.get_planar_roi_measurement_groups(tracking_uid=place["trackingUid"])
        assert group.tracking_identifier == "seg VII"
        stated = group.roi.value[0]
        assert group.roi.frame_of_reference_uid == report["frameOfReferenceUid"]
        match = next(m for m in truth["matches"] if m["studyInstanceUid"] == report["studyInstanceUid"])
        assert np.linalg.norm(stated - [match[axis] for axis in "xyz"]) < KEPT_MM


def test_the_persons_report_and_the_plugins(three: OrthancServer) -> None:
    place = keep(three, name="seg VII", sopInstanceUid=image_at(three, FIRST, 4), row=61, column=44)
    (report,) = place["reports"]
    assert (report["saidBy"], report["label"], report["path"]) == ("person", "seg VII", [])
    kept = keep_in_all(three, place["id"])
    person, measured, unmeasured = kept["place"]["reports"]
    assert person["id"] == report["id"]
    (first, second) = sorted(
        three.session.get("/imaging/transforms", params={"patientId": "P"}).json()["transforms"],
        key=lambda one: one["expectedErrorMm"] is None,
    )
    assert measured["label"] == f"seg VII (mapped by {first['id']}, error 1.2 mm)"
    assert (measured["saidBy"], measured["path"]) == ("plugin", [first["id"]])
    assert measured["uncertaintyMm"] == pytest.approx(1.2)
    assert unmeasured["label"] == f"seg VII (mapped by {second['id']}, error not measured)"
    assert unmeasured["uncertaintyMm"] is None
    assert {one["reason"] for one in kept["notKept"]} == {"statedAlready", "needsAlignment"}
    # what is kept already is not written again
    again = keep_in_all(three, place["id"])
    assert again["place"]["reports"] == kept["place"]["reports"]


@pytest.mark.parametrize("how", ["rejected", "deleted", "replaced"])
def test_exactly_what_came_through_a_transform_is_stale(three: OrthancServer, how: str) -> None:
    place = keep(three, name="seg VII", sopInstanceUid=image_at(three, FIRST, 4), row=61, column=44)
    other = keep(three, name="liver", sopInstanceUid=image_at(three, FIRST, 6), row=50, column=50)
    reports = [
        *keep_in_all(three, place["id"])["place"]["reports"],
        *keep_in_all(three, other["id"])["place"]["reports"],
    ]
    transform = next(one["path"][0] for one in reports if one["uncertaintyMm"] is not None)
    through = {one["id"] for one in reports if transform in one["path"]}
    assert len(through) == 2
    if how == "rejected":
        three.session.post(
            f"/imaging/transforms/{transform}/review", json={"decision": "rejected"}
        ).raise_for_status()
    elif how == "deleted":
        three.session.delete(f"/imaging/transforms/{transform}").raise_for_status()
    else:
        better = turned()
        better[:2, 3] += 0.5
        give(three, matrix=better.tolist(), expectedErrorMm=0.4)
    stale = {
        one["id"]: one["stale"]
        for place in listed(three)["places"]
        for one in place["reports"]
        if one["stale"]
    }
    assert set(stale) == through
    assert {one["reason"] for one in stale.values()} == {f"transform{how.capitalize()}"}

    renewed = keep_in_all(three, place["id"])
    if how == "replaced":
        assert renewed["place"]["stale"] == 0
        assert len(renewed["place"]["reports"]) == 3
    else:
        study = next(one["studyInstanceUid"] for one in reports if one["id"] in through)
        removed = three.session.delete(f"/imaging/places/{place['id']}/studies/{study}").json()
        assert removed["stale"] == 0
        assert len(removed["reports"]) == 2
    assert listed(three)["total"] == 2


def test_renamed_and_deleted(three: OrthancServer) -> None:
    place = keep(three, name="seg VII", sopInstanceUid=image_at(three, FIRST, 4), row=61, column=44)
    before = keep_in_all(three, place["id"])["place"]
    renamed = three.session.put(f"/imaging/places/{place['id']}", json={"name": " <b>Läsion</b> 2 "}).json()
    assert renamed["name"] == "<b>Läsion</b> 2"
    assert [one["label"].startswith("<b>Läsion</b> 2") for one in renamed["reports"]] == [True] * 3
    for old, new in zip(before["reports"], renamed["reports"], strict=True):
        assert [old[key] for key in ("x", "y", "z", "path", "createdBy", "createdAt")] == [
            new[key] for key in ("x", "y", "z", "path", "createdBy", "createdAt")
        ]
        assert three.session.get(f"/instances/{old['orthancInstanceId']}").status_code == 404
    removed = three.session.delete(f"/imaging/places/{place['id']}").json()
    assert (len(removed["deleted"]), removed["left"]) == (3, [])
    assert listed(three)["places"] == []
    assert three.session.get(f"/imaging/places/{place['id']}").status_code == 404
    assert three.session.get("/statistics").json()["CountInstances"] == 20 + 2


def test_a_rename_that_was_interrupted_loses_nothing(three: OrthancServer) -> None:
    """Orthanc has the new report and still the old one."""
    place = keep(three, name="seg VII", sopInstanceUid=image_at(three, FIRST, 4), row=61, column=44)
    old = report_of(three, place["reports"][0]["orthancInstanceId"])
    three.session.put(f"/imaging/places/{place['id']}", json={"name": "seg VIII"}).raise_for_status()
    three.store_rest([old])
    three.wait_indexed(lambda health: health["instances"] == 20 + 2 + 2)
    (found,) = listed(three)["places"]
    assert (found["name"], len(found["reports"])) == ("seg VIII", 1)
    three.session.put(f"/imaging/places/{place['id']}", json={"name": "seg VI"}).raise_for_status()
    assert three.session.get("/statistics").json()["CountInstances"] == 20 + 2 + 1


def test_images_without_a_frame_of_reference(three: OrthancServer) -> None:
    """A pixel of theirs is kept as a pixel."""
    studies = [three.session.get(f"/studies/{one}").json() for one in three.session.get("/studies").json()]
    (study,) = [one for one in studies if one["MainDicomTags"]["StudyDate"] == "20230101"]
    image = three.session.get(f"/studies/{study['ID']}/instances").json()[0]
    uid = image["MainDicomTags"]["SOPInstanceUID"]
    place = keep(three, name="seg VII", sopInstanceUid=uid, row=12.25, column=30.75)
    assert place["frameOfReferenceUid"].startswith("series:")
    (report,) = place["reports"]
    assert report["image"] == {"sopInstanceUid": uid, "frameNumber": 1, "row": 12.25, "column": 30.75}
    (match,) = [one for one in opened(three, place["id"])["answer"]["matches"] if one["isSource"]]
    assert (match["row"], match["column"]) == pytest.approx((12.25, 30.75), abs=1e-4)


def test_reports_of_others(three: OrthancServer) -> None:
    place = keep(three, name="seg VII", sopInstanceUid=image_at(three, FIRST, 4), row=61, column=44)
    theirs = pydicom.dcmread(BytesIO(report_of(three, place["reports"][0]["orthancInstanceId"])))
    theirs.Manufacturer, theirs.SOPInstanceUID, theirs.SeriesInstanceUID = (
        "Other",
        generate_uid(),
        generate_uid(),
    )
    theirs.file_meta.MediaStorageSOPInstanceUID = theirs.SOPInstanceUID
    three.store_rest([as_file(theirs)])
    three.wait_indexed(lambda health: health["instances"] == 20 + 2 + 2)
    (found,) = listed(three)["places"]
    assert sorted((one["saidBy"], one["manufacturer"]) for one in found["reports"]) == [
        ("other", "Other"), ("person", "orthanc-longitudinal")
    ]  # fmt: skip
    removed = three.session.delete(f"/imaging/places/{place['id']}").json()
    assert removed["left"] == [theirs.SOPInstanceUID]
    (found,) = listed(three)["places"]
    assert (found["isOwn"], found["createdBy"]) == (False, found["reports"][0]["createdBy"])
    assert three.session.delete(f"/imaging/places/{place['id']}").status_code == 409
