"""Batches of points: no larger than a client can use, and one bad point is that point's problem."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from longitudinal.http.exchange import Request
from longitudinal.http.refinements import Refinements
from longitudinal.http.router import Router
from longitudinal.http.routes import points
from longitudinal.points.resolver import PixelQuestion, PointQuestion, QuestionFilters
from tests.unit.patients.ward import FRAME, FakeArchive, Ward, unplaced, volume

Json = dict[str, Any]
HERE = {"patientId": "P", "frameOfReferenceUid": FRAME, "x": 10, "y": 10, "z": 4}


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    two_series = [*volume(2), *volume(2, 2)]
    return Ward(tmp_path, volume(1), two_series, volume(3, modality="MR"), [unplaced(4)])


def ask(ward: Ward, *items: object, status: int = 200) -> Json:
    routes = points.point_routes(ward.resolver, cast(Refinements, None))
    body = json.dumps({"points": items}).encode()
    response = Router(routes).run(routes[0], {}, Request("POST", "/points/resolve", body=body))
    assert response.status == status, response.body
    answer: Json = json.loads(response.body)
    return answer


def test_more_answers_than_a_batch_may_have_is_told_with_the_numbers(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "MAX_ANSWERS", 11)
    refused = ask(ward, HERE, HERE, HERE, {"x": 1}, status=413)
    assert refused["code"] == "answerTooLarge"
    for said in ("3 points x up to 4", "make 12", "is 11", "Send 2 such points", "studyInstanceUids"):
        assert said in refused["detail"]
    assert refused["errors"][0]["field"] == "/points"
    assert len(ask(ward, HERE, HERE)["results"]) == 2
    assert len(ask(ward, *[{**HERE, "studyInstanceUids": ["1.1", "1.3"]}] * 5)["results"]) == 5
    assert len(ask(ward, *[{**HERE, "modalities": ["MR"]}] * 11)["results"]) == 11
    assert "3 points x up to 5" in ask(ward, *[{**HERE, "per": "series"}] * 3, status=413)["detail"]
    # a point alone is answered however large its answer
    monkeypatch.setattr(points, "MAX_ANSWERS", 1)
    assert len(ask(ward, HERE)["results"][0]["matches"]) == 3


@pytest.mark.parametrize(
    "wanted",
    [QuestionFilters(), QuestionFilters(per="series"), QuestionFilters(studies=("1.1", "s1.4")),
     QuestionFilters(modalities=frozenset({"MR"})),
     QuestionFilters(first_date="2002-01-01"), QuestionFilters(last_date="2002-12-31", per="series"),
     QuestionFilters(roles=frozenset({"dose"})),
     QuestionFilters(max_distance_mm=0.0)],
)  # fmt: skip
def test_the_count_is_that_of_the_answer(ward: Ward, wanted: QuestionFilters) -> None:
    for question in (PixelQuestion("1.1.1.3", 1, 10, 10), PointQuestion("P", FRAME, (10.0, 10.0, 4.0))):
        answer = ward.resolver.resolve(question, wanted)
        assert ward.resolver.count(question, wanted) == len(answer.matches) + len(answer.unresolved)


def test_whatever_goes_wrong_with_one_point_is_that_points_problem(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeArchive):
        def has_instance(self, orthanc_id: str, file: str | None = None) -> bool:
            if orthanc_id.startswith("i1.3."):
                raise errors.pop()
            return True

    errors: list[Exception] = [
        RecursionError("deep"),
        OverflowError("large"),
        KeyError("gone"),
        OSError(5, "disk"),
    ]
    ward.archive = ward.resolver._archive = Broken()
    good, bad = {**HERE, "modalities": ["CT"]}, {**HERE, "modalities": ["MR"]}
    answers = ask(ward, good, bad, {"x": "1e400"}, bad, 7, bad, bad, good, [], None)["results"]
    assert [answer.get("code") for answer in answers] == [
        None, "internalError", "invalidRequest", "internalError", "invalidRequest", "internalError", "internalError",
        None, "invalidRequest", "invalidRequest",
    ]  # fmt: skip
    assert answers[1]["status"] == 500
    assert len(answers[0]["matches"]) == 2
    assert answers[0] == answers[7]
    assert [record.exc_info is not None for record in caplog.records] == [True] * 4


def test_a_thousand_items_wrong_in_hundreds_of_places_are_told_shortly(ward: Ward) -> None:
    unknown = {**HERE, "studyInstanceUids": ["1"] * 500}
    wrong = {**HERE, **{f"a{number}": 1 for number in range(300)}}
    answer = ask(ward, *[unknown, wrong] * 300)["results"]
    assert {(item["code"], len(item["errors"])) for item in answer} == {
        ("notFound", 10),
        ("invalidRequest", 10),
    }
    assert len(json.dumps(answer)) < 600 * 7_000
    assert answer[1]["errors"][0]["field"] == "/points/1/a0"
