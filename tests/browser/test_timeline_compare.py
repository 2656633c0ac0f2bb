"""Comparing studies: linked scrolling against brute force, switches, and what is outside."""

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from playwright.sync_api import Browser, Error, Locator, Route, expect

from benchmarks.longitudinal_patients import give_transforms
from benchmarks.made_patients.head import make_head
from tests import builders as build
from tests.browser.made_patient import MadePatient, image_of, resampled
from tests.browser.made_studies import UID, gradient, picture_of, store_study
from tests.browser.timeline import WITHIN_MS, Painted, Tile, Timeline, shown_by_numpy
from tests.browser.viewer import Viewer
from tests.data import data
from tests.orthanc.server import OrthancServer

CONFIGURATION = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
BORDER_MM = 0.01
"""A point so near to the middle between two slices may fall to either by the rounding of what the headers say."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("compare"), configuration=CONFIGURATION) as server:
        yield server


@pytest.fixture(scope="module")
def head(server: OrthancServer, tmp_path_factory: pytest.TempPathFactory) -> MadePatient:
    """A moved and tilted head in three frames, each joined to the one before."""
    data("openms_dicom/patient01")
    folder = tmp_path_factory.mktemp("head")
    patient = MadePatient(server, folder, make_head(folder, 3))
    give_transforms(patient.truth, server.url, 1.5, (server.user, server.password))
    return patient


@pytest.fixture
def timeline(browser: Browser, server: OrthancServer) -> Iterator[Timeline]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Timeline(viewer, server)


def ask_first(timeline: Timeline, patient: MadePatient, place: int = 3) -> Tile:
    """Open the first study and click a place of the truth in it."""
    study = patient.studies[0]
    timeline.open(study=study["studyInstanceUid"])
    tile = timeline.tile(study["studyInstanceUid"])
    tile.wait_painted()
    column, row, at = study["pixels"][place]
    tile.locator.get_by_role("slider").fill(str(round(at) + 1))
    expect(tile.locator.locator(".slice")).to_contain_text(f"slice {round(at) + 1}/", timeout=WITHIN_MS)
    timeline.rest()
    timeline.ask(tile, row, column)
    return tile


def switch(timeline: Timeline, name: str) -> Locator:
    return timeline.page.get_by_role("group", name="Link").get_by_role("checkbox", name=name)


def slice_of(tile: Tile) -> str | None:
    """The instance that is shown; None where the tile says that the line is outside."""
    return None if tile.locator.locator(".outside-word").count() else tile.painted().sop_instance_uid


def line_of(patient: MadePatient, tile: Tile, place: tuple[float, float]) -> tuple[int, np.ndarray]:
    slices = patient.slices(patient.studies[0])
    at = slices.uids.index(tile.painted().sop_instance_uid)
    return at, slices.point(at, *place)


def test_linked_scrolling_shows_the_right_slice_in_every_frame(timeline: Timeline, head: MadePatient) -> None:
    tile = ask_first(timeline, head)
    source = head.slices(head.studies[0])
    start, place = line_of(head, tile, tile.crosshair())
    tile.hover()
    timeline.rest()
    maps = sum(url.endswith("/points/map") for url in timeline.viewer.requested)
    # for each of two frames the line before the click, the line after it and, if it was quiet for long enough before the
    # click, where the frames lie
    assert maps in (4, 6)
    compared = 0
    for key in [*["ArrowDown"] * 12, *["ArrowUp"] * 20]:
        timeline.page.keyboard.press(key)
        timeline.rest()
        at = source.uids.index(tile.painted().sop_instance_uid)
        point = place + source.normal * (source.heights[at] - source.heights[start])
        for study in head.studies[1:]:
            motion = np.array(study["matrixFromFirst"])
            expected, margin = head.slices(study).holding((motion @ [*point, 1])[:3])
            if margin > BORDER_MM:
                assert slice_of(timeline.tile(study["studyInstanceUid"])) == expected, (
                    at,
                    study["studyDate"],
                )
                compared += 1
    assert compared > 55
    assert sum(url.endswith("/points/map") for url in timeline.viewer.requested) == maps, (
        "a step asked the server"
    )


def test_a_follow_up_leads_as_well_and_the_place_is_found_again(
    timeline: Timeline, head: MadePatient
) -> None:
    tile = ask_first(timeline, head)
    shown = {
        study["studyInstanceUid"]: slice_of(timeline.tile(study["studyInstanceUid"]))
        for study in head.studies
    }
    leader = timeline.tile(head.studies[2]["studyInstanceUid"])
    slices = head.slices(head.studies[2])
    start = slices.uids.index(leader.painted().sop_instance_uid)
    leader.hover()
    for step in range(1, 5):
        timeline.page.keyboard.press("ArrowDown")
        timeline.rest()
        assert slices.uids.index(leader.painted().sop_instance_uid) == start + step
    assert tile.painted().sop_instance_uid != shown[tile.study]
    timeline.page.keyboard.press("g")
    timeline.rest()
    assert {uid: slice_of(timeline.tile(uid)) for uid in shown} == shown


def test_outside_is_said_and_never_clamped(timeline: Timeline, server: OrthancServer) -> None:
    frame = f"{UID}.190"
    for study, count, first in ((190, 21, 0.0), (191, 5, 12.0)):
        pictures = [picture_of(gradient() + at, position=(0, 0, first + 2 * at)) for at in range(count)]
        store_study(
            server, "OUTSIDE", study, pictures, FrameOfReferenceUID=frame, StudyDate=f"20200{study - 189}01"
        )
    server.wait_indexed(lambda health: health["instances"] >= 26)
    timeline.open(study=f"{UID}.190")
    long, short = timeline.tile(f"{UID}.190"), timeline.tile(f"{UID}.191")
    long.wait_painted()
    short.wait_painted()
    long.locator.get_by_role("slider").fill("9")
    timeline.ask(long, 20, 25)
    assert "slice 3/5" in short.locator.locator(".slice").inner_text()
    for at in range(10, 22):
        long.locator.get_by_role("slider").fill(str(at))
        timeline.rest()
        height = 2 * (at - 1)
        if height <= 21:
            expect(short.locator.locator(".slice")).to_contain_text(f"slice {round((height - 12) / 2) + 1}/5")
        else:
            expect(short.locator.locator(".outside-word")).to_contain_text(f"{height - 21:.1f} mm beyond")
            assert short.canvas.get_attribute("data-painted") is None
            assert short.pixels().max() == 0
    long.locator.get_by_role("slider").fill("11")
    expect(short.locator.locator(".slice")).to_contain_text("slice 5/5")
    expect(short.locator.locator(".outside-word")).to_have_count(0)


def test_each_action_has_its_own_switch_and_each_tile_too(timeline: Timeline, head: MadePatient) -> None:
    first = ask_first(timeline, head)
    second, third = (timeline.tile(study["studyInstanceUid"]) for study in head.studies[1:])

    def scale(tile: Tile) -> float:
        return round(float(tile.painted().matrix[0, 0]) * head.slices(study_of(head, tile)).spacing[1], 4)

    switch(timeline, "Zoom").uncheck()
    second.hover()
    timeline.page.keyboard.press("+")
    timeline.rest()
    assert scale(second) < scale(first) == scale(third)
    switch(timeline, "Zoom").check()
    timeline.rest()
    assert scale(first) == scale(second) == scale(third)
    third.hover()
    timeline.page.keyboard.press("Shift+K")
    expect(third.locator.get_by_role("button", name="Linked")).to_have_attribute("aria-pressed", "false")
    before, window = third.painted(), first.painted().window
    first.hover()
    timeline.page.keyboard.press("-")
    timeline.page.keyboard.press("ArrowDown")
    drag(timeline, first, 30, 10)
    timeline.rest()
    after = third.painted()
    assert np.array_equal(after.matrix, before.matrix)
    assert (after.sop_instance_uid, after.window) == (before.sop_instance_uid, before.window)
    assert scale(first) == scale(second) > scale(third)
    assert first.painted().window["width"] > window["width"]
    timeline.page.keyboard.press("k")
    for name in ("Scroll", "Zoom", "Pan", "Window"):
        expect(switch(timeline, name)).not_to_be_checked()
    still = second.painted()
    first.hover()
    timeline.page.keyboard.press("ArrowDown")
    timeline.rest()
    assert second.painted().sop_instance_uid == still.sop_instance_uid
    timeline.page.keyboard.press("k")
    expect(switch(timeline, "Scroll")).to_be_checked()


def study_of(patient: MadePatient, tile: Tile) -> dict[str, Any]:
    return next(study for study in patient.studies if study["studyInstanceUid"] == tile.study)


def drag(timeline: Timeline, tile: Tile, right: float, down: float) -> None:
    """With the left button, from beside the middle: the crosshair is there."""
    box = tile.picture.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2 - 80, box["y"] + box["height"] / 2 - 60
    timeline.page.mouse.move(x, y)
    timeline.page.mouse.down()
    timeline.page.mouse.move(x + right, y + down, steps=4)
    timeline.page.mouse.up()


def cut_by_simpleitk(patient: MadePatient, study: dict[str, Any], tile: Tile) -> np.ndarray:
    """What the canvas of a tile must show of a study, as values: by the files and the true motion alone."""
    source = patient.slices(patient.studies[0])
    painted = tile.painted()
    at = source.uids.index(painted.sop_instance_uid)
    corner, right, down = (source.point(at, *painted.pixel_at(x, y)) for x, y in ((0, 0), (1, 0), (0, 1)))
    motion = np.array(study["matrixFromFirst"])
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(motion[:3, :3].ravel().tolist())
    transform.SetTranslation(motion[:3, 3].tolist())
    shape = tile.pixels().shape[:2]
    return resampled(image_of(patient, study), corner, right - corner, down - corner, shape, transform)


def grey_of(values: np.ndarray, window: dict[str, Any]) -> np.ndarray:
    grey = ((values - (window["center"] - 0.5)) / (window["width"] - 1) + 0.5) * 255
    return np.clip(np.nan_to_num(grey, nan=0.0), 0, 255)


def wait_cut(tile: Tile, **more: Any) -> dict[str, Any]:
    """Wait until the tile shows a cut made here; what is told of it."""
    expect(tile.canvas).to_have_attribute(
        "data-painted", re.compile(r'"cut":\{"from":\[("here",?)+\]'), timeout=WITHIN_MS
    )
    expect(tile.locator.locator(".busy")).to_have_count(0, timeout=WITHIN_MS)
    return dict(json.loads(str(tile.canvas.get_attribute("data-painted"))))


def test_the_same_cut_of_every_study(timeline: Timeline, head: MadePatient) -> None:
    first = ask_first(timeline, head)
    first.hover()
    native = {
        study["studyInstanceUid"]: timeline.tile(study["studyInstanceUid"]).pixels() for study in head.studies
    }
    timeline.page.keyboard.press("s")
    for _ in range(2):
        for study in head.studies[1:]:
            tile = timeline.tile(study["studyInstanceUid"])
            told = wait_cut(tile)
            assert told["sopInstanceUid"] == first.painted().sop_instance_uid
            expected = cut_by_simpleitk(head, study, tile)
            off = np.abs(tile.pixels()[:, :, 0] - grey_of(expected, told["window"]))
            # at the very edge of the scan SimpleITK and the page may round to either side
            assert (off > 1).mean() < 0.001, np.percentile(off, [50, 99, 100])
            assert np.isnan(expected).mean() < 0.8
            expect(tile.locator.locator(".slice")).to_contain_text(
                f"cut along {head.studies[0]['studyDate']}"
            )
        timeline.page.keyboard.press("ArrowDown")
        timeline.rest()
    # the plane is the clicked one's, so the wheel over a cut moves that
    second = timeline.tile(head.studies[1]["studyInstanceUid"])
    before = first.painted().sop_instance_uid
    second.hover()
    timeline.page.keyboard.press("ArrowUp")
    timeline.page.keyboard.press("ArrowUp")
    timeline.rest()
    assert first.painted().sop_instance_uid != before
    answer = timeline.ask(second, *second.crosshair())
    assert first.painted().answer == answer
    timeline.page.keyboard.press("s")
    timeline.page.keyboard.press("g")
    timeline.rest()
    for study in head.studies[1:]:
        tile = timeline.tile(study["studyInstanceUid"])
        assert "cut" not in json.loads(str(tile.canvas.get_attribute("data-painted")))
        assert tile.pixels().shape == native[study["studyInstanceUid"]].shape


def test_the_server_cuts_while_the_slices_are_on_their_way(timeline: Timeline, head: MadePatient) -> None:
    first = ask_first(timeline, head)
    study = head.studies[1]
    held: list[Route] = []
    is_held = True
    timeline.page.route(
        re.compile(r"/instances/.*/numpy"), lambda route: held.append(route) if is_held else route.continue_()
    )
    first.hover()
    timeline.page.keyboard.press("s")
    tile = timeline.tile(study["studyInstanceUid"])
    expect(tile.canvas).to_have_attribute(
        "data-painted", re.compile(r'"from":\["server"\]'), timeout=WITHIN_MS
    )
    expect(tile.locator).to_contain_text("preview by the server")
    assert held
    timeline.page.wait_for_timeout(800)  # what is said of it may have changed the size of the tile
    told = json.loads(str(tile.canvas.get_attribute("data-painted")))
    expected = grey_of(cut_by_simpleitk(head, study, tile), told["window"])
    # interpolated twice: nearly the same picture, not the same values
    assert np.corrcoef(tile.pixels()[:, :, 0].ravel(), expected.ravel())[0, 1] > 0.99
    is_held = False
    for route in held:
        with suppress(Error):  # the page may have given it up
            route.continue_()
    told = wait_cut(tile)
    timeline.rest()
    off = np.abs(tile.pixels()[:, :, 0] - grey_of(cut_by_simpleitk(head, study, tile), told["window"]))
    assert (off > 1).mean() < 0.001


def button(timeline: Timeline, name: str) -> Locator:
    return timeline.page.get_by_role("group", name="Compare two").first.get_by_role(
        "button", name=name, exact=True
    )


def pair_of(timeline: Timeline, head: MadePatient) -> tuple[Tile, Tile]:
    first = ask_first(timeline, head)
    second = timeline.tile(head.studies[1]["studyInstanceUid"])
    second.hover()
    return first, second


def wait_pair(tile: Tile, mode: str) -> dict[str, Any]:
    expect(tile.canvas).to_have_attribute("data-painted", re.compile(f'"mode":"{mode}"'), timeout=WITHIN_MS)
    return wait_cut(tile)


def test_swipe_and_checkerboard_have_both_studies_in_one_picture(
    timeline: Timeline, head: MadePatient
) -> None:
    first, second = pair_of(timeline, head)
    timeline.page.keyboard.press("s")
    wait_cut(second)
    cut = second.pixels()
    timeline.page.keyboard.press("s")
    timeline.rest()
    timeline.page.keyboard.press("Shift+B")
    wait_pair(second, "checkerboard")
    board = second.pixels()
    assert first.painted().matrix.shape == (3, 3)
    expect(second.locator).to_contain_text(
        "Alignment at the place: fair: error up to 1.5 mm", timeout=WITHIN_MS
    )
    timeline.page.keyboard.press("Shift+S")
    wait_pair(second, "swipe")
    edge = second.locator.get_by_role("slider", name="Edge between the two studies")
    edge.fill("0")
    timeline.rest()
    only_second = second.pixels()
    edge.fill("1")
    timeline.rest()
    only_first = second.pixels()
    edge.fill("0.5")
    timeline.rest()
    half = second.pixels()
    middle = round(half.shape[1] / 2)
    assert np.array_equal(half[:, :middle], only_first[:, :middle])
    assert np.array_equal(half[:, middle:], only_second[:, middle:])
    if cut.shape == only_second.shape:
        assert np.array_equal(cut, only_second)
    square = max(1, round(board.shape[1] / 8))
    y, x = np.mgrid[: board.shape[0], : board.shape[1]]
    is_second = (x // square + y // square) % 2 == 1
    assert np.array_equal(board, np.where(is_second[:, :, None], only_second, only_first))
    timeline.page.keyboard.press("Escape")
    timeline.rest()
    assert "cut" not in json.loads(str(second.canvas.get_attribute("data-painted")))


WATCH_BLINK = """
(study) => {
  window.swaps = [];
  const canvas = document.querySelector(`.tile[data-study="${study}"] canvas`);
  let last = null, frame = 0;
  const look = (now) => {
    frame += 1;
    const told = JSON.parse(canvas.dataset.painted || '{}').cut;
    if (told?.mode === 'blink') {
      const data = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1).data;
      const line = data.join();
      if (line !== last) { window.swaps.push({ now, frame, isOther: told.isOther, line }); last = line; }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
"""


def test_blink_swaps_on_one_frame_at_most_three_times_a_second(timeline: Timeline, head: MadePatient) -> None:
    _, second = pair_of(timeline, head)
    timeline.page.evaluate(WATCH_BLINK, second.study)
    timeline.page.keyboard.press("b")
    wait_pair(second, "blink")
    expect(second.locator.locator(".pair-seen")).to_be_visible()
    timeline.page.wait_for_function("() => window.swaps.length >= 7", timeout=WITHIN_MS)
    timeline.page.keyboard.press("b")
    swaps = timeline.page.evaluate("window.swaps")
    settled = swaps[1:]  # the size of the tile may change once in the beginning
    assert len(settled) >= 5
    lines = {swap["line"] for swap in settled[1:]}
    assert len(lines) == 2, "there was a picture between the two"
    for before, after in itertools.pairwise(settled[1:]):
        assert before["isOther"] != after["isOther"]
        assert after["now"] - before["now"] > 300
    timeline.rest()
    assert "cut" not in json.loads(str(second.canvas.get_attribute("data-painted")))


def test_no_movement_for_those_who_want_none(timeline: Timeline, head: MadePatient) -> None:
    timeline.page.emulate_media(reduced_motion="reduce")
    _, second = pair_of(timeline, head)
    timeline.page.keyboard.press("b")
    told = wait_pair(second, "blink")
    expect(second.locator).to_contain_text("No movement, as your system asks")
    timeline.page.wait_for_timeout(1200)
    assert (
        json.loads(str(second.canvas.get_attribute("data-painted")))["cut"]["isOther"]
        is told["cut"]["isOther"]
    )
    timeline.page.keyboard.press("b")
    timeline.rest()
    assert (
        json.loads(str(second.canvas.get_attribute("data-painted")))["cut"]["isOther"]
        is not told["cut"]["isOther"]
    )
    timeline.page.keyboard.press("Escape")


def test_the_difference_of_two_studies(timeline: Timeline, head: MadePatient) -> None:
    _, second = pair_of(timeline, head)
    timeline.page.keyboard.press("d")
    told = wait_pair(second, "difference")
    expect(second.locator.locator(".pair-scale")).to_contain_text("no unit")
    timeline.rest()
    told = wait_pair(second, "difference")
    painted = second.painted()
    shape = second.pixels().shape[:2]
    stored = head.dataset(painted.sop_instance_uid).pixel_array
    expected = cut_by_simpleitk(head, head.studies[1], second)
    source = patient_values(stored, painted, shape)
    difference = expected - source
    seen = second.pixels().astype(int)
    nothing = np.isnan(difference)
    assert (seen[nothing].max(axis=-1) > 0).mean() < 0.002, "colour where one of them has nothing"
    most = told["window"]["width"] / 2
    clear = np.abs(difference) > 0.1 * most
    more, less = (difference > 0) & clear, (difference < 0) & clear
    assert (seen[more][:, 0] > seen[more][:, 2]).mean() > 0.999
    assert (seen[less][:, 2] > seen[less][:, 0]).mean() > 0.999


def patient_values(stored: np.ndarray, painted: Painted, shape: tuple[int, int]) -> np.ndarray:
    """Stored values of the clicked image at each canvas pixel; NaN outside."""
    wide = dataclasses.replace(painted, window={"center": 128.0, "width": 256.0, "isInverted": False})
    steps = shown_by_numpy(np.ones_like(stored) * 255, 1, 0, wide, shape)
    scale = float(stored.max()) or 1.0
    values = shown_by_numpy(stored / scale * 254.0, 1, 0, wide, shape) / 254 * scale
    return np.where(steps > 0, values, np.nan)


def test_no_difference_of_what_cannot_be_compared(timeline: Timeline, server: OrthancServer) -> None:
    frame = f"{UID}.195"
    for study, modality, uid in ((195, "CT", build.CT), (196, "MR", build.MR)):
        pictures = [
            picture_of(gradient() + at, position=(0, 0, 2 * at), Modality=modality, SOPClassUID=uid)
            for at in range(5)
        ]
        store_study(
            server, "UNLIKE", study, pictures, FrameOfReferenceUID=frame, StudyDate=f"202{study - 190}0101"
        )
    server.wait_until(lambda: server.session.get("/imaging/patients/UNLIKE").json().get("total") == 2)
    timeline.open(study=f"{UID}.195")
    first, second = timeline.tile(f"{UID}.195"), timeline.tile(f"{UID}.196")
    first.wait_painted()
    second.wait_painted()
    timeline.ask(first, 20, 25)
    second.hover()
    timeline.page.keyboard.press("d")
    expect(second.locator).to_contain_text("No difference: CT and MR measure different things")
    assert "cut" not in json.loads(str(second.canvas.get_attribute("data-painted")))


def test_the_layout_is_in_the_address(timeline: Timeline, head: MadePatient, browser: Browser) -> None:
    first = ask_first(timeline, head)
    second, third = (timeline.tile(study["studyInstanceUid"]) for study in head.studies[1:])
    switch(timeline, "Zoom").uncheck()
    third.hover()
    timeline.page.keyboard.press("Shift+K")
    drag(timeline, third, 40, 0)
    first.hover()
    for _ in range(3):
        timeline.page.keyboard.press("ArrowDown")
    second.hover()
    timeline.page.keyboard.press("d")
    wait_pair(second, "difference")
    timeline.rest()
    timeline.page.wait_for_timeout(1500)  # the address follows what is seen
    told = json.loads(str(second.canvas.get_attribute("data-painted")))
    window, shown = third.painted().window, first.painted().sop_instance_uid
    address = timeline.page.url
    assert "layout=" in address
    with Viewer(browser, timeline.server.url, (timeline.server.user, timeline.server.password)) as viewer:
        colleague = Timeline(viewer, timeline.server)
        viewer.page.goto(address)
        other = colleague.tile(second.study)
        wait_pair(other, "difference")
        colleague.rest()
        expect(switch(colleague, "Zoom")).not_to_be_checked()
        expect(switch(colleague, "Scroll")).to_be_checked()
        left_out = colleague.tile(third.study)
        expect(left_out.locator.get_by_role("button", name="Linked")).to_have_attribute(
            "aria-pressed", "false"
        )
        assert left_out.painted().window == pytest.approx(window, rel=1e-4)
        assert colleague.tile(first.study).painted().sop_instance_uid == shown
        again = json.loads(str(other.canvas.get_attribute("data-painted")))
        assert (again["sopInstanceUid"], again["cut"]["mode"]) == (told["sopInstanceUid"], "difference")
        viewer.page.wait_for_timeout(1200)
        assert viewer.page.url == address
        assert viewer.errors == []


@pytest.fixture(scope="module")
def twenty(server: OrthancServer) -> list[str]:
    """Twenty studies in one frame, over ten years: the third, sixth ... of another modality; their StudyInstanceUIDs."""
    frame = f"{UID}.200"
    for number in range(20):
        kind = (
            {"Modality": "MR", "SOPClassUID": build.MR}
            if number % 3 == 2
            else {"Modality": "CT", "SOPClassUID": build.CT}
        )
        pictures = [picture_of(gradient() + number + at, position=(0, 0, 2 * at), **kind) for at in range(5)]
        date = f"{2005 + number // 2}{'0310' if number % 2 == 0 else '0920'}"
        store_study(server, "TWENTY", 200 + number, pictures, FrameOfReferenceUID=frame, StudyDate=date)
    server.wait_until(lambda: server.session.get("/imaging/patients/TWENTY").json().get("total") == 20)
    return [f"{UID}.{200 + number}" for number in range(20)]


def test_many_studies(timeline: Timeline, twenty: list[str]) -> None:
    page = timeline.page
    page.set_viewport_size({"width": 1280, "height": 900})
    timeline.open(study=twenty[10])
    tile = timeline.tile(twenty[10])
    tile.wait_painted()
    shots = page.locator(".film .shot")
    expect(shots).to_have_count(20)
    timeline.ask(tile, 20, 25)
    expect(shots.nth(0).locator("canvas[data-drawn]")).to_have_count(1, timeout=WITHIN_MS)
    timeline.rest()
    drawn = page.locator(".film canvas[data-drawn]").count()
    assert 5 < drawn < 20, "only what is seen is drawn"
    assert len(timeline.tiles()) == 6
    # the clicked study and the first one are on every page, and every study on one
    seen = set()
    for number in range(20):
        studies = [one.study for one in timeline.tiles()]
        assert {twenty[0], twenty[10]} <= set(studies)
        seen |= set(studies)
        later = page.get_by_role("button", name="Later")
        if later.is_disabled():
            break
        later.click()
        timeline.rest()
        assert number < 10
    assert seen == set(twenty)
    page.locator(f'.shot[data-study="{twenty[4]}"]').click()
    expect(page.locator(f'.tile[data-study="{twenty[4]}"]')).to_be_visible()
    timeline.tile(twenty[4]).locator.get_by_role("button", name="Pin").click()
    page.get_by_role("button", name="Later").click()
    page.get_by_role("button", name="Later").click()
    expect(page.locator(f'.tile[data-study="{twenty[4]}"]')).to_be_visible()
    filters = page.get_by_role("group", name="Which studies")
    filters.get_by_role("button", name="Same modality").click()
    expect(shots).to_have_count(14)
    filters.get_by_role("button", name="Within a year").click()
    # the first, the pinned one, and CT within a year of the tenth
    expect(shots).to_have_count(2 + sum(number % 3 != 2 for number in (8, 9, 10, 11, 12)))
    expect(filters).to_contain_text("of 20 studies")
    filters.get_by_role("button", name="Same modality").click()
    filters.get_by_role("button", name="Within a year").click()
    filters.get_by_role("button", name="One a year").click()
    expect(shots).to_have_count(10 + 3)
    expect(page).to_have_url(re.compile("filters:yearly"), timeout=WITHIN_MS)
    expect(page).to_have_url(re.compile(f"pins:{re.escape(twenty[4])}"), timeout=WITHIN_MS)
    assert timeline.viewer.errors == []


def test_a_rejected_transform_ends_what_came_of_it(
    timeline: Timeline, server: OrthancServer, head: MadePatient
) -> None:
    """The last of these tests: the third study is not joined to the others any more."""
    ask_first(timeline, head)
    third = timeline.tile(head.studies[2]["studyInstanceUid"])
    timeline.page.keyboard.press("s")
    wait_cut(third)
    frames = {study["frameOfReferenceUid"] for study in head.studies[1:]}
    transforms = server.session.get("/imaging/transforms", params={"patientId": head.id}).json()["transforms"]
    (found,) = [
        one for one in transforms
        if {one["sourceFrameOfReferenceUid"], one["targetFrameOfReferenceUid"]} == frames
    ]  # fmt: skip
    assert server.session.delete(f"/imaging/transforms/{found['id']}").ok
    expect(third.locator).to_contain_text("was deleted or rejected", timeout=WITHIN_MS)
    expect(third.canvas).not_to_have_attribute("data-painted", re.compile('"cut"'))
    maps = sum(url.endswith("/points/map") for url in timeline.viewer.requested)
    timeline.tile(head.studies[0]["studyInstanceUid"]).hover()
    shown = third.painted().sop_instance_uid
    timeline.page.keyboard.press("ArrowDown")
    timeline.rest()
    assert third.painted().sop_instance_uid == shown
    assert sum(url.endswith("/points/map") for url in timeline.viewer.requested) >= maps
