"""What the writer says of itself to other threads."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longitudinal.reasons import FaultReason
from longitudinal.sidecar import health as module
from longitudinal.sidecar.fault import Fault
from longitudinal.sidecar.health import WriterHealth

FULL = Fault(FaultReason.DISK_FULL, "the disk is full")


@pytest.fixture
def health() -> WriterHealth:
    return WriterHealth(Path("index.sqlite"))


def test_what_was_given_up_is_counted_at_the_next_commit_and_once(health: WriterHealth) -> None:
    assert health.give_up() == "more changes wait than can be written"
    assert health.lost == 0, "there is nothing to compare before something can be written"
    health.written()
    health.written()
    assert health.lost == 1


def test_a_fault_keeps_its_first_moment_and_is_over_after_some_seconds_without_an_error(
    health: WriterHealth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = health.fail(FULL)
    again = health.fail(Fault(FaultReason.DISK_FULL, "still full"))
    assert (again.since, again.detail) == (first.since, "still full")
    assert health.give_up() == "still full"
    health.written()
    assert (health.recover(), health.fault, health.lost) == (False, again, 0)
    monkeypatch.setattr(module, "_SETTLED_SECONDS", 0.0)
    assert (health.recover(), health.fault, health.lost) == (True, None, 1)
    assert not health.recover()
    assert len(caplog.records) == 2, "one line, and one on recovery"


def test_no_loss_is_missed_that_other_threads_report_between_two_commits(health: WriterHealth) -> None:
    """Whatever the order: after the last commit nothing that was given up is left uncounted."""

    def report(_: int) -> None:
        for _ in range(200):
            before = health.lost
            health.give_up()
            health.written()
            assert health.lost > before

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(report, range(4)))
    before = health.lost
    health.written()
    assert health.lost == before
