"""Drives the panel and the viewports of OHIF's extension as a user would, and reads what they show."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from tests.browser.viewer import Viewer

WITHIN_MS = 30_000
_EXTENSION = "longitudinal/ohif/extension/extension.js"
# the very module that OHIF has loaded, and what it runs
_SESSION = f"const session = await (await import(window.PUBLIC_URL + '{_EXTENSION}')).current();"
_PANES = f"""
async () => {{
  {_SESSION}
  return session.grid.all().map(({{ id, viewport }}) => {{
    const box = viewport.element.getBoundingClientRect();
    const imageId = viewport.getCurrentImageId?.();
    const group = viewport.element.querySelector('svg.longitudinal-marks g.place');
    const note = viewport.element.querySelector('svg.longitudinal-marks .note');
    return {{
      id, x: box.x, y: box.y, width: box.width, height: box.height, type: viewport.type,
      study: session.images.shown(viewport).study, sop: session.images.instance(imageId).SOPInstanceUID ?? null,
      index: viewport.getCurrentImageIdIndex?.() ?? null, count: viewport.getImageIds().length,
      mark: group === null ? null : {{ x: Number(group.dataset.x), y: Number(group.dataset.y),
        world: [...viewport.canvasToWorld([Number(group.dataset.x), Number(group.dataset.y)])],
        offMm: Number(group.dataset.offMm), isOff: group.dataset.off === 'yes' }},
      note: note === null ? '' : note.textContent,
      planes: session.images.planes(viewport),
      points: session.marks.marks.map((mark) => ({{ study: mark.study, point: mark.point }})),
    }};
  }});
}}
"""
_CANVAS = f"""
async ([id, point]) => {{
  {_SESSION}
  const viewport = session.grid.viewport(id);
  return [...viewport.worldToCanvas(point)];
}}
"""
_TO_SLICE = f"""
async ([id, index]) => {{
  {_SESSION}
  const viewport = session.grid.viewport(id);
  await viewport.setImageIdIndex(index);
  viewport.render();
}}
"""


@dataclass(frozen=True)
class Mark:
    """Where the place is drawn: CSS pixels of the viewport, and the point of the shown cut that is there (LPS mm)."""

    x: float
    y: float
    world: NDArray[np.float64]
    off_mm: float
    is_off: bool


@dataclass(frozen=True)
class Pane:
    """One viewport as it is at this moment."""

    id: str
    x: float
    y: float
    width: float
    height: float
    study: str
    sop: str | None
    index: int | None
    count: int
    mark: Mark | None
    note: str
    planes: list[dict[str, Any]]

    def nearest(self, point: NDArray[np.float64]) -> int:
        """Index of the image whose plane is nearest to a point."""
        return int(np.argmin([abs(plane_distance(plane, point)) for plane in self.planes]))


def plane_distance(plane: dict[str, Any], point: NDArray[np.float64]) -> float:
    """mm from a plane to a point, along its normal."""
    along, down = np.array(plane["orientation"][:3]), np.array(plane["orientation"][3:])
    return float((point - np.array(plane["position"])) @ np.cross(along, down))


class OhifPanel:
    """OHIF with the extension, in a tab of a new visitor."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer

    @property
    def page(self) -> Page:
        return self.viewer.page

    @property
    def root(self) -> Locator:
        return self.page.locator("section.panel")

    def open(self, *studies: str) -> None:
        self.viewer.open_studies(*studies)
        self.accept()

    def accept(self) -> None:
        """Take away OHIF's own notice, which covers the lower edge."""
        button = self.page.get_by_text("Confirm and hide")
        if button.count():
            button.click()

    def panes(self) -> list[Pane]:
        found = []
        for pane in self.page.evaluate(_PANES):
            told = pane.pop("mark")
            mark = told and Mark(told["x"], told["y"], np.array(told["world"]), told["offMm"], told["isOff"])
            kept = {key: pane[key] for key in Pane.__dataclass_fields__ if key != "mark"}
            found.append(Pane(mark=mark or None, **kept))
        return found

    def pane(self, study: str) -> Pane:
        """The viewport that shows a study."""
        return next(pane for pane in self.panes() if pane.study == study)

    def to_slice(self, pane: Pane, index: int) -> None:
        self.page.evaluate(_TO_SLICE, [pane.id, index])

    def position(self, pane: Pane, point: NDArray[np.float64]) -> tuple[float, float]:
        """Where a point is on the page, whole CSS pixels."""
        x, y = self.page.evaluate(_CANVAS, [pane.id, point.tolist()])
        return round(pane.x + x), round(pane.y + y)

    def ctrl_click(self, x: float, y: float) -> None:
        self.page.keyboard.down("Control")
        self.page.mouse.click(x, y)
        self.page.keyboard.up("Control")

    def ask(self, pane: Pane, point: NDArray[np.float64]) -> None:
        """Ctrl+click a point on its nearest slice, and wait for the answer."""
        self.to_slice(pane, pane.nearest(point))
        with self.page.expect_response(lambda response: response.url.endswith("/points/resolve")):
            self.ctrl_click(*self.position(pane, point))
        expect(self.root.locator(".studies")).to_be_visible(timeout=WITHIN_MS)

    def row(self, study: str) -> Locator:
        return self.root.locator(f'.study[data-study="{study}"]')

    def open_study(self, study: str) -> Pane:
        """Click a study of the list, and wait for its mark."""
        self.row(study).locator(".open").click()
        return self.wait_mark(study)

    def wait_mark(self, study: str) -> Pane:
        def found() -> Pane | None:
            return next(
                (pane for pane in self.panes() if pane.study == study and pane.mark is not None), None
            )

        for _ in range(WITHIN_MS // 50):
            if pane := found():
                return pane
            self.page.wait_for_timeout(50)
        raise AssertionError(f"no mark in study {study}: {self.root.inner_text()}")

    def wheel(self, pane: Pane, steps: int) -> None:
        self.page.mouse.move(pane.x + pane.width / 2, pane.y + pane.height / 2)
        for _ in range(abs(steps)):
            self.page.mouse.wheel(0, 120 if steps > 0 else -120)
            self.page.wait_for_timeout(60)

    def link(self, action: str) -> None:
        """Switch one of the things that viewports do together: "Scroll", "Zoom", "Pan", "Window"."""
        self.root.get_by_label(action, exact=True).click()
