"""Settings: defaults, refusals that name every wrong one, and a page that has a row for each."""

from typing import Any

import msgspec
import pytest

from longitudinal.errors import InvalidSettings
from longitudinal.settings import RateLimits, Settings, read_settings
from tests.data import ROOT

PAGE = ROOT / "docs" / "configuration.md"
FIELDS = {field.encode_name: field for field in msgspec.structs.fields(Settings)}


def documented() -> dict[str, str]:
    """Setting -> what the page gives as its default."""
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {row[1].strip().strip("`"): row[2].strip() for row in rows}


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    assert set(documented()) == set(FIELDS)


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.default is not None])
def test_the_page_states_the_default(name: str) -> None:
    default = msgspec.json.encode(FIELDS[name].default).decode()
    assert documented()[name] == f"`{default}`"


def test_without_a_section_all_is_default() -> None:
    assert read_settings({}) == read_settings({"Longitudinal": {}}) == Settings()


def test_what_is_set_counts() -> None:
    settings = read_settings(
        {"Longitudinal": {"Root": "/a/b-c", "MaxBodyMiB": 64, "SidecarPath": "x.sqlite"}}
    )
    assert (settings.root, settings.max_body, settings.sidecar_path) == ("/a/b-c", 64, "x.sqlite")


@pytest.mark.parametrize(
    "section",
    [{"root": "/imaging"}, {"Root": ""}, {"Root": "imaging"}, {"Root": "/a/"}, {"Root": "/a b"}, {"Root": None},
     {"MaxBodyMiB": 0}, {"MaxBodyMiB": 65}, {"MaxBodyMiB": "4"}, {"MaxBodyMiB": 4.5}, {"MaxBodyMiB": True},
     {"ReconcileSeconds": 0}, {"SidecarPath": 1}, {"SidecarPaths": "x"}],
    ids=str,
)  # fmt: skip
def test_a_wrong_setting_is_named(section: dict[str, Any]) -> None:
    (name,) = section
    with pytest.raises(InvalidSettings, match=f'"Longitudinal.{name}"'):
        read_settings({"Longitudinal": section})


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "", "viewer.example.org", "https://viewer.example.org/", "https://viewer.example.org/app", "//viewer",
     "https://Viewer.example.org", "HTTPS://viewer.example.org", "https://*.example.org", "https://viewer.example.org:443",
     "http://viewer:80", "https://a:99999", "https://a:0", "https://a:", "https://user@viewer", "https://a b", "https://a,b",
     "ftp://viewer", "file://", "https://", "https://a..b", "https://[::1", "https://viewer.example.org\n", " https://viewer"],
)  # fmt: skip
def test_an_origin_that_no_browser_sends_is_wrong(origin: str) -> None:
    right = "https://viewer.example.org"
    with pytest.raises(InvalidSettings, match=r'"Longitudinal\.AllowedOrigins": ') as caught:
        read_settings({"Longitudinal": {"AllowedOrigins": [right, origin]}})
    assert repr(origin) in str(caught.value)
    assert repr(right) not in str(caught.value)


def test_origins_as_browsers_send_them_are_right() -> None:
    names = (
        "viewer.example.org",
        "localhost:8080",
        "127.0.0.1:3000",
        "[::1]:8443",
        "pacs",
        "a:65535",
        "my_viewer.local",
    )
    right = [f"https://{name}" for name in (*names, "xn--bcher-kva.example", "a:80")] + ["http://a:443"]
    assert read_settings({"Longitudinal": {"AllowedOrigins": right}}).allowed_origins == tuple(right)


def test_limits_of_requests_can_be_left_out_one_by_one_or_all() -> None:
    assert read_settings({"Longitudinal": {"RateLimits": None}}).rate_limits is None
    limits = read_settings({"Longitudinal": {"RateLimits": {"Questions": 30}}}).rate_limits
    assert limits == RateLimits(questions=30)
    for wrong in ({"Questions": 0}, {"Question": 30}, {"Questions": "30"}, 100, []):
        with pytest.raises(InvalidSettings, match=r'"Longitudinal\.RateLimits"'):
            read_settings({"Longitudinal": {"RateLimits": wrong}})


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(InvalidSettings) as caught:
        read_settings({"Longitudinal": {"Root": 1, "MaxBodyMiB": [], "Colour": "red"}})
    assert all(f'"Longitudinal.{name}"' in str(caught.value) for name in ("Root", "MaxBodyMiB", "Colour"))


@pytest.mark.parametrize("section", [None, [], "x", 3, True])
def test_a_section_that_is_no_object_is_wrong(section: object) -> None:
    with pytest.raises(InvalidSettings, match="must be a JSON object"):
        read_settings({"Longitudinal": section})
