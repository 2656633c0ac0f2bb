"""User metadata that anybody may write, on a real server: what cannot be read says nothing, and stops nothing."""

from typing import Any

import numpy as np
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

DEEP = "[" * 40_000 + "]" * 40_000
POISON = {
    "a key of 5,000 digits": '{"items": {"' + "9" * 5_000 + '": {"decision": "accepted"}}}',
    "a number of 5,000 digits": '{"items": {"2": {"expectedErrorMm": ' + "9" * 5_000 + "}}}",
    "a number no float holds": '{"items": {"2": {"quality": {"a": 1e999}}}}',
    "an integer no column holds": '{"items": {"2": {"quality": {"a": ' + "9" * 400 + "}}}}",
    "deep": '{"items": {"2": {"quality": ' + DEEP + "}}}",
    "deep and unknown": '{"items": {}, "x": ' + DEEP + "}",
    "long": '{"items": {"2": {"decidedBy": "' + "x" * 5_000_000 + '"}}}',
    "no text": b"\xff\xfe\x00",
}


def get(server: OrthancServer, path: str) -> dict[str, Any]:
    response = server.session.get(f"/imaging{path}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_poisoned_statements_say_nothing_and_review_and_delete_go_on(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(script=ANOTHER_HAND)
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
    for name, text in POISON.items():
        made = give_matrix(server, turned(), expectedErrorMm=1.0)
        poisoned = f"/another-hand/instances/{made['orthancInstanceId']}/metadata/4000"
        server.session.put(poisoned, data=text).raise_for_status()
        server.wait_until(lambda: listed(server)[-1]["expectedErrorMm"] is None, what=f"{name} is followed")
        match = match_in(resolve(server, FIRST, (0.0, 0.0, 4.0)), SECOND)
        assert (match["uncertaintyMm"], match["grade"]) == (None, "unknown"), name
        reviewed = server.session.post(
            f"/imaging/transforms/{made['id']}/review", json={"decision": "rejected"}
        )
        assert reviewed.status_code == 200, (name, reviewed.text)
        assert reviewed.json()["state"] == "rejected"
        written = server.session.get(f"/instances/{made['orthancInstanceId']}/metadata/4000").text
        assert len(written) < 1_000
        server.session.put(poisoned, data=text).raise_for_status()
        # without what was said beside it, nobody knows the object for ours: it stays, rejected as it was
        assert listed(server)[-1]["state"] == "rejected"
        removed = server.session.delete(f"/imaging/transforms/{made['id']}")
        assert (removed.status_code, removed.json()["outcome"]) == (200, "rejected"), (name, removed.text)
        server.session.delete(f"/instances/{made['orthancInstanceId']}").raise_for_status()
        server.wait_until(lambda: not listed(server))
    assert "A request failed" not in server.log
    assert "could not be written" not in server.log


def test_poison_does_not_set_the_comparison_with_the_archive_going_without_end(
    start_orthanc: StartOrthanc,
) -> None:
    server = start_orthanc(script=ANOTHER_HAND)
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
    made = give_matrix(server, turned())
    path = f"/another-hand/instances/{made['orthancInstanceId']}/metadata/4000"
    server.session.put(path, data=POISON["a key of 5,000 digits"]).raise_for_status()
    server.restart()
    server.wait_indexed(lambda health: health["instances"] == 11 and health["queued"] == 0)
    match_in(resolve(server, FIRST, (0.0, 0.0, 4.0)), SECOND)
    assert "could not be written" not in server.log


@pytest.mark.parametrize("size", [45_000_000])
def test_a_study_with_megabytes_of_attempts_is_served_without_them(
    start_orthanc: StartOrthanc, size: int
) -> None:
    server = start_orthanc(script=ANOTHER_HAND)
    fill(server, scan(FIRST, 2020), scan(SECOND, 2021))
    study = get(server, "/patients/P")["studies"][1]
    one = (
        '{"frameOfReferenceUid": "1.2.3.200", "partnerFrameOfReferenceUid": "1.2.3.100", "partnerStudyInstanceUid": "1",'
        ' "method": "rigid", "engine": "e", "rejection": "inconsistent", "reason": "REASON"}'
    )
    path = f"/another-hand/studies/{study['orthancStudyId']}/metadata/4001"

    def attempts() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get(server, "/patients/P")["studies"][1]["failedAlignments"]
        return found

    server.session.put(path, data='{"attempts": [' + one + "]}").raise_for_status()
    server.wait_until(lambda: len(attempts()) == 1)
    unresolved = resolve(server, FIRST, (0.0, 0.0, 4.0))["unresolved"]
    assert [item["reason"] for item in unresolved] == ["alignmentFailed"]
    huge = one.replace("REASON", "x" * 1000)
    text = '{"attempts": [' + ", ".join([huge] * (size // len(huge))) + "]}"
    server.session.put(path, data=text, timeout=60).raise_for_status()
    server.wait_until(lambda: not attempts())
    page = server.session.get("/imaging/patients/P")
    assert len(page.content) < 10_000
    assert [item["reason"] for item in resolve(server, FIRST, (0.0, 0.0, 4.0))["unresolved"]] == [
        "needsAlignment"
    ]
    # what is left of a value that is short enough is the newest twenty
    server.session.put(path, data='{"attempts": [' + ", ".join([one] * 500) + "]}").raise_for_status()
    server.wait_until(lambda: len(attempts()) == 20)
    made = give_matrix(server, np.eye(4))
    assert made["state"] == "usable"
