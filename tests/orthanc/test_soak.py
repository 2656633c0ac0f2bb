"""A small part of each of `make soak`, so that those scripts run and their claims hold at this size."""

import os
from pathlib import Path

import pytest

from benchmarks.soak.backfill import STUDIES, backfill_rate, fill_archive, reader_rate
from benchmarks.soak.kills import killed, killed_on_full_disk
from benchmarks.soak.load import under_load
from benchmarks.soak.readers import readers
from benchmarks.soak.scale import measure
from tests.orthanc.server import OrthancServer

FILES = 20
"""Of a study: so many are read as a whole."""
MOST_BYTES_A_SLICE = 600
"""461 were measured with a million; a small file has pages that are not full."""


def test_after_kills_in_a_stream_nothing_is_missing_and_nothing_left_over(tmp_path: Path) -> None:
    found = killed(tmp_path, kills=2, seed=7)
    assert found.told.in_stream > 0
    assert found.holds, found
    assert found.lost == 0, found


def test_after_kills_on_a_full_disk_nothing_is_missing_and_nothing_left_over(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("KILLS ON A FULL DISK ARE NOT TESTED HERE: only root can mount a tmpfs")
    found = killed_on_full_disk(tmp_path, kills=2, seed=7, index_only=True)
    assert found.told.on_full_disk == 2
    assert found.holds, found


def test_under_load_no_answer_is_wrong_and_the_index_ends_equal(tmp_path: Path) -> None:
    found = under_load(tmp_path, pairs=2, seconds=2.0)
    assert found.stores > 0
    assert found.deletes > 0
    assert found.modifies > 0
    assert found.matches == 10
    assert found.is_sound, found


def test_the_backfill_and_its_rivals_read_all_of_an_old_archive(tmp_path: Path) -> None:
    """Each raises where it did not read every instance."""
    bare = fill_archive(tmp_path / "orthanc", "MR", FILES)
    with readers(bare) as rivals:
        for reader in rivals.values():
            assert min(reader_rate(bare, reader, STUDIES * FILES)) > 0
    assert min(backfill_rate(OrthancServer(tmp_path / "orthanc", authentication=False))) > 0


def test_a_filled_index_answers_and_starts(tmp_path: Path) -> None:
    grown, without = measure(tmp_path, (2_000, 10_000), rounds=1, filled=tmp_path)
    for one in grown:
        assert one.bytes_per_slice < MOST_BYTES_A_SLICE
        assert min(one.warm + one.cold + one.starts + one.starts_after_kill) > 0
    assert len(without) == 1
