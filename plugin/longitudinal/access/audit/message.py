"""Events as DICOM audit messages (PS3.15 A.5), and as lines of a syslog (RFC 5424, PS3.15 A.6)."""

import base64
import os
import socket
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from longitudinal.access.audit.chain import Head, Line
from longitudinal.access.audit.events import EventKind, Outcome

_APP = "orthanc-longitudinal"
# PS3.15 A.6: facility 10 (security), severity 5 (notice); the type of message in MSGID; UTF-8 with its mark (RFC 5424 6.4).
_PRIORITY = 10 * 8 + 5
_WARNING = 10 * 8 + 4
_MESSAGE_ID, _HEAD_ID = "DICOM+RFC3881", "AUDITHEAD"
_BOM = b"\xef\xbb\xbf"
_ENDS = str.maketrans(
    {chr(code): "\N{REPLACEMENT CHARACTER}" for code in range(0x20) if code not in (9, 10, 13)}
)


class Code(msgspec.Struct, frozen=True):
    """A code of DICOM's (PS3.16) and what it means."""

    value: str
    meaning: str


_LOGIN = Code("110114", "User Authentication")
_QUERY = Code("110112", "Query")
_ACCESSED = Code("110103", "DICOM Instances Accessed")
_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
_DELETED = Code("110105", "DICOM Study Deleted")
_ALERT = Code("110113", "Security Alert")
_USED = Code("110101", "Audit Log Used")
_ACTIVITY = Code("110100", "Application Activity")
_EVENTS: Mapping[EventKind, tuple[Code, str, Code | None]] = {
    EventKind.LOGIN: (_LOGIN, "E", Code("110122", "Login")),
    EventKind.SEARCH: (_QUERY, "E", None),
    EventKind.READ: (_ACCESSED, "R", None),
    EventKind.WRITE: (_ACCESSED, "U", None),
    EventKind.REVIEW: (_ACCESSED, "U", None),
    EventKind.GRANT: (_ALERT, "E", Code("110135", "Object Security Attributes Changed")),
    EventKind.SHARE: (_ALERT, "E", Code("110135", "Object Security Attributes Changed")),
    EventKind.REFUSAL: (_ALERT, "E", Code("110132", "Use of Restricted Function")),
    EventKind.AUDIT: (_USED, "R", None),
    EventKind.SYSTEM: (_ACTIVITY, "E", None),
}
_OF_SYSTEM: Mapping[str, tuple[Code, str, Code | None]] = {
    "started": (_ACTIVITY, "E", Code("110120", "Application Start")),
    "stopped": (_ACTIVITY, "E", Code("110121", "Application Stop")),
    "damage": (_ALERT, "E", Code("110135", "Object Security Attributes Changed")),
    "lost": (_ALERT, "E", Code("110133", "Audit Recording Stopped")),
}
_ACTIONS = {"POST": "C", "PUT": "U", "DELETE": "D"}
_OUTCOMES = {Outcome.OK: "0", Outcome.ASKED: "0", Outcome.FAILED: "4", Outcome.REFUSED: "8"}
_EMERGENCY = Code("110127", "Emergency Override Started")


def audit_message(line: Line, node: str) -> bytes:
    """The XML of an event, without a declaration.

    Parameters
    ----------
    node
        The name of this server.
    """
    event, action, kind = _coded(line)
    root = Element("AuditMessage")
    identification = SubElement(
        root, "EventIdentification", EventActionCode=action, EventDateTime=line.time,
        EventOutcomeIndicator=_OUTCOMES[line.outcome],
    )  # fmt: skip
    _add_code(identification, "EventID", event)
    if kind is not None:
        _add_code(identification, "EventTypeCode", kind)
    if line.detail:
        SubElement(identification, "EventOutcomeDescription").text = _plain(line.detail)
    _add_participants(root, line, node)
    SubElement(root, "AuditSourceIdentification", AuditSourceID=node)
    _add_objects(root, line)
    return tostring(root)


def _coded(line: Line) -> tuple[Code, str, Code | None]:
    event, action, kind = _EVENTS.get(line.kind, _EVENTS[EventKind.READ])
    if line.kind == EventKind.SYSTEM:
        return _OF_SYSTEM.get(line.action, (event, action, kind))
    method = line.action.partition(" ")[0]
    if line.how == "dicom":
        return _TRANSFERRED, "C", None
    if line.kind == EventKind.WRITE:
        is_whole = method == "DELETE" and line.action.split("/")[1:2] in (["studies"], ["patients"])
        return (_DELETED if is_whole else event), _ACTIONS.get(method, action), None
    if line.kind == EventKind.GRANT and line.detail.startswith("emergency"):
        return event, action, _EMERGENCY
    return event, action, kind


def _add_participants(root: Element, line: Line, node: str) -> None:
    person = {"UserID": _plain(line.actor) or line.address or "unknown", "UserIsRequestor": "true"}
    if line.address:
        person |= {"NetworkAccessPointID": _plain(line.address), "NetworkAccessPointTypeCode": "2"}
    if line.kind != EventKind.SYSTEM:
        SubElement(root, "ActiveParticipant", person)
    own = SubElement(
        root, "ActiveParticipant", UserID=node, AlternativeUserID=str(os.getpid()),
        UserIsRequestor="true" if line.kind == EventKind.SYSTEM else "false",
    )  # fmt: skip
    _add_code(own, "RoleIDCode", Code("110150", "Application"))


def _add_objects(root: Element, line: Line) -> None:
    if line.patient_id:
        patient = _object(root, line.patient_id, "1", "1")
        _add_code(patient, "ParticipantObjectIDTypeCode", Code("2", "Patient Number"), "RFC-3881")
    if line.study_instance_uid:
        study = _object(root, line.study_instance_uid, "2", "3")
        _add_code(study, "ParticipantObjectIDTypeCode", Code("110180", "Study Instance UID"))
    if line.kind == EventKind.AUDIT:
        trail = _object(root, line.object or "audit", "2", "13")
        _add_code(trail, "ParticipantObjectIDTypeCode", Code("12", "URI"), "RFC-3881")
        SubElement(trail, "ParticipantObjectName").text = "Security Audit Log"
    elif line.object:
        asked = _object(root, line.action or line.object, "2", "24" if line.kind == EventKind.SEARCH else "3")
        _add_code(asked, "ParticipantObjectIDTypeCode", Code("12", "URI"), "RFC-3881")
        query = base64.b64encode(line.object.encode()).decode()
        SubElement(asked, "ParticipantObjectQuery").text = query
        for name, value in (("event", str(line.n)), ("requestId", line.request_id), ("how", line.how)):
            if value:
                SubElement(
                    asked,
                    "ParticipantObjectDetail",
                    type=name,
                    value=base64.b64encode(value.encode()).decode(),
                )


def _object(root: Element, name: str, kind: str, role: str) -> Element:
    return SubElement(
        root, "ParticipantObjectIdentification", ParticipantObjectID=_plain(name), ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )  # fmt: skip


def _add_code(parent: Element, name: str, code: Code, system: str = "DCM") -> None:
    SubElement(parent, name, {"csd-code": code.value, "codeSystemName": system, "originalText": code.meaning})


def _plain(text: str) -> str:
    """A text as XML 1.0 can hold it."""
    return (
        text.translate(_ENDS)
        .replace("\ufffe", "\N{REPLACEMENT CHARACTER}")
        .replace("\uffff", "\N{REPLACEMENT CHARACTER}")
    )


def syslog_event(line: Line, node: str) -> bytes:
    """The message of an event, without framing."""
    return _header(_WARNING if line.outcome == Outcome.REFUSED else _PRIORITY, line.time, _MESSAGE_ID) + _BOM + (
        audit_message(line, node)
    )  # fmt: skip


def syslog_head(head: Head) -> bytes:
    """The message with the statement of the chain's end, which `longitudinal.audit verify --syslog` compares."""
    return _header(_PRIORITY, head.time, _HEAD_ID) + b"audit head " + msgspec.json.encode(head)


def _header(priority: int, time: str, message_id: str) -> bytes:
    host = "".join(letter for letter in socket.gethostname() if "!" <= letter <= "~")[:255] or "-"
    return f"<{priority}>1 {time} {host} {_APP} {os.getpid()} {message_id} - ".encode()
