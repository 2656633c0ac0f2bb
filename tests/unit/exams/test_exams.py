"""Exams over an archive in memory: which images belong to one, and to whom it belongs."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from longitudinal.exams.documents import ExamDocuments
from longitudinal.settings import Settings
from longitudinal.sidecar.tables import exams as tables
from longitudinal.sidecar.tables.exams import ExamLink
from tests.fake_archive import orthanc_ids
from tests.unit.http.patients_served import FIRST, IMAGE, SECOND, scan
from tests.unit.http.served import Answered, Served

Json = dict[str, Any]
OF_Q = "1.2.7.1.1.1"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    served.store(*scan(FIRST, 1), *scan(SECOND, 2), *scan("1.2.7.1", 1, "Q"))
    yield served
    served.close()


def link(served: Served, exam: str, **body: Any) -> Answered:
    return served.ask("POST", f"/exams/{exam}/images", body or {"sopInstanceUid": IMAGE})


def linked(served: Served, exam: str) -> list[str]:
    answered = served.ask("GET", f"/exams/{exam}/images")
    return [image["sopInstanceUid"] for image in answered.json["images"]] if answered.status == 200 else []


def exam_of(served: Served, exam: str) -> Json:
    found: Json = served.ask("GET", f"/exams/{exam}").json
    return found


def without_sidecar(served: Served) -> None:
    """As after the loss of the sidecar: everything is read from the archive again."""

    def forget(connection: Any) -> None:
        for name in ("exam_links", "exam_declarations", "exam_removed", "exam_documents"):
            connection.execute(f"DELETE FROM {name}")

    served.writer.call(forget).result()
    for study in served.archive.studies(0, 100):
        found = served.archive.study(study)
        served.annotations.refresh(found.orthanc_id)
        served.annotations.refresh(found.patient).result()


def test_a_link_has_what_an_uploader_shows(served: Served) -> None:
    answered = link(
        served, "E1", sopInstanceUid=IMAGE, description="before surgery", url="https://ris.example/7"
    )
    assert answered.json["isNew"]
    image = answered.json["image"]
    stored = orthanc_ids(scan(FIRST, 1)[0])
    assert (image["studyInstanceUid"], image["seriesInstanceUid"], image["sopInstanceUid"]) == (
        FIRST, f"{FIRST}.1", IMAGE,
    )  # fmt: skip
    assert (image["orthancInstanceId"], image["orthancStudyId"]) == (stored[3], stored[1])
    assert (image["modality"], image["imageCount"], image["linked"], image["isStored"]) == (
        "CT",
        1,
        "image",
        True,
    )
    assert (image["description"], image["url"], image["linkedBy"]) == (
        "before surgery",
        "https://ris.example/7",
        "ann",
    )
    assert image["links"]["preview"] == f"/imaging/instances/{stored[3]}/preview"
    assert image["links"]["wado"] == f"/dicom-web/studies/{FIRST}/series/{FIRST}.1/instances/{IMAGE}"
    assert f"objectUID={IMAGE}" in image["links"]["wadoUri"]
    assert served.ask("GET", f"/exams/E1/images/{image['id']}").json == image


def test_series_and_studies_are_linked_as_a_whole(served: Served) -> None:
    series = link(served, "E1", seriesInstanceUid=f"{FIRST}.1").json["image"]
    study = link(served, "E1", studyInstanceUid=SECOND).json["image"]
    assert [(one["linked"], one["imageCount"]) for one in (series, study)] == [("series", 4), ("study", 4)]
    assert series["links"]["wado"] == f"/dicom-web/studies/{FIRST}/series/{FIRST}.1"
    assert study["links"]["wado"] == f"/dicom-web/studies/{SECOND}"
    assert [one["images"] for one in exam_of(served, "E1")["studies"]] == [1, 1]


def test_the_same_link_twice_is_one(served: Served) -> None:
    orthanc_id = orthanc_ids(scan(FIRST, 1)[0])[3]
    first = link(served, "E1").json
    again = link(served, "E1", sopInstanceUid=orthanc_id, description="a retry").json
    assert (first["isNew"], again["isNew"]) == (True, False)
    assert again["image"] == first["image"]
    assert linked(served, "E1") == [IMAGE]


def test_many_at_once_are_all_kept(served: Served) -> None:
    uids = [f"{study}.1.{number}" for study in (FIRST, SECOND) for number in (1, 2, 3, 4)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda uid: link(served, "E1", sopInstanceUid=uid), uids * 2))
    assert sorted(linked(served, "E1")) == sorted(uids)


@pytest.mark.parametrize("declares", [True, False])
def test_an_image_of_another_patient_is_refused(served: Served, declares: bool) -> None:
    if declares:
        served.ask("PUT", "/exams/E1", {"patientId": "P"})
    else:
        link(served, "E1")
    refused = link(served, "E1", sopInstanceUid=OF_Q)
    assert (refused.status, refused.code, refused.fields()) == (422, "otherPatient", ["/sopInstanceUid"])
    assert OF_Q not in linked(served, "E1")
    found = exam_of(served, "E1")
    assert (found["patientId"], found["patientSource"]) == ("P", "declared" if declares else "firstLink")


def test_an_image_that_is_not_stored_yet_can_be_linked_later(served: Served) -> None:
    late = scan("1.2.3.8", 8)
    missing = link(served, "E1", sopInstanceUid=late[0].SOPInstanceUID)
    assert (missing.status, missing.code) == (404, "imageNotStored")
    assert int(missing.response.headers["Retry-After"]) > 0
    served.store(*late)
    assert link(served, "E1", sopInstanceUid=late[0].SOPInstanceUID).json["isNew"]


def test_details_are_replaced_and_a_removed_link_leaves_the_image(served: Served) -> None:
    image = link(served, "E1", sopInstanceUid=IMAGE, description="one", modality="MR").json["image"]
    assert (image["modality"], image["given"]["modality"]) == ("CT", "MR")  # what the object states counts
    path = f"/exams/E1/images/{image['id']}"
    changed = served.ask("PUT", path, {"acquiredAt": "2024-05-31T10:00:00", "url": "ris/7"}).json
    assert (changed["description"], changed["url"], changed["given"]) == (
        "", "ris/7", {"modality": None, "acquiredAt": "2024-05-31T10:00:00"},
    )  # fmt: skip
    assert served.ask("DELETE", path).json == {"exam": "E1", "id": image["id"]}
    assert served.archive.has_instance(image["orthancInstanceId"])
    assert served.ask("GET", path).status == 404


def test_nothing_is_lost_with_the_sidecar(served: Served) -> None:
    served.ask("PUT", "/exams/E1", {"patientId": "P", "description": "Staging"})
    link(served, "E1")
    link(served, "E1", studyInstanceUid=SECOND)
    before = [served.ask("GET", path).json for path in ("/exams/E1", "/exams/E1/images")]
    without_sidecar(served)
    assert [served.ask("GET", path).json for path in ("/exams/E1", "/exams/E1/images")] == before


def test_a_declaration_waits_for_its_patient(served: Served) -> None:
    """Nothing in the archive can carry it before; the answer says so."""
    waiting = served.ask("PUT", "/exams/E9", {"patientId": "late", "description": "Staging"}).json
    assert (waiting["kept"], waiting["images"]) == ("node", 0)
    served.store(*scan("1.2.8.1", 1, "late"))
    link(served, "E9", sopInstanceUid="1.2.8.1.1.1")
    without_sidecar(served)
    found = exam_of(served, "E9")
    assert (found["kept"], found["description"], found["patientId"]) == ("archive", "Staging", "late")


def test_the_declaration_moves_with_its_patient(served: Served) -> None:
    served.ask("PUT", "/exams/E1", {"patientId": "P", "description": "one"})
    served.ask("PUT", "/exams/E1", {"patientId": "Q", "description": "two"})
    without_sidecar(served)
    assert (exam_of(served, "E1")["patientId"], exam_of(served, "E1")["description"]) == ("Q", "two")


def test_a_deleted_study_takes_its_links_along_and_the_exam_says_so(served: Served) -> None:
    gone = link(served, "E1").json["image"]
    link(served, "E1", studyInstanceUid=SECOND)
    instances = [orthanc_ids(ds)[3] for ds in scan(FIRST, 1)]
    served.archive.delete(*instances)
    unnoticed = exam_of(served, "E1")  # another node deleted it: no callback yet
    assert [one["id"] for one in unnoticed["deletedImages"]] == [gone["id"]]
    served.ingest.deleted("studies", gone["orthancStudyId"]).result()
    found = exam_of(served, "E1")
    assert [(one["id"], one["studyInstanceUid"]) for one in found["deletedImages"]] == [(gone["id"], FIRST)]
    assert [one["studyInstanceUid"] for one in found["studies"]] == [SECOND]
    missing = served.ask("GET", f"/exams/E1/images/{gone['id']}")
    assert (missing.status, "was deleted" in missing.json["detail"]) == (404, True)
    served.store(*scan(FIRST, 1))
    served.archive.exam_documents.pop(
        ("studies", gone["orthancStudyId"]), None
    )  # metadata went with the study
    link(served, "E1")
    assert exam_of(served, "E1")["deletedImages"] == []


def test_a_link_that_goes_while_it_is_read_is_named_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = link(served, "E1").json["image"]
    read = tables.declarations_of_exam

    def with_a_delete(*asked: Any) -> Any:
        served.archive.delete(*(orthanc_ids(ds)[3] for ds in scan(FIRST, 1)))
        served.ingest.deleted("studies", gone["orthancStudyId"]).result()
        return read(*asked)

    monkeypatch.setattr(tables, "declarations_of_exam", with_a_delete)
    assert [one["id"] for one in exam_of(served, "E1")["deletedImages"]] == [gone["id"]]


def test_a_deleted_image_of_a_study_that_stays_is_shown_as_not_stored(served: Served) -> None:
    link(served, "E1")
    instance = orthanc_ids(scan(FIRST, 1)[0])[3]
    served.archive.delete(instance)
    served.ingest.deleted("instances", instance).result()
    (image,) = served.ask("GET", "/exams/E1/images").json["images"]
    assert (image["isStored"], image["links"]["preview"], image["sopInstanceUid"]) == (False, None, IMAGE)


def test_only_signed_links_count(served: Served, tmp_path: Path) -> None:
    """Whoever writes metadata past the plugin puts no image into an exam."""
    image = link(served, "E1").json["image"]
    key = ("studies", image["orthancStudyId"])
    document = json.loads(served.archive.exam_documents[key])
    document["content"]["links"][0]["exam"] = "E2"
    served.archive.exam_documents[key] = json.dumps(document)
    served.annotations.refresh(key[1]).result()
    assert (linked(served, "E1"), linked(served, "E2")) == ([], [])


def test_a_document_does_not_count_on_another_study(served: Served) -> None:
    image = link(served, "E1").json["image"]
    other = orthanc_ids(scan(SECOND, 2)[0])[1]
    served.archive.exam_documents[("studies", other)] = served.archive.exam_documents[
        ("studies", image["orthancStudyId"])
    ]
    served.annotations.refresh(other).result()
    assert exam_of(served, "E1")["images"] == 1


def test_links_of_two_patients_that_two_nodes_made_are_not_mixed(served: Served) -> None:
    """Each node saw an exam without images; the first link decides, and the exam is flagged."""
    link(served, "E1")
    ids = orthanc_ids(scan("1.2.7.1", 1, "Q")[0])
    documents = ExamDocuments(served.keyring, lambda: None)
    foreign = ExamLink("1" * 32, "E1", "studies", ids[1], "1.2.7.1", at="2999-01-01T00:00:00Z")
    text = documents.write("studies", ids[1], documents.read("studies", ids[1], None).__class__((foreign,)))
    served.archive.exam_documents[("studies", ids[1])] = text
    served.annotations.refresh(ids[1]).result()
    found = exam_of(served, "E1")
    assert (found["patientId"], found["images"], found["flags"]) == ("P", 1, ["otherPatient"])
    assert linked(served, "E1") == [IMAGE]


def test_metadata_of_any_content_is_survived(served: Served) -> None:
    study = orthanc_ids(scan(FIRST, 1)[0])[1]
    for text in (
        "",
        "null",
        "[" * 5_000,
        '{"content":{},"signature":{}}',
        "9" * 10_000,
        "\ud800",
        "x" * 5_000_000,
    ):
        served.archive.exam_documents[("studies", study)] = text
        served.annotations.refresh(study).result()
        assert served.ask("GET", "/exams").json["total"] == 0
    assert link(served, "E1").json["isNew"]


@pytest.mark.parametrize("name", ["a b", "ä", "x" * 65, "dot.", "..", "a%0A", "a\n"])
def test_names_that_are_none(served: Served, name: str) -> None:
    answered = served.send("PUT", f"/exams/{name}", {})
    assert answered.status == 400


def test_the_pattern_narrows_names(tmp_path: Path) -> None:
    served = Served(tmp_path, Settings(exam_id_pattern="RIS-[0-9]+"))
    try:
        assert served.ask("PUT", "/exams/RIS-7", {}).status == 200
        refused = served.ask("PUT", "/exams/RIS-7x", {})
        assert (refused.status, "ExamIdPattern" in refused.json["detail"]) == (400, True)
    finally:
        served.close()


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScript:1", "//evil.example", "/\\evil.example", "\\\\evil", "http:evil", "https:///x",
     "data:text/html,1", "https://user:pass@ris.example", " https://ris.example", "java\nscript:1", "ftp://a", "https://a:b/",
     "", "\u0001javascript:1", "https://[::1"],
)  # fmt: skip
def test_addresses_that_a_client_must_not_follow(served: Served, url: str) -> None:
    refused = link(served, "E1", sopInstanceUid=IMAGE, url=url)
    assert (refused.status, refused.fields()) == (400, ["/url"])


def test_exactly_one_thing_is_linked(served: Served) -> None:
    for body in ({"description": "x"}, {"sopInstanceUid": IMAGE, "studyInstanceUid": FIRST}):
        refused = link(served, "E1", **body)
        assert (refused.status, refused.fields()) == (
            400, ["/sopInstanceUid", "/seriesInstanceUid", "/studyInstanceUid"],
        )  # fmt: skip


def test_exams_of_a_patient(served: Served) -> None:
    link(served, "E1")
    served.ask("PUT", "/exams/E2", {"patientId": "P"})
    served.ask("PUT", "/exams/E3", {"patientId": "Q"})
    found = served.ask("GET", "/exams", query={"patientId": "P"}).json
    assert ([one["exam"] for one in found["exams"]], found["total"]) == (["E1", "E2"], 2)
    assert served.ask("GET", "/exams").json["total"] == 3


def test_resolve_answers_with_the_studies_of_an_exam(served: Served) -> None:
    link(served, "E1", studyInstanceUid=SECOND)
    served.ask("PUT", "/exams/E2", {"patientId": "P"})
    click = {"sopInstanceUid": IMAGE, "row": 2, "column": 3}

    def studies(**more: Any) -> list[str]:
        answer = served.ask("POST", "/points/resolve", {**click, **more}).json
        return [one["studyInstanceUid"] for one in answer["matches"] + answer["unresolved"]]

    assert sorted(studies()) == [FIRST, SECOND]
    assert studies(exams=["E1"]) == [SECOND]
    assert studies(exams=["E2"]) == []
    assert studies(exams=["E1"], studyInstanceUids=[FIRST]) == []
    link(served, "E3", sopInstanceUid=OF_Q)
    for unknown in ("none", "E3", "../x"):
        refused = served.ask("POST", "/points/resolve", {**click, "exams": ["E1", unknown]})
        assert (refused.status, refused.fields()) == (404, ["/exams/1"])


def test_a_removed_exam_is_gone_and_its_images_are_not(served: Served) -> None:
    served.ask("PUT", "/exams/E1", {"patientId": "P", "description": "of P"})
    link(served, "E1")
    link(served, "E1", studyInstanceUid=SECOND)
    link(served, "E2")
    served.ask("PUT", "/exams/E2", {"patientId": "P", "description": "another"})
    stored = set(served.archive.stored)
    assert served.ask("DELETE", "/exams/E1").json == {"exam": "E1", "images": 2}
    for _ in range(2):
        again = served.ask("DELETE", "/exams/E1")
        assert (again.status, again.code) == (404, "notFound")
    assert served.ask("GET", "/exams/E1").status == served.ask("GET", "/exams/E1/images").status == 404
    assert [one["exam"] for one in served.ask("GET", "/exams").json["exams"]] == ["E2"]
    assert (exam_of(served, "E2")["description"], linked(served, "E2")) == ("another", [IMAGE])
    assert set(served.archive.stored) == stored
    without_sidecar(served)
    assert (served.ask("GET", "/exams/E1").status, linked(served, "E2")) == (404, [IMAGE])


@pytest.mark.parametrize("is_noticed", [True, False])
def test_a_removed_exam_leaves_no_trace_of_what_went_before(served: Served, is_noticed: bool) -> None:
    """Neither of links whose study is deleted, nor of a declaration whose patient is not stored."""
    served.ask("PUT", "/exams/E1", {"patientId": "not stored yet"})
    served.ask("PUT", "/exams/E2", {"patientId": "Q"})
    gone = link(served, "E2", sopInstanceUid=OF_Q).json["image"]
    served.archive.delete(*(orthanc_ids(ds)[3] for ds in scan("1.2.7.1", 1, "Q")))
    if is_noticed:
        served.ingest.deleted("studies", gone["orthancStudyId"]).result()
    assert len(exam_of(served, "E2")["deletedImages"]) == 1
    assert served.ask("DELETE", "/exams/E2").json == {"exam": "E2", "images": 0}
    assert served.ask("DELETE", "/exams/E1").json == {"exam": "E1", "images": 0}
    served.ingest.deleted("studies", gone["orthancStudyId"]).result()
    assert served.ask("GET", "/exams").json["total"] == 0
    assert [served.ask("GET", f"/exams/{exam}").status for exam in ("E1", "E2")] == [404, 404]


def test_a_removal_that_fails_half_way_is_done_by_the_next(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    link(served, "E1")
    link(served, "E1", studyInstanceUid=SECOND)
    change = served.loopback.change_exams

    def once(*asked: Any) -> None:
        change(*asked)
        served.loopback.fails = True

    monkeypatch.setattr(served.loopback, "change_exams", once)
    assert served.ask("DELETE", "/exams/E1").code == "archiveFailed"
    monkeypatch.undo()
    served.loopback.fails = False
    assert served.ask("DELETE", "/exams/E1").json == {"exam": "E1", "images": 1}
    assert served.ask("GET", "/exams/E1").status == 404
