"""Reading stored objects: the one way from what the archive has to what the index says of it.

Callbacks, the change log, index jobs: whatever makes an instance be read, it is read here, from the archive as it is at
that moment. What a callback brings along may be of a file that the archive did not take.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from longitudinal.archive import Archive, StoredFile
from longitudinal.dicom.character_sets import CharacterSet, default_encoding
from longitudinal.dicom.tag_names import READ_TAGS
from longitudinal.dicom.tags import Tags, read_file_tags
from longitudinal.ingest.inventory import Inventory
from longitudinal.ingest.record import read_record
from longitudinal.sidecar.records import InstanceRecord

LOGGER = logging.getLogger(__name__)

# A file that Python can get from the archive only as a whole. Of larger ones Orthanc itself reads the tags.
_LARGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What was read of an instance, and of which file."""

    record: InstanceRecord
    file: StoredFile


class ObjectReader(Protocol):
    """Reads stored objects."""

    def read(self, orthanc_ids: Sequence[str]) -> Iterator[StoredObject | None]:
        """Each instance in order, read when it is asked for; None where it is gone or cannot be read."""


class StoredObjects:
    """Implements `ObjectReader` on the thread that asks.

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

    def read(self, orthanc_ids: Sequence[str]) -> Iterator[StoredObject | None]:
        """Each instance in order."""
        default = default_encoding(self._archive.default_encoding())
        for orthanc_id in orthanc_ids:
            yield self._object(orthanc_id, default)

    def _object(self, orthanc_id: str, default: CharacterSet) -> StoredObject | None:
        try:
            stored = self._archive.stored_file(orthanc_id)
            tags = read_stored_tags(self._archive, self._inventory, orthanc_id, stored, default)
            return StoredObject(read_record(orthanc_id, tags, self._archive), stored)
        except KeyError:
            return None
        except Exception:  # whatever one file holds, the others are still read
            LOGGER.exception("Instance %s cannot be read", orthanc_id)
            return None


def read_stored_tags(
    archive: Archive,
    inventory: Inventory,
    orthanc_id: str,
    stored: StoredFile,
    default: CharacterSet,
    keep: frozenset[str] = READ_TAGS,
) -> Tags:
    """The tags of a stored instance, those of `keep` at least. Raises KeyError where it is gone."""
    try:
        if stored.path is not None:
            return read_file_tags(stored.path, default, keep)
        if stored.size <= _LARGE_BYTES:
            return read_file_tags(archive.file(orthanc_id), default, keep)
    except KeyError:
        raise
    except FileNotFoundError:  # deleted or overwritten meanwhile
        raise KeyError(orthanc_id) from None
    except Exception as error:  # pydicom raises what it likes; Orthanc has read the file once already
        LOGGER.info("Orthanc reads instance %s, as pydicom cannot: %s", orthanc_id, error)
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
