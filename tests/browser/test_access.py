"""Somebody who may see one patient, in a browser: OHIF's list, the timeline page, Orthanc Explorer."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.viewer import Viewer
from tests.data import dicom_files
from tests.orthanc.access import PASSWORD, add_users, restricted
from tests.orthanc.access_ward import study_of
from tests.orthanc.server import OrthancServer

WITHIN_MS = 30_000
SECRET = "NamePatB"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """The head of OpenMS, whom reader may see, and patient B, whom only an administrator may."""
    configuration = restricted({"Users": ["reader"], "Roles": ["viewer"], "Patients": ["OPENMS_P01"]})
    configuration["Longitudinal"]["AlignOnArrival"] = False
    server = OrthancServer(
        tmp_path_factory.mktemp("access"), configuration={**configuration, "HttpCompressionEnabled": False}
    )
    add_users(server, "reader")
    with server:
        server.store_rest([*dicom_files("openms_dicom/patient01"), *study_of("PatB", 2020, "1.2.78.66.1")])
        server.wait_indexed(lambda health: health["instances"] >= 75)
        yield server


@pytest.fixture
def reader(browser: Browser, server: OrthancServer) -> Iterator[Viewer]:
    with Viewer(browser, server.url, ("reader", PASSWORD)) as viewer:
        yield viewer


@pytest.fixture
def administrator(browser: Browser, server: OrthancServer) -> Iterator[Viewer]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield viewer


def studies_of(server: OrthancServer) -> list[str]:
    answer = server.session.get("/imaging/studies?patientId=OPENMS_P01").json()
    return [study["studyInstanceUid"] for study in answer["studies"]]


def test_ohif_lists_what_is_seen_and_shows_it(reader: Viewer, server: OrthancServer) -> None:
    reader.page.goto(f"{reader.url}/ohif/")
    reader.page.get_by_text("OPENMS").first.wait_for(timeout=WITHIN_MS)
    assert SECRET not in reader.page.content()
    assert any("/imaging/dicom-web/studies?" in url for url in reader.requested)
    reader.open_studies(studies_of(server)[0])
    assert reader.shows_an_image()
    assert not reader.failed
    assert not reader.errors


def test_ohif_lists_everybody_to_an_administrator(administrator: Viewer) -> None:
    administrator.page.goto(f"{administrator.url}/ohif/")
    administrator.page.get_by_text("OPENMS").first.wait_for(timeout=WITHIN_MS)
    assert SECRET in administrator.page.content()


def test_the_timeline_page_finds_what_is_seen_and_names_who_is_logged_in(
    reader: Viewer, server: OrthancServer
) -> None:
    page = reader.page
    page.goto(f"{reader.url}/imaging/app/")
    expect(page.locator(".who")).to_have_text("reader viewer", timeout=WITHIN_MS)
    expect(page.get_by_text("OPENMS").first).to_be_visible(timeout=WITHIN_MS)
    assert SECRET not in page.content()
    assert "PatB" not in page.content()
    page.goto(f"{reader.url}/imaging/app/?study={studies_of(server)[0]}")
    expect(page.locator("canvas").first).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator(".who")).to_have_text("reader viewer")
    page.wait_for_load_state("networkidle")
    assert not reader.failed
    assert not reader.errors


def test_the_timeline_page_of_a_hidden_patient_is_that_of_none(reader: Viewer) -> None:
    told = []
    for patient in ("PatB", "PatX"):
        reader.page.goto(f"{reader.url}/imaging/app/?patient={patient}")
        reader.page.wait_for_load_state("networkidle")
        told.append(reader.page.locator("#app").inner_text().replace(patient, "ID"))
    assert told[0] == told[1]


def test_explorer_leads_to_the_timeline_page(reader: Viewer) -> None:
    reader.page.goto(f"{reader.url}/app/explorer.html")
    reader.page.wait_for_url("**/imaging/app/", timeout=WITHIN_MS)
    assert urlsplit(reader.page.url).path == "/imaging/app/"
    assert SECRET not in reader.page.content()


def test_explorer_stays_with_an_administrator(administrator: Viewer) -> None:
    administrator.page.goto(f"{administrator.url}/app/explorer.html")
    administrator.page.wait_for_load_state("networkidle")
    assert urlsplit(administrator.page.url).path == "/app/explorer.html"


def test_without_restrictions_nobody_is_named(browser: Browser, ohif_server: OrthancServer) -> None:
    with Viewer(browser, ohif_server.url, (ohif_server.user, ohif_server.password)) as viewer:
        viewer.page.goto(f"{viewer.url}/imaging/app/")
        viewer.page.wait_for_load_state("networkidle")
        assert viewer.page.locator(".who").count() == 0
        assert not any(url.endswith("/imaging/me") for url in viewer.requested)
