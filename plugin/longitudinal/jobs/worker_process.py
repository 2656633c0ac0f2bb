"""A worker as seen from Orthanc's process: started when there is a task, killed when it must stop at once."""

import logging
import os
import selectors
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import msgspec

from longitudinal.jobs import pulse
from longitudinal.jobs.messages import (
    MEMORY_VARIABLE,
    PARENT_VARIABLE,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    Failed,
    ProgressMessage,
    Unanswered,
    WorkerAnswer,
    WorkerResult,
    WorkerTask,
)
from longitudinal.jobs.pulse import Pulse
from longitudinal.jobs.supervisor import ArchiveSilent, JobCrashed
from longitudinal.reasons import AlignmentFailure

if TYPE_CHECKING:
    import subprocess

LOGGER = logging.getLogger(__name__)

_PLUGIN = Path(__file__).resolve().parents[2]
# How often a running task checks whether it was cancelled.
_LOOK_SECONDS = 0.1
_END_SECONDS = 5.0
_LAST_WORDS = 2_000
_ANSWER: msgspec.json.Decoder[WorkerAnswer] = msgspec.json.Decoder(WorkerAnswer)
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")


class Workplace(msgspec.Struct, frozen=True):
    """The surroundings of a worker.

    Attributes
    ----------
    python
        The interpreter of the plugin's environment: inside Orthanc, `sys.executable` is Orthanc itself.
    url
        Of Orthanc on this machine.
    token
        Returns the Authorization header for a new worker.
    """

    python: Path
    url: str
    token: Callable[[], str]
    threads: int
    memory_mib: int


class Watch(Protocol):
    """Who waits for a task: a job, or a request."""

    def checkpoint(self) -> None:
        """Called several times a second; what it raises ends the task."""

    def beat(self, seconds_ago: float = 0.0) -> None:
        """When the process last gave a sign of life."""

    def report(self, progress: float, stage: str) -> None:
        """How far the task is, 0..1."""


class TaskFailed(Exception):
    """The worker could not do its task, and a second attempt would fail as well.

    Attributes
    ----------
    reason
        A code of `longitudinal.alignment.failures`.
    scan
        "fixed" or "moving" if that scan could not be read; empty if the two together failed.
    """

    def __init__(
        self, detail: str, reason: AlignmentFailure = AlignmentFailure.REGISTRATION_FAILED, scan: str = ""
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.scan = scan


class NoInterpreter(Exception):
    """There is no Python interpreter for the workers: no task can be done."""


class WorkerProcess:
    """One process, used by one thread at a time; `module` is what it runs."""

    def __init__(self, workplace: Workplace, module: str = "longitudinal.jobs.worker") -> None:
        self._workplace = workplace
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes]
        self._pulse: Pulse
        self._open = ExitStack()
        self._unread = b""
        self._answers: list[WorkerAnswer] = []

    def run(self, task: WorkerTask, context: Watch) -> WorkerResult:
        """Do a task for a job, which can be watched and cancelled meanwhile.

        Raises
        ------
        JobInterruption
            The job must not continue; the process was killed.
        JobCrashed
            The process died, or hung and was killed.
        ArchiveSilent
            Orthanc did not answer for the pixels.
        TaskFailed
            The task cannot be done.
        NoInterpreter
        """
        try:
            self._send(msgspec.json.encode(task) + b"\n", context)
            answer = self._next_answer(context)
            while isinstance(answer, ProgressMessage):
                self._pulse.heard(answer.stage, answer.longest)
                context.report(answer.progress, answer.stage)
                answer = self._next_answer(context)
        except BaseException:  # cancelled, crashed, or an invalid answer: later output belongs to no task
            self.close()
            raise
        if isinstance(answer, Failed):
            raise TaskFailed(answer.error, answer.reason, answer.scan)
        if isinstance(answer, Unanswered):
            self.close()  # Orthanc may no longer accept its token
            raise ArchiveSilent(answer.error)
        return answer

    @property
    def is_running(self) -> bool:
        """Whether there is a process; for any thread."""
        process = self._process
        return process is not None and process.poll() is None

    def _next_answer(self, context: Watch) -> WorkerAnswer:
        while not self._answers:
            self._look_after(context)
            self._answers += [_ANSWER.decode(line) for line in self._lines()]
        return self._answers.pop(0)

    def close(self) -> None:
        """Kill the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        from subprocess import TimeoutExpired

        process.kill()
        with suppress(TimeoutExpired):  # it may be blocked reading from a lost disk
            process.wait(_END_SECONDS)
        self._open.close()
        self._unread, self._answers = b"", []

    def _look_after(self, context: Watch) -> None:
        """Check whether the job may continue, and whether the process is alive. Raises JobInterruption, JobCrashed."""
        context.checkpoint()
        fault = self._pulse.fault()
        context.beat(self._pulse.age)
        if fault is not None:
            raise JobCrashed(fault)

    def _send(self, line: bytes, context: Watch) -> None:
        """Give the task to the present process, or to a new one if that has ended."""
        if self._process is not None and self._process.poll() is None:
            try:
                self._write(line, context)
                return
            except OSError:
                LOGGER.info("The worker had ended; starting a new one")
        self.close()
        self._start()
        try:
            self._write(line, context)
        except OSError as error:
            raise self._crash() from error

    def _write(self, line: bytes, context: Watch) -> None:
        """Write to a process that may read slowly, or not at all. Raises as `_look_after` does, and OSError."""
        assert self._process is not None
        assert self._process.stdin is not None
        pid, pipe = self._process.pid, self._process.stdin.fileno()
        self._pulse = Pulse(pulse.SILENT_SECONDS, lambda: pulse.processor_seconds(pid))
        rest = memoryview(line)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_WRITE)
            while rest:
                self._look_after(context)
                if selector.select(_LOOK_SECONDS):
                    rest = rest[os.write(pipe, rest) :]

    def _start(self) -> None:
        place = self._workplace
        if not place.python.exists():
            raise NoInterpreter(
                f"no Python interpreter at {place.python}: run `make setup`, or set Longitudinal.Environment"
            )
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | {
            "PYTHONPATH": str(_PLUGIN),
            URL_VARIABLE: place.url,
            TOKEN_VARIABLE: place.token(),
            PARENT_VARIABLE: str(os.getpid()),
            MEMORY_VARIABLE: str(place.memory_mib),
            # Each library has a default of its own for the number of threads.
            "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(place.threads),
            "OMP_NUM_THREADS": str(place.threads),
            # The matrices of a plane are small: with two threads, assembling a scan took four times as long.
            "OPENBLAS_NUM_THREADS": "1",
            # One arena per thread keeps freed memory; two are enough.
            "MALLOC_ARENA_MAX": "2",
        }
        import subprocess  # late: a start has no process beside it

        # A pipe that is not read would fill and block the worker.
        self._words = self._open.enter_context(os.fdopen(os.memfd_create("worker"), "w+b"))
        self._process = subprocess.Popen(
            [str(place.python), "-m", self._module],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words,
        )  # fmt: skip
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            self._open.callback(_close, stream)
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    def _lines(self) -> list[bytes]:
        """The lines received after a short wait; empty if there are none yet."""
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(_LOOK_SECONDS):
                return []
        chunk = os.read(self._process.stdout.fileno(), 1 << 20)
        if not chunk:
            raise self._crash()
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        return lines

    def _crash(self) -> JobCrashed:
        """The exception for a process that has ended."""
        assert self._process is not None
        code = self._process.wait(_END_SECONDS)
        self._words.seek(0)
        said = self._words.read()[-_LAST_WORDS:].decode("utf-8", "replace").strip()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        last = said.splitlines()[-1] if said else ""
        if said:
            LOGGER.warning("The worker %s; its output: %s", how, said)
        return JobCrashed(f"the worker {how}{': ' + last if last else ''}")


def _close(stream: IO[bytes]) -> None:
    """Close a pipe; output that could not be written is lost with the process."""
    with suppress(OSError):
        stream.close()
