"""Rules by institution, label and study, studies without a PatientID, one UID in two patients, hidden attributes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import as_file, classic
from tests.orthanc.access import add_users, restricted, session_of
from tests.orthanc.server import OrthancServer, ServerSession
from tests.orthanc.test_transforms import fill

TWICE = "1.2.79.5"


def study(patient: str, uid: str, **more: Any) -> list[bytes]:
    ds = classic(
        (0, 0, 0), Rows=20, Columns=20, PatientID=patient, PatientName=f"Name{patient}", StudyInstanceUID=uid,
        SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=f"{uid}.1.{len(patient)}", FrameOfReferenceUID=f"{uid}.9",
        StudyDate="20200101", **more,
    )  # fmt: skip
    ds.PixelData = bytes(2 * ds.Rows * ds.Columns)
    return [as_file(ds)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    configuration = restricted(
        {"Users": ["north"], "Roles": ["viewer", "uploader"], "Institutions": ["North"]},
        {"Users": ["teacher"], "Roles": ["viewer"], "Labels": ["teaching"]},
        {"Users": ["nameless"], "Roles": ["viewer"], "Studies": ["1.2.79.1"]},
        {"Users": ["none"], "Roles": ["viewer"], "Patients": ["study:"]},
        {"Users": ["one"], "Roles": ["viewer"], "Patients": ["A"]},
        {"Users": ["clerk"], "Roles": ["viewer"], "Everything": True},
        HiddenAttributes={"viewer": ["PatientName", "PatientBirthDate", "StudyDescription"]},
    )
    configuration["Longitudinal"]["AlignOnArrival"] = False
    server = OrthancServer(tmp_path_factory.mktemp("rules"), configuration=configuration)
    add_users(server, "north", "teacher", "nameless", "none", "one", "clerk")
    with server:
        fill(
            server, study("", "1.2.79.1"), study("", "1.2.79.2"), study("A", "1.2.79.3", InstitutionName="North"),
            study("B", "1.2.79.4", InstitutionName="South"), study("A", TWICE), study("BB", TWICE),
        )  # fmt: skip
        yield server


def seen(session: ServerSession) -> set[str]:
    found = {one["studyInstanceUid"] for one in session.get("/imaging/studies").json()["studies"]}
    assert {one["0020000D"]["Value"][0] for one in session.get("/imaging/dicom-web/studies").json()} == found
    return found


def test_each_rule_shows_its_studies(server: OrthancServer) -> None:
    for name, expected in (
        ("north", {"1.2.79.3"}), ("nameless", {"1.2.79.1"}), ("none", set()), ("one", {"1.2.79.3", TWICE}),
        ("clerk", {"1.2.79.1", "1.2.79.2", "1.2.79.3", "1.2.79.4", TWICE}),
    ):  # fmt: skip
        assert seen(session_of(server, name)) == expected, name


def test_who_sees_one_study_without_a_patient_id_sees_no_other(server: OrthancServer) -> None:
    session = session_of(server, "nameless")
    (mine,) = server.session.post("/tools/lookup", data="1.2.79.1").json()
    (other,) = server.session.post("/tools/lookup", data="1.2.79.2").json()
    nobody = server.session.get(f"/studies/{mine['ID']}").json()["ParentPatient"]
    assert session.get(f"/studies/{mine['ID']}").status_code == 200
    for path in (f"/studies/{other['ID']}", f"/patients/{nobody}", f"/patients/{nobody}/studies"):
        assert session.get(path).status_code == 403
    assert session.get("/imaging/patients/study:1.2.79.1").status_code == 200
    assert session.get("/imaging/patients/study:1.2.79.2").status_code == 404
    assert session.get(f"/imaging/patients/{nobody}").status_code == 200  # theirs alone, as they see no other


def test_one_uid_in_two_patients(server: OrthancServer) -> None:
    session = session_of(server, "one")
    assert server.session.get(f"/imaging/studies/{TWICE}").status_code == 409
    assert session.get(f"/imaging/studies/{TWICE}").status_code == 200
    for path in (f"/dicom-web/studies/{TWICE}/metadata", f"/dicom-web/studies/{TWICE}/series"):
        assert session.get(path).status_code == 403
    for path in ("series", "instances"):
        found = session.get(f"/imaging/dicom-web/{path}?StudyInstanceUID={TWICE}").json()
        assert {one["00100020"]["Value"][0] for one in found} == {"A"}
        within = session.get(f"/imaging/dicom-web/studies/{TWICE}/{path}")
        assert "NameBB" not in within.text
        assert '"BB"' not in within.text
    assert [one["00100020"]["Value"] for one in session.get("/imaging/dicom-web/studies").json()] == [
        ["A"],
        ["A"],
    ]


def test_an_institution_is_that_of_the_study_not_of_the_file(server: OrthancServer) -> None:
    session = session_of(server, "north")
    for patient, uid, institution, stored in (
        ("C", "1.2.79.6", "North", 1), ("C", "1.2.79.7", "South", 0), ("C", "1.2.79.8", None, 0),
        ("B", "1.2.79.4", "North", 0),
    ):  # fmt: skip
        more = {} if institution is None else {"InstitutionName": institution}
        (file,) = study(patient, uid, **more)
        sent = session.put("/imaging/uploads", data=file, headers={"Content-Type": "application/dicom"})
        assert sent.json()["stored"] == stored, (uid, institution)


def test_labels_count_where_there_are_labels(server: OrthancServer) -> None:
    session = session_of(server, "teacher")
    (found,) = server.session.post("/tools/lookup", data="1.2.79.4").json()
    assert seen(session) == set()
    if server.session.put(f"/studies/{found['ID']}/labels/teaching").ok:
        server.wait_until(lambda: seen(session) == {"1.2.79.4"}, 8, "the label counts")
        assert session.get(f"/studies/{found['ID']}").status_code == 200
        server.session.delete(f"/studies/{found['ID']}/labels/teaching")
        server.wait_until(lambda: seen(session) == set(), 8, "it does not count any more")
    assert seen(session) == set()


def test_hidden_attributes_are_in_no_answer_and_cannot_be_searched(server: OrthancServer) -> None:
    session = session_of(server, "clerk")
    patients = session.get("/imaging/patients").json()
    assert {one["patientName"] for one in patients["patients"]} == {""}
    assert {one["patientId"] for one in patients["patients"]} >= {"A", "B", "BB"}
    for path in (
        "/imaging/patients/A",
        "/imaging/studies/1.2.79.3",
        "/imaging/studies",
        "/imaging/instances/1.2.79.3.1.1/header",
    ):
        answer = session.get(path)
        assert answer.status_code == 200
        assert "NameA" not in answer.text
    for below in (
        "studies",
        "studies?includefield=00100010",
        "studies/1.2.79.3/series",
        "series?includefield=PatientName",
    ):
        path = f"/imaging/dicom-web/{below}"
        assert session.get(path).status_code == 200
        assert "00100010" not in session.get(path).text
    for query in (
        "PatientName=NameA",
        "patientname=N*",
        "00100010=NameA",
        "0010,0010=N*",
        "PatientBirthDate=1970",
    ):
        assert session.get(f"/imaging/dicom-web/studies?{query}").status_code == 403
    assert session.get("/imaging/patients?query=Name").status_code == 403
    assert "NameA" in server.session.get("/imaging/patients").text
