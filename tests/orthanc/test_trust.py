"""Heads that lie turned, on a real server: right ones accepted, mirrored ones never; older alignments are checked again."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from benchmarks.registration.trust.scans import Scan
from longitudinal.geometry import affine
from longitudinal.transforms.checks import CHECKS
from tests.orthanc.heads import frame_of, head, landmarks, slices_of
from tests.orthanc.server import ANOTHER_HAND, OrthancServer
from tests.orthanc.test_alignment import ON_REQUEST, errors, get, load, post, wait_job

pytestmark = pytest.mark.timeout(600)

TURNED = Scan("A2", grid=25.0, tilt=6.0)
MIRRORED = Scan("A2", grid=25.0, tilt=6.0, mirrored=True)
WITHIN_MM = 1.0
RECHECKED_SECONDS = 120.0
Json = dict[str, Any]
StartOrthanc = Callable[..., OrthancServer]


def align(server: OrthancServer) -> Json:
    (job,) = post(server, "/alignments", patientId="HEAD")["jobs"]
    (pair,) = wait_job(server, job["id"], "done")["result"]["pairs"]
    return pair


def transforms(server: OrthancServer) -> list[Json]:
    return get(server, "/transforms?patientId=HEAD")["transforms"]


def test_a_turned_head_is_aligned_and_older_alignments_are_checked_again(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration=ON_REQUEST, script=ANOTHER_HAND)
    load(server, head(1, real=2), slices_of(TURNED.volume(), 2))
    pair = align(server)
    assert pair["rejection"] is None, pair
    points = landmarks(2)
    there = affine.apply(TURNED.motion(), points)
    assert errors(server, "HEAD", (frame_of(1), frame_of(2)), points, there).mean() < WITHIN_MM

    (made,) = transforms(server)
    assert (made["flags"], made["quality"]["checks"]) == ([], CHECKS)
    before = uncertainty(server, points[0])
    assert before is not None
    as_before(server, made)
    assert uncertainty(server, points[0]) is None
    server.restart()
    checked = wait_checked(server)
    assert (checked["state"], checked["review"], checked["flags"]) == ("usable", None, [])
    assert checked["expectedErrorMm"] == pytest.approx(made["expectedErrorMm"], abs=0.1)
    assert uncertainty(server, points[0]) == pytest.approx(before, abs=0.2)
    assert checked["quality"]["mirrorRatio"] == pytest.approx(made["quality"]["mirrorRatio"], abs=0.02)
    assert checked["matrix"] == made["matrix"]

    # no alignment of two scans is as good as this: what passed once fails now
    strict = {"Longitudinal": ON_REQUEST["Longitudinal"] | {"Acceptance": {"MostBlockSpreadMm": 0.001}}}
    as_before(server, made)
    server.stop()
    server.configuration |= strict
    server.start()
    failed = wait_checked(server)
    assert (failed["state"], failed["quality"]["rejection"]) == ("rejected", "locallyDifferent")
    assert failed["review"]["by"].startswith("orthanc-longitudinal")
    assert failed["quality"]["reason"]
    x, y, z = points[0].tolist()
    asked = {"patientId": "HEAD", "frameOfReferenceUid": frame_of(1), "x": x, "y": y, "z": z}
    (unresolved,) = post(server, "/points/resolve", 200, **asked)["unresolved"]
    assert unresolved["reason"] == "alignmentFailed"
    assert "locallyDifferent" in unresolved["detail"]

    review(server, made, "accepted")
    as_before(server, made, reviewed=True)
    server.restart()
    flagged = wait_checked(server)
    assert (flagged["state"], flagged["flags"], flagged["review"]["decision"]) == (
        "usable", ["needsReview"], "accepted",
    )  # fmt: skip
    review(server, made, "accepted")
    assert transforms(server)[0]["flags"] == []


def uncertainty(server: OrthancServer, point: Sequence[float]) -> float | None:
    """What is said of the one match of a point of the first study."""
    x, y, z = (float(value) for value in point)
    asked = {"patientId": "HEAD", "frameOfReferenceUid": frame_of(1), "x": x, "y": y, "z": z}
    matches = post(server, "/points/resolve", 200, **asked)["matches"]
    (match,) = [match for match in matches if match["frameOfReferenceUid"] == frame_of(2)]
    found: float | None = match["uncertaintyMm"]
    return found


def as_before(server: OrthancServer, made: Json, *, reviewed: bool = False) -> None:
    """Make the statement one of an older version: unsigned, and without the version of the checks."""
    metadata = f"/instances/{made['orthancInstanceId']}/metadata/4000"
    said = json.loads(server.session.get(metadata).text)
    (item,) = said["items"].values()
    for name in ("checks", "checkedAt", "checkedBy", "rejection", "reason"):
        item["quality"].pop(name, None)
    if not reviewed:
        for name in ("decision", "decidedBy", "decidedAt"):
            item.pop(name, None)
    server.session.put(f"/another-hand{metadata}", data=json.dumps(said)).raise_for_status()

    def is_outdated() -> bool:
        (stored,) = transforms(server)
        return stored["flags"] == ["notChecked"] and stored["expectedErrorMm"] is None

    server.wait_until(is_outdated, 10.0, "what passed older checks is not measured")


def wait_checked(server: OrthancServer) -> Json:
    def found() -> Json | None:
        (stored,) = transforms(server)
        return None if "notChecked" in stored["flags"] else stored

    checked = server.wait_until(found, RECHECKED_SECONDS, "the older alignment is checked")
    assert checked is not None
    return checked


def review(server: OrthancServer, made: Json, decision: str) -> None:
    post(server, f"/transforms/{made['id']}/review", 200, decision=decision)


def test_a_mirrored_head_that_lies_turned_is_refused(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration=ON_REQUEST)
    load(server, head(1, real=2), slices_of(MIRRORED.volume(), 2))
    pair = align(server)
    assert pair["rejection"] == "mirrorImageFitsBetter", pair
    assert "left and right may be swapped" in pair["reason"]
    assert "a transform from landmarks" in pair["reason"], "the answer says what would help"
    point = np.asarray(landmarks(2)[0])
    x, y, z = point.tolist()
    answer = post(
        server, "/points/resolve", 200, patientId="HEAD", frameOfReferenceUid=frame_of(1), x=x, y=y, z=z
    )
    (unresolved,) = answer["unresolved"]
    assert unresolved["reason"] == "alignmentFailed"
    assert "mirrorImageFitsBetter" in unresolved["detail"]
