"""Radiotherapy on the timeline page: structures and doses at the place, and what is broken, in words."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_timeline_accessible import check
from tests.browser.timeline import WITHIN_MS, Timeline
from tests.browser.viewer import Viewer
from tests.builders import as_file
from tests.orthanc.server import OrthancServer
from tests.unit.relations import radiotherapy as rt


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    configuration = {"Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("radiotherapy"), configuration=configuration) as server:
        # the plan's structure set is not there, and its own is
        objects = [*rt.scan(), rt.structure_set(), rt.plan("1.2.99"), rt.dose()]
        server.store_rest([as_file(one) for one in objects])
        server.wait_indexed(lambda health: health["instances"] == len(objects) and not health["queued"])
        yield server


@pytest.fixture
def timeline(browser: Browser, server: OrthancServer) -> Iterator[Timeline]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Timeline(viewer, server)


def test_structures_and_doses_follow_the_place(timeline: Timeline) -> None:
    timeline.open(patient="RT")
    page, tile = timeline.page, timeline.tile(rt.STUDY)
    tile.wait_painted()
    page.get_by_role("button", name="Structures and dose").click()
    panel = page.locator(".rt-panel")
    expect(panel).to_contain_text("Click a place in an image first")
    timeline.ask(tile, 20, 20)
    target = panel.locator(".rt-line", has_text="Target")
    expect(target).to_contain_text("inside", timeout=WITHIN_MS)
    expect(panel).to_contain_text("same coordinates as the image")
    expect(panel).to_contain_text("Gy")
    expect(panel).to_contain_text("range not measured")
    timeline.ask(tile, 20, 2)
    expect(target).to_contain_text("outside, 8.0 mm away", timeout=WITHIN_MS)
    check(page, "structures at a place")


def test_outlines_are_drawn_where_the_contours_are(timeline: Timeline) -> None:
    timeline.open(patient="RT")
    page, tile = timeline.page, timeline.tile(rt.STUDY)
    painted = tile.wait_painted()
    page.get_by_role("button", name="Structures and dose").click()
    page.get_by_label("Outlines on the images").check()
    path = tile.locator.locator(".rt-outlines path").first
    expect(path).to_have_attribute("stroke", "rgb(255 0 0)", timeout=WITHIN_MS)
    box = path.evaluate(
        "(path) => { const { x, y, width, height } = path.getBBox(); return [x, y, x + width, y + height]; }"
    )
    density = tile.canvas.evaluate("(canvas) => canvas.width / canvas.clientWidth")
    # the contour runs through the centres of the pixels 10 and 30
    left, top = painted.canvas_at(10, 10)
    right, bottom = painted.canvas_at(30, 30)
    pixel = abs(right - left) / 20 / density
    expected = [(value + 0.5) / density for value in (left, top, right, bottom)]
    assert box == pytest.approx(expected, abs=0.6 * pixel)
    page.get_by_label("Isodose lines").check()
    expect(tile.locator.locator(".rt-isodose text").first).to_contain_text("Gy")
    timeline.ask(tile, 20, 20)
    check(page, "outlines")
    page.get_by_label("Outline of Target").uncheck()
    expect(tile.locator.locator('.rt-outlines path[stroke="rgb(255 0 0)"]')).to_have_count(0)


def test_broken_links_are_said_on_the_patients_page(timeline: Timeline, server: OrthancServer) -> None:
    (patient,) = server.session.get("/imaging/patients", params={"query": "RT"}).json()["patients"]
    page = timeline.page
    page.goto(f"{server.url}/imaging/app/?view=find&patient={patient['orthancPatientId']}")
    section = page.locator(".rt-patient")
    expect(section).to_contain_text('The structure set of this plan "Plan A" is not here', timeout=WITHIN_MS)
    section.get_by_text("Plan Plan A").click()
    expect(section).to_contain_text("40 Gy TARGET")
    expect(section).to_contain_text("20 fractions")
    section.get_by_text("Structures Set A").click()
    expect(section).to_contain_text("Target")
    check(page, "radiotherapy of a patient")
