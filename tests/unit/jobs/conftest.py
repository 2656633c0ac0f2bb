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
    writer = Writer(path, lambda touched: None)
    readers = Readers(path)
    writer.start()
    yield readers, writer
    writer.stop()
    readers.close()


@pytest.fixture
def queue(sidecar: tuple[Readers, Writer]) -> JobQueue:
    return JobQueue(*sidecar)
