"""Zips that were sent: what is taken from them, and why nothing is."""

import io
import random
import stat
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable

import pytest

from longitudinal.http import received_files
from longitudinal.http.received_files import Allowance, ReceivedFile, unpack
from longitudinal.reasons import UploadRefusal
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
    return list(unpack("a.zip", content, Allowance(max_bytes)))


def refusals(content: bytes, max_bytes: int = MIB) -> list[tuple[str, UploadRefusal | None]]:
    return [(file.name, file.refusal) for file in taken(content, max_bytes)]


def test_a_file_is_itself_whatever_it_is_called() -> None:
    assert list(unpack("a.zip", b"no zip", Allowance(MIB))) == [ReceivedFile("a.zip", b"no zip")]
    assert [file.refusal for file in unpack("a.dcm", b"", Allowance(MIB))] == [UploadRefusal.EMPTY_FILE]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_files_of_a_zip_with_their_paths(method: int) -> None:
    content: Content = {"one/": b"", "one/IM 1": b"1", "one/two/für": b"22" * 500, "empty": b""}
    assert [(file.name, file.content, file.refusal) for file in taken(zipped(content, method))] == [
        ("a.zip/one/IM 1", b"1", None),
        ("a.zip/one/two/für", b"22" * 500, None),
        ("a.zip/empty", b"", UploadRefusal.EMPTY_FILE),
    ]
    assert [file.name for file in unpack("", zipped({"x": b"1"}), Allowance(MIB))] == ["x"]


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "..", "/x", "//host/x", "C:/x", "C:x", "C:\\x", "\\x", "a\\..\\..\\x", "..\\x", "a\0/../x"],
)  # fmt: skip
def test_a_zip_that_climbs_out_is_refused_whole(path: str) -> None:
    outside = zipfile.ZipInfo("x")
    outside.filename = outside.orig_filename = path
    assert refusals(zipped({"good": b"1", outside: b"2"})) == [("a.zip", UploadRefusal.UNSAFE_PATH)]


def test_a_zip_with_a_link_is_refused_whole() -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert refusals(zipped({"good": b"1", link: b"/etc/passwd"})) == [("a.zip", UploadRefusal.UNSAFE_PATH)]


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
    assert refusals(encrypted) == [("a.zip", UploadRefusal.ENCRYPTED_ZIP)]


def test_bombs_are_refused_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> bytes:
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(zipfile.ZipExtFile, "read", read)
    assert refusals(zipped({"x": bytes(MIB + 1)}), MIB) == [("a.zip", UploadRefusal.TOO_LARGE)]
    assert refusals(zipped({"x": bytes(MIB), "y": b"1"}), MIB) == [("a.zip", UploadRefusal.TOO_LARGE)]
    assert refusals(zipped({"x": bytes(32 * MIB)}), 64 * MIB) == [("a.zip", UploadRefusal.EXPLODES)]
    monkeypatch.setattr(received_files, "MAX_FILES", 2)
    assert refusals(zipped({"a": b"1", "b": b"1", "c": b"1"})) == [("a.zip", UploadRefusal.TOO_MANY_FILES)]


def test_files_that_share_their_bytes_are_a_bomb() -> None:
    content = zipped({"aaaa": b"x" * 5000, "bbbb": b"y" * 9}, zipfile.ZIP_STORED)
    directory = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", directory + 4)
    # the directory's second entry says it is as large as the first, at the first one's place
    overlapping = bytearray(content)
    overlapping[second + 16 : second + 28] = content[directory + 16 : directory + 28]
    overlapping[second + 42 : second + 46] = content[directory + 42 : directory + 46]
    assert refusals(bytes(overlapping)) == [("a.zip", UploadRefusal.EXPLODES)]


def lying(
    size: int, inside: int = MIB, *, crc: bytes | None = None, name: str = "x", good: bytes = b"1"
) -> bytes:
    """A zip whose directory says its file of `inside` zeros has `size` bytes (and the checksum of `crc`)."""
    content = bytearray(zipped({"good": good, name: bytes(inside)}))
    entry = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", content, entry + 24, size)
    if crc is not None:
        struct.pack_into("<I", content, entry + 16, zlib.crc32(crc))
    return bytes(content)


def peak_of(run: Callable[[], object]) -> int:
    """The most bytes that Python had taken at once."""
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("size", [1, 10, MIB - 1, MIB + 1, 2 * MIB])
def test_a_directory_that_lies_about_a_size_costs_that_file_alone(size: int) -> None:
    files = taken(lying(size), 4 * MIB)
    assert [(file.name, file.refusal) for file in files] == [
        ("a.zip/good", None),
        ("a.zip/x", UploadRefusal.DAMAGED_ZIP),
    ]
    said = f"more than the {size} bytes" if size < MIB else f"{MIB} bytes, not the {size} bytes"
    assert said in files[1].detail


def test_a_file_that_goes_on_behind_what_is_declared_is_not_cut_in_silence() -> None:
    """The checksum is that of the first ten bytes, which zipfile would take for the whole."""
    (_, file) = taken(lying(10, crc=bytes(10)))
    assert file.refusal == UploadRefusal.DAMAGED_ZIP


def test_what_lies_costs_no_more_memory_than_what_is_declared() -> None:
    small = lying(1000, 256 * MIB)
    assert peak_of(lambda: refusals(small)) < 3 * len(small) + MIB
    # at 16 MiB and more even that is not taken before the size is known to be true
    large = lying(36 * MIB, 200 * MIB, good=random.Random(1).randbytes(MIB))
    assert refusals(large, 1024 * MIB)[1] == ("a.zip/x", UploadRefusal.DAMAGED_ZIP)
    assert peak_of(lambda: refusals(large, 1024 * MIB)) < 8 * MIB


def test_a_file_that_alone_explodes_is_refused_by_itself() -> None:
    noise = random.Random(1).randbytes(MIB)
    content = zipped({"noise": noise, "zeros": bytes(32 * MIB)})
    assert refusals(content, 64 * MIB) == [("a.zip/noise", None), ("a.zip/zeros", UploadRefusal.EXPLODES)]


@pytest.mark.parametrize("count", [1, 65_536])
def test_a_directory_longer_than_any_is_not_read(count: int) -> None:
    """The end record may say that there is one entry only; what counts is what stands there."""
    entry = zipped({"x": b"1"})
    directory, end = entry.index(b"PK\x01\x02"), entry.index(b"PK\x05\x06")
    many = entry[directory:end] * 200_000
    record = bytearray(entry[end:])
    struct.pack_into("<HHI", record, 8, count & 0xFFFF, count & 0xFFFF, len(many))
    content = entry[:directory] + many + bytes(record)
    assert refusals(content) == [("a.zip", UploadRefusal.TOO_MANY_FILES)]
    assert peak_of(lambda: refusals(content)) < 4 * len(many)


def test_names_as_long_as_books_are_refused_before_they_are_read() -> None:
    content = zipped({f"{number:05}" + "x" * 60_000: b"" for number in range(300)})
    assert refusals(content) == [("a.zip", UploadRefusal.TOO_MANY_FILES)]


def test_two_files_of_one_name_are_two_files_unless_they_share_their_bytes() -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("x", b"1")
        archive.writestr("x", b"2")
    assert [(file.name, file.content) for file in taken(written.getvalue())] == [
        ("a.zip/x", b"1"),
        ("a.zip/x", b"2"),
    ]
    one = zipped({"x": b"1" * 1000}, zipfile.ZIP_STORED)
    directory, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    record = bytearray(one[end:])
    struct.pack_into("<HHI", record, 8, 50, 50, 50 * (end - directory))
    assert refusals(one[:directory] + one[directory:end] * 50 + bytes(record)) == [
        ("a.zip", UploadRefusal.EXPLODES)
    ]


def test_the_zips_of_one_upload_share_what_it_may_unpack_to() -> None:
    allowance = Allowance(3000, 3)
    assert [file.refusal for file in unpack("1", zipped({"x": b"1" * 2000}), allowance)] == [None]
    assert [file.refusal for file in unpack("2", zipped({"x": b"1" * 2000}), allowance)] == [
        UploadRefusal.TOO_LARGE
    ]
    few = zipped({"x": b"1", "y": b"2"})
    assert [file.refusal for file in unpack("3", few, allowance)] == [None, None]
    assert [file.refusal for file in unpack("4", few, allowance)] == [UploadRefusal.TOO_MANY_FILES]


@pytest.mark.parametrize("where", [20, 24, 42])
@pytest.mark.parametrize("value", [0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
@pytest.mark.parametrize("extra", [b"", struct.pack("<HHQQQ", 1, 24, 2**63, 2**64 - 1, 2**63), b"\1\0"])
def test_any_number_in_the_directory_is_a_refusal_or_a_file(where: int, value: int, extra: bytes) -> None:
    """Packed size, unpacked size and place (APPNOTE 4.3.12), with a zip64 field beside them (4.5.3), whole or cut off."""
    content = zipped({"x": b"1" * 5000})
    directory, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = bytearray(content[directory:end] + extra)
    struct.pack_into("<I", entry, where, value)
    struct.pack_into("<H", entry, 30, len(extra))
    record = bytearray(content[end:])
    struct.pack_into("<I", record, 12, len(entry))
    found = taken(content[:directory] + bytes(entry) + bytes(record), 100_000)
    assert all(file.refusal is not None or len(file.content) == 5000 for file in found)


def test_a_zip_in_a_zip_is_refused_and_its_neighbour_taken() -> None:
    assert refusals(zipped({"in.zip": zipped({"x": b"1"}), "y": b"2"})) == [
        ("a.zip/in.zip", UploadRefusal.NESTED_ZIP),
        ("a.zip/y", None),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packers_that_unpack_without_a_limit_are_not_used(method: int) -> None:
    assert refusals(zipped({"x": b"1" * 1000}, method)) == [
        ("a.zip/x", UploadRefusal.UNSUPPORTED_COMPRESSION)
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:4],
        lambda content: content[:-30] + bytes(30),
    ],
)
def test_a_zip_that_was_cut_off(damage: Callable[[bytes], bytes]) -> None:
    assert refusals(damage(zipped({"x": b"1" * 1000, "y": b"2"}))) == [("a.zip", UploadRefusal.DAMAGED_ZIP)]


def test_a_damaged_file_does_not_harm_its_neighbour() -> None:
    content = zipped({"x": b"1" * 100, "y": b"2" * 100}, zipfile.ZIP_STORED).replace(b"1" * 100, b"3" * 100)
    assert refusals(content) == [("a.zip/x", UploadRefusal.DAMAGED_ZIP), ("a.zip/y", None)]


def test_an_empty_zip_has_no_files() -> None:
    assert refusals(zipped({})) == []


def test_every_refusal_is_explained_and_documented() -> None:
    text = (ROOT / "docs" / "reason-codes.md").read_text(encoding="utf-8")
    uploads = text.split("## Uploads", 1)[1].split("\n## ", 1)[0]
    assert [line.split("`")[1] for line in uploads.splitlines() if line.startswith("| `")] == list(
        UploadRefusal
    )
    assert all(refusal.explanation.endswith(".") for refusal in UploadRefusal)
