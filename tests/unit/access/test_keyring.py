"""The file of keys: made once, its owner's alone, several keys, and what is wrong with it said."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longitudinal.access.keyring import Keyring


def test_it_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    first = Keyring(path)
    assert (first.problem, len(first.keys)) == (None, 1)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring(path).keys == first.keys
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]
    assert json.loads(path.read_text())["keys"][0]["id"] == first.keys[0].id


def test_of_many_who_start_at_once_all_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: Keyring(tmp_path / "keys.json"), range(16)))
    assert len({ring.fingerprint for ring in rings}) == 1


def test_the_newest_signs_and_lost_ones_are_not_strange(tmp_path: Path) -> None:
    files = [json.loads((tmp_path / name).read_text()) for name in ("a", "b") if Keyring(tmp_path / name)]
    old, new = (file["keys"][0] for file in files)
    old["made"], new["made"] = "2025-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"
    path = tmp_path / "both"
    path.touch(0o600)
    path.write_text(json.dumps({"keys": [new, old], "lost": ["gone"]}))
    ring = Keyring(path)
    assert [key.id for key in ring.keys] == [new["id"], old["id"]]
    assert ring.strange([old["id"], "gone", "other"]) == ["other"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": [{"secret": "!"}]}',
        '{"keys": [{"secret": "c2hvcnQ="}]}',
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_signed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.touch(0o600)
    path.write_text(content)
    ring = Keyring(path)
    assert str(path) in (ring.problem or "")
    assert ring.keys == ()
    assert path.read_text() == content


def test_a_file_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    Keyring(path)
    path.chmod(0o640)
    assert "640" in (Keyring(path).problem or "")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "keys.json").mkdir(mode=0o700)
    assert Keyring(tmp_path / "keys.json").problem is not None
