"""A job sees no more of a patient than whoever asked for it saw."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from longitudinal.jobs.supervisor import JobContext, Supervisor
from longitudinal.settings import AccessRule, AccessSettings
from longitudinal.sidecar.tables.jobs import JobState
from longitudinal.sight import current_sight
from tests.orthanc.server import wait_until
from tests.unit.http.patients_served import FIRST, SECOND, THIRD, admit
from tests.unit.http.served import Served

ACCESS = AccessSettings(
    rules=(
        AccessRule(roles=("admin",), users=("ann",)),
        AccessRule(roles=("reviewer",), users=("eve",), studies=(FIRST, THIRD)),
    )
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path, access=ACCESS)
    admit(served)
    yield served
    served.close()


def seen_by_a_job(served: Served, user: str, path: str, body: dict | None = None) -> tuple[set[str], str]:
    """StudyInstanceUIDs that a job sees which somebody asked for; and the parameters of the job."""
    job_id = served.ask("POST", path, body, user=user).json["jobs"][0]["id"]
    seen: set[str] = set()

    def look(_: JobContext) -> dict[str, str]:
        rows = served.readers.connection().execute("SELECT study_instance_uid FROM studies").fetchall()
        seen.update(row[0] for row in rows)
        return {}

    supervisor = Supervisor(served.queue, {"index": look, "align": look}, lambda: False)
    supervisor.start()
    wait_until(lambda: served.queue.get(job_id).state == JobState.DONE, 10, "the job is done")
    supervisor.stop()
    return seen, served.queue.get(job_id).parameters


@pytest.mark.parametrize("path", [f"/studies/{FIRST}/index", "/alignments"])
def test_a_job_sees_what_whoever_asked_saw(served: Served, path: str) -> None:
    body = {"studyInstanceUids": [FIRST]} if path == "/alignments" else None
    seen, parameters = seen_by_a_job(served, "eve", path, body)
    assert seen == {FIRST, THIRD}
    assert len(json.loads(parameters)["visibleStudies"]) == 2
    assert current_sight() is None


def test_a_job_of_an_administrator_sees_everything(served: Served) -> None:
    seen, parameters = seen_by_a_job(served, "ann", f"/studies/{FIRST}/index")
    assert {FIRST, SECOND, THIRD} < seen
    assert "visibleStudies" not in parameters


def test_a_question_that_was_answered_for_one_is_not_the_others_job(served: Served) -> None:
    """What was asked with another sight is told apart by its parameters, and by whom it names."""
    served.ask("POST", "/alignments", {"studyInstanceUids": [FIRST, SECOND]}, user="ann")
    assert served.ask("GET", "/jobs", user="eve").json == {"jobs": [], "queued": 0, "running": 0}
    (job,) = served.ask("GET", "/jobs", user="ann").json["jobs"]
    assert served.ask("GET", f"/jobs/{job['id']}", user="eve").status == 404
    assert served.ask("DELETE", f"/jobs/{job['id']}", user="eve").status == 404


def test_who_joins_a_job_may_follow_it(served: Served) -> None:
    (first,) = served.ask("POST", f"/studies/{FIRST}/index", user="ann").json["jobs"]
    assert served.ask("GET", f"/jobs/{first['id']}", user="eve").status == 404
    (second,) = served.ask("POST", f"/studies/{FIRST}/index", user="eve").json["jobs"]
    assert second == first
    assert served.ask("GET", f"/jobs/{first['id']}", user="eve").status == 200
