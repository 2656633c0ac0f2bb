"""What is stored, by whatever way, is in the index within a second of the store's answer."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import CT, as_file, classic
from tests.orthanc.server import OrthancServer

COUNT = 40
VISIBLE_SECONDS = 1.0
Store = Callable[[OrthancServer, list[Path]], object]
WAYS: dict[str, Store] = {
    "C-STORE, 1 association": lambda server, files: server.store_scu(files),
    "C-STORE, 4 associations": lambda server, files: server.store_scu(files, associations=4),
    "STOW": lambda server, files: server.store_stow(files),
    "REST": lambda server, files: server.store_rest(files),
}


@pytest.mark.parametrize("way", WAYS)
def test_visible_within_a_second(server: OrthancServer, tmp_path: Path, way: str) -> None:
    files, uids = [], set()
    for number in range(COUNT):
        dataset = classic((0, 0, number), SOPClassUID=CT, Modality="CT", InstanceNumber=number + 1)
        dataset.PixelData = bytes(2 * dataset.Rows * dataset.Columns)
        uids.add(dataset.SOPInstanceUID)
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(as_file(dataset))
    WAYS[way](server, files)
    answered = time.monotonic()
    server.wait_until(lambda: indexed(server) == uids, VISIBLE_SECONDS, "every instance is in the sidecar")
    assert time.monotonic() - answered <= VISIBLE_SECONDS
    assert server.health()["instances"] == COUNT


def indexed(server: OrthancServer) -> set[str]:
    """The SOP Instance UIDs in the sidecar that have planes."""
    with closing(sqlite3.connect(server.folder / "index" / "longitudinal-Test.sqlite")) as connection:
        return {
            row[0]
            for row in connection.execute("SELECT sop_instance_uid FROM instances WHERE planes IS NOT NULL")
        }
