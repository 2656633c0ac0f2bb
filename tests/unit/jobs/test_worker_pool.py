"""Who gets a task."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from longitudinal.jobs.messages import RefinedMessage
from longitudinal.jobs.worker_pool import WorkerPool

REFINED = RefinedMessage([0, 0, 0], "confirmed", 0.5, 0.5, 0, 1.0, 1.0)


class Worker:
    def __init__(self) -> None:
        self.tasks: list[object] = []
        self.is_closed = False
        self.may_end = threading.Event()
        self.may_end.set()

    def run(self, task: object, _: object) -> RefinedMessage:
        self.tasks.append(task)
        assert self.may_end.wait(5)
        if task == "bad":
            raise ValueError("bad")
        return REFINED

    def close(self) -> None:
        self.is_closed = True


def test_the_last_one_used_is_used_again_also_after_a_failure() -> None:
    workers: list[Any] = [Worker(), Worker()]
    pool = WorkerPool(workers)
    pool.refine("a", None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bad"):
        pool.refine("bad", None)  # type: ignore[arg-type]
    pool.refine("b", None)  # type: ignore[arg-type]
    assert sorted(len(worker.tasks) for worker in workers) == [0, 3]
    pool.close()
    assert all(worker.is_closed for worker in workers)


def test_two_at_once_have_a_worker_each() -> None:
    workers: list[Any] = [Worker(), Worker()]
    pool = WorkerPool(workers)
    for worker in workers:
        worker.may_end.clear()
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(pool.refine, task, None) for task in "ab"]  # type: ignore[arg-type]
        while sum(len(worker.tasks) for worker in workers) < 2:
            pass
        for worker in workers:
            worker.may_end.set()
    assert [one.result() for one in both] == [REFINED, REFINED]
    assert [len(worker.tasks) for worker in workers] == [1, 1]
