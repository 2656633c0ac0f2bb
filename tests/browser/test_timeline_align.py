"""Two studies aligned by hand: landmarks in pairs, a rough start, and what becomes of them."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Error, Locator, Page, Route, expect

from tests.browser.measured_patient import FRAME, GAP, OTHER, PATIENT, SHIFT, UID
from tests.browser.measured_server import measured_server
from tests.browser.test_timeline_accessible import WIDTHS, check
from tests.browser.timeline import WITHIN_MS, wait_for
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

LANDMARKS = np.array([[60.0, 60.0, 36.0], [160.0, 80.0, 36.0], [110.0, 150.0, 36.0]])
"""LPS mm in the first frame."""

MOST_CLICKS = 8
# How often the residuals change.
_WATCH = """
() => {
  Object.assign(window, { changes: 0, clicks: 0, cells: '' });
  addEventListener('click', () => { window.clicks += 1; }, true);
  new MutationObserver(() => {
    const cells = [...document.querySelectorAll('.residual')].map((cell) => cell.textContent).join();
    if (cells !== window.cells) {
      window.cells = cells;
      window.changes += 1;
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}
"""
_FIT = """
async ([source, target]) => {
  const { fitRigid, residuals } = await import(`${location.pathname}app/timeline/align/fit.js`);
  const pairs = source.map((point, at) => ({ source: point, target: target[at] }));
  const matrix = fitRigid(pairs);
  return { matrix, residuals: residuals(matrix, pairs) };
}
"""


@dataclass
class Hand:
    """The page for aligning, and a hand that clicks points of the patient in its cuts."""

    page: Page
    server: OrthancServer

    def cut(self, side: str, kind: str = "native") -> Locator:
        return self.page.locator(f'.cut[data-side="{side}"][data-kind="{kind}"]')

    def at(self, side: str, point: NDArray[np.float64], kind: str = "native") -> tuple[float, float]:
        """Where a point is on the screen."""
        cut = json.loads(str(self.cut(side, kind).get_attribute("data-cut")))
        box = self.cut(side, kind).bounding_box()
        assert box is not None
        offset = point - np.array(cut["centre"])
        x = offset @ np.array(cut["right"]) / cut["mmPerPixel"] + cut["width"] / 2
        y = offset @ np.array(cut["below"]) / cut["mmPerPixel"] + cut["height"] / 2
        return box["x"] + float(x), box["y"] + float(y)

    def shown(self, side: str) -> float:
        """The height of the cut, mm."""
        return float(json.loads(str(self.cut(side).get_attribute("data-cut")))["centre"][2])

    def to_height(self, side: str, z: float) -> None:
        """By the wheel, slice by slice."""
        self.cut(side).hover()
        for _ in range(40):
            off = z - self.shown(side)
            if abs(off) < GAP / 2:
                return
            before = self.cut(side).get_attribute("data-cut")
            self.page.mouse.wheel(0, 40 if off > 0 else -40)
            expect(self.cut(side)).not_to_have_attribute("data-cut", str(before))
        raise AssertionError("the slice is not reached")

    def click(self, side: str, point: NDArray[np.float64]) -> None:
        self.page.mouse.click(*self.at(side, point))

    def mark(self, source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
        self.to_height("source", source[2])
        self.click("source", source)
        self.to_height("target", target[2])
        self.click("target", target)

    def residuals(self) -> list[float]:
        texts = self.page.locator(".residual").all_inner_texts()
        return [float(text.split()[0]) for text in texts]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with measured_server(tmp_path_factory.mktemp("align"), is_aligned=False) as server:
        yield server


@pytest.fixture
def hand(browser: Browser, server: OrthancServer) -> Iterator[Hand]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        viewer.page.goto(
            f"{viewer.url}/imaging/app/?view=align&patient={PATIENT}&source={UID}.3&target={UID}.6"
        )
        expect(viewer.page.locator(".cut canvas[data-painted]")).to_have_count(6, timeout=WITHIN_MS)
        expect(viewer.page.locator(".side [role=status]")).to_have_count(0, timeout=WITHIN_MS)
        viewer.page.evaluate(_WATCH)
        yield Hand(viewer.page, server)
        for job in server.session.get("/imaging/jobs", params={"limit": 100}).json()["jobs"]:
            if job["state"] in ("queued", "running"):
                server.session.delete(f"/imaging/jobs/{job['id']}")
        for transform in transforms(server):
            server.session.delete(f"/imaging/transforms/{transform['id']}").raise_for_status()


def transforms(server: OrthancServer) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = server.session.get(
        "/imaging/transforms", params={"patientId": PATIENT}
    ).json()["transforms"]
    return listed


def kept(server: OrthancServer) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """The one transform, and its matrix from the first study into the second, whichever way it is stored."""
    (stored,) = transforms(server)
    matrix = np.array(stored["matrix"])
    is_turned = stored["sourceFrameOfReferenceUid"] == OTHER
    assert {stored["sourceFrameOfReferenceUid"], stored["targetFrameOfReferenceUid"]} == {FRAME, OTHER}
    return stored, np.linalg.inv(matrix) if is_turned else matrix


def test_three_pairs_in_eight_clicks_give_the_motion_and_a_registration_object(hand: Hand) -> None:
    for point in LANDMARKS:
        hand.mark(point, point + SHIFT)
    page = hand.page
    expect(page.locator(".figures")).to_contain_text("Expected error", timeout=WITHIN_MS)
    page.get_by_role("button", name="Save as registration object").click()
    expect(page.locator(".done")).to_be_visible(timeout=WITHIN_MS)
    assert page.evaluate("window.clicks") <= MOST_CLICKS
    stored, matrix = kept(hand.server)
    moved = LANDMARKS @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.linalg.norm(moved - (LANDMARKS + SHIFT), axis=1).max() < 1.0, "a click is off by half a pixel"
    assert stored["origin"] == "person"


def test_a_residual_is_shown_before_the_server_answers_and_is_that_of_the_server(hand: Hand) -> None:
    page = hand.page
    answers: list[dict[str, Any]] = []
    page.on(
        "response",
        lambda response: response.url.endswith("/transforms/fit") and answers.append(response.json()),
    )
    for point in LANDMARKS:
        hand.mark(point, point + SHIFT)
    expect(page.locator(".figures")).to_contain_text("Expected error", timeout=WITHIN_MS)
    # the third landmark of the target is dragged by 6 mm
    x, y = hand.at("target", LANDMARKS[2] + SHIFT)
    away = hand.at("target", LANDMARKS[2] + SHIFT + np.array([6.0, 0, 0]))
    before, shown = page.evaluate("window.changes"), hand.residuals()
    assert before >= 3, "with each pair"
    held: list[Route] = []
    answered = len(answers)

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/transforms/fit", hold)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(*away, steps=5)
    page.mouse.up()
    page.wait_for_function("(before) => window.changes > before", arg=before, timeout=WITHIN_MS)
    wait_for(page, lambda: len(held) > 0)
    assert len(answers) == answered
    assert hand.residuals() != shown
    page.unroute("**/transforms/fit")
    for route in held:
        with suppress(Error):  # the page may have given it up
            route.continue_()
    wait_for(page, lambda: len(answers) > answered)
    expect(page.locator(".figures")).to_contain_text("Expected error", timeout=WITHIN_MS)
    dragged = LANDMARKS + SHIFT + np.array([[0, 0, 0], [0, 0, 0], [6.0, 0, 0]])
    at_once = page.evaluate(_FIT, [LANDMARKS.tolist(), dragged.tolist()])
    pairs = [
        {"source": a.tolist(), "target": b.tolist()}
        for a, b in zip(
            LANDMARKS, LANDMARKS + SHIFT + np.array([[0, 0, 0], [0, 0, 0], [6.0, 0, 0]]), strict=True
        )
    ]
    served = hand.server.session.post(
        "/imaging/transforms/fit",
        json={"sourceFrameOfReferenceUid": FRAME, "targetFrameOfReferenceUid": OTHER, "landmarks": pairs},
    ).json()
    assert np.abs(np.array(at_once["matrix"]) - np.array(served["matrix"])).max() < 1e-6
    assert np.abs(np.array(at_once["residuals"]) - np.array(served["residualsMm"])).max() < 1e-6
    assert hand.residuals() == pytest.approx(answers[-1]["residualsMm"], abs=0.006)


def test_mirrored_landmarks_are_told_and_nothing_is_lost(hand: Hand) -> None:
    mirrored = LANDMARKS * np.array([-1, 1, 1]) + np.array([220.0, 0, 3.0])
    for point, other in zip(LANDMARKS, mirrored, strict=True):
        hand.mark(point, other)
    # flat landmarks turn over as well: one out of their plane tells
    hand.mark(np.array([80.0, 100.0, 48.0]), np.array([140.0, 100.0, 51.0]))
    expect(hand.page.get_by_role("alert")).to_contain_text("swapped", timeout=WITHIN_MS)
    assert hand.page.locator(".pairs tbody tr").count() == 4
    expect(hand.page.get_by_role("button", name=re.compile("Save"))).to_be_disabled()


def test_a_rough_start_is_dragged_turned_and_typed(hand: Hand) -> None:
    page = hand.page
    page.get_by_role("button", name="Rough start", exact=True).click()
    before = hand.cut("source").locator("canvas").get_attribute("data-painted")
    x, y = hand.at("source", LANDMARKS[0])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(*hand.at("source", LANDMARKS[0] + np.array([10.0, 5.0, 0])), steps=5)
    page.mouse.up()
    expect(page.get_by_label("to the left")).not_to_have_value("0")
    # the second study's image is 10 mm to the left and 5 to the back: its points are found that much before
    assert float(page.get_by_label("to the left").input_value()) == pytest.approx(-10, abs=1.5)
    assert float(page.get_by_label("to the back").input_value()) == pytest.approx(-5, abs=1.5)
    expect(hand.cut("source").locator("canvas")).not_to_have_attribute("data-painted", str(before))
    page.keyboard.down("Shift")
    page.mouse.move(*hand.at("source", LANDMARKS[0]))
    page.mouse.down()
    page.mouse.move(*hand.at("source", LANDMARKS[0] + np.array([0, 30.0, 0])), steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.get_by_label("about head-feet")).not_to_have_value("0")
    for label, value in zip(
        ("to the left", "to the back", "to the head", "about left-right", "about front-back", "about head-feet"),
        (*SHIFT, 0, 0, 0), strict=True,
    ):  # fmt: skip
        page.get_by_label(label).fill(str(value))
        page.get_by_label(label).press("Tab")
    page.get_by_role("button", name="Save the rough start").click()
    expect(page.locator(".done")).to_be_visible(timeout=WITHIN_MS)
    stored, matrix = kept(hand.server)
    wanted = np.eye(4)
    wanted[:3, 3] = SHIFT
    assert np.abs(matrix - wanted).max() < 1e-6
    assert stored["expectedErrorMm"] is None


def test_the_automatic_alignment_begins_with_the_landmarks(hand: Hand) -> None:
    sent: list[dict[str, Any]] = []
    hand.page.on(
        "request",
        lambda request: request.url.endswith("/alignments") and sent.append(request.post_data_json),
    )
    for point in LANDMARKS:
        hand.mark(point, point + SHIFT)
    hand.page.get_by_role("button", name="Align automatically from here").click()
    expect(hand.page.locator(".outcome .tools [role=status]")).to_be_visible(timeout=WITHIN_MS)
    assert len(sent[0]["initial"]["landmarks"]) == 3
    jobs = hand.server.session.get("/imaging/jobs").json()["jobs"]
    assert "align" in [job["kind"] for job in jobs]


def test_without_a_mouse_landmarks_are_set_too(hand: Hand) -> None:
    for side in ("source", "target"):
        hand.cut(side).focus()
        for key in ("ArrowRight", "ArrowDown", "PageDown", "Enter"):
            hand.page.keyboard.press(key)
    expect(hand.page.locator(".pairs tbody tr")).to_have_count(1)


def test_axe_finds_nothing(hand: Hand) -> None:
    for width, (wide, high) in WIDTHS.items():
        hand.page.set_viewport_size({"width": wide, "height": high})
        hand.page.get_by_role("button", name="Landmarks", exact=True).click()
        check(hand.page, f"landmarks, {width}")
        hand.page.get_by_role("button", name="Rough start", exact=True).click()
        check(hand.page, f"rough start, {width}")
