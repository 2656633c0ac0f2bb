"""The page of the API, in a browser behind a proxy under a path of its own, with nothing but this server to ask."""

from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.prefix_proxy import PrefixProxy
from tests.orthanc.server import OrthancServer

PREFIX = "/hospital/pacs"


@pytest.fixture
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrefixProxy, OrthancServer]]:
    with (
        OrthancServer(tmp_path_factory.mktemp("docs")) as server,
        PrefixProxy(server.http_port, PREFIX) as proxy,
    ):
        yield proxy, server


def test_the_page_lists_every_operation_and_asks_nobody_else(
    browser: Browser, proxy: tuple[PrefixProxy, OrthancServer]
) -> None:
    front, server = proxy
    authorization = b64encode(f"{server.user}:{server.password}".encode()).decode()
    context = browser.new_context(extra_http_headers={"Authorization": f"Basic {authorization}"})
    page = context.new_page()
    answered: list[str] = []
    errors: list[str] = []
    page.on("response", lambda response: answered.append(response.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{front.url}/imaging/docs")
    page.get_by_role("heading", name="orthanc-longitudinal").wait_for(timeout=30_000)
    paths = server.session.get("/imaging/openapi.json").json()["paths"]
    wanted = {operation["summary"] for methods in paths.values() for operation in methods.values()}
    shown = page.locator("body").inner_text()
    assert [summary for summary in wanted if summary not in shown] == []
    assert "Not for primary diagnosis" in shown
    # searching runs in a worker
    page.get_by_role("textbox").first.fill("landmarks")
    page.locator("[data-role='search:results']").get_by_text("landmarks").first.wait_for(timeout=10_000)
    context.close()
    assert not errors
    assert not front.outside
    assert {urlsplit(url).netloc for url in answered if url.startswith("http")} == {
        urlsplit(front.url).netloc
    }
