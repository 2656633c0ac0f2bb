"""The files of an upload: what was sent, and what stands in the zips that were sent. Nothing is written to disk."""

import stat
import zipfile
from collections.abc import Iterator, Sequence
from copy import copy
from io import BytesIO
from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO

import msgspec

from longitudinal.reasons import UploadRefusal

MAX_FILES = 20_000
"""In one upload, and in one zip: four times the largest of CT studies."""
MAX_RATIO = 200
"""Unpacked to packed size of a zip: scans reach 2 to 20, empty segmentations 100 or so, bombs 1,000 and more."""
_RATIO_FLOOR = 16 * 1024 * 1024
"""Unpacked bytes that are harmless whatever the ratio."""
_LARGE_ENTRY = _RATIO_FLOOR
"""Declared bytes from which a file is unpacked once without keeping it, to see that it is as large as declared."""
_CHUNK = 256 * 1024
_MAX_DIRECTORY = 16 * 1024 * 1024
"""Bytes of a zip's directory: 800 for each of the most files."""
_ENTRY = b"PK\x01\x02"
_LOCAL_HEADER_BYTES = 30
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_ENCRYPTED = 0x1


class ReceivedFile(msgspec.Struct, frozen=True):
    """A file to store, or, with a `refusal`, one not to; a file of a zip is named `<zip>/<path in it>`."""

    name: str
    content: bytes = b""
    refusal: UploadRefusal | None = None
    detail: str = ""


class Allowance(msgspec.Struct):
    """What all zips of one upload together may still unpack to."""

    bytes_left: int
    files_left: int = MAX_FILES


def unpack(name: str, content: bytes, allowance: Allowance) -> Iterator[ReceivedFile]:
    """A file as it is, or the files of a zip one after another; what a file is its first bytes say, not its name.

    Parameters
    ----------
    allowance
        Of the upload; what a zip takes is gone from it.
    """
    if not content:
        yield _refused(name, UploadRefusal.EMPTY_FILE)
    elif content.startswith(_MAGIC):
        yield from _unzip(name, content, allowance)
    else:
        yield ReceivedFile(name, content)


class _TooManyEntries(Exception):
    """The directory of a zip is larger than any upload's."""


class _ZipBytes(BytesIO):
    """A zip that refuses a huge directory: zipfile makes an object for each entry before they can be counted."""

    is_open = False

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        # zipfile reads the directory in one piece, and everything else in small ones or from a file's own place
        if not self.is_open and data.startswith(_ENTRY):
            if (count := data.count(_ENTRY)) > MAX_FILES:
                raise _TooManyEntries(f"{count} files; the limit is {MAX_FILES}")
            if len(data) > _MAX_DIRECTORY:
                raise _TooManyEntries(
                    f"the list of files has {len(data)} bytes; the limit is {_MAX_DIRECTORY}"
                )
        return data


def _unzip(name: str, content: bytes, allowance: Allowance) -> Iterator[ReceivedFile]:
    file = _ZipBytes(content)
    try:
        archive = zipfile.ZipFile(file)
    except _TooManyEntries as error:
        yield _refused(name, UploadRefusal.TOO_MANY_FILES, str(error))
        return
    except Exception as error:  # what zipfile raises on the bytes of others is no closed list
        yield _refused(name, UploadRefusal.DAMAGED_ZIP, str(error))
        return
    file.is_open = True
    with archive:
        members = archive.infolist()
        reason = _refuse_whole(members, len(content), allowance)
        if reason is not None:
            yield _refused(name, *reason)
            return
        allowance.files_left -= len(members)
        allowance.bytes_left -= sum(member.file_size for member in members)
        for member in members:
            if not member.is_dir():
                yield _member(archive, member, f"{name}/{member.filename}" if name else member.filename)


def _refuse_whole(
    members: Sequence[zipfile.ZipInfo], packed: int, allowance: Allowance
) -> tuple[UploadRefusal, str] | None:
    """Why nothing of a zip is taken, found before anything of it is unpacked."""
    if len(members) > allowance.files_left:
        left = f"{allowance.files_left} of {MAX_FILES} are left for this upload"
        return UploadRefusal.TOO_MANY_FILES, f"{len(members)} files; {left}"
    for member in members:
        if _is_unsafe(member):
            return UploadRefusal.UNSAFE_PATH, member.filename
        if member.flag_bits & _IS_ENCRYPTED:
            return UploadRefusal.ENCRYPTED_ZIP, member.filename
    # No more of a file is unpacked than the directory of the zip declares.
    unpacked = sum(member.file_size for member in members)
    if unpacked > allowance.bytes_left:
        left = f"{allowance.bytes_left} are left for this upload (setting MaxUploadMiB)"
        return UploadRefusal.TOO_LARGE, f"{unpacked} bytes; {left}"
    if unpacked > max(MAX_RATIO * packed, _RATIO_FLOOR):
        return UploadRefusal.EXPLODES, f"{packed} bytes unpack to {unpacked}"
    if (shared := _sharing(members, packed)) is not None:
        return UploadRefusal.EXPLODES, f"{shared.filename} does not have its bytes for itself"
    return None


def _sharing(members: Sequence[zipfile.ZipInfo], packed: int) -> zipfile.ZipInfo | None:
    """A file whose bytes are another's too: how a bomb without nesting is built."""
    placed = sorted(members, key=lambda member: member.header_offset)
    ends = [member.header_offset + _LOCAL_HEADER_BYTES + member.compress_size for member in placed]
    for (member, following), end in zip(pairwise(placed), ends, strict=False):
        if end > following.header_offset:
            return member
    return placed[-1] if placed and ends[-1] > packed else None


def _is_unsafe(member: zipfile.ZipInfo) -> bool:
    """Whether a path leads out of the folder it would be unpacked to, on any system, or the entry is a link."""
    windows = PureWindowsPath(member.orig_filename)
    is_absolute = bool(windows.drive or windows.root) or PurePosixPath(member.orig_filename).is_absolute()
    return is_absolute or ".." in windows.parts or stat.S_ISLNK(member.external_attr >> 16)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> ReceivedFile:
    if (
        member.compress_type not in _METHODS
    ):  # bzip2 and LZMA unpack megabytes before zipfile looks at the size
        return _refused(name, UploadRefusal.UNSUPPORTED_COMPRESSION)
    if not member.file_size:
        return _refused(name, UploadRefusal.EMPTY_FILE)
    if member.file_size > max(MAX_RATIO * member.compress_size, _RATIO_FLOOR):
        return _refused(
            name, UploadRefusal.EXPLODES, f"{member.compress_size} bytes unpack to {member.file_size}"
        )
    try:
        content = _read(archive, member)
    except Exception as error:  # what zipfile and zlib raise on the bytes of others is no closed list
        return _refused(name, UploadRefusal.DAMAGED_ZIP, str(error))
    if content.startswith(_MAGIC):
        return _refused(name, UploadRefusal.NESTED_ZIP)
    return ReceivedFile(name, content)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The content of a file, never more than one byte beyond what the directory declares.

    `ZipFile.read` unpacks everything first and cuts it to the declared size afterwards.
    """
    # zipfile cuts silently at the size it is given, and compares the checksum there: neither must happen before we look
    allowed = copy(member)
    allowed.file_size += 2 * _CHUNK
    if member.file_size > _LARGE_ENTRY:
        # once without keeping it: a false size or checksum is found before the memory is taken
        with archive.open(allowed) as file:
            _check_size(member, _count(file, member.file_size + 1))
    with archive.open(allowed) as file:
        content = file.read(member.file_size + 1)
    _check_size(member, len(content))
    return content


def _count(file: IO[bytes], most: int) -> int:
    """How many bytes there are, counted up to `most`."""
    count = 0
    while count < most and (chunk := file.read(_CHUNK)):
        count += len(chunk)
    return count


def _check_size(member: zipfile.ZipInfo, unpacked: int) -> None:
    if unpacked != member.file_size:
        is_more = unpacked > member.file_size
        has = (
            f"more than the {member.file_size}"
            if is_more
            else f"{unpacked} bytes, not the {member.file_size}"
        )
        raise zipfile.BadZipFile(f"the file has {has} bytes that the zip declares")


def _refused(name: str, refusal: UploadRefusal, detail: str = "") -> ReceivedFile:
    return ReceivedFile(name, b"", refusal, detail or refusal.explanation)
