"""What resolve makes of `refine`, without a server: a thread of this test does the jobs."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from longitudinal.access.identity import Actor, How
from longitudinal.http import refinements
from longitudinal.http.admission import Admission
from longitudinal.http.exchange import Request, Response
from longitudinal.http.refinements import Refinements
from longitudinal.http.router import Router
from longitudinal.http.routes.points import point_routes
from longitudinal.jobs.kinds.refine import KIND, RefinedPoint
from longitudinal.jobs.queue import JobQueue
from longitudinal.points.answer import Match, RefinedMatch
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.jobs import JobState, Priority
from longitudinal.sidecar.writer import Writer
from tests.unit.patients.ward import Ward, registration, shift, volume

Json = dict[str, Any]
CLICK = {"sopInstanceUid": "1.1.1.5", "row": 50, "column": 40}
ONLY = {"studyInstanceUids": ["1.2"]}
HTTP_THREADS = 4


class Desk:
    def __init__(self, folder: Path, queue: JobQueue, http_threads: int = HTTP_THREADS) -> None:
        frames = {number: {"frame_of_reference_uid": f"1.9.{number}"} for number in (1, 2, 3)}
        self.ward = Ward(
            folder, *(volume(number, **frames[number]) for number in frames), volume(4, **frames[1]),
            registration(2, "1.9.1", "1.9.2", shift(5, -6, 0)),
            registration(3, "1.9.1", "1.9.3", shift(0, 0, -2), number=91),
        )  # fmt: skip
        self.queue, self.admission = queue, Admission(http_threads)
        resolver = self.ward.resolver
        self.router = Router(point_routes(resolver, Refinements(resolver, queue, self.admission)))

    def ask(self, status: int = 200, **body: object) -> Json:
        response = self.send(**body)
        assert response.status == status, response.body
        answer: Json = json.loads(response.body)
        return answer

    def send(self, user: str = "", **body: object) -> Response:
        request = Request(
            "POST", "/points/resolve", body=json.dumps(body).encode(), actor=Actor(user, How.PASSWORD)
        )
        return self.router.run(*self.router.find("POST", "/points/resolve"), request)

    @contextmanager
    def worker(self, result: Callable[[], object], state: JobState = JobState.DONE) -> Iterator[None]:
        """Do one job meanwhile."""

        def work() -> None:
            while (job := self.queue.start_next(frozenset({KIND}))) is None:
                time.sleep(0.01)
            self.queue.finish(job, state, result=msgspec.json.encode(result()).decode())

        thread = threading.Thread(target=work)
        thread.start()
        yield
        thread.join()

    def refined(self) -> RefinedPoint:
        (match,) = (each for each in self.ward.click("1.1.1.5", studies=("1.2",)).matches)
        moved = msgspec.structs.replace(
            match, x=46.5, uncertainty_mm=0.7, uncertainty_source="local", grade="green"
        )
        return RefinedPoint([RefinedMatch("1.2", "1.2.1", True, None, "", "green", 0.7, 1.5, moved)])


@pytest.fixture
def desk(tmp_path: Path, sidecar: tuple[Readers, Writer]) -> Desk:
    return Desk(tmp_path / "ward", JobQueue(*sidecar))


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[tuple[Readers, Writer]]:
    readers = Readers(tmp_path / "jobs.sqlite")
    writer = Writer(readers, lambda touched: None)
    writer.start()
    yield readers, writer
    readers.close()
    writer.stop()


def test_unasked_nothing_is_said_of_it(desk: Desk) -> None:
    assert "refinement" not in desk.ask(**CLICK)
    assert desk.ask(**CLICK, refine=False) == desk.ask(**CLICK)
    assert desk.queue.find(None, 10, 0) == []


def test_true_is_the_ordinary_answer_with_a_job_for_what_transforms_lead_to(desk: Desk) -> None:
    answer = desk.ask(**CLICK, refine=True)
    refinement = answer.pop("refinement")
    assert answer == desk.ask(**CLICK)
    (same,) = refinement["results"]
    assert (same["studyInstanceUid"], same["reason"], same["isRefined"]) == ("1.4", "sameFrame", False)
    job = desk.queue.get(refinement["job"])
    assert [each["studyInstanceUid"] for each in json.loads(job.parameters)["answered"]] == ["1.2", "1.3"]
    assert (job.kind, job.state) == ("refine", "queued")


def test_where_geometry_is_exact_there_is_no_job(desk: Desk) -> None:
    for refine in (True, "wait"):
        refinement = desk.ask(**CLICK, refine=refine, studyInstanceUids=["1.4"])["refinement"]
        assert refinement["job"] is None
        assert [result["reason"] for result in refinement["results"]] == ["sameFrame"]
    assert desk.queue.find(None, 10, 0) == []


def test_waited_for_the_refined_match_stands_in_the_answer(desk: Desk) -> None:
    with desk.worker(desk.refined):
        answer = desk.ask(**CLICK, refine="wait", studyInstanceUids=["1.1", "1.2", "1.4"])
    places = [
        (match["studyInstanceUid"], match["x"], match["uncertaintySource"]) for match in answer["matches"]
    ]
    assert places == [("1.1", 40, "sharedFrame"), ("1.2", 46.5, "local"), ("1.4", 40, "sharedFrame")]
    assert [result["reason"] for result in answer["refinement"]["results"]] == ["sameFrame", None]
    assert desk.queue.get(answer["refinement"]["job"]).state == "done"


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_what_fails_or_is_cancelled_ends_the_wait(desk: Desk, state: JobState) -> None:
    began = time.monotonic()
    with desk.worker(lambda: None, state):
        answer = desk.ask(**CLICK, **ONLY, refine="wait")
    assert time.monotonic() - began < refinements.MOST_SECONDS / 2
    refinement = answer.pop("refinement")
    assert answer == desk.ask(**CLICK, **ONLY)
    assert desk.queue.get(refinement["job"]).state == state


def test_after_the_time_the_answer_is_the_ordinary_one_and_the_job_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refinements.MOST_SECONDS == 10
    monkeypatch.setattr(refinements, "MOST_SECONDS", 0.3)
    began = time.monotonic()
    answer = desk.ask(**CLICK, **ONLY, refine="wait")
    assert 0.3 <= time.monotonic() - began < 9
    refinement = answer.pop("refinement")
    assert answer == desk.ask(**CLICK, **ONLY)
    assert (refinement["results"], desk.queue.get(refinement["job"]).state) == ([], "queued")


def test_when_the_plugin_stops_nobody_waits_on(desk: Desk) -> None:
    desk.admission.ending.set()
    began = time.monotonic()
    answer = desk.ask(**CLICK, **ONLY, refine="wait")
    assert time.monotonic() - began < refinements.MOST_SECONDS / 2
    assert [match["uncertaintySource"] for match in answer["matches"]] != ["local"]
    assert answer["refinement"]["job"] is not None


def test_no_more_wait_at_once_than_may_hold_a_thread(desk: Desk) -> None:
    """A quarter of 4 HTTP threads is one."""
    with desk.admission.held():
        response = desk.send(**CLICK, **ONLY, refine="wait")
        assert (response.status, json.loads(response.body)["code"]) == (503, "busy")
        assert int(response.headers["Retry-After"]) >= 1
        assert desk.ask(**CLICK, **ONLY, refine=True)["refinement"]["job"]
        assert desk.queue.counts()["queued"] == 1
    desk.ask(400, **CLICK, refine="wait")  # what is refused gives its place back
    with desk.worker(desk.refined):
        desk.ask(**CLICK, **ONLY, refine="wait")


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({**CLICK, "refine": "wait"}, "/refine", "studyInstanceUids"),
        ({**CLICK, "refine": "soon"}, "/refine", "soon"),
        ({**CLICK, "refine": 1}, "/refine", "int"),
        ({"points": [CLICK], "refine": True}, "/refine", "by itself"),
    ],
)
def test_what_is_refused_names_the_field_and_the_fix(desk: Desk, body: Json, field: str, says: str) -> None:
    (error,) = desk.ask(400, **body)["errors"]
    assert error["field"] == field
    assert says in error["detail"]


def test_in_a_batch_the_item_is_refused_and_its_neighbours_are_answered(desk: Desk) -> None:
    first, second = desk.ask(points=[CLICK, {**CLICK, "refine": True}])["results"]
    assert len(first["matches"]) == 4
    assert (second["code"], second["errors"][0]["field"]) == ("invalidRequest", "/points/1/refine")


def test_what_was_rejected_while_somebody_waited_is_in_no_answer(desk: Desk) -> None:
    refined = desk.refined()

    def reject() -> RefinedPoint:
        desk.ward.archive.gone.add("i1.2.9.90")
        return refined

    with desk.worker(reject):
        answer = desk.ask(**CLICK, **ONLY, refine="wait")
    assert answer["matches"] == []
    assert [one["reason"] for one in answer["unresolved"]] == ["needsAlignment"]
    assert [one["reason"] for one in answer["refinement"]["results"]] == ["changed"]


def test_a_result_stands_for_the_match_that_it_is_of(desk: Desk) -> None:
    """With per: series two matches of one study differ by their series."""
    two = RefinedPoint([RefinedMatch("1.2", "1.2.7", True, None, "", "green", 0.7, 1.5, None)])
    with desk.worker(lambda: two):
        answer = desk.ask(**CLICK, **ONLY, refine="wait")
    matches = msgspec.convert(answer["matches"], list[Match])
    assert [match.uncertainty_source for match in matches] == ["unknown"]


def test_more_matches_than_one_job_refines_are_refused_by_name(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refinements, "MOST_MATCHES", 1)
    refused = desk.ask(400, **CLICK, refine=True)
    assert refused["errors"][0]["field"] == "/refine"
    assert "2 matches would be refined, the most is 1: name studies" in refused["detail"]
    assert desk.ask(**CLICK, **ONLY, refine=True)["refinement"]["job"]


# Whose job it is, and how urgent


def test_a_job_is_urgent_while_somebody_waits_and_only_then(
    tmp_path: Path, sidecar: tuple[Readers, Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "ward", JobQueue(*sidecar), 4 * HTTP_THREADS)
    monkeypatch.setattr(refinements, "MOST_SECONDS", 0.4)
    job = json.loads(desk.send("ann", **CLICK, **ONLY, refine=True).body)["refinement"]["job"]
    assert (desk.queue.get(job).priority, desk.queue.get(job).owner) == (Priority.ASKED, "ann")
    waiting = [
        threading.Thread(target=desk.send, args=(name,), kwargs={**CLICK, **ONLY, "refine": "wait"})
        for name in "ab"
    ]
    waiting[0].start()
    time.sleep(0.2)
    waiting[1].start()
    waiting[0].join()
    desk.queue.enqueue([])
    assert desk.queue.get(job).priority == Priority.WAITED_FOR, "another one waits still"
    waiting[1].join()
    desk.queue.enqueue([])
    assert (desk.queue.get(job).priority, desk.queue.get(job).owner) == (Priority.ASKED, "ann")


def test_a_user_with_too_many_jobs_is_told_when_to_come_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longitudinal.jobs.queue.MOST_WAITING", 1)
    assert desk.send("ann", **CLICK, **ONLY, refine=True).status == 200
    refused = desk.send("ann", **{**CLICK, "row": 51}, **ONLY, refine=True)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "30")
    problem = json.loads(refused.body)
    assert (problem["code"], problem["status"]) == ("tooManyJobs", 429)
    assert desk.send("bob", **{**CLICK, "row": 51}, **ONLY, refine=True).status == 200
    assert desk.send("ann", **{**CLICK, "row": 51}, **ONLY).status == 200, "the ordinary answer needs no job"
