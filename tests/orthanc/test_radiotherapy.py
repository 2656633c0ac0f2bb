"""Radiotherapy on a real server: a real set through both transfer paths, an old index, a deleted object."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import as_file
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer
from tests.unit.relations import radiotherapy as rt

Json = dict[str, Any]
CONFIGURATION = {"Longitudinal": {"AlignOnArrival": False}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path / "server", configuration=CONFIGURATION) as server:
        yield server


def settle(server: OrthancServer, count: int) -> None:
    server.wait_indexed(lambda health: health["instances"] == count and not health["queued"])


def relations(server: OrthancServer, patient: str) -> Json:
    answer = server.session.get(f"/imaging/patients/{patient}/relations")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def at(server: OrthancServer, patient: str, frame: str, point: tuple[float, float, float]) -> Json:
    x, y, z = point
    body = {"patientId": patient, "frameOfReferenceUid": frame, "x": x, "y": y, "z": z}
    answer = server.session.post("/imaging/points/radiotherapy", json=body)
    assert answer.status_code == 200, answer.text
    (study,) = answer.json()["studies"]
    return dict(study)


def lines(server: OrthancServer, image: str) -> Json:
    """The lines on an image, asked for again while the server is busy."""

    def ask() -> Json | None:
        answer = server.session.post("/imaging/overlays", json={"sopInstanceUid": image, "levelsGy": [8]})
        assert answer.status_code in (200, 503), answer.text
        return dict(answer.json()) if answer.status_code == 200 else None

    return server.wait_until(ask, 60.0)


def test_a_real_set(server: OrthancServer) -> None:
    files = dicom_files("rt_truth/lung1_002")
    server.store_rest(files)
    settle(server, len(files))
    found = relations(server, "LUNG1-002")
    statuses = {(edge["role"], edge["status"]) for edge in found["edges"] if not edge["inferred"]}
    assert ("structureSet", "missing") in statuses
    assert ("drawnOnImage", "incomplete") in statuses
    assert len([edge for edge in found["edges"] if edge["inferred"]]) == 2
    frame = "1.3.6.1.4.1.40744.29.1179733185554093682009292813030967039"
    study = at(server, "LUNG1-002", frame, (-80.0, 16.0, -18.0))
    inside = sorted(roi["name"] for roi in study["structures"] if roi["inside"])
    assert inside == ["CTV-1", "GTV-1", "PTV-1", "Patient"]
    assert 60 < study["doses"][0]["gy"] < 80
    (image,) = server.session.post(
        "/tools/find",
        json={
            "Level": "Instance",
            "Query": {"PatientID": "LUNG1-002", "Modality": "CT"},
            "Limit": 1,
            "Expand": True,
        },
    ).json()
    drawn = lines(server, image["MainDicomTags"]["SOPInstanceUID"])
    # drawn by a process of its own, from the files of the archive
    assert {one["kind"] for one in drawn["structures"] if one["lines"]} == {"contours"}
    assert drawn["doses"][0]["largestGy"] > 8
    assert "contourpy" not in Path(f"/proc/{server.pid}/maps").read_text()


def test_compressed_storage_and_a_deleted_structure_set(tmp_path: Path) -> None:
    configuration = {**CONFIGURATION, "StorageCompression": True}
    with OrthancServer(tmp_path / "server", configuration=configuration) as server:
        objects = rt.whole()
        server.store_rest([as_file(one) for one in objects])
        settle(server, len(objects))
        study = at(server, "RT", rt.FRAME, (20.0, 20.0, 3.0))
        assert (study["structures"][0]["inside"], study["doses"][0]["gy"]) == (True, pytest.approx(10.5))
        assert {edge["status"] for edge in relations(server, "RT")["edges"]} == {"ok"}
        # the process that draws has to ask Orthanc for the files
        drawn = lines(server, rt.IMAGES[1])
        assert [(bool(one["lines"]), one["reason"]) for one in drawn["structures"]] == [(True, None)]
        assert [one["reason"] for one in drawn["doses"]] == [None]
        (found,) = server.session.post(
            "/tools/find", json={"Level": "Instance", "Query": {"SOPInstanceUID": rt.SETS}}
        ).json()
        server.session.delete(f"/instances/{found}").raise_for_status()
        assert at(server, "RT", rt.FRAME, (20.0, 20.0, 3.0))["structures"] == []
        assert lines(server, rt.IMAGES[1])["structures"] == []
        settle(server, len(objects) - 1)
        missing = [edge for edge in relations(server, "RT")["edges"] if edge["role"] == "structureSet"]
        assert [edge["status"] for edge in missing] == ["missing"]


def test_an_index_of_before_reads_these_objects_again_and_no_images(server: OrthancServer) -> None:
    objects = rt.whole()
    server.store_rest([as_file(one) for one in objects])
    settle(server, len(objects))
    before = relations(server, "RT")
    (sidecar,) = server.folder.rglob("longitudinal-*.sqlite")
    server.stop()
    connection = sqlite3.connect(sidecar, isolation_level=None)
    connection.execute("DROP TABLE contents")
    undone = connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm011_contents'")
    assert undone.rowcount == 1
    read = dict(connection.execute("SELECT sop_instance_uid, key FROM instances"))
    connection.close()
    server.start()
    settle(server, len(objects))
    server.wait_until(lambda: relations(server, "RT")["edges"] == before["edges"] or None, 60.0)
    connection = sqlite3.connect(f"file:{sidecar}?mode=ro", uri=True)
    assert dict(connection.execute("SELECT sop_instance_uid, key FROM instances")) == read
    connection.close()
    assert list(sidecar.parent.glob("*.aside-*")) == [], "the index was kept"
