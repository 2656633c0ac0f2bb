"""Cuts in memory, and who waits for them."""

import pytest

from longitudinal.jobs import kept_cuts
from longitudinal.jobs.kept_cuts import KeptCuts


def test_the_least_recently_used_leave_when_there_are_too_many_bytes() -> None:
    kept = KeptCuts(10)
    kept.put("a", b"1234")
    kept.put("b", b"1234")
    assert kept.get("a") == b"1234"
    kept.put("c", b"1234")
    assert [kept.get(key) is not None for key in "abc"] == [True, False, True]
    kept.put("d", b"1" * 50)
    assert [kept.get(key) is not None for key in "acd"] == [False, False, True]


def test_a_cut_is_wanted_while_somebody_waits_and_a_moment_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(kept_cuts.time, "monotonic", lambda: now)
    kept = KeptCuts()
    assert not kept.is_wanted("a")
    with kept.waiting_for("a"):
        with kept.waiting_for("a"):
            now += 60
        assert kept.is_wanted("a")
        now += 60
        assert kept.is_wanted("a")
    now += kept_cuts.GRACE_SECONDS - 0.1
    assert kept.is_wanted("a")
    now += 0.2
    assert not kept.is_wanted("a")
