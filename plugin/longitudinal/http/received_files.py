"""The files of an upload: what was sent, and what stands in the zips that were sent. Nothing is written to disk."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final


class Refusal(StrEnum):
    """Why a file of an upload was not stored: codes of the API."""

    EMPTY_FILE = "emptyFile"
    NOT_DICOM = "notDicom"
    TOO_DEEP = "tooDeep"
    DICOMDIR = "dicomdir"
    DAMAGED_ZIP = "damagedZip"
    ENCRYPTED_ZIP = "encryptedZip"
    UNSAFE_PATH = "unsafePath"
    TOO_MANY_FILES = "tooManyFiles"
    TOO_LARGE = "tooLarge"
    EXPLODES = "explodes"
    UNSUPPORTED_COMPRESSION = "unsupportedCompression"
    NESTED_ZIP = "nestedZip"
    REFUSED_BY_ARCHIVE = "refusedByArchive"
    ARCHIVE_FAILED = "archiveFailed"


REFUSALS: Final[dict[Refusal, str]] = {
    Refusal.EMPTY_FILE: "The file has no content.",
    Refusal.NOT_DICOM: "The file is no DICOM object that Orthanc can read.",
    Refusal.TOO_DEEP: "The object has sequences in sequences, more than 32 levels deep; Orthanc could end of it.",
    Refusal.DICOMDIR: "A DICOMDIR lists the files of a medium; it is no object of a patient.",
    Refusal.DAMAGED_ZIP: "The zip, or this file in it, cannot be read: it was cut off, or its checksum is wrong.",
    Refusal.ENCRYPTED_ZIP: "The zip has files that need a password; nothing of it is stored.",
    Refusal.UNSAFE_PATH: "The zip names a file outside its own folder, or a link; nothing of it is stored.",
    Refusal.TOO_MANY_FILES: "The zip has more files than one upload may have; nothing of it is stored.",
    Refusal.TOO_LARGE: "Unpacked the zip is larger than MaxUploadMiB; nothing of it is stored.",
    Refusal.EXPLODES: "The zip unpacks to far more than any image does; nothing of it is stored.",
    Refusal.UNSUPPORTED_COMPRESSION: "The file in the zip is neither stored as it is nor deflated.",
    Refusal.NESTED_ZIP: "A zip inside a zip is not unpacked.",
    Refusal.REFUSED_BY_ARCHIVE: "Orthanc did not take the object, by a filter or for want of space; `detail` says.",
    Refusal.ARCHIVE_FAILED: "Orthanc did not answer.",
}
"""One line of explanation for each code."""

MAX_FILES = 20_000
"""In one upload, and in one zip: four times the largest of CT studies."""
MAX_RATIO = 200
"""Unpacked to packed size of a zip: scans reach 2 to 20, empty segmentations 100 or so, bombs 1,000 and more."""
_RATIO_FLOOR = 16 * 1024 * 1024
"""Unpacked bytes that are harmless whatever the ratio."""
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file to store, or, with a `refusal`, one not to; a file of a zip is named `<zip>/<path in it>`."""

    name: str
    content: bytes = b""
    refusal: Refusal | None = None
    detail: str = ""


def unpack(name: str, content: bytes, max_bytes: int) -> Iterator[ReceivedFile]:
    """A file as it is, or the files of a zip one after another; what a file is its first bytes say, not its name.

    Parameters
    ----------
    max_bytes
        Of all files of the zip together, unpacked.
    """
    if not content:
        yield _refused(name, Refusal.EMPTY_FILE)
    elif content.startswith(_MAGIC):
        yield from _unzip(name, content, max_bytes)
    else:
        yield ReceivedFile(name, content)


def _unzip(name: str, content: bytes, max_bytes: int) -> Iterator[ReceivedFile]:
    try:
        archive = zipfile.ZipFile(BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        yield _refused(name, Refusal.DAMAGED_ZIP, str(error))
        return
    with archive:
        members = archive.infolist()
        reason = _refuse_whole(members, len(content), max_bytes)
        if reason is not None:
            yield _refused(name, *reason)
            return
        for member in members:
            if not member.is_dir():
                yield _member(archive, member, f"{name}/{member.filename}" if name else member.filename)


def _refuse_whole(members: list[zipfile.ZipInfo], packed: int, max_bytes: int) -> tuple[Refusal, str] | None:
    """Why nothing of a zip is taken, found before anything of it is unpacked."""
    if len(members) > MAX_FILES:
        return Refusal.TOO_MANY_FILES, f"{len(members)} files; the limit is {MAX_FILES}"
    for member in members:
        if _is_unsafe(member):
            return Refusal.UNSAFE_PATH, member.filename
        if member.flag_bits & _IS_ENCRYPTED:
            return Refusal.ENCRYPTED_ZIP, member.filename
    # zipfile unpacks no more of a file than the directory of the zip declares.
    unpacked = sum(member.file_size for member in members)
    if unpacked > max_bytes:
        return Refusal.TOO_LARGE, f"{unpacked} bytes; the limit is {max_bytes} (setting MaxUploadMiB)"
    # Files that share their bytes (overlap) are how a bomb without nesting is built.
    if (
        unpacked > max(MAX_RATIO * packed, _RATIO_FLOOR)
        or sum(member.compress_size for member in members) > packed
    ):
        return Refusal.EXPLODES, f"{packed} bytes unpack to {unpacked}"
    return None


def _is_unsafe(member: zipfile.ZipInfo) -> bool:
    """Whether a path leads out of the folder it would be unpacked to, on any system, or the entry is a link."""
    windows = PureWindowsPath(member.orig_filename)
    is_absolute = bool(windows.drive or windows.root) or PurePosixPath(member.orig_filename).is_absolute()
    return is_absolute or ".." in windows.parts or stat.S_ISLNK(member.external_attr >> 16)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> ReceivedFile:
    if (
        member.compress_type not in _METHODS
    ):  # bzip2 and LZMA unpack megabytes before zipfile looks at the size
        return _refused(name, Refusal.UNSUPPORTED_COMPRESSION)
    if not member.file_size:
        return _refused(name, Refusal.EMPTY_FILE)
    try:
        content = archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        return _refused(name, Refusal.DAMAGED_ZIP, str(error))
    if content.startswith(_MAGIC):
        return _refused(name, Refusal.NESTED_ZIP)
    return ReceivedFile(name, content)


def _refused(name: str, refusal: Refusal, detail: str = "") -> ReceivedFile:
    return ReceivedFile(name, b"", refusal, detail or REFUSALS[refusal])
