"""What every answer says to browsers and caches, errors and redirects too; and files that Orthanc would end of.

All but 405, for which Orthanc has a call of its own that drops headers; it has no body.
"""

import socket
import stat
import urllib.parse

import pytest
import requests

from tests.builders import as_file, classic
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer
from tests.orthanc.test_transforms import FIRST, SECOND, fill, scan
from tests.unit.dicom.test_nesting import nested

EVIL_UID = "1.2.3&x=1\"'<"


def ask(server: OrthancServer, method: str, path: str) -> requests.Response:
    return server.session.request(method, path, allow_redirects=False)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/imaging", 200), ("GET", "/imaging/patients", 200), ("GET", "/imaging/studies", 200),
     ("GET", "/imaging/transforms?patientId=P", 200), ("GET", "/imaging/health", 200), ("GET", "/imaging/jobs", 200),
     ("GET", "/imaging/patients/nobody", 404), ("GET", "/imaging/nothing", 404),
     ("POST", "/imaging/points/resolve", 400), ("POST", "/imaging/uploads", 415), ("GET", "/imaging/docs", 200),
     ("GET", "/imaging/docs/redoc.standalone.js", 200), ("GET", "/imaging/openapi.json", 200), ("GET", "/ohif/", 200),
     ("GET", "/ohif/no-such-file.js", 404), ("GET", "/imaging/instances/{instance}/preview", 302),
     ("GET", "/imaging/instances/{uid}/preview", 302), ("GET", "/imaging/studies/{study}/frames/0", 302)],
)  # fmt: skip
def test_every_answer_of_ours_is_guarded(
    shared_server: OrthancServer, method: str, path: str, status: int
) -> None:
    if not shared_server.session.get("/imaging/transforms", params={"patientId": "P"}).ok:
        fill(shared_server, scan(FIRST, 2020), scan(SECOND, 2021))
    study = next(iter(shared_server.session.get("/imaging/patients/P").json()["studies"]))
    orthanc = study["orthancStudyId"]
    instance = shared_server.session.get(f"/studies/{orthanc}/instances").json()[0]
    uid = instance["MainDicomTags"]["SOPInstanceUID"]
    answer = ask(shared_server, method, path.format(instance=instance["ID"], uid=uid, study=orthanc))
    assert answer.status_code == status, answer.text
    assert answer.headers["X-Content-Type-Options"].split(",")[0] == "nosniff"
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    caching = answer.headers.get("Cache-Control", "")
    if "{uid}" in path:
        assert caching == "private, no-cache"
    elif status == 302:
        assert caching.startswith("private")
    elif "docs" not in path and "openapi" not in path and "ohif" not in path:
        assert caching == "no-store"


def test_a_method_that_is_not_there_is_answered_without_a_body(shared_server: OrthancServer) -> None:
    """Orthanc has one call for this status, which drops our headers and the body, and refuses it in every other one."""
    version = tuple(map(int, shared_server.session.get("/system").json()["Version"].split(".")))
    for method, path, allowed in (
        ("DELETE", "/imaging/patients", "GET"),
        ("PUT", "/imaging/points/resolve", "POST"),
    ):
        answer = ask(shared_server, method, path)
        assert (answer.status_code, answer.headers["Allow"], answer.content) == (405, allowed, b"")
        assert answer.headers.get("X-Content-Type-Options") == ("nosniff" if version >= (1, 12, 7) else None)


def test_only_named_sites_may_show_our_pages(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(configuration={"Longitudinal": {"AllowedFrameAncestors": ["https://app.example"]}})
    for path in ("/imaging", "/imaging/docs", "/ohif/"):
        policy = server.session.get(path).headers["Content-Security-Policy"]
        assert "frame-ancestors 'self' https://app.example" in policy


def test_the_files_beside_orthanc_s_index_are_their_owner_s(server: OrthancServer) -> None:
    fill(server, scan(FIRST, 2020))
    sidecar = "longitudinal-Test.sqlite"
    for name in (sidecar, f"{sidecar}-wal", f"{sidecar}-shm", "keys-longitudinal-Test.json"):
        assert stat.S_IMODE((server.folder / "index" / name).stat().st_mode) == 0o600, name
    path = server.folder / "index" / "longitudinal-Test.sqlite"
    server.stop()
    path.chmod(0o644)  # as older versions made it
    server.start()
    server.wait_until(lambda: stat.S_IMODE(path.stat().st_mode) == 0o600, 5)


def test_a_uid_cannot_add_to_a_link(server: OrthancServer) -> None:
    fill(server, [as_file(classic(PatientID="E", StudyInstanceUID=EVIL_UID))])
    (study,) = server.session.get("/imaging/patients/E").json()["studies"]
    link = server.session.get(f"/imaging/studies/{study['orthancStudyId']}").json()["links"]["ohif"]
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)
    assert list(asked) == ["StudyInstanceUIDs"]
    assert asked["StudyInstanceUIDs"] == [study["studyInstanceUid"]]


@pytest.mark.parametrize("levels", [33, 47, 60])
def test_what_is_nested_too_deep_is_refused_before_orthanc_sees_it(
    server: OrthancServer, levels: int
) -> None:
    for undefined in (True, False):
        file = nested(levels, undefined=undefined)
        answer = server.session.put("/imaging/uploads", files={"f": file}).json()
        assert (answer["refused"], answer["files"][0]["reason"]) == (1, "tooDeep")
    assert server.session.put("/imaging/uploads", files={"f": nested(20)}).json()["stored"] == 1
    assert server.is_running


def test_a_body_that_never_comes_holds_nothing_of_ours(server: OrthancServer) -> None:
    with socket.create_connection(("127.0.0.1", server.http_port), 5) as slow:
        slow.sendall(b"POST /imaging/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n")
        assert server.session.get("/imaging/health").ok
