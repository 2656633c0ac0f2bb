"""A real browser (Debian's chromium) in front of a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import driven
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for the session; each viewer has a profile of its own."""
    with driven() as browser:
        yield browser


@pytest.fixture(scope="session")
def ohif_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """A server with the plugin, with OHIF, set as `make run` sets it; but it aligns nothing by itself, between two tests."""
    configuration = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("ohif"), configuration=configuration) as server:
        assert server.session.get("/ohif/").ok, "OHIF is not unpacked: run `make setup`"
        yield server


@pytest.fixture
def viewer(browser: Browser, ohif_server: OrthancServer, tmp_path: Path) -> Iterator[Viewer]:
    """A new visitor of `ohif_server`."""
    with Viewer(browser, ohif_server.url, (ohif_server.user, ohif_server.password)) as viewer:
        yield viewer
