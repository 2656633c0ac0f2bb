"""Every route, driven by somebody who may see nothing: it must not find what is there.

A route that is added is driven here as soon as test_every_route.py drives it. If it looks up what it shows by the look-ups,
it passes; if it does not, it must be named here with the reason why it shows nothing of anybody.
"""

import json
import re
from pathlib import Path

import pytest

from tests.unit.http.patients_served import FRAMES, admit
from tests.unit.http.served import Served
from tests.unit.http.test_every_route import SUCCESSES, Drive

SHOW_NOBODY = {
    ("GET", ""): "what this is",
    ("GET", "/imaging/app"): "a redirect to a page without data",
    ("GET", "/openapi.json"): "the documentation",
    ("GET", "/docs"): "the documentation",
    ("GET", "/docs/redoc.standalone.js"): "the documentation",
    ("GET", "/health"): "the state of the server; its counts are empty",
    ("GET", "/me"): "the caller",
    ("GET", "/audit"): "for auditors, who see every event",
    ("GET", "/grants"): "the caller's own",
    (
        "POST",
        "/grants",
    ): "refused unless the caller administers or has an emergency; looks up whatever is there",
    ("POST", "/share-session"): "open to whoever has the secret; what the cookie shows is another request",
    ("POST", "/shares"): "refused unless the caller has a role of Shares; looks up what they see",
    ("DELETE", "/shares/{share}"): "the caller's own",
    ("GET", "/health/live"): "whether the server answers",
    ("GET", "/health/ready"): "whether the server can serve",
    ("GET", "/jobs"): "the caller's own",
    ("PUT", "/exams/{exam}"): "refused for a patient who is not seen, stored or not",
    ("GET", "/patients"): "a list of what is seen",
    ("GET", "/studies"): "a list of what is seen",
    ("GET", "/reviews"): "a list of what is seen",
    ("GET", "/dicom-web/studies"): "a list of what is seen",
    ("GET", "/dicom-web/series"): "a list of what is seen",
    ("GET", "/dicom-web/instances"): "a list of what is seen",
    ("PUT", "/uploads"): "each file has an outcome of its own, refused here",
    ("POST", "/uploads"): "each file has an outcome of its own, refused here",
    ("POST", "/index/pause"): "administrators only, and about nobody",
    ("POST", "/index/resume"): "administrators only, and about nobody",
}
NOBODY_SEES = (404, 422)
"""Not found; or, of what is named beside a patient, not one of theirs."""


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What would tell that something is there: every UID and Orthanc id."""
    served = Served(tmp_path_factory.mktemp("names"))
    admit(served)
    found = set(FRAMES)
    for orthanc_id, ds in served.archive.datasets():
        parents = served.archive.parents(orthanc_id)
        found |= {orthanc_id, parents.study, parents.series, parents.patient}
        found |= {ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID}
    served.close()
    return found


@pytest.mark.parametrize("drive", SUCCESSES, ids=str)
def test_who_may_see_nothing_finds_nothing(drive: Drive, tmp_path: Path, names: set[str]) -> None:
    served = Served(tmp_path)
    try:
        admit(served)
        more = drive.before(served) or ""
        path = drive.path.format(more)
        answered = served.send(
            drive.method, path, drive.body, query=drive.query, headers=drive.headers, user="eve"
        )
    finally:
        served.close()
    key = (drive.method, drive.route)
    if key not in SHOW_NOBODY:
        assert answered.status in NOBODY_SEES, (key, answered.status, answered.response.body)
    asked = f"{path} {drive.query} {drive.body!r}"
    body = answered.response.body.decode("utf-8", "replace") + str(answered.response.location)
    told = {
        name
        for name in names
        if name not in asked and re.search(rf"(?<![0-9.a-f]){re.escape(name)}(?![0-9.a-f])", body)
    }
    assert told == set(), key


def test_the_list_of_exceptions_has_no_more_than_there_are() -> None:
    assert set(SHOW_NOBODY) <= {(drive.method, drive.route) for drive in SUCCESSES}


@pytest.mark.parametrize("path", ["/patients", "/studies", "/jobs", "/reviews"])
def test_lists_are_empty_and_so_are_their_counts(tmp_path: Path, path: str) -> None:
    served = Served(tmp_path)
    admit(served)
    answer = json.loads(served.send("GET", path, user="eve").response.body)
    served.close()
    assert not any(value for name, value in answer.items() if name not in ("limit",)), answer
