"""The document and its page: what they allow a browser, and what a browser need not load again."""

import json

import pytest

from tests.unit.http.served import Served


@pytest.mark.parametrize(
    ("path", "cache"),
    [
        ("/openapi.json", "no-cache"),
        ("/docs", "no-cache"),
        ("/docs/redoc.standalone.js", "public, max-age=86400"),
    ],
)
def test_what_a_browser_has_is_not_sent_again(served: Served, path: str, cache: str) -> None:
    first = served.ask("GET", path).response
    assert (first.headers["Cache-Control"], len(first.body) > 500) == (cache, True)
    known = {"if-none-match": f'"other", {first.headers["ETag"]}'}
    again = served.send("GET", path, headers=known).response
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert served.ask("GET", path, headers={"if-none-match": 'W/"other"'}).status == 200


def test_the_page_asks_nobody_else_and_is_framed_by_whom_the_settings_name(served: Served) -> None:
    policy = served.ask("GET", "/docs").response.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; connect-src 'self';" in policy
    assert policy.endswith("frame-ancestors 'self' https://app.example")


def test_the_document_has_every_route(served: Served) -> None:
    paths = json.loads(served.ask("GET", "/openapi.json").response.body)["paths"]
    assert {(method.upper(), "" if path == "/" else path) for path in paths for method in paths[path]} == {
        (route.method, route.path) for route in served.router.routes
    }
