"""What the trust figures keep between runs is found again only for the same code."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.registration.trust import kept
from longitudinal.registration import mirror

Reader = Callable[[str], tuple[bytes, Sequence[str]]]


@pytest.mark.parametrize(
    ("module", "counts"),
    [
        ("longitudinal.registration.mirror", True),
        ("longitudinal.geometry.affine", True),
        ("longitudinal.registration.local", False),
    ],
)
def test_the_key_is_of_all_the_code_that_has_a_part_in_it(
    module: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept.code_of(mirror)
    monkeypatch.setattr(kept, "_read", changed(kept._read, module))
    kept.code_of.cache_clear()
    after = kept.code_of(mirror)
    kept.code_of.cache_clear()
    assert (after != before) == counts


def changed(read: Reader, module: str) -> Reader:
    def with_a_comment(name: str) -> tuple[bytes, Sequence[str]]:
        text, imported = read(name)
        return (text + b"#" if name == module else text), imported

    return with_a_comment


def test_what_is_kept_is_made_once_for_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "kept")
    made = iter(range(9))

    def found(key: str) -> object:
        return kept.kept_in(key, "a pair", lambda: next(made))

    assert [found("one"), found("one"), found("other"), found("one")] == [0, 0, 1, 0]
