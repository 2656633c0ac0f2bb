"""Threads with large stacks that run what Orthanc's threads hand over, and wait for.

A pool of the standard library does the same with a queue, a future and a condition for each task. Here a thread that has a
task waits for one lock and its caller for another, and the thread that worked last works next: what it needs is still in
the processor's caches.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.005


class _Worker:
    """One thread: it runs a task each time that `go` is released, and releases `done`."""

    __slots__ = ("done", "error", "go", "result", "task", "thread")

    def __init__(self, name: str) -> None:
        self.go, self.done = threading.Lock(), threading.Lock()
        self.go.acquire()
        self.done.acquire()
        self.task: Callable[[], Any] | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)

    def _work(self) -> None:
        while True:
            self.go.acquire()
            task = self.task
            if task is None:
                return
            try:
                self.result = task()
            except BaseException as error:
                self.error = error
            del task
            self.done.release()


class Handoff:
    """Runs tasks, each on a thread of ours while the caller waits; as many at once as are handed over.

    Parameters
    ----------
    name
        Of the threads, before their number.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._all: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._is_stopped = False

    def run(self, task: Callable[[], T]) -> T:
        """What `task` returns; raises what it raises, and RuntimeError after `stop`."""
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = self._another()
        worker.task = task
        worker.go.release()
        worker.done.acquire()
        result, error = worker.result, worker.error
        worker.task = worker.result = worker.error = None
        self._idle.append(worker)
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def stop(self) -> None:
        """End the threads once their tasks are done."""
        with self._lock:
            self._is_stopped = True
        for _ in self._all:
            while not self._idle:
                time.sleep(_POLL_SECONDS)
            worker = self._idle.pop()
            worker.task = None
            worker.go.release()
            worker.thread.join()

    def _another(self) -> _Worker:
        with self._lock:
            if self._is_stopped:
                raise RuntimeError("the plugin stops")
            worker = _Worker(f"{self._name}_{len(self._all)}")
            worker.thread.start()
            self._all.append(worker)
            return worker
