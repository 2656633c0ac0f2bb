"""The cursor over the change log."""

import sqlite3
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from longitudinal.geometry.image_plane import PLANE
from longitudinal.ingest import changes as module
from longitudinal.sidecar.tables.facts import CURSOR, read_fact
from tests import builders as build


def slices(count: int, **more: Any) -> list[Dataset]:
    return [build.classic((0, 0, 2.0 * number), **more) for number in range(count)]


def kept_cursor(house: Any) -> int:
    return int(read_fact(house.readers.connection(), CURSOR))


def test_a_new_sidecar_begins_at_the_end(house: Any) -> None:
    house.archive.store(slices(3))
    changes = house.changes()
    changes.begin()
    assert (changes.cursor, house.archive.files_read) == (3, [])


def test_what_no_callback_told_of_is_read_and_the_cursor_is_kept(house: Any) -> None:
    house.changes().begin()
    lost = house.archive.store(slices(3))
    changes = house.changes()
    changes.begin()
    assert house.rows() == set(lost)
    assert kept_cursor(house) == changes.cursor == 3
    assert changes.lag == 0


def test_what_a_callback_told_of_and_the_log_has_is_read_once(house: Any) -> None:
    changes = house.changes()
    changes.begin()
    stored = house.archive.store(slices(3))
    for orthanc_id in stored:
        house.ingest.stored(orthanc_id)
    changes.follow()
    changes.follow()
    assert (house.archive.files_read, changes.cursor) == (stored, 3)


def test_a_store_that_no_line_tells_of_is_read_for_the_callback(house: Any) -> None:
    """Somebody cleared the log, or sent an object that was there already: it is read as the archive has it."""
    changes = house.changes()
    changes.begin()
    (stored,) = house.archive.store(slices(1))
    house.archive.log_begins_after = 1
    house.ingest.stored(stored)
    changes.follow()
    assert house.rows() == {stored}


def test_an_instance_that_cannot_be_read_leaves_its_series_to_the_pass(house: Any) -> None:
    ds = build.classic((0, 0, 0))
    changes = house.changes()
    changes.begin()
    house.hint(*house.archive.store([ds]))
    changes.follow()
    ds.ImagePositionPatient = [0, 0, 50]
    (again,) = house.archive.store([ds])
    house.archive.unreadable = {again}
    house.ingest.stored(again)
    changes.follow()
    house.archive.unreadable = set()
    house.reconcile()
    (planes,) = house.readers.connection().execute("SELECT planes FROM instances").fetchone()
    assert np.frombuffer(planes, PLANE)["position"][0].tolist() == [0, 0, 50]


def test_overwritten_elsewhere_is_read_again_though_known(house: Any) -> None:
    changes = house.changes()
    changes.begin()
    ds = build.classic((0, 0, 0))
    house.hint(*house.archive.store([ds]))
    changes.follow()
    house.archive.files_read.clear()
    ds.ImagePositionPatient = [0, 0, 50]
    (again,) = house.archive.store([ds])
    changes.follow()
    assert house.archive.files_read == [again]
    (planes,) = house.readers.connection().execute("SELECT planes FROM instances").fetchone()
    assert np.frombuffer(planes, PLANE)["position"][0].tolist() == [0, 0, 50]


def test_every_page_is_followed(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 4)
    monkeypatch.setattr(module, "_LOOK_BACK", 2)
    changes = house.changes()
    changes.begin()
    stored = house.archive.store(slices(11))
    changes.follow()
    assert house.rows() == set(stored)
    assert sorted(house.archive.files_read) == sorted(stored)  # each once, though lines are looked at again


def test_a_line_that_was_committed_late_is_found(house: Any) -> None:
    """Another node's transaction got number 2, and was visible only after 3."""
    changes = house.changes()
    changes.begin()
    first, late, third = house.archive.store(slices(3))
    hidden = house.archive.stored.pop(late)
    changes.follow()
    assert (changes.cursor, house.rows()) == (3, {first, third})
    house.archive.stored[late] = hidden
    changes.follow()
    assert house.rows() == {first, late, third}


def test_too_many_missing_at_a_start_are_left_to_the_reconcile_pass(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MANY", 2)
    house.changes().begin()
    house.archive.store(slices(3))
    changes = house.changes()
    changes.begin()
    assert (house.rows(), changes.cursor) == (set(), 3)


def test_a_cursor_beyond_the_end_goes_back(house: Any) -> None:
    """The index of another archive: its numbers mean nothing here."""
    house.archive.sequence = 500
    house.changes().begin()
    house.archive.sequence = 0
    house.archive.store(slices(2, StudyInstanceUID=generate_uid()))
    changes = house.changes()
    changes.begin()
    assert changes.cursor == 2
    (third,) = house.archive.store(slices(1))
    changes.follow()
    assert house.rows() == {third}


def test_the_cursor_stays_when_the_sidecar_cannot_be_written(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = house.changes()
    changes.begin()
    house.archive.store(slices(1))
    full = sqlite3.OperationalError("database or disk is full")
    monkeypatch.setattr(house.writer._instances, "put", lambda record, file: (_ for _ in ()).throw(full))
    monkeypatch.setattr("longitudinal.sidecar.writer._RETRY_SECONDS", 0.01)
    with pytest.raises(sqlite3.OperationalError):
        changes.follow()
    assert (changes.cursor, kept_cursor(house)) == (0, 0)
    monkeypatch.undo()
    changes.follow()
    assert (changes.cursor, len(house.rows())) == (1, 1)


def test_deleted_while_it_was_read_leaves_no_row(house: Any) -> None:
    changes = house.changes()
    changes.begin()
    (gone,) = house.archive.store(slices(1))
    read = house.archive.file

    def read_and_delete(orthanc_id: str) -> bytes:
        file = read(orthanc_id)
        house.archive.delete(gone)
        return file

    house.archive.file = read_and_delete
    changes.follow()
    assert (house.rows(), changes.cursor) == (set(), 1)


def test_a_store_during_the_read_wins(house: Any) -> None:
    ds = build.classic((0, 0, 0))
    changes = house.changes()
    changes.begin()
    (known,) = house.archive.store([ds])
    changes.follow()
    read = house.archive.file

    def read_and_overwrite(orthanc_id: str) -> bytes:
        file = read(orthanc_id)
        house.archive.file = read
        ds.ImagePositionPatient = [0, 0, 50]
        house.archive.store([ds])
        house.ingest.stored(known)
        changes.follow()  # it has the new one sooner than the old one is written
        return file

    house.archive.file = read_and_overwrite
    house.ingest.index(known).result()
    (planes,) = house.readers.connection().execute("SELECT planes FROM instances").fetchone()
    assert np.frombuffer(planes, PLANE)["position"][0].tolist() == [0, 0, 50]


def test_stop_ends_a_long_look_and_the_next_start_goes_on(house: Any) -> None:
    changes = house.changes()
    changes.begin()
    stored = house.archive.store(slices(4))
    read = house.archive.file

    def stop_after_two(orthanc_id: str) -> bytes:
        if len(house.archive.files_read) == 1:
            changes.stop()
        return read(orthanc_id)

    house.archive.file = stop_after_two
    with pytest.raises(module.Stopping):
        changes.follow()
    assert (len(house.archive.files_read), kept_cursor(house)) == (2, 0)
    house.archive.file = read
    house.changes().begin()
    assert house.rows() == set(stored)


def test_of_a_large_file_orthanc_reads_the_tags(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longitudinal.ingest.stored_objects._LARGE_BYTES", 100)
    changes = house.changes()
    changes.begin()
    stored = house.archive.store(slices(2))
    changes.follow()
    assert (house.rows(), house.archive.files_read) == (set(stored), [])


def last_updates(house: Any) -> list[str | None]:
    return [row[0] for row in house.readers.connection().execute("SELECT last_update FROM series")]


def test_last_update_is_noted_with_the_cursor(house: Any) -> None:
    changes = house.changes()
    changes.begin()
    house.hint(*house.archive.store(slices(3)))
    assert last_updates(house) == [None]
    changes.follow()
    assert last_updates(house) == ["3"]
    house.archive.instance_lists.clear()
    house.reconcile()
    assert len(house.archive.instance_lists) == 1, "to count"


def test_a_log_that_was_cleared_leaves_no_lag(house: Any) -> None:
    changes = house.changes()
    changes.begin()
    house.hint(*house.archive.store(slices(3)))
    house.archive.log_begins_after = 3
    assert changes.lag == 3
    changes.follow()
    assert (changes.lag, kept_cursor(house)) == (0, 3)
    house.hint(*house.archive.store(slices(1)))
    changes.follow()
    assert (changes.lag, kept_cursor(house)) == (0, 4)
