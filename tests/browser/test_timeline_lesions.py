"""Diameters drawn on the page, and the table of lesions that follows from them."""

import csv
import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.measured_patient import GAP, LESION, PATIENT, RADII, SPACING, UID
from tests.browser.measured_server import POINT, measured_server
from tests.browser.test_timeline_accessible import WIDTHS, check
from tests.browser.timeline import WITHIN_MS, Tile, Timeline
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

MIDDLE = (LESION[1] / SPACING, LESION[0] / SPACING)
"""Row and column of the lesion's centre in its slice."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with measured_server(tmp_path_factory.mktemp("lesions")) as server:
        yield server


@pytest.fixture
def timeline(browser: Browser, server: OrthancServer) -> Iterator[Timeline]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        viewer.page.on("dialog", lambda dialog: dialog.accept())
        timeline = Timeline(viewer, server)
        timeline.open(point=POINT)
        timeline.page.get_by_role("button", name="Lesions", exact=True).click()
        timeline.page.get_by_role("button", name="Draw", exact=True).click()
        yield timeline
        assert viewer.errors == []


def draw(tile: Tile, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one pixel of the image to another, rows and columns."""
    box = tile.picture.bounding_box()
    assert box is not None
    mouse = tile.locator.page.mouse
    for number, (row, column) in enumerate((start, end)):
        x, y = tile.settled().canvas_at(row, column)
        mouse.move(box["x"] + x + 0.5, box["y"] + y + 0.5, steps=4)
        if number == 0:
            mouse.down()
    mouse.up()


def across(tile: Tile, radius: float, *, down: bool = False) -> None:
    """The diameter of the ball in the phantom."""
    row, column = MIDDLE
    reach = radius / SPACING
    ends = (
        [(row - reach, column), (row + reach, column)]
        if down
        else [(row, column - reach), (row, column + reach)]
    )
    draw(tile, *ends)


def drawn(timeline: Timeline, study: int, axis: str = "long") -> float:
    line = timeline.page.locator(f'.diameter[data-study="{UID}.{study}"][data-axis="{axis}"]')
    return float(str(line.get_attribute("data-mm")))


def test_a_drawn_diameter_is_that_of_the_phantom_within_half_a_pixel(timeline: Timeline) -> None:
    for study in (1, 2, 3):
        tile = timeline.tile(f"{UID}.{study}")
        tile.wait_painted()
        if study > 1:
            timeline.page.get_by_role("group", name="Next line").get_by_role(
                "button", name="Long axis"
            ).click()
        across(tile, RADII[study])
        across(tile, RADII[study] * 0.5, down=True)
        mm_per_pixel = abs(tile.painted().matrix[0, 0]) * SPACING
        assert drawn(timeline, study) == pytest.approx(2 * RADII[study], abs=mm_per_pixel / 2 + 0.01)
        assert drawn(timeline, study, "short") == pytest.approx(RADII[study], abs=mm_per_pixel / 2 + 0.01)
    assert LESION[2] / GAP == 12, "the slice that the place is on"


def test_the_table_has_changes_sums_and_the_arithmetic_class(timeline: Timeline) -> None:
    for study in (1, 2, 3):
        timeline.tile(f"{UID}.{study}").wait_painted()
        timeline.page.get_by_role("group", name="Next line").get_by_role("button", name="Long axis").click()
        across(timeline.tile(f"{UID}.{study}"), RADII[study])
    sizes = [drawn(timeline, study) for study in (1, 2, 3)]
    with timeline.page.expect_download() as download:
        timeline.page.locator(".lesions-panel").get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    lesion = [row for row in rows if row["lesion"] == "Lesion 1" and row["sizeMm"]]
    assert [float(row["sizeMm"]) for row in lesion] == pytest.approx(sizes, abs=0.006)
    # 16, 20 and 26 mm: +25 % but 4 mm, then +62.5 % and 10 mm
    sums = {row["studyInstanceUid"]: row for row in rows if row["lesion"] == "sum"}
    assert [sums[f"{UID}.{study}"]["arithmeticClass"] for study in (1, 2, 3)] == ["", "SD", "PD"]
    assert float(sums[f"{UID}.3"]["fromBaselinePercent"]) == pytest.approx(
        100 * (sizes[2] / sizes[0] - 1), abs=0.01
    )
    words = timeline.page.locator(".size-class").all_inner_texts()
    assert words == ["SD", "PD"]
    expect(timeline.page.locator(".lesions-panel")).not_to_contain_text("response")


def test_a_click_is_no_diameter_and_says_what_to_do(timeline: Timeline) -> None:
    tile = timeline.tile(f"{UID}.1")
    tile.wait_painted()
    draw(tile, MIDDLE, MIDDLE)
    expect(timeline.page.get_by_role("alert")).to_contain_text("drag from one edge")
    assert timeline.page.locator(".diameter").count() == 0


def test_without_a_mouse_a_line_begins_at_the_place_and_its_ends_move(timeline: Timeline) -> None:
    tile = timeline.tile(f"{UID}.1")
    tile.wait_painted()
    tile.picture.focus()
    timeline.page.get_by_role("button", name="Line at the place").click()
    timeline.rest()
    assert drawn(timeline, 1) == pytest.approx(10.0, abs=1e-6)
    timeline.page.locator(".handle").first.focus()
    mm_per_pixel = abs(tile.painted().matrix[0, 0]) * SPACING
    for _ in range(3):
        timeline.page.keyboard.press("ArrowLeft")
    timeline.rest()
    assert drawn(timeline, 1) == pytest.approx(10 + 3 * mm_per_pixel, abs=1e-6)


def test_a_key_draws_too(timeline: Timeline) -> None:
    page = timeline.page
    page.get_by_role("button", name="Close the lesions").click()
    timeline.tile(f"{UID}.1").picture.focus()
    page.keyboard.press("Shift+M")
    expect(page.get_by_role("button", name="Draw", exact=True)).to_have_attribute("aria-pressed", "true")
    across(timeline.tile(f"{UID}.1"), RADII[1])
    assert drawn(timeline, 1) > 0


def test_the_key_image_has_picture_overlays_and_the_notice(timeline: Timeline) -> None:
    tile = timeline.tile(f"{UID}.3")
    tile.wait_painted()
    across(tile, RADII[3])
    tile.hover()
    with timeline.page.expect_download() as download:
        timeline.page.get_by_role("button", name="Key image").click()
    assert download.value.suggested_filename == "key-image-2023-03-07.png"
    picture = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)
    shown = tile.pixels()
    assert picture.shape[1] == shown.shape[1]
    assert picture.shape[0] > shown.shape[0]
    same = (picture[: shown.shape[0]] == shown).all(axis=2).mean()
    assert same > 0.9, "the picture is the one that is shown"
    turquoise = (np.abs(picture - (124, 230, 216)) < 40).all(axis=2)
    amber = (np.abs(picture - (255, 192, 77)) < 40).all(axis=2)
    assert turquoise[: shown.shape[0]].sum() > 50, "the diameter"
    assert amber[shown.shape[0] :].sum() > 50, "not for primary diagnosis"


def test_printed_there_is_the_table_and_the_notice(timeline: Timeline) -> None:
    timeline.tile(f"{UID}.1").wait_painted()
    across(timeline.tile(f"{UID}.1"), RADII[1])
    timeline.page.emulate_media(media="print")
    expect(timeline.page.locator(".lesion-table")).to_be_visible()
    expect(timeline.page.locator(".print-only")).to_contain_text("Not for primary diagnosis")
    expect(timeline.page.locator(".grid")).to_be_hidden()


def test_axe_finds_nothing(timeline: Timeline) -> None:
    page: Page = timeline.page
    timeline.tile(f"{UID}.1").wait_painted()
    across(timeline.tile(f"{UID}.1"), RADII[1])
    for width, (wide, high) in WIDTHS.items():
        page.set_viewport_size({"width": wide, "height": high})
        check(page, f"lesions, {width}")


def test_what_is_kept_is_a_report_and_comes_back_with_the_page(timeline: Timeline) -> None:
    page = timeline.page
    for study in (1, 2):
        timeline.tile(f"{UID}.{study}").wait_painted()
        page.get_by_role("group", name="Next line").get_by_role("button", name="Long axis").click()
        across(timeline.tile(f"{UID}.{study}"), RADII[study])
    page.get_by_label("Name").fill("seg VII")
    sizes = [drawn(timeline, study) for study in (1, 2)]
    page.get_by_role("button", name="Keep in the archive").click()
    expect(page.locator(".lesion-table")).not_to_contain_text("not kept yet", timeout=WITHIN_MS)
    kept = timeline.server.session.get("/imaging/places", params={"patientId": PATIENT}).json()["places"]
    (place,) = [one for one in kept if one["name"] == "seg VII"]
    lengths = [report["diameters"][0]["lengthMm"] for report in place["reports"]]
    assert lengths == pytest.approx(sizes, abs=0.1)
    timeline.tile(f"{UID}.2").hover()
    page.get_by_role("button", name="Clear in this study").click()
    expect(page.locator(f'.diameter[data-study="{UID}.2"]')).to_have_count(0, timeout=WITHIN_MS)
    (left,) = timeline.server.session.get(f"/imaging/places/{place['id']}").json()["place"]["reports"]
    assert left["studyInstanceUid"] == f"{UID}.1"
    page.reload()
    page.get_by_role("button", name="Lesions", exact=True).click()
    expect(page.locator(".lesion-table")).to_contain_text("seg VII", timeout=WITHIN_MS)
    expect(page.locator(".lesion-table")).not_to_contain_text("not kept yet")
    assert drawn(timeline, 1) == pytest.approx(sizes[0], abs=0.1)
    timeline.server.session.delete(f"/imaging/places/{place['id']}").raise_for_status()
