"""Statements in a real archive: changed, restored from a backup, made on another node, or made before there were keys."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import ANOTHER_HAND, OrthancServer
from tests.orthanc.test_transforms import (
    FIRST,
    SECOND,
    fill,
    give_matrix,
    listed,
    match_in,
    resolve,
    scan,
    turned,
)

WITHIN = 10.0
Json = dict[str, Any]


def archive(start_orthanc: StartOrthanc, **options: Any) -> tuple[OrthancServer, Json]:
    """A server with a measured transform between two studies."""
    server = start_orthanc(script=ANOTHER_HAND, **options)
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
    return server, give_matrix(server, turned(), expectedErrorMm=1.0)


def review(server: OrthancServer, transform: Json, decision: str) -> int:
    path = f"/imaging/transforms/{transform['id']}/review"
    return server.session.post(path, json={"decision": decision}).status_code


def said(server: OrthancServer, transform: Json) -> Json:
    return server.session.get(f"/instances/{transform['orthancInstanceId']}/metadata/4000").json()


def say(server: OrthancServer, transform: Json, text: str | None) -> None:
    """Write past the filter."""
    path = f"/another-hand/instances/{transform['orthancInstanceId']}/metadata/4000"
    answer = server.session.delete(path) if text is None else server.session.put(path, data=text)
    answer.raise_for_status()


def trust(server: OrthancServer) -> tuple[str, float | None, str | None, list[str]]:
    """State, expected error, decision and what is unsigned of the one transform."""
    (found,) = listed(server)
    decision = found["review"]["decision"] if found["review"] else None
    return found["state"], found["expectedErrorMm"], decision, found["unsigned"]


def keys(server: OrthancServer) -> Path:
    (path,) = (server.folder / "index").glob("keys-*.json")
    return path


def test_a_match_is_measured_reviewed_and_green_by_signed_words_alone(start_orthanc: StartOrthanc) -> None:
    server, transform = archive(start_orthanc)
    assert review(server, transform, "accepted") == 200
    assert trust(server) == ("usable", 1.0, "accepted", [])
    match = match_in(resolve(server, SECOND, (10, 5, 0)), FIRST)
    assert (match["uncertaintyMm"], match["reviewed"], match["grade"]) == (1.0, True, "green")
    forged = said(server, transform)
    item = forged["items"]["2"]
    for name in ("givenSignature", "reviewSignature"):
        item[name]["mac"] = "0" * 64
    item["expectedErrorMm"] = 0.0
    say(server, transform, json.dumps(forged))
    server.wait_until(lambda: trust(server) == ("usable", None, None, ["given", "review"]), WITHIN)
    match = match_in(resolve(server, SECOND, (10, 5, 0)), FIRST)
    assert (match["uncertaintyMm"], match["uncertaintySource"]) == (None, "unknown")
    assert (match["reviewed"], match["grade"]) == (False, "unknown")
    assert server.session.get("/imaging/health").json()["signingProblem"] is None


Change = Callable[[Json, Json], Json | None]
ROWS: dict[str, tuple[Change, str]] = {
    "the older acceptance put back": (lambda older, _: older, "rejected"),
    "removed": (lambda *_: None, "rejected"),
    "emptied": (lambda *_: {"items": {}}, "rejected"),
    "accepted without a signature": (
        lambda _, now: {"items": {"2": {**now["items"]["2"], "decision": "accepted"}}}, "rejected"),
    "the older signature beside the newer counter": (
        lambda older, now: {"items": {"2": {**older["items"]["2"], "reviewSignature": {
            **older["items"]["2"]["reviewSignature"],
            "counter": now["items"]["2"]["reviewSignature"]["counter"] + 1}}}}, "rejected"),
}  # fmt: skip


def test_a_rejection_stays_whatever_is_put_in_its_place(start_orthanc: StartOrthanc) -> None:
    server, transform = archive(start_orthanc)
    assert review(server, transform, "accepted") == 200
    older = said(server, transform)
    assert review(server, transform, "rejected") == 200
    now = said(server, transform)
    for what, (change, state) in ROWS.items():
        changed = change(older, now)
        say(server, transform, None if changed is None else json.dumps(changed))
        server.session.get("/changes")
        for _ in range(3):
            assert trust(server)[0] == state, what
            assert resolve(server, SECOND, (10, 5, 0))["unresolved"][0]["reason"] == "needsAlignment", what
    server.restart()
    assert trust(server)[0] == "rejected"
    assert review(server, transform, "accepted") == 200
    assert trust(server)[0] == "usable"
    assert trust(server)[2] == "accepted"


def test_words_of_one_object_do_not_count_beside_another(start_orthanc: StartOrthanc) -> None:
    server, good = archive(start_orthanc)
    review(server, good, "accepted")
    bad = turned()
    bad[0, 3] += 30
    other = give_matrix(server, bad)
    say(server, other, json.dumps(said(server, good)))
    server.wait_until(
        lambda: any(one["id"] == other["id"] and one["unsigned"] for one in listed(server)), WITHIN
    )
    (found,) = [one for one in listed(server) if one["id"] == other["id"]]
    assert (found["expectedErrorMm"], found["review"], found["unsigned"]) == (None, None, ["given", "review"])


def restored(server: OrthancServer, start_orthanc: StartOrthanc, *, with_key: bool) -> OrthancServer:
    """Another server on a copy of the archive, without the sidecar."""
    server.stop()
    copy = start_orthanc(script=ANOTHER_HAND)
    copy.stop()
    for name in ("storage", "index"):
        shutil.rmtree(copy.folder / name)
        ignore = None if with_key else shutil.ignore_patterns("keys-*.json")
        shutil.copytree(server.folder / name, copy.folder / name, ignore=ignore)
    for file in (copy.folder / "index").glob("longitudinal-*.sqlite*"):
        file.unlink()
    copy.start()
    copy.wait_until(lambda: len(listed_or_none(copy)) == 1, WITHIN)
    return copy


def waiting(server: OrthancServer) -> list[str]:
    """The ids of what waits for a person's review, of all patients."""
    answer = server.session.get("/imaging/reviews")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["transforms"])
    return [one["id"] for one in page["transforms"]]


def listed_or_none(server: OrthancServer) -> list[Json]:
    answer = server.session.get("/imaging/transforms", params={"patientId": "P"})
    return answer.json()["transforms"] if answer.ok else []


def test_a_backup_restored_with_its_key_says_what_it_said(start_orthanc: StartOrthanc) -> None:
    server, transform = archive(start_orthanc)
    review(server, transform, "accepted")
    before = listed(server)
    copy = restored(server, start_orthanc, with_key=True)
    assert listed(copy) == before
    assert waiting(copy) == []
    assert match_in(resolve(copy, SECOND, (10, 5, 0)), FIRST)["flags"] == []
    assert copy.health()["signingProblem"] is None


def test_a_backup_restored_without_its_key_has_all_and_believes_nothing(start_orthanc: StartOrthanc) -> None:
    server, transform = archive(start_orthanc)
    review(server, transform, "accepted")
    key = json.loads(keys(server).read_text())["keys"][0]["id"]
    copy = restored(server, start_orthanc, with_key=False)
    words = said(copy, transform)
    assert trust(copy) == ("usable", None, None, ["given", "review"])
    copy.wait_until(lambda: waiting(copy) == [transform["id"]], WITHIN)
    answer = resolve(copy, SECOND, (10, 5, 0))
    assert match_in(answer, FIRST)["grade"] == "unknown"
    assert [match_in(answer, study)["flags"] for study in (FIRST, SECOND)] == [["unsigned"], []]
    # It might be a node without the cluster's key: it signs nothing, and says so, until somebody says that the key is lost.
    problem = copy.health()["signingProblem"]
    assert key in problem
    assert "lost" in problem
    assert review(copy, transform, "accepted") == 409
    assert said(copy, transform) == words
    path = keys(copy)
    file = json.loads(path.read_text())
    path.write_text(json.dumps({**file, "lost": [key]}))
    copy.restart()
    assert copy.health()["signingProblem"] is None
    assert trust(copy)[:3] == ("usable", None, None)
    assert review(copy, transform, "accepted") == 200
    assert trust(copy) == ("usable", None, "accepted", ["given"])
    assert match_in(resolve(copy, SECOND, (10, 5, 0)), FIRST)["flags"] == ["unsigned"]
    copy.wait_until(lambda: waiting(copy) == [], WITHIN)
    # And the key, found again, beside the new one.
    path.write_text(json.dumps({"keys": [*file["keys"], *json.loads(keys(server).read_text())["keys"]]}))
    copy.restart()
    copy.wait_until(lambda: trust(copy) == ("usable", 1.0, "accepted", []), WITHIN)
    assert match_in(resolve(copy, SECOND, (10, 5, 0)), FIRST)["flags"] == []


def test_a_node_without_the_key_signs_nothing_but_still_rejects(start_orthanc: StartOrthanc) -> None:
    server, transform = archive(start_orthanc)
    copy = restored(server, start_orthanc, with_key=False)
    assert review(copy, transform, "accepted") == 409
    assert review(copy, transform, "rejected") == 200
    assert trust(copy) == ("rejected", None, "rejected", ["given", "review"])
    (review_of,) = [one["review"] for one in listed(copy)]
    assert review_of["by"] == ""  # nobody has signed that name
    made = give_matrix(copy, turned(), expectedErrorMm=2.0)
    assert (made["expectedErrorMm"], made["unsigned"], made["isOwn"]) == (None, ["given"], False)


def test_words_from_before_there_were_keys_are_kept_and_wait(start_orthanc: StartOrthanc) -> None:
    server, transform = archive(start_orthanc)
    review(server, transform, "accepted")
    before = said(server, transform)
    item = before["items"]["2"]
    old = {"items": {"2": {name: value for name, value in item.items() if "Signature" not in name}}}
    server.stop()
    # as an older version had it: no signature, no key, and a sidecar that believed it
    keys(server).unlink()
    for file in (server.folder / "index").glob("longitudinal-*.sqlite*"):
        file.unlink()
    server.start()
    server.wait_until(lambda: len(listed_or_none(server)) == 1, WITHIN)
    say(server, transform, json.dumps(old))
    server.wait_until(lambda: trust(server) == ("usable", None, None, ["given", "review"]), WITHIN)
    server.wait_until(lambda: server.health()["signingProblem"] is None, WITHIN)
    assert said(server, transform) == old
    assert review(server, transform, "accepted") == 200
    assert trust(server) == ("usable", None, "accepted", ["given"])
    assert "givenSignature" not in said(server, transform)["items"]["2"]


def test_a_key_that_is_lost_while_the_index_stays(start_orthanc: StartOrthanc) -> None:
    server, transform = archive(start_orthanc)
    review(server, transform, "accepted")
    server.stop()
    keys(server).unlink()
    server.start()
    server.wait_until(lambda: trust(server) == ("usable", None, None, ["given", "review"]), WITHIN)
    assert server.health()["signingProblem"] is not None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read_is_not_used(start_orthanc: StartOrthanc, mode: int) -> None:
    server, transform = archive(start_orthanc)
    assert keys(server).stat().st_mode & 0o777 == 0o600
    server.stop()
    keys(server).chmod(mode)
    server.start()
    assert "600" in server.health()["signingProblem"]
    assert review(server, transform, "accepted") == 409
