"""Takes the pictures of docs/ again, in a real browser, from the running server: after `make demo`.

.venv/bin/python scripts/pictures.py
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from run import ROOT
from running_server import RunningServer

sys.path.insert(0, str(ROOT))

from tests.browser.chromium import FLAGS
from tests.browser.viewer import Viewer

WIDTH, HEIGHT = 1100, 620
SETTLING_MS = 2000


def take(page: Page, name: str) -> None:
    """Write docs/<name>.png, with few colours if pngquant is installed, to keep them small."""
    page.wait_for_timeout(SETTLING_MS)
    path = ROOT / "docs" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--output", path, "64", path], check=True)


def main() -> None:
    """OHIF with the list of studies and with the demo's lesion; Orthanc Explorer with the demo's patient and a study."""
    server = RunningServer()
    server.check()
    printed = subprocess.run(
        [sys.executable, Path(__file__).with_name("demo.py")], capture_output=True, text=True, check=True
    ).stdout
    link, explorer = re.search(r"OHIF +(\S+)", printed), re.search(r"Orthanc +(\S+)", printed)
    if link is None or explorer is None:
        sys.exit("this server has no OHIF")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with Viewer(browser, server.url, server.login) as viewer:
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
        browser.close()


if __name__ == "__main__":
    main()
