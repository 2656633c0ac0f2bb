"""Statements about registration objects, failed alignments and exams: from the archive's metadata into the sidecar."""

import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from msgspec.structs import replace

from longitudinal.archive import Archive
from longitudinal.exams.documents import ExamDocuments
from longitudinal.sidecar.tables.exams import digest_read, is_patient, replace_declarations, replace_links
from longitudinal.sidecar.tables.instances import InstanceWriter, Touched
from longitudinal.sidecar.tables.records import InstanceRecord, Notes
from longitudinal.sidecar.tables.studies import known_studies, write_attempts
from longitudinal.sidecar.tables.transforms import has_transforms, write_notes
from longitudinal.sidecar.writer import Writer
from longitudinal.transforms.annotation import read_statement


def with_current_notes(record: InstanceRecord, archive: Archive) -> InstanceRecord:
    """The record with the present statements about its transforms."""
    if not record.transforms:
        return record
    notes = read_statement(archive.annotation(record.orthanc_id), archive.errors_at_place(record.orthanc_id))
    return replace(
        record,
        transforms=tuple(replace(item, notes=notes.get(item.item, Notes())) for item in record.transforms),
    )


class Annotations:
    """Follows the metadata of registration objects and of studies.

    The archive is read on the writer's thread, so that the later of two changes is the one that stays.

    Parameters
    ----------
    documents
        Tells which documents of exams count.

    Attributes
    ----------
    listeners
        Called with each resource whose metadata changed, of whatever level; they must not raise.
    """

    def __init__(self, writer: Writer, archive: Archive, documents: ExamDocuments) -> None:
        self._writer = writer
        self._archive = archive
        self.listeners: list[Callable[[str], object]] = []
        self._documents = documents

    def refresh(self, orthanc_id: str) -> Future[None]:
        """The metadata of an instance, a study or a patient has changed; the future is done when the sidecar has it.

        Most instances are not registration objects: for those it costs two queries of the sidecar.
        """

        for listener in self.listeners:
            listener(orthanc_id)

        def write(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
            if known_studies(connection, [orthanc_id]):
                self._read_exams(connection, "studies", orthanc_id)
                return write_attempts(connection, orthanc_id, self._archive.attempts(orthanc_id))
            if not has_transforms(connection, orthanc_id):
                if is_patient(connection, orthanc_id):
                    self._read_exams(connection, "patients", orthanc_id)
                return []
            notes = read_statement(
                self._archive.annotation(orthanc_id), self._archive.errors_at_place(orthanc_id)
            )
            return write_notes(connection, orthanc_id, notes)

        return self._writer.submit(write)

    def _read_exams(self, connection: sqlite3.Connection, level: str, orthanc_id: str) -> None:
        text = self._archive.exams(level, orthanc_id)
        digest = self._documents.digest(text)
        if digest == digest_read(connection, orthanc_id):
            return
        document = self._documents.read(level, orthanc_id, text)
        if level == "studies":
            replace_links(connection, orthanc_id, digest, document.links)
        else:
            replace_declarations(connection, orthanc_id, digest, document.declarations)
