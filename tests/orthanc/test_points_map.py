"""POST /points/map on a real server: the same places as resolve, rigid, affine, deformable, and along a path of two."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.builders import as_file
from tests.cases import volume
from tests.data import data, dicom_files
from tests.orthanc.server import OrthancServer

SAME_MM = 1e-9
QUIET = {"Longitudinal": {"AlignOnArrival": False}}


def store(server: OrthancServer, files: list[Any]) -> None:
    server.store_rest(files)
    stored = server.session.get("/statistics").json()["CountInstances"]
    server.wait_indexed(lambda health: health["instances"] == stored and not health["queued"], 20.0)


def map_points(server: OrthancServer, source: str, target: str, points: Any, **more: Any) -> dict[str, Any]:
    body = {"sourceFrameOfReferenceUid": source, "targetFrameOfReferenceUid": target, "points": points} | more
    answer = server.session.post("/imaging/points/map", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def resolve(server: OrthancServer, patient: str, frame: str, point: list[float]) -> dict[str, Any]:
    x, y, z = point
    question = {"patientId": patient, "frameOfReferenceUid": frame, "x": x, "y": y, "z": z}
    answer = server.session.post("/imaging/points/resolve", json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def assert_like_resolve(server: OrthancServer, patient: str, found: dict[str, Any], points: list[Any]) -> int:
    """Compare with resolve, the first points one by one; returns how many resolve found in an image of the target frame."""
    compared = 0
    source, target = found["sourceFrameOfReferenceUid"], found["targetFrameOfReferenceUid"]
    for point, mapped in zip(points, found["points"], strict=False):
        answer = resolve(server, patient, source, point)
        matches = [match for match in answer["matches"] if match["frameOfReferenceUid"] == target]
        if mapped["point"] is None:
            assert not matches
            assert mapped["reason"] in {item["reason"] for item in answer["unresolved"]}
        for match in matches:
            compared += 1
            assert mapped["point"] == pytest.approx([match["x"], match["y"], match["z"]], abs=SAME_MM, rel=0)
            same = ("uncertaintyMm", "uncertaintySource", "grade")
            assert [mapped[name] for name in same] == [match[name] for name in same]
            same = ("path", "alternatives", "method", "reviewed")
            assert [found[name] for name in same] == [match[name] for name in same]
    return compared


def frame_of(path: Path) -> tuple[str, str]:
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    return ds.PatientID, ds.FrameOfReferenceUID


@pytest.mark.parametrize("kind", ["RIGID", "AFFINE"])
def test_the_landmarks_of_a_head_go_where_resolve_leads(start_orthanc: Any, kind: str) -> None:
    server = start_orthanc(configuration=QUIET)
    store(
        server, [*dicom_files("openms_dicom/patient01"), data("reg_independent") / f"openms_p01_{kind}.dcm"]
    )
    truth = np.loadtxt(
        data("openms_dicom/patient01/truth_points_study1_to_study2_LPSmm.csv"), delimiter=",", skiprows=1
    )
    patient, first = frame_of(dicom_files("openms_dicom/patient01/study1_FLAIR")[0])
    _, second = frame_of(dicom_files("openms_dicom/patient01/study2_FLAIR")[0])
    points = truth[:, :3].tolist()
    found = map_points(server, first, second, points)
    assert found["method"] == kind.lower()
    mapped = np.array([one["point"] for one in found["points"]])
    assert np.linalg.norm(mapped - truth[:, 3:], axis=1).max() < 1.0
    assert assert_like_resolve(server, patient, found, points[:20]) >= 15
    back = map_points(server, second, first, mapped.tolist())
    assert np.array([one["point"] for one in back["points"]]) == pytest.approx(truth[:, :3], abs=1e-6)


def test_a_deformable_lung_and_a_path_of_two(start_orthanc: Any) -> None:
    server = start_orthanc(configuration=QUIET)
    lung = dicom_files("elastix_3dct_lung/dicom")
    patient, _ = frame_of(lung[0])
    other = volume(patient, [float(z) for z in range(-400, 400, 8)], Rows=100, Columns=100, PixelSpacing=[5, 5],
                   corner=(-250.0, -250.0))  # fmt: skip
    for ds in other:
        ds.PatientName = pydicom.dcmread(lung[0], stop_before_pixels=True).PatientName
    store(server, [*lung, data("reg_independent") / "elastix_lung_DEFORMABLE.dcm", *map(as_file, other)])
    baseline = frame_of(dicom_files("elastix_3dct_lung/dicom/baseline")[0])[1]
    followup = frame_of(dicom_files("elastix_3dct_lung/dicom/followup")[0])[1]
    third = other[0].FrameOfReferenceUID
    matrix = [[0, -1, 0, 12.5], [1, 0, 0, -3], [0, 0, 1, 4], [0, 0, 0, 1]]
    given = {"sourceFrameOfReferenceUid": third, "targetFrameOfReferenceUid": baseline, "matrix": matrix,
             "expectedErrorMm": 1.5, "patientId": patient}  # fmt: skip
    assert server.session.post("/imaging/transforms", json=given).status_code == 201
    landmarks = np.loadtxt(data("elastix_3dct_lung/landmarks_baseline_physical_mm.txt")).tolist()
    points = [*landmarks[:12], [5000.0, 0.0, 0.0]]
    there = map_points(server, baseline, followup, points)
    assert there["method"] == "deformable"
    assert there["points"][-1] == {
        "point": None, "reason": "outsideTransform", "uncertaintyMm": None, "uncertaintySource": "unknown",
        "grade": "unknown",
    }  # fmt: skip
    assert assert_like_resolve(server, patient, there, points) >= 10
    reached = [one["point"] for one in there["points"] if one["point"] is not None]
    back = map_points(server, followup, baseline, reached)
    assert assert_like_resolve(server, patient, back, reached) >= 10
    two = map_points(server, third, followup, [one["point"] for one in map_points(
        server, baseline, third, landmarks[:12])["points"]])  # fmt: skip
    assert len(two["path"]) == 2
    expected = map_points(server, baseline, followup, landmarks[:12])
    assert [one["point"] for one in two["points"]] == [
        pytest.approx(one["point"], abs=1e-6) if one["point"] else None for one in expected["points"]
    ]
    source_points = [one["point"] for one in map_points(server, baseline, third, landmarks[:12])["points"]]
    assert assert_like_resolve(server, patient, two, source_points) >= 10


def test_what_was_deleted_or_is_wrong_is_told(shared_server: OrthancServer) -> None:
    scans = [volume("MAPPED", [0.0, 2.0, 4.0], StudyDate=day) for day in ("20200101", "20210101")]
    store(shared_server, [as_file(ds) for scan in scans for ds in scan])
    first, second = (scan[0].FrameOfReferenceUID for scan in scans)
    unknown = map_points(shared_server, first, second, [[0, 0, 0]])
    assert (unknown["path"], unknown["reason"], unknown["points"][0]["reason"]) == (
        None, "needsAlignment", "needsAlignment",
    )  # fmt: skip
    matrix = [[1, 0, 0, 10], [0, 1, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1]]
    given = {"sourceFrameOfReferenceUid": second, "targetFrameOfReferenceUid": first, "matrix": matrix}
    made = shared_server.session.post("/imaging/transforms", json=given).json()["id"]
    found = map_points(shared_server, second, first, [[1, 2, 3]])
    assert found["points"][0]["point"] == pytest.approx([11, 22, 33])
    assert (found["path"], found["points"][0]["grade"]) == ([made], "unknown")
    shared_server.session.delete(f"/imaging/transforms/{made}").raise_for_status()
    assert map_points(shared_server, second, first, [[1, 2, 3]])["path"] is None
    wrong = {
        "sourceFrameOfReferenceUid": "1.2.3.4",
        "targetFrameOfReferenceUid": first,
        "points": [[0, 0, 0]],
    }
    answer = shared_server.session.post("/imaging/points/map", json=wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknownFrame")
    assert [error["field"] for error in answer.json()["errors"]] == ["/sourceFrameOfReferenceUid"]
