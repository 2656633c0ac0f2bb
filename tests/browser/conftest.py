"""A real browser (Debian's chromium) in front of a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # names for plain HTTP, which a browser trusts less than this machine's address
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    # WebGL without a graphics card
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for the session; each viewer has a profile of its own."""
    chromium = shutil.which("chromium")
    assert chromium, "there is no chromium here: run `scripts/setup.sh test`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def ohif_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """A server with the plugin, with OHIF, set as `make run` sets it."""
    with OrthancServer(
        tmp_path_factory.mktemp("ohif"), configuration={"HttpCompressionEnabled": False}
    ) as server:
        assert server.session.get("/ohif/").ok, "OHIF is not unpacked: run `make setup`"
        yield server


@pytest.fixture
def viewer(browser: Browser, ohif_server: OrthancServer, tmp_path: Path) -> Iterator[Viewer]:
    """A new visitor of `ohif_server`."""
    with Viewer(browser, ohif_server.url, (ohif_server.user, ohif_server.password)) as viewer:
        yield viewer
