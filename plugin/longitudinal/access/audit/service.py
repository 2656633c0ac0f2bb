"""The audit as the rest of the plugin sees it: where requests are noted, and whether anything can be recorded."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from longitudinal.access.audit.chain import chain_key
from longitudinal.access.audit.core_events import core_event
from longitudinal.access.audit.events import EventKind
from longitudinal.access.audit.names import Names
from longitudinal.access.audit.recorder import Reading, Recorder, Sink
from longitudinal.access.audit.requests import Noted, Store, StudyNames
from longitudinal.access.audit.trail import Rotation, Trail
from longitudinal.access.core_paths import Named
from longitudinal.access.identity import Actor
from longitudinal.access.keyring import Keyring
from longitudinal.sight import StudyName
from longitudinal.touched import Touched

State = Literal["off", "written", "failing"]
_READING = ("GET", "HEAD", "OPTIONS")


class AuditSettings(msgspec.Struct, frozen=True):
    """Where and how it is recorded; `folder` None: not at all."""

    folder: Path | None
    rotation: Rotation
    is_required: bool = False


class Audit:
    """One place for filter, routes and callbacks.

    Parameters
    ----------
    ask_archive
        Which studies hold a resource, asked of Orthanc at once: for what is about to be deleted.

    Attributes
    ----------
    folder
        With the files; None where nothing is recorded.
    """

    def __init__(
        self, settings: AuditSettings, keyring: Keyring, names: Names, ask_archive: Callable[[Named], Iterable[StudyName]],
        reading: Reading, sinks: Sequence[Sink] = (),
    ) -> None:  # fmt: skip
        self.folder = settings.folder
        self._is_required = settings.is_required
        self._reading = reading
        self._ask_archive = ask_archive
        self._recorder: Recorder | None = None
        self._problem: str | None = None
        if settings.folder is None:
            return
        if not keyring.keys:
            self._problem = f"the audit cannot be sealed: {keyring.problem}"
            return
        trail = Trail(settings.folder, [chain_key(key) for key in keyring.keys], settings.rotation)
        self._recorder = Recorder(trail, names, reading, sinks, is_required=settings.is_required)

    def start(self) -> None:
        """Begin to record."""
        if self._recorder is not None:
            self._recorder.start()

    def stop(self) -> None:
        """Write what waits."""
        if self._recorder is not None:
            self._recorder.stop()

    @property
    def problem(self) -> str | None:
        """Why nothing is recorded that should be; None where all is well."""
        return self._problem if self._recorder is None else self._recorder.problem

    @property
    def state(self) -> State:
        """Whether it is recorded."""
        if self.folder is None:
            return "off"
        return "written" if self.problem is None else "failing"

    @property
    def written(self) -> int:
        """Events that are on the disk since the start."""
        return 0 if self._recorder is None else self._recorder.written

    def settle(self) -> None:
        """Wait until what was noted is written."""
        if self._recorder is not None:
            self._recorder.settle()

    def refusal(self) -> str | None:
        """Why nothing may be changed now (AuditRequired); None where it may."""
        if not self._is_required:
            return None
        return self._problem if self._recorder is None else self._recorder.refusal()

    def to_archive(
        self, method: str, path: str, arguments: Mapping[str, str], headers: Mapping[str, str], address: str, refusal: str
    ) -> None:  # fmt: skip
        """A request that Orthanc answers, or that the filter refused (`refusal` says why)."""
        if self._recorder is None:
            return
        names = None
        if method not in _READING and not refusal:
            names = self._names_now(method, path, arguments)
        self._recorder.note(
            Noted(
                time=time.time(), method=method, path=path, kind=None, action=f"{method} {path}", headers=headers,
                address=address, arguments=arguments, refusal=refusal, names=names,
                request_id=headers.get("x-request-id", "")[:64],
            )
        )  # fmt: skip

    def _names_now(
        self, method: str, path: str, arguments: Mapping[str, str]
    ) -> tuple[StudyNames, ...] | None:
        """What a change is about is looked up before it is done: what is deleted cannot be found afterwards."""
        kind, named = core_event(method, path, arguments, self._reading.roots)
        if kind != EventKind.WRITE or not named:
            return None
        found = {
            StudyNames(study.patient_id, study.study_instance_uid): None
            for level, name in named
            for study in self._ask_archive(Named(level, name))
        }
        return tuple(found)

    def answered(
        self, kind: EventKind, action: str, method: str, path: str, arguments: Mapping[str, str], headers: Mapping[str, str],
        actor: Actor | None, status: int, request_id: str, touched: Touched, address: str,
    ) -> None:  # fmt: skip
        """A route of ours has answered; without an actor the headers say who asked."""
        if self._recorder is None:
            return
        self._recorder.note(
            Noted(
                time=time.time(), method=method, path=path, kind=kind, action=action, headers=headers,
                address=address, actor=actor, arguments=arguments, status=status, request_id=request_id,
                touched=touched,
            )
        )  # fmt: skip

    def stored(self, instance: str, aet: str) -> None:
        """A modality has stored an instance by DICOM."""
        if self._recorder is not None:
            self._recorder.note(Store(time.time(), instance, aet))
