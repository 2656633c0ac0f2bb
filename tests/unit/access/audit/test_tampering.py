"""Every kind of tampering with the files is found, and what a kill leaves is none."""

import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from longitudinal.access.audit.chain import Head, Line, chain_key, read_head, read_line
from longitudinal.access.audit.events import Event, EventKind
from longitudinal.access.audit.trail import HEAD, Rotation, Trail, trail_files
from longitudinal.access.audit.verification import Report, verify
from longitudinal.transforms.signature import Key

KEY = chain_key(Key(b"k" * 32))
SMALL = Rotation(4_000)


def event(number: int) -> Event:
    return Event(kind=EventKind.READ, time="2026-11-28T20:00:00.000Z", actor="ann", patient_id=f"P{number}")


def begun(folder: Path, rotation: Rotation = SMALL) -> Trail:
    return Trail(folder, [KEY], rotation)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some files with 60 events, written in turns."""
    trail = begun(tmp_path_factory.mktemp("written") / "audit")
    for number in range(0, 60, 3):
        trail.append([event(number), event(number + 1), event(number + 2)])
    trail.close()
    assert len(trail_files(trail.folder)) >= 3
    return trail.folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of them."""
    shutil.copytree(written, tmp_path / "audit")
    return tmp_path / "audit"


def look(folder: Path, *elsewhere: Head) -> Report:
    return verify(folder, {KEY.id: KEY}, elsewhere)


def lines_in(texts: list[bytes]) -> list[Line]:
    return [line for text in texts if (line := read_line(text)) is not None]


def said(report: Report) -> str:
    return "\n".join(map(str, report.findings))


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_what_was_written_is_intact(folder: Path) -> None:
    report = look(folder)
    assert (said(report), report.notes) == ("", [])
    assert report.events == 60 + 1 + len(trail_files(folder))  # "started", and the first line of each file
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"P22"', b'"P99"'))


def changed_seal(path: Path) -> None:
    lines = lines_of(path)
    lines[3] = lines[3][:-10] + b"0000000" + lines[3][-3:]
    path.write_bytes(b"".join(lines))


def changed_time(path: Path) -> None:
    lines = lines_of(path)
    lines[4] = lines[4].replace(b"20:00:00", b"21:00:00")
    path.write_bytes(b"".join(lines))


def removed(path: Path) -> None:
    lines = lines_of(path)
    del lines[5]
    path.write_bytes(b"".join(lines))


def removed_several(path: Path) -> None:
    lines = lines_of(path)
    del lines[2:6]
    path.write_bytes(b"".join(lines))


def reordered(path: Path) -> None:
    lines = lines_of(path)
    lines[4], lines[6] = lines[6], lines[4]
    path.write_bytes(b"".join(lines))


def repeated(path: Path) -> None:
    lines = lines_of(path)
    lines.insert(7, lines[3])
    path.write_bytes(b"".join(lines))


def forged(path: Path) -> None:
    lines = lines_of(path)
    made = json.loads(lines[4])
    lines.insert(5, json.dumps(made | {"actor": "eve"}, separators=(",", ":")).encode() + b"\n")
    path.write_bytes(b"".join(lines))


def nonsense(path: Path) -> None:
    lines = lines_of(path)
    lines.insert(5, b"nothing of the audit\n")
    path.write_bytes(b"".join(lines))


def blanked(path: Path) -> None:
    lines = lines_of(path)
    lines[5] = b" " * (len(lines[5]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))


def gone(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (changed, "was changed"), (changed_seal, "was changed"), (changed_time, "was changed"), (removed, "missing before"),
        (removed_several, "are missing before"), (reordered, "was moved"), (repeated, "was added"), (forged, "was added"),
        (nonsense, "not a line"), (blanked, "missing before"), (gone, "missing before"), (emptied, "missing before"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)  # fmt: skip
def test_tampering_in_the_middle_is_found(folder: Path, tamper: Callable[[Path], None], words: str) -> None:
    middle = next(path for path in trail_files(folder) if b'"P22"' in path.read_bytes())
    tamper(middle)
    report = look(folder)
    assert words in said(report)
    assert len(report.findings) <= 4, said(report)  # what is beside it is not blamed


@pytest.mark.parametrize(
    ("tamper", "line"), [(changed_time, 5), (changed_seal, 4), (removed, 6), (repeated, 8), (forged, 6)]
)
def test_the_line_is_named(folder: Path, tamper: Callable[[Path], None], line: int) -> None:
    middle = trail_files(folder)[1]
    tamper(middle)
    assert [(one.file, one.line) for one in look(folder).findings][:1] == [(middle.name, line)]


def test_lines_swapped_between_files_are_found(folder: Path) -> None:
    first, second = trail_files(folder)[:2]
    ours, theirs = lines_of(first), lines_of(second)
    ours[3], theirs[3] = theirs[3], ours[3]
    first.write_bytes(b"".join(ours))
    second.write_bytes(b"".join(theirs))
    assert "was moved" in said(look(folder))


def test_files_that_changed_names_are_found(folder: Path) -> None:
    first, second = trail_files(folder)[:2]
    ours, theirs = first.read_bytes(), second.read_bytes()
    first.write_bytes(theirs)
    second.write_bytes(ours)
    assert "the file was renamed" in said(look(folder))


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_cut_end_is_found(folder: Path, cut: int) -> None:
    last = trail_files(folder)[-1]
    if cut == 40:
        last.unlink()
    else:
        last.write_bytes(b"".join(lines_of(last)[:-cut]))
    assert "the end was cut off" in said(look(folder))


def test_an_end_cut_in_the_middle_of_a_line_is_found(folder: Path) -> None:
    last = trail_files(folder)[-1]
    os.truncate(last, last.stat().st_size - 20)
    assert "the end was cut off" in said(look(folder))


def test_a_cut_end_stays_found_after_the_next_start(folder: Path) -> None:
    last = trail_files(folder)[-1]
    last.write_bytes(b"".join(lines_of(last)[:-1]))
    trail = begun(folder)
    trail.append([event(100)])
    trail.close()
    report = look(folder)
    assert "missing before it" in said(report)
    assert "the end was cut off" in "\n".join(map(str, report.notes))


def test_a_removed_beginning_and_a_removed_head_are_found(folder: Path) -> None:
    trail_files(folder)[0].unlink()
    (folder / HEAD).unlink()
    assert "missing before it" in said(look(folder))
    assert "head.json: is gone" in said(look(folder))


def test_an_older_head_with_its_end_is_found_by_what_a_syslog_kept(folder: Path) -> None:
    """The one thing that files alone cannot show."""
    trail = begun(folder)
    trail.append([])
    trail.close()
    older = folder.with_name("older")
    shutil.copytree(folder, older)
    trail = begun(folder)
    trail.append([event(100)])
    kept = trail.head()
    trail.close()
    assert look(folder, kept).is_intact
    assert look(older).is_intact
    assert "told by a syslog" in said(look(older, kept))


def test_a_head_that_was_written_by_somebody_else_is_found(folder: Path) -> None:
    head = read_head((folder / HEAD).read_bytes())
    assert head is not None
    (folder / HEAD).write_text(json.dumps({"n": head.n - 3, "mac": head.mac, "file": head.file, "time": head.time,
                                           "key": head.key, "signature": head.signature}))  # fmt: skip
    assert "head.json: was changed" in said(look(folder))


def test_another_key_finds_everything_wrong(folder: Path) -> None:
    other = chain_key(Key(b"o" * 32))
    assert "is not in the key file" in said(verify(folder, {other.id: other}))


@pytest.mark.parametrize("kept", range(1, 200, 13))
def test_half_a_line_that_a_kill_left_is_no_tampering(folder: Path, kept: int) -> None:
    """The bytes of one more event, cut anywhere: the chain goes on, and says so."""
    ahead = folder.with_name("ahead")
    shutil.copytree(folder, ahead)
    trail = begun(ahead)
    trail.append([event(100)])
    trail.close()
    last = trail_files(folder)[-1]
    more = (ahead / last.name).read_bytes()[last.stat().st_size :]
    assert more, "it went on in the same file"
    with last.open("ab") as file:
        file.write(more[:kept])
    assert look(folder).is_intact
    trail = begun(folder)
    trail.append([event(101)])
    trail.close()
    report = look(folder)
    assert said(report) == ""
    assert any("left by a kill" in note.what for note in report.notes)


def test_a_kill_twice_in_a_row_is_no_tampering(folder: Path) -> None:
    for _ in range(2):
        last = trail_files(folder)[-1]
        with last.open("ab") as file:
            file.write(b'\n{"n":99,"key"' if _ else b'{"n":98,"ke')
    trail = begun(folder)
    trail.append([])
    trail.close()
    assert said(look(folder)) == ""


def test_what_is_removed_for_its_age_is_no_tampering(folder: Path) -> None:
    for path in trail_files(folder)[:2]:
        path.rename(path.with_name(path.name.replace(path.name[6:16], "2020-01-01")))
    trail = begun(folder, Rotation(1, days=30))
    trail.append([event(100)])
    trail.append([event(101)])
    trail.close()
    assert not any("2020" in path.name for path in trail_files(folder))
    assert said(look(folder)) == ""
    trail_files(folder)[0].unlink()
    assert "missing before it" in said(look(folder))


def test_files_that_are_touched_while_they_are_written_are_noticed(tmp_path: Path) -> None:
    trail = begun(tmp_path / "audit", Rotation(10**6))
    trail.append([event(1), event(2)])
    (only,) = trail_files(trail.folder)
    os.truncate(only, only.stat().st_size - 30)
    lines = lines_in(trail.append([event(3)]))
    assert "lost 30 bytes" in next(line.detail for line in lines if line.action == "damage")
    trail_files(trail.folder)[-1].unlink()
    lines = lines_in(trail.append([event(4)]))
    assert "is gone" in next(line.detail for line in lines if line.action == "damage")
    assert "missing before it" in said(look(trail.folder))
    trail.close()


def test_without_its_folder_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    trail = begun(tmp_path / "audit")
    trail.append([event(1)])
    trail.folder.rename(tmp_path / "moved")
    with pytest.raises(OSError, match="audit"):
        trail.append([event(2)])
    assert not trail.folder.exists()
    (tmp_path / "moved").rename(trail.folder)
    trail.append([event(2)])
    trail.close()
    assert look(trail.folder).is_intact


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    trail, other = begun(tmp_path / "audit"), begun(tmp_path / "audit")
    trail.append([event(1)])
    with pytest.raises(OSError, match="another process"):
        other.append([event(2)])
    trail.close()
    other.append([event(2)])
    other.close()
    assert look(tmp_path / "audit").is_intact


def test_a_new_key_goes_on_with_the_chain_of_the_old_one(folder: Path) -> None:
    newer = chain_key(Key(b"n" * 32))
    trail = Trail(folder, [newer, KEY], SMALL)
    lines = lines_in(trail.append([event(100)]))
    trail.close()
    assert not any(line.action == "damage" for line in lines)
    assert verify(folder, {newer.id: newer, KEY.id: KEY}).is_intact


@pytest.mark.parametrize("room", [0, 1, 100, 700])
def test_a_disk_that_is_full_within_a_line_loses_and_repeats_nothing(tmp_path: Path, room: int) -> None:
    """The operating system takes `room` bytes and no more, as a full disk does."""
    trail = begun(tmp_path / "audit", Rotation(10**6))
    trail.append([event(1)])
    (only,) = trail_files(trail.folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (only.stat().st_size + room, hard))
    try:
        for _ in range(2):
            with pytest.raises(OSError, match="too large"):
                trail.append([event(number) for number in range(2, 12)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    trail.append([event(number) for number in range(2, 12)])
    trail.close()
    report = look(trail.folder)
    assert (said(report), report.notes) == ("", [])
    assert only.read_bytes().count(b'"patientId"') == 11


@pytest.mark.parametrize("room", [0, 1, 100, 700])
def test_the_same_where_not_even_the_rest_can_be_taken_back(
    tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int, size: int) -> None:
        raise OSError(5, "Input/output error")

    trail = begun(tmp_path / "audit", Rotation(10**6))
    trail.append([event(1)])
    (only,) = trail_files(trail.folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (only.stat().st_size + room, hard))
    monkeypatch.setattr(os, "ftruncate", broken)
    try:
        with pytest.raises(OSError, match="too large"):
            trail.append([event(number) for number in range(2, 12)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.undo()
    trail.append([event(number) for number in range(2, 12)])
    trail.close()
    assert said(look(trail.folder)) == ""
    kept = [line.patient_id for line in lines_in(only.read_bytes().split(b"\n")) if line.patient_id]
    assert kept == [f"P{number}" for number in range(1, 12)]
