"""Given transforms on a real server: each becomes a registration object, is used at once, judged and taken away."""

import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import generate_uid
from pydicomrt.reg.parser import get_spatial_registrations

from tests.builders import as_file, classic
from tests.data import data, dicom_files
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import ANOTHER_HAND, OrthancServer

FIRST, SECOND, THIRD = "1.2.3.100", "1.2.3.200", "1.2.3.300"
DECIMAL_STRING_MM = 1e-6
LANDMARKS = [[0, 0, 0], [50, 0, 0], [0, 60, 0], [0, 0, 40], [30, 30, 30]]
Json = dict[str, Any]


def turned() -> np.ndarray:
    """A rotation of 30 degrees about z and a shift: second frame -> first."""
    matrix = np.eye(4)
    angle = np.radians(30)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (3, -4, 5)
    return matrix


def scan(frame: str | None, year: int, patient: str = "P", slices: int = 5) -> list[bytes]:
    """An axial study with slices of 100 x 100 mm at z = 0, 2, ..."""
    study, series = (
        f"1.2.4.{patient.encode().hex()}.{year}".replace("a", "1").replace("f", "2"),
        generate_uid(),
    )
    return [
        as_file(
            classic(
                (-50, -50, 2 * number), Rows=100, Columns=100, PatientID=patient, StudyInstanceUID=study,
                SeriesInstanceUID=series, FrameOfReferenceUID=frame, InstanceNumber=number + 1,
                StudyDate=f"{year}0101", StudyTime="120000", SeriesNumber=1,
            )
        )
        for number in range(slices)
    ]  # fmt: skip


def fill(server: OrthancServer, *scans: list[bytes]) -> None:
    before = server.health()["instances"]
    files = [file for files in scans for file in files]
    server.store_rest(files)
    server.wait_indexed(lambda health: health["instances"] == before + len(files))


@pytest.fixture
def loaded(server: OrthancServer) -> OrthancServer:
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
    return server


def post(server: OrthancServer, path: str, status: int, **body: object) -> Json:
    response = server.session.post(f"/imaging/transforms{path}", json=body)
    assert response.status_code == status, response.text
    return response.json()


def give(
    server: OrthancServer, status: int = 201, source: str = SECOND, target: str = FIRST, **body: object
) -> Json:
    return post(
        server, "", status, sourceFrameOfReferenceUid=source, targetFrameOfReferenceUid=target, **body
    )


def give_matrix(server: OrthancServer, matrix: np.ndarray, **body: Any) -> Json:
    return give(server, matrix=matrix.tolist(), **body)


def resolve(server: OrthancServer, frame: str, point: Sequence[float], patient: str = "P") -> Json:
    x, y, z = (float(value) for value in point)
    question = {"patientId": patient, "frameOfReferenceUid": frame, "x": x, "y": y, "z": z}
    response = server.session.post("/imaging/points/resolve", json=question)
    assert response.status_code == 200, response.text
    return response.json()


def match_in(answer: Json, frame: str) -> Json:
    (match,) = [match for match in answer["matches"] if match["frameOfReferenceUid"] == frame]
    return match


def place(match: Json) -> np.ndarray:
    return np.array([match["x"], match["y"], match["z"]])


def listed(server: OrthancServer, patient: str = "P") -> list[Json]:
    response = server.session.get("/imaging/transforms", params={"patientId": patient})
    assert response.status_code == 200, response.text
    return response.json()["transforms"]


def stored_object(server: OrthancServer, transform: Json) -> Dataset:
    file = server.session.get(f"/instances/{transform['orthancInstanceId']}/file")
    return pydicom.dcmread(BytesIO(file.content))


def errors_by_dciodvfy(found: Dataset, folder: Path) -> list[str]:
    path = folder / "reg.dcm"
    found.save_as(path)
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
    assert found.SOPClassUID.name.replace(" Storage", "").replace(" ", "") in said  # it knew what it read
    return [line for line in said.splitlines() if line.startswith("Error")]


def test_a_given_transform_is_used_by_the_very_next_question(loaded: OrthancServer) -> None:
    assert resolve(loaded, SECOND, (10, 5, 0))["unresolved"][0]["reason"] == "needsAlignment"
    transform = give_matrix(loaded, turned(), expectedErrorMm=1.5)
    match = match_in(resolve(loaded, SECOND, (10, 5, 0)), FIRST)
    np.testing.assert_allclose(place(match), (turned() @ (10, 5, 0, 1))[:3], atol=DECIMAL_STRING_MM)
    assert match["path"] == [transform["id"]]
    assert (match["uncertaintyMm"], match["uncertaintySource"], match["grade"]) == (1.5, "declared", "amber")
    assert match["reviewed"] is False
    assert (transform["origin"], transform["isOwn"], transform["createdBy"]) == ("person", True, loaded.user)


@pytest.mark.parametrize("source", [SECOND, FIRST])
def test_the_object_lies_in_the_later_study_whichever_way_it_was_given(
    loaded: OrthancServer, source: str
) -> None:
    target = FIRST if source == SECOND else SECOND
    matrix = turned() if source == SECOND else np.linalg.inv(turned())
    transform = give_matrix(loaded, matrix, source=source, target=target)
    assert (transform["sourceFrameOfReferenceUid"], transform["targetFrameOfReferenceUid"]) == (SECOND, FIRST)
    np.testing.assert_allclose(transform["matrix"], turned(), atol=DECIMAL_STRING_MM)
    found = stored_object(loaded, transform)
    assert found.StudyDate == "20210101"
    assert found.FrameOfReferenceUID == FIRST
    assert transform["id"] == f"{found.SOPInstanceUID}.2"
    assert found.ContentDescription == f"given by {loaded.user}"
    assert found.ContentCreatorName == loaded.user


def test_others_read_the_object_back_the_same(loaded: OrthancServer, tmp_path: Path) -> None:
    transform = give_matrix(loaded, turned())
    found = stored_object(loaded, transform)
    items = found.RegistrationSequence
    assert [item.FrameOfReferenceUID for item in items] == [FIRST, SECOND]
    theirs = np.reshape(get_spatial_registrations(found)[FIRST][SECOND], (4, 4))
    np.testing.assert_array_equal(theirs, transform["matrix"])
    assert errors_by_dciodvfy(found, tmp_path) == []


def test_what_is_given_in_metadata_comes_back_with_a_new_sidecar(loaded: OrthancServer) -> None:
    transform = give_matrix(loaded, turned(), expectedErrorMm=1.5)
    post(loaded, f"/{transform['id']}/review", 200, decision="accepted")
    before = listed(loaded)
    loaded.stop()
    for file in (loaded.folder / "index").glob("longitudinal-*"):
        file.unlink()
    loaded.start()
    loaded.wait_indexed(lambda health: health["instances"] == 11 and health["reconciled"] > 0, within=20)
    assert listed(loaded) == before
    assert match_in(resolve(loaded, SECOND, (10, 5, 0)), FIRST)["reviewed"] is True


def test_review_and_delete(loaded: OrthancServer) -> None:
    first = give_matrix(loaded, turned(), expectedErrorMm=1.0)
    moved = turned()
    moved[2, 3] += 1
    second = give_matrix(loaded, moved)
    match = match_in(resolve(loaded, SECOND, (10, 5, 0)), FIRST)
    assert (match["path"], match["alternatives"]) == ([first["id"]], [second["id"]])

    said = post(loaded, f"/{second['id']}/review", 200, decision="accepted")
    assert said["review"]["decision"] == "accepted"
    assert said["review"]["by"] == loaded.user
    match = match_in(resolve(loaded, SECOND, (10, 5, 0)), FIRST)
    assert (match["path"], match["reviewed"], match["uncertaintyMm"]) == ([second["id"]], True, None)

    assert post(loaded, f"/{second['id']}/review", 200, decision="rejected")["state"] == "rejected"
    match = match_in(resolve(loaded, SECOND, (10, 5, 0)), FIRST)
    assert (match["path"], match["alternatives"]) == ([first["id"]], [])
    assert [one["state"] for one in listed(loaded)] == ["usable", "rejected"]

    removed = loaded.session.delete(f"/imaging/transforms/{first['id']}")
    assert removed.json() == {"id": first["id"], "outcome": "deleted"}
    assert resolve(loaded, SECOND, (10, 5, 0))["unresolved"][0]["reason"] == "needsAlignment"
    assert loaded.session.get(f"/instances/{first['orthancInstanceId']}").status_code == 404
    assert loaded.session.get(f"/imaging/transforms/{first['id']}").status_code == 404
    assert loaded.session.delete(f"/imaging/transforms/{first['id']}").status_code == 404


def test_landmarks_tell_their_error(loaded: OrthancServer) -> None:
    pairs = [{"source": p, "target": (turned() @ (*p, 1))[:3].tolist()} for p in LANDMARKS]
    pairs[1]["target"][0] += 1.0
    frames = {"sourceFrameOfReferenceUid": SECOND, "targetFrameOfReferenceUid": FIRST}
    fit = post(loaded, "/fit", 200, **frames, landmarks=pairs, points=[[0, 0, 0], [30, 0, 0], [400, 0, 0]])
    assert len(fit["residualsMm"]) == 5
    assert 0 < fit["freMm"] < 1
    near, beside, far = (point["expectedErrorMm"] for point in fit["points"])
    assert fit["expectedErrorMm"] < near < far
    assert listed(loaded) == []
    transform = give(loaded, landmarks=pairs)
    assert transform["expectedErrorMm"] == fit["expectedErrorMm"]
    for point, expected in (((0, 0, 0), near), ((30, 0, 0), beside)):
        match = match_in(resolve(loaded, SECOND, point), FIRST)
        back = match_in(resolve(loaded, FIRST, place(match)), SECOND)
        for found in (match, back):
            assert found["uncertaintyMm"] == pytest.approx(expected, abs=0.002)
            assert found["uncertaintySource"] == "landmarks"
    exact = [{"source": p, "target": p} for p in LANDMARKS]
    fit = post(loaded, "/fit", 200, **frames, landmarks=exact, method="affine")
    assert fit["expectedErrorMm"] > 0.1  # nobody clicks better than to a pixel


def test_refusals_name_code_and_field(loaded: OrthancServer) -> None:
    fill(loaded, scan(THIRD, 2019, patient="Q"))
    mirrored = np.diag([-1.0, 1, 1, 1]).tolist()
    line = [{"source": [x, 0, 0], "target": [x, 0, 0]} for x in (0, 10, 20)]
    twice = [{"source": p, "target": LANDMARKS[n % 4]} for n, p in enumerate(LANDMARKS)]
    cases: list[tuple[Json, str, str]] = [
        ({"source": FIRST}, "sameFrame", "/targetFrameOfReferenceUid"),
        ({"target": THIRD}, "otherPatient", "/targetFrameOfReferenceUid"),
        ({"target": THIRD, "patientId": "P"}, "otherPatient", "/targetFrameOfReferenceUid"),
        ({"source": "1.2.3.999"}, "unknownFrame", "/sourceFrameOfReferenceUid"),
        ({"matrix": mirrored}, "mirrored", "/matrix"),
        ({"matrix": np.diag([0.0, 1, 1, 1]).tolist()}, "singular", "/matrix"),
        ({"matrix": np.diag([1.0, 1, 1, 2]).tolist()}, "badMatrix", "/matrix/3"),
        ({"landmarks": line}, "collinearLandmarks", "/landmarks"),
        ({"landmarks": line[:2]}, "tooFewLandmarks", "/landmarks"),
        ({"landmarks": twice}, "duplicateLandmarks", "/landmarks/4/target"),
    ]
    for body, code, field in cases:
        asked = body if "landmarks" in body else {"matrix": turned().tolist(), **body}
        problem = give(loaded, 422, **asked)
        assert problem["code"] == code, problem
        assert field in [error["field"] for error in problem["errors"]], problem
    assert give(loaded, 400, matrix=turned().tolist(), landmarks=line)["code"] == "invalidRequest"
    assert give(loaded, 400)["code"] == "invalidRequest"
    assert give(loaded, 404, matrix=turned().tolist(), patientId="nobody")["code"] == "notFound"
    assert listed(loaded) == []


def test_a_frame_of_two_patients_needs_the_patient(loaded: OrthancServer) -> None:
    fill(loaded, scan(FIRST, 2020, patient="Q"), scan(SECOND, 2021, patient="Q"))
    problem = give(loaded, 409, matrix=turned().tolist())
    assert problem["code"] == "ambiguous"
    assert len(problem["orthancIds"]) == 2
    give_matrix(loaded, turned(), patientId="Q")
    assert len(listed(loaded, "Q")) == 1
    assert listed(loaded) == []


def test_others_objects_are_rejected_not_deleted(start_orthanc: StartOrthanc) -> None:
    loaded = start_orthanc(script=ANOTHER_HAND)
    fill(loaded, scan(FIRST, 2020), scan(SECOND, 2021))
    own = give_matrix(loaded, turned())
    foreign = stored_object(loaded, own)
    foreign.SOPInstanceUID = foreign.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    foreign.Manufacturer = "Somebody Else"
    file = BytesIO()
    foreign.save_as(file)
    loaded.session.delete(f"/imaging/transforms/{own['id']}")
    loaded.store_rest([file.getvalue()])
    loaded.wait_until(lambda: len(listed(loaded)) == 1)
    (theirs,) = listed(loaded)
    assert (theirs["isOwn"], theirs["origin"]) == (False, "vendor")
    assert loaded.session.delete(f"/imaging/transforms/{theirs['id']}").json()["outcome"] == "rejected"
    assert loaded.session.get(f"/instances/{theirs['orthancInstanceId']}").status_code == 200
    assert resolve(loaded, SECOND, (10, 5, 0))["unresolved"][0]["reason"] == "needsAlignment"
    # What somebody else writes into the metadata does not end a rejection; what a person decides here does.
    metadata = f"/another-hand/instances/{theirs['orthancInstanceId']}/metadata/4000"
    for words in ('{"items": {"2": {"decision": "accepted", "decidedBy": "ann"}}}', "no JSON"):
        loaded.session.put(metadata, data=words).raise_for_status()
        assert [listed(loaded)[0]["state"] for _ in range(3)] == ["rejected"] * 3
    assert post(loaded, f"/{theirs['id']}/review", 200, decision="accepted")["review"]["by"] == loaded.user
    assert match_in(resolve(loaded, SECOND, (10, 5, 0)), FIRST)["path"] == [theirs["id"]]


def test_images_without_a_frame_and_images_that_come_later(server: OrthancServer) -> None:
    unnamed, named = scan(None, 2021), scan(FIRST, 2020)
    fill(server, unnamed, named)
    series = pydicom.dcmread(BytesIO(unnamed[0])).SeriesInstanceUID
    transform = give_matrix(server, turned(), source=f"series:{series}")
    assert transform["sourceFrameOfReferenceUid"] == f"series:{series}"
    found = stored_object(server, transform)
    assert "FrameOfReferenceUID" not in found.RegistrationSequence[1]
    assert len(found.RegistrationSequence[1].ReferencedImageSequence) == len(unnamed)
    match = match_in(resolve(server, f"series:{series}", (10, 5, 0)), FIRST)
    np.testing.assert_allclose(place(match), (turned() @ (10, 5, 0, 1))[:3], atol=DECIMAL_STRING_MM)

    for resource in server.session.get("/studies").json():
        study = server.session.get(f"/studies/{resource}").json()
        if study["MainDicomTags"]["StudyDate"] == "20210101":
            ids = [one["ID"] for one in server.session.get(f"/studies/{resource}/instances").json()]
    for orthanc_id in ids:
        if orthanc_id != transform["orthancInstanceId"]:
            server.session.delete(f"/instances/{orthanc_id}")
    server.wait_until(lambda: listed(server)[0]["refusal"] == "unknownImages")
    fill(server, unnamed)
    assert match_in(resolve(server, f"series:{series}", (10, 5, 0)), FIRST)["path"] == [transform["id"]]


@pytest.mark.parametrize("years", [(2021, 2020), (2020, 2021)], ids=["later", "earlier"])
def test_dciodvfy_finds_no_error_where_a_frame_has_no_uid(
    server: OrthancServer, tmp_path: Path, years: tuple[int, int]
) -> None:
    """The frame without a UID is once the item's, once the object's own."""
    unnamed, named = scan(None, years[0]), scan(FIRST, years[1])
    fill(server, unnamed, named)
    frame = f"series:{pydicom.dcmread(BytesIO(unnamed[0])).SeriesInstanceUID}"
    transform = give_matrix(server, turned(), source=frame)
    assert frame in (transform["sourceFrameOfReferenceUid"], transform["targetFrameOfReferenceUid"])
    assert errors_by_dciodvfy(stored_object(server, transform), tmp_path) == []


def test_several_items_and_every_refusal_are_listed(loaded: OrthancServer) -> None:
    fill(loaded, scan(THIRD, 2022))
    own = give_matrix(loaded, turned())
    many = stored_object(loaded, own)
    loaded.session.delete(f"/imaging/transforms/{own['id']}")
    template = many.RegistrationSequence[1]
    items = [many.RegistrationSequence[0]]
    for frame, values in ((THIRD, np.eye(4)), (SECOND, np.diag([1.0, 1, -1, 1])), (SECOND, turned())):
        item = Dataset.from_json(template.to_json())
        item.FrameOfReferenceUID = frame
        if frame == THIRD:  # the template's images are those of the second frame
            del item.ReferencedImageSequence
        matrix = item.MatrixRegistrationSequence[0].MatrixSequence[0]
        matrix.FrameOfReferenceTransformationMatrix = [f"{value:.12f}" for value in values.ravel()]
        items.append(item)
    many.RegistrationSequence = DicomSequence(items)
    many.Manufacturer = "Somebody Else"
    many.SOPInstanceUID = many.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    file = BytesIO()
    many.save_as(file)
    empty = pydicom.dcmread(BytesIO(file.getvalue()))
    del empty.RegistrationSequence
    empty.SOPInstanceUID = empty.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    bare = BytesIO()
    empty.save_as(bare)
    fill(loaded, [file.getvalue(), bare.getvalue()])
    found = {one["id"].rpartition(".")[2]: one for one in listed(loaded) if one["matrix"] or one["refusal"]}
    assert found["2"]["sourceFrameOfReferenceUid"] == THIRD
    assert found["3"]["refusal"] == "mirrored"
    assert found["4"]["state"] == "usable"
    (unread,) = [one for one in listed(loaded) if one["sopInstanceUid"] == empty.SOPInstanceUID]
    assert unread["refusal"] == "noRegistration"
    ways = {
        match["frameOfReferenceUid"]: match["path"]
        for match in resolve(loaded, SECOND, (10, 5, 0))["matches"]
    }
    assert ways[THIRD] == [f"{many.SOPInstanceUID}.4", f"{many.SOPInstanceUID}.2"]
    refused = loaded.session.post(
        f"/imaging/transforms/{found['3']['id']}/review", json={"decision": "accepted"}
    )
    assert refused.status_code == 409


def test_the_transforms_of_a_patient_come_page_by_page(loaded: OrthancServer) -> None:
    for _ in range(3):
        give_matrix(loaded, turned())
    everything = listed(loaded)
    for offset in range(4):
        page = loaded.session.get(
            "/imaging/transforms", params={"patientId": "P", "limit": 1, "offset": offset}
        ).json()
        assert (page["total"], page["limit"], page["offset"]) == (3, 1, offset)
        assert page["transforms"] == everything[offset : offset + 1]
    assert loaded.session.get("/imaging/transforms?patientId=P&limit=1001").status_code == 400


def test_a_deformable_object_of_others_reaches_the_landmarks(server: OrthancServer) -> None:
    files = dicom_files("elastix_3dct_lung/dicom")
    server.store_scu(files)
    server.store_rest([data("reg_independent") / "elastix_lung_DEFORMABLE.dcm"])
    server.wait_indexed(lambda health: health["instances"] == len(files) + 1, within=10)
    folder = data("elastix_3dct_lung")
    ends = [
        np.array(
            [
                [float(x) for x in line.split()]
                for line in (folder / name).read_text().splitlines()
                if len(line.split()) == 3
            ]
        )
        for name in ("landmarks_baseline_physical_mm.txt", "landmarks_followup_physical_mm.txt")
    ]
    registration = pydicom.dcmread(data("reg_independent") / "elastix_lung_DEFORMABLE.dcm")
    frame = registration.FrameOfReferenceUID
    errors = []
    for first, second in zip(*ends, strict=True):
        answer = resolve(server, frame, first, registration.PatientID)
        (match,) = [match for match in answer["matches"] if match["frameOfReferenceUid"] != frame]
        assert match["method"] == "deformable"
        errors.append(np.linalg.norm(place(match) - second))
    assert len(errors) == 51
    assert np.mean(errors) == pytest.approx(1.46, abs=0.01)
    answer = resolve(server, frame, (5000, 0, 0), registration.PatientID)
    assert "outsideTransform" in [item["reason"] for item in answer["unresolved"]]
