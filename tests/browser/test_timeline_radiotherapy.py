"""Radiotherapy on the timeline page and in Orthanc Explorer: at the place, over time, in one picture, and what is broken."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from longitudinal.reasons import RelationStatus
from tests.browser import made_radiotherapy as made
from tests.browser.explorer_page import Explorer
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
        objects = [*rt.scan(), rt.structure_set(), rt.plan("1.2.99"), rt.dose(), *made.course()]
        server.store_rest([as_file(one) for one in objects])
        server.wait_indexed(lambda health: health["instances"] == len(objects) and not health["queued"])
        made.join(server)
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
    tile.wait_painted()
    page.get_by_role("button", name="Structures and dose").click()
    page.get_by_label("Outlines on the images").check()
    path = tile.locator.locator(".rt-outlines path").first
    expect(path).to_have_attribute("stroke", "rgb(255 0 0)", timeout=WITHIN_MS)
    painted = tile.settled()  # beside the panel, the tile is smaller
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


# A course of radiotherapy


def course(timeline: Timeline, width: int = 1280) -> None:
    """The made course, with the middle of the target asked for in the planning scan."""
    timeline.page.set_viewport_size({"width": width, "height": 800})
    timeline.open(study=made.PLANNING)
    tile = timeline.tile(made.PLANNING)
    tile.wait_painted()
    show(timeline, made.PLANNING, 9)
    timeline.ask(tile, 45, 51)


def show(timeline: Timeline, study: str, number: int) -> None:
    """Show a slice, 1-based."""
    tile = timeline.tile(study).locator
    tile.get_by_role("slider", name="Slice").fill(str(number))
    expect(tile.locator(".slice")).to_contain_text(f"slice {number}/", timeout=WITHIN_MS)


COVERED = """
(picture) => {
  const { left, right, top, bottom } = picture.getBoundingClientRect();
  return ![[left + 8, top + 8], [right - 8, top + 8], [(left + right) / 2, (top + bottom) / 2]]
    .every(([x, y]) => x < innerWidth && picture.contains(document.elementFromPoint(x, y)));
}
"""


def test_a_panel_hides_no_tile(timeline: Timeline) -> None:
    course(timeline)
    page, last = timeline.page, timeline.tile(made.FOLLOW_UP)
    for name in ("Structures and dose", "Places (M)", "Attributes (T)", "Values", "Lesions"):
        button = page.get_by_role("button", name=name, exact=True)
        button.click()
        panel = page.locator(".header-panel, .values-panel, .lesions-panel")
        expect(panel).to_be_visible(timeout=WITHIN_MS)
        for tile in timeline.tiles():
            tile.picture.scroll_into_view_if_needed()
            assert not tile.picture.evaluate(COVERED), f"{name}: the tile of {tile.study} is covered"
        last.wait_painted()
        timeline.ask(last, 45, 51)
        button.click()
        expect(panel).to_have_count(0)


def test_the_planning_scan_lies_in_colour_over_a_follow_up(timeline: Timeline) -> None:
    course(timeline)
    page, tile = timeline.page, timeline.tile(made.FOLLOW_UP)
    tile.hover()
    page.keyboard.press("f")
    expect(tile.canvas).to_have_attribute("data-painted", re.compile('"mode":"fusion"'), timeout=WITHIN_MS)
    expect(tile.locator).to_contain_text("2024-01-10 in colour over 2024-09-01")
    expect(tile.locator).to_contain_text("Alignment at the place: error not measured")
    slider = tile.locator.get_by_role("slider", name="How much of 2024-01-10 is seen")
    seen = {share: fused(timeline, tile.locator, slider, share) for share in (0, 0.5, 1)}
    # the follow-up alone is grey; the planning scan alone is in colour, and half of both is between them
    assert is_grey(seen[0])
    assert not is_grey(seen[1])
    assert np.abs(seen[0.5].astype(int) - (seen[0].astype(int) + seen[1].astype(int)) / 2).max() <= 1
    check(page, "fusion")
    page.get_by_role("button", name="Structures and dose").click()
    page.get_by_label("Outlines on the images").check()
    page.get_by_label("Isodose lines").check()
    expect(tile.locator.locator('.rt-outlines path[stroke="rgb(255 80 80)"]')).to_be_visible(
        timeout=WITHIN_MS
    )
    expect(tile.locator.locator(".rt-isodose").first).to_be_attached()
    check(page, "fusion with outlines")


def test_where_the_transform_does_not_reach_nothing_is_in_colour(timeline: Timeline) -> None:
    timeline.open(study=made.FOLLOW_UP)
    tile = timeline.tile(made.FOLLOW_UP)
    tile.wait_painted()
    show(timeline, made.FOLLOW_UP, 6)
    timeline.ask(tile, 45, 51)
    tile.hover()
    timeline.page.keyboard.press("f")
    expect(timeline.page.get_by_label("First", exact=True)).to_have_value(made.FOLLOW_UP)
    timeline.page.get_by_role("button", name="Exchange").click()
    expect(tile.canvas).to_have_attribute("data-painted", re.compile('"mode":"fusion"'), timeout=WITHIN_MS)
    slider = tile.locator.get_by_role("slider", name="How much of 2024-01-10 is seen")
    expect(slider).to_be_visible(timeout=WITHIN_MS)
    assert not is_grey(fused(timeline, tile.locator, slider, 1))
    show(timeline, made.FOLLOW_UP, 1)
    painted = re.compile(f'"sopInstanceUid":"{re.escape(made.FOLLOW_UP)}.1.1"')
    expect(tile.canvas).to_have_attribute("data-painted", painted, timeout=WITHIN_MS)
    whole, none = (fused(timeline, tile.locator, slider, share) for share in (1, 0))
    assert none.max() > 100
    assert is_grey(whole)
    assert np.array_equal(whole, none)  # the planning scan ends above this slice


def fused(timeline: Timeline, tile: Locator, slider: Locator, share: float) -> Any:
    """The pixels of the tile with so much of the first study."""
    slider.fill(str(share))
    expect(tile.locator("canvas")).to_have_attribute(
        "data-painted", re.compile(f'"share":{share:g}[,}}]'), timeout=WITHIN_MS
    )
    timeline.rest()
    return timeline.tile(str(tile.get_attribute("data-study"))).pixels()


def is_grey(pixels: Any) -> bool:
    return bool(np.ptp(pixels.astype(int), axis=2).max() == 0)


def test_a_fiducial_is_a_place_to_go_to(timeline: Timeline) -> None:
    course(timeline)
    page, tile = timeline.page, timeline.tile(made.PLANNING)
    page.get_by_role("button", name="Structures and dose").click()
    point = page.get_by_role("button", name="Go to Nasion")
    expect(point).to_be_visible(timeout=WITHIN_MS)
    before = str(tile.locator.get_attribute("data-answer"))
    point.click()
    expect(tile.locator).not_to_have_attribute("data-answer", before, timeout=WITHIN_MS)
    timeline.rest()
    x, y = made.CENTRE[:2] + [0, -30]
    half = made.PIXEL_MM * (made.SIZE - 1) / 2
    expected = ((y + half) / made.PIXEL_MM, (x + half) / made.PIXEL_MM)
    assert tile.crosshair() == pytest.approx(expected, abs=0.05)
    expect(point).to_have_attribute("aria-current", "true")
    check(page, "a fiducial")


def test_treatments_are_on_the_time_axis(timeline: Timeline) -> None:
    course(timeline)
    page = timeline.page
    marks = page.locator(".treatment")
    expect(marks).to_have_count(3, timeout=WITHIN_MS)
    first = marks.first
    expect(first).to_have_attribute("aria-label", "2024-02-01 to 2024-02-05: 3 treatment records, 1 RT Image")
    page.locator(".mark").last.focus()
    expect(page.locator(".mark:focus .mark-says")).to_be_visible()
    expect(page.locator(".mark:focus .mark-says")).to_contain_text("2024-09-01")
    page.keyboard.press("Tab")
    told = page.get_by_role("tooltip")
    expect(first).to_be_focused()
    expect(told).to_contain_text("Treatment · fraction 1 of 30 · beams AP, LAT")
    expect(told).to_contain_text("did not end normally: LAT")
    expect(told).to_contain_text("Portal image · fraction 1 of 30 · beam AP")
    check(page, "treatments on the axis")
    page.keyboard.press("Escape")
    expect(told).to_have_count(0)
    marks.nth(1).hover()
    expect(told).to_contain_text("2024-03-01")
    page.mouse.move(640, 700)
    expect(told).to_have_count(0)


def test_an_exam_limits_the_panels(timeline: Timeline, server: OrthancServer) -> None:
    server.session.put("/imaging/exams/COURSE-1", json={"patientId": made.PATIENT}).raise_for_status()
    linked = server.session.post("/imaging/exams/COURSE-1/images", json={"studyInstanceUid": made.FOLLOW_UP})
    assert linked.ok, linked.text
    timeline.open(patient=made.PATIENT, exam="COURSE-1")
    page, tile = timeline.page, timeline.tile(made.FOLLOW_UP)
    expect(page.locator(".tile")).to_have_count(1, timeout=WITHIN_MS)
    tile.wait_painted()
    timeline.ask(tile, 45, 51)
    page.get_by_role("button", name="Structures and dose").click()
    panel = page.locator(".rt-panel")
    expect(panel).to_contain_text("No structure set, segmentation or dose", timeout=WITHIN_MS)
    expect(panel.get_by_role("button", name="Go to")).to_have_count(0)
    with page.expect_response(re.compile("/overlays$")):
        page.get_by_label("Outlines on the images").check()
    expect(tile.locator.locator(".rt-outlines")).to_be_attached(timeout=WITHIN_MS)
    expect(tile.locator.locator(".rt-outlines path")).to_have_count(0)
    expect(page.locator(".treatment")).to_have_count(0)
    panel.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Places (M)").click()
    page.get_by_label("Name of the place that is shown").fill("In the exam")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator(".place-studies li")).to_have_count(1, timeout=WITHIN_MS)
    expect(page.get_by_role("button", name="Keep in the studies shown")).to_be_visible()
    assert "exam=COURSE-1" in page.url
    expect(page.locator(".tile")).to_have_count(1)
    page.get_by_role("link", name="Review").click()
    expect(page.get_by_role("link", name="Back to the studies")).to_have_attribute(
        "href", re.compile("exam=COURSE-1"), timeout=WITHIN_MS
    )


# Orthanc Explorer


@pytest.fixture
def explorer(timeline: Timeline) -> Explorer:
    return Explorer(timeline.viewer)


def patient_of(server: OrthancServer, patient: str) -> dict[str, Any]:
    return dict(server.session.get(f"/imaging/patients/{patient}").json())


def test_explorer_says_what_is_broken_in_words(explorer: Explorer, server: OrthancServer) -> None:
    patient = patient_of(server, "RT")
    broken = explorer.open("patient", patient["orthancPatientId"]).locator(".related")
    expect(broken).to_contain_text('The structure set of this plan "Plan A" is not here', timeout=WITHIN_MS)
    expect(broken.locator("[data-status=missing] h4")).to_have_text("Not here")
    expect(broken.locator("[data-part=planning]")).to_contain_text("plan intent CURATIVE")
    study = patient["studies"][0]["orthancStudyId"]
    own = explorer.open("study", study).locator(".related")
    expect(own).to_contain_text('The structure set of this plan "Plan A" is not here', timeout=WITHIN_MS)
    assert explorer.viewer.errors == []
    assert explorer.viewer.failed == []


def test_explorer_shows_the_parts_of_a_treatment(explorer: Explorer, server: OrthancServer) -> None:
    patient = patient_of(server, made.PATIENT)
    related = explorer.open("patient", patient["orthancPatientId"]).locator(".related")
    expect(related).to_contain_text("Everything that these objects name is here.", timeout=WITHIN_MS)
    parts = {
        str(row.get_attribute("data-part")): row.inner_text() for row in related.locator("[data-part]").all()
    }
    assert {"planning", "verification", "treatment", "followUp"} <= set(parts)
    assert "fraction 1" in parts["treatment"]
    later = next(
        one["orthancStudyId"] for one in patient["studies"] if one["studyInstanceUid"] == made.FOLLOW_UP
    )
    own = explorer.open("study", later).locator(".related")
    expect(own.locator("[data-part=followUp]")).to_be_visible(timeout=WITHIN_MS)
    expect(own.locator("[data-part=planning]")).to_have_count(0)


def test_explorer_has_a_word_for_every_status_and_is_bounded(
    explorer: Explorer, server: OrthancServer
) -> None:
    codes = [str(code) for code in RelationStatus if code != RelationStatus.OK]

    def many(route: Route) -> None:
        response = route.fetch()
        answer = response.json()
        answer["problems"] = [
            {
                "edge": f"{code} {number}",
                "node": "instance:1",
                "status": code,
                "text": f"{code}, object {number} <b>",
            }
            for code in codes
            for number in range(100)
        ]
        answer["problemsTotal"] = 10_000
        route.fulfill(response=response, json=answer)

    explorer.page.route(re.compile("/imaging/patients/[^/]*/relations"), many)
    related = explorer.open("patient", patient_of(server, "RT")["orthancPatientId"]).locator(".related")
    expect(related).to_contain_text("10,000 links are not as they should be", timeout=WITHIN_MS)
    expect(related).to_contain_text("9,000 more are counted and not listed.")
    headings = related.locator(".broken h4").all_inner_texts()
    assert len(set(headings)) == len(codes)
    assert not set(headings) & set(codes), "a status without a word"
    assert related.locator("li").count() == 6 * len(codes)
    expect(related.locator("[data-status=wrongFrame]")).to_contain_text("wrongFrame, object 0 <b>")
