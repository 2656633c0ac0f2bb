"""The sidecar's file: what is kept, what is set aside, and what is left alone."""

import logging
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from longitudinal.reasons import FaultReason
from longitudinal.sidecar.fault import Faulty
from longitudinal.sidecar.file import SidecarFile
from longitudinal.sidecar.tables.facts import read_fact, write_fact
from longitudinal.sidecar.tables.migrations import MIGRATIONS

Open = Callable[[], sqlite3.Connection]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Open it as a new process would."""
    files, connections = [], []

    def open_again() -> sqlite3.Connection:
        for old in connections:
            old.close()
        for file in files:
            file.close()
        files.append(SidecarFile(path))
        connections.append(files[-1].open())
        return connections[-1]

    yield open_again
    for connection in connections:
        connection.close()
    for file in files:
        file.close()


def filled(opened: Open, value: str = "here") -> None:
    """A sidecar with something in it, closed."""
    connection = opened()
    write_fact(connection, "who", value)
    connection.close()


def crashed(opened: Open, path: Path, value: str = "here") -> dict[str, bytes]:
    """The files as they are when the process is killed: the -wal has what was written last."""
    connection = opened()
    connection.execute("BEGIN")
    write_fact(connection, "who", value)
    for number in range(500):
        write_fact(connection, f"more {number}", "x" * 100)
    connection.execute("COMMIT")
    files = {part: Path(f"{path}{part}").read_bytes() for part in ("", "-wal")}
    connection.close()
    return files


def asides(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.aside-*Z"))


def test_what_was_written_is_there_again_and_nothing_is_set_aside(
    opened: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(opened)
    for _ in range(3):
        assert read_fact(opened(), "who") == "here"
    assert asides(path) == []
    assert caplog.records == []


def test_after_a_crash_its_own_wal_is_believed(opened: Open, path: Path) -> None:
    files = crashed(opened, path)
    for part, content in files.items():
        Path(f"{path}{part}").write_bytes(content)
    assert read_fact(opened(), "who") == "here"
    assert asides(path) == []


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all " * 1000)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_in_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO _sqlite_migrations VALUES (99, 'longitudinal', 'm999_later', '')")
        connection.commit()


def newer_by_number(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")


def lacking_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE counts")


@pytest.mark.parametrize(
    "spoil", [garbage, truncated, cut_in_the_header, empty, newer, newer_by_number, lacking_a_table]
)
def test_what_cannot_be_used_is_set_aside_and_a_new_one_begins(
    opened: Open, path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    filled(opened)
    spoil(path)
    spoilt = path.read_bytes()
    assert read_fact(opened(), "who") is None
    (aside,) = asides(path)
    assert aside.read_bytes() == spoilt
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert str(path) in record.getMessage()
    assert aside.name in record.getMessage()
    assert ("newer version" in record.getMessage()) == (spoil in (newer, newer_by_number))
    assert read_fact(opened(), "who") is None
    assert len(asides(path)) == 1


def test_the_wal_of_another_file_is_not_believed(opened: Open, path: Path, tmp_path: Path) -> None:
    filled(opened, "mine")
    other = tmp_path / "other" / "index.sqlite"
    file = SidecarFile(other)
    connection = file.open()
    connection.execute("BEGIN")
    file.mark(connection)
    write_fact(connection, "who", "somebody else's")
    connection.execute("COMMIT")
    shutil.copy(f"{other}-wal", f"{path}-wal")
    connection.close()
    file.close()
    assert read_fact(opened(), "who") is None
    assert len(asides(path)) == 1
    assert len(list(tmp_path.glob("*.aside-*-wal"))) == 1


def test_pages_that_do_not_fit_together_after_a_crash_are_found(opened: Open, path: Path) -> None:
    """The database of an hour ago with the -wal of now, as a careless restore leaves them."""
    filled(opened)
    an_hour_ago = path.read_bytes()
    files = crashed(opened, path)
    wal = files["-wal"]
    path.write_bytes(an_hour_ago)
    frame = 24 + 4096
    Path(f"{path}-wal").write_bytes(wal[: 32 + frame * ((len(wal) - 32) // frame // 2)])
    connection = opened()
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_only_the_newest_are_kept(opened: Open, path: Path) -> None:
    for number in range(6):
        filled(opened, str(number))
        path.write_bytes(f"spoilt {number}".encode())
        opened()
    assert [aside.read_bytes() for aside in asides(path)] == [b"spoilt 3", b"spoilt 4", b"spoilt 5"]


def test_a_database_of_something_else_is_left_alone(opened: Open, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE patients (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(Faulty) as raised:
        opened()
    assert raised.value.fault.reason == FaultReason.NOT_A_SIDECAR
    assert str(path) in raised.value.fault.detail
    assert path.read_bytes() == before
    assert asides(path) == []


def test_every_older_schema_is_migrated(opened: Open, path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as memory:
        steps = [step.name for step in MIGRATIONS.pending(Database(memory))]
    assert len(steps) > 3
    for stop in steps[1:]:
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as old:
            MIGRATIONS.apply(Database(old), stop_before=stop)
            write_fact(old, "who", stop)
        assert read_fact(opened(), "who") == stop
    assert asides(path) == []


def test_a_file_that_is_as_it_was_is_opened_without_sqlite_utils(opened: Open, path: Path) -> None:
    filled(opened)
    shutil.copytree(path.parent, path.parent / "copy")
    script = (
        "import sys; from pathlib import Path; from longitudinal.sidecar.file import SidecarFile\n"
        "SidecarFile(Path(sys.argv[1])).open(); print('sqlite_utils' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path.parent / "copy" / path.name],
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "plugin")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\n"


@pytest.mark.parametrize("obstacle", ["a folder", "a file in the way"])
def test_where_it_cannot_be_made_is_said(path: Path, obstacle: str) -> None:
    place = path if obstacle == "a folder" else path / "index.sqlite"
    if obstacle == "a folder":
        path.mkdir()
    else:
        path.write_text("")
    with pytest.raises(Faulty) as raised:
        SidecarFile(place).open()
    assert raised.value.fault.reason == FaultReason.UNWRITABLE
    assert str(place) in raised.value.fault.detail


def test_it_is_noticed_when_it_is_moved(opened: Open, path: Path) -> None:
    file = SidecarFile(path)
    connection = file.open()
    assert file.is_in_place()
    path.rename(path.with_suffix(".elsewhere"))
    assert not file.is_in_place()
    connection.close()
    file.close()


def test_each_reason_is_explained_here_and_in_the_docs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reason-codes.md").read_text(encoding="utf-8")
    part = page.split("## The index file", 1)[1].split("\n## ", 1)[0]
    for reason in FaultReason:
        assert reason.explanation
        assert f"| `{reason}` |" in part
