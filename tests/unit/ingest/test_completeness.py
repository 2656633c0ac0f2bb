"""The thread of the cursor and the reconcile pass."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from longitudinal.ingest import completeness as module
from longitudinal.ingest.completeness import Completeness

WITHIN = 5.0


class Script:
    """Stands in for both; notes what was asked of it, and fails when told to."""

    lag = 0

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures: list[str] = []
        self.steps_left: int | None = 3
        self.lost = 0
        self.followed = 0

    def begin(self) -> None:
        self._ask("begin")

    def follow(self) -> int:
        self._ask("follow")
        return self.followed

    def stop(self) -> None:
        self._ask("stop")

    def steps(self) -> Iterator[None]:
        self._ask("pass")
        number = 0
        while self.steps_left is None or number < self.steps_left:
            number += 1
            yield

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.failures:
            self.failures.remove(what)
            raise OSError(f"no {what}")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Completeness, Script]]]:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "_AFTER_ERROR_SECONDS", 0.01)
    monkeypatch.setattr(module, "_BREATH_SECONDS", 0.0001)
    started: list[Completeness] = []

    def start(
        seconds: int = 1000, wake: threading.Event | None = None, **attributes: Any
    ) -> tuple[Completeness, Script]:
        script = Script()
        vars(script).update(attributes)
        thread = Completeness(script, script, seconds, lambda: script.lost, wake=wake)  # type: ignore[arg-type]
        started.append(thread)
        thread.start()
        return thread, script

    yield start
    for thread in started:
        thread.stop()
    assert "longitudinal-changes" not in {thread.name for thread in threading.enumerate()}


def wait_until(probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not probe():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_one_pass_at_start_then_the_cursor_alone(run: Any) -> None:
    thread, script = run()
    wait_until(lambda: script.asked.count("follow") > 5)
    assert script.asked[0] == "begin"
    assert (script.asked.count("begin"), script.asked.count("pass"), thread.passes) == (1, 1, 1)


def test_the_pass_is_repeated(run: Any) -> None:
    thread, _ = run(seconds=0)
    wait_until(lambda: thread.passes > 3)


def test_a_change_that_was_lost_brings_a_pass_at_once(run: Any) -> None:
    thread, script = run()
    wait_until(lambda: thread.passes == 1)
    script.lost = 1
    wait_until(lambda: thread.passes == 2)
    looks = script.asked.count("follow")
    wait_until(lambda: script.asked.count("follow") > looks + 3)
    assert thread.passes == 2


def test_the_cursor_is_followed_while_a_long_pass_runs_and_stop_ends_it(run: Any) -> None:
    thread, script = run(steps_left=None)
    wait_until(lambda: script.asked.count("follow") > 5)
    began = time.monotonic()
    thread.stop()
    assert (script.asked.count("pass"), thread.passes) == (1, 0)
    assert time.monotonic() - began < WITHIN


@pytest.mark.parametrize("steps_left", [3, None])
def test_who_knows_of_a_store_does_not_wait_for_the_next_look(
    run: Any, monkeypatch: pytest.MonkeyPatch, steps_left: int | None
) -> None:
    """Neither between two looks, nor while a long pass runs."""
    monkeypatch.setattr(module, "_LOOK_SECONDS", 1000.0)
    monkeypatch.setattr(module, "_LINGER_SECONDS", 0.001)
    wake = threading.Event()
    _, script = run(steps_left=steps_left, wake=wake)
    wait_until(lambda: "pass" in script.asked)
    time.sleep(0.05)
    looks = script.asked.count("follow")
    for number in range(1, 4):
        wake.set()
        wait_until(lambda expected=looks + number: script.asked.count("follow") == expected)  # type: ignore[misc]


@pytest.mark.parametrize(("followed", "other"), [(19, "_LINGER_IN_STREAM_SECONDS"), (20, "_LINGER_SECONDS")])
def test_in_a_stream_of_stores_more_are_waited_for(
    run: Any, monkeypatch: pytest.MonkeyPatch, followed: int, other: str
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 1000.0)
    for name in ("_LINGER_SECONDS", "_LINGER_IN_STREAM_SECONDS"):
        monkeypatch.setattr(module, name, 1000.0 if name == other else 0.001)
    wake = threading.Event()
    thread, script = run(followed=followed, wake=wake)
    wait_until(lambda: thread.passes == 1)
    looks = script.asked.count("follow")
    wake.set()
    wait_until(lambda: script.asked.count("follow") == looks + 1)


@pytest.mark.parametrize("what", ["begin", "follow", "pass"])
def test_an_error_is_told_and_tried_again(run: Any, what: str) -> None:
    thread, script = run(failures=[what] * 3)
    wait_until(lambda: thread.passes == 1 and not script.failures)
    wait_until(lambda: thread.last_error is None)
    assert script.asked.count(what) >= 4


def test_stop_before_start_waits_for_nothing() -> None:
    Completeness(Script(), Script(), 1, lambda: 0).stop()  # type: ignore[arg-type]
