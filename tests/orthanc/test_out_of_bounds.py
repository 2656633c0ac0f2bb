"""Numbers no patient can have, on a real server: refused with a reason, never an error of the plugin."""

from io import BytesIO
from itertools import product

import numpy as np
import pydicom
import pytest
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.data import data
from tests.orthanc.server import OrthancServer
from tests.orthanc.test_transforms import (
    FIRST,
    SECOND,
    fill,
    give_matrix,
    listed,
    resolve,
    scan,
    stored_object,
    turned,
)


def deformable(vectors: np.ndarray, **grid: object) -> bytes:
    """Somebody else's deformable registration of the second frame, with a grid of 2 x 2 x 2 vectors."""
    found = pydicom.dcmread(data("reg_independent") / "elastix_lung_DEFORMABLE.dcm")
    found.PatientID, found.FrameOfReferenceUID = "P", FIRST
    found.StudyInstanceUID, found.SeriesInstanceUID = generate_uid(), generate_uid()
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    item = next(
        one for one in found.DeformableRegistrationSequence if one.get("DeformableRegistrationGridSequence")
    )
    item.SourceFrameOfReferenceUID = SECOND
    if "ReferencedImageSequence" in item:
        del item.ReferencedImageSequence
    (made,) = item.DeformableRegistrationGridSequence
    made.ImagePositionPatient, made.ImageOrientationPatient = [-100, -100, -100], [1, 0, 0, 0, 1, 0]
    made.GridDimensions, made.GridResolution = [2, 2, 2], [200.0, 200.0, 200.0]
    made.VectorGridData = np.broadcast_to(vectors, (8, 3)).astype("<f4").tobytes()
    for keyword, value in grid.items():
        setattr(made, keyword, value)
    found.DeformableRegistrationSequence = Sequence([item])
    file = BytesIO()
    found.save_as(file)
    return file.getvalue()


def test_fields_and_matrices_out_of_all_bounds_are_refused_and_the_patient_is_answered(
    server: OrthancServer,
) -> None:
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
    bad = {
        "badGrid": [
            deformable(np.array([3e38, 3e38, 3e38])),
            deformable(np.array([0, -1.1e4, 0])),
            deformable(np.zeros(3), ImagePositionPatient=[1e15, 0, 0]),
            deformable(np.zeros(3), GridResolution=[1e-12, 1.0, 1.0]),
            deformable(np.zeros(3), GridResolution=[1e12, 1.0, 1.0]),
        ]
    }
    own = give_matrix(server, turned())
    template = stored_object(server, own)
    server.session.delete(f"/imaging/transforms/{own['id']}").raise_for_status()
    bad["badMatrix"] = []
    for shift in ("1e300", "-1.1e7", "1e8"):
        matrix = template.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]
        values = np.eye(4).ravel().astype(str).tolist()
        values[3] = shift
        matrix.FrameOfReferenceTransformationMatrix = values
        template.Manufacturer = "Somebody Else"
        template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        file = BytesIO()
        template.save_as(file)
        bad["badMatrix"].append(file.getvalue())
    for files in bad.values():
        fill(server, files)
    found = [one["refusal"] for one in listed(server)]
    assert {reason: found.count(reason) for reason in bad} == {
        reason: len(files) for reason, files in bad.items()
    }
    answer = resolve(server, FIRST, (0.0, 0.0, 4.0))
    assert len(answer["matches"]) == 1
    assert {item["reason"] for item in answer["unresolved"]} == {"needsAlignment", "notIndexable"}
    # a good one beside them is used
    fill(server, [deformable(np.array([1.0, 2.0, 0.0]))])
    answer = resolve(server, FIRST, (0.0, 0.0, 4.0))
    (match,) = [
        match
        for match in answer["matches"]
        if not match["isSource"] and match["frameOfReferenceUid"] == SECOND
    ]
    assert [match["x"], match["y"], match["z"]] == pytest.approx([1.0, 2.0, 4.0])
    assert "A request failed" not in server.log


def test_a_point_out_of_all_bounds_names_its_field(server: OrthancServer) -> None:
    for axis, value in product("xyz", (1.1e7, -1e8, 1e308)):
        question = {"patientId": "P", "frameOfReferenceUid": FIRST, "x": 0, "y": 0, "z": 0, axis: value}
        for body, field in ((question, f"/{axis}"), ({"points": [question]}, f"/points/0/{axis}")):
            response = server.session.post("/imaging/points/resolve", json=body)
            problem = response.json()["results"][0] if "points" in body else response.json()
            assert (problem["status"], problem["code"]) == (400, "invalidRequest")
            assert [error["field"] for error in problem["errors"]] == [field]


def test_given_matrices_and_landmarks_out_of_all_bounds_name_their_field(server: OrthancServer) -> None:
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
    frames = {"sourceFrameOfReferenceUid": SECOND, "targetFrameOfReferenceUid": FIRST}

    def refused(status: int, **body: object) -> list[str]:
        response = server.session.post("/imaging/transforms", json={**frames, **body})
        assert response.status_code == status, response.text
        return [error["field"] for error in response.json()["errors"]]

    matrix = np.eye(4)
    matrix[1, 3] = 1.1e7
    assert refused(400, matrix=matrix.tolist()) == ["/matrix/1/3"]
    matrix[1, 3], matrix[:3, :3] = 1e6, np.eye(3) / 100  # its inverse moves by 1e8
    assert refused(422, matrix=matrix.tolist()) == ["/matrix"]
    far = [[9e6, 0, 0], [9e6, 50, 0], [9e6, 0, 60]]
    turned_round = [[9e6, 0, 0], [9e6, -50, 0], [9e6, 0, 60]]
    pairs = [{"source": one, "target": other} for one, other in zip(far, turned_round, strict=True)]
    assert refused(422, landmarks=pairs) == ["/landmarks"]
    assert listed(server) == []
