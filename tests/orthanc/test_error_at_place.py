"""Errors place by place through a real server: measured with the alignment, kept in the archive, answered at a point."""

from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
import pydicom
import pytest

from longitudinal.dicom.registration.authorship import TRANSFORM_ITEM
from longitudinal.transforms.error_at_place import ErrorGrid, join_errors
from tests.builders import as_file
from tests.orthanc.heads import frame_of, head, motion
from tests.orthanc.server import ANOTHER_HAND, OrthancServer
from tests.orthanc.test_alignment import Json, forget_sidecar, get, load, post, wait_job

pytestmark = pytest.mark.timeout(500)

StartOrthanc = Callable[..., OrthancServer]
PATIENT = "BENT"
ON_REQUEST = {"Longitudinal": {"AlignOnArrival": False}}
MOVED = motion(3.0, (4.0, -6.0, 5.0))
BY_MM, WIDTH_MM = 9.0, 22.0
"""The top of the head lies so far to the side in the later study, as no rigid motion takes it."""
METADATA = 4002


def heights(files: list[bytes]) -> np.ndarray:
    return np.array([float(pydicom.dcmread(BytesIO(file)).ImagePositionPatient[2]) for file in files])


def bent(files: list[bytes]) -> list[bytes]:
    """The same slices, the upper ones moved to the side."""
    top = heights(files).max()
    moved = []
    for file in files:
        slice_ = pydicom.dcmread(BytesIO(file))
        x, y, z = (float(value) for value in slice_.ImagePositionPatient)
        slice_.ImagePositionPatient = [x + BY_MM * np.exp(-(((z - top) / WIDTH_MM) ** 2) / 2), y, z]
        moved.append(as_file(slice_))
    return moved


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OrthancServer, Json]]:
    folder = tmp_path_factory.mktemp("bent")
    with OrthancServer(folder, configuration=ON_REQUEST, script=ANOTHER_HAND) as server:
        load(server, head(1, patient=PATIENT), bent(head(2, 1, MOVED, patient=PATIENT)))
        (job,) = post(server, "/alignments", patientId=PATIENT)["jobs"]
        (pair,) = wait_job(server, job["id"], "done")["result"]["pairs"]
        assert pair["transform"] is not None, pair
        yield server, pair


def match_at(server: OrthancServer, frame: int, point: np.ndarray) -> Json:
    x, y, z = point.tolist()
    asked = {"patientId": PATIENT, "frameOfReferenceUid": frame_of(frame), "x": x, "y": y, "z": z}
    matches = post(server, "/points/resolve", 200, **asked)["matches"]
    found: Json = next(match for match in matches if match["frameOfReferenceUid"] != frame_of(frame))
    return found


def middle() -> np.ndarray:
    """A point of study 1 in the middle of each slice's picture, at the height of the middle slice."""
    slices = [pydicom.dcmread(BytesIO(file)) for file in head(1)]
    first = slices[len(slices) // 2]
    across = np.array([float(value) for value in first.ImageOrientationPatient]).reshape(2, 3)
    rows, columns = first.Rows / 2, first.Columns / 2
    spacing = [float(value) for value in first.PixelSpacing]
    corner = np.array([float(value) for value in first.ImagePositionPatient])
    return np.asarray(corner + columns * spacing[1] * across[0] + rows * spacing[0] * across[1])


def test_a_place_that_moved_is_less_certain_from_either_side(aligned: tuple[OrthancServer, Json]) -> None:
    server, _ = aligned
    found = heights(head(1))
    good, bad = (middle() * (1, 1, 0) + (0, 0, z) for z in (found.min() + 30, found.max() - 12))
    certain, uncertain = (match_at(server, 1, place) for place in (good, bad))
    assert certain["uncertaintySource"] == uncertain["uncertaintySource"] == "forwardBackward"
    assert certain["grade"] == "green", certain
    assert uncertain["uncertaintyMm"] > certain["uncertaintyMm"] + 2, (certain, uncertain)
    assert uncertain["grade"] in ("amber", "red")
    for match in (certain, uncertain):
        there = np.array([match[axis] for axis in "xyz"])
        assert match_at(server, 2, there)["uncertaintyMm"] == match["uncertaintyMm"]


def test_it_comes_back_with_a_new_sidecar_and_goes_with_its_metadata(
    aligned: tuple[OrthancServer, Json],
) -> None:
    server, pair = aligned
    places = [middle() + (0, 0, z) for z in (-20, 0, 20)]
    before = [match_at(server, 1, place) for place in places]
    assert len({match["uncertaintyMm"] for match in before}) > 1
    instances = server.health()["instances"]
    forget_sidecar(server)
    server.wait_indexed(lambda health: health.get("instances") == instances, within=60.0)
    after = [match_at(server, 1, place) for place in places]
    assert [match["uncertaintyMm"] for match in after] == [match["uncertaintyMm"] for match in before]
    assert [match["grade"] for match in after] == [match["grade"] for match in before]

    transform = get(server, f"/transforms/{pair['transform']}")
    assert transform["expectedErrorMm"] is not None
    path = f"/instances/{transform['orthancInstanceId']}/metadata/{METADATA}"
    said = server.session.get(path)
    assert said.status_code == 200
    assert len(said.content) <= 64 * 1024
    assert server.session.put(path, data="something else").status_code == 403
    everywhere_exact = ErrorGrid(np.zeros((1, 1, 1)), np.diag([1e4, 1e4, 1e4, 1.0]))
    for written in ("something else", join_errors({TRANSFORM_ITEM: everywhere_exact})):
        assert server.session.put(f"/another-hand{path}", data=written).status_code == 200
        server.wait_until(
            lambda: (match_at(server, 1, places[1])["uncertaintyMm"] is None) or None,
            20.0,
            "the error is unknown",
        )
        match = match_at(server, 1, places[1])
        assert (match["uncertaintySource"], match["grade"]) == ("unknown", "unknown")
        assert server.session.put(f"/another-hand{path}", data=said.content).status_code == 200
        server.wait_until(
            lambda: match_at(server, 1, places[1])["uncertaintyMm"] == before[1]["uncertaintyMm"] or None,
            20.0, "the error is known again",
        )  # fmt: skip
