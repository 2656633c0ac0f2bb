"""What a syslog gets: DICOM's audit messages (PS3.15 A.5) in RFC 5424, by UDP, TCP and a Unix socket."""

import re
import socket
from base64 import b64decode
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from longitudinal.access.audit.chain import Head, Line, chain_key, read_head
from longitudinal.access.audit.events import EventKind, Outcome
from longitudinal.access.audit.message import audit_message, syslog_event, syslog_head
from longitudinal.access.audit.syslog import Syslog, Target
from longitudinal.transforms.signature import Key

SECONDS = 10
KEY = chain_key(Key(b"k" * 32))
# RFC 5424 6: priority, version, time, host, application, process, message id, no structured data, message
LINE = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([!-~]{1,255}) ([!-~]{1,48}) (\d+) ([!-~]{1,32}) - (.*)",
    re.DOTALL,
)


def line(kind: EventKind = EventKind.READ, **more: Any) -> Line:
    given: dict[str, Any] = {
        "n": 7, "key": "k", "mac": "0" * 64, "kind": kind, "time": "2026-11-28T20:00:00.123Z", "actor": "ann",
        "how": "basic", "address": "10.0.0.1", "patient_id": "P<1>", "study_instance_uid": "1.2.3",
        "action": "GET /studies/{study}", "object": "/studies/1.2.3", "status": 200,
    }  # fmt: skip
    return Line(**given | more)


def message(kind: EventKind = EventKind.READ, **more: Any) -> Element:
    return fromstring(audit_message(line(kind, **more), "Test"))


def coded(message: Element) -> tuple[str, str | None, str]:
    """Codes of event and type, and the action."""
    identification = message.find("EventIdentification")
    assert identification is not None
    event, kind = identification.find("EventID"), identification.find("EventTypeCode")
    assert event is not None
    assert event.attrib["codeSystemName"] == "DCM"
    return event.attrib["csd-code"], None if kind is None else kind.attrib["csd-code"], identification.attrib[
        "EventActionCode"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "more", "codes"),
    [
        (EventKind.LOGIN, {}, ("110114", "110122", "E")), (EventKind.SEARCH, {}, ("110112", None, "E")),
        (EventKind.READ, {}, ("110103", None, "R")), (EventKind.REVIEW, {}, ("110103", None, "U")),
        (EventKind.WRITE, {"action": "POST /transforms"}, ("110103", None, "C")),
        (EventKind.WRITE, {"action": "DELETE /places/{place}"}, ("110103", None, "D")),
        (EventKind.WRITE, {"action": "DELETE /studies/0123"}, ("110105", None, "D")),
        (EventKind.WRITE, {"action": "C-STORE", "how": "dicom"}, ("110104", None, "C")),
        (EventKind.GRANT, {}, ("110113", "110135", "E")), (EventKind.SHARE, {}, ("110113", "110135", "E")),
        (EventKind.REFUSAL, {}, ("110113", "110132", "E")), (EventKind.AUDIT, {}, ("110101", None, "R")),
        (EventKind.SYSTEM, {"action": "started"}, ("110100", "110120", "E")),
        (EventKind.SYSTEM, {"action": "stopped"}, ("110100", "110121", "E")),
        (EventKind.SYSTEM, {"action": "lost"}, ("110113", "110133", "E")),
    ],
)  # fmt: skip
def test_an_event_has_the_codes_of_the_standard(
    kind: EventKind, more: dict[str, Any], codes: tuple[str, str | None, str]
) -> None:
    assert coded(message(kind, **more)) == codes


@pytest.mark.parametrize(
    ("outcome", "indicator"),
    [(Outcome.OK, "0"), (Outcome.ASKED, "0"), (Outcome.FAILED, "4"), (Outcome.REFUSED, "8")],
)
def test_an_outcome_is_that_of_the_standard(outcome: Outcome, indicator: str) -> None:
    identification = message(outcome=outcome).find("EventIdentification")
    assert identification is not None
    assert identification.attrib["EventOutcomeIndicator"] == indicator


def test_a_message_says_who_where_and_whom_in_the_order_of_the_schema() -> None:
    found = message()
    assert [child.tag for child in found] == [
        "EventIdentification", "ActiveParticipant", "ActiveParticipant", "AuditSourceIdentification",
        "ParticipantObjectIdentification", "ParticipantObjectIdentification", "ParticipantObjectIdentification",
    ]  # fmt: skip
    person, patient, study, asked = found[1], found[4], found[5], found[6]
    assert (person.attrib["UserID"], person.attrib["NetworkAccessPointID"]) == ("ann", "10.0.0.1")
    assert (patient.attrib["ParticipantObjectID"], patient[0].attrib["csd-code"]) == ("P<1>", "2")
    assert (study.attrib["ParticipantObjectID"], study[0].attrib["csd-code"]) == ("1.2.3", "110180")
    assert b64decode(asked.findtext("ParticipantObjectQuery") or "") == b"/studies/1.2.3"
    children = [child.tag for child in asked]
    assert children == [
        "ParticipantObjectIDTypeCode",
        "ParticipantObjectQuery",
        *["ParticipantObjectDetail"] * 2,
    ]


def test_what_xml_cannot_hold_is_replaced() -> None:
    found = message(patient_id="a\x00b\x1bc\ufffe", detail='<&">\x07', actor="\x01")
    assert found[4].attrib["ParticipantObjectID"] == "a\ufffdb\ufffdc\ufffd"


def test_a_line_is_that_of_rfc_5424() -> None:
    for sent, identification in (
        (syslog_event(line(), "Test"), b"DICOM+RFC3881"),
        (syslog_head(Head(5, "0" * 64, "f", "2026-11-28T20:00:00.123Z", "k").signed(KEY)), b"AUDITHEAD"),
    ):
        match = LINE.fullmatch(sent)
        assert match is not None, sent
        assert (match[1], match[4], match[6]) == (b"85", b"orthanc-longitudinal", identification)
    assert LINE.fullmatch(syslog_event(line(), "Test"))[7].startswith(b"\xef\xbb\xbf<AuditMessage>")  # type: ignore[index]


def test_a_head_of_the_syslog_can_be_read_back() -> None:
    head = Head(5, "0" * 64, "audit-2026-11-28-000001.jsonl", "2026-11-28T20:00:00.123Z", "k").signed(KEY)
    text = syslog_head(head)
    assert read_head(text[text.index(b"{") :]) == head


@pytest.mark.parametrize(
    "text",
    ["", "http://x", "udp://", "tcp://h/path", "unix://relative", "unix:", "tcp://h:port", "tcp://h:99999"],
)
def test_what_is_no_syslog_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Target.read(text)


def sender(target: Target) -> Syslog:
    made = Syslog(target)
    made.start()
    return made


def receiver(kind: socket.SocketKind, port: int = 0) -> socket.socket:
    found = socket.socket(socket.AF_INET, kind)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", port))
    found.settimeout(SECONDS)
    return found


def test_datagrams_are_messages_of_their_own(tmp_path: Path) -> None:
    with receiver(socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.bind(str(tmp_path / "log"))
        unix.settimeout(SECONDS)
        for listens, target in (
            (udp, Target("udp", "127.0.0.1", udp.getsockname()[1])),
            (unix, Target("unix", path=str(tmp_path / "log"))),
        ):
            sends = sender(target)
            sends.send([b"one", b"two"])
            assert [listens.recv(100), listens.recv(100)] == [b"one", b"two"]
            sends.stop()


def test_tcp_counts_octets_and_goes_on_where_the_syslog_comes_back() -> None:
    listens = receiver(socket.SOCK_STREAM)
    listens.listen()
    port = listens.getsockname()[1]
    sends = sender(Target("tcp", "127.0.0.1", port))
    sends.send([b"one", b"three"])
    connection, _ = listens.accept()
    connection.settimeout(SECONDS)
    assert read(connection, 12) == b"3 one5 three"
    connection.close()
    listens.close()
    sends.send([b"four"])
    again = receiver(socket.SOCK_STREAM, port)
    again.listen()
    connection, _ = again.accept()
    connection.settimeout(SECONDS)
    assert read(connection, 6) == b"4 four"
    sends.stop()
    connection.close()
    again.close()
    assert sends.problem is None


def read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += connection.recv(size - len(found))
    return found


def test_a_syslog_that_is_not_there_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longitudinal.access.audit.syslog._MOST_WAITING", 10)
    monkeypatch.setattr("longitudinal.access.audit.syslog._SECONDS", 0.2)
    with receiver(socket.SOCK_STREAM) as taken:  # bound, and nobody listens
        sends = sender(Target("tcp", "127.0.0.1", taken.getsockname()[1]))
        sends.send([b"x"] * 100)
        assert len(sends._waiting) == 10
        sends.stop()
        assert "cannot be reached" in (sends.problem or "")
