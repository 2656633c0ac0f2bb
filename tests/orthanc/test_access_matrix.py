"""Every route of ours, of Orthanc and of DICOMweb, asked by everybody about everybody.

The routes of ours come from openapi.json. For each caller and each patient a cell is one request. What is not to be seen
must be answered as what does not exist, and no answer may hold a word of a patient whom its caller may not see.
"""

import json
import os
import re
import sys
from collections.abc import Iterator

import pytest

from tests.builders import as_file, classic
from tests.orthanc.access import PASSWORD, Login
from tests.orthanc.access_ward import (
    FORBIDDEN,
    HAS_ROLE,
    NOBODY_THERE,
    SEES,
    VIEWERS,
    Ward,
    assert_tells_nothing,
    filled,
    ours,
    ward_server,
)
from tests.orthanc.wire import basic, send


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    login = Login(tmp_path_factory.mktemp("login"))
    with ward_server(tmp_path_factory.mktemp("ward"), login) as server:
        yield filled(Ward(server), login)


CORE = [
    *(
        f"/instances/{{orthancInstance}}{below}"
        for below in (
            "", "/file", "/tags", "/simplified-tags", "/preview", "/numpy", "/frames", "/frames/0/preview",
            "/frames/0/numpy", "/patient", "/study", "/metadata", "/attachments", "/modify",
        )
    ),
    *(
        f"/series/{{orthancSeries}}{below}"
        for below in ("", "/instances", "/instances-tags", "/archive", "/shared-tags", "/study", "/patient")
    ),
    *(
        f"/studies/{{orthancStudy}}{below}"
        for below in ("", "/series", "/instances", "/archive", "/statistics", "/patient", "/metadata/4008")
    ),
    *(f"/patients/{{orthancPatient}}{below}" for below in ("", "/studies", "/instances", "/archive", "/metadata/4008")),
    *(
        f"/dicom-web/studies/{{study}}{below}"
        for below in (
            "", "/metadata", "/series", "/instances", "/series/{series}", "/series/{series}/metadata",
            "/series/{series}/instances/{instance}", "/series/{series}/instances/{instance}/metadata",
            "/series/{series}/instances/{instance}/frames/1",
        )
    ),
    "/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}",
]  # fmt: skip
FOR_ADMINISTRATORS = re.compile(r"/(patient|study|metadata(/4008)?|attachments|modify)$")
"""Core paths; DICOMweb's metadata are not among them."""
LISTS = [
    "/patients", "/studies", "/series", "/instances", "/statistics", "/changes", "/exports", "/jobs", "/modalities",
    "/peers", "/queries", "/tools/metrics-prometheus", "/tools/log-level", "/plugins", "/storage", "/dicom-web/studies",
    "/dicom-web/series", "/dicom-web/instances", "/dicom-web/servers", "/patients?expand",
    "/studies?expand&since=0&limit=9", "/tools/generate-uid?level=study",
]  # fmt: skip
POSTS = [
    ("/tools/find", {"Level": "Study", "Query": {}, "Expand": True}), ("/tools/lookup", "1.2.77.66.2020"),
    ("/tools/create-archive", {"Resources": []}), ("/tools/bulk-content", {"Resources": []}), ("/instances", "x"),
    ("/tools/execute-script", "x"), ("/tools/shutdown", ""), ("/dicom-web/studies", "x"), ("/dicom-web/servers/x/get", {}),
]  # fmt: skip


def record(what: str, cells: int) -> None:
    """Show how many cells there were, with `pytest -rP`."""
    sys.stdout.write(f"{what}: {cells} cells\n")


def test_our_routes(ward: Ward) -> None:
    document = ward.server.session.get("/imaging/openapi.json").json()
    cells = 0
    for caller in (name for name in SEES if name != "admin"):
        session = ward.callers[caller]
        for name, one in ward.known.items():
            seen, unknown = ours(document, one), ours(document, NOBODY_THERE)
            assert len(seen) == len(unknown)
            for cell, nobodys in zip(seen, unknown, strict=True):
                if caller not in HAS_ROLE and name != "PatB":
                    continue  # to them all patients are the same
                if name in SEES[caller] and (cell.method != "GET" or "{job}" in cell.route):
                    continue  # what they may do is tested below, and by name
                answer = cell.send(session)
                if (caller, cell.route) == ("auditor", "/audit"):
                    assert answer.status_code == 200
                    assert "Secret" not in answer.text  # of everybody, by their identifiers, and no names
                    continue
                asked = f"{cell.path} {cell.query} {json.dumps(cell.body)}"
                assert_tells_nothing(ward, caller, asked, answer, asked)
                cells += 1
                if caller not in HAS_ROLE:
                    assert answer.status_code in FORBIDDEN, (caller, asked)
                elif name not in SEES[caller]:
                    expected = nobodys.normal(nobodys.send(session), NOBODY_THERE)
                    if "{" in cell.route or cell.query or cell.body:
                        assert cell.normal(answer, one) == expected, (caller, asked)
                    assert answer.status_code != 500, (caller, asked)
    record("our routes", cells)
    assert cells > 1_000


def test_what_is_seen_is_answered_as_to_an_administrator(ward: Ward) -> None:
    document = ward.server.session.get("/imaging/openapi.json").json()
    own = (
        "{job}",
        "/jobs",
        "/grants",
        "/me",
        "/health",
        "/patients",
        "/studies",
        "/reviews",
        "/exams",
        "/audit",
    )
    for caller, name in (("viewer of A", "PatA"), ("reviewer of B", "PatB")):
        for cell in ours(document, ward.known[name]):
            is_list = cell.route.startswith("/dicom-web/") and cell.route.count("/") == 2
            if cell.method != "GET" and not cell.route.startswith(("/points/", "/transforms/fit")):
                continue
            if cell.route in own or "{job}" in cell.route or is_list or (cell.body or {}).get("refine"):
                continue
            theirs, everything = cell.send(ward.callers[caller]), cell.send(ward.server.session)
            assert (theirs.status_code, _stable(theirs.text)) == (
                everything.status_code,
                _stable(everything.text),
            ), cell


def _stable(text: str) -> str:
    return re.sub(r'"(silentSeconds|ageSeconds|job|requestId)":[^,}]*', "", text)


def test_lists_and_counts_are_of_what_is_seen(ward: Ward) -> None:
    for caller, patient, studies in (
        ("viewer of A", "PatA", 2),
        ("reviewer of B", "PatB", 2),
        ("viewer of a study of C", "PatC", 1),
    ):
        session = ward.callers[caller]
        patients = session.get("/imaging/patients").json()
        assert (patients["total"], [one["patientId"] for one in patients["patients"]]) == (1, [patient])
        assert patients["patients"][0]["studies"] == studies
        assert session.get("/imaging/studies").json()["total"] == studies
        exams = session.get("/imaging/exams").json()
        assert (exams["total"], {one["patientId"] for one in exams["exams"]}) == (studies, {patient})
        assert len(session.get("/imaging/dicom-web/studies").json()) == studies
        assert len(session.get("/imaging/dicom-web/studies?limit=1").json()) == 1
        assert session.get("/imaging/health").json()["instances"] == 0
        jobs = session.get("/imaging/jobs").json()
        own = [
            job for job in jobs["jobs"] if job["kind"] == "measure"
        ]  # asked for by them, in the test before
        assert len({job["owner"] for job in own}) <= 1
        assert jobs == {"jobs": own, "queued": 0, "running": 0}


def test_a_transform_in_a_hidden_study_is_no_bridge(ward: Ward) -> None:
    one = ward.known["PatC"]
    click = {"sopInstanceUid": one.values["instance"], "row": 10, "column": 10}
    answer = ward.callers["viewer of a study of C"].post("/imaging/points/resolve", json=click).json()
    assert [match["studyInstanceUid"] for match in answer["matches"]] == [one.values["study"]]
    assert answer["unresolved"] == []
    everything = ward.server.session.post("/imaging/points/resolve", json=click).json()
    assert len(everything["matches"]) + len(everything["unresolved"]) == 2


def test_orthancs_and_dicomwebs_routes(ward: Ward) -> None:
    cells = 0
    for caller, session in ward.callers.items():
        for name, one in {**ward.known, "unknown": NOBODY_THERE}.items():
            for pattern in CORE if caller in HAS_ROLE or name == "PatB" else ():
                path = one.fill(pattern)
                answer = session.get(path, allow_redirects=False)
                cells += 1
                assert_tells_nothing(ward, caller, path, answer, path)
                if caller == "admin":
                    assert answer.status_code not in FORBIDDEN, path
                elif caller in VIEWERS and name in SEES[caller]:
                    is_whole = not pattern.startswith("/patients/") or caller != "viewer of a study of C"
                    is_open = is_whole and (
                        pattern.startswith("/dicom-web") or not FOR_ADMINISTRATORS.search(pattern)
                    )
                    assert (answer.status_code == 200) == is_open, (caller, path, answer.status_code)
                else:
                    assert answer.status_code in FORBIDDEN, (caller, path)
    for caller, session in ward.callers.items():
        for path in LISTS:
            if caller != "admin":
                cells += 1
                assert session.get(path).status_code in FORBIDDEN, (caller, path)
        for path, body in POSTS:
            if caller != "admin":
                cells += 1
                sent = (
                    session.post(path, json=body) if isinstance(body, dict) else session.post(path, data=body)
                )
                assert sent.status_code in FORBIDDEN, (caller, path)
        for method in ("PUT", "DELETE", "POST"):
            for one in ward.known.values():
                for pattern in (
                    "/studies/{orthancStudy}",
                    "/patients/{orthancPatient}/metadata/4008",
                    "/instances/{orthancInstance}",
                ):
                    if caller != "admin":
                        cells += 1
                        assert (
                            session.request(method, one.fill(pattern), data="{}").status_code in FORBIDDEN
                        ), (caller, pattern)
    record("Orthanc's and DICOMweb's routes", cells)


def ways_to_write(path: str) -> list[str]:
    head, _, last = path.rpartition("/")
    return [
        f"/{path}", f"{head}//{last}", f"{head}/./{last}", f"{head}/x/../{last}", path.replace("/", "%2f"), path.upper(),
        path.replace("s", "%73", 1), path.replace("s", "%2573", 1), f"{path}/", f"{path}%00", f"{path};x", f"{path}%20",
        path.replace("/", "/%2e/", 1), path.replace("/", "\\"), f"/imaging/..{path}", f"/imaging/app/../..{path}",
        f"/app/..{path}", f"/app/%2e%2e{path}", f"/ohif/..{path}", f"{path}?x=/imaging/", f"{path}#/imaging",
        f"/imaging%2f..{path}",
    ]  # fmt: skip


def test_no_way_to_write_a_path_leads_around(ward: Ward) -> None:
    one = ward.known["PatB"]
    for pattern in (
        "/studies/{orthancStudy}",
        "/instances/{orthancInstance}/tags",
        "/dicom-web/studies/{study}/metadata",
        "/patients",
    ):
        for path in ways_to_write(one.fill(pattern)):
            status, body = send(
                ward.server, f"GET {path}", [f"Authorization: {basic('vera', PASSWORD)}"], login=False
            )
            leaked = {
                word
                for word in ward.words_hidden_from("viewer of A")
                if word.encode() in body and word not in path
            }
            assert not leaked, (path, leaked)
            is_page = path.startswith(("/imaging", "/app", "/ohif"))
            assert status != 200 or is_page, (path, body[:200])


def test_uids_of_two_patients_in_one_request(ward: Ward) -> None:
    a, b = ward.known["PatA"].values, ward.known["PatB"].values
    session = ward.callers["viewer of A"]
    for path in (
        f"/dicom-web/studies/{a['study']}/series/{b['series']}/metadata",
        f"/dicom-web/studies/{a['study']}/series/{a['series']}/instances/{b['instance']}/frames/1",
        f"/dicom-web/studies/{a['study']}/series?StudyInstanceUID={b['study']}",
        f"/dicom-web/studies/{a['study']}/series?0020000D={b['study']}",
        f"/dicom-web/studies/{a['study']}/series?0020000d={b['study']}",
        f"/dicom-web/studies/{a['study']}/series?studyinstanceuid={b['study']}",
        f"/dicom-web/studies/{a['study']}/instances?SeriesInstanceUID={a['series']},{b['series']}",
        f"/wado?requestType=WADO&studyUID={a['study']}&seriesUID={a['series']}&objectUID={b['instance']}",
        f"/wado?requestType=WADO&studyUID={b['study']}&seriesUID={a['series']}&objectUID={a['instance']}",
        f"/wado?requestType=WADO&studyUID={a['study']}&seriesUID={a['series']}&objectUID={a['instance']}&objectUID={b['instance']}",
        f"/wado?requestType=WADO&studyUID={a['study']}&seriesUID={a['series']}",
        "/wado?requestType=WADO",
    ):
        answer = session.get(path)
        assert_tells_nothing(ward, "viewer of A", path, answer, path)
        assert answer.status_code in FORBIDDEN, path
    within = session.get(
        f"/imaging/dicom-web/studies/{a['study']}/series?StudyInstanceUID={b['study']}"
    ).json()
    assert {one["0020000D"]["Value"][0] for one in within} == {a["study"]}


def test_uploads_are_for_the_patients_of_the_rule(ward: Ward) -> None:
    session = ward.callers["uploader of A"]
    for patient, year, stored in (
        ("PatA", 2022, 1),
        ("PatB", 2022, 0),
        ("PatB", 2020, 0),
        ("PatD", 2022, 0),
        ("", 2022, 0),
    ):
        study = f"1.2.77.{ord(patient[-1]) if patient else 1}.{year}"
        uid = f"{study}.1.{1 if year == 2020 else 9}"
        ds = classic(
            (0, 0, 9),
            PatientID=patient,
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=uid,
        )
        ds.PatientName = f"Name{patient}^Secret"
        file = as_file(ds)
        answer = session.put("/imaging/uploads", data=file, headers={"Content-Type": "application/dicom"})
        assert (answer.status_code, answer.json()["stored"], answer.json()["refused"]) == (
            200,
            stored,
            1 - stored,
        )
        if not stored:
            (one,) = answer.json()["files"]
            assert one == {
                "name": "", "status": "refused", "reason": "notAllowed", "detail": one["detail"], "sizeBytes": len(file),
            }  # fmt: skip
    for caller in ("viewer of A", "reviewer of B", "auditor", "no role", "nobody"):
        sent = ward.callers[caller].put(
            "/imaging/uploads", data=b"x", headers={"Content-Type": "application/dicom"}
        )
        assert sent.status_code in FORBIDDEN


def test_a_reviewer_changes_their_patients_and_no_others(ward: Ward) -> None:
    reviewer, viewer = ward.callers["reviewer of B"], ward.callers["viewer of A"]
    b, a = ward.known["PatB"].values, ward.known["PatA"].values
    accept = {"decision": "accepted"}
    assert reviewer.post(f"/imaging/transforms/{a['transform']}/review", json=accept).status_code == 404
    assert viewer.post(f"/imaging/transforms/{a['transform']}/review", json=accept).status_code == 403
    assert (
        reviewer.post(f"/imaging/transforms/{b['transform']}/review", json=accept).json()["review"]["by"]
        == "rene"
    )
    queued = reviewer.post(f"/imaging/studies/{b['study']}/index")
    assert queued.status_code == 202
    (job,) = queued.json()["jobs"]
    assert reviewer.get(f"/imaging/jobs/{job['id']}").json()["owner"] in ("rene", ward.server.user)
    assert viewer.get(f"/imaging/jobs/{job['id']}").status_code == 404
    assert viewer.delete(f"/imaging/jobs/{job['id']}").status_code == 404
    assert reviewer.post("/imaging/index/pause").status_code == 403


def test_a_share_and_an_emergency(ward: Ward) -> None:
    viewer, reviewer, admin = (ward.callers[name] for name in ("viewer of A", "reviewer of B", "admin"))
    path = f"/imaging/patients/{ward.known['PatB'].values['patient']}"
    share = {"patientId": "PatB", "user": "vera", "until": "2999-01-01T00:00:00Z", "reason": "second opinion"}
    for caller in SEES:
        if caller != "admin":
            for asked in (share, {**share, "patientId": "NobodyX"}):
                refused = ward.callers[caller].post("/imaging/grants", json=asked)
                assert refused.status_code in FORBIDDEN, caller
    assert viewer.get(path).status_code == 404
    grant = admin.post("/imaging/grants", json=share).json()
    assert viewer.get(path).status_code == 200
    assert viewer.get(f"/studies/{ward.known['PatB'].values['orthancStudy']}").status_code == 200
    assert [one["id"] for one in viewer.get("/imaging/grants").json()["grants"]] == [grant["id"]]
    assert reviewer.get("/imaging/grants").json()["grants"] == []
    assert reviewer.delete(f"/imaging/grants/{grant['id']}").status_code == 404
    assert admin.delete(f"/imaging/grants/{grant['id']}").status_code == 200
    assert viewer.get(path).status_code == 404
    emergency = {"patientId": "PatA", "emergency": True, "reason": "unconscious"}
    assert viewer.post("/imaging/grants", json=emergency).status_code == 403
    opened = reviewer.post("/imaging/grants", json=emergency)
    assert (opened.status_code, opened.json()["kind"]) == (201, "emergency")
    assert reviewer.get("/imaging/patients/PatA").status_code == 200
    assert (
        reviewer.post(f"/imaging/studies/{ward.known['PatA'].values['study']}/index").status_code == 404
    )  # a viewer's
    assert "EMERGENCY ACCESS: 'rene' opens patients" in ward.server.log
    assert reviewer.delete(f"/imaging/grants/{opened.json()['id']}").status_code == 200
    assert reviewer.get("/imaging/patients/PatA").status_code == 404


def test_grants_outlive_a_restart_and_the_index(ward: Ward) -> None:
    share = {
        "studyInstanceUid": "1.2.77.66.2020",
        "user": "vera",
        "until": "2999-01-01T00:00:00Z",
        "reason": "second opinion",
    }
    grant = ward.server.session.post("/imaging/grants", json=share).json()
    server = ward.server
    server.stop()
    for file in (server.folder / "index").glob("longitudinal-*.sqlite*"):
        os.unlink(file)
    server.start()
    viewer = ward.callers["viewer of A"]
    server.wait_until(
        lambda: viewer.get("/imaging/studies").json()["total"] >= 3, 20, "what is shared is seen again"
    )
    assert {one["patientId"] for one in viewer.get("/imaging/patients").json()["patients"]} == {
        "PatA",
        "PatB",
    }
    assert viewer.get("/imaging/studies?patientId=PatB").json()["total"] == 1
    assert server.session.delete(f"/imaging/grants/{grant['id']}").status_code == 200
    assert viewer.get("/imaging/studies?patientId=PatB").status_code == 404
