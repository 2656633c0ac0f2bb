"""Comparing, for who cannot see it well, or uses no mouse: axe-core finds nothing serious in any state."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.made_studies import UID, gradient, picture_of, store_study
from tests.browser.test_timeline_accessible import WIDTHS, check
from tests.browser.timeline import WITHIN_MS, Timeline
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("comparing"), configuration=configuration) as server:
        for number in range(8):
            first = 0.0 if number else 4.0
            pictures = [
                picture_of(gradient() + number + at, position=(0, 0, first + 2 * at))
                for at in range(3 if number == 0 else 12)
            ]
            store_study(
                server,
                "COMPARED",
                230 + number,
                pictures,
                FrameOfReferenceUID=f"{UID}.230",
                StudyDate=f"20{10 + number}0101",
            )
        server.wait_until(lambda: server.session.get("/imaging/patients/COMPARED").json().get("total") == 8)
        yield server


@pytest.fixture(params=WIDTHS)
def timeline(browser: Browser, server: OrthancServer, request: pytest.FixtureRequest) -> Iterator[Timeline]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        width, height = WIDTHS[request.param]
        viewer.page.set_viewport_size({"width": width, "height": height})
        yield Timeline(viewer, server)


def test_every_state(timeline: Timeline) -> None:
    page = timeline.page
    timeline.open(study=f"{UID}.231")
    tile = timeline.tile(f"{UID}.231")
    tile.wait_painted()
    check(page, "many studies before a click")
    tile.locator.get_by_role("slider").fill("4")
    timeline.rest()
    timeline.ask(tile, 20, 25)
    timeline.rest()
    check(page, "many studies")
    tile.hover()
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    expect(timeline.tile(f"{UID}.230").locator.locator(".outside-word")).to_be_visible(timeout=WITHIN_MS)
    check(page, "outside")
    page.keyboard.press("g")
    page.keyboard.press("s")
    other = timeline.tile(f"{UID}.232")
    expect(other.canvas).to_have_attribute("data-painted", re.compile('"cut"'), timeout=WITHIN_MS)
    check(page, "same cut")
    page.keyboard.press("s")
    other.hover()
    for key, mode in (("b", "blink"), ("Shift+S", "swipe"), ("Shift+B", "checkerboard"), ("d", "difference")):
        page.keyboard.press(key)
        expect(other.canvas).to_have_attribute(
            "data-painted", re.compile(f'"mode":"{mode}"'), timeout=WITHIN_MS
        )
        check(page, mode)
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+K")
    page.keyboard.press("k")
    check(page, "unlinked")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("the same cut of every study")
    check(page, "keys")
    assert timeline.viewer.errors == []
