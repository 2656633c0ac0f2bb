"""What /points/timeline answers while its job is not done, and the table it makes; without a server or a worker."""

import csv
import io
from typing import Any

import msgspec
import pytest

from longitudinal.http import measurements
from longitudinal.jobs.kinds.measure import KIND
from longitudinal.sidecar.tables.jobs import JobState
from longitudinal.values.answer import TimelineAnswer
from longitudinal.values.table import COLUMNS, csv_of
from tests.unit.http.patients_served import IMAGE, admit
from tests.unit.http.served import Served

CLICK = {"sopInstanceUid": IMAGE, "row": 2, "column": 3}


@pytest.fixture
def asked(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(measurements, "MOST_SECONDS", 0.2)
    admit(served)
    return served


def test_what_is_not_measured_in_time_names_the_job(asked: Served) -> None:
    answer = asked.ask("POST", "/points/timeline", CLICK).json
    assert {match["values"]["reason"] for match in answer["matches"]} == {"stillMeasuring"}
    job = asked.queue.get(answer["job"])
    assert (job.kind, job.state) == (KIND, JobState.QUEUED)
    assert asked.ask("POST", "/points/timeline", CLICK).json["job"] == job.id, "one job for one question"


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_failed_says_why(asked: Served, state: JobState) -> None:
    begun = asked.ask("POST", "/points/timeline", CLICK).json["job"]
    job = asked.queue.start_next(frozenset({KIND}))
    assert job is not None
    asked.queue.finish(job, state, error="the disk is gone")
    assert job.id == begun
    again = asked.ask("POST", "/points/timeline", CLICK).json
    assert again["job"] != begun, "asked again, it is tried again"


def test_more_matches_than_are_measured_at_once_are_refused_by_name(
    asked: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurements, "MOST_MATCHES", 1)
    refused = asked.ask("POST", "/points/timeline", CLICK)
    assert (refused.status, refused.fields()) == (400, ["/studyInstanceUids"])


@pytest.mark.parametrize("radius", [0, -1, 50.1, "wide"])
def test_a_radius_that_is_none_is_named(asked: Served, radius: Any) -> None:
    refused = asked.ask("POST", "/points/timeline", {**CLICK, "radiusMm": radius})
    assert (refused.status, refused.fields()) == (400, ["/radiusMm"])


def test_a_text_that_a_spreadsheet_would_run_is_text(asked: Served) -> None:
    answer = msgspec.convert(asked.ask("POST", "/points/timeline", CLICK).json, TimelineAnswer)
    evil = [
        msgspec.structs.replace(one, series_description='=HYPERLINK("http://x","y")')
        for one in answer.matches
    ]
    rows = list(csv.DictReader(io.StringIO(csv_of(msgspec.structs.replace(answer, matches=evil)))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(answer.matches) + len(answer.unresolved)
    described = {row["seriesDescription"] for row in rows if row["seriesDescription"]}
    assert described == {'\'=HYPERLINK("http://x","y")'}
    assert {row["reason"] for row in rows if row["modality"]} == {"stillMeasuring"}
