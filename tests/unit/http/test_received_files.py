"""Zips that were sent: what is taken from them, and why nothing is."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable

import pytest

from longitudinal.http import received_files
from longitudinal.http.received_files import REFUSALS, ReceivedFile, Refusal, unpack
from tests.data import ROOT

MIB = 1024 * 1024
Content = dict[str | zipfile.ZipInfo, bytes]


def zipped(content: Content, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data, compress_type=method)
    return written.getvalue()


def taken(content: bytes, max_bytes: int = MIB) -> list[ReceivedFile]:
    return list(unpack("a.zip", content, max_bytes))


def refusals(content: bytes, max_bytes: int = MIB) -> list[tuple[str, Refusal | None]]:
    return [(file.name, file.refusal) for file in taken(content, max_bytes)]


def test_a_file_is_itself_whatever_it_is_called() -> None:
    assert list(unpack("a.zip", b"no zip", MIB)) == [ReceivedFile("a.zip", b"no zip")]
    assert [file.refusal for file in unpack("a.dcm", b"", MIB)] == [Refusal.EMPTY_FILE]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_files_of_a_zip_with_their_paths(method: int) -> None:
    content: Content = {"one/": b"", "one/IM 1": b"1", "one/two/für": b"22" * 500, "empty": b""}
    assert [(file.name, file.content, file.refusal) for file in taken(zipped(content, method))] == [
        ("a.zip/one/IM 1", b"1", None),
        ("a.zip/one/two/für", b"22" * 500, None),
        ("a.zip/empty", b"", Refusal.EMPTY_FILE),
    ]
    assert [file.name for file in unpack("", zipped({"x": b"1"}), MIB)] == ["x"]


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "..", "/x", "//host/x", "C:/x", "C:x", "C:\\x", "\\x", "a\\..\\..\\x", "..\\x", "a\0/../x"],
)  # fmt: skip
def test_a_zip_that_climbs_out_is_refused_whole(path: str) -> None:
    outside = zipfile.ZipInfo("x")
    outside.filename = outside.orig_filename = path
    assert refusals(zipped({"good": b"1", outside: b"2"})) == [("a.zip", Refusal.UNSAFE_PATH)]


def test_a_zip_with_a_link_is_refused_whole() -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert refusals(zipped({"good": b"1", link: b"/etc/passwd"})) == [("a.zip", Refusal.UNSAFE_PATH)]


def patched(content: bytes, signature: bytes, offset: int, value: int) -> bytes:
    """The zip with 16 bits of each header with a signature replaced."""
    changed = bytearray(content)
    at = content.find(signature)
    while at >= 0:
        struct.pack_into("<H", changed, at + offset, value)
        at = content.find(signature, at + 4)
    return bytes(changed)


def test_an_encrypted_zip_is_refused_whole() -> None:
    # bit 0 of the flags in the local header and in the directory (APPNOTE 4.4.4)
    plain = zipped({"x": b"1", "y": b"2"})
    encrypted = patched(patched(plain, b"PK\x03\x04", 6, 1), b"PK\x01\x02", 8, 1)
    assert refusals(encrypted) == [("a.zip", Refusal.ENCRYPTED_ZIP)]


def test_bombs_are_refused_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> bytes:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    assert refusals(zipped({"x": bytes(MIB + 1)}), MIB) == [("a.zip", Refusal.TOO_LARGE)]
    assert refusals(zipped({"x": bytes(MIB), "y": b"1"}), MIB) == [("a.zip", Refusal.TOO_LARGE)]
    assert refusals(zipped({"x": bytes(32 * MIB)}), 64 * MIB) == [("a.zip", Refusal.EXPLODES)]
    monkeypatch.setattr(received_files, "MAX_FILES", 2)
    assert refusals(zipped({"a": b"1", "b": b"1", "c": b"1"})) == [("a.zip", Refusal.TOO_MANY_FILES)]


def test_files_that_share_their_bytes_are_a_bomb() -> None:
    content = zipped({"aaaa": b"x" * 5000, "bbbb": b"y" * 9}, zipfile.ZIP_STORED)
    directory = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", directory + 4)
    # the directory's second entry says it is as large as the first, at the first one's place
    overlapping = bytearray(content)
    overlapping[second + 16 : second + 28] = content[directory + 16 : directory + 28]
    overlapping[second + 42 : second + 46] = content[directory + 42 : directory + 46]
    assert refusals(bytes(overlapping)) == [("a.zip", Refusal.EXPLODES)]


def lying(size: int) -> bytes:
    """A zip whose directory says its file of 1 MiB has `size` bytes."""
    content = bytearray(zipped({"x": bytes(MIB)}))
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, directory + 24, size)
    return bytes(content)


def test_a_directory_that_lies_about_a_size_unpacks_no_more_than_it_says() -> None:
    assert refusals(lying(10), 1000) == [("a.zip/x", Refusal.DAMAGED_ZIP)]


def test_a_zip_in_a_zip_is_refused_and_its_neighbour_taken() -> None:
    assert refusals(zipped({"in.zip": zipped({"x": b"1"}), "y": b"2"})) == [
        ("a.zip/in.zip", Refusal.NESTED_ZIP),
        ("a.zip/y", None),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packers_that_unpack_without_a_limit_are_not_used(method: int) -> None:
    assert refusals(zipped({"x": b"1" * 1000}, method)) == [("a.zip/x", Refusal.UNSUPPORTED_COMPRESSION)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:4],
        lambda content: content[:-30] + bytes(30),
    ],
)
def test_a_zip_that_was_cut_off(damage: Callable[[bytes], bytes]) -> None:
    assert refusals(damage(zipped({"x": b"1" * 1000, "y": b"2"}))) == [("a.zip", Refusal.DAMAGED_ZIP)]


def test_a_damaged_file_does_not_harm_its_neighbour() -> None:
    content = zipped({"x": b"1" * 100, "y": b"2" * 100}, zipfile.ZIP_STORED).replace(b"1" * 100, b"3" * 100)
    assert refusals(content) == [("a.zip/x", Refusal.DAMAGED_ZIP), ("a.zip/y", None)]


def test_an_empty_zip_has_no_files() -> None:
    assert refusals(zipped({})) == []


def test_every_refusal_is_explained_and_documented() -> None:
    text = (ROOT / "docs" / "reason-codes.md").read_text(encoding="utf-8")
    uploads = text.split("## Uploads", 1)[1].split("\n## ", 1)[0]
    assert [line.split("`")[1] for line in uploads.splitlines() if line.startswith("| `")] == list(Refusal)
    assert all(REFUSALS[refusal].endswith(".") for refusal in Refusal)
