"""Reads stored objects: the only way from the archive's files to records of the index.

Callbacks, the change log and index jobs all read instances here, from the archive as it is at that moment. The tags that a
callback passes may be of a file that the archive did not store.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from longitudinal.archive import Archive, StoredFile
from longitudinal.dicom.character_sets import CharacterSet, default_encoding
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.nesting import is_too_deep
from longitudinal.dicom.similar_files import SimilarFiles
from longitudinal.dicom.tag_names import READ_TAGS
from longitudinal.dicom.tags import Tags
from longitudinal.ingest.inventory import Inventory
from longitudinal.ingest.record import read_record
from longitudinal.sidecar.tables.records import InstanceRecord

LOGGER = logging.getLogger(__name__)

# Up to this size Python reads a file from the archive as a whole. Of larger ones Orthanc itself reads the tags.
_LARGE_BYTES = 64 * 1024 * 1024


class StoredObject(msgspec.Struct, frozen=True):
    """The record of an instance, and the file it was read from."""

    record: InstanceRecord
    file: StoredFile


class ObjectReader(Protocol):
    """Reads stored objects."""

    def read(self, orthanc_ids: Sequence[str]) -> Iterator[StoredObject | None]:
        """Each instance in order, read when the iterator reaches it; None if it is gone or cannot be read."""


class _Files(threading.local):
    """The files that a thread has read, for those that are like them."""

    def __init__(self) -> None:
        self.similar = SimilarFiles()


class StoredObjects:
    """Implements `ObjectReader` on the calling thread.

    Parameters
    ----------
    archive
        Where the files are.
    inventory
        Asked for the tags of a file that pydicom cannot read.
    """

    def __init__(self, archive: Archive, inventory: Inventory) -> None:
        self._archive = archive
        self._inventory = inventory
        self._files = _Files()

    def read(self, orthanc_ids: Sequence[str]) -> Iterator[StoredObject | None]:
        """Each instance in order."""
        default = default_encoding(self._archive.default_encoding())
        for orthanc_id in orthanc_ids:
            yield self._object(orthanc_id, default)

    def _object(self, orthanc_id: str, default: CharacterSet) -> StoredObject | None:
        try:
            stored = self._archive.stored_file(orthanc_id)
            tags = read_stored_tags(
                self._archive, self._inventory, orthanc_id, stored, default, read=self._files.similar.tags
            )
            return StoredObject(read_record(orthanc_id, tags, self._archive), stored)
        except KeyError:
            return None
        except Exception:  # the content of one file must not stop the reading of others
            LOGGER.exception("Instance %s cannot be read", orthanc_id)
            return None


def read_stored_tags(
    archive: Archive,
    inventory: Inventory,
    orthanc_id: str,
    stored: StoredFile,
    default: CharacterSet,
    keep: frozenset[str] = READ_TAGS,
    read: Callable[[str, CharacterSet], Tags] | None = None,
) -> Tags:
    """The tags of a stored instance, those of `keep` at least. Raises KeyError where it is gone.

    `read` is for files that lie where they can be opened, if it knows a quicker way to the tags of READ_TAGS.
    """
    try:
        if stored.path is not None:
            return read_file_tags(stored.path, default, keep) if read is None else read(stored.path, default)
        if stored.size <= _LARGE_BYTES:
            return read_file_tags(archive.file(orthanc_id), default, keep)
    except KeyError:
        raise
    except FileNotFoundError:  # deleted or overwritten meanwhile
        raise KeyError(orthanc_id) from None
    except Exception as error:  # pydicom raises any exception; Orthanc was able to read the file
        LOGGER.info("Reading instance %s through Orthanc, because pydicom failed: %s", orthanc_id, error)
    tags: Tags = json.loads(inventory.tags(orthanc_id))
    return tags


class StoredHeaders:
    """Reads headers of stored instances again, for more than the index keeps.

    Parameters
    ----------
    keep
        The tags to read.
    """

    def __init__(self, archive: Archive, inventory: Inventory, keep: frozenset[str]) -> None:
        self._archive = archive
        self._inventory = inventory
        self._keep = keep

    def __call__(self, series: str, orthanc_ids: Sequence[str]) -> Iterator[Tags | None]:
        """The tags of instances of a series (Orthanc id) in order; None where one is gone or cannot be read."""
        default = default_encoding(self._archive.default_encoding())
        files = self._archive.stored_files(series)
        for orthanc_id in orthanc_ids:
            try:
                stored = files.get(orthanc_id) or self._archive.stored_file(orthanc_id)
                yield read_stored_tags(
                    self._archive, self._inventory, orthanc_id, stored, default, self._keep
                )
            except KeyError:
                yield None
            except Exception:  # whatever one file holds, the others are still read
                LOGGER.exception("Instance %s cannot be read", orthanc_id)
                yield None


class StoredDepths:
    """Tells which stored objects have sequences nested so deep that Orthanc ends when it reads their pixels or tags.

    The whole file is looked through, 130 us for a slice: for those who draw, not for every stored object.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(self, series: str, orthanc_ids: Sequence[str]) -> Iterator[bool]:
        """Each instance of a series (Orthanc id) in order; one that is gone is not deep."""
        files = self._archive.stored_files(series)
        for orthanc_id in orthanc_ids:
            stored = files.get(orthanc_id)
            try:
                file = (
                    self._archive.file(orthanc_id)
                    if stored is None or stored.path is None
                    else Path(stored.path).read_bytes()
                )
            except (KeyError, OSError):
                yield False
                continue
            yield is_too_deep(file)
