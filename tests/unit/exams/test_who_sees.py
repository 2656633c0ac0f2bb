"""Exams where access is restricted: what somebody may not see is not told, and cannot be taken over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from longitudinal.settings import AccessRule, AccessSettings, Settings
from tests.unit.http.patients_served import FIRST, IMAGE, SECOND, scan
from tests.unit.http.served import Answered, Served

OF_Q = "1.2.7.1.1.1"
Json = dict[str, Any]
# ann sees all, ben all of Q and one study of P, eve nobody
ACCESS = AccessSettings(
    rules=(
        AccessRule(roles=("admin",), users=("ann",)),
        AccessRule(roles=("reviewer",), users=("ben",), patients=("Q",)),
        AccessRule(roles=("reviewer",), users=("ben",), studies=(FIRST,)),
        AccessRule(roles=("reviewer",), users=("eve",), patients=("nobody",)),
    )
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path, Settings(), ACCESS)
    served.store(*scan(FIRST, 1), *scan(SECOND, 2), *scan("1.2.7.1", 1, "Q"))
    yield served
    served.close()


def link(served: Served, exam: str, user: str, **body: str) -> Answered:
    return served.ask("POST", f"/exams/{exam}/images", body, user=user)


def exams_of(served: Served, user: str) -> tuple[list[str], int]:
    page: Json = served.ask("GET", "/exams", user=user).json
    return [one["exam"] for one in page["exams"]], page["total"]


def test_only_links_to_studies_that_are_seen_are_shown_and_counted(served: Served) -> None:
    served.ask("PUT", "/exams/E1", {"patientId": "P", "description": "of P"})
    link(served, "E1", "ann", studyInstanceUid=SECOND)
    hidden = served.ask("GET", "/exams/E1", user="ben")
    assert (hidden.status, exams_of(served, "ben")) == (404, ([], 0))
    link(served, "E1", "ann", sopInstanceUid=IMAGE)
    shown: Json = served.ask("GET", "/exams/E1", user="ben").json
    assert (shown["images"], [one["studyInstanceUid"] for one in shown["studies"]]) == (1, [FIRST])
    assert (shown["patientId"], shown["description"], shown["flags"]) == ("P", "of P", [])
    assert served.ask("GET", "/exams/E1/images", user="ben").json["total"] == 1
    assert exams_of(served, "ben") == (["E1"], 1)
    assert served.ask("GET", "/exams/E1", user="ann").json["images"] == 2
    assert (served.ask("GET", "/exams/E1", user="eve").status, exams_of(served, "eve")) == (404, ([], 0))


def test_a_link_to_a_hidden_study_can_neither_be_read_nor_changed(served: Served) -> None:
    link(served, "E1", "ann", sopInstanceUid=IMAGE)
    image = link(served, "E1", "ann", studyInstanceUid=SECOND).json["image"]["id"]
    path = f"/exams/E1/images/{image}"
    for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
        assert served.ask(method, path, body, user="ben").status == 404
    assert served.ask("GET", path).json["description"] == ""


def test_a_study_that_was_deleted_is_not_named_to_who_sees_some(served: Served) -> None:
    link(served, "E1", "ann", sopInstanceUid=IMAGE)
    link(served, "E1", "ann", studyInstanceUid=SECOND)
    for orthanc_id, ds in served.archive.datasets():
        if ds.StudyInstanceUID == SECOND:
            served.archive.delete(orthanc_id)
    assert [one["studyInstanceUid"] for one in served.ask("GET", "/exams/E1").json["deletedImages"]] == [
        SECOND
    ]
    assert served.ask("GET", "/exams/E1", user="ben").json["deletedImages"] == []


def test_an_exam_is_removed_only_by_who_sees_all_of_it(served: Served) -> None:
    served.ask("PUT", "/exams/E1", {"patientId": "P"})
    link(served, "E1", "ann", studyInstanceUid=SECOND)
    hidden = served.ask("DELETE", "/exams/E1", user="ben")
    assert (hidden.status, hidden.json["detail"]) == (404, "there is no exam E1")
    image = link(served, "E1", "ann", sopInstanceUid=IMAGE).json["image"]["id"]
    refused = served.ask("DELETE", "/exams/E1", user="ben")
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    served.ask("DELETE", f"/exams/E1/images/{image}")
    assert served.ask("GET", "/exams/E1").json["images"] == 1
    link(served, "E2", "ben", sopInstanceUid=OF_Q)
    link(served, "E3", "ben", sopInstanceUid=OF_Q)
    for orthanc_id, ds in served.archive.datasets():
        if ds.StudyInstanceUID == SECOND:
            served.archive.delete(orthanc_id)
    assert served.ask("DELETE", "/exams/E2", user="eve").status == 404
    assert served.ask("DELETE", "/exams/E2", user="ben").json == {"exam": "E2", "images": 1}
    assert served.ask("GET", "/exams/E2").status == 404
    assert exams_of(served, "ann") == (["E1", "E3"], 2)


def test_the_exam_of_a_hidden_patient_is_not_taken_over(served: Served) -> None:
    """Whether it is declared or only linked: neither a declaration nor a link changes whose it is."""
    served.ask("PUT", "/exams/E1", {"patientId": "P"})
    link(served, "E2", "ann", studyInstanceUid=SECOND)
    served.ask("PUT", "/exams/E3", {"description": "not of anybody yet"})
    for exam in ("E1", "E2", "E3"):
        refused = served.ask("PUT", f"/exams/{exam}", {"patientId": "Q"}, user="ben")
        assert (refused.status, refused.json["code"]) == (409, "conflict"), exam
        assert "P" not in refused.json["detail"]
        assert link(served, exam, "ben", sopInstanceUid=OF_Q).status in (409, 422), exam
    assert [served.ask("GET", f"/exams/{exam}").json["patientId"] for exam in ("E1", "E2", "E3")] == [
        "P",
        "P",
        None,
    ]


def test_an_exam_is_declared_for_who_is_seen_whether_or_not_another_is_stored(served: Served) -> None:
    assert served.ask("PUT", "/exams/E1", {"patientId": "Q"}, user="ben").json["patientId"] == "Q"
    stored = served.ask("PUT", "/exams/E2", {"patientId": "P"}, user="eve")
    unknown = served.ask("PUT", "/exams/E2", {"patientId": "unknown"}, user="eve")
    assert (stored.status, stored.json) == (403, unknown.json)
    assert served.ask("GET", "/exams/E2").status == 404


def test_who_declared_an_exam_sees_it(served: Served) -> None:
    assert (
        served.ask("PUT", "/exams/E1", {"description": "ordered"}, user="ben").json["description"]
        == "ordered"
    )
    assert (exams_of(served, "ben"), exams_of(served, "eve")) == ((["E1"], 1), ([], 0))
    assert link(served, "E1", "ben", sopInstanceUid=IMAGE).json["isNew"]
    assert served.ask("GET", "/exams/E1", user="ben").json["patientId"] == "P"
    link(served, "E1", "ann", studyInstanceUid=SECOND)
    served.ask("PUT", "/exams/E1", {"description": "done", "patientId": "P"})
    assert served.ask("GET", "/exams/E1", user="ben").json["description"] == "done"


def test_resolve_finds_no_studies_of_an_exam_that_are_hidden(served: Served) -> None:
    link(served, "E1", "ann", sopInstanceUid=IMAGE)
    link(served, "E1", "ann", studyInstanceUid=SECOND)
    link(served, "E2", "ann", studyInstanceUid=SECOND)
    click = {"sopInstanceUid": IMAGE, "row": 2, "column": 3}
    answer: Json = served.ask("POST", "/points/resolve", {**click, "exams": ["E1"]}, user="ben").json
    assert {one["studyInstanceUid"] for one in answer["matches"] + answer["unresolved"]} <= {FIRST}
    hidden = served.ask("POST", "/points/resolve", {**click, "exams": ["E2"]}, user="ben")
    unknown = served.ask("POST", "/points/resolve", {**click, "exams": ["E9"]}, user="ben")
    assert (hidden.status, hidden.json) == (404, unknown.json)


def test_the_tag_of_an_answer_is_that_of_what_its_reader_gets(tmp_path: Path) -> None:
    """A tag of the whole answer would tell whether a hidden attribute has changed."""
    hidden = AccessSettings(
        rules=(AccessRule(roles=("viewer",), users=("cat",), patients=("P",)),),
        hidden_attributes={"viewer": ("PatientName",)},
    )
    tags = []
    for number, name in enumerate(("First^Name", "Second^Name")):
        served = Served(tmp_path / str(number), Settings(), hidden)
        served.store(*scan(FIRST, 1, PatientName=name))
        answered = served.ask("GET", "/patients/P", user="cat")
        tags.append(answered.response.headers["ETag"])
        again = served.send("GET", "/patients/P", headers={"if-none-match": tags[-1]}, user="cat")
        assert again.status == 304
        served.close()
    assert tags[0] == tags[1]
