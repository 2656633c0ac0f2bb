"""What the queue keeps in memory only: not needed after a restart, and shared by all threads behind one lock."""

import threading
import time
from collections import Counter, OrderedDict

from longitudinal.sidecar.tables.jobs import Job, JobRequest, Priority

# Subjects that an answer lacked. The answer about a large patient may lack thousands of studies.
_MOST_MISSED = 20_000
# Owners whose turns are remembered; a forgotten owner has the next turn.
_MOST_OWNERS = 1_000


class QueueMemory:
    """Cancelled runs, signs of life, turns of owners, and missed subjects. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled: set[tuple[str, str | None]] = set()  # runs: a job, and when it was started
        self._served: OrderedDict[tuple[frozenset[str], str], int] = (
            OrderedDict()
        )  # by kinds and owner: the turn
        self._turn = 0
        self._gave_way: Counter[str] = Counter()
        self._missed: OrderedDict[tuple[str, str], None] = OrderedDict()  # kind and subject
        self._beats: dict[str, float] = {}  # by job: when its worker last gave a sign of life

    # Turns

    def turns(self, kinds: frozenset[str]) -> dict[str, int]:
        """At which turn each owner was last served with a job of these kinds; an owner who is missing never was."""
        with self._lock:
            return {owner: turn for (served, owner), turn in self._served.items() if served == kinds}

    def started(self, job: Job, kinds: frozenset[str]) -> None:
        """A job has started: its owner has had a turn, and its subject is no longer missed."""
        with self._lock:
            self._turn += 1
            self._served[kinds, job.owner] = self._turn
            self._served.move_to_end((kinds, job.owner))
            if len(self._served) > _MOST_OWNERS:
                self._served.popitem(last=False)
            self._missed.pop((job.kind, job.subject), None)

    # Runs

    def cancelled(self, job_id: str, started: str) -> None:
        """A run was cancelled."""
        with self._lock:
            self._cancelled.add((job_id, started))

    def is_cancelled(self, run: Job) -> bool:
        """Whether a run was cancelled."""
        with self._lock:
            return (run.id, run.started) in self._cancelled

    def beat(self, run: Job, seconds_ago: float) -> None:
        """When the worker of a run last gave a sign of life."""
        with self._lock:
            self._beats[run.id] = time.monotonic() - seconds_ago

    def silences(self) -> dict[str, float]:
        """Seconds since the last sign of life, by job."""
        now = time.monotonic()
        with self._lock:
            return {job_id: now - beat for job_id, beat in self._beats.items()}

    def interrupted(self, run: Job) -> None:
        """A run ended and its job is queued again."""
        with self._lock:
            self._beats.pop(run.id, None)

    def finished(self, run: Job) -> None:
        """A run ended and its job with it."""
        with self._lock:
            self._cancelled.discard((run.id, run.started))
            self._beats.pop(run.id, None)
            self._gave_way.pop(run.id, None)

    def make_way(self, run: Job) -> None:
        """A run is about to end for the sake of a more urgent job."""
        with self._lock:
            self._gave_way[run.id] += 1

    def ways_given(self, job: Job) -> int:
        """How often a job has made way."""
        with self._lock:
            return self._gave_way[job.id]

    # Missed subjects

    def miss(self, kind: str, subject: str) -> bool:
        """An answer lacks what a job will do; False if that is known already."""
        with self._lock:
            is_new = (kind, subject) not in self._missed
            self._missed[kind, subject] = None
            self._missed.move_to_end((kind, subject))
            if len(self._missed) > _MOST_MISSED:
                self._missed.popitem(last=False)
            return is_new

    def forget_missed(self, kind: str, subject: str) -> None:
        """The next `miss` counts as the first again: the job was cancelled, has ended, or could not be hurried."""
        with self._lock:
            self._missed.pop((kind, subject), None)

    def priority_of(self, request: JobRequest) -> int:
        """The priority of a request, raised if its subject was missed before there was a job."""
        with self._lock:
            is_missed = (request.kind, request.subject) in self._missed
            return max(request.priority, Priority.HURRIED) if is_missed else request.priority
