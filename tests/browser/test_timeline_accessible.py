"""The timeline page for who cannot see it well, or uses no mouse: axe-core finds nothing serious in any state."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.explorer_page import report_of, slices_of, store
from tests.browser.timeline_find import WITHIN_MS, Find
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
FRAME = "2.25.7042.600"
WIDTHS = {"desk": (1280, 800), "wide": (1920, 1080), "tablet": (1024, 768)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("accessible"), configuration=configuration) as server:
        yield server


@pytest.fixture(scope="module")
def stored(server: OrthancServer) -> dict[str, Any]:
    store(server, [*slices_of("ACCESS", 60, FRAME, StudyDate="20210101"), report_of("ACCESS", 60)])
    store(server, slices_of("ACCESS", 61, FRAME, StudyDate="20220101"))
    return store(server, slices_of("ACCESS", 62, f"{FRAME}.2", StudyDate=""))


@pytest.fixture
def find(browser: Browser, server: OrthancServer) -> Iterator[Find]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Find(viewer)


@pytest.fixture(params=WIDTHS)
def find_at(browser: Browser, server: OrthancServer, request: pytest.FixtureRequest) -> Iterator[Find]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        width, height = WIDTHS[request.param]
        viewer.page.set_viewport_size({"width": width, "height": height})
        yield Find(viewer)


def check(page: Page, state: str) -> None:
    """Nothing serious, and nothing that is wider than the window."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{state}: {violation['id']}: {node['html'][:200]}: {node['failureSummary'][:300]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert serious == []
    assert found["testEngine"]["name"] == "axe-core"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
        f"{state}: wider than the window"
    )


def test_find_in_every_state(find_at: Find, stored: dict[str, Any]) -> None:
    find, page = find_at, find_at.page
    find.open()
    expect(page.locator(".patient-line").first).to_be_visible(timeout=WITHIN_MS)
    check(page, "find")
    find.open_patient(stored["ParentPatient"])
    page.get_by_role("button", name="Select all").click()
    check(page, "a patient")
    page.get_by_role("searchbox").fill("nobody")
    expect(page.locator(".search [role=status]")).to_contain_text("No patient has", timeout=WITHIN_MS)
    check(page, "nobody found")
    find.drop(
        {
            "notes.txt": b"no image",
            **dict(zip(("1", "2", "3"), slices_of("ACCESS", 62, f"{FRAME}.2"), strict=True)),
        }
    )
    expect(page.locator(".upload-counts")).to_contain_text("refused", timeout=WITHIN_MS)
    check(page, "uploaded")


def test_jobs_and_errors(find: Find, stored: dict[str, Any]) -> None:
    page = find.page
    running = {
        "id": "1", "kind": "align", "subject": stored["ParentStudy"], "owner": "", "state": "running", "progress": 0.4,
        "stage": "search", "secondsLeft": 12, "attempts": 1, "error": None, "result": None,
    }  # fmt: skip
    others = [
        running | {"id": "2", "state": "queued", "progress": 0.0},
        running | {"id": "3", "state": "failed", "error": "the worker ended"},
    ]

    def answer(route: Route) -> None:
        route.fulfill(json={"jobs": [running, *others], "queued": 1, "running": 1})

    page.route(re.compile(r"/imaging/jobs"), answer)
    find.open_patient(stored["ParentPatient"])
    expect(page.locator(".work")).to_contain_text("40 %, looking for a start", timeout=WITHIN_MS)
    expect(page.locator(".work")).to_contain_text("about 12 s left")
    expect(page.locator(".work")).to_contain_text("Failed: the worker ended")
    expect(page.get_by_role("progressbar", name="Align").first).to_be_visible()
    check(page, "jobs")
    page.unroute_all()
    page.route(re.compile(r"/imaging/(jobs|patients)"), lambda route: route.abort())
    expect(page.locator(".work [role=alert]")).to_be_visible(timeout=WITHIN_MS)
    check(page, "no answer")
    find.open("?view=find&patient=nobody")
    expect(page.locator(".find-main [role=alert]")).to_be_visible(timeout=WITHIN_MS)
    check(page, "no answer at first")


def test_one_place_in_every_study(find_at: Find, stored: dict[str, Any]) -> None:
    find, page = find_at, find_at.page
    find.open(f"?patient={stored['ParentPatient']}")
    expect(page.locator(".tile")).to_have_count(3, timeout=WITHIN_MS)
    check(page, "before a click")
    page.locator(".tile").first.locator(".picture").click()
    expect(page.locator(".tile.asked")).to_contain_text("asked here", timeout=WITHIN_MS)
    expect(page.locator(".tile", has_text="no date")).to_contain_text(
        re.compile("[Aa]lign"), timeout=WITHIN_MS
    )
    check(page, "a place")
    page.get_by_role("button", name="Attributes").click()
    expect(page.locator(".header-panel [role=status]")).to_contain_text("attributes", timeout=WITHIN_MS)
    check(page, "attributes")


def test_an_address_that_names_nothing(find: Find) -> None:
    find.open("?study=1.2.3.4.5")
    expect(find.page.get_by_role("alert")).to_be_visible(timeout=WITHIN_MS)
    check(find.page, "unknown study")


def test_the_help_opens_by_a_key_and_switches_letters_off(find: Find) -> None:
    page = find.page
    find.open()
    expect(page.get_by_role("searchbox")).to_be_visible(timeout=WITHIN_MS)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard and pointer")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("next slice")
    check(page, "help")
    dialog.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Keys (?)").click()
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("a?g")
    expect(page.get_by_role("searchbox")).to_have_value("a?g")
    expect(dialog).to_have_count(0)


def test_everything_can_be_reached_by_the_keyboard(
    browser: Browser, server: OrthancServer, stored: dict[str, Any]
) -> None:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        find = Find(viewer)
        find.open_patient(stored["ParentPatient"])
        reached = set()
        for _ in range(60):
            viewer.page.keyboard.press("Tab")
            reached.add(
                viewer.page.evaluate(
                    """() => { const at = document.activeElement;
                    return (at.getAttribute('aria-label') || at.textContent).trim(); }"""
                )
            )
        wanted = {
            "Choose files…",
            "Choose a folder…",
            "Select all",
            "Index 3 studies",
            "Align 3 studies",
            "Open the timeline",
        }
        assert wanted <= reached
        assert {"Select 2021-01-01 MR", "Open 2021-01-01 MR"} <= reached
