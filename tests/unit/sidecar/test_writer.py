"""The writer: in order, in batches, at once when somebody waits, and never lost by a bad neighbour."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import closing
from pathlib import Path

import pytest

from longitudinal.sidecar.writer import Command, Writer


@pytest.fixture
def commits() -> list[frozenset[tuple[int, int]]]:
    return []


@pytest.fixture
def writer(tmp_path: Path, commits: list[frozenset[tuple[int, int]]]) -> Iterator[Writer]:
    writer = Writer(tmp_path / "index.sqlite", commits.append)
    yield writer
    if writer._thread.is_alive():
        writer.stop()


def fact(name: str, value: str = "x") -> Command:
    def write(connection: sqlite3.Connection, _: object) -> list[tuple[int, int]]:
        connection.execute("INSERT INTO facts (name, value) VALUES (?, ?)", (name, value))
        return [(1, int(name))]

    return write


def facts(path: Path) -> list[str]:
    with closing(sqlite3.connect(path / "index.sqlite")) as connection:
        return sorted((row[0] for row in connection.execute("SELECT name FROM facts")), key=int)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_waits_together_is_one_transaction(writer: Writer, commits: list, tmp_path: Path) -> None:
    done = [writer.submit(fact(str(number)), is_awaited=False) for number in range(20)]
    assert writer.backlog == 20
    writer.start()
    wait(done, 5)
    assert [len(touched) for touched in commits] == [20]
    assert facts(tmp_path) == [str(number) for number in range(20)]


def test_a_stream_that_nobody_waits_for_is_written_some_at_a_time(writer: Writer, commits: list) -> None:
    writer.start()
    done = []
    for number in range(30):
        done.append(writer.submit(fact(str(number)), is_awaited=False))
        time.sleep(0.002)
    wait(done, 5)
    assert all(each.exception() is None for each in done)
    assert len(commits) <= 10


def test_what_somebody_waits_for_is_written_at_once_and_all_before_it(writer: Writer, tmp_path: Path) -> None:
    writer.start()
    writer.submit(fact("0")).result(5)
    fastest = 1.0
    for number in range(1, 20, 2):
        before = writer.submit(fact(str(number)), is_awaited=False)
        began = time.monotonic()
        writer.submit(fact(str(number + 1))).result(5)
        fastest = min(fastest, time.monotonic() - began)
        assert before.done()
    assert fastest < 0.03, "it waited for the rest of the stream"
    assert len(facts(tmp_path)) == 21


def test_a_bad_command_takes_none_of_its_neighbours_with_it(writer: Writer, tmp_path: Path) -> None:
    def bad(connection: sqlite3.Connection, _: object) -> list[tuple[int, int]]:
        connection.execute("INSERT INTO facts (name, value) VALUES ('99', 'half done')")
        raise ValueError("a bad value")

    first, wrong, last = (writer.submit(command) for command in (fact("0"), bad, fact("1")))
    writer.start()
    wait([first, wrong, last], 5)
    assert isinstance(wrong.exception(), ValueError)
    assert (first.exception(), last.exception()) == (None, None)
    assert facts(tmp_path) == ["0", "1"]


def test_stop_writes_what_is_queued(writer: Writer, tmp_path: Path) -> None:
    for number in range(500):
        writer.submit(fact(str(number)), is_awaited=False)
    writer.start()
    writer.stop()
    assert len(facts(tmp_path)) == 500


def test_an_error_of_the_disk_shows_until_the_next_commit(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(connection: sqlite3.Connection, _: object) -> list[tuple[int, int]]:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("longitudinal.sidecar.writer._RETRY_SECONDS", 0.0)
    writer.start()
    assert isinstance(writer.submit(full).exception(5), sqlite3.OperationalError)
    assert writer.last_error == "database or disk is full"
    writer.submit(fact("1")).result(5)
    until(lambda: writer.last_error is None)
