"""The list of jobs: no larger than a client can use."""

import json

from longitudinal.http.exchange import Request
from longitudinal.http.router import Router
from longitudinal.http.routes.jobs import job_routes
from longitudinal.jobs.queue import JobQueue
from longitudinal.sidecar.tables.jobs import JobRequest, JobState


def test_a_large_result_is_that_of_the_job_not_of_the_list(queue: JobQueue) -> None:
    results = ['{"few": 1}', json.dumps({"many": "x" * 100_000})]
    for number, result in enumerate(results):
        queue.enqueue([JobRequest("index", str(number))])
        job = queue.start_next(frozenset({"index"}))
        assert job is not None
        queue.finish(job, JobState.DONE, result=result)
    router = Router(job_routes(queue))

    def get(path: str) -> dict[str, object]:
        response = router.run(*router.find("GET", path), Request("GET", path))
        found: dict[str, object] = json.loads(response.body)
        return found

    jobs = get("/jobs")["jobs"]
    assert isinstance(jobs, list)
    assert {job["subject"]: job["result"] for job in jobs} == {"0": {"few": 1}, "1": None}
    assert [get(f"/jobs/{job['id']}")["result"] for job in jobs if job["subject"] == "1"] == [
        json.loads(results[1])
    ]
