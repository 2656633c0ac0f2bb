"""Drives the timeline page as a visitor would, and reads what it has drawn."""

import base64
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

WITHIN_MS = 15_000
_ANY = re.compile(".+")
_PIXELS = """
(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let text = '';
  for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
  return { width: canvas.width, height: canvas.height, data: btoa(text) };
}
"""
_SETTLED = """
async (canvas) => {
  const frame = () => new Promise(requestAnimationFrame);
  let [before, same] = ['', 0];
  for (const until = performance.now() + 15000; performance.now() < until && same < 3; await frame()) {
    const { x, y, width, height } = canvas.getBoundingClientRect();
    const matrix = canvas.dataset.painted ? JSON.parse(canvas.dataset.painted).matrix : null;
    const isOfThisSize = canvas.width === Math.round(canvas.clientWidth * devicePixelRatio)
      && canvas.height === Math.round(canvas.clientHeight * devicePixelRatio);
    const now = JSON.stringify([x, y, width, height, matrix]);
    same = matrix && isOfThisSize && now === before ? same + 1 : 0;
    before = now;
  }
  return same >= 3;
}
"""

_STILL = """
async () => {
  const look = () => JSON.stringify([...document.querySelectorAll('.tile canvas, .cut canvas')].map((canvas) => {
    const { x, y, width, height } = canvas.getBoundingClientRect();
    return [x, y, width, height, canvas.width, canvas.height, canvas.dataset.painted];
  }));
  const before = look();
  const start = performance.now();
  for (let frames = 0; frames < 10 || performance.now() - start < 200; frames += 1) {
    await new Promise(requestAnimationFrame);
    if (look() !== before) return 'changing';
  }
  return document.querySelector('.busy') ? 'loading' : 'still';
}
"""


@dataclass(frozen=True)
class Painted:
    """What a canvas shows: which frame, which pixel of it each canvas pixel shows, and through which window."""

    sop_instance_uid: str
    frame_number: int
    matrix: NDArray[np.float64]
    window: dict[str, Any]
    reduction: int
    answer: int

    def pixel_at(self, x: float, y: float) -> tuple[float, float]:
        """Row and column of the image at a place of the canvas (pixel centres are whole numbers)."""
        column, row, _ = self.matrix @ (x, y, 1)
        return row, column

    def canvas_at(self, row: float, column: float) -> tuple[float, float]:
        x, y = np.linalg.solve(self.matrix[:2, :2], np.array([column, row]) - self.matrix[:2, 2])
        return float(x), float(y)


class Tile:
    """The tile of one study."""

    def __init__(self, locator: Locator) -> None:
        self.locator = locator
        self.picture = locator.locator(".picture")
        self.canvas = locator.locator("canvas")

    @property
    def study(self) -> str:
        return str(self.locator.get_attribute("data-study"))

    def painted(self) -> Painted:
        text = self.canvas.get_attribute("data-painted")
        assert text, "nothing is painted"
        told = json.loads(text)
        return Painted(
            told["sopInstanceUid"], told["frameNumber"], np.array(told["matrix"]).reshape(3, 3), told["window"],
            told["reduction"], told["answer"],
        )  # fmt: skip

    def pixels(self) -> NDArray[np.uint8]:
        """(rows, columns, 3) of the canvas."""
        got = self.canvas.evaluate(_PIXELS)
        data = np.frombuffer(base64.b64decode(got["data"]), np.uint8)
        return data.reshape(got["height"], got["width"], 4)[:, :, :3]

    def wait_painted(self, answer: int | None = None) -> Painted:
        """Wait until it shows a picture, of the answer with this number."""
        expect(self.canvas).to_have_attribute(
            "data-painted", _ANY if answer is None else _answer(answer), timeout=WITHIN_MS
        )
        return self.painted()

    def crosshair(self) -> tuple[float, float]:
        """Row and column of the image where the crosshair is drawn."""
        place = self.locator.locator("g.place")
        x, y = (float(str(place.get_attribute(f"data-{axis}"))) for axis in "xy")
        return self.painted().pixel_at(x - 0.5, y - 0.5)

    def settled(self) -> Painted:
        """What it shows once layout and picture agree.

        A panel that has just opened makes the tile another size, and the picture follows with a later frame of the
        screen: a place that is read meanwhile is another one when the click arrives.
        """
        assert self.canvas.evaluate(_SETTLED), "the tile does not come to rest"
        return self.painted()

    def click(self, row: float, column: float) -> None:
        """Click a pixel of the image that is shown; the page's pixels are CSS pixels here."""
        x, y = self.settled().canvas_at(row, column)
        self.picture.click(position={"x": x + 0.5, "y": y + 0.5})

    def hover(self) -> None:
        self.picture.hover()


class Timeline:
    """The page in a tab of a new visitor."""

    def __init__(self, viewer: Viewer, server: OrthancServer) -> None:
        self.viewer, self.server = viewer, server

    @property
    def page(self) -> Page:
        return self.viewer.page

    def open(self, **address: str) -> None:
        query = "&".join(f"{name}={quote(value, safe=',')}" for name, value in address.items())
        self.page.goto(f"{self.viewer.url}/imaging/app/?{query}")
        expect(self.page.locator(".tile").first).to_be_visible(timeout=WITHIN_MS)

    def tile(self, study: str) -> Tile:
        return Tile(self.page.locator(f'.tile[data-study="{study}"]'))

    def tiles(self) -> list[Tile]:
        return [Tile(one) for one in self.page.locator(".tile").all()]

    def resolved(self, point: dict[str, Any]) -> dict[str, Any]:
        answer = self.server.session.post("/imaging/points/resolve", json=point)
        assert answer.ok, answer.text
        return dict(answer.json())

    def resolves(self) -> int:
        return sum(url.endswith("/points/resolve") for url in self.viewer.requested)

    def rest(self) -> None:
        """Wait until no request is on its way and what is seen stays as it is for ten frames of the screen."""
        deadline = time.monotonic() + WITHIN_MS / 1000
        while self.page.evaluate(_STILL) != "still" or self.viewer.under_way:
            still = [one.url for one in self.viewer.under_way]
            assert time.monotonic() < deadline, f"the page does not come to rest; on their way: {still}"

    def ask(self, tile: Tile, row: float, column: float) -> int:
        """Click, and wait until every tile shows the answer; returns its number."""
        before = int(str(tile.locator.get_attribute("data-answer")))
        tile.click(row, column)
        expect(tile.locator).not_to_have_attribute("data-answer", str(before), timeout=WITHIN_MS)
        answer = int(str(tile.locator.get_attribute("data-answer")))
        for one in self.tiles():
            if one.locator.locator(".unresolved").count() == 0:
                one.wait_painted(answer)
        # words come with the next frame, and may make the tile another size
        wait_for(self.page, lambda: self.page.evaluate(_STILL) != "changing")
        return answer


def wait_for(page: Page, probe: Callable[[], bool]) -> None:
    """Let the page go on until something holds."""
    deadline = time.monotonic() + WITHIN_MS / 1000
    while not probe():
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def shown_by_numpy(
    stored: NDArray[Any], slope: float, intercept: float, painted: Painted, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """What the canvas must show, 0..255 and not rounded: rescaled, bilinear, then the window (PS3.3 C.11.2.1.2.1)."""
    rows, columns = stored.shape
    y, x = np.mgrid[: shape[0], : shape[1]]
    column, row, _ = np.tensordot(painted.matrix, np.stack([x, y, np.ones_like(x)]), 1)
    inside = (column >= -0.5) & (row >= -0.5) & (column <= columns - 0.5) & (row <= rows - 0.5)
    column, row = np.clip(column, 0, columns - 1), np.clip(row, 0, rows - 1)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    dx, dy = column - left, row - top
    values = stored.astype(np.float64) * slope + intercept
    upper = values[top, left] * (1 - dx) + values[top, right] * dx
    lower = values[bottom, left] * (1 - dx) + values[bottom, right] * dx
    value = upper * (1 - dy) + lower * dy
    center, width = painted.window["center"], painted.window["width"]
    grey = np.clip(((value - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    grey = 255 - grey if painted.window["isInverted"] else grey
    return np.where(inside, grey, 0)


def _answer(number: int) -> re.Pattern[str]:
    return re.compile(rf'"answer":{number}\b')
