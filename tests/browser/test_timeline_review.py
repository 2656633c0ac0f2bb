"""What waits for review: the list, the walk to where an alignment is least sure, the decision, and landmarks at once."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_timeline_accessible import WIDTHS, check
from tests.browser.timeline import WITHIN_MS
from tests.browser.viewer import Viewer
from tests.orthanc.heads import head, study_of
from tests.orthanc.server import OrthancServer
from tests.orthanc.test_alignment import load, post, wait_job

pytestmark = pytest.mark.timeout(240)
ALIGNED_SECONDS = 150.0
PATIENT = "HEAD"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """A head scanned twice, and aligned automatically."""
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("review"), configuration=configuration) as server:
        load(server, head(1), head(2, real=2))
        (job,) = post(server, "/alignments", patientId=PATIENT)["jobs"]
        result = wait_job(server, job["id"], "done", within=ALIGNED_SECONDS)["result"]
        assert result["outcome"] == "aligned", result
        yield server


@pytest.fixture
def page(browser: Browser, server: OrthancServer) -> Iterator[Page]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        viewer.page.goto(f"{viewer.url}/imaging/app/?view=review")
        expect(viewer.page.locator(".waiting")).to_be_visible(timeout=WITHIN_MS)
        yield viewer.page
        assert viewer.errors == []


def waiting(server: OrthancServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.session.get("/imaging/reviews").json()["transforms"]
    return found


def test_axe_finds_nothing(page: Page) -> None:
    expect(page.locator(".waiting a").first).to_be_visible(timeout=WITHIN_MS)
    for width, (wide, high) in WIDTHS.items():
        page.set_viewport_size({"width": wide, "height": high})
        check(page, f"reviews, {width}")
    page.locator(".waiting a").first.click()
    expect(page.locator(".review-bar .tools").first).to_be_visible(timeout=WITHIN_MS)
    for width, (wide, high) in WIDTHS.items():
        page.set_viewport_size({"width": wide, "height": high})
        check(page, f"a review, {width}")


def test_from_the_list_to_the_three_places_to_the_decision_with_a_word_why(
    page: Page, server: OrthancServer
) -> None:
    (one,) = waiting(server)
    expect(page.locator(".reviews [role=status]")).to_contain_text("1 alignment waits")
    places = server.session.get(f"/imaging/transforms/{one['id']}/least-sure").json()["places"]
    links = page.locator(".waiting a")
    expect(links).to_have_count(len(places), timeout=WITHIN_MS)
    assert len(places) == 3
    links.first.click()
    expect(page.locator(".review-bar")).to_be_visible(timeout=WITHIN_MS)
    for number in (1, 2):
        page.locator(".review-bar").get_by_role("button", name=re.compile(f"^Place {number + 1}:")).click()
        expect(page).to_have_url(re.compile("point="), timeout=WITHIN_MS)
        page.wait_for_function(
            "(part) => decodeURIComponent(location.search).includes(part)",
            arg=f"{places[number]['source'][0]:.3f}".rstrip("0").rstrip("."),
        )
        assert "review=" in page.url
    bar = page.locator(".review-bar")
    bar.get_by_label("Why").fill("ventricles differ")
    bar.get_by_role("button", name="Reject").click()
    expect(bar.locator(".decided")).to_contain_text("ventricles differ", timeout=WITHIN_MS)
    review = server.session.get(f"/imaging/transforms/{one['id']}").json()["review"]
    assert (review["decision"], review["by"], review["reason"]) == (
        "rejected",
        server.user,
        "ventricles differ",
    )
    # a rejected pair offers landmarks at once, in these two studies
    bar.get_by_role("link", name="Align by hand").click()
    expect(page.locator(".cut canvas[data-painted]")).to_have_count(6, timeout=WITHIN_MS)
    chosen = [select.input_value() for select in page.get_by_label("Study", exact=True).all()]
    assert sorted(chosen) == sorted([study_of(1), study_of(2)])
    page.go_back()
    bar.get_by_role("button", name="Accept").click()
    expect(bar.locator(".decided")).to_contain_text("Accepted", timeout=WITHIN_MS)
    assert waiting(server) == []


def test_of_another_patient_nothing_waits(browser: Browser, server: OrthancServer) -> None:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        viewer.page.goto(f"{viewer.url}/imaging/app/?view=review&patient=nobody")
        expect(viewer.page.get_by_role("alert")).to_contain_text("nobody", timeout=WITHIN_MS)
