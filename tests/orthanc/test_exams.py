"""Exams on real servers: what is linked outlives the index file, a kill and a restart, and other nodes see it."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests import builders as build
from tests.orthanc.server import OrthancServer

Json = dict[str, Any]
KILLED_AFTER = 40
LINKS = 100


def short_uid() -> str:
    """One that series and images below it can extend."""
    return f"1.2.3.{secrets.randbelow(10**12)}"


def files(patient: str, study: str, slices: int = 4) -> list[bytes]:
    return [
        build.as_file(
            build.classic(
                (0.0, 0.0, 2.0 * number), PatientID=patient, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1",
                SOPInstanceUID=f"{study}.1.{number + 1}", FrameOfReferenceUID=f"{study}.9", InstanceNumber=number + 1,
            )
        )
        for number in range(slices)
    ]  # fmt: skip


def exam_of(server: OrthancServer, exam: str) -> Json:
    found: Json = server.session.get(f"/imaging/exams/{exam}").json()
    return found


def test_what_was_acknowledged_outlives_a_kill_and_the_index_file(server: OrthancServer) -> None:
    study = short_uid()
    server.store_rest(files("P", study, LINKS))
    server.wait_indexed(lambda health: health["instances"] == LINKS, 20)
    server.session.put(
        "/imaging/exams/E1", json={"patientId": "P", "description": "Staging"}
    ).raise_for_status()

    def link(number: int) -> bool:
        body = {"sopInstanceUid": f"{study}.1.{number + 1}"}
        try:
            return server.new_session().post("/imaging/exams/E1/images", json=body).status_code == 200
        except OSError:  # killed
            return False

    with ThreadPoolExecutor(4) as threads:
        done = []
        for number in range(LINKS):
            done.append(threads.submit(link, number))
            if number == KILLED_AFTER:
                done[-8].result()
                server.kill()
        acknowledged = {f"{study}.1.{number + 1}" for number, one in enumerate(done) if one.result()}
    assert 0 < len(acknowledged) < LINKS
    for sidecar in server.folder.rglob("longitudinal-*.sqlite*"):
        sidecar.unlink()
    server.start()

    def kept() -> list[str]:
        answer = server.session.get("/imaging/exams/E1/images")
        return [image["sopInstanceUid"] for image in answer.json().get("images", [])]

    server.wait_until(lambda: acknowledged <= set(kept()), 20, "all that was acknowledged is read again")
    assert len(kept()) == len(set(kept()))
    assert len(kept()) <= len(acknowledged) + 4  # those under way
    # the links are there as soon as their study is, and its images one after the other
    server.wait_indexed(lambda health: health["instances"] == LINKS, 20)
    for number in range(LINKS):  # as an uploader does that is not sure
        assert link(number)
    assert sorted(kept()) == sorted(f"{study}.1.{number + 1}" for number in range(LINKS))
    assert exam_of(server, "E1")["description"] == "Staging"


def test_deleting_the_study_deletes_its_links_and_says_so(shared_server: OrthancServer) -> None:
    server, patient = shared_server, f"exams {short_uid()[-8:]}"
    gone, kept = short_uid(), short_uid()
    stored = server.store_rest(files(patient, gone))[0]
    server.store_rest(files(patient, kept))

    def link(uid: str) -> Json | None:
        answer = server.session.post("/imaging/exams/E-gone/images", json={"studyInstanceUid": uid})
        if answer.status_code == 404:
            assert (answer.json()["code"], answer.headers["Retry-After"]) == ("imageNotStored", "2")
        return answer.json() if answer.ok else None

    for uid in (gone, kept):
        server.wait_until(lambda uid=uid: link(uid), 5, "a study that was just stored can be linked")
    image = exam_of(server, "E-gone")
    assert image["images"] == 2
    server.session.delete(f"/studies/{stored['ParentStudy']}").raise_for_status()
    found = exam_of(server, "E-gone")
    assert [one["studyInstanceUid"] for one in found["studies"]] == [kept]
    assert [one["studyInstanceUid"] for one in found["deletedImages"]] == [gone]


def test_the_links_of_an_image_lead_to_it(shared_server: OrthancServer) -> None:
    server, study = shared_server, short_uid()
    server.store_rest(files(f"exams {study[-8:]}", study))
    link: Callable[[], Any] = lambda: server.session.post(  # noqa: E731
        "/imaging/exams/E-links/images", json={"sopInstanceUid": f"{study}.1.2"}
    )
    server.wait_until(lambda: link().ok, 5, "it can be linked")
    links = link().json()["image"]["links"]
    assert server.session.get(links["preview"]).headers["Content-Type"] == "image/png"
    assert server.session.get(links["wado"]).headers["Content-Type"].startswith("multipart/related")
    assert server.session.get(links["wadoUri"]).content[128:132] == b"DICM"


def test_nobody_writes_exams_past_the_plugin(shared_server: OrthancServer) -> None:
    uid = short_uid()
    study = shared_server.store_rest(files(f"exams {uid[-8:]}", uid))[0]["ParentStudy"]
    refused = shared_server.session.put(f"/studies/{study}/metadata/4003", data=b"{}")
    assert refused.status_code == 403
