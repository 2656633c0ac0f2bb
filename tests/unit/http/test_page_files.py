"""What each path of the timeline page is answered with."""

from pathlib import Path

import pytest

from longitudinal.http.page_files import PageFiles
from tests.data import ROOT

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@pytest.fixture(scope="module")
def files() -> PageFiles:
    return PageFiles(ROOT / "plugin" / "longitudinal" / "web", '/a"b', ["https://app.example"])


@pytest.mark.parametrize("path", ["", "/", "/timeline/index.html"])
def test_the_page_knows_the_root_and_has_the_strict_policy(files: PageFiles, path: str) -> None:
    page = files.answer(path, {})
    assert page.status == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert b'name="longitudinal-root" content="/a&quot;b"' in page.body
    assert page.headers["Content-Security-Policy"] == f"{POLICY} https://app.example"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/timeline/app.js", "/app/timeline/app.js"])
def test_a_module_is_found_from_both_addresses_of_the_page(files: PageFiles, path: str) -> None:
    script = files.answer(path, {})
    assert script.status == 200
    assert script.content_type == "text/javascript; charset=utf-8"
    assert files.answer(path, {"if-none-match": script.headers["ETag"]}).status == 304


@pytest.mark.parametrize(
    "path", ["/../settings.py", "/timeline/../../settings.py", "/timeline", "/nothing.js"]
)
def test_nothing_else_is_served(files: PageFiles, path: str) -> None:
    assert files.answer(path, {}).status == 404


def test_a_file_that_came_later_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "timeline").mkdir()
    (tmp_path / "timeline" / "index.html").write_text("{{root}}")
    files = PageFiles(tmp_path, "/imaging")
    (tmp_path / "timeline" / "later.js").write_text("")
    assert files.answer("/timeline/later.js", {}).status == 404
    assert files.answer("", {}).body == b"/imaging"
