"""The instances of a series as columns, and all of them as one block: what the first question of a patient reads.

Thirty thousand rows take 80 ms to be read, and as long to be taken apart; a hundred blocks a few. Rows remain what is
written and looked up. A block follows from the rows of its series: it is dropped with any change of them, and made again
when nothing has changed for a while (`sidecar.series_blocks`). A series without one is read from its rows.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, TypeVar
from zlib import compress, decompress, error

import msgspec
import numpy as np

from longitudinal.geometry.image_plane import PLANE
from longitudinal.geometry.packed_stacks import pack_stacks
from longitudinal.geometry.stack import split_into_stacks

T = TypeVar("T")

_VERSION = 2
"""Of the fields below, and of how planes are split into stacks: a block of another one does not count."""
_FASTEST = 1


class SeriesColumns(msgspec.Struct, frozen=True, array_like=True):
    """The instances of a series in the order of InstanceNumber, each field with one element for each.

    Attributes
    ----------
    plane_bytes
        Length of the part of each instance in `planes`.
    planes
        Packed `PLANE`s of all of them.
    stacks
        All planes split into stacks, packed (`pack_stacks`): those of the series if its planes have one frame and role.
    files
        Names under which the archive stored them, None where it was not known.
    """

    orthanc_ids: tuple[str, ...]
    sop_instance_uids: tuple[str, ...]
    files: tuple[str | None, ...]
    frame_uids: tuple[str | None, ...]
    roles: tuple[str | None, ...]
    image_types: tuple[str, ...]
    reasons: tuple[str | None, ...]
    details: tuple[str, ...]
    times: tuple[str | None, ...]
    time_sources: tuple[str | None, ...]
    frame_counts: tuple[int, ...]
    plane_bytes: tuple[int, ...]
    planes: bytes
    stacks: bytes


class _Block(msgspec.Struct, frozen=True, array_like=True):
    """Columns as they are stored: one element for all where all are alike, planes and stacks deflated."""

    version: int
    count: int
    columns: SeriesColumns


_NAMES = SeriesColumns.__struct_fields__[:-2]
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Block)

_ROWS = """SELECT i.orthanc_id, i.sop_instance_uid, i.file, f.uid, i.role, coalesce(i.image_type, ''), i.reason,
    coalesce(i.detail, ''), i.acquisition_date_time, i.time_source, coalesce(nullif(i.number_of_frames, 0), 1),
    length(coalesce(i.planes, x'')), coalesce(i.planes, x'')
    FROM instances i LEFT JOIN frames f ON f.key = i.frame_key WHERE i.series_key = ? ORDER BY i.instance_number, i.key"""


def read_columns(connection: sqlite3.Connection, series_key: int) -> SeriesColumns:
    """The instances of a series, from its block if it has one. Raises sqlite3.Error."""
    row = connection.execute("SELECT body FROM series_blocks WHERE series_key = ?", (series_key,)).fetchone()
    found = None if row is None else _columns_of(row[0])
    return columns_of_rows(connection, series_key) if found is None else found


def columns_of_rows(connection: sqlite3.Connection, series_key: int) -> SeriesColumns:
    """The instances of a series, from their rows. Raises sqlite3.Error."""
    rows = [tuple(row) for row in connection.execute(_ROWS, (series_key,))]
    *columns, planes = zip(*rows, strict=True) if rows else ((),) * (len(_NAMES) + 1)
    fields: dict[str, Any] = dict(zip(_NAMES, columns, strict=True))
    joined = b"".join(planes)
    return SeriesColumns(
        **fields, planes=joined, stacks=pack_stacks(split_into_stacks(np.frombuffer(joined, PLANE)))
    )


def write_block(connection: sqlite3.Connection, series_key: int) -> None:
    """Make the block of a series. Runs on the writer's connection only."""
    columns = columns_of_rows(connection, series_key)
    if not columns.orthanc_ids:
        return
    fields: dict[str, Any] = {name: _alike(getattr(columns, name)) for name in _NAMES}
    packed = SeriesColumns(
        **fields, planes=compress(columns.planes, _FASTEST), stacks=compress(columns.stacks, _FASTEST)
    )
    body = _ENCODER.encode(_Block(_VERSION, len(columns.orthanc_ids), packed))
    connection.execute(
        "INSERT OR REPLACE INTO series_blocks (series_key, body) VALUES (?, ?)", (series_key, body)
    )


def drop_block(connection: sqlite3.Connection, series_key: int) -> None:
    """The instances of a series change. Runs on the writer's connection only."""
    connection.execute("DELETE FROM series_blocks WHERE series_key = ?", (series_key,))


def series_without_block(connection: sqlite3.Connection) -> list[int]:
    """The keys of the series that have none."""
    rows = connection.execute("SELECT key FROM series EXCEPT SELECT series_key FROM series_blocks")
    return [int(row[0]) for row in rows]


def _columns_of(body: bytes) -> SeriesColumns | None:
    """The columns of a block; None if it is of another version."""
    try:
        block = _DECODER.decode(body)
        planes, stacks = decompress(block.columns.planes), decompress(block.columns.stacks)
    except (msgspec.MsgspecError, error):
        return None
    if block.version != _VERSION:
        return None
    packed = block.columns
    fields: dict[str, Any] = {name: _as_many(getattr(packed, name), block.count) for name in _NAMES}
    return SeriesColumns(**fields, planes=planes, stacks=stacks)


def _alike(values: Sequence[T]) -> Sequence[T]:
    return values[:1] if len(set(values)) == 1 else values


def _as_many(values: tuple[T, ...], count: int) -> tuple[T, ...]:
    return values * count if len(values) == 1 else values
