"""Routes that call Orthanc back over loopback, more of them at once than it has HTTP threads: nothing hangs."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from pydicom.uid import generate_uid

from tests.builders import as_file, classic
from tests.data import ROOT
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

SCRIPT = """
import runpy
import time
import urllib.request

import orthanc

runpy.run_path({main!r}, run_name="__main__")

from longitudinal.access.identity import Users
from longitudinal.host.rest import RestHost
from longitudinal.http.admission import Admission
from longitudinal.http.exchange import Response
from longitudinal.http.headers import Guarded
from longitudinal.http.router import Route, Router


def call(request):
    headers = {{"Authorization": orthanc.GenerateRestApiAuthorizationToken()}}
    for _ in range(3):
        wanted = urllib.request.Request("http://127.0.0.1:{port}/system", headers=headers)
        urllib.request.urlopen(wanted, timeout=10).read()
        time.sleep(0.1)
    return Response(b"{{}}")


routes = [Route("POST", "/back", call, "", Response, calls_back=True)]
RestHost("/calls", Router(routes), Admission({threads}), Users(), Guarded([])).register()
"""
"""A second host beside the plugin's own: its one route does what storing routes do, and takes its time."""
AT_ONCE = 8
# Orthanc keeps a thread for each idle kept-alive connection, for a second: more connections than threads then wait for one
# another on routes of its own, too. What is tested here is not that.
CLOSE = {"Connection": "close"}


@pytest.mark.parametrize("threads", [4, 8])
def test_eight_at_once_are_all_answered(tmp_path: Path, threads: int) -> None:
    script = tmp_path / "script.py"
    server = OrthancServer(tmp_path / "orthanc", script=script, http_threads=threads)
    script.write_text(
        SCRIPT.format(main=str(ROOT / "plugin" / "main.py"), port=server.http_port, threads=threads)
    )
    with server:
        server.session.close()
        for _ in range(3):
            answers, slowest = ask_at_once(server, "/calls/back")
            statuses = [answer.status_code for answer in answers]
            assert set(statuses) == {200, 503}
            assert statuses.count(200) >= 1
            refused = [answer for answer in answers if answer.status_code == 503]
            assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
            assert {answer.json()["code"] for answer in refused} == {"busy"}
            assert slowest < 1.0


@pytest.mark.parametrize("threads", [4, 8])
def test_eight_transforms_at_once_are_stored_or_refused(start_orthanc: StartOrthanc, threads: int) -> None:
    """The product's own route that stores: what was answered with 201 is in the archive, what was refused is not."""
    server = start_orthanc(http_threads=threads)
    frames = []
    for year in (2020, 2021):
        study, series, frame = (generate_uid() for _ in range(3))
        images = [
            classic(
                (0, 0, z),
                StudyInstanceUID=study,
                SeriesInstanceUID=series,
                FrameOfReferenceUID=frame,
                StudyDate=f"{year}0101",
            )
            for z in range(3)
        ]
        server.store_rest([as_file(image) for image in images])
        frames.append(frame)
    server.wait_indexed(lambda health: health["instances"] == 6)
    server.session.close()
    question = {
        "sourceFrameOfReferenceUid": frames[1],
        "targetFrameOfReferenceUid": frames[0],
        "matrix": [[1, 0, 0, 5], [0, 1, 0, -3], [0, 0, 1, 2], [0, 0, 0, 1]],
    }
    stored = 0
    for _ in range(2):
        answers, slowest = ask_at_once(server, "/imaging/transforms", json.dumps(question).encode())
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) <= {201, 503}, [answer.text for answer in answers]
        assert 201 in statuses
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers if answer.status_code == 503)
        assert slowest < 1.0
        stored += statuses.count(201)
    assert server.session.get("/statistics").json()["CountInstances"] == 6 + stored


def ask_at_once(
    server: OrthancServer, path: str, body: bytes = b"{}"
) -> tuple[list[requests.Response], float]:
    """POST to a route from 8 connections; the answers, and the slowest /system meanwhile in seconds."""
    auth = (server.user, server.password)

    def post(_: int) -> requests.Response:
        return requests.post(server.url + path, data=body, auth=auth, timeout=20, headers=CLOSE)

    slowest = 0.0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(post, number) for number in range(AT_ONCE)]
        while not all(each.done() for each in waiting):
            began = time.monotonic()
            assert requests.get(f"{server.url}/system", auth=auth, timeout=5, headers=CLOSE).ok
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.02)
    return [each.result() for each in waiting], slowest


def test_questions_at_once_are_answered_or_refused_and_never_hang(start_orthanc: StartOrthanc) -> None:
    """Routes that do not call back: half of the HTTP threads may wait for them."""
    server = start_orthanc(http_threads=4)
    server.session.close()
    answers, slowest = ask_at_once(server, "/imaging/points/resolve")
    assert {answer.status_code for answer in answers} <= {400, 503}
    assert 400 in {answer.status_code for answer in answers}
    assert slowest < 1.0
