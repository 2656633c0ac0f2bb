"""The ways to the timeline page: its root, Orthanc Explorer, a frame of another site, and below a path of a proxy."""

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.evil_site import EvilSite
from tests.browser.explorer_page import Explorer, slices_of, store
from tests.browser.prefix_proxy import PrefixProxy
from tests.browser.timeline_find import WITHIN_MS, Find
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

FRAME = "2.25.7042.700"
PREFIX = "/hospital/pacs"
ROOT = "/research/imaging"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def site() -> Iterator[EvilSite]:
    """Another site; under the name friend.test it may show the page in a frame."""
    with EvilSite() as site:
        yield site


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, site: EvilSite) -> Iterator[OrthancServer]:
    settings = {"AlignOnArrival": False, "AllowedFrameAncestors": [f"http://friend.test:{site.port}"]}
    with OrthancServer(tmp_path_factory.mktemp("doors"), configuration={"Longitudinal": settings}) as server:
        yield server


@pytest.fixture(scope="module")
def stored(server: OrthancServer) -> dict[str, Any]:
    store(server, slices_of("DOORS", 70, FRAME, StudyDate="20210101"))
    return store(server, slices_of("DOORS", 71, f"{FRAME}.2", StudyDate="20220101"))


@pytest.fixture
def viewer(browser: Browser, server: OrthancServer) -> Iterator[Viewer]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield viewer


@pytest.mark.parametrize("path", ["/imaging", "/imaging/", "/imaging//"])
def test_a_browser_is_led_to_the_page_and_programs_get_json(server: OrthancServer, path: str) -> None:
    led = server.session.get(f"{path}?view=find&patient=A%20%2B%C3%BC", headers=BROWSER)
    assert led.url.rstrip("/").endswith("/imaging/app/?view=find&patient=A+%2B%C3%BC")
    assert all(not step.headers["Location"].startswith(("/", "http")) for step in led.history)
    assert led.headers["Content-Type"].startswith("text/html")
    assert "longitudinal-root" in led.text
    for accept in ("*/*", "application/json", "application/json, text/html;q=0.5", ""):
        about = server.session.get(path, headers={"Accept": accept})
        assert about.json()["links"]["app"] == "/imaging/app/"
        assert about.history == []
        assert about.headers["Vary"] == "Accept"


@pytest.mark.parametrize("path", ["", "/"])
def test_below_a_path_of_a_proxy_and_with_another_root(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, path: str
) -> None:
    with (
        OrthancServer(
            tmp_path_factory.mktemp("root"), configuration={"Longitudinal": {"Root": ROOT}}
        ) as server,
        PrefixProxy(server.http_port, PREFIX) as proxy,
        Viewer(browser, proxy.url, (server.user, server.password)) as viewer,
    ):
        stored = store(server, slices_of("PROXIED", 72, FRAME), ROOT)
        viewer.page.goto(f"{proxy.url}{ROOT}{path}")
        expect(viewer.page.locator(".patient-line")).to_contain_text("PROXIED", timeout=WITHIN_MS)
        assert viewer.page.url == f"{proxy.url}{ROOT}/app/"
        viewer.page.locator(".patient-line").click()
        expect(viewer.page.locator(".thumbnail[data-state=drawn]")).to_be_visible(timeout=WITHIN_MS)
        viewer.page.get_by_role("link", name="Open the timeline").click()
        expect(viewer.page.locator(".tile")).to_have_count(1, timeout=WITHIN_MS)
        Explorer(viewer).open("patient", stored["ParentPatient"])
        link = viewer.page.locator(".longitudinal:visible").get_by_role("link", name="Timeline")
        expect(link).to_be_visible(timeout=WITHIN_MS)
        address = link.evaluate("(link) => link.href")
        assert address == f"{proxy.url}{ROOT}/app/?patient={stored['ParentPatient']}"
        assert proxy.outside == []
        assert viewer.failed == []


@pytest.mark.parametrize(("level", "parent"), [("patient", "ParentPatient"), ("study", "ParentStudy")])
def test_orthanc_explorer_has_a_door_to_the_page(
    viewer: Viewer, stored: dict[str, Any], level: str, parent: str
) -> None:
    panel = Explorer(viewer).open(level, stored[parent])
    with viewer.page.context.expect_page() as opened:
        panel.get_by_role("link", name="Timeline").click(timeout=WITHIN_MS)
    page = opened.value
    assert page.url.endswith(f"/imaging/app/?{level}={stored[parent]}")
    expect(page.locator(".tile")).to_have_count(2, timeout=WITHIN_MS)
    expect(page.locator("h1")).to_contain_text("DOORS")


@pytest.mark.parametrize(("level", "parent"), [("patient", "ParentPatient"), ("study", "ParentStudy")])
def test_orthanc_explorer_aligns(
    viewer: Viewer, server: OrthancServer, stored: dict[str, Any], level: str, parent: str
) -> None:
    panel = Explorer(viewer).open(level, stored[parent])
    with viewer.page.expect_response(re.compile(r"/imaging/alignments$")) as answered:
        panel.get_by_role("link", name="Align", exact=True).click(timeout=WITHIN_MS)
    assert answered.value.status == 202
    (job,) = answered.value.json()["jobs"]
    assert server.session.get(f"/imaging/jobs/{job['id']}").json()["subject"] == stored["ParentStudy"]
    server.session.delete(f"/imaging/jobs/{job['id']}")


def test_explorer_and_page_share_one_client(viewer: Viewer, stored: dict[str, Any]) -> None:
    Explorer(viewer).open("study", stored["ParentStudy"])
    expect(viewer.page.locator(".longitudinal:visible")).to_contain_text("Indexed", timeout=WITHIN_MS)
    assert f"{viewer.url}/imaging/app/shared/api.js" in viewer.requested


def test_a_deep_link_opens_the_place(viewer: Viewer, server: OrthancServer, stored: dict[str, Any]) -> None:
    series = server.session.get(f"/imaging/studies/{stored['ParentStudy']}").json()["series"][0]
    stacks = server.session.get(f"/imaging/series/{series['orthancSeriesId']}/stacks").json()["stacks"]
    sop = stacks[0]["planes"][1]["sopInstanceUid"]
    viewer.page.goto(f"{viewer.url}/imaging/app/?point={sop},1,3.5,2")
    asked = viewer.page.locator(".tile.asked")
    expect(asked).to_contain_text("slice 2/3", timeout=WITHIN_MS)
    expect(asked).to_contain_text("asked here")
    viewer.page.get_by_role("link", name="Find").click()
    expect(viewer.page.locator(".find-main h1")).to_be_visible(timeout=WITHIN_MS)
    assert viewer.page.url.endswith(f"?view=find&patient={stored['ParentPatient']}")
    viewer.page.go_back()
    expect(viewer.page.locator(".tile.asked")).to_be_visible(timeout=WITHIN_MS)


@pytest.mark.parametrize(("host", "is_shown"), [("friend.test", True), ("stranger.test", False)])
def test_the_page_is_shown_in_a_frame_of_an_allowed_origin_alone(
    browser: Browser, server: OrthancServer, site: EvilSite, stored: dict[str, Any], host: str, is_shown: bool
) -> None:
    # a browser asks for no password in a frame of another site: who looks is logged in already
    login = b64encode(f"{server.user}:{server.password}".encode()).decode()
    with Viewer(browser, server.url, headers={"Authorization": f"Basic {login}"}) as viewer:
        check_frame(viewer, server, f"http://{host}:{site.port}/", stored, is_shown)


def check_frame(
    viewer: Viewer, server: OrthancServer, outer: str, stored: dict[str, Any], is_shown: bool
) -> None:
    viewer.page.goto(outer)
    address = f"{server.url}/imaging/app/?view=find&patient={stored['ParentPatient']}"
    viewer.page.evaluate(
        """(address) => { const frame = document.createElement('iframe'); frame.src = address;
        frame.width = 1200; frame.height = 700; document.body.append(frame); }""",
        address,
    )
    cards = viewer.page.frame_locator("iframe").locator(".card")
    if is_shown:
        expect(cards).to_have_count(2, timeout=WITHIN_MS)
        expect(cards.first.locator(".thumbnail[data-state=drawn]")).to_be_visible(timeout=WITHIN_MS)
    else:
        viewer.page.wait_for_timeout(2000)
        expect(cards).to_have_count(0)
        assert any("frame-ancestors" in error for error in viewer.errors)


def test_attributes_of_the_shown_slice_are_searched(viewer: Viewer, stored: dict[str, Any]) -> None:
    find = Find(viewer)
    find.open(f"?study={stored['ParentStudy']}")
    expect(find.page.locator(".tile").first).to_contain_text("slice", timeout=WITHIN_MS)
    find.page.get_by_role("button", name="Attributes").click()
    panel = find.page.locator(".header-panel")
    expect(panel.locator("[role=status]")).to_contain_text("attributes", timeout=WITHIN_MS)
    panel.get_by_role("searchbox").fill("(0010,0020)")
    expect(panel.locator(".attribute-value")).to_have_text(["DOORS"])
    panel.get_by_role("searchbox").fill("patient id")
    expect(panel.locator("li").filter(has_text="PatientID")).to_contain_text("DOORS")
    panel.get_by_role("searchbox").fill("nothing like it")
    expect(panel.locator("[role=status]")).to_have_text("0 attributes")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)
    find.page.keyboard.press("t")
    expect(panel).to_be_visible()
    assert viewer.errors == []
