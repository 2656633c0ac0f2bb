"""From `make demo` to the picture on screen: the link it prints opens the clicked image, with the lesion in it."""

import os
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.viewer import Viewer
from tests.data import ROOT
from tests.orthanc.server import OrthancServer


@pytest.fixture
def demo(ohif_server: OrthancServer) -> str:
    """Run the demo; return what it printed."""
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / "demo.py"],
        env=os.environ
        | {
            "ORTHANC_URL": ohif_server.url,
            "ORTHANC_CREDENTIALS": f"{ohif_server.user}:{ohif_server.password}",
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_printed_link_opens_the_clicked_image(
    demo: str, browser: Browser, ohif_server: OrthancServer
) -> None:
    link = re.search(r"OHIF +(\S+)", demo)
    assert link is not None
    assert len(parse_qs(urlsplit(link[1]).query)["StudyInstanceUIDs"][0].split(",")) == 3
    with Viewer(browser, ohif_server.url, (ohif_server.user, ohif_server.password)) as viewer:
        viewer.page.goto(link[1])
        # the first slice of the series is black: pixels mean that it is the slice of the lesion
        viewer.wait_for_image()
        for date in ("01-Mar-2021", "07-Mar-2022", "20-Feb-2023"):
            assert viewer.page.get_by_text(date).first.is_visible()
        assert viewer.shows_an_image()
        assert not viewer.failed


def test_the_first_link_opens_the_page_at_the_lesion(
    demo: str, browser: Browser, ohif_server: OrthancServer
) -> None:
    first = re.search(r"http\S+", demo)
    assert first is not None
    assert first[0].startswith(f"{ohif_server.url}/imaging/app/?point=")
    with Viewer(browser, ohif_server.url, (ohif_server.user, ohif_server.password)) as viewer:
        viewer.page.goto(first[0])
        tiles = viewer.page.locator(".tile")
        expect(tiles).to_have_count(3, timeout=30_000)
        for date, told in (("2021-03-01", "asked here"), ("2022-03-07", "−0.5 mm"), ("2023-02-20", "0.7 mm")):
            expect(tiles.filter(has_text=date)).to_contain_text(told, timeout=30_000)
            expect(tiles.filter(has_text=date)).to_contain_text("full quality", timeout=30_000)
        assert viewer.errors == []


def test_the_list_shows_what_the_studies_are(demo: str, viewer: Viewer) -> None:
    """Orthanc 1.10 does not decode a query's commas, so descriptions are listed only when they come plain."""
    assert demo
    viewer.open_list()
    viewer.page.get_by_text("SYNTHETIC brain, time point 2 of 3").first.wait_for(timeout=30_000)
