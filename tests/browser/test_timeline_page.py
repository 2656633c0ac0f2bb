"""The timeline page as it is served: its policy, with and without a slash at its end, and below a path of a proxy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.prefix_proxy import PrefixProxy
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

PREFIX = "/hospital/pacs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(
        tmp_path_factory.mktemp("page"),
        configuration={"Longitudinal": {"AllowedFrameAncestors": ["https://app.example"]}},
    ) as server:
        yield server


def opens(browser: Browser, url: str, server: OrthancServer) -> None:
    with Viewer(browser, url, (server.user, server.password)) as viewer:
        for path in ("/imaging/app/", "/imaging/app"):
            viewer.page.goto(url + path)
            expect(viewer.page.get_by_text("Not for primary diagnosis")).to_be_visible()
        assert viewer.errors == []
        assert viewer.failed == []


def test_the_page_opens_with_and_without_a_slash_at_its_end(browser: Browser, server: OrthancServer) -> None:
    opens(browser, server.url, server)


def test_the_page_opens_below_a_path_of_a_proxy(browser: Browser, server: OrthancServer) -> None:
    with PrefixProxy(server.http_port, PREFIX) as proxy:
        opens(browser, proxy.url, server)
    assert proxy.outside == []


def test_the_policy_lets_the_page_ask_nobody_else(server: OrthancServer) -> None:
    answer = server.session.get("/imaging/app/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert policy.endswith("frame-ancestors 'self' https://app.example")
    assert server.session.get("/imaging/app/../app/timeline/nothing.js").status_code == 404
    assert server.session.post("/imaging/app/", data=b"").status_code == 405


def test_the_page_is_not_shown_to_who_has_no_password(server: OrthancServer) -> None:
    stranger = server.new_session()
    stranger.auth = None
    assert stranger.get("/imaging/app/").status_code == 401
