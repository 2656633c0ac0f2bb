"""Metrics, probes, ids of requests and the JSON log of a real server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import builders as build
from tests.data import ROOT
from tests.orthanc.server import OrthancServer, wait_until

SHOWN_SECONDS = 12.0
"""The plugin hands its figures on every five seconds."""
PAGE = (ROOT / "docs" / "watching.md").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    folder = tmp_path_factory.mktemp("watch")
    configuration = {"Longitudinal": {"JsonLogPath": str(folder / "log.jsonl"), "AlignOnArrival": False}}
    with OrthancServer(folder / "orthanc", configuration=configuration) as server:
        yield server


def metrics(server: OrthancServer) -> dict[str, float]:
    """Those of the plugin, without their prefix."""
    found = {}
    for line in server.session.get("/tools/metrics-prometheus").text.splitlines():
        if match := re.match(r"longitudinal_(\w+) (\S+)", line):
            found[match[1]] = float(match[2])
    return found


def image(number: int) -> bytes:
    return build.as_file(
        build.classic(
            (0.0, 0.0, 2.0 * number), PatientID="W", StudyInstanceUID="1.2.3.51", SeriesInstanceUID="1.2.3.51.1",
            SOPInstanceUID=f"1.2.3.51.1.{number + 1}", FrameOfReferenceUID="1.2.3.51.9", InstanceNumber=number + 1,
        )
    )  # fmt: skip


def log_lines(server: OrthancServer) -> list[dict[str, object]]:
    path = Path(server.folder.parent / "log.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_metrics_move_with_what_happens(server: OrthancServer) -> None:
    server.wait_until(lambda: metrics(server), SHOWN_SECONDS, "the plugin's metrics are among Orthanc's")
    before = metrics(server)
    upload = server.session.put("/imaging/uploads", files=[("f", (f"{n}", image(n))) for n in range(4)])
    assert upload.json()["stored"] == 4
    server.wait_indexed(lambda health: health["instances"] == 4, 10)
    question = {"sopInstanceUid": "1.2.3.51.1.1", "row": 1, "column": 1}
    for _ in range(3):
        assert server.session.post("/imaging/points/resolve", json=question).ok
    server.session.get("/imaging/instances/1.2.3.51.1.1/preview")
    server.session.get("/imaging/series/1.2.3.51.1/stacks")
    assert server.session.get("/imaging/studies/none").status_code == 404
    assert server.session.post("/imaging/index", json={"patientId": "W"}).status_code == 202

    def moved() -> bool:
        after = metrics(server)
        return (
            after["resolve_requests_total"] - before["resolve_requests_total"] >= 3
            and after["render_requests_total"] > before["render_requests_total"]
            and after["resolve_seconds_sum"] > before["resolve_seconds_sum"]
            and after["upload_files_stored_total"] == 4
            and after["stores_total"] == 4
            and after["index_instances"] == 4
            and after["jobs_index_done"] >= 1
            and after["requests_client_errors_total"] > before["requests_client_errors_total"]
            and after["patients_cache_hits_total"] > 0
            and after["stacks_cache_misses_total"] > 0
            and after["sidecar_bytes"] > 0
            and after["sidecar_disk_free_bytes"] > 0
            and after["cursor_lag"] == 0
        )

    server.wait_until(moved, SHOWN_SECONDS, "the metrics have moved")


def test_every_metric_is_documented_and_the_alerts_name_those_there_are(server: OrthancServer) -> None:
    wait_until(lambda: metrics(server), SHOWN_SECONDS, "metrics")
    documented = set(re.findall(r"`longitudinal_(\w+?)`", PAGE))
    own = {
        name
        for name in metrics(server)
        if not re.match(r"jobs_|\w+_(requests_total|seconds_sum|seconds_max)$", name)
    }
    assert own - documented == set()
    named = set(re.findall(r"longitudinal_(\w+)", PAGE.partition("## Alerts")[2]))
    assert named
    assert named <= set(metrics(server))


def test_a_request_has_one_id_in_its_answer_its_problem_and_the_log(server: OrthancServer) -> None:
    sent = {"X-Request-Id": "proxy-0000-4711"}
    answer = server.session.get("/imaging/studies/none", headers=sent)
    assert answer.headers["X-Request-Id"] == answer.json()["requestId"] == "proxy-0000-4711"
    (line,) = [line for line in log_lines(server) if line.get("requestId") == "proxy-0000-4711"]
    assert (line["route"], line["status"], line["method"]) == ("/studies/{study}", 404, "GET")
    assert isinstance(line["ms"], float)
    made = server.session.get("/imaging/studies/none", headers={"X-Request-Id": 'a"; x y z'}).json()[
        "requestId"
    ]
    assert re.fullmatch("[0-9a-f]{16}", made)
    assert made != server.session.get("/imaging/studies/none").json()["requestId"]


def test_the_log_of_requests_names_no_patient(server: OrthancServer) -> None:
    server.session.get("/imaging/patients/Secret-4711")
    assert "Secret-4711" not in (server.folder.parent / "log.jsonl").read_text()


def test_a_log_that_was_moved_away_is_begun_again(server: OrthancServer) -> None:
    path = server.folder.parent / "log.jsonl"
    path.rename(path.with_suffix(".1"))
    server.session.get("/imaging/studies/none", headers={"X-Request-Id": "after-rotation"})
    assert [line["requestId"] for line in log_lines(server)] == ["after-rotation"]


def test_probes(server: OrthancServer) -> None:
    assert server.session.get("/imaging/health/live").json() == {"state": "ok", "reason": ""}
    server.wait_until(lambda: server.session.get("/imaging/health/ready").ok, 10, "ready")
