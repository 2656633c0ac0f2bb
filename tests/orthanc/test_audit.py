"""The audit on real servers: who did what, after kills, without its folder, and in Debian's rsyslog."""

import csv
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
import requests

from tests.data import ROOT
from tests.orthanc.access import Login, add_users, restricted, session_of
from tests.orthanc.access_ward import study_of
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.rsyslog import PROGRAM, Rsyslog
from tests.orthanc.server import OrthancServer, ServerSession, wait_until
from tests.orthanc.test_transforms import fill, turned

Json = dict[str, Any]
STUDY_A, STUDY_B = "1.2.77.65.2020", "1.2.77.66.2020"
SECONDS = 20


@pytest.fixture(scope="module")
def rsyslog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rsyslog | None]:
    if PROGRAM is None:
        yield None
        return
    with Rsyslog(tmp_path_factory.mktemp("rsyslog")) as running:
        yield running


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Login:
    return Login(tmp_path_factory.mktemp("login"))


@pytest.fixture(scope="module")
def ward(
    tmp_path_factory: pytest.TempPathFactory, login: Login, rsyslog: Rsyslog | None
) -> Iterator[OrthancServer]:
    """Access is restricted, every change must be recorded, and a syslog listens."""
    configuration = restricted(
        {"Users": ["vera"], "Roles": ["viewer"], "Patients": ["PatA"]},
        {"Users": ["rene"], "Roles": ["reviewer"], "Everything": True},
        {"Users": ["otto"], "Roles": ["auditor"]},
        Tokens=login.settings, ServiceAccounts=["proxy"], BreakGlass={"Roles": ["reviewer"]},
    )  # fmt: skip
    configuration["Longitudinal"] |= {
        "AlignOnArrival": False, "AuditRequired": True, "TrustedProxies": ["127.0.0.1"],
    } | ({} if rsyslog is None else {"AuditSyslog": rsyslog.urls["tcp"]})  # fmt: skip
    configuration["DicomModalities"] = {"mr": ["MR1", "127.0.0.1", 4242]}
    server = OrthancServer(tmp_path_factory.mktemp("ward"), configuration=configuration)
    add_users(server, "vera", "rene", "otto", "proxy")
    with server:
        fill(server, study_of("PatA", 2020, "1.2.78.1"), study_of("PatB", 2020, "1.2.78.2"))
        fill(server, study_of("PatA", 2021, "1.2.78.3"))
        yield server


def folder_of(server: OrthancServer) -> Path:
    return server.folder / "index" / "audit-longitudinal-Test"


def events(server: OrthancServer, session: ServerSession | None = None, **query: Any) -> list[Json]:
    """Events, the oldest first."""
    response = (session or server.session).get("/imaging/audit", params={"limit": 1_000} | query)
    assert response.status_code == 200, response.text
    return list(reversed(response.json()["events"]))


def verified(*arguments: str) -> tuple[int, str]:
    """Exit code and words of the command."""
    done = subprocess.run(
        [sys.executable, "-m", "longitudinal.audit", "verify", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")}, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def short(event: Json) -> tuple[str, str, str, str]:
    return event["kind"], event["patientId"], event["studyInstanceUid"], event["outcome"]


def test_a_reader_of_one_patient(ward: OrthancServer) -> None:
    vera = session_of(ward, "vera")
    vera.headers["X-Forwarded-For"] = "198.51.100.9, 203.0.113.7, 127.0.0.1"
    vera.headers["X-Request-Id"] = "request-of-vera"
    instance = ward.session.post("/tools/lookup", data=f"{STUDY_A}.1.1").json()[0]["ID"]
    for _ in range(2):
        assert vera.get(f"/imaging/studies/{STUDY_A}").status_code == 200
        assert vera.get(f"/dicom-web/studies/{STUDY_A}/metadata").status_code == 200
        assert vera.get(f"/instances/{instance}/tags").status_code == 200
        assert vera.get("/imaging/me").status_code == 200
    assert vera.get(f"/imaging/studies/{STUDY_B}").status_code == 404
    assert vera.get("/patients").status_code == 403
    assert vera.get("/imaging/audit").status_code == 403
    assert vera.get("/imaging/patients", params={"query": "Name"}).status_code == 200
    found = events(ward, actor="vera")
    assert [short(event) for event in found] == [
        ("login", "", "", "ok"),
        ("read", "PatA", STUDY_A, "ok"),  # by whatever way, once in five minutes
        ("read", "", "", "failed"),
        ("refusal", "", "", "refused"),
        ("refusal", "", "", "refused"),
        ("search", "", "", "ok"),
    ]
    assert {(event["address"], event["via"], event["how"]) for event in found} == {
        ("203.0.113.7", "127.0.0.1", "basic")
    }
    assert {event["requestId"] for event in found} == {"request-of-vera"}
    assert found[1]["action"] == "GET /studies/{study}"
    assert found[2]["object"] == f"/studies/{STUDY_B}"
    assert "role to view" in found[3]["detail"] or "may not see" in found[3]["detail"]
    assert found[5]["object"] == "/patients?query=Name"


def test_a_reviewer_changes_something(ward: OrthancServer) -> None:
    rene = session_of(ward, "rene")
    given = rene.post("/imaging/transforms", json={
        "sourceFrameOfReferenceUid": "1.2.78.3", "targetFrameOfReferenceUid": "1.2.78.1", "matrix": turned().tolist(),
        "expectedErrorMm": 1.0,
    })  # fmt: skip
    assert given.status_code == 201, given.text
    transform = given.json()["id"]
    assert rene.post(f"/imaging/transforms/{transform}/review", json={"decision": "accepted"}).ok
    resolved = rene.post(
        "/imaging/points/resolve", json={"sopInstanceUid": f"{STUDY_A}.1.1", "row": 1, "column": 1}
    )
    assert resolved.ok
    opened = rene.post(
        "/imaging/grants", json={"patientId": "PatB", "emergency": True, "reason": "unconscious"}
    )
    assert opened.ok, opened.text
    found = [event for event in events(ward, actor="rene") if event["kind"] != "login"]
    assert [(event["kind"], event["patientId"], event["status"]) for event in found] == [
        ("write", "PatA", 201), ("review", "PatA", 200), ("read", "PatA", 200), ("grant", "PatB", 201),
    ]  # fmt: skip
    assert found[2]["studyInstanceUid"] == STUDY_A
    assert found[3]["detail"].startswith("emergency, until 20")
    assert found[3]["detail"].endswith(": unconscious")


def test_a_token_beside_a_service_account_and_a_wrong_one(ward: OrthancServer, login: Login) -> None:
    proxied = session_of(ward, "proxy")
    proxied.headers["X-Imaging-Token"] = login.token("vera")
    assert proxied.get(f"/imaging/studies/{STUDY_A}").ok
    proxied.headers["X-Imaging-Token"] = "forged"
    assert proxied.get(f"/imaging/studies/{STUDY_A}").status_code == 403
    found = events(ward, actor="vera")
    assert ("read", "proxy") in {(event["kind"], event["how"]) for event in found}
    refused = [event for event in events(ward, kind="refusal") if "said to be 'proxy'" in event["detail"]]
    assert [(event["actor"], event["how"]) for event in refused] == [("", "unknown")]


def test_orthancs_own_routes_and_modalities(ward: OrthancServer, tmp_path: Path) -> None:
    """What is deleted past the plugin is known by name; what a modality stores, by its AE title."""
    files = []
    for number, content in enumerate(study_of("PatD", 2020, "1.2.78.4")):
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(content)
    ward.store_scu(files, aet="MR1")
    wait_until(
        lambda: ward.session.get("/imaging/studies/1.2.77.68.2020").ok, SECONDS, "what was stored is indexed"
    )
    stored = wait_until(lambda: events(ward, actor="MR1"), SECONDS, "the store is recorded")
    assert [(*short(event), event["how"]) for event in stored] == [
        ("write", "PatD", "1.2.77.68.2020", "ok", "dicom")
    ]
    study = ward.session.get("/imaging/studies/1.2.77.68.2020").json()["orthancStudyId"]
    assert ward.session.post("/tools/find", json={"Level": "Study", "Query": {"PatientID": "PatD"}}).ok
    assert ward.session.delete(f"/studies/{study}").ok
    found = events(ward, studyInstanceUid="1.2.77.68.2020", kind="write", actor=ward.user)
    assert [(event["patientId"], event["action"]) for event in found] == [
        ("PatD", f"DELETE /studies/{study}")
    ]
    assert "POST /tools/find" in {event["action"] for event in events(ward, kind="search")}


def test_an_auditor_reads_it_page_by_page_and_as_a_table(ward: OrthancServer) -> None:
    otto = session_of(ward, "otto")
    assert otto.get(f"/imaging/studies/{STUDY_A}").status_code == 403
    ward.session.get(f"/imaging/studies/{STUDY_B}", headers={"X-Request-Id": "=cmd-of-a-test"})
    whole = events(ward, otto, patientId="PatB")
    assert whole
    pages, before = [], None
    while True:
        page = otto.get("/imaging/audit", params={"patientId": "PatB", "limit": 1, "before": before}).json()
        pages += page["events"]
        before = page["next"]
        if before is None:
            break
    assert list(reversed(pages)) == whole
    table = otto.get("/imaging/audit", params={"patientId": "PatB"}, headers={"Accept": "text/csv"})
    assert table.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["number"] for row in rows] == [str(event["number"]) for event in reversed(whole)]
    day = whole[0]["time"][:10]
    assert events(ward, otto, since=day, until=day, patientId="PatB") == whole
    assert events(ward, otto, until="2001-01-01") == []
    assert otto.get("/imaging/audit", params={"since": "yesterday"}).status_code == 400
    assert {event["actor"] for event in events(ward, otto, kind="audit")} >= {"otto", "vera"} - {"vera"}
    words = otto.get("/imaging/audit", params={"limit": 1000}).text
    assert "Secret" not in words  # no names of patients
    assert "does not take events" not in ward.log  # EmitAuditLog, where this Orthanc has it


def test_nothing_is_changed_without_its_record(ward: OrthancServer, tmp_path: Path) -> None:
    folder, away = folder_of(ward), ward.folder / "away"
    review = {
        "sourceFrameOfReferenceUid": "1.2.78.3",
        "targetFrameOfReferenceUid": "1.2.78.1",
        "matrix": turned().tolist(),
    }
    folder.rename(away)
    try:
        refused = ward.session.post("/imaging/transforms", json=review)
        assert (refused.status_code, refused.json()["code"]) == (503, "auditUnavailable")
        assert str(folder) in refused.json()["detail"]
        assert "put it back" in refused.json()["detail"]
        health = ward.session.get("/imaging/health")
        assert (health.status_code, health.json()["audit"]) == (200, "failing")
        assert str(folder) in health.json()["auditProblem"]
        assert ward.session.get(f"/imaging/studies/{STUDY_A}").ok
        file = tmp_path / "one.dcm"
        file.write_bytes(study_of("PatE", 2020, "1.2.78.5")[0])
        ward.store_scu([file], aet="MR1")  # stores are never refused
        assert ward.session.post("/instances", data=study_of("PatE", 2020, "1.2.78.5")[1]).ok
    finally:
        away.rename(folder)
    assert ward.session.post("/imaging/transforms", json=review).ok
    assert ward.session.get("/imaging/health").json()["audit"] == "written"
    # what happened meanwhile is recorded now
    assert [event["status"] for event in events(ward, outcome="failed", kind="write")] == [503]
    assert verified(str(folder))[0] == 0


def test_kills_lose_a_second_at_most_and_the_chain_goes_on(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration={"Longitudinal": {"AlignOnArrival": False}})
    folder = folder_of(server)
    form = {"file": ("one.dcm", study_of("PatF", 2020, "1.2.78.6")[0])}
    assert server.session.post("/imaging/uploads", files=form).ok
    (upload,) = events(server, kind="write")
    # Orthanc hands on the part of a form without saying who sent the whole
    assert (upload["actor"], upload["how"], upload["patientId"]) == (server.user, "basic", "PatF")
    for _ in range(2):
        sent = _asked_until_killed(server)
        server.start()
        recorded = {event["object"] for event in events(server, kind="search")}
        lost = [at for name, at in sent.items() if f"/patients?query={name}" not in recorded]
        last = max(sent.values())
        assert all(last - at <= 1.0 for at in lost), (len(lost), last - min(lost))
    starts = [event for event in events(server, kind="system") if event["action"] == "started"]
    assert [event["detail"] != "" for event in starts] == [False, True, True]
    server.stop()
    assert verified(str(folder))[0] == 0
    last = sorted(folder.glob("audit-*.jsonl"))[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join(lines[:-1]))
    code, words = verified(str(folder))
    assert (code, "the end was cut off" in words) == (1, True), words
    server.start()
    (damage,) = [event for event in events(server, kind="system") if event["action"] == "damage"]
    assert "the end was cut off" in damage["detail"]
    assert damage["detail"] in server.log
    last.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    code, words = verified(str(folder))
    assert (code, f"{last.name}, line 4: event" in words) == (1, True), words
    assert verified(str(server.folder / "nowhere"))[0] == 2


def _asked_until_killed(server: OrthancServer) -> dict[str, float]:
    """Searches of names of their own, one after the other; when each was answered (monotonic), until the kill."""
    import time

    sent: dict[str, float] = {}
    killed = threading.Event()

    def ask() -> None:
        session = server.new_session()
        number = 0
        while not killed.is_set():
            name = f"k{id(sent)}n{number}"
            try:
                session.get("/imaging/patients", params={"query": name})
            except requests.RequestException:
                return
            sent[name] = time.monotonic()
            number += 1

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: len(sent) >= 300, 60, "so many requests were answered")
    server.kill()
    killed.set()
    thread.join()
    return sent


@pytest.mark.skipif(PROGRAM is None, reason="Debian's rsyslog is NOT installed, so nothing was sent to one")
def test_rsyslog_keeps_every_event_and_the_ends_of_the_chain(ward: OrthancServer, rsyslog: Rsyslog) -> None:
    ward.session.get("/imaging/patients", params={"query": "for rsyslog"})
    newest = events(ward, kind="search")[-1]
    wait_until(
        lambda: f'value="{_base64(str(newest["number"]))}"' in rsyslog.text,
        SECONDS,
        "rsyslog has the newest event",
    )
    messages = [line for line in rsyslog.text.splitlines() if "DICOM+RFC3881" in line]
    found = [fromstring(line[line.index("<AuditMessage") :]) for line in messages]
    codes = {message.find("EventIdentification/EventID").attrib["csd-code"] for message in found}  # type: ignore[union-attr]
    assert {"110114", "110112", "110103", "110100"} <= codes  # login, query, access, start
    kinds = {kind.attrib["csd-code"] for message in found for kind in message.iter("EventTypeCode")}
    assert "110127" in kinds  # an emergency
    (searched,) = [one for one in found if _base64("/patients?query=for+rsyslog") in "".join(one.itertext())]
    person = searched.find("ActiveParticipant[@UserIsRequestor='true']")
    assert person is not None
    assert (person.attrib["UserID"], person.attrib["NetworkAccessPointID"]) == (ward.user, "127.0.0.1")
    assert all(line.startswith("<8") and ">1 20" in line[:8] for line in messages)
    wait_until(lambda: "audit head {" in rsyslog.text, SECONDS, "rsyslog has a statement of the chain's end")
    code, words = verified(str(folder_of(ward)), "--syslog", str(rsyslog.path))
    assert (code, "statements of the syslog" in words) == (0, True), words


def _base64(text: str) -> str:
    from base64 import b64encode

    return b64encode(text.encode()).decode()
