"""OHIF's route in a real Orthanc: what a browser's cache and a proxy rely on, without a browser."""

import json
from pathlib import Path

import pytest

from longitudinal.ohif.app import AppFile, read_table
from tests.data import ROOT
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

APP = ROOT / ".ohif" / "app"


@pytest.fixture(scope="module")
def bundle() -> AppFile:
    """The largest file of the app; the first one that a page needs."""
    return next(
        file for file in read_table(APP).files if file.path.startswith("app.bundle.") and file.compressed
    )


def test_a_file_goes_out_compressed_once_and_is_known_again(
    start_orthanc: StartOrthanc, bundle: AppFile
) -> None:
    server = start_orthanc(configuration={"HttpCompressionEnabled": False})
    url = f"/ohif/{bundle.path}"
    compressed = server.session.get(url, stream=True)
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert int(compressed.headers["Content-Length"]) == (APP / "files" / bundle.path).stat().st_size
    plain = server.session.get(url, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.content == compressed.content
    assert plain.headers["Content-Type"] == bundle.content_type
    known = server.session.get(url, headers={"If-None-Match": plain.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert server.session.get("/ohif/missing.js").status_code == 404
    assert server.session.post("/ohif/viewer", data=b"").status_code == 405
    assert server.session.get("/ohif/viewer/orthanc").headers["Content-Type"].startswith("text/html")


def test_orthancs_own_compression_is_not_doubled(start_orthanc: StartOrthanc, bundle: AppFile) -> None:
    server = start_orthanc(configuration={"HttpCompressionEnabled": True})
    answer = server.session.get(f"/ohif/{bundle.path}")
    assert answer.headers["Content-Encoding"] == "gzip"
    plain = server.session.get(f"/ohif/{bundle.path}", headers={"Accept-Encoding": "identity"})
    assert answer.content == plain.content


def test_it_is_behind_the_same_login(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc()
    server.session.auth = None
    assert server.session.get("/ohif/").status_code == 401


def test_it_is_served_where_the_settings_say(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(
        configuration={
            "Longitudinal": {"OhifRoot": "/viewers/v3"},
            "DicomWeb": {"Root": "/web/", "WadoRoot": "/uri"},
        }
    )
    assert server.session.get("/ohif/").status_code == 404
    first_line = server.session.get("/viewers/v3/app-config.js").text.split(";\n")[0]
    roots = json.loads(first_line.removeprefix("window.longitudinalRoots = "))
    assert roots == {
        "imaging": "/imaging",
        "ohif": "/viewers/v3",
        "dicomWeb": "/web",
        "wado": "/uri",
        "qido": "/web",
    }


def test_null_leaves_the_path_to_others(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration={"Longitudinal": {"OhifRoot": None}})
    assert server.session.get("/ohif/").status_code == 404
    assert server.session.get("/imaging").ok


def test_a_named_path_without_an_app_is_refused_by_name(server_with_wrong_path: OrthancServer) -> None:
    assert server_with_wrong_path.session.get("/system").ok
    assert "Longitudinal.OhifPath" in server_with_wrong_path.log
    assert "orthanc-longitudinal is NOT running" in server_with_wrong_path.log


@pytest.fixture
def server_with_wrong_path(start_orthanc: StartOrthanc, tmp_path: Path) -> OrthancServer:
    return start_orthanc(configuration={"Longitudinal": {"OhifPath": str(tmp_path / "nothing")}})
