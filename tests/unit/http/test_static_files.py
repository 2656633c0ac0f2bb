"""Files are found by name in a folder that was read once, and sent once."""

import gzip
from pathlib import Path

from longitudinal.http.static_files import IMMUTABLE, StaticFile, static_bytes, static_folder

GZIP = {"accept-encoding": "gzip"}


def test_only_files_of_known_kinds_that_are_in_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "web"
    (inside / "deep").mkdir(parents=True)
    (inside / "index.html").write_text("<p>")
    (inside / "deep" / "app.js").write_text("1")
    (inside / "notes.md").write_text("not for the browser")
    (tmp_path / "secret.js").write_text("secret")
    files = static_folder(inside, {"X-Policy": "strict"})
    assert sorted(files) == ["deep/app.js", "index.html"]
    answer = files["deep/app.js"].answer({})
    assert (answer.body, answer.content_type) == (b"1", "text/javascript; charset=utf-8")
    assert answer.headers["X-Policy"] == "strict"


def test_a_known_file_is_not_even_read() -> None:
    def gone() -> bytes:
        raise OSError("gone")

    file = StaticFile(gone, "text/css", '"a"', IMMUTABLE)
    assert file.answer({"if-none-match": "*"}).status == 304
    assert file.answer({"if-none-match": 'W/"a"'}).headers["Cache-Control"] == IMMUTABLE


def test_a_compressed_file_is_sent_so_where_that_is_taken() -> None:
    file = StaticFile(lambda: gzip.compress(b"text"), "text/css", '"a"', is_gzip=True)
    assert gzip.decompress(file.answer(GZIP).body) == b"text"
    for answer in (file.answer({}), file.answer(GZIP, sends_gzip=False)):
        assert (answer.body, answer.headers["Vary"]) == (b"text", "Accept-Encoding")
        assert "Content-Encoding" not in answer.headers


def test_another_content_has_another_tag() -> None:
    first, second = (static_bytes(body, "text/css") for body in (b"a", b"b"))
    assert first.etag != second.etag
    assert first.etag == static_bytes(b"a", "text/html").etag
