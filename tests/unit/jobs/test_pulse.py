"""Signs of life of a worker, on clocks set by hand and on real processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from longitudinal.jobs.pulse import Pulse, processor_seconds


class Clocks:
    def __init__(self) -> None:
        self.now, self.taken = 1000.0, 5.0
        self.pulse = Pulse(120.0, lambda: self.taken, lambda: self.now)

    def go(self, seconds: float, busy: float) -> str | None:
        """Look every second for so long, of which the process computes a part."""
        for _ in range(int(seconds)):
            self.now += 1.0
            self.taken += busy
            if (fault := self.pulse.fault()) is not None:
                return fault
        return None


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_what_stands_still_is_given_up_after_so_long(clocks: Clocks) -> None:
    clocks.pulse.heard("search", 300)
    assert clocks.go(120, busy=0) is None
    assert clocks.pulse.age == 120
    fault = clocks.go(1, busy=0)
    assert fault is not None
    assert "no sign of life for 120 s in the stage search" in fault


def test_each_word_is_a_sign(clocks: Clocks) -> None:
    for _ in range(5):
        assert clocks.go(100, busy=0) is None
        clocks.pulse.heard("reading", 300)


def test_a_starved_worker_lives_however_slowly_it_moves(clocks: Clocks) -> None:
    """Of the lowest priority beside a busy machine: 0.3 ms of each second."""
    clocks.pulse.heard("search", 300)
    assert clocks.go(3600, busy=0.0003) is None
    assert clocks.pulse.age < 120


def test_work_that_never_ends_is_told_by_what_its_stage_declared(clocks: Clocks) -> None:
    clocks.pulse.heard("deform", 1000)
    assert clocks.go(500, busy=2) is None
    fault = clocks.go(1, busy=2)
    assert fault is not None
    assert "more than 1000 s of processor time" in fault
    assert "deform" in fault


def test_who_was_halted_himself_does_not_blame_the_worker(clocks: Clocks) -> None:
    assert clocks.go(100, busy=0) is None
    clocks.now += 3600  # the machine was suspended, or Orthanc in a debugger
    assert clocks.pulse.fault() is None
    assert clocks.go(19, busy=0) is None
    assert clocks.go(2, busy=0) is not None


def test_the_kernel_tells_a_busy_process_from_a_stopped_one_and_from_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        before, deadline = processor_seconds(process.pid), time.monotonic() + 20
        while processor_seconds(process.pid) < before + 0.1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(0.1)
        stopped = processor_seconds(process.pid)
        time.sleep(0.3)
        assert processor_seconds(process.pid) == stopped
    finally:
        process.kill()
        process.wait()
    assert processor_seconds(process.pid) == 0.0
