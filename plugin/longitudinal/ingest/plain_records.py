"""Records of images from their files alone, and how a process beside Orthanc hands them over.

Most of what is stored are images whose file says everything. What the archive must be asked about - registration objects
with their statements, reports, what references other objects, identifiers that Orthanc writes differently - is left to
`longitudinal.ingest.stored_objects`, and so is what pydicom cannot read.
"""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from longitudinal.archive import Archive, is_unchanged
from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.character_sets import CharacterSet
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.sop_classes import REGISTRATIONS, REPORTS, names_others
from longitudinal.dicom.tags import Tags, text
from longitudinal.ingest.record import read_record
from longitudinal.sidecar.tables.records import InstanceRecord

ReadTags = Callable[[str, CharacterSet], Tags]


class _ArchiveNeededError(Exception):
    """The file does not say everything."""


class _NoArchive:
    """Stands for the archive where it cannot be asked."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by Python and its tools, not about the archive
            raise AttributeError(name)
        raise _ArchiveNeededError(name)


_NO_ARCHIVE = cast(Archive, _NoArchive())
_DECODER = msgspec.msgpack.Decoder(list[InstanceRecord | None])


def read_plain_record(
    orthanc_id: str, path: str, size: int, default: CharacterSet, read: ReadTags = read_file_tags
) -> InstanceRecord | None:
    """The record of an image from its stored file; None if it must be read beside the archive, is gone, or is not as large
    as the archive says (cut off, or written by another storage).

    `read` may know the files before: it must give what `read_file_tags` does.
    """
    try:
        if not is_unchanged(path, size):
            return None
        tags = read(path, default)
        sop_class = text(tags, tag.SOP_CLASS_UID)
        if names_others(sop_class) or sop_class in REGISTRATIONS | REPORTS:
            return None
        return read_record(orthanc_id, tags, _NO_ARCHIVE)
    except Exception:  # whatever it is, the reader beside the archive meets it too, and logs it
        return None


def encode_records(records: list[InstanceRecord | None]) -> bytes:
    """Records of `read_plain_record` as MessagePack."""
    return msgspec.msgpack.encode(records)


def decode_records(encoded: bytes) -> list[InstanceRecord | None]:
    """What `encode_records` was given. Raises msgspec.MsgspecError."""
    return _DECODER.decode(encoded)
