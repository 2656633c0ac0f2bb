"""Places on two nodes with one archive: what one keeps, renames, deletes or finds stale, the other knows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from postgres import Postgres
from pydicom.uid import generate_uid

from tests.orthanc.server import OrthancServer, free_ports
from tests.orthanc.test_cluster import HEARD_SECONDS, Cluster, Patient, aligned, node

Json = dict[str, Any]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    with (
        Postgres(*free_ports(1)) as postgres,
        node(folder, "a", postgres) as a,
        node(folder, "b", postgres) as b,
    ):
        yield Cluster(a, b)


@pytest.fixture
def patient() -> Patient:
    return Patient(f"cluster {generate_uid()[-8:]}", generate_uid(), generate_uid())


def keep(server: OrthancServer, patient: Patient) -> Json:
    body = {
        "name": "seg VII",
        "patientId": patient.name,
        "frameOfReferenceUid": patient.later,
        "x": 1,
        "y": 1,
        "z": 4,
    }
    response = server.session.post("/imaging/places", json=body)
    assert response.status_code == 201, response.text
    return response.json()


def listed(server: OrthancServer, patient: Patient) -> list[Json]:
    return list(server.session.get("/imaging/places", params={"patientId": patient.name}).json()["places"])


def wait_listed(server: OrthancServer, patient: Patient, reports: int) -> Json:
    def there() -> Json | None:
        found = listed(server, patient)
        return found[0] if found and len(found[0]["reports"]) == reports else None

    found = server.wait_until(there, HEARD_SECONDS, f"a place with {reports} reports is known here")
    assert found is not None
    return found


def test_what_one_node_keeps_the_other_lists_changes_and_deletes(cluster: Cluster, patient: Patient) -> None:
    transform = aligned(cluster, patient)
    place = keep(cluster.a, patient)
    cluster.a.session.post(f"/imaging/places/{place['id']}/studies", json={}).raise_for_status()
    found = wait_listed(cluster.b, patient, 2)
    # the same on both, but for the links, which are each node's own
    assert found["reports"] == listed(cluster.a, patient)[0]["reports"]
    assert [one["path"] for one in found["reports"] if one["saidBy"] == "plugin"] == [[transform["id"]]]

    cluster.b.session.put(f"/imaging/places/{place['id']}", json={"name": "seg VIII"}).raise_for_status()
    cluster.a.wait_until(
        lambda: [one["name"] for one in listed(cluster.a, patient)] == ["seg VIII"],
        HEARD_SECONDS,
        "the new name",
    )
    wait_listed(cluster.a, patient, 2)

    path = f"/imaging/transforms/{transform['id']}/review"
    cluster.a.session.post(path, json={"decision": "rejected"}).raise_for_status()
    (stale,) = [one["stale"] for one in listed(cluster.b, patient)[0]["reports"] if one["stale"]]
    assert stale["reason"] == "transformRejected"

    cluster.a.session.delete(f"/imaging/places/{place['id']}").raise_for_status()
    assert listed(cluster.b, patient) == []
    assert cluster.b.session.get(f"/imaging/places/{place['id']}").status_code == 404


def test_both_nodes_keep_in_all_studies_at_once_and_one_report_holds(
    cluster: Cluster, patient: Patient
) -> None:
    aligned(cluster, patient)
    place = keep(cluster.a, patient)
    wait_listed(cluster.b, patient, 1)
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(
            lambda server: server.session.post(f"/imaging/places/{place['id']}/studies", json={}), (cluster.a, cluster.b)
        ))  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = wait_listed(cluster.a, patient, 2), wait_listed(cluster.b, patient, 2)
    assert [one["saidBy"] for one in first["reports"]].count("plugin") == 1
    cluster.a.wait_until(
        lambda: listed(cluster.a, patient)[0]["reports"] == listed(cluster.b, patient)[0]["reports"],
        HEARD_SECONDS,
        "both nodes list the same",
    )
    assert second["id"] == first["id"]
