"""The audit wired together: its folder, its syslog, and Orthanc's own audit log where there is one."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import orthanc

from longitudinal.access.audit.chain import Head, Line
from longitudinal.access.audit.events import EventKind
from longitudinal.access.audit.names import Names
from longitudinal.access.audit.recorder import Reading, Sink
from longitudinal.access.audit.service import Audit, AuditSettings
from longitudinal.access.audit.syslog import Syslog, Target
from longitudinal.access.audit.trail import Rotation
from longitudinal.access.identity import Actor
from longitudinal.access.keyring import Keyring
from longitudinal.errors import InvalidSettings
from longitudinal.host.access_services import roots_of
from longitudinal.host.resource_lookup import ResourceLookup
from longitudinal.settings import Settings
from longitudinal.sidecar.connection import Readers

LOGGER = logging.getLogger(__name__)

_MIB = 1024 * 1024


class AuditServices:
    """The audit, and the thread that sends it to a syslog.

    Attributes
    ----------
    audit
        For filter, routes and callbacks.

    Raises
    ------
    InvalidSettings
        AuditSyslog names no syslog.
    """

    def __init__(
        self, settings: Settings, configuration: Mapping[str, Any], sidecar: Path, keyring: Keyring, readers: Readers,
        actor_of: Callable[[Mapping[str, str]], Actor],
    ) -> None:  # fmt: skip
        node = str(configuration.get("Name") or "Orthanc")
        self._syslog = None if settings.audit_syslog is None else Syslog(_target(settings.audit_syslog))
        sinks: list[Sink] = [] if self._syslog is None else [_ToSyslog(self._syslog, node)]
        if hasattr(orthanc, "EmitAuditLog"):
            sinks.append(_ToOrthanc())
        lookup = ResourceLookup()
        self.audit = Audit(
            AuditSettings(
                _folder(settings, sidecar) if settings.audit else None,
                Rotation(settings.audit_file * _MIB, settings.audit_days),
                settings.audit_required,
            ),
            keyring,
            Names(readers, lookup.studies_of),
            lookup.studies_of,
            Reading(
                actor_of,
                roots_of(configuration),
                frozenset(settings.trusted_proxies),
                _identified_by(settings),
            ),
            sinks,
        )

    def start(self) -> None:
        """Begin to record and to send."""
        if self._syslog is not None:
            self._syslog.start()
        self.audit.start()

    def stop(self) -> None:
        """Write and send what waits."""
        self.audit.stop()
        if self._syslog is not None:
            self._syslog.stop()


def _identified_by(settings: Settings) -> tuple[str, ...]:
    """The headers that tell who sends a request."""
    tokens = None if settings.access is None else settings.access.tokens
    return ("authorization", "cookie", *(() if tokens is None else (tokens.header.lower(),)))


def _folder(settings: Settings, sidecar: Path) -> Path:
    return Path(settings.audit_path) if settings.audit_path else sidecar.with_name(f"audit-{sidecar.stem}")


def _target(text: str) -> Target:
    try:
        return Target.read(text)
    except ValueError as error:
        raise InvalidSettings(f'"Longitudinal.AuditSyslog": {error}') from None


class _ToSyslog:
    def __init__(self, syslog: Syslog, node: str) -> None:
        self._syslog = syslog
        self._node = node

    def send_lines(self, lines: Sequence[Line]) -> None:
        from longitudinal.access.audit.message import syslog_event  # late: few have a syslog, which needs XML

        self._syslog.send([syslog_event(line, self._node) for line in lines])

    def send_head(self, head: Head) -> None:
        from longitudinal.access.audit.message import syslog_head

        self._syslog.send([syslog_head(head)])


class _ToOrthanc:
    """Orthanc's audit log (from 1.12.9 on), which another plugin may keep; left alone once it refuses."""

    def __init__(self) -> None:
        self._is_working = True

    def send_lines(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if self._is_working and line.kind != EventKind.SYSTEM:
                self._emit(line)

    def send_head(self, head: Head) -> None:
        """Nothing: there is no place for it."""

    def _emit(self, line: Line) -> None:
        level = orthanc.ResourceType.STUDY if line.study_instance_uid else orthanc.ResourceType.PATIENT
        content = msgspec.json.encode(line)
        try:
            orthanc.EmitAuditLog(
                "longitudinal",
                line.actor,
                level,
                line.study_instance_uid or line.patient_id,
                line.kind.value,
                content,
            )
        except Exception as error:
            self._is_working = False
            LOGGER.warning("Orthanc does not take events for its own audit log: %s", error)


def modality_of(instance: Any) -> str | None:
    """The AE title that an instance was stored by through DICOM; None where it came in another way."""
    try:
        if instance.GetInstanceOrigin() == orthanc.InstanceOrigin.DICOM_PROTOCOL:
            return str(instance.GetInstanceRemoteAet())
    except Exception:  # nothing of a store depends on it
        LOGGER.debug("The origin of an instance is not known", exc_info=True)
    return None
