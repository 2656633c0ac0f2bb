"""Which pages of other origins may read an answer."""

import pytest

from longitudinal.http.other_origins import OtherOrigins

VIEWER = "https://viewer.example.org"
OTHERS = OtherOrigins([VIEWER, "http://127.0.0.1:8080"])


@pytest.mark.parametrize("origin", [VIEWER, "http://127.0.0.1:8080"])
def test_an_allowed_origin_reads(origin: str) -> None:
    headers = OTHERS.headers(origin, {})
    assert headers["Access-Control-Allow-Origin"] == origin
    assert {"ETag", "Retry-After", "X-Request-Id"} <= set(
        headers["Access-Control-Expose-Headers"].split(", ")
    )
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "*", "https://viewer.example.org/", "https://viewer.example.org:443", "http://viewer.example.org",
     "https://VIEWER.example.org", "https://viewer.example.org.evil", "https://evil-viewer.example.org", f" {VIEWER}",
     "https://viewer.example.org, https://evil", "https://viewer_example.org", "http://127.0.0.1:80800", "http://127.0.0.1"],
)  # fmt: skip
def test_any_other_does_not_and_caches_know_that_it_matters(origin: str | None) -> None:
    assert OTHERS.headers(origin, {}) == {"Vary": "Origin"}


def test_what_else_an_answer_varies_by_stays() -> None:
    for origin in (VIEWER, None):
        assert OTHERS.headers(origin, {"Vary": "Accept"})["Vary"] == "Accept, Origin"


def test_without_the_setting_nothing_is_added() -> None:
    for origin in (VIEWER, None, "null"):
        assert OtherOrigins().headers(origin, {"Vary": "Accept"}) == {}
