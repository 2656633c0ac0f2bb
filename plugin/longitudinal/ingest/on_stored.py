"""Into the sidecar: what Orthanc's callbacks say (a hint), and what is read back from the archive (the truth).

Callbacks put their news on the writer's queue and return at once.
"""

import json
import logging
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress

import msgspec

from longitudinal.archive import Archive
from longitudinal.dicom.character_sets import SPECIFIC_CHARACTER_SET, default_encoding, is_read_by_orthanc
from longitudinal.dicom.tags import Tags, read_file_tags
from longitudinal.errors import ArchiveFailed
from longitudinal.ingest.inventory import ArchivedStudy, Inventory
from longitudinal.ingest.record import read_record, with_current_notes
from longitudinal.ingest.series_reading import SeriesReading, is_worth_it
from longitudinal.sidecar.arrivals import joined_by, note_studies
from longitudinal.sidecar.instances import InstanceWriter, Touched
from longitudinal.sidecar.patients import instances_under, parents_of_instance
from longitudinal.sidecar.records import InstanceRecord
from longitudinal.sidecar.studies import (
    announce_study,
    empty_studies,
    remove_if_empty,
    write_attempts,
    write_last_updates,
)
from longitudinal.sidecar.writer import Writer

LOGGER = logging.getLogger(__name__)

# The cursor follows within seconds; more stores than this between two of its looks are read once more, no worse.
_REMEMBERED_STORES = 50_000
# A file reaches Python as a whole. Of larger ones Orthanc itself reads the tags, up to the pixels.
_LARGE_BYTES = 64 * 1024 * 1024
# For so long after a store the backfill steps back.
_QUIET_SECONDS = 1.0


class Ingest:
    """Follows what is stored in and deleted from the archive.

    Parameters
    ----------
    writer
        Where changes of the sidecar are queued.
    archive
        Asked again before a delete is believed, since a re-send can overtake it.
    inventory
        Asked for the tags of a file that pydicom cannot read.
    """

    def __init__(self, writer: Writer, archive: Archive, inventory: Inventory) -> None:
        self._writer = writer
        self._archive = archive
        self._inventory = inventory
        self._recent = _RecentStores()

    # The hints

    def stored(self, orthanc_id: str, tags_json: str) -> None:
        """An instance was stored; `tags_json` are its tags in Orthanc's short form."""
        self._recent.seen(orthanc_id)

        def put(_: sqlite3.Connection, instances: InstanceWriter) -> Iterable[Touched]:
            try:
                tags = msgspec.json.decode(tags_json)
                if not is_read_by_orthanc(tags.get(SPECIFIC_CHARACTER_SET) or ""):
                    tags = self._tags(orthanc_id)
                return [instances.put(read_record(orthanc_id, tags, self._archive))]
            except KeyError:
                LOGGER.info("Instance %s was gone before it could be indexed", orthanc_id)
                return []

        self._writer.submit(put, is_awaited=False).add_done_callback(
            lambda done: self._recent.written(orthanc_id, done)
        )

    def deleted(self, level: str, orthanc_id: str) -> Future[None]:
        """A resource of `level` ("patients", "studies", "series", "instances") was deleted, or is said to be.

        The future is done when the sidecar knows.
        """
        return self._writer.submit(
            lambda connection, instances: self._remove(connection, instances, level, orthanc_id)
        )

    def vanished(self, orthanc_id: str) -> Future[None]:
        """An instance is gone and no callback told: another node deleted it, and perhaps its whole study.

        The future is done when the sidecar knows.
        """

        def remove(connection: sqlite3.Connection, instances: InstanceWriter) -> Iterable[Touched]:
            for level, above in parents_of_instance(connection, orthanc_id):
                if not self._archive.has(level, above):
                    return self._remove(connection, instances, level, above)
            return self._remove(connection, instances, "instances", orthanc_id)

        return self._writer.submit(remove)

    def _remove(
        self, connection: sqlite3.Connection, instances: InstanceWriter, level: str, orthanc_id: str
    ) -> Iterable[Touched]:
        has = self._archive.has
        gone = instances_under(connection, level, orthanc_id)
        if has(level, orthanc_id):
            gone = [instance for instance in gone if not self._archive.has_instance(instance)]
        self._note_separated(connection, gone)
        touched = [instances.remove(instance) for instance in gone]
        empty = [study for study in empty_studies(connection, level, orthanc_id) if not has("studies", study)]
        touched += [remove_if_empty(connection, study) for study in empty]
        return [entry for entry in touched if entry is not None]

    def _note_separated(self, connection: sqlite3.Connection, gone: Sequence[str]) -> None:
        """A study that is deleted takes its registration objects along; one of them may have joined others."""
        for instance in gone:
            joined = joined_by(connection, instance)
            if joined is not None and not self._archive.has("studies", joined[0]):
                note_studies(connection, dict.fromkeys(joined[1], time.time()))

    @property
    def is_receiving(self) -> bool:
        """Whether instances are being stored at this moment."""
        return self._recent.is_receiving

    def take_stored(self, orthanc_id: str) -> bool:
        """Whether a callback has written this instance since it was last asked for here."""
        return self._recent.take(orthanc_id)

    def has_told(self, orthanc_id: str) -> bool:
        """Whether a callback told of this instance since the start, or lately where there were very many."""
        return self._recent.is_newer(orthanc_id, 0)

    # The truth

    def has(self, orthanc_id: str) -> bool:
        """Whether the archive has an instance at this moment."""
        return self._archive.has_instance(orthanc_id)

    def ask(self, series: str, missing: Sequence[str], stored: int) -> SeriesReading | None:
        """Ask for a series of so many stored instances as a whole; None where its missing ones are read one by one."""
        with suppress(KeyError, ArchiveFailed):
            if is_worth_it(self._inventory, missing, stored):
                moment = self._recent.moment
                return SeriesReading(self._inventory.ask_tags(series), moment)
        return None

    def index(
        self, orthanc_id: str, *, is_awaited: bool = True, reading: SeriesReading | None = None
    ) -> Future[None] | None:
        """Read an instance back from the archive and queue it; None when it is gone or cannot be read.

        The future is done when the sidecar has it; where many are read in a row (`is_awaited` False) that takes a moment.
        `reading` has its tags, perhaps.
        """
        began = self._recent.moment if reading is None else reading.moment
        record = self._read(orthanc_id, reading)
        if record is None:
            return None

        def put(_: sqlite3.Connection, instances: InstanceWriter) -> Iterable[Touched]:
            # What was stored or deleted while we read is newer than what we have read.
            if self._recent.is_newer(orthanc_id, began) or not self._archive.has_instance(orthanc_id):
                return []
            # A review may have come since, and a rejected transform must not come back.
            return [instances.put(with_current_notes(record, self._archive))]

        return self._writer.submit(put, is_awaited=is_awaited)

    def announce(self, study: ArchivedStudy) -> Future[None]:
        """Give a study the archive has a row before it is read."""
        tags = study.tags
        uid = tags.get("StudyInstanceUID", "")
        columns = {
            "study_date": tags.get("StudyDate", ""),
            "study_time": tags.get("StudyTime", ""),
            "study_description": tags.get("StudyDescription", ""),
            "accession_number": tags.get("AccessionNumber", ""),
            "patient_birth_date": tags.get("PatientBirthDate", ""),
            "patient_sex": tags.get("PatientSex", ""),
        }

        def announce(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
            if not self._archive.has("studies", study.orthanc_id):
                return []
            said = self._archive.attempts(study.orthanc_id)
            return [
                announce_study(
                    connection,
                    orthanc_id=study.orthanc_id,
                    orthanc_patient=study.patient,
                    patient_id=tags.get("PatientID", "") or f"study:{uid}",
                    patient_name=tags.get("PatientName", ""),
                    study_instance_uid=uid,
                    columns=columns,
                ),
                *write_attempts(connection, study.orthanc_id, said),
            ]

        return self._writer.submit(announce)

    def note_last_update(self, series: str, last_update: str | None) -> Future[None]:
        """All that was stored in a series till its LastUpdate is indexed; None where that is not known any more."""

        def note(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
            write_last_updates(connection, {series: last_update})
            return ()

        return self._writer.submit(note)

    def settle(self) -> None:
        """Wait until everything queued before this call is in the sidecar."""
        self._writer.submit(lambda connection, instances: ()).result()

    def _read(self, orthanc_id: str, reading: SeriesReading | None) -> InstanceRecord | None:
        try:
            tags = None if reading is None else reading.tags(orthanc_id)
            return read_record(orthanc_id, tags or self._tags(orthanc_id), self._archive)
        except KeyError:
            return None
        except Exception:  # whatever one file holds, the others are still read
            LOGGER.exception("Instance %s cannot be read", orthanc_id)
            return None

    def _tags(self, orthanc_id: str) -> Tags:
        if self._inventory.size(orthanc_id) <= _LARGE_BYTES:
            try:
                default = default_encoding(self._archive.default_encoding())
                return read_file_tags(self._archive.file(orthanc_id), default)
            except KeyError:
                raise
            except Exception as error:  # pydicom raises what it likes; Orthanc has read the file once already
                LOGGER.info("Instance %s is read by Orthanc, pydicom cannot: %s", orthanc_id, error)
        tags: Tags = json.loads(self._inventory.tags(orthanc_id))
        return tags


class _RecentStores:
    """Which instances callbacks have told of, in the order they did, and which of them are written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stores: OrderedDict[str, int] = OrderedDict()
        self._written: OrderedDict[str, None] = OrderedDict()
        self._waiting = 0
        self._last = -_QUIET_SECONDS
        self.moment = 0

    def seen(self, orthanc_id: str) -> None:
        with self._lock:
            self.moment += 1
            self._waiting += 1
            self._last = time.monotonic()
            self._stores[orthanc_id] = self.moment
            self._stores.move_to_end(orthanc_id)
            self._written.pop(orthanc_id, None)
            if len(self._stores) > _REMEMBERED_STORES:
                self._stores.popitem(last=False)

    def written(self, orthanc_id: str, done: Future[None]) -> None:
        with self._lock:
            self._waiting -= 1
            if done.exception() is None:
                self._written[orthanc_id] = None
                if len(self._written) > _REMEMBERED_STORES:
                    self._written.popitem(last=False)

    def take(self, orthanc_id: str) -> bool:
        with self._lock:
            return self._written.pop(orthanc_id, self) is None

    def is_newer(self, orthanc_id: str, moment: int) -> bool:
        with self._lock:
            return self._stores.get(orthanc_id, 0) > moment

    @property
    def is_receiving(self) -> bool:
        return self._waiting > 0 or time.monotonic() - self._last < _QUIET_SECONDS
