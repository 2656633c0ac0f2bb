"""The writer: in order, in batches, at once when somebody waits, and never lost by a bad neighbour."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import closing
from pathlib import Path

import pytest

from longitudinal.errors import SidecarUnavailable
from longitudinal.reasons import FaultReason
from longitudinal.sidecar import connection, health
from longitudinal.sidecar import writer as module
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.writer import Command, Task, Writer


@pytest.fixture
def commits() -> list[frozenset[tuple[int, int]]]:
    return []


@pytest.fixture
def writer(tmp_path: Path, commits: list[frozenset[tuple[int, int]]]) -> Iterator[Writer]:
    writer = Writer(Readers(tmp_path / "index.sqlite"), commits.append)
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


@pytest.mark.parametrize(
    "error",
    [ValueError("a bad value"), RecursionError("too deep"), OSError(28, "no space left"), ConnectionError("hung up"),
     KeyError("gone"), OverflowError("too large"), MemoryError(), sqlite3.IntegrityError("no such key")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_command_that_fails_is_no_fault_of_the_file_and_nothing_is_lost(
    writer: Writer, error: Exception
) -> None:
    def bad(connection: sqlite3.Connection, _: object) -> list[tuple[int, int]]:
        raise error

    writer.start()
    writer.submit(fact("0")).result(5)
    lost = writer.health.lost
    for number in range(1, 4):
        wrong, good = writer.submit(bad), writer.submit(fact(str(number)))
        assert wrong.exception(5) is error
        assert good.exception(5) is None
    assert (writer.health.lost, writer.health.fault) == (lost, None)


def test_a_value_that_sqlite_cannot_hold_is_the_commands_own(writer: Writer) -> None:
    def bad(connection: sqlite3.Connection, _: object) -> list[tuple[int, int]]:
        connection.execute("INSERT INTO facts (name, value) VALUES (?, 1)", (10**30,))
        return []

    writer.start()
    lost = writer.health.lost
    assert isinstance(writer.submit(bad).exception(5), OverflowError)
    writer.submit(fact("1")).result(5)
    assert (writer.health.lost, writer.health.fault) == (lost, None)


def test_stop_writes_what_is_queued(writer: Writer, tmp_path: Path) -> None:
    for number in range(500):
        writer.submit(fact(str(number)), is_awaited=False)
    writer.start()
    writer.stop()
    assert len(facts(tmp_path)) == 500


def test_what_a_task_returns_is_what_its_future_carries_once_it_is_committed(
    writer: Writer, commits: list, tmp_path: Path
) -> None:
    """Also where a neighbour in the transaction fails, and each is run once more by itself."""
    runs: list[str] = []

    def task(name: str) -> Task[str]:
        def write(connection: sqlite3.Connection) -> str:
            connection.execute("INSERT INTO facts (name, value) VALUES (?, 'x')", (name,))
            runs.append(name)
            return f"{name} of run {runs.count(name)}"

        return write

    def bad(connection: sqlite3.Connection) -> int:
        raise ValueError("a bad value")

    first, wrong, last = writer.call(task("1")), writer.call(bad), writer.call(task("2"))
    writer.start()
    assert (first.result(5), last.result(5)) == ("1 of run 2", "2 of run 1")
    assert isinstance(wrong.exception(5), ValueError)
    assert facts(tmp_path) == ["1", "2"]
    assert commits == [], "no answer depends on it"


# Faults


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fractions of the seconds it takes in real life."""
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(health, "_SETTLED_SECONDS", 0.1)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 50)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.mark.usefixtures("quick")
def test_while_another_holds_a_lock_those_who_wait_are_told_and_it_passes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    readers, commits = Readers(tmp_path / "index.sqlite"), []
    writer = Writer(readers, commits.append)
    writer.start()
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for number in range(20):
        error = writer.submit(fact(str(number))).exception(5)
        assert isinstance(error, SidecarUnavailable)
        assert "locked" in error.detail
        writer.submit(fact(str(number)), is_awaited=False)
    assert writer.health.fault is not None
    assert writer.health.fault.reason == FaultReason.LOCKED
    assert (
        readers.connection().execute("SELECT count(*) FROM facts").fetchone()[0] == 0
    )  # it can still be read
    since, lost = writer.health.fault.since, writer.health.lost
    until(lambda: writer.backlog == 0)
    assert writer.health.fault.since == since
    other.execute("ROLLBACK")
    until(lambda: writer.health.fault is None)
    assert writer.health.lost == lost + 1
    writer.submit(fact("99")).result(5)
    assert [line.split(" ")[3:4] for line in said(caplog)] == [["(locked):"], ["can"]], (
        "one line, and one on recovery"
    )
    other.close()
    readers.close()
    writer.stop()


@pytest.mark.usefixtures("quick")
def test_a_disk_that_takes_one_write_and_not_the_next_is_one_fault(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    def large(connection: sqlite3.Connection, _: object) -> list[tuple[int, int]]:
        raise full

    writer.start()
    for _ in range(10):
        assert isinstance(writer.submit(large).exception(5), SidecarUnavailable)
        time.sleep(0.03)  # a small write succeeds in between
    assert writer.health.fault is not None
    assert writer.health.fault.reason == FaultReason.DISK_FULL
    until(lambda: writer.health.fault is None)
    assert len(said(caplog)) == 2


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["removed", "replaced", "wal removed", "wal cut off", "pages"])
def test_a_file_that_is_lost_in_use_is_replaced_by_a_new_one(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "index.sqlite"
    readers, opened = Readers(path), []
    writer = Writer(readers, lambda touched: None, lambda: opened.append(1))
    writer.start()
    for number in range(200):
        writer.submit(fact(str(number), "x" * 2000))
    writer.submit(fact("200")).result(5)
    lost = writer.health.lost
    if how == "removed":
        path.unlink()
    elif how == "replaced":
        (tmp_path / "copy").write_bytes(path.read_bytes())
        (tmp_path / "copy").replace(path)
    elif how == "wal removed":
        Path(f"{path}-wal").unlink()
    elif how == "wal cut off":
        Path(f"{path}-wal").write_bytes(b"")
        with pytest.raises(SidecarUnavailable):
            readers.connection().execute("SELECT sum(length(value)) FROM facts").fetchall()
    else:
        readers.connection().execute("SELECT value FROM facts").fetchall()
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (path.stat().st_size - 4096))
        with pytest.raises(SidecarUnavailable, match="malformed"):
            Readers(path).connection().execute("SELECT sum(length(value)) FROM facts").fetchall()
        readers.connection().execute("PRAGMA shrink_memory")
        with pytest.raises(SidecarUnavailable):
            readers.connection().execute("SELECT sum(length(value)) FROM facts").fetchall()
    until(lambda: writer.health.lost > lost)
    writer.submit(fact("7")).result(5)
    assert [row[0] for row in readers.connection().execute("SELECT name FROM facts")] == ["7"]
    assert len(opened) == 2
    assert writer.health.fault is None
    (line,) = said(caplog)
    assert "cannot be used" in line
    assert ("set aside" in line) == bool(list(tmp_path.glob("*.aside-*")))
    readers.close()
    writer.stop()


@pytest.mark.usefixtures("quick")
def test_without_a_file_readers_are_refused_and_stores_taken_until_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    readers = Readers(folder / "index.sqlite")
    writer = Writer(readers, lambda touched: None)
    writer.start()
    assert writer.health.fault is not None
    assert writer.health.fault.reason == FaultReason.UNWRITABLE
    with pytest.raises(SidecarUnavailable, match=str(folder)):
        readers.connection()
    assert isinstance(writer.submit(fact("1"), is_awaited=False).exception(5), SidecarUnavailable)
    folder.unlink()
    until(lambda: writer.health.fault is None)
    writer.submit(fact("2")).result(5)
    assert readers.connection().execute("SELECT count(*) FROM facts WHERE name = '2'").fetchone()[0] == 1
    readers.close()
    writer.stop()


def test_more_than_can_wait_is_given_up_and_counted(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    lost = writer.health.lost
    done = [writer.submit(fact(str(number)), is_awaited=False) for number in range(5)]
    assert [each.done() for each in done] == [False] * 3 + [True] * 2
    writer.start()
    wait(done, 5)
    until(lambda: writer.health.lost > lost)
