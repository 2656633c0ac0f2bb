"""Unpacking: everything served is in the table, twice is the same, and nothing half done is left."""

import gzip
from pathlib import Path

import pytest

from longitudinal.ohif.app import is_current, read_table, unpack

FILES = {
    "index.html": b'<script>window.PUBLIC_URL="/"</script><script src="/app.bundle.js"></script>',
    "app.bundle.0123456789abcdef.js": b'__webpack_require__.p = "/";',
    "77.bundle.0123456789abcdef.js": b"plain",
    "app.bundle.css": b"url(/a.woff2)",
    "fedcba9876543210.wasm": bytes(1000),
    "assets/icon.png": b"PNG",
    "assets/README": b"text",
    "app.bundle.js.map": b"map",
}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        file = tmp_path / "dist" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "dist"


def test_what_is_unpacked_is_in_the_table(dist: Path, tmp_path: Path) -> None:
    table = unpack(dist, tmp_path / "app", "1.2.3")
    assert read_table(tmp_path / "app") == table
    files = {file.path: file for file in table.files}
    assert set(files) == set(FILES) - {"app.bundle.js.map"}
    assert {path for path, file in files.items() if file.immutable} == {
        "77.bundle.0123456789abcdef.js",
        "fedcba9876543210.wasm",
    }, "a patched file's name is the original's, so it may change under it"
    assert files["assets/README"].content_type == "application/octet-stream"
    assert files["fedcba9876543210.wasm"].content_type == "application/wasm"
    stored = tmp_path / "app" / "files"
    assert gzip.decompress((stored / "app.bundle.css").read_bytes()) == b"url(a.woff2)"
    assert (stored / "assets" / "icon.png").read_bytes() == b"PNG"


def test_a_patch_without_a_match_is_named(dist: Path, tmp_path: Path) -> None:
    table = unpack(dist, tmp_path / "app", "1.2.3")
    assert "path of the microscopy viewer" in table.unmatched
    assert "public path of the bundles" not in table.unmatched


def test_it_is_current_until_version_or_recipe_change(
    dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tmp_path / "app"
    assert not is_current(app, "1.2.3")
    unpack(dist, app, "1.2.3")
    assert is_current(app, "1.2.3")
    assert not is_current(app, "1.2.4")
    monkeypatch.setattr("longitudinal.ohif.app.digest", lambda: "other")
    assert not is_current(app, "1.2.3")


def test_a_second_time_replaces_the_first(dist: Path, tmp_path: Path) -> None:
    first = unpack(dist, tmp_path / "app", "1.2.3")
    (dist / "assets" / "icon.png").unlink()
    second = unpack(dist, tmp_path / "app", "1.2.3")
    assert len(second.files) == len(first.files) - 1
    assert not (tmp_path / "app" / "files" / "assets" / "icon.png").exists()
    assert not (tmp_path / "app.new").exists()


def test_a_damaged_table_is_not_current(dist: Path, tmp_path: Path) -> None:
    unpack(dist, tmp_path / "app", "1.2.3")
    (tmp_path / "app" / "files.json").write_text("{")
    assert not is_current(tmp_path / "app", "1.2.3")
