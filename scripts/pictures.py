"""Takes the pictures of docs/ again, in a real browser, from the running server: after `make demo`.

.venv/bin/python scripts/pictures.py [timeline | viewers | panel]
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright
from run import ROOT
from running_server import RunningServer

sys.path.insert(0, str(ROOT))

from tests.browser.chromium import FLAGS
from tests.browser.ohif_panel import OhifPanel
from tests.browser.viewer import Viewer

WIDTH, HEIGHT = 1100, 620
TIMELINE_SIZE = ViewportSize(width=1280, height=760)
COLOURS, TIMELINE_COLOURS = 64, 128
SETTLING_MS = 2000
PLACE = 0.594, 0.336
"""Where the panel's picture asks, as a share of the first viewport."""


def take(page: Page, name: str, colours: int = COLOURS) -> None:
    """Write docs/<name>.png, with few colours if pngquant is installed, to keep them small."""
    page.wait_for_timeout(SETTLING_MS)
    path = ROOT / "docs" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path)
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


PARTS = {"timeline": take_timeline, "viewers": take_viewers, "panel": take_panel}


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
