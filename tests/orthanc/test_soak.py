"""A small part of each of `make soak`, so that those scripts run and their claims hold at this size."""

import os
from pathlib import Path

import pytest

from benchmarks.soak.kills import killed, killed_on_full_disk
from benchmarks.soak.load import under_load


def test_after_kills_in_a_stream_nothing_is_missing_and_nothing_left_over(tmp_path: Path) -> None:
    found = killed(tmp_path, kills=2, seed=7)
    assert found.told.in_stream > 0
    assert found.holds, found
    assert found.lost == 0, found


def test_after_kills_on_a_full_disk_nothing_is_missing_and_nothing_left_over(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("KILLS ON A FULL DISK ARE NOT TESTED HERE: only root can mount a tmpfs")
    found = killed_on_full_disk(tmp_path, kills=2, seed=7, index_only=True)
    assert found.told.on_full_disk > 0
    assert found.holds, found


def test_under_load_no_answer_is_wrong_and_the_index_ends_equal(tmp_path: Path) -> None:
    found = under_load(tmp_path, pairs=2, seconds=2.0)
    assert found.stores > 0
    assert found.deletes > 0
    assert found.modifies > 0
    assert found.matches == 10
    assert found.is_sound, found
