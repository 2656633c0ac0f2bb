"""Diameters on a real server: kept as reports that others read, in the study they were drawn in, under one tracking UID."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import generate_uid

from longitudinal.dicom.reports.reader import read_report
from tests.builders import as_file, from_file
from tests.orthanc.server import OrthancServer
from tests.orthanc.test_places import faults, listed, report_of
from tests.orthanc.test_transforms import FIRST, SECOND, fill, give, scan, turned

Json = dict[str, Any]
READ_BACK_MM = 0.1
LONG, SHORT = [[20.25, 10.5], [28.75, 30.0]], [[18.0, 22.5], [30.0, 19.0]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("diameters")) as server:
        fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
        give(server, matrix=turned().tolist(), expectedErrorMm=1.2)
        yield server


@pytest.fixture
def two(server: OrthancServer) -> Iterator[OrthancServer]:
    """Without any report, before and after."""
    yield server
    for report in server.session.post(
        "/tools/find", json={"Level": "Instance", "Query": {"Modality": "SR"}}
    ).json():
        server.session.delete(f"/instances/{report}").raise_for_status()
    server.wait_until(lambda: listed(server)["places"] == [])


def drawn(image: str, long: Any = LONG, short: Any = SHORT, **more: Any) -> Json:
    lines = [{"axis": "long", "points": long}, {"axis": "short", "points": short}]
    return {"sopInstanceUid": image, "diameters": [line for line in lines if line["points"]], **more}


def keep(server: OrthancServer, status: int = 201, **body: Any) -> Json:
    response = server.session.post("/imaging/diameters", json=body)
    assert response.status_code == status, response.text
    answer: Json = response.json()
    return answer


def image_of(server: OrthancServer, frame: str, z: float = 4) -> str:
    asked = {"patientId": "P", "frameOfReferenceUid": frame, "x": 0, "y": 0, "z": z}
    found = server.session.post("/imaging/points/resolve", json=asked).json()
    return next(
        match["sopInstanceUid"] for match in found["matches"] if match["frameOfReferenceUid"] == frame
    )


def places_of(server: OrthancServer, image: str, pixels: Any) -> np.ndarray:
    """Where pixels are in the patient, as resolve says."""
    points = []
    for row, column in pixels:
        asked = {"sopInstanceUid": image, "row": row, "column": column}
        point = server.session.post("/imaging/points/resolve", json=asked).json()["point"]
        points.append([point[axis] for axis in "xyz"])
    return np.array(points)


def test_what_is_read_back_is_what_was_drawn(two: OrthancServer, tmp_path: Path) -> None:
    image = image_of(two, FIRST)
    place = keep(two, name="seg VII", **drawn(image))
    (report,) = place["reports"]
    assert (place["kind"], report["saidBy"], report["isOwn"]) == ("diameters", "person", True)
    for diameter, pixels in zip(report["diameters"], (LONG, SHORT), strict=True):
        ends = places_of(two, image, pixels)
        assert np.abs(np.array(diameter["points"]) - ends).max() < READ_BACK_MM
        assert diameter["lengthMm"] == pytest.approx(np.linalg.norm(ends[1] - ends[0]), abs=READ_BACK_MM)
        assert diameter["statedMm"] == pytest.approx(np.linalg.norm(ends[1] - ends[0]), abs=READ_BACK_MM)
    file = report_of(two, report["orthancInstanceId"])
    assert faults(file, tmp_path) == []
    (group,) = read_report(from_file(file)).groups
    assert [line.axis for line in group.lines] == ["long", "short"]


def test_of_another_study_they_join_the_place_and_drawn_again_they_replace(two: OrthancServer) -> None:
    first, second = image_of(two, FIRST), image_of(two, SECOND)
    place = keep(two, name="seg VII", **drawn(first))
    keep(two, place=place["id"], **drawn(second))
    again = keep(two, place=place["id"], **drawn(second, [[20, 10], [20, 15]], None))
    assert again["id"] == place["id"]
    assert [len(report["diameters"]) for report in again["reports"]] == [2, 1]
    assert len({report["studyInstanceUid"] for report in again["reports"]}) == 2
    found = two.session.post("/tools/find", json={"Level": "Instance", "Query": {"Modality": "SR"}}).json()
    assert len(found) == 2, "the one that was replaced is deleted"


def test_those_of_another_software_stay_beside_them(two: OrthancServer) -> None:
    image = image_of(two, FIRST)
    place = keep(two, name="seg VII", **drawn(image))
    other = from_file(report_of(two, place["reports"][0]["orthancInstanceId"]))
    other.Manufacturer, other.SOPInstanceUID, other.SeriesInstanceUID = (
        "Other",
        generate_uid(),
        generate_uid(),
    )
    other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID
    two.store_rest([as_file(other)])
    two.wait_until(lambda: len(listed(two)["places"][0]["reports"]) == 2)
    again = keep(two, place=place["id"], **drawn(image, [[20, 10], [20, 15]], None))
    assert sorted((report["saidBy"], len(report["diameters"])) for report in again["reports"]) == [
        ("other", 2),
        ("person", 1),
    ]
    study = again["reports"][0]["studyInstanceUid"]
    removed = two.session.delete(f"/imaging/places/{place['id']}/diameters/{study}").json()
    assert (len(removed["deleted"]), len(removed["left"])) == (1, 1)
    assert [report["saidBy"] for report in listed(two)["places"][0]["reports"]] == ["other"]


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"long": [[20, 10], [20, 10]], "short": None}, "/diameters/0", "one edge of the lesion"),
        ({"long": SHORT, "short": LONG}, "/diameters", "exchange"),
        ({"long": None}, "/diameters", "one long axis"),
    ],
)
def test_what_is_no_diameter_is_refused_with_the_fix(
    two: OrthancServer, body: Json, field: str, says: str
) -> None:
    problem = keep(two, 400, name="seg VII", **drawn(image_of(two, FIRST), **body))
    assert (problem["errors"][0]["field"], says in problem["detail"]) == (field, True)
    assert listed(two)["places"] == []


def test_a_place_or_a_name_is_needed_and_not_both(two: OrthancServer) -> None:
    image = image_of(two, FIRST)
    for more in ({}, {"place": "1.2", "name": "x"}):
        assert [error["field"] for error in keep(two, 400, **drawn(image, **more))["errors"]] == [
            "/place",
            "/name",
        ]
