"""Tasks run on threads of ours while their callers wait."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Protocol, TypeVar

import pytest

from tests.fake_orthanc import FakeOrthanc

T = TypeVar("T")


class Handoff(Protocol):
    def run(self, task: Callable[[], T]) -> T: ...

    def stop(self) -> None: ...


@pytest.fixture
def make(fake_orthanc: FakeOrthanc) -> Callable[[str], Handoff]:
    fake_orthanc.constant("ResourceType", SimpleNamespace(PATIENT=0, STUDY=1, SERIES=2, INSTANCE=3))
    from longitudinal.host import handoff  # of the package that exists only inside Orthanc

    return handoff.Handoff


@pytest.fixture
def handoff(make: Callable[[str], Handoff]) -> Iterator[Handoff]:
    made = make("test-handoff")
    yield made
    made.stop()
    assert not any(thread.name.startswith("test-handoff") for thread in threading.enumerate())


def test_a_caller_gets_what_its_task_returns_or_raises(handoff: Handoff) -> None:
    def fail() -> None:
        raise KeyError("as expected")

    assert handoff.run(lambda: threading.current_thread().name) == "test-handoff_0"
    with pytest.raises(KeyError, match="as expected"):
        handoff.run(fail)
    assert handoff.run(lambda: "well again") == "well again"


def test_one_thread_does_what_comes_one_after_the_other(handoff: Handoff) -> None:
    assert {handoff.run(threading.get_ident) for _ in range(20)} == {handoff.run(threading.get_ident)}


def test_as_many_run_at_once_as_are_handed_over(handoff: Handoff) -> None:
    all_there = threading.Barrier(5)

    def meet(number: int) -> int:
        all_there.wait(10)
        return number

    with ThreadPoolExecutor(5) as callers:
        found = list(callers.map(lambda number: handoff.run(lambda: meet(number)), range(5)))
    assert found == list(range(5))


def test_thousands_of_tasks_of_many_callers_get_their_own_results(handoff: Handoff) -> None:
    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(lambda number: handoff.run(lambda: number * number), range(2_000)))
    assert found == [number * number for number in range(2_000)]


def test_stop_waits_for_what_runs_and_then_nothing_is_taken(make: Callable[[str], Handoff]) -> None:
    handoff, started, may_end = make("test-stopping"), threading.Event(), threading.Event()

    def slow() -> str:
        started.set()
        may_end.wait(10)
        return "done"

    with ThreadPoolExecutor(2) as callers:
        running = callers.submit(handoff.run, slow)
        assert started.wait(10)
        stopping = callers.submit(handoff.stop)
        assert not stopping.done()
        may_end.set()
        assert running.result(10) == "done"
        stopping.result(10)
    with pytest.raises(RuntimeError, match="stops"):
        handoff.run(lambda: None)
