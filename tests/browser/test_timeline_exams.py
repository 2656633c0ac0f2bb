"""Exams on the timeline page: buttons that choose their studies, and a page limited to them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.explorer_page import slices_of, store
from tests.browser.test_timeline_accessible import check
from tests.browser.timeline_find import WITHIN_MS, Find
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

FRAME = "2.25.7042.900"
MARKUP = "<img src=x onerror=window.broken()>"
SHOTS = os.environ.get("LONGITUDINAL_SHOTS")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    configuration = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("exams"), configuration=configuration) as server:
        yield server


@pytest.fixture(scope="module")
def patient(server: OrthancServer) -> str:
    """Three studies of one patient, the second and third of an exam; the patient's Orthanc id."""
    stored = [
        store(server, slices_of("EXAMS-1", number, FRAME, PatientName="Exam^Test", StudyDate=f"{year}0101"))
        for number, year in ((90, 2020), (91, 2021), (92, 2022))
    ]
    body = {"patientId": "EXAMS-1", "description": MARKUP}
    server.session.put("/imaging/exams/RIS-17", json=body).raise_for_status()
    for one in stored[1:]:
        answer = server.session.post(
            "/imaging/exams/RIS-17/images", json={"studyInstanceUid": one["ParentStudy"]}
        )
        assert answer.ok, answer.text
    return str(stored[0]["ParentPatient"])


@pytest.fixture
def find(browser: Browser, server: OrthancServer) -> Iterator[Find]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Find(viewer)


def test_an_exam_chooses_its_studies_and_limits_the_page(find: Find, patient: str) -> None:
    find.open_patient(patient)
    page = find.page
    chip = page.get_by_role("button", name="RIS-17 2 studies")
    expect(chip).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator(".card")).to_have_count(3)
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".card")).to_have_count(2)
    expect(page.locator(".card input:checked")).to_have_count(2)
    check(page, "an exam is chosen")
    shoot(find, "exam-find")
    page.locator(".find-actions a.main").click()
    expect(page.locator(".exam-filter")).to_contain_text("Only exam RIS-17", timeout=WITHIN_MS)
    expect(page.locator(".tile")).to_have_count(2, timeout=WITHIN_MS)
    assert "exam=RIS-17" in page.url
    check(page, "only an exam's studies")
    shoot(find, "exam-point")
    page.locator(".tile .picture").last.click()
    expect(page.get_by_text("The place is shown in 2 of 2 studies.")).to_be_attached(timeout=WITHIN_MS)
    page.wait_for_url("**point=*", timeout=WITHIN_MS)
    assert "exam=RIS-17" in page.url
    page.reload()
    expect(page.locator(".tile")).to_have_count(2, timeout=WITHIN_MS)
    page.get_by_role("button", name="All studies").click()
    expect(page.locator(".tile")).to_have_count(3, timeout=WITHIN_MS)
    assert "exam=" not in page.url
    assert find.viewer.errors == []
    assert page.evaluate("window.broken") is None


def test_an_unknown_exam_in_the_address_is_said(find: Find, patient: str) -> None:
    find.open(f"?patient={patient}&exam=none")
    expect(find.page.get_by_role("alert")).to_be_visible(timeout=WITHIN_MS)
    expect(find.page.locator(".tile")).to_have_count(0)


def shoot(find: Find, name: str) -> None:
    """A picture for whoever looks at the page, where LONGITUDINAL_SHOTS names a folder."""
    if SHOTS:
        for width in (1280, 1920):
            find.page.set_viewport_size({"width": width, "height": 900})
            find.page.wait_for_timeout(500)
            find.page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}.png"))
