"""What is noted becomes events: once in five minutes for reads, with names from the index, and none is lost in silence."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from longitudinal.access.audit.chain import chain_key
from longitudinal.access.audit.core_events import core_event
from longitudinal.access.audit.events import EventKind
from longitudinal.access.audit.listing import Wanted, listed
from longitudinal.access.audit.names import Names
from longitudinal.access.audit.recorder import READ_SECONDS, Reading, Recorder
from longitudinal.access.audit.requests import Noted, Store, StudyNames, how_of, who_of
from longitudinal.access.audit.trail import Rotation, Trail
from longitudinal.access.audit.verification import verify
from longitudinal.access.core_paths import Named, Roots
from longitudinal.access.identity import NOBODY, Actor, How
from longitudinal.sidecar.connection import Readers
from longitudinal.sight import StudyName
from longitudinal.touched import Touched
from longitudinal.transforms.signature import Key

KEY = chain_key(Key(b"k" * 32))
ANN = Actor("ann", How.PASSWORD)
ID = "-".join(["0123abcd"] * 5)
NOW = 1_800_000_000.0


def archive(named: Named) -> list[StudyName]:
    """Every instance and series is of one study; there is nothing else."""
    return [] if named.level == "patients" else [StudyName(ID, "P", "1.2.3")]


def noted(kind: EventKind | None = EventKind.READ, at: float = NOW, **more: Any) -> Noted:
    given: dict[str, Any] = {
        "time": at, "method": "GET", "path": "/x", "kind": kind, "action": "GET /x", "headers": {}, "address": "10.0.0.1",
        "actor": ANN, "status": 200, "touched": Touched({("studies", "1.2.3"): None}),
    }  # fmt: skip
    return Noted(**given | more)


class Written:
    """A recorder without an index, and what it has written."""

    def __init__(self, folder: Path, actor_of: Callable[[Mapping[str, str]], Actor]) -> None:
        self.folder = folder / "audit"
        trail = Trail(self.folder, [KEY], Rotation(10**6))
        readers = Readers(folder / "none.sqlite")
        self.recorder = Recorder(
            trail, Names(readers, archive), Reading(actor_of, identified_by=("x-name",)), is_required=True
        )
        self.recorder.start()

    def kinds(self) -> list[str]:
        return [line.kind.value for line in self.lines()]

    def lines(self) -> list[Any]:
        """The events of requests, the oldest first."""
        assert self.recorder.settle()
        found = listed(self.folder, Wanted(), 10_000)
        return [line for line in reversed(found) if line.kind != EventKind.SYSTEM]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    found = Written(tmp_path, lambda headers: Actor(headers.get("x-name", ""), How.PASSWORD))
    yield found
    found.recorder.stop()
    assert verify(found.folder, {KEY.id: KEY}).is_intact


def test_a_read_is_one_event_in_five_minutes(written: Written) -> None:
    for at in (0, 10, READ_SECONDS - 1, READ_SECONDS + 1):
        written.recorder.note(noted(at=NOW + at))
    later = NOW + READ_SECONDS + 20
    written.recorder.note(noted(None, path=f"/instances/{ID}/tags", status=0, at=later, touched=Touched()))
    written.recorder.note(noted(actor=Actor("ben", How.PASSWORD), at=later))
    written.recorder.note(noted(status=404, touched=Touched(), at=later))
    assert written.kinds() == ["login", "read", "read", "login", "read", "read"]
    assert [line.actor for line in written.lines() if line.kind == EventKind.READ] == [
        "ann",
        "ann",
        "ben",
        "ann",
    ]


def test_changes_are_events_each(written: Written) -> None:
    for kind in (
        EventKind.WRITE,
        EventKind.WRITE,
        EventKind.REVIEW,
        EventKind.GRANT,
        EventKind.SHARE,
        EventKind.SEARCH,
    ):
        written.recorder.note(noted(kind))
    assert written.kinds()[1:] == ["write", "write", "review", "grant", "share", "search"]
    assert {(line.patient_id, line.study_instance_uid) for line in written.lines()[1:]} == {("P", "1.2.3")}


def test_what_shows_nobody_is_a_login_and_nothing_else(written: Written) -> None:
    written.recorder.note(noted(EventKind.NONE))
    written.recorder.note(noted(EventKind.NONE))
    written.recorder.note(
        noted(None, path="/app/explorer.html", touched=Touched(), actor=None, headers={"x-name": "ben"})
    )
    assert [(line.kind.value, line.actor) for line in written.lines()] == [("login", "ann"), ("login", "ben")]


def test_a_refusal_is_one_whatever_was_asked(written: Written) -> None:
    written.recorder.note(noted(EventKind.WRITE, status=403, actor=NOBODY, path="/y"))
    mallory = {"authorization": "Basic ZXZlOng="}
    written.recorder.note(noted(None, refusal="no role", actor=NOBODY, headers=mallory))
    written.recorder.note(noted(None, refusal="no role", actor=NOBODY, headers=mallory, at=NOW + 5))
    written.recorder.note(noted(None, refusal="no role", actor=NOBODY, headers=mallory, at=NOW + 15))
    assert [(line.kind.value, line.detail) for line in written.lines()] == [
        ("refusal", ""), ("refusal", "no role (said to be 'eve')"), ("refusal", "no role (said to be 'eve')"),
    ]  # fmt: skip


def test_what_strangers_write_cannot_break_a_line(written: Written) -> None:
    strange = 'x"\n\ud800{"n":1}' + "y" * 5_000
    written.recorder.note(noted(EventKind.SEARCH, path=strange, arguments={strange: strange}, action=strange))
    written.recorder.note(noted(EventKind.SEARCH, actor=Actor(strange, How.PASSWORD)))
    found = written.lines()
    assert len(found) == 4
    assert len(found[1].object) == 500


def test_a_request_that_cannot_be_described_keeps_nobody_out(written: Written) -> None:
    broken: Any = noted(headers=None, actor=None)
    written.recorder.note(broken)
    written.recorder.note(noted())
    assert written.kinds() == ["login", "read"]
    assert "undescribed" in {
        line.action for line in listed(written.folder, Wanted(kind=EventKind.SYSTEM), 100)
    }


def test_stores_of_a_modality_are_one_event_a_study(written: Written) -> None:
    for number in range(50):
        written.recorder.note(Store(time.time() - 10, f"{number}", "MR1"))
    assert [(line.actor, line.how, line.action) for line in written.lines()] == [("MR1", "dicom", "C-STORE")]


def test_nothing_is_lost_while_it_cannot_be_written(written: Written) -> None:
    written.recorder.note(noted())
    assert written.recorder.refusal() is None
    away = written.folder.with_name("away")
    os.rename(written.folder, away)
    written.recorder.note(noted(EventKind.WRITE))
    refusal = written.recorder.refusal()
    assert refusal is not None
    assert str(written.folder) in refusal
    os.rename(away, written.folder)
    assert written.recorder.refusal() is None
    assert written.kinds() == ["login", "read", "write"]


def test_too_many_at_once_are_counted(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longitudinal.access.audit.recorder._MOST_WAITING", 5)
    away = written.folder.with_name("away")
    assert written.recorder.settle()
    os.rename(written.folder, away)
    for number in range(4):
        written.recorder.note(noted(EventKind.WRITE, at=NOW + number))
    assert written.recorder.refusal() is not None
    for number in range(4):
        written.recorder.note(noted(EventKind.WRITE, at=NOW + number))
    assert written.recorder.refusal() is not None
    os.rename(away, written.folder)
    assert written.recorder.refusal() is None
    assert written.recorder.settle()
    lost = [line for line in listed(written.folder, Wanted(), 100) if line.action == "lost"]
    assert [line.detail for line in lost] == ["4 events were lost"]


def test_an_address_counts_from_a_trusted_proxy_only() -> None:
    one = noted(headers={"x-forwarded-for": "1.1.1.1, 2.2.2.2, 10.0.0.1"})
    assert who_of(one, ANN, frozenset()).address == "10.0.0.1"
    trusted = who_of(one, ANN, frozenset({"10.0.0.1"}))
    assert (trusted.address, trusted.via) == ("2.2.2.2", "10.0.0.1")
    assert who_of(noted(), ANN, frozenset({"10.0.0.1"})).via == ""


def test_how_somebody_is_known() -> None:
    token = Actor("ann", How.TOKEN)
    assert how_of(token, {"authorization": "Basic x", "x-imaging-token": "y"}) == "proxy"
    assert how_of(token, {"authorization": "bearer x"}) == "bearer"
    assert (how_of(ANN, {}), how_of(NOBODY, {})) == ("basic", "unknown")


@pytest.mark.parametrize(
    ("asked", "kind", "named"),
    [
        (("GET", f"/instances/{ID}/attachments/dicom/data"), "read", ("instances", ID)),
        (("GET", f"/instances/{ID}/frames/0/preview"), "read", ("instances", ID)),
        (("GET", f"/studies/{ID}/archive"), "read", ("studies", ID)),
        (("POST", f"/studies/{ID}/archive"), "read", ("studies", ID)),
        (("GET", f"/patients/{ID}"), "read", ("patients", ID)),
        (("DELETE", f"/series/{ID}"), "write", ("series", ID)),
        (("POST", f"/studies/{ID}/modify"), "write", ("studies", ID)),
        (("PUT", f"/studies/{ID}/metadata/1024"), "write", ("studies", ID)),
        (("GET", "/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/1"), "read", ("instances", "1.4")),
        (("GET", "/dicom-web/studies/1.2"), "read", ("studies", "1.2")),
        (("GET", "/wado", {"requestType": "WADO", "studyUID": "1.2", "seriesUID": "1.3", "objectUID": "1.4"}), "read",
         ("instances", "1.4")),
        (("GET", "/studies/"), "search", None), (("GET", "/dicom-web/studies"), "search", None),
        (("GET", "/dicom-web/instances"), "search", None), (("POST", "/tools/find"), "search", None),
        (("POST", "/tools/lookup"), "search", None), (("GET", "/changes"), "search", None),
        (("POST", "/instances"), "write", None), (("POST", "/dicom-web/studies"), "write", None),
        (("POST", "/modalities/a/store"), "write", None), (("POST", "/tools/create-archive"), "read", None),
        (("POST", "/tools/reset"), "write", None), (("GET", "/jobs/1"), "read", None), (("GET", "/new/route"), "read", None),
        (("GET", "/system"), "none", None), (("GET", "/"), "none", None), (("GET", "/app/explorer.html"), "none", None),
        (("GET", "/tools/metrics-prometheus"), "none", None),
    ],
    ids=str,
)  # fmt: skip
def test_what_orthancs_own_paths_are(
    asked: tuple[Any, ...], kind: str, named: tuple[str, str] | None
) -> None:
    method, path, *arguments = asked
    found = core_event(method, path, arguments[0] if arguments else {}, Roots())
    assert (found[0].value, found[1]) == (kind, () if named is None else (named,))


def test_without_an_index_orthanc_is_asked(tmp_path: Path) -> None:
    names = Names(Readers(tmp_path / "none.sqlite"), archive)
    assert names.of([("instances", "1.4"), ("patients", "P")]) == (StudyNames("P", "1.2.3"),)
    assert names.of([("patients", "Q")]) == (StudyNames("Q"),)
    fresh = Names(Readers(tmp_path / "none.sqlite"), archive)
    assert fresh.of([("instances", "1.4")], also_archive=False) == ()
