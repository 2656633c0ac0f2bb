"""Drives the panel and the viewports of OHIF's extension as a user would, and reads what they show."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pydicom
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from tests.browser.viewer import Viewer

WITHIN_MS = 30_000
_STILL_MS = 250
_THREE = 3
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
_ANSWER = f"""
async () => {{
  {_SESSION}
  const {{ answer, number }} = session.question;
  return {{ number, point: answer && [answer.point.x, answer.point.y, answer.point.z] }};
}}
"""
_ANSWERED = f"""
async () => {{
  {_SESSION}
  const {{ matches }} = session.question.answer;
  return Object.fromEntries(matches.map((match) => [match.studyInstanceUid, [match.x, match.y, match.z]]));
}}
"""
_SHOW = f"async () => {{ {_SESSION} session.services.panelService.activatePanel(session.panelId, true); }}"
_THIRD = f"""
async (study) => {{
  {_SESSION}
  await session.grid.commands.runCommand('loadStudy', {{ StudyInstanceUID: study }});
  const find = () => session.services.displaySetService.getActiveDisplaySets().find((set) => set.StudyInstanceUID === study);
  const displaySet = await session.grid.until(find, 'ohif.notLoaded');
  const before = session.grid.ids().map((from) => ({{ displaySet: null, from }}));
  await session.grid.layOut([1, 3], [...before, {{ displaySet, from: null }}]);
}}
"""
_PUT = f"""
async ([study, modality]) => {{
  {_SESSION}
  await session.grid.commands.runCommand('loadStudy', {{ StudyInstanceUID: study }});
  const find = () => session.services.displaySetService.getActiveDisplaySets()
    .find((set) => set.StudyInstanceUID === study && set.Modality === modality);
  session.grid.put([[session.grid.active(), await session.grid.until(find, 'ohif.notLoaded')]]);
}}
"""
_MAPPED = f"""
async ([point, source, target]) => {{
  {_SESSION}
  const frame = (study) => session.grid.all().map(({{ viewport }}) => session.images.shown(viewport))
    .find((shown) => shown.study === study).frame;
  const request = {{ sourceFrameOfReferenceUid: frame(source), targetFrameOfReferenceUid: frame(target), points: [point] }};
  return (await session.api.map(request)).points[0].point;
}}
"""
_VIEW = f"""
async (id) => {{
  {_SESSION}
  const viewport = session.grid.viewport(id);
  const {{ lower, upper }} = viewport.getProperties().voiRange;
  return [2 * viewport.getCamera().parallelScale / viewport.element.clientHeight, lower, upper];
}}
"""


@dataclass(frozen=True)
class View:
    """How large a viewport shows its image, and through which window."""

    mm_per_pixel: float
    window: tuple[float, float]


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


def lps_of(ds: pydicom.Dataset, row: float, column: float) -> NDArray[np.float64]:
    """The point of a pixel, LPS mm (PS3.3 C.7.6.2.1.1)."""
    along, down = np.array(ds.ImageOrientationPatient[:3]), np.array(ds.ImageOrientationPatient[3:])
    spacing = [float(value) for value in ds.PixelSpacing]
    corner = np.array([float(value) for value in ds.ImagePositionPatient])
    return np.asarray(corner + column * spacing[1] * along + row * spacing[0] * down)


def _is_same(one: Pane, other: Pane) -> bool:
    assert one.mark is not None
    assert other.mark is not None
    return (one.id, one.index, one.mark.x, one.mark.y) == (other.id, other.index, other.mark.x, other.mark.y)


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
        """Wait until a study is shown with its mark, and stays where it is."""
        before: Pane | None = None
        for _ in range(WITHIN_MS // _STILL_MS):
            now = next((pane for pane in self.panes() if pane.study == study and pane.mark is not None), None)
            if now is not None and before is not None and _is_same(now, before):
                return now
            before = now
            self.page.wait_for_timeout(_STILL_MS)
        raise AssertionError(f"no mark in study {study}: {self.root.inner_text()}")

    def covered(self) -> Locator:
        """The picture of another study that blinking, or holding, lays over a viewport."""
        return self.page.locator("canvas.longitudinal-blink")

    def wheel(self, pane: Pane, steps: int) -> None:
        self.page.mouse.move(pane.x + pane.width / 2, pane.y + pane.height / 2)
        for _ in range(abs(steps)):
            self.page.mouse.wheel(0, 120 if steps > 0 else -120)
            self.page.wait_for_timeout(60)

    def drag(self, pane: Pane, button: Literal["left", "middle", "right"], right: int, down: int) -> None:
        """Drag from the middle of a viewport."""
        x, y = pane.x + pane.width / 2, pane.y + pane.height / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down(button=button)
        self.page.mouse.move(x + right, y + down, steps=6)
        self.page.mouse.up(button=button)

    def view(self, pane: Pane) -> View:
        scale, lower, upper = self.page.evaluate(_VIEW, pane.id)
        return View(scale, (lower, upper))

    def link(self, action: str) -> None:
        """Switch one of the things that viewports do together: "Scroll", "Zoom", "Pan", "Window"."""
        self.root.get_by_label(action, exact=True).click()

    def show(self) -> None:
        """Bring the panel to the front."""
        self.page.evaluate(_SHOW)
        expect(self.root).to_be_visible(timeout=WITHIN_MS)

    def answered_point(self) -> NDArray[np.float64]:
        """The point that the last answer is about, LPS mm."""
        return np.array(self.page.evaluate(_ANSWER)["point"])

    def answered(self) -> dict[str, NDArray[np.float64]]:
        """The place in each study of the last answer, LPS mm of that study's frame."""
        return {study: np.array(point) for study, point in self.page.evaluate(_ANSWERED).items()}

    def wait_number(self, number: int) -> None:
        """Wait until so many questions were asked, and the last one is answered."""
        for _ in range(WITHIN_MS // _STILL_MS):
            told = self.page.evaluate(_ANSWER)
            if told["number"] >= number and told["point"] is not None:
                return
            self.page.wait_for_timeout(_STILL_MS)
        raise AssertionError(f"{told['number']} questions, not {number}: {self.root.inner_text()}")

    def show_third(self, study: str) -> None:
        """Show a study in a third viewport beside two others."""
        self.page.evaluate(_THIRD, study)
        for _ in range(WITHIN_MS // _STILL_MS):
            if len(self.panes()) == _THREE:
                return
            self.page.wait_for_timeout(_STILL_MS)
        raise AssertionError("there are not three viewports")

    def put(self, study: str, modality: str) -> None:
        """Show a series of a study in the active viewport."""
        self.page.evaluate(_PUT, [study, modality])

    def mapped(self, point: NDArray[np.float64], source: str, target: str) -> NDArray[np.float64]:
        """Where the server maps a point of one shown study in another one."""
        return np.array(self.page.evaluate(_MAPPED, [point.tolist(), source, target]))
