"""Writes stored objects to the sidecar, and removes deleted ones."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial

from longitudinal.archive import Archive
from longitudinal.errors import SidecarUnavailable
from longitudinal.ingest.annotations import with_current_notes
from longitudinal.ingest.inventory import ArchivedStudy
from longitudinal.ingest.recent_stores import RecentStores
from longitudinal.ingest.stored_objects import ObjectReader, StoredObject
from longitudinal.sidecar.tables.arrivals import joined_by, note_studies
from longitudinal.sidecar.tables.instances import InstanceWriter, Touched
from longitudinal.sidecar.tables.patients import instances_under, parents_of_instance
from longitudinal.sidecar.tables.studies import (
    announce_study,
    empty_studies,
    remove_if_empty,
    write_attempts,
    write_last_updates,
)
from longitudinal.sidecar.writer import Writer

# Written in one piece: to queue each instance, and to tell that it is written, takes as long as to write it.
_TOGETHER = 50
# Large objects are not held back for others.
_TOGETHER_SECONDS = 0.05
# After so many the writer does not wait for more.
_HURRY = 200


_Write = Callable[[Sequence[StoredObject], bool], Future[None]]


class _Together:
    """Instances that are written in one piece, as soon as there are enough or somebody waits."""

    def __init__(self, write: _Write) -> None:
        self._write = write
        self._until = time.monotonic() + _TOGETHER_SECONDS
        self._done: Future[None] | None = None
        self.objects: list[StoredObject] = []

    @property
    def is_enough(self) -> bool:
        """Whether no more are to be added."""
        if not self.objects:
            return False
        return len(self.objects) >= _TOGETHER or self._done is not None or time.monotonic() >= self._until

    def queue(self, *, is_awaited: bool) -> Future[None]:
        """Queue them once."""
        if self._done is None:
            self._done = self._write(self.objects, is_awaited)
        return self._done


class Written:
    """An instance that is written with others; for the thread that has read it."""

    __slots__ = ("_found", "_together", "_write")

    def __init__(self, found: StoredObject, together: _Together, write: _Write) -> None:
        self._found = found
        self._together = together
        self._write = write

    def queue(self) -> None:
        """Have it written now, with those that were read before."""
        self._together.queue(is_awaited=False)

    def result(self) -> None:
        """Wait until it is in the sidecar; raises what prevents that."""
        try:
            self._together.queue(is_awaited=True).result()
        except SidecarUnavailable:
            raise
        except Exception:  # of one of them: now each is written by itself
            self._write([self._found], True).result()


class Ingest:
    """Follows what is stored in and deleted from the archive.

    Parameters
    ----------
    writer
        Where changes of the sidecar are queued.
    archive
        Asked before a delete is applied, since a later store may have overtaken it.
    reader
        Reads stored objects into records.
    hurry
        Called after each store callback; must not block.
    counted
        Called with how many more instances callbacks reported.
    """

    def __init__(
        self,
        writer: Writer,
        archive: Archive,
        reader: ObjectReader,
        hurry: Callable[[], object] = lambda: None,
        counted: Callable[[int], object] = lambda stores: None,
    ) -> None:
        self._writer = writer
        self._archive = archive
        self._reader = reader
        self._hurry = hurry
        self._recent = RecentStores(counted)

    # The hints

    def stored(self, orthanc_id: str) -> None:
        """A callback reports a store. It only speeds things up: the instance is read by the thread that follows the log."""
        self._recent.tell(orthanc_id)
        self._hurry()

    def take_hints(self) -> list[str]:
        """The instances that callbacks reported since the last call."""
        return self._recent.take_hints()

    def found(self, orthanc_ids: Iterable[str]) -> None:
        """The change log lists instances as stored; what was read of them before is out of date."""
        self._recent.find(orthanc_ids)

    def deleted(self, level: str, orthanc_id: str) -> Future[None]:
        """A resource of `level` ("patients", "studies", "series", "instances") was reported as deleted.

        The future is done when the sidecar is up to date.
        """
        return self._writer.submit(
            lambda connection, instances: self._remove(connection, instances, level, orthanc_id)
        )

    def vanished(self, orthanc_id: str) -> Future[None]:
        """An instance is gone without a callback: another node deleted it, and perhaps its whole study.

        The future is done when the sidecar is up to date.
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
        """Deleting a study deletes its registration objects, one of which may have joined other studies."""
        for instance in gone:
            joined = joined_by(connection, instance)
            if joined is not None and not self._archive.has("studies", joined[0]):
                note_studies(connection, dict.fromkeys(joined[1], time.time()))

    @property
    def is_receiving(self) -> bool:
        """Whether instances are being stored at present."""
        return self._recent.is_receiving

    def has_told(self, orthanc_id: str) -> bool:
        """Whether a callback reported this instance since the start (lately, if there were many) and it could be read."""
        return self._recent.has_told(orthanc_id)

    # The truth

    def has(self, orthanc_id: str) -> bool:
        """Whether the archive has an instance at present."""
        return self._archive.has_instance(orthanc_id)

    def index(self, orthanc_id: str) -> Written | None:
        """Read an instance from the archive and queue it; None when it is gone or cannot be read.

        The result is done when the sidecar has it.
        """
        ((_, done),) = self.index_all([orthanc_id], is_awaited=True)
        return done

    def index_all(
        self, orthanc_ids: Sequence[str], *, is_awaited: bool = False
    ) -> Iterator[tuple[str, Written | None]]:
        """Read instances as the result is consumed, or some ahead of it; as `index`, but written a moment later."""
        write = partial(self._put, self._recent.moment)
        together, unhurried = _Together(write), 0
        try:
            for orthanc_id, found in zip(orthanc_ids, self._reader.read(orthanc_ids), strict=True):
                if together.is_enough:
                    unhurried += len(together.objects)
                    is_much = unhurried >= _HURRY
                    together.queue(is_awaited=is_awaited or is_much)
                    together, unhurried = _Together(write), 0 if is_much else unhurried
                if found is None:
                    self._recent.forget(orthanc_id)
                    yield orthanc_id, None
                else:
                    together.objects.append(found)
                    yield orthanc_id, Written(found, together, write)
        finally:  # also of what was read before something failed, or nobody wanted more
            if together.objects:
                together.queue(is_awaited=is_awaited)

    def _put(self, moment: int, objects: Sequence[StoredObject], is_awaited: bool) -> Future[None]:
        """Write what was read at a moment, unless something newer was stored."""
        is_stored_since, has_file = self._recent.is_stored_since, self._archive.has_file

        def put(_: sqlite3.Connection, instances: InstanceWriter) -> Iterable[Touched]:
            return {
                # A review may have been written since, and a rejected transform must stay rejected.
                instances.put(with_current_notes(found.record, self._archive), found.file.name)
                for found in objects
                # An instance that was stored since is read once more.
                if not is_stored_since(found.record.orthanc_id, moment)
                and has_file(found.record.orthanc_id, found.file)
            }

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
        """All that was stored in a series until its LastUpdate is indexed; None if that is no longer known."""
        return self._writer.call(lambda connection: write_last_updates(connection, {series: last_update}))

    def settle(self) -> None:
        """Wait until everything queued before this call is in the sidecar."""
        self._writer.call(lambda connection: None).result()
