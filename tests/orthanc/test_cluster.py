"""Two Orthanc on one PostgreSQL and one storage folder, each with a sidecar of its own: what one does, the other knows."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import run
from postgres import Postgres
from pydicom.uid import generate_uid

from tests import builders as build
from tests.data import ROOT
from tests.orthanc.server import (
    PLUGIN_FOLDER,
    PLUGINS,
    OrthancServer,
    ServerSession,
    free_ports,
    wait_until,
)

SLICES = 6
MANY = 60
HEARD_SECONDS = 5.0
"""What the plugin promises between a store on one node and its visibility on another."""
CLUSTER_SECONDS = 60.0
SHIFT = [[1.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 1.0]]
Json = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """The two nodes."""

    a: OrthancServer
    b: OrthancServer


@dataclass(frozen=True)
class Patient:
    """Two studies of one patient in frames of their own."""

    name: str
    earlier: str
    later: str

    def files(self, frame: str, year: int, slices: int = SLICES) -> list[bytes]:
        uids = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID")}
        return [
            build.as_file(
                build.classic(
                    (0.0, 0.0, 2.0 * number), PatientID=self.name, FrameOfReferenceUID=frame,
                    InstanceNumber=number + 1, StudyDate=f"{year}0101", StudyTime="120000", **uids,
                )
            )
            for number in range(slices)
        ]  # fmt: skip

    def store(self, node: OrthancServer) -> tuple[Json, Json]:
        """Store both studies; returns what Orthanc said of an instance of each."""
        return tuple(
            node.store_rest(self.files(frame, year))[0]
            for frame, year in ((self.earlier, 2020), (self.later, 2021))
        )


@pytest.fixture
def patient() -> Patient:
    return Patient(f"cluster {generate_uid()[-8:]}", generate_uid(), generate_uid())


def node(folder: Path, name: str, postgres: Postgres, **longitudinal: Any) -> OrthancServer:
    plugins = [str(PLUGIN_FOLDER / plugin) for plugin in (*PLUGINS, "libOrthancPostgreSQLIndex.so")]
    configuration = {
        "Name": name,
        "StorageDirectory": str(folder / "storage"),
        "DatabaseServerIdentifier": name,
        "CheckRevisions": True,
        "PostgreSQL": postgres.orthanc_settings,
        "Plugins": plugins,
        "Longitudinal": {"KeyPath": str(folder / "keys.json"), **longitudinal},
    }
    return OrthancServer(folder / name, configuration=configuration)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with (
        Postgres(*free_ports(1)) as postgres,
        node(folder, "a", postgres) as a,
        node(folder, "b", postgres) as b,
    ):
        yield Cluster(a, b)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with Postgres(*free_ports(1)) as postgres:
        yield postgres


def ask(server: OrthancServer, patient: Patient, frame: str | None = None) -> Json:
    """Where the middle of the scan in `frame` is; no lists for a patient unknown here."""
    question = {
        "patientId": patient.name,
        "frameOfReferenceUid": frame or patient.later,
        "x": 1,
        "y": 1,
        "z": 4,
    }
    response = server.session.post("/imaging/points/resolve", json=question)
    return response.json() if response.status_code == 200 else {"matches": [], "unresolved": []}


def matched(answer: Json) -> set[str]:
    return {match["frameOfReferenceUid"] for match in answer["matches"]}


def reasons(answer: Json) -> list[str]:
    return [study["reason"] for study in answer["unresolved"]]


def wait_known(server: OrthancServer, patient: Patient) -> float:
    """Seconds until a node answers with one study of the patient and names the other."""
    began = time.monotonic()

    def is_known() -> bool:
        answer = ask(server, patient)
        return matched(answer) == {patient.later} and reasons(answer) == ["needsAlignment"]

    server.wait_until(is_known, HEARD_SECONDS, "the other node's studies are known here")
    return time.monotonic() - began


def give_transform(server: OrthancServer, patient: Patient) -> Json:
    body = {"sourceFrameOfReferenceUid": patient.later, "targetFrameOfReferenceUid": patient.earlier}
    response = server.session.post(
        "/imaging/transforms", json=body | {"matrix": SHIFT, "expectedErrorMm": 1.5}
    )
    assert response.status_code == 201, response.text
    return response.json()


def wait_used(server: OrthancServer, patient: Patient) -> Json:
    """The match that a transform leads to, with what is said about it."""

    def used() -> Json | None:
        matches = [match for match in ask(server, patient)["matches"] if match["path"]]
        return matches[0] if matches and matches[0]["uncertaintyMm"] is not None else None

    match = server.wait_until(used, HEARD_SECONDS, "the other node's transform is used here")
    assert match is not None
    return match


def aligned(cluster: Cluster, patient: Patient) -> Json:
    """Both nodes know the patient, and use a transform that was made on the first."""
    patient.store(cluster.a)
    wait_known(cluster.a, patient)
    wait_known(cluster.b, patient)
    transform = give_transform(cluster.a, patient)
    wait_used(cluster.b, patient)
    return transform


def test_a_study_stored_on_one_node_resolves_on_the_other(cluster: Cluster, patient: Patient) -> None:
    patient.store(cluster.a)
    assert wait_known(cluster.b, patient) < HEARD_SECONDS


def test_a_transform_made_on_one_node_serves_on_the_other(cluster: Cluster, patient: Patient) -> None:
    transform = aligned(cluster, patient)
    match = wait_used(cluster.b, patient)
    assert match["path"] == [transform["id"]]
    assert [match["x"], match["y"], match["z"]] == pytest.approx([1.5, 1, 6], abs=1e-6)
    assert (match["uncertaintyMm"], match["uncertaintySource"]) == (1.5, "declared")
    served = cluster.b.session.get(f"/imaging/transforms/{transform['id']}").json()
    assert (served["matrix"], served["createdBy"]) == (transform["matrix"], cluster.a.user)


def test_a_transform_rejected_on_one_node_is_not_used_by_the_others_next_answer(
    cluster: Cluster, patient: Patient
) -> None:
    transform = aligned(cluster, patient)
    path = f"/imaging/transforms/{transform['id']}/review"
    cluster.a.session.post(path, json={"decision": "rejected"}).raise_for_status()
    answer = ask(cluster.b, patient)
    assert (matched(answer), reasons(answer)) == ({patient.later}, ["needsAlignment"])
    cluster.b.session.post(path, json={"decision": "accepted"}).raise_for_status()
    assert wait_used(cluster.a, patient)["reviewed"]


def test_a_transform_deleted_on_one_node_is_not_used_by_the_others_next_answer(
    cluster: Cluster, patient: Patient
) -> None:
    transform = aligned(cluster, patient)
    cluster.a.session.delete(f"/imaging/transforms/{transform['id']}").raise_for_status()
    answer = ask(cluster.b, patient)
    assert (matched(answer), reasons(answer)) == ({patient.later}, ["needsAlignment"])
    assert cluster.b.session.get(f"/imaging/transforms/{transform['id']}").status_code == 404


@pytest.mark.parametrize("which", ["earlier", "later"])
def test_a_study_deleted_on_one_node_is_in_no_answer_of_the_other(
    cluster: Cluster, patient: Patient, which: str
) -> None:
    """Whether it would be a match or stand among those without one."""
    stored = dict(zip(("earlier", "later"), patient.store(cluster.a), strict=True))
    wait_known(cluster.b, patient)
    kept = {"earlier": "later", "later": "earlier"}[which]
    cluster.a.session.delete(f"/studies/{stored[which]['ParentStudy']}").raise_for_status()
    answer = ask(cluster.b, patient, getattr(patient, kept))
    assert (matched(answer), answer["unresolved"]) == ({getattr(patient, kept)}, [])
    assert ask(cluster.b, patient, getattr(patient, which))["matches"] == []


def test_a_study_of_many_slices_goes_with_the_first_one_that_is_missed(
    cluster: Cluster, patient: Patient
) -> None:
    """An answer names a single slice of it, and must not end in one of its neighbours."""
    kept = cluster.a.store_rest(patient.files(patient.later, 2021))[0]
    gone = cluster.a.store_rest(patient.files(patient.later, 2020, MANY))[0]
    cluster.b.wait_until(
        lambda: len(ask(cluster.b, patient)["matches"]) == 2, HEARD_SECONDS, "both are known"
    )
    cluster.b.wait_until(lambda: cluster.b.health()["cursorLag"] == 0, HEARD_SECONDS, "all slices are known")
    cluster.a.session.delete(f"/studies/{gone['ParentStudy']}").raise_for_status()
    answer = ask(cluster.b, patient)
    (match,) = answer["matches"]
    assert answer["unresolved"] == []
    instance = cluster.a.session.get(f"/instances/{match['orthancInstanceId']}/study").json()
    assert instance["ID"] == kept["ParentStudy"]


def test_a_patient_deleted_on_one_node_is_unknown_on_the_other(cluster: Cluster, patient: Patient) -> None:
    stored, _ = patient.store(cluster.a)
    wait_known(cluster.b, patient)
    cluster.a.session.delete(f"/patients/{stored['ParentPatient']}").raise_for_status()
    question = {"patientId": patient.name, "frameOfReferenceUid": patient.later, "x": 1, "y": 1, "z": 4}
    assert cluster.b.session.post("/imaging/points/resolve", json=question).status_code == 404


def test_reviews_on_both_nodes_at_once_lose_nothing(cluster: Cluster, patient: Patient) -> None:
    """Each writes what it has read: Orthanc's revisions make the later one read again."""
    transform = aligned(cluster, patient)
    path = f"/imaging/transforms/{transform['id']}/review"
    decisions = ["accepted", "rejected"] * 4
    with ThreadPoolExecutor(2) as threads:
        done = threads.map(
            lambda server, decision: server.new_session().post(path, json={"decision": decision}).status_code,
            [cluster.a, cluster.b] * 4,
            decisions,
        )
        assert set(done) == {200}

    def said(server: OrthancServer) -> tuple[str, float | None]:
        found = server.session.get(f"/imaging/transforms/{transform['id']}").json()
        return found["review"]["decision"], found["expectedErrorMm"]

    cluster.b.wait_until(lambda: said(cluster.a) == said(cluster.b), HEARD_SECONDS, "both say the same")
    assert said(cluster.a)[1] == transform["expectedErrorMm"]


def test_nothing_is_missing_after_each_node_was_down(
    postgres: Postgres, tmp_path: Path, patient: Patient
) -> None:
    a, b = node(tmp_path, "a", postgres), node(tmp_path, "b", postgres)
    other = Patient(f"{patient.name} 2", generate_uid(), generate_uid())
    with b:
        with a:
            stored, _ = patient.store(a)
            wait_known(b, patient)
            transform = give_transform(a, patient)
            wait_used(b, patient)
        other.store(b)  # a is down
        b.session.post(
            f"/imaging/transforms/{transform['id']}/review", json={"decision": "rejected"}
        ).raise_for_status()
    with a:
        a.wait_until(lambda: matched(ask(a, other)), HEARD_SECONDS, "what was stored while it was down")
        assert reasons(ask(a, patient)) == ["needsAlignment"]  # rejected while it was down
        a.session.delete(f"/studies/{stored['ParentStudy']}").raise_for_status()  # b is down
        with b:
            answer = ask(b, patient)
            assert (matched(answer), answer["unresolved"]) == ({patient.later}, [])
            for server in (a, b):
                server.wait_until(
                    lambda server=server: matched(ask(server, other)) == {other.later},
                    HEARD_SECONDS,
                    "all is there",
                )


def test_make_cluster_starts_two_nodes_of_one_archive_and_ends_all(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        command = [sys.executable, ROOT / "scripts" / "cluster.py"]
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "Stop with Ctrl-C" in output.read_text(), CLUSTER_SECONDS, output.read_text())
        printed = output.read_text()
        urls = re.findall(r"Node \w:  (\S+)", printed)
        user, password = re.search(r"User: +(\S+)\nPassword: +(\S+)", printed).groups()
        a, b = (ServerSession(url, (user, password)) for url in urls)
        assert "NOT running" not in printed
        a.post(
            "/instances", data=Patient("made", "1.2.3", "1.2.4").files("1.2.3", 2020)[0]
        ).raise_for_status()
        assert b.get("/statistics").json()["CountInstances"] == 1
        for session in (a, b):
            wait_until(
                lambda session=session: session.get("/imaging/health").json()["instances"] == 1,
                HEARD_SECONDS, "both sidecars have it",
            )  # fmt: skip
            session.close()
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(CLUSTER_SECONDS)
    assert code == 0, output.read_text()
    assert all(run.is_free(int(url.rpartition(":")[2])) for url in urls)


def test_exams_of_one_node_are_seen_and_changed_on_the_other(cluster: Cluster, patient: Patient) -> None:
    """Both link to one study at once: Orthanc's revisions keep both links."""
    stored, _ = patient.store(cluster.a)
    wait_known(cluster.b, patient)
    exam = f"E-{patient.earlier[-8:]}"
    series = cluster.a.session.get(f"/series/{stored['ParentSeries']}").json()
    cluster.a.session.put(f"/imaging/exams/{exam}", json={"patientId": patient.name}).raise_for_status()

    def seen(server: OrthancServer) -> int:
        answer = server.session.get(f"/imaging/exams/{exam}")
        return answer.json()["images"] if answer.ok else -1

    cluster.b.wait_until(
        lambda: seen(cluster.b) == 0, HEARD_SECONDS, "the declaration is known to the other node"
    )
    with ThreadPoolExecutor(2) as threads:
        done = threads.map(
            lambda server, instance: (
                server.new_session()
                .post(f"/imaging/exams/{exam}/images", json={"sopInstanceUid": instance})
                .status_code
            ),
            [cluster.a, cluster.b] * 3,
            series["Instances"],
        )
        assert set(done) == {200}
    for server in (cluster.a, cluster.b):
        server.wait_until(
            lambda server=server: seen(server) == len(series["Instances"]), HEARD_SECONDS, "all links"
        )
    cluster.b.session.delete(f"/studies/{stored['ParentStudy']}").raise_for_status()
    for server in (cluster.a, cluster.b):
        found = server.session.get(f"/imaging/exams/{exam}").json()
        assert (found["images"], len(found["deletedImages"])) == (0, len(series["Instances"]))


def test_an_exam_that_one_node_removed_is_removed_on_the_other(cluster: Cluster, patient: Patient) -> None:
    _, stored = patient.store(cluster.a)
    wait_known(cluster.b, patient)
    exam = f"R-{patient.earlier[-8:]}"
    path = f"/imaging/exams/{exam}"
    linked = cluster.b.session.post(f"{path}/images", json={"studyInstanceUid": stored["ParentStudy"]})
    assert linked.status_code == 200
    cluster.b.session.put(path, json={"patientId": patient.name}).raise_for_status()

    def known(server: OrthancServer) -> tuple[str | None, int] | None:
        answer = server.session.get(path)
        return (answer.json()["patientSource"], answer.json()["images"]) if answer.ok else None

    cluster.a.wait_until(lambda: known(cluster.a) == ("declared", 1), HEARD_SECONDS, "the exam of b")
    assert cluster.a.session.delete(path).json() == {"exam": exam, "images": 1}
    assert known(cluster.a) is None
    cluster.b.wait_until(lambda: known(cluster.b) is None, HEARD_SECONDS, "what a removed")
    assert cluster.b.session.delete(path).status_code == 404
    assert cluster.b.session.get(f"/instances/{stored['ID']}").ok
