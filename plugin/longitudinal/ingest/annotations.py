"""Statements about registration objects, and failed alignments: from the archive's metadata into the sidecar."""

import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from longitudinal.archive import Archive
from longitudinal.sidecar.tables.instances import InstanceWriter, Touched
from longitudinal.sidecar.tables.studies import known_studies, write_attempts
from longitudinal.sidecar.tables.transforms import has_transforms, write_notes
from longitudinal.sidecar.writer import Writer
from longitudinal.transforms.annotation import read_statement


class Annotations:
    """Follows the metadata of registration objects and of studies.

    The archive is read on the writer's thread, so that the later of two changes is the one that stays.

    Attributes
    ----------
    listeners
        Called with each resource whose metadata changed, of whatever level; they must not raise.
    """

    def __init__(self, writer: Writer, archive: Archive) -> None:
        self._writer = writer
        self._archive = archive
        self.listeners: list[Callable[[str], object]] = []

    def refresh(self, orthanc_id: str) -> Future[None]:
        """The metadata of an instance or a study has changed; the future is done when the sidecar has it.

        Most instances are not registration objects: for those it costs two queries of the sidecar.
        """

        for listener in self.listeners:
            listener(orthanc_id)

        def write(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
            if known_studies(connection, [orthanc_id]):
                return write_attempts(connection, orthanc_id, self._archive.attempts(orthanc_id))
            if not has_transforms(connection, orthanc_id):
                return []
            notes = read_statement(
                self._archive.annotation(orthanc_id), self._archive.errors_at_place(orthanc_id)
            )
            return write_notes(connection, orthanc_id, notes)

        return self._writer.submit(write)
