"""The stacks of a series on a real server: what a viewer needs to draw it, and that the links lead to its pixels."""

import io
from typing import Any

import numpy as np
import pydicom

from tests.data import dicom_files
from tests.orthanc.server import OrthancServer


def store(server: OrthancServer, files: list[Any]) -> None:
    before = server.health()["instances"]
    server.store_rest(files)
    server.wait_indexed(lambda health: health["instances"] == before + len(files))


def stacks_of(server: OrthancServer, series: str, status: int = 200) -> dict[str, Any]:
    response = server.session.get(f"/imaging/series/{series}/stacks")
    assert response.status_code == status, response.text
    return response.json()


def stored_values(server: OrthancServer, links: dict[str, str]) -> np.ndarray:
    """The one frame a link leads to: (rows, columns), or with samples."""
    answer = server.session.get(links["pixels"])
    assert answer.status_code == 200, answer.text
    return np.squeeze(np.load(io.BytesIO(answer.content)))


def test_real_slices_are_where_their_headers_say_and_their_pixels_are_their_pixels(
    shared_server: OrthancServer,
) -> None:
    files = dicom_files("openms_dicom/patient01")[:20]
    store(shared_server, list(files))
    headers = {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, files)}
    first = next(iter(headers.values()))
    found = stacks_of(shared_server, first.SeriesInstanceUID)
    assert (found["studyInstanceUid"], found["patientId"]) == (first.StudyInstanceUID, first.PatientID)
    (stack,) = found["stacks"]
    assert [plane["sliceIndex"] for plane in stack["planes"]] == list(range(len(files)))
    for plane in stack["planes"]:
        ds = headers[plane["sopInstanceUid"]]
        assert plane["imagePositionPatient"] == [float(value) for value in ds.ImagePositionPatient]
        match = shared_server.session.post(
            "/imaging/points/resolve", json={"sopInstanceUid": ds.SOPInstanceUID, "row": 3, "column": 4}
        ).json()["matches"][0]
        assert match["sliceIndex"] == plane["sliceIndex"]
        assert np.array_equal(stored_values(shared_server, plane["links"]), ds.pixel_array)
