"""From what is noted of requests to events in the files: one thread, which does all the looking up and writing."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote_plus, urlencode

import msgspec
from msgspec.structs import replace

from longitudinal.access.audit.chain import Head, Line, read_line
from longitudinal.access.audit.core_events import core_event
from longitudinal.access.audit.events import Event, EventKind, Outcome, clean, time_text
from longitudinal.access.audit.names import Names
from longitudinal.access.audit.requests import Noted, Store, StudyNames, Who, claimed, who_of
from longitudinal.access.audit.trail import Trail, system_event
from longitudinal.access.core_paths import Roots
from longitudinal.access.identity import Actor

LOGGER = logging.getLogger(__name__)

FLUSH_SECONDS = 0.4
"""How often events are written: with the time that takes, a kill loses at most the last second."""
READ_SECONDS = 300.0
LOGIN_SECONDS = 3_600.0
REFUSAL_SECONDS = 10.0
_HEAD_SECONDS = 60.0
_STORE_SECONDS = 3.0
_PROOF_SECONDS = 5.0
_MOST_WAITING = 200_000
_MOST_REMEMBERED = 50_000
_NAME_LENGTH = 200
_ACTOR_SECONDS, _MOST_ACTORS = 10.0, 1_000
_IN_VAIN = (Outcome.FAILED, Outcome.REFUSED)
_BAD_REQUEST, _REFUSED = 400, (401, 403)
# Kinds of which the same is one event in so many seconds.
_ONCE = {EventKind.READ: READ_SECONDS, EventKind.REFUSAL: REFUSAL_SECONDS}


class Sink(Protocol):
    """Where events go beside the files; nothing is lost here where it fails."""

    def send_lines(self, lines: Sequence[Line]) -> None:
        """Events that are on the disk."""

    def send_head(self, head: Head) -> None:
        """The statement of the chain's end, every minute."""


class Reading(msgspec.Struct, frozen=True):
    """How requests are read.

    Attributes
    ----------
    actor_of
        Who sends a request, by its headers.
    identified_by
        All headers (lower case) that this depends on; for some seconds the same ones are the same actor.
    roots
        Where DICOMweb is.
    trusted_proxies
        Addresses whose X-Forwarded-For counts.
    """

    actor_of: Callable[[Mapping[str, str]], Actor]
    roots: Roots = msgspec.field(default_factory=Roots)
    trusted_proxies: frozenset[str] = frozenset()
    identified_by: tuple[str, ...] = ("authorization", "cookie")


class Recorder:
    """Takes notes from any thread without doing anything for them there, and writes them.

    Parameters
    ----------
    is_required
        Whether `refusal` says no while nothing can be written (AuditRequired).

    Attributes
    ----------
    problem
        Why nothing can be written; None where it can.
    written
        Events that are on the disk since the start.
    """

    def __init__(
        self,
        trail: Trail,
        names: Names,
        reading: Reading,
        sinks: Sequence[Sink] = (),
        *,
        is_required: bool = False,
    ) -> None:
        self._trail = trail
        self._names = names
        self._reading = reading
        self._sinks = list(sinks)
        self._is_required = is_required
        self._noted: deque[Noted | Store] = deque()
        self._stores: deque[Store] = deque()
        self._pending: list[Event] = []
        self._lost = 0
        self._recent = {kind: _Recently(seconds) for kind, seconds in _ONCE.items()}
        self._actors: dict[tuple[str | None, ...], tuple[Actor, float]] = {}
        self._logins = _Recently(LOGIN_SECONDS)
        self._turn = threading.Condition()
        self._wanted = self._done = 0
        self._is_stopping = False
        self._head_at = 0.0
        self._thread = threading.Thread(target=self._run, name="longitudinal-audit", daemon=True)
        self.problem: str | None = None
        self.written = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and that this is the end."""
        with self._turn:
            self._is_stopping = True
            self._turn.notify_all()
        if self._thread.is_alive():
            self._thread.join(_PROOF_SECONDS)

    def note(self, noted: Noted | Store) -> None:
        """Something was done; costs its caller no more than an entry in a queue."""
        if len(self._noted) < _MOST_WAITING:
            self._noted.append(noted)
        else:
            self._lost += 1

    def settle(self, seconds: float = _PROOF_SECONDS) -> bool:
        """Wait until what was noted before is written, or could not be; whether the thread came so far in this time."""
        if not self._thread.is_alive():
            return False
        with self._turn:
            self._wanted += 1
            wanted = self._wanted
            self._turn.notify_all()
            return self._turn.wait_for(lambda: self._done >= wanted, seconds)

    def refusal(self) -> str | None:
        """Why nothing may be changed now; None where it may. Where the audit is required this waits for a proof."""
        if not self._is_required:
            return None
        if not self.settle():
            return f"the audit in {self._trail.folder} is not being written; look at this disk"
        return self.problem

    # The thread

    def _run(self) -> None:
        while True:
            with self._turn:
                if not self._is_stopping and self._wanted == self._done:
                    self._turn.wait(FLUSH_SECONDS)
                wanted, is_last = self._wanted, self._is_stopping
            try:
                self._flush(is_asked=wanted > self._done, is_last=is_last)
            except Exception as error:  # whatever it is, the next turn tries again
                LOGGER.exception("The audit failed")
                self.problem = f"the audit failed: {error}"
            with self._turn:
                self._done = wanted
                self._turn.notify_all()
            if is_last:
                self._trail.close()
                return

    def _flush(self, *, is_asked: bool, is_last: bool) -> None:
        for noted in self._taken():
            self._describe(noted, self._pending)
        self._describe_stores(self._pending, is_last=is_last)
        self._limit_pending()
        if is_last:
            self._pending.append(system_event("stopped"))
        try:
            lines = self._trail.append(self._pending)
            if is_asked and self._is_required and not lines:
                self._trail.prove()
        except OSError as error:
            self._fails(error)
            return
        self._pending = []
        self._works()
        self.written += len(lines)
        if self._sinks:
            self._tell([line for text in lines if (line := read_line(text)) is not None], is_last=is_last)

    def _taken(self) -> Iterable[Noted | Store]:
        for _ in range(len(self._noted)):
            yield self._noted.popleft()

    def _fails(self, error: OSError) -> None:
        problem = (
            f"the audit cannot be written in {self._trail.folder}: {error.strerror or error}. Make room there, make the "
            "folder writable, or put it back; it is tried again all the time"
        )
        if self.problem is None:
            LOGGER.error("Nobody's actions are recorded: %s", problem)
        self.problem = problem

    def _works(self) -> None:
        if self.problem is not None:
            LOGGER.warning("The audit is written again")
            self.problem = None

    def _limit_pending(self) -> None:
        over = len(self._pending) - _MOST_WAITING
        if over > 0:
            del self._pending[-over:]
            self._lost += over
        if self._lost and self.problem is None:
            self._pending.append(system_event("lost", f"{self._lost} events were lost", Outcome.FAILED))
            self._lost = 0

    def _tell(self, lines: Sequence[Line], *, is_last: bool) -> None:
        now = time.monotonic()
        is_due = is_last or not self._head_at or now - self._head_at >= _HEAD_SECONDS
        for sink in self._sinks:
            try:
                if lines:
                    sink.send_lines(lines)
                if is_due:
                    sink.send_head(self._trail.head())
            except Exception:  # the files are what counts
                LOGGER.exception("The audit cannot be sent")
        if is_due:
            self._head_at = now

    # Events

    def _describe(self, noted: Noted | Store, events: list[Event]) -> None:
        """Append what there is to say of a request."""
        if isinstance(noted, Store):
            self._stores.append(noted)
            return
        try:
            self._describe_request(noted, events)
        except Exception:  # one request must not keep the others out
            LOGGER.exception("A request could not be described for the audit")
            events.append(Event(kind=EventKind.SYSTEM, time=time_text(noted.time), action="undescribed",
                                object=clean(noted.path), outcome=Outcome.FAILED))  # fmt: skip

    def _describe_request(self, noted: Noted, events: list[Event]) -> None:
        kind, touched = noted.kind, tuple(noted.touched)
        if kind is None:
            kind, touched = core_event(noted.method, noted.path, noted.arguments, self._reading.roots)
        actor = self._actor(noted) if noted.actor is None else noted.actor
        who = who_of(noted, actor, self._reading.trusted_proxies)
        if noted.refusal or noted.status in _REFUSED:
            kind = EventKind.REFUSAL
            noted = replace(noted, refusal=noted.refusal + claimed(noted, actor))
        elif actor.is_verified and self._logins.is_new((who.name, who.how, who.address), noted.time):
            events.append(_event(noted, who, EventKind.LOGIN, StudyNames(""), Outcome.OK))
        if kind == EventKind.NONE:
            return
        outcome = _outcome(noted)
        names = noted.names if noted.names is not None else self._names.of(touched)
        for study in names or (StudyNames(""),):
            # what was asked for in vain is nobody's
            what = study if names else noted.path
            key = (who.name or who.address, who.how, outcome in _IN_VAIN, what)
            if kind not in _ONCE or self._recent[kind].is_new(key, noted.time):
                events.append(_event(noted, who, kind, study, outcome))

    def _actor(self, noted: Noted) -> Actor:
        key = tuple(noted.headers.get(name) for name in self._reading.identified_by)
        known, at = self._actors.get(key, (None, 0.0))
        if known is not None and abs(noted.time - at) < _ACTOR_SECONDS:
            return known
        actor = self._reading.actor_of(noted.headers)
        if len(self._actors) >= _MOST_ACTORS:
            self._actors.clear()
        self._actors[key] = actor, noted.time
        return actor

    def _describe_stores(self, events: list[Event], *, is_last: bool) -> None:
        """Stores of modalities, as soon as the index can have them: one event a modality, study and five minutes."""
        now = time.time()
        while self._stores and (is_last or now - self._stores[0].time >= _STORE_SECONDS):
            store = self._stores.popleft()
            names = self._names.of([("instances", store.instance)], also_archive=False)
            for study in names or (StudyNames(""),):
                if self._recent[EventKind.READ].is_new((store.aet, "dicom", study), store.time):
                    events.append(
                        Event(
                            kind=EventKind.WRITE, time=time_text(store.time), actor=clean(store.aet, _NAME_LENGTH),
                            how="dicom", patient_id=study.patient_id, study_instance_uid=study.study_instance_uid,
                            action="C-STORE", object=store.instance,
                        )
                    )  # fmt: skip


def _event(noted: Noted, who: Who, kind: EventKind, study: StudyNames, outcome: Outcome) -> Event:
    is_login = kind == EventKind.LOGIN
    arguments = f"?{_text_of(noted)}" if noted.arguments and not is_login else ""
    return Event(
        kind=kind,
        time=time_text(noted.time),
        actor=clean(who.name, _NAME_LENGTH),
        how=who.how,
        address=clean(who.address, _NAME_LENGTH),
        via=clean(who.via, _NAME_LENGTH),
        patient_id=clean(study.patient_id),
        study_instance_uid=clean(study.study_instance_uid),
        action="" if is_login else clean(noted.action),
        object="" if is_login else clean(noted.path + arguments),
        status=0 if is_login else noted.status,
        outcome=outcome,
        request_id=noted.request_id,
        detail="" if is_login else clean(noted.refusal or noted.touched.remark),
    )


def _text_of(noted: Noted) -> str:
    """The arguments of a request; of those to Orthanc's own paths some versions hand on what is still encoded."""
    arguments = noted.arguments
    if noted.kind is None:
        arguments = {unquote_plus(name): unquote_plus(value) for name, value in arguments.items()}
    return urlencode(arguments, errors="replace")


def _outcome(noted: Noted) -> Outcome:
    if noted.refusal or noted.status in _REFUSED:
        return Outcome.REFUSED
    if not noted.status:
        return Outcome.ASKED
    return Outcome.FAILED if noted.status >= _BAD_REQUEST else Outcome.OK


class _Recently:
    """What was seen in the last so many seconds; for one thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: OrderedDict[object, float] = OrderedDict()

    def is_new(self, key: object, now: float) -> bool:
        """Whether it was not seen in that time; if so, the time begins."""
        last = self._seen.get(key)
        if last is not None and abs(now - last) < self._seconds:
            return False
        self._seen[key] = now
        self._seen.move_to_end(key)
        while len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return True
