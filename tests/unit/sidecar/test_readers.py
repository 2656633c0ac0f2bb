"""Read connections of many threads while the writer replaces the file below them."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longitudinal.errors import SidecarUnavailable
from longitudinal.reasons import FaultReason
from longitudinal.sidecar.connection import Readers, open_writer
from longitudinal.sidecar.fault import Fault

PAGES = 200


def fill(path: Path) -> None:
    connection = open_writer(path)
    connection.executemany(
        "INSERT INTO facts VALUES (?, ?)", [(str(number), "x" * 4_000) for number in range(PAGES)]
    )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


def read(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT sum(length(value)) FROM facts").fetchall()


def test_damage_of_the_file_before_says_nothing_of_the_one_that_took_its_place(tmp_path: Path) -> None:
    """A thread is still reading the old file when the writer has made a new one: that one must not be set aside as well."""
    path = tmp_path / "index.sqlite"
    fill(path)
    readers = Readers(path)
    old = readers.connection()
    old.execute("SELECT 1 FROM facts LIMIT 1").fetchall()
    damage(path)
    path.rename(tmp_path / "aside")
    fill(path)
    readers.admit()
    old.execute("PRAGMA shrink_memory")
    with pytest.raises(SidecarUnavailable):
        read(old)
    assert readers.damage is None
    read(readers.connection())
    damage(path)
    readers.connection().execute("PRAGMA shrink_memory")
    with pytest.raises(SidecarUnavailable):
        read(readers.connection())
    assert readers.damage is not None
    readers.close()


def test_many_threads_read_while_the_file_is_refused_and_admitted(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    fill(path)
    readers, ended, said = Readers(path), threading.Event(), set()

    def ask(_: int) -> int:
        answered = 0
        while not ended.is_set():
            try:
                read(readers.connection())
                answered += 1
            except SidecarUnavailable as error:
                said.add(error.detail)
        return answered

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(4)]
        for _ in range(20):
            readers.refuse(Fault(FaultReason.IO_ERROR, "refused"))
            readers.admit()
        ended.wait(0.05)
        ended.set()
        assert sum(each.result() for each in asked) > 0
    assert said <= {"refused"}
    read(readers.connection())
    assert len(readers._all) <= 5
    readers.close()
