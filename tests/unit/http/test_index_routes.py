"""What /index and index-status say in each state of a study, and what /health says when the index fails."""

from datetime import UTC, datetime

import pytest

from longitudinal.jobs.kinds.index import KIND
from longitudinal.reasons import FaultReason
from longitudinal.sidecar.fault import Fault
from longitudinal.sidecar.tables.jobs import JobState
from tests.fake_archive import orthanc_ids
from tests.unit.http.patients_served import FIRST, SECOND, THIRD, admit, scan
from tests.unit.http.served import Json, Served


@pytest.fixture
def served(served: Served) -> Served:
    admit(served)
    return served


def status(served: Served, study: str) -> Json:
    found = served.ask("GET", f"/studies/{study}/index-status").json
    assert isinstance(found, dict)
    return found


def test_a_study_is_queued_running_and_then_done_or_failed(served: Served) -> None:
    assert (status(served, FIRST)["state"], status(served, FIRST)["job"]) == ("done", None)
    (job,) = served.ask("POST", f"/studies/{FIRST}/index").json["jobs"]
    assert (status(served, FIRST)["state"], status(served, FIRST)["job"]) == ("queued", job["id"])
    run = served.queue.start_next(frozenset({KIND}))
    assert run is not None
    served.queue.report(run, 0.5, "half")
    served.ingest.settle()
    running = status(served, FIRST)
    assert (running["state"], running["progress"], running["stage"]) == ("running", 0.5, "half")
    health = served.ask("GET", "/health").json
    assert [(one["id"], one["silentSeconds"]) for one in health["runningJobs"]] == [(job["id"], None)]
    served.queue.beat(run, 1.0)
    (one,) = served.ask("GET", "/health").json["runningJobs"]
    assert one["silentSeconds"] >= 1
    assert served.ask("GET", f"/jobs/{job['id']}").json["secondsLeft"] is not None
    served.queue.finish(run, JobState.FAILED, error="no room")
    failed = status(served, FIRST)
    assert (failed["state"], failed["error"], failed["slices"]) == ("failed", "no room", 4)


def test_what_is_stored_and_not_read_is_not_indexed(served: Served) -> None:
    images = scan("1.2.8.1", 1, "N")
    served.store(*images[:1])
    served.archive.store(images[1:])
    found = status(served, "1.2.8.1")
    assert (found["state"], found["progress"], found["alignment"]) == ("notIndexed", 0.25, "reference")


def test_a_study_that_is_gone_from_the_archive_has_nothing_left_to_index(served: Served) -> None:
    (ds, *_) = scan("1.2.8.1", 1, "N")
    (orthanc_id,) = served.archive.store([ds])
    served.ingest.announce(served.archive.study(orthanc_ids(ds)[1])).result()
    assert status(served, "1.2.8.1")["alignment"] is None
    served.archive.delete(orthanc_id)
    assert (status(served, "1.2.8.1")["state"], status(served, "1.2.8.1")["slices"]) == ("done", 0)


def test_how_a_study_is_joined_with_the_others_and_what_is_done_about_it(served: Served) -> None:
    def states() -> list[str | None]:
        of_patient = [study["alignment"] for study in served.ask("GET", "/patients/P").json["studies"]]
        assert of_patient == [status(served, study)["alignment"] for study in (FIRST, SECOND, THIRD)]
        return of_patient

    assert states() == ["reference", "aligned", "needsAlignment"]
    served.ask("POST", "/alignments", {"patientId": "P"})
    assert states() == ["reference", "aligned", "queued"]
    while (job := served.queue.start_next(frozenset({"align"}))) is not None:
        last = job
    assert states() == ["reference", "aligned", "running"]
    served.queue.finish(last, JobState.FAILED)


def test_the_backfill_is_held_and_let_go(served: Served) -> None:
    assert served.ask("POST", "/index/pause").json["paused"] is True
    assert served.ask("GET", "/health").json["backfillPaused"] is True
    assert served.ask("POST", "/index/resume").json == {"paused": False, "queued": 0, "running": 0}


def test_index_and_align_are_jobs_of_both_kinds(served: Served) -> None:
    plain = served.ask("POST", "/index", {"studyInstanceUids": [FIRST, SECOND]}).json["jobs"]
    assert [served.queue.get(job["id"]).kind for job in plain] == ["index", "index"]
    both = served.ask("POST", "/index", {"patientId": "P", "align": "affine"}).json["jobs"]
    kinds = [served.queue.get(job["id"]).kind for job in both]
    assert kinds == ["index"] * 3 + ["align"] * 2
    assert {served.queue.get(job["id"]).owner for job in both} == {"ann"}


@pytest.mark.parametrize("body", [{}, {"patientId": "P", "studyInstanceUids": [FIRST]}])
def test_studies_are_named_in_one_way(served: Served, body: Json) -> None:
    for path in ("/index", "/alignments"):
        refused = served.ask("POST", path, body)
        assert (refused.status, refused.fields()) == (400, ["/studyInstanceUids", "/patientId"])


def test_an_unknown_patient_is_named(served: Served) -> None:
    refused = served.ask("POST", "/index", {"patientId": "nobody"})
    assert (refused.status, refused.fields()) == (404, ["/patientId"])


def test_health_of_an_index_that_fails_says_why_and_since_when(
    served: Served,
) -> None:
    since = datetime(2026, 1, 2, tzinfo=UTC)
    fault = Fault(FaultReason.DISK_FULL, "the disk is full", since)
    served.writer.health.fail(fault)
    health = served.ask("GET", "/health")
    assert health.status == 503
    said = {name: health.json[name] for name in ("state", "error", "reason", "since")}
    assert said == {
        "state": "failing", "error": "the disk is full", "reason": FaultReason.DISK_FULL.value,
        "since": "2026-01-02T00:00:00.000+00:00",
    }  # fmt: skip
