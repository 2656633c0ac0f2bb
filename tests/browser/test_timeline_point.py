"""One place in every study: pixels against numpy, places against resolve, one scale, and what may go wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from playwright.sync_api import Browser, Route, expect

from benchmarks.longitudinal_patients import give_transforms, load
from benchmarks.made_patients.head import make_head
from benchmarks.made_patients.phantom import make_phantom
from tests import builders as build
from tests.browser.made_studies import UID, colours, garbled, gradient, picture_of, store_study
from tests.browser.timeline import WITHIN_MS, Tile, Timeline, shown_by_numpy, wait_for
from tests.browser.viewer import Viewer
from tests.data import data
from tests.orthanc.server import OrthancServer

CONFIGURATION = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}


class Patient:
    """A made patient in the server: its truth, and its files by SOP Instance UID."""

    def __init__(self, server: OrthancServer, folder: Path, truth: dict[str, Any]) -> None:
        self.truth, self.studies = truth, truth["studies"]
        self.id: str = truth["patientId"]
        login = (server.user, server.password)
        before = server.health()["instances"]
        count = load(folder, server.url, login)
        server.wait_indexed(lambda health: health["instances"] >= before + count)
        self.files = {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID: path
                      for path in folder.rglob("*.dcm")}  # fmt: skip

    def dataset(self, sop_instance_uid: str) -> pydicom.Dataset:
        return pydicom.dcmread(self.files[sop_instance_uid])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("timeline"), configuration=CONFIGURATION) as server:
        yield server


@pytest.fixture(scope="module")
def head(server: OrthancServer, tmp_path_factory: pytest.TempPathFactory) -> Patient:
    """A moved head in three studies, each joined to the one before."""
    data("openms_dicom/patient01")
    folder = tmp_path_factory.mktemp("head")
    patient = Patient(server, folder, make_head(folder, 3))
    give_transforms(patient.truth, server.url, 1.5, (server.user, server.password))
    return patient


@pytest.fixture(scope="module")
def phantom(server: OrthancServer, tmp_path_factory: pytest.TempPathFactory) -> Patient:
    """A box of 100 mm with square and other pixels, in three directions, and a PET."""
    folder = tmp_path_factory.mktemp("phantom")
    return Patient(server, folder, make_phantom(folder))


@pytest.fixture
def timeline(browser: Browser, server: OrthancServer) -> Iterator[Timeline]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Timeline(viewer, server)


def differences(timeline: Timeline, patient: Patient) -> list[float]:
    """Of each tile the largest difference to numpy, in grey levels; a rounding of a half is none."""
    found = []
    for tile in timeline.tiles():
        painted, seen = tile.wait_painted(), tile.pixels()
        assert painted.reduction == 1
        ds = patient.dataset(painted.sop_instance_uid)
        slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
        expected = shown_by_numpy(ds.pixel_array, slope, intercept, painted, seen.shape[:2])
        assert np.ptp(expected) > 100, "there is something to compare"
        assert np.array_equal(seen[:, :, 0], seen[:, :, 1])
        found.append(float(np.abs(seen[:, :, 0] - np.rint(expected)).max()))
    return found


# Pixels


def test_native_pixels_are_those_of_numpy(timeline: Timeline, head: Patient) -> None:
    timeline.open(study=head.studies[2]["studyInstanceUid"])
    tile = timeline.tile(head.studies[2]["studyInstanceUid"])
    tile.wait_painted()
    tile.hover()
    timeline.page.get_by_role("button", name="1:1").click()
    expect(tile.canvas).to_have_attribute(
        "data-painted", re.compile(r'"matrix":\[1,0,-?\d+,0,1,-?\d+,0,0,0\]')
    )
    ds, painted, seen = head.dataset(tile.painted().sop_instance_uid), tile.painted(), tile.pixels()
    expected = shown_by_numpy(ds.pixel_array, 1, 0, painted, seen.shape[:2])
    assert np.array_equal(seen[:, :, 0], np.rint(expected))
    assert len(np.unique(seen)) > 100


def test_interpolated_pixels_are_those_of_numpy_to_one_grey(timeline: Timeline, head: Patient) -> None:
    study = head.studies[0]["studyInstanceUid"]
    timeline.open(study=study)
    tile = timeline.tile(study)
    tile.wait_painted()
    timeline.ask(tile, 150.2, 140.7)
    timeline.page.keyboard.press("+")
    timeline.rest()
    assert len(timeline.tiles()) == 3
    assert max(differences(timeline, head)) <= 1


def test_each_slice_of_a_pet_has_its_own_slope_and_pixels_may_be_oblong(
    timeline: Timeline, phantom: Patient
) -> None:
    first = phantom.studies[0]
    timeline.open(study=first["studyInstanceUid"])
    tile = timeline.tile(first["studyInstanceUid"])
    tile.wait_painted()
    column, row, _ = first["pixels"][0]
    timeline.ask(tile, row, column)
    assert len(timeline.tiles()) == 6
    assert max(differences(timeline, phantom)) <= 1


def test_detail_in_a_lung_window_that_a_soft_tissue_window_clips(
    timeline: Timeline, server: OrthancServer
) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(-900, -700, (64, 64)).astype(np.int16)
    store_study(
        server, "LUNG", 1, [picture_of(values, SOPClassUID=build.CT, Modality="CT", RescaleType="HU")]
    )
    timeline.open(patient="LUNG")
    tile = timeline.tiles()[0]
    tile.wait_painted()
    tile.hover()
    timeline.page.keyboard.press("1")
    expect(tile.locator).to_contain_text("W 400 L 40 HU")
    timeline.rest()
    assert tile.pixels().max() == 0, "a preview for soft tissue has nothing left of it"
    timeline.page.keyboard.press("2")
    expect(tile.locator).to_contain_text("W 1500 L -600 HU")
    timeline.rest()
    painted, seen = tile.painted(), tile.pixels()
    expected = shown_by_numpy(values, 1, 0, painted, seen.shape[:2])
    assert np.abs(seen[:, :, 0] - np.rint(expected)).max() <= 1
    assert len(np.unique(seen)) > 20


# Places


def test_crosshairs_are_where_resolve_says_and_each_click_asks_once(
    timeline: Timeline, head: Patient
) -> None:
    study = head.studies[1]
    timeline.open(study=study["studyInstanceUid"])
    tile = timeline.tile(study["studyInstanceUid"])
    tile.wait_painted()
    for asked, (column, row, _) in enumerate(study["pixels"][:4], 1):
        timeline.ask(tile, row, column)
        timeline.rest()
        assert timeline.resolves() == asked
        matches = timeline.resolved(pixel_of(tile))["matches"]
        assert len(matches) == 3
        for match in matches:
            other = timeline.tile(match["studyInstanceUid"])
            painted = other.painted()
            assert painted.sop_instance_uid == match["sopInstanceUid"]
            assert other.crosshair() == pytest.approx((match["row"], match["column"]), abs=0.5)


_PLACES = """
() => {
  window.places = [];
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const place = target.closest('.tile').querySelector('g.place');
      const { answer } = JSON.parse(target.dataset.painted || '{}');
      window.places.push([target.closest('.tile').dataset.study, answer, place && [place.dataset.x, place.dataset.y]]);
    }
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['data-painted'] });
}
"""


def test_picture_and_crosshair_of_an_answer_are_painted_together(timeline: Timeline, head: Patient) -> None:
    """At the moment at which a canvas says that it shows an answer, the crosshair over it is that of the same answer."""
    study = head.studies[0]
    timeline.open(study=study["studyInstanceUid"])
    tile = timeline.tile(study["studyInstanceUid"])
    tile.wait_painted()
    timeline.page.evaluate(_PLACES)
    for row, column in ((100, 120), (140, 90), (100, 120)):
        answer = timeline.ask(tile, row, column)
        timeline.rest()
        painted = {
            uid: place for uid, number, place in timeline.page.evaluate("window.places") if number == answer
        }
        assert set(painted) == {one["studyInstanceUid"] for one in head.studies}
        for uid, place in painted.items():
            now = timeline.tile(uid).locator.locator("g.place")
            assert place == [now.get_attribute("data-x"), now.get_attribute("data-y")], uid


def test_a_frame_that_is_on_its_way_when_the_answer_comes_is_not_fetched_again(
    timeline: Timeline, head: Patient
) -> None:
    study = head.studies[0]
    timeline.open(study=study["studyInstanceUid"])
    tile = timeline.tile(study["studyInstanceUid"])
    tile.wait_painted()
    timeline.ask(tile, 100, 120)
    timeline.rest()  # the page learns how the frames of reference lie
    timeline.page.keyboard.press("k")  # linked tiles would fetch their frames while this one is scrolled
    tile.locator.get_by_role("slider").fill("20")
    timeline.rest()
    asked: list[str] = []

    def late(route: Route) -> None:
        asked.append(route.request.url)
        timeline.page.wait_for_timeout(150)  # the answer is here before any frame
        route.continue_()

    timeline.page.route("**/numpy?*", late)
    timeline.ask(tile, 110, 130)
    assert len(asked) >= 2
    assert sorted(asked) == sorted(set(asked))


def pixel_of(tile: Tile) -> dict[str, Any]:
    """What the tile's crosshair asks by."""
    painted, (row, column) = tile.painted(), tile.crosshair()
    return {
        "sopInstanceUid": painted.sop_instance_uid,
        "frameNumber": painted.frame_number,
        "row": row,
        "column": column,
    }


def test_a_hundred_millimetres_have_as_many_pixels_in_every_tile(
    timeline: Timeline, phantom: Patient
) -> None:
    first = phantom.studies[0]
    timeline.open(study=first["studyInstanceUid"])
    tile = timeline.tile(first["studyInstanceUid"])
    tile.wait_painted()
    column, row, _ = first["pixels"][0]
    timeline.ask(tile, row, column)
    tile.hover()
    timeline.page.keyboard.press("2")  # a window that has both air and the box
    pet = timeline.tile(phantom.studies[5]["studyInstanceUid"])
    pet.hover()
    timeline.page.keyboard.press("3")
    timeline.rest()
    widths, heights = zip(*(box_of(one) for one in timeline.tiles()), strict=True)
    assert len(widths) == 6
    assert max(widths + heights) - min(widths + heights) <= 1, (widths, heights)
    scale = timeline.page.locator(".scale").first
    mm = float(str(scale.get_attribute("data-mm")))
    per_mm = scale.evaluate("(rule) => rule.getBoundingClientRect().width") / mm
    assert widths[0] == pytest.approx(100 * per_mm, abs=1)


def box_of(tile: Tile) -> tuple[float, float]:
    """How many pixels the box is wide and high, through its middle; half-way between air and box is its edge."""
    painted, grey = tile.painted(), tile.pixels()[:, :, 0].astype(float)
    x, y = (round(value) for value in painted.canvas_at(*tile.crosshair()))
    edge = (grey[2, 2] + np.median(grey[y - 20 : y + 20, x - 20 : x + 20])) / 2
    return width_above(grey[y], edge), width_above(grey[:, x], edge)


def width_above(line: np.ndarray, edge: float) -> float:
    """From where a line rises above a value to where it last falls below it, parts of pixels counted."""
    first, last = np.flatnonzero(line > edge)[[0, -1]]
    start = first - (line[first] - edge) / (line[first] - line[first - 1])
    return float(last + (line[last] - edge) / (line[last] - line[last + 1]) - start)


def test_the_place_can_be_dragged_in_any_tile(timeline: Timeline, head: Patient) -> None:
    first, last = (timeline.tile(head.studies[at]["studyInstanceUid"]) for at in (0, 2))
    timeline.open(study=head.studies[0]["studyInstanceUid"])
    first.wait_painted()
    timeline.ask(first, 150, 140)
    box = last.picture.bounding_box()
    assert box
    place = last.locator.locator("g.place")
    x, y = (box[axis] + float(str(place.get_attribute(f"data-{axis}"))) for axis in "xy")
    painted = last.painted()
    row, column = last.crosshair()
    mouse = timeline.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 20, y + 10, steps=4)
    mouse.up()
    expect(last.locator).to_have_class(re.compile("asked"))
    expect(last.locator).to_contain_text("asked here")
    timeline.rest()
    there = last.crosshair()
    assert last.painted().sop_instance_uid == painted.sop_instance_uid
    moved = np.array(painted.pixel_at(20, 10)) - painted.pixel_at(0, 0)
    assert there == pytest.approx((row + moved[0], column + moved[1]), abs=0.6)
    match = next(m for m in timeline.resolved(pixel_of(last))["matches"]
                 if m["studyInstanceUid"] == first.study)  # fmt: skip
    assert first.crosshair() == pytest.approx((match["row"], match["column"]), abs=0.5)


def test_a_late_answer_to_an_older_click_never_paints(timeline: Timeline, head: Patient) -> None:
    study = head.studies[0]["studyInstanceUid"]
    timeline.open(study=study)
    tile = timeline.tile(study)
    tile.wait_painted()
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    timeline.page.route("**/points/resolve", hold_the_first)
    tile.click(150, 140)
    wait_for(timeline.page, lambda: len(held) == 1)
    timeline.ask(tile, 180, 170)
    after = [one.crosshair() for one in timeline.tiles()]
    held[0].fulfill(json=timeline.resolved(held[0].request.post_data_json))
    timeline.rest()
    assert [one.crosshair() for one in timeline.tiles()] == after
    assert tile.crosshair() == pytest.approx((180, 170), abs=1)


def test_a_link_opens_the_page_at_its_place(timeline: Timeline, head: Patient) -> None:
    study = head.studies[1]
    column, row, at = study["pixels"][1]
    pixel = {
        "sopInstanceUid": study["sopInstanceUids"][round(at)],
        "frameNumber": 1,
        "row": row,
        "column": column,
    }
    timeline.open(point=",".join(str(value) for value in pixel.values()))
    for match in timeline.resolved(pixel)["matches"]:
        tile = timeline.tile(match["studyInstanceUid"])
        tile.wait_painted()
        assert tile.crosshair() == pytest.approx((match["row"], match["column"]), abs=0.5)


def test_a_tile_says_how_well_the_place_is_known(timeline: Timeline, head: Patient) -> None:
    studies = [one["studyInstanceUid"] for one in head.studies]
    timeline.open(study=studies[0])
    first = timeline.tile(studies[0])
    first.wait_painted()
    timeline.ask(first, 150.2, 140.7)
    expect(first.locator).to_contain_text("asked here")
    for number, study in ((1, studies[1]), (2, studies[2])):
        match = next(
            m for m in timeline.resolved(pixel_of(first))["matches"] if m["studyInstanceUid"] == study
        )
        tile = timeline.tile(study)
        assert match["uncertaintyMm"] == pytest.approx(1.5 * number, abs=0.1)
        expect(tile.locator).to_contain_text(f"fair: error up to {match['uncertaintyMm']:.1f} mm")
        expect(tile.locator).to_contain_text("alignment not reviewed")
        expect(tile.locator).to_contain_text("full quality")
        ring = tile.locator.locator("circle.ring")
        scale = tile.locator.locator(".scale")
        per_mm = scale.evaluate("(rule) => rule.getBoundingClientRect().width") / float(
            str(scale.get_attribute("data-mm")))  # fmt: skip
        assert float(str(ring.get_attribute("r"))) == pytest.approx(match["uncertaintyMm"] * per_mm, abs=0.2)
        distance = abs(match["distanceMm"])
        if distance >= 0.05:
            expect(tile.locator).to_contain_text(f"{distance:.1f} mm beside the slice")
            expect(tile.locator.locator("g.place")).to_have_class(re.compile("off-slice"))
    dates = [one["studyDate"] for one in head.studies]
    assert timeline.page.locator(".tile h2").all_inner_texts()[0].startswith(dates[0])
    assert [title.split(" · ")[0] for title in timeline.page.locator(".tile h2").all_inner_texts()] == dates


def test_what_shares_a_frame_is_not_measured_and_has_no_size(timeline: Timeline, phantom: Patient) -> None:
    first = phantom.studies[0]
    timeline.open(study=first["studyInstanceUid"])
    tile = timeline.tile(first["studyInstanceUid"])
    tile.wait_painted()
    column, row, _ = first["pixels"][0]
    timeline.ask(tile, row, column)
    other = timeline.tile(phantom.studies[1]["studyInstanceUid"])
    expect(other.locator).to_contain_text("same scanner coordinates, error not measured")
    ring = other.locator.locator("circle.ring.unknown")
    radius = ring.get_attribute("r")
    timeline.page.keyboard.press("+")
    expect(ring).to_have_attribute("r", str(radius))


def test_wheel_keys_slider_and_cine_scroll(timeline: Timeline, head: Patient) -> None:
    study = head.studies[0]["studyInstanceUid"]
    timeline.open(study=study)
    tile = timeline.tile(study)
    tile.wait_painted()
    shows = tile.locator.locator(".slice")
    start = int(str(re.search(r"slice (\d+)/", shows.inner_text()).group(1)))  # type: ignore[union-attr]
    tile.hover()
    timeline.page.mouse.wheel(0, 100)
    expect(shows).to_contain_text(f"slice {start + 1}/")
    timeline.page.keyboard.press("ArrowUp")
    timeline.page.keyboard.press("ArrowUp")
    expect(shows).to_contain_text(f"slice {start - 1}/")
    timeline.page.keyboard.press("Home")
    expect(shows).to_contain_text("slice 1/")
    tile.locator.get_by_role("slider").fill("5")
    expect(shows).to_contain_text("slice 5/")
    cine = tile.locator.get_by_role("button", name="Play the slices")
    cine.click()
    expect(shows).not_to_contain_text("slice 5/", timeout=WITHIN_MS)
    cine.click()
    timeline.rest()
    stopped = shows.inner_text()
    timeline.page.wait_for_timeout(500)
    assert shows.inner_text() == stopped


# What the buttons do


@pytest.mark.timeout(600)
def test_a_study_that_is_not_aligned_is_aligned_and_refined_from_its_tile(
    timeline: Timeline, server: OrthancServer, tmp_path: Path
) -> None:
    data("openms_dicom/patient01")
    patient = Patient(server, tmp_path, make_head(tmp_path, 2, seed=11))
    first, second = (timeline.tile(one["studyInstanceUid"]) for one in patient.studies)
    timeline.open(study=first_of(patient))
    first.wait_painted()
    column, row, at = patient.studies[0]["pixels"][5]
    first.locator.get_by_role("slider").fill(str(round(at) + 1))
    timeline.ask(first, row, column)
    expect(second.locator).to_contain_text("Not aligned with the other studies")
    second.locator.get_by_role("button", name="Align").click()
    expect(second.locator.get_by_role("progressbar")).to_be_visible()
    expect(second.locator.get_by_role("button", name="Stop")).to_be_visible()
    timeline.page.reload()
    expect(second.locator.get_by_role("progressbar")).to_be_visible(timeout=WITHIN_MS)  # it survives that
    expect(second.locator.locator("g.place")).to_be_visible(timeout=400_000)
    match = next(m for m in timeline.resolved(pixel_of(first))["matches"] if not m["isSource"])
    assert second.crosshair() == pytest.approx((match["row"], match["column"]), abs=0.5)
    there = np.array(patient.studies[1]["pixels"][5])
    assert np.hypot(*(np.array(second.crosshair()) - there[[1, 0]])) < 8
    before = second.crosshair()
    second.locator.get_by_role("button", name="Refine").click()
    said = second.locator.locator(".refined")
    expect(said).to_contain_text(re.compile("refined: |kept"), timeout=60_000)
    moved = re.search(r"moved ([\d.]+) mm", said.inner_text())
    if moved is None:
        assert second.crosshair() == pytest.approx(before, abs=0.01)
    else:
        expect(second.locator.locator("g.before")).to_be_visible()
        assert second.crosshair() != pytest.approx(before, abs=0.01)
    assert timeline.page.locator("text=undefined").count() == 0


def first_of(patient: Patient) -> str:
    return str(patient.studies[0]["studyInstanceUid"])


# What may go wrong


def test_a_transform_that_is_deleted_while_it_is_shown(
    timeline: Timeline, server: OrthancServer, tmp_path: Path
) -> None:
    data("openms_dicom/patient01")
    patient = Patient(server, tmp_path, make_head(tmp_path, 2, seed=7))
    give_transforms(patient.truth, server.url, 1.5, (server.user, server.password))
    first, second = (timeline.tile(one["studyInstanceUid"]) for one in patient.studies)
    timeline.open(study=patient.studies[0]["studyInstanceUid"])
    first.wait_painted()
    timeline.ask(first, 150, 140)
    transform = timeline.resolved(pixel_of(first))["matches"][1]["path"][0]
    expect(second.locator.locator("g.place")).to_have_count(1)
    assert server.session.delete(f"/imaging/transforms/{transform}").ok
    expect(second.locator).to_contain_text("was deleted or rejected", timeout=WITHIN_MS)
    expect(second.locator.locator("g.place")).to_have_count(0)
    expect(first.locator.locator("g.place")).to_have_count(1)
    second.locator.get_by_role("button", name="Ask again").click()
    expect(second.locator).to_contain_text("Not aligned with the other studies")
    expect(second.locator.get_by_role("button", name="Align")).to_be_visible()


def test_a_server_that_is_gone_for_a_while(timeline: Timeline, head: Patient) -> None:
    study = head.studies[0]["studyInstanceUid"]
    timeline.open(study=study)
    tile = timeline.tile(study)
    tile.wait_painted()
    timeline.ask(tile, 150, 140)
    timeline.page.context.set_offline(True)
    tile.click(180, 170)
    expect(timeline.page.get_by_role("alert")).to_contain_text("The server does not answer")
    timeline.page.wait_for_timeout(2000)
    timeline.page.context.set_offline(False)
    expect(timeline.page.get_by_role("alert")).to_have_count(0, timeout=WITHIN_MS)
    assert tile.crosshair() == pytest.approx((180, 170), abs=1)


def test_a_frame_that_cannot_be_decoded_leaves_the_others_alone(
    timeline: Timeline, server: OrthancServer
) -> None:
    frame = "1.2.3.99"
    stack = [picture_of(gradient(), (0, 0, z), FrameOfReferenceUID=frame) for z in range(3)]
    store_study(server, "BROKEN", 2, stack, StudyDate="20200101")
    broken = [garbled(picture_of(gradient(), (0, 0, z), FrameOfReferenceUID=frame)) for z in range(3)]
    store_study(server, "BROKEN", 3, broken, StudyDate="20210101")
    timeline.open(study=f"{UID}.2")
    tile, other = timeline.tile(f"{UID}.2"), timeline.tile(f"{UID}.3")
    tile.wait_painted()
    tile.click(20, 30)
    expect(other.locator).to_contain_text("cannot be decoded", timeout=WITHIN_MS)
    expect(other.locator).to_contain_text("same scanner coordinates")
    assert tile.crosshair() == pytest.approx((20, 30), abs=1)


def test_a_study_without_dates_and_one_with_a_single_slice(timeline: Timeline, server: OrthancServer) -> None:
    frame = "1.2.3.98"
    dates = {"StudyDate": None, "AcquisitionDate": None, "ContentDate": None, "SeriesDate": None}
    store_study(server, "UNDATED", 4, [picture_of(gradient(), (0, 0, z), FrameOfReferenceUID=frame) for z in range(3)],
                **dates)  # fmt: skip
    one = [picture_of(gradient(), (0, 0, 1), FrameOfReferenceUID=frame)]
    store_study(server, "UNDATED", 5, one, StudyDate="20210101")
    timeline.open(study=f"{UID}.5")
    single, undated = timeline.tile(f"{UID}.5"), timeline.tile(f"{UID}.4")
    single.wait_painted()
    timeline.ask(single, 20, 30)
    expect(undated.locator.locator("h2")).to_contain_text("no date")
    assert undated.crosshair() == pytest.approx((20, 30), abs=1)
    expect(single.locator).to_contain_text("slice 1/1")
    single.hover()
    timeline.page.mouse.wheel(0, 300)
    expect(single.locator).to_contain_text("slice 1/1")


def test_what_has_no_place_is_shown_as_it_is_and_says_so(timeline: Timeline, server: OrthancServer) -> None:
    store_study(
        server, "MIXED", 6, [picture_of(gradient(), (0, 0, z)) for z in range(3)], StudyDate="20200101"
    )
    picture = colours()
    store_study(server, "MIXED", 7, [picture], StudyDate="20210101")
    timeline.open(study=f"{UID}.7")
    capture = timeline.tile(f"{UID}.7")
    capture.wait_painted()
    expect(capture.locator).to_contain_text("no place in the patient. It is shown as it is")
    painted, seen = capture.painted(), capture.pixels()
    values = picture.pixel_array
    checked = 0
    for row in range(0, 48, 5):
        for column in range(0, 64, 5):
            x, y = (round(value) for value in painted.canvas_at(row, column))
            there = painted.pixel_at(x, y)
            assert np.hypot(there[0] - row, there[1] - column) < 0.5
            if np.hypot(there[0] - row, there[1] - column) < 0.02:
                assert np.abs(seen[y, x].astype(int) - values[row, column]).max() <= 12
                checked += 1
    capture.click(20, 20)
    expect(capture.locator).to_contain_text("no point of it can be found elsewhere")
    assert timeline.resolves() == 0
    other = timeline.tile(f"{UID}.6")
    other.wait_painted()
    other.click(20, 30)
    expect(capture.locator).to_contain_text("No images with a place in the patient")
    capture.wait_painted()


def test_a_large_picture_is_drawn_from_means_and_says_so(timeline: Timeline, server: OrthancServer) -> None:
    y, x = np.mgrid[:4000, :4000]
    values = (x // 4 + y // 8).astype(np.int16)
    store_study(server, "LARGE", 8, [picture_of(values, spacing=(0.1, 0.1))])
    timeline.open(study=f"{UID}.8")
    tile = timeline.tile(f"{UID}.8")
    painted = tile.wait_painted()
    expect(tile.locator).to_contain_text("reduced")
    assert painted.reduction >= 2
    expected = shown_by_numpy(values, 1, 0, painted, tile.pixels().shape[:2])
    assert np.abs(tile.pixels()[:, :, 0] - expected)[4:-4, 4:-4].max() <= 2
    timeline.ask(tile, 2000, 2000)
    assert tile.crosshair() == pytest.approx((2000, 2000), abs=10)
    tile.hover()
    timeline.page.get_by_role("button", name="1:1").click()
    expect(tile.locator).to_contain_text("full quality")
    painted = tile.painted()
    assert np.array_equal(
        tile.pixels()[:, :, 0], np.rint(shown_by_numpy(values, 1, 0, painted, tile.pixels().shape[:2]))
    )


def test_what_the_images_say_is_text(timeline: Timeline, server: OrthancServer) -> None:
    evil = "<img src=x onerror=window.broken=1>"
    store_study(
        server,
        "EVIL",
        9,
        [picture_of(gradient())],
        PatientName=evil,
        SeriesDescription=evil,
        StudyDescription=evil,
    )
    timeline.open(patient="EVIL")
    timeline.tiles()[0].wait_painted()
    expect(timeline.page.locator("h1")).to_contain_text("<img src (x onerror, window.broken")
    assert timeline.page.locator("img").count() == 0
    assert timeline.page.evaluate("window.broken") is None
    assert timeline.viewer.errors == []
