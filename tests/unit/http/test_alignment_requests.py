"""What POST /alignments takes, refuses and queues, without a server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from longitudinal.access.identity import Actor, How
from longitudinal.http.exchange import Request
from longitudinal.http.router import Router
from longitudinal.http.routes.alignments import Alignments, alignment_routes
from longitudinal.jobs.align_study import KIND, AlignParameters
from longitudinal.jobs.queue import JobQueue
from longitudinal.patients.catalogue import Catalogue
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.instances import Touched
from longitudinal.sidecar.records import InstanceRecord
from longitudinal.sidecar.writer import Writer
from tests.unit.patients.ward import volume

Json = dict[str, Any]
EYE = [[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def scan(study: int, **more: object) -> list[InstanceRecord]:
    return volume(study, **{"heights": range(0, 60, 3), "frame_of_reference_uid": f"1.9.{study}", **more})


class Desk:
    def __init__(self, readers: Readers, writer: Writer) -> None:
        self.queue = JobQueue(readers, writer)
        self.catalogue = Catalogue(readers)
        self._writer = writer
        alignments = Alignments(readers, self.catalogue, self.queue)
        self.router = Router(alignment_routes(readers, alignments, 1))

    def store(self, *scans: list[InstanceRecord]) -> None:
        touched: list[Touched] = []
        records = [record for one in scans for record in one]
        self._writer.submit(
            lambda _, instances: touched.extend(map(instances.put, records)) or touched
        ).result()
        self.catalogue.invalidate(frozenset(touched))

    def ask(self, **body: object) -> tuple[int, Json]:
        raw = json.dumps(body).encode()
        request = Request("POST", "/alignments", query={}, body=raw, actor=Actor("ann", How.PASSWORD))
        route, values = self.router.find("POST", "/alignments")
        response = self.router.run(route, values, request)
        return response.status, json.loads(response.body)

    def jobs(self, **body: object) -> dict[str, AlignParameters]:
        """The parameters of the jobs that a request queues, by subject."""
        status, answer = self.ask(**body)
        assert status == 202, answer
        jobs = [self.queue.get(job["id"]) for job in answer["jobs"]]
        assert {job.kind for job in jobs} <= {KIND}
        return {job.subject: msgspec.json.decode(job.parameters, type=AlignParameters) for job in jobs}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    readers = Readers(tmp_path / "sidecar.sqlite")
    writer = Writer(readers, lambda touched: None)
    writer.start()
    desk = Desk(readers, writer)
    desk.store(scan(1), scan(2), scan(3))
    yield desk
    readers.close()
    writer.stop()


def test_a_patient_is_a_job_for_each_study_but_the_oldest(desk: Desk) -> None:
    jobs = desk.jobs(patientId="P")
    assert set(jobs) == {"s1.2", "s1.3"}
    for parameters in jobs.values():
        assert parameters == AlignParameters("rigid", ["s1.1", "s1.2", "s1.3"], is_asked=True, by="ann")


def test_some_studies_among_themselves_and_one_with_anybody(desk: Desk) -> None:
    some = desk.jobs(studyInstanceUids=["1.3", "s1.2"], method="affine", seriesInstanceUids=["1.2.1"])
    assert some == {"s1.3": AlignParameters("affine", ["s1.2", "s1.3"], ["1.2.1"], is_asked=True, by="ann")}
    one = desk.jobs(studyInstanceUids=["1.1"])
    assert one == {"s1.1": AlignParameters("rigid", None, is_asked=True, by="ann")}


def test_where_nobody_knows_the_oldest_each_looks_for_a_partner(desk: Desk) -> None:
    desk.store(scan(4, patient_id="Q", study_date=""), scan(5, patient_id="Q"))
    assert set(desk.jobs(patientId="Q")) == {"s1.4", "s1.5"}


def test_a_start_is_for_two_frames_and_lies_in_the_later_study(desk: Desk) -> None:
    initial = {"sourceFrameOfReferenceUid": "1.9.1", "targetFrameOfReferenceUid": "1.9.3", "matrix": EYE}
    ((subject, parameters),) = desk.jobs(patientId="P", initial=initial).items()
    assert subject == "s1.3"
    assert parameters.initial is not None
    assert (parameters.initial.source_frame, parameters.initial.target_frame) == ("1.9.1", "1.9.3")
    assert parameters.initial.matrix == EYE
    assert parameters.partners == ["s1.1", "s1.3"]


def test_landmarks_are_fitted(desk: Desk) -> None:
    source = [[0, 0, 0], [50, 0, 0], [0, 60, 0], [0, 0, 40]]
    pairs = [{"source": point, "target": [point[0] + 5, point[1], point[2]]} for point in source]
    frames = {"sourceFrameOfReferenceUid": "1.9.1", "targetFrameOfReferenceUid": "1.9.2"}
    ((_, parameters),) = desk.jobs(patientId="P", initial={**frames, "landmarks": pairs}).items()
    assert parameters.initial is not None
    for row, wanted in zip(parameters.initial.matrix, EYE, strict=True):
        assert row == pytest.approx(wanted, abs=1e-9)


FRAMES = {"sourceFrameOfReferenceUid": "1.9.1", "targetFrameOfReferenceUid": "1.9.2"}


@pytest.mark.parametrize(
    ("body", "status", "code", "fields"),
    [
        ({}, 400, "invalidRequest", ["/studyInstanceUids", "/patientId"]),
        ({"patientId": "P", "studyInstanceUids": ["1.1"]}, 400, "invalidRequest", ["/studyInstanceUids", "/patientId"]),
        ({"patientId": "P", "method": "elastic"}, 400, "invalidRequest", ["/method"]),
        ({"patientId": "nobody"}, 404, "notFound", ["/patientId"]),
        ({"studyInstanceUids": ["1.1", "1.77"]}, 404, "notFound", ["/studyInstanceUids/1"]),
        ({"patientId": "P", "initial": FRAMES}, 400, "invalidRequest", ["/initial/matrix", "/initial/landmarks"]),
        ({"patientId": "P", "initial": {**FRAMES, "targetFrameOfReferenceUid": "1.9.9", "matrix": EYE}}, 422, "unknownFrame",
         ["/initial/targetFrameOfReferenceUid"]),
        ({"patientId": "P", "initial": {**FRAMES, "targetFrameOfReferenceUid": "1.9.1", "matrix": EYE}}, 422, "sameFrame",
         ["/initial/targetFrameOfReferenceUid"]),
        ({"patientId": "P", "initial": {**FRAMES, "matrix": [[0, 0, 0, 0]] * 3 + [[0, 0, 0, 1]]}}, 422, "singular",
         ["/initial/matrix"]),
    ],
)  # fmt: skip
def test_every_wrong_field_is_named(
    desk: Desk, body: Json, status: int, code: str, fields: list[str]
) -> None:
    found, problem = desk.ask(**body)
    assert (found, problem["code"]) == (status, code), problem
    assert [error["field"] for error in problem["errors"]] == fields


def test_two_people_are_never_aligned(desk: Desk) -> None:
    desk.store(scan(4, patient_id="Q"))
    status, problem = desk.ask(studyInstanceUids=["1.1", "1.4"])
    assert (status, problem["code"]) == (422, "unprocessable")


def test_under_an_identity_conflict_only_studies_that_are_named(desk: Desk) -> None:
    born = ("19500101", "19910101", "19910101")
    desk.store(*(scan(4 + number, patient_id="Q", patient_birth_date=day) for number, day in enumerate(born)))
    status, problem = desk.ask(patientId="Q")
    assert (status, "identityConflict" in problem["detail"]) == (422, True)
    assert set(desk.jobs(studyInstanceUids=["1.5", "1.6"])) == {"s1.6"}


def test_what_is_under_way_is_joined_or_a_conflict(desk: Desk) -> None:
    before = desk.ask(studyInstanceUids=["1.1", "1.2"])
    assert desk.queue.start_next(frozenset({KIND})) is not None
    assert desk.ask(studyInstanceUids=["1.1", "1.2"]) == before
    status, problem = desk.ask(studyInstanceUids=["1.1", "1.2"], method="deformable")
    assert (status, problem["code"]) == (409, "conflict")
