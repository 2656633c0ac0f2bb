"""A sidecar in a temporary folder that follows a fake archive."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.changes import Changes
from longitudinal.ingest.inventory import ArchivedStudy
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.reconcile import Reconcile
from longitudinal.ingest.stored_objects import StoredObjects
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.facts import read_counts
from longitudinal.sidecar.writer import Writer
from tests.exam_documents import exam_documents
from tests.fake_archive import FakeArchive


@dataclass
class House:
    """The archive and what follows it; `queued` are the studies a reconcile pass found incomplete."""

    archive: FakeArchive
    readers: Readers
    writer: Writer
    ingest: Ingest
    queued: list[str]

    def changes(self) -> Changes:
        """A cursor as after a start."""
        return Changes(self.archive, self.readers, self.writer, self.ingest)

    def reconcile(self) -> None:
        """A whole pass."""
        annotations = Annotations(self.writer, self.archive, exam_documents(self.readers.path))
        for _ in Reconcile(self.archive, self.readers, self.ingest, self._queue, annotations.refresh).steps():
            pass
        self.ingest.settle()

    def _queue(self, studies: list[ArchivedStudy]) -> None:
        self.queued += [study.orthanc_id for study in studies]

    def hint(self, *orthanc_ids: str) -> None:
        """Tell of stores as the callback does, and read them as who follows the log does; `files_read` begins anew."""
        for orthanc_id in orthanc_ids:
            self.ingest.stored(orthanc_id)
        for _ in self.ingest.index_all(self.ingest.take_hints()):
            pass
        self.ingest.settle()
        self.archive.files_read.clear()

    def rows(self, table: str = "instances") -> set[str]:
        """The Orthanc ids in a table."""
        return {row[0] for row in self.readers.connection().execute(f"SELECT orthanc_id FROM {table}")}

    def counts(self) -> dict[str, int]:
        return read_counts(self.readers.connection())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    path = tmp_path / "sidecar.sqlite"
    readers, archive = Readers(path), FakeArchive()
    writer = Writer(readers, lambda touched: None)
    writer.start()
    yield House(archive, readers, writer, Ingest(writer, archive, StoredObjects(archive, archive)), [])
    readers.close()
    writer.stop()
