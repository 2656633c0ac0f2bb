"""Takes the pictures of docs/ again, in a real browser, from the running server: after `make demo`.

.venv/bin/python scripts/pictures.py [timeline | viewers | panel | radiotherapy]
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from demo import fetch_wheel
from demo_brain import LESION, TIME_POINTS, make_images, read_template
from playwright.sync_api import FloatRect, Page, ViewportSize, sync_playwright
from pydicom import Dataset
from run import ROOT
from running_server import RunningServer

sys.path.insert(0, str(ROOT))

from tests.browser import made_radiotherapy as made
from tests.browser.chromium import FLAGS
from tests.browser.ohif_panel import OhifPanel
from tests.browser.viewer import Viewer
from tests.builders import as_file
from tests.unit.relations import radiotherapy as rt

WIDTH, HEIGHT = 1100, 620
TIMELINE_SIZE = ViewportSize(width=1280, height=760)
COLOURS, TIMELINE_COLOURS = 64, 128
SETTLING_MS = 2000
PLACE = 0.594, 0.336
"""Where the panel's picture asks, as a share of the first viewport."""


MIDDLE_SLICE = 38
"""Of the demo's second examination."""
COURSE = "2.25.7045"
"""Root of the radiotherapy that is stored for its pictures, and deleted after them."""
TREATED = ("20210412", "20210413", "20210414", "20210503", "20210521")


def take(page: Page, name: str, colours: int = COLOURS, clip: FloatRect | None = None) -> None:
    """Write docs/<name>.png, with few colours if pngquant is installed, to keep them small."""
    page.wait_for_timeout(SETTLING_MS)
    path = ROOT / "docs" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path, clip=clip)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--output", path, str(colours), path], check=True)


def take_timeline(viewer: Viewer, printed: str) -> None:
    """The timeline page with the demo's lesion, its header's attributes, and the patient in the list."""
    link = re.search(r"Timeline +(\S+)", printed)
    assert link is not None
    page = viewer.page
    page.goto(link[1])
    page.locator(".tile", has_text="full quality").nth(2).wait_for()
    take(page, "timeline/lesion", TIMELINE_COLOURS)
    page.get_by_role("button", name="Attributes").click()
    page.locator(".header-panel").get_by_role("searchbox").fill("position")
    page.locator(".attribute-value").first.wait_for()
    take(page, "timeline/attributes", TIMELINE_COLOURS)
    page.get_by_role("link", name="Find").click()
    page.locator(".thumbnail[data-state=drawn]").nth(2).wait_for()
    take(page, "timeline/find", TIMELINE_COLOURS)


def take_viewers(viewer: Viewer, printed: str) -> None:
    """OHIF with the list of studies and with the demo's lesion; Orthanc Explorer with the demo's patient and a study."""
    link, explorer = re.search(r"OHIF +(\S+)", printed), re.search(r"Orthanc +(\S+)", printed)
    if link is None or explorer is None:
        sys.exit("this server has no OHIF")
    page = viewer.page
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    viewer.open_list()
    page.get_by_text("DEMO").first.wait_for()
    take(page, "ohif/list")
    page.get_by_text("Confirm and hide").click()
    page.goto(link[1])
    viewer.wait_for_image()
    take(page, "ohif/lesion")
    page.goto(explorer[1])
    page.locator(".longitudinal td a").last.wait_for()
    take(page, "explorer/patient")
    page.locator(".longitudinal td a").last.click()
    page.locator("#study .longitudinal").get_by_text("Index again").wait_for()
    take(page, "explorer/study")


def take_panel(viewer: Viewer, printed: str) -> None:
    """OHIF's panel: the demo's lesion, clicked in the first study and shown in all."""
    link = re.search(r"OHIF +(\S+)", printed)
    if link is None:
        sys.exit("this server has no OHIF")
    page, panel = viewer.page, OhifPanel(viewer)
    page.goto(link[1])
    viewer.wait_for_image()
    panel.accept()
    pane = panel.panes()[0]
    page.wait_for_timeout(SETTLING_MS)
    panel.ctrl_click(pane.x + pane.width * PLACE[0], pane.y + pane.height * PLACE[1])
    panel.root.get_by_role("button", name="Show all").click()
    page.wait_for_timeout(SETTLING_MS)
    take(page, "ohif/panel", TIMELINE_COLOURS)


def take_radiotherapy(viewer: Viewer, printed: str) -> None:
    """A made course of radiotherapy of the demo's patient: structures, fusion, the axis, broken links, OHIF's list."""
    timeline, explorer = re.search(r"Timeline +(\S+)", printed), re.search(r"Orthanc +(\S+)", printed)
    ohif = re.search(r"OHIF +(\S+)", printed)
    if timeline is None or explorer is None or ohif is None:
        sys.exit("this server has no OHIF")
    server = RunningServer()
    stored = [server.store(as_file(one)).orthanc_id for one in course()]
    try:
        viewer.page.wait_for_timeout(SETTLING_MS)
        take_structures(viewer.page, timeline[1])
        take_relations(viewer, explorer[1], ohif[1])
    finally:
        for one in stored:
            server.session.delete(f"{server.url}/instances/{one}")


def course() -> list[Dataset]:
    """Objects on the first examination, and a plan whose structure set is not here."""
    images = list(make_images(TIME_POINTS[0], read_template(fetch_wheel())))
    objects = made.objects_on(images, LESION, COURSE)
    own = {
        name: getattr(images[0], name)
        for name in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate")
    }
    boost = rt.plan(f"{COURSE}.99", uid=f"{COURSE}.3.2", RTPlanLabel="Boost", **own, SeriesInstanceUID=f"{COURSE}.3",
                    DoseReferenceSequence=None)  # fmt: skip
    return [*objects, boost, *made.treatments(own, f"{COURSE}.3.1", f"{COURSE}.9", TREATED)]


def take_structures(page: Page, link: str) -> None:
    """Structures and dose beside the tiles; one examination in colour over another; treatments on the axis."""
    page.goto(link)
    page.locator(".tile", has_text="full quality").nth(2).wait_for()
    page.locator(".treatment").first.focus()
    take(page, "timeline/treatments", TIMELINE_COLOURS, {"x": 0, "y": 0, "width": 1280, "height": 260})
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Structures and dose").click()
    page.get_by_label("Outlines on the images").check()
    page.get_by_label("Isodose lines").check()
    page.locator(".rt-isodose").first.wait_for()
    take(page, "timeline/structures", TIMELINE_COLOURS)
    page.locator(".rt-panel").get_by_role("button", name="Close").click()
    page.locator(".tile", has_text="2022-03-07").locator(".picture").hover()
    page.keyboard.press("f")
    page.locator(".fusion-colours").wait_for()
    take(page, "timeline/fusion", TIMELINE_COLOURS)


def take_relations(viewer: Viewer, link: str, ohif: str) -> None:
    """Orthanc Explorer's broken links, and OHIF with a later examination, which the structure set does not fit."""
    page = viewer.page
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(link)
    page.locator(".longitudinal [data-part]").first.wait_for()
    page.locator(".longitudinal .related").scroll_into_view_if_needed()
    take(page, "explorer/relations")
    page.set_viewport_size(TIMELINE_SIZE)
    panel = OhifPanel(viewer)
    second = TIME_POINTS[1]
    page.goto(ohif)
    viewer.wait_for_image()
    panel.accept()
    panel.show()
    panel.put(second.study_uid, "MR")
    panel.root.locator(".misfits li").first.wait_for()
    panel.to_slice(panel.pane(second.study_uid), MIDDLE_SLICE)
    take(page, "ohif/misfits", TIMELINE_COLOURS)


PARTS = {
    "timeline": take_timeline,
    "viewers": take_viewers,
    "panel": take_panel,
    "radiotherapy": take_radiotherapy,
}


def main() -> None:
    """All pictures, or those that are named."""
    server = RunningServer()
    server.check()
    printed = subprocess.run(
        [sys.executable, Path(__file__).with_name("demo.py")], capture_output=True, text=True, check=True
    ).stdout
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name in sys.argv[1:] or PARTS:
            with Viewer(browser, server.url, server.login) as viewer:
                viewer.page.set_viewport_size(TIMELINE_SIZE)
                PARTS[name](viewer, printed)
        browser.close()


if __name__ == "__main__":
    main()
