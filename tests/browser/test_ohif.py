"""OHIF on the plugin's server, in a browser: pixels on screen, whatever the images are stored as."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.compression import JPEG_2000_LOSSLESS, JPEG_LS_LOSSLESS, RLE_LOSSLESS, store_compressed
from tests.browser.prefix_proxy import PrefixProxy
from tests.browser.viewer import Viewer
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

OPENMS = "openms_dicom/patient01"
ENHANCED = "dcm_philips_classic_vs_enhanced/enhanced"
PREFIX = "/hospital/pacs"
_GET = "(url) => { const request = new XMLHttpRequest(); request.open('GET', url); request.send(); }"


def store(server: OrthancServer, files: Sequence[Path | bytes]) -> list[str]:
    """Store files; return the StudyInstanceUIDs, the earliest study first."""
    ids = {answer["ParentStudy"] for answer in server.store_rest(files)}
    tags = [server.session.get(f"/studies/{study}").json()["MainDicomTags"] for study in ids]
    return [study["StudyInstanceUID"] for study in sorted(tags, key=lambda each: each.get("StudyDate", ""))]


@pytest.fixture(scope="session")
def openms(ohif_server: OrthancServer) -> list[str]:
    return store(ohif_server, dicom_files(OPENMS))


def test_both_studies_of_a_patient_show_their_images(viewer: Viewer, openms: list[str]) -> None:
    assert len(openms) == 2
    for study in openms:
        viewer.open_studies(study)
        assert viewer.shows_an_image()
        assert any(f"/studies/{study}/" in url and "/frames/" in url for url in viewer.requested)
    assert not viewer.failed
    assert not viewer.errors


def test_the_list_names_the_patient_and_opens_a_study(viewer: Viewer, openms: list[str]) -> None:
    """As a newcomer comes: /ohif without a slash, a patient, a workflow."""
    viewer.page.goto(f"{viewer.url}/ohif")
    row = viewer.page.get_by_text("OPENMS").first
    row.wait_for(timeout=30_000)
    assert any("includefield=00081030,00080060" in url for url in viewer.requested)
    assert urlsplit(viewer.page.url).path == "/ohif/"
    row.click()
    viewer.page.get_by_text("Basic", exact=False).first.click()
    viewer.wait_for_image()
    assert urlsplit(viewer.page.url).path.startswith("/ohif/viewer")


@pytest.mark.parametrize("syntax", [JPEG_2000_LOSSLESS, JPEG_LS_LOSSLESS, RLE_LOSSLESS])
def test_a_compressed_study_shows_its_images(
    viewer: Viewer, ohif_server: OrthancServer, tmp_path: Path, syntax: str
) -> None:
    stored = store_compressed(ohif_server, dicom_files(OPENMS)[12:20], syntax, tmp_path)
    study = ohif_server.session.get(f"/studies/{stored}").json()["MainDicomTags"]["StudyInstanceUID"]
    (instance, *_) = ohif_server.session.get(f"/studies/{stored}/instances").json()
    assert ohif_server.session.get(f"/instances/{instance['ID']}/metadata/TransferSyntax").text == syntax
    viewer.open_studies(study)
    assert viewer.shows_an_image()
    assert not viewer.failed


def test_an_enhanced_multi_frame_image_shows(viewer: Viewer, ohif_server: OrthancServer) -> None:
    (study,) = store(ohif_server, dicom_files(ENHANCED))
    viewer.open_studies(study)
    assert viewer.shows_an_image()
    assert not viewer.failed


def test_behind_a_proxy_under_a_prefix_nothing_is_asked_outside_of_it(
    browser: Browser, ohif_server: OrthancServer, openms: list[str]
) -> None:
    """The worker that decodes, the fonts and the images all have to find their way under the prefix."""
    login = (ohif_server.user, ohif_server.password)
    with (
        PrefixProxy(ohif_server.http_port, PREFIX) as proxy,
        Viewer(browser, proxy.url, login) as viewer,
    ):
        viewer.open_studies(openms[0])
        assert viewer.shows_an_image()
        viewer.open_list()
        viewer.page.get_by_text("OPENMS").first.wait_for(timeout=30_000)
        assert urlsplit(viewer.page.url).path == f"{PREFIX}/ohif/"
        # as Orthanc writes the addresses of bulk data behind a proxy that speaks https
        bulk = f"/dicom-web/studies/{openms[0]}/series?includefield=0008103E%2C00080021"
        with viewer.page.expect_response(f"{proxy.url}{bulk.replace('%2C', ',')}") as answered:
            viewer.page.evaluate(_GET, f"https://inner.example:8042{bulk}")
        assert answered.value.ok
        assert not viewer.failed
        assert not proxy.outside


def test_where_orthanc_itself_compresses(browser: Browser, tmp_path: Path) -> None:
    """Orthanc's default: each answer is compressed by it, and must not be compressed twice."""
    with (
        OrthancServer(tmp_path) as server,
        Viewer(browser, server.url, (server.user, server.password)) as viewer,
    ):
        study, _ = store(server, dicom_files(OPENMS))
        viewer.open_studies(study)
        assert viewer.shows_an_image()
        assert not viewer.failed


def test_a_second_visit_fetches_the_app_from_the_cache(
    browser: Browser, ohif_server: OrthancServer, openms: list[str]
) -> None:
    login = f"{ohif_server.user}:{ohif_server.password}".encode()
    headers = {"Authorization": f"Basic {b64encode(login).decode()}"}
    with Viewer(browser, ohif_server.url, headers=headers) as viewer:
        viewer.open_studies(openms[0])
        first = viewer.bytes_of_app()
        viewer.open_studies(openms[0])
        assert first > 2_000_000
        assert viewer.bytes_of_app() - first < 100_000


def test_without_a_login_there_is_no_viewer(browser: Browser, ohif_server: OrthancServer) -> None:
    with Viewer(browser, ohif_server.url, None) as viewer:
        assert viewer.page.request.get(f"{ohif_server.url}/ohif/").status == 401
