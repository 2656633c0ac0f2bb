"""A queue in a sidecar of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from longitudinal.jobs.queue import JobQueue
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.writer import Writer


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[tuple[Readers, Writer]]:
    path = tmp_path / "sidecar.sqlite"
    readers = Readers(path)
    writer = Writer(readers, lambda touched: None)
    writer.start()
    yield readers, writer
    readers.close()
    writer.stop()


@pytest.fixture
def queue(sidecar: tuple[Readers, Writer]) -> JobQueue:
    return JobQueue(*sidecar)
