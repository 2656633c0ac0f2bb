"""What each path is answered with: bytes, type and cache headers."""

import gzip
import json
import posixpath
import re
from pathlib import Path

import pytest

from longitudinal.ohif.app import unpack
from longitudinal.ohif.site import Roots, Site, our_modules

INDEX = b'<script>window.PUBLIC_URL="/"</script><script src="/app.bundle.js"></script>'
BUNDLE = "77.bundle.0123456789abcdef.js"
GZIP = {"accept-encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ohif")
    dist = folder / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_bytes(INDEX)
    (dist / BUNDLE).write_bytes(b"code" * 100)
    (dist / "app.bundle.css").write_bytes(b"url(/a.woff2)")
    (dist / "assets" / "icon.png").write_bytes(b"PNG")
    unpack(dist, folder / "app", "1.2.3")
    return folder / "app"


@pytest.fixture(scope="module")
def site(app: Path) -> Site:
    return Site(app, Roots("/imaging", "/ohif", "/dicom-web", "/wado"))


def test_a_bundle_goes_out_as_stored_and_may_be_kept_for_ever(site: Site) -> None:
    answer = site.answer(f"/{BUNDLE}", GZIP)
    assert gzip.decompress(answer.body) == b"code" * 100
    assert answer.content_type == "application/javascript; charset=utf-8"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Cache-Control"] == "max-age=31536000, immutable"


def test_a_client_without_gzip_gets_it_plain(site: Site) -> None:
    answer = site.answer(f"/{BUNDLE}", {})
    assert answer.body == b"code" * 100
    assert "Content-Encoding" not in answer.headers


def test_nothing_is_sent_compressed_where_the_server_compresses(app: Path) -> None:
    answer = Site(app, Roots(), sends_compressed=False).answer(f"/{BUNDLE}", GZIP)
    assert answer.body == b"code" * 100
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    "path", ["", "/viewer", f"/{BUNDLE}", "/app.bundle.css", "/app-config.js", "/assets/icon.png"]
)
def test_what_is_known_is_not_sent_again(site: Site, path: str) -> None:
    first = site.answer(path, GZIP)
    assert first.status == 200
    assert first.headers["Cache-Control"] in {"no-cache", "max-age=31536000, immutable"}
    again = site.answer(path, {**GZIP, "if-none-match": f'"other", {first.headers["ETag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert site.answer(path, {**GZIP, "if-none-match": 'W/"other"'}).status == 200


@pytest.mark.parametrize(
    ("path", "up", "home"),
    [
        ("", "./", True),
        ("/", "./", True),
        ("/viewer", "./", False),
        ("/viewer/", "./", False),
        ("/viewer/orthanc", "../", False),
        ("/a/b/1.2.840.5", "../../", False),
    ],
)
def test_a_page_finds_its_way_up_to_the_root(site: Site, path: str, up: str, home: bool) -> None:
    answer = site.answer(path, {})
    assert answer.content_type == "text/html; charset=utf-8"
    assert f'<script src="{up}app.bundle.js">'.encode() in answer.body
    assert json.dumps({"up": up, "home": home}, separators=(",", ":")).encode() in answer.body
    assert b"%RELATIVE" not in answer.body


@pytest.mark.parametrize(
    "path", ["/nix.js", "/assets/nix.png", "/app.bundle.css.map.js", "/../files.json", "/" + "x/" * 9]
)
def test_a_missing_asset_is_no_page(site: Site, path: str) -> None:
    assert site.answer(path, GZIP).status == 404


def test_no_path_leads_out_of_the_app(site: Site) -> None:
    for path in ["/../files", "/..", "//etc/passwd", "/assets/../../files"]:
        assert site.answer(path, {}).content_type == "text/html; charset=utf-8"


def test_the_configuration_knows_the_servers_roots(app: Path) -> None:
    answer = Site(app, Roots("/api", "/viewer/ohif", "/dw", "/wado", "/api/dicom-web")).answer(
        "/app-config.js", {}
    )
    first, _, script = answer.body.decode().partition(";\n")
    roots = json.loads(first.removeprefix("window.longitudinalRoots = "))
    assert roots == {
        "imaging": "/api",
        "ohif": "/viewer/ohif",
        "dicomWeb": "/dw",
        "wado": "/wado",
        "qido": "/api/dicom-web",
    }
    assert "window.config = {" in script


def test_without_an_app_there_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Site(tmp_path, Roots())


def test_the_extension_and_what_it_shares_are_served_in_the_layout_of_their_folders(site: Site) -> None:
    """So every relative import of the modules leads to a file."""
    entry = site.answer("/longitudinal/ohif/extension/extension.js", GZIP)
    assert (entry.status, entry.content_type) == (200, "text/javascript; charset=utf-8")
    assert b"orthanc-longitudinal" in gzip.decompress(entry.body)
    assert entry.headers["Cache-Control"] == "no-cache"
    for path in our_modules():
        if not path.endswith(".js"):
            continue
        text = site.answer(path, {}).body.decode()
        for imported in re.findall(r"""(?:from|import\()\s*'(\.[^']+)'""", text):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), imported))
            assert site.answer(target, {}).status == 200, f"{path} imports {imported}"
    assert site.answer("/longitudinal/web/timeline/index.html", {}).status == 404
    assert site.answer("/longitudinal/ohif/site.py", {}).content_type == "text/html; charset=utf-8"
