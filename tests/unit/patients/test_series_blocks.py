"""A series in one piece is the same series, and goes with the first change of its rows."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from longitudinal.patients.series_planes import SeriesPlanes, read_series_planes
from longitudinal.sidecar import series_blocks
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.series_blocks import SeriesBlocks
from longitudinal.sidecar.tables.patients import read_series
from longitudinal.sidecar.tables.series_columns import columns_of_rows, read_columns
from longitudinal.sidecar.writer import Writer
from tests.unit.patients.ward import Ward, image, plane, unplaced, volume


def keys(ward: Ward) -> list[int]:
    return [row["key"] for row in read_series(ward.connection, 1)]


def blocks(ward: Ward) -> int:
    (count,) = ward.connection.execute("SELECT count(*) FROM series_blocks").fetchone()
    return int(count)


def make_blocks(ward: Ward) -> None:
    for key in keys(ward):
        ward.writer.write_block(key)


def same(one: SeriesPlanes, other: SeriesPlanes) -> bool:
    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.dtype, value.shape, value.tobytes()
        if isinstance(value, msgspec.Struct):
            return [plain(each) for each in msgspec.structs.astuple(value)]
        if dataclasses.is_dataclass(value):
            return [plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
        if isinstance(value, float):
            return repr(value)  # of a stack of one plane the gap is NaN
        return [plain(each) for each in value] if isinstance(value, tuple) else value

    return bool(plain(one) == plain(other))


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    mixed = [
        image(3, 1, 1, planes=plane(0.0) + plane(2.0), number_of_frames=2),
        image(
            3, 1, 2, planes=plane(4.0), acquisition_date_time="2003-01-01T10:00:00", time_source="acquisition"
        ),
        unplaced(3, 1, "badValue", number=3, detail="Rows is 0"),
        image(3, 1, 4, planes=plane(4.0), role="derived", image_type="DERIVED"),
    ]
    slices = volume(2)
    aliased = [
        msgspec.structs.replace(one, frame_of_reference_uid=f"1.9.{n}") for n, one in enumerate(slices)
    ]
    return Ward(tmp_path, volume(1), aliased, mixed, unplaced(4))


def test_a_block_holds_what_the_rows_hold(ward: Ward) -> None:
    connection = ward.connection
    before = {key: columns_of_rows(connection, key) for key in keys(ward)}
    make_blocks(ward)
    assert blocks(ward) == len(before) == 4
    for row in read_series(connection, 1):
        assert read_columns(connection, row["key"]) == before[row["key"]]
        from_rows = read_series_planes(row, before[row["key"]])
        assert same(read_series_planes(row, read_columns(connection, row["key"])), from_rows)


def test_files_are_kept(ward: Ward) -> None:
    ward.writer.put(image(1, 1, 1), "some-uuid")
    (key, *_) = keys(ward)
    assert read_columns(ward.connection, key).files[0] == "some-uuid"
    make_blocks(ward)
    assert read_columns(ward.connection, key).files[:2] == ("some-uuid", None)


@pytest.mark.parametrize("change", ["another", "the same again", "removed", "removed with all"])
def test_a_change_drops_the_block_of_its_series_alone(ward: Ward, change: str) -> None:
    make_blocks(ward)
    for _ in range(2):  # a block that was made again is dropped again
        if change == "another":
            ward.writer.put(image(1, 1, 77))
        elif change == "the same again":
            ward.writer.put(image(1, 1, 1, planes=plane(99.0)))
        elif change == "removed":
            ward.writer.remove("i1.1.1.5")
            ward.writer.put(image(1, 1, 5))
        else:
            for record in volume(1):
                ward.writer.remove(record.orthanc_id)
            assert blocks(ward) == 3
            ward.put(volume(1))
        assert blocks(ward) == 3
        make_blocks(ward)
        assert blocks(ward) == 4


def test_a_block_of_another_version_or_of_nothing_does_not_count(ward: Ward) -> None:
    (key, *_) = keys(ward)
    expected = columns_of_rows(ward.connection, key)
    for body in (b"", b"\x93\x00\x01\x02", b"no block"):
        ward.connection.execute("INSERT OR REPLACE INTO series_blocks VALUES (?, ?)", (key, body))
        assert read_columns(ward.connection, key) == expected


def test_a_rollback_leaves_no_block_that_is_not_dropped_later(ward: Ward) -> None:
    make_blocks(ward)
    ward.connection.execute("BEGIN")
    ward.writer.put(image(1, 1, 77))
    ward.writer.forget()
    ward.connection.execute("ROLLBACK")
    assert blocks(ward) == 4
    ward.writer.put(image(1, 1, 78))
    assert blocks(ward) == 3


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    readers = Readers(tmp_path / "other.sqlite")
    made = SeriesBlocks(readers)
    writer = Writer(readers, made.touched, made.forget)
    writer.start()
    writer.blocks = made  # type: ignore[attr-defined]
    yield writer
    writer.stop()
    readers.close()


def count(writer: Writer) -> int:
    return int(
        writer.call(
            lambda connection: connection.execute("SELECT count(*) FROM series_blocks").fetchone()[0]
        ).result()
    )


def test_series_get_their_blocks_once_they_are_quiet(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    made: SeriesBlocks = writer.blocks  # type: ignore[attr-defined]
    for record in (*volume(1), *volume(2)):
        writer.submit(lambda _, instances, record=record: [instances.put(record)]).result()  # type: ignore[misc]
    made.look(writer)
    assert count(writer) == 0
    monkeypatch.setattr(series_blocks, "_QUIET_SECONDS", 0.01)
    time.sleep(0.02)  # no event says that nothing happens
    made.look(writer)
    assert count(writer) == 2
    writer.submit(lambda _, instances: [instances.put(image(1, 1, 50))]).result()
    assert count(writer) == 1
    made.forget()  # as at a start: those without a block are looked for
    made.look(writer)
    assert count(writer) == 2
