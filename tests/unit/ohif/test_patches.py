"""The patches on the forms that OHIF's build writes; the app itself is checked in tests/browser."""

import pytest

from longitudinal.ohif import patches
from longitudinal.ohif.patches import patch

INDEX = (
    b'<meta content="/assets/tile.png"><script>window.PUBLIC_URL="/"</script><link rel="manifest" href="/manifest.json">'
    b'<a href="//elsewhere.org/x"></a><script src="/app.bundle.js"></script>'
)


def test_a_bundle_finds_its_files_beside_the_page_or_the_worker() -> None:
    content, matches = patch("12.bundle.js", b'a;__webpack_require__.p = "/";b')
    assert (
        content == b'a;__webpack_require__.p = (self.PUBLIC_URL || new URL("./", self.location.href).href);b'
    )
    assert matches == {"public path of the bundles": 1}


def test_style_sheets_keep_addresses_of_other_hosts() -> None:
    content, _ = patch("1602.css", b"url(/a.woff2) url(//host/b.png) url(data:x) url(c.png)")
    assert content == b"url(a.woff2) url(//host/b.png) url(data:x) url(c.png)"


def test_the_page_has_no_address_of_its_own_left() -> None:
    content, matches = patch("index.html", INDEX)
    assert b'="/' not in content.replace(b'href="//elsewhere.org/x"', b"")
    assert b'window.PUBLIC_URL="/"' not in content
    assert content.count(patches.RELATIVE) == 3
    assert content.count(patches.RELATIVE_TEXT) == 1
    assert b'rel="manifest" crossorigin="use-credentials" href=' in content
    assert matches["addresses of the page"] == 3


def test_the_base_is_found_in_either_quotes() -> None:
    for page in (b'<script>window.PUBLIC_URL="/"</script>', b"<script>window.PUBLIC_URL = '/';</script>"):
        content, matches = patch("index.html", page)
        assert matches == {"base of the page": 1}
        assert content.count(patches.RELATIVE_TEXT) == 1


def test_a_file_that_needs_nothing_is_left_alone() -> None:
    assert patch("assets/logo.svg", b'href="/x"') == (b'href="/x"', {})


@pytest.mark.parametrize(
    ("path", "left_out"),
    [
        ("app.bundle.js.map", True),
        ("sw.js", True),
        ("app-config.js", True),
        ("ort/ort.js", True),
        ("app.bundle.js", False),
        ("dicom-microscopy-viewer/dicomMicroscopyViewer.min.js", False),
    ],
)
def test_what_is_not_served(path: str, left_out: bool) -> None:
    assert (patches.LEFT_OUT.fullmatch(path) is not None) == left_out
