"""`make demo` and `make load` against a real server: right, quick, and the second time nothing is stored twice."""

import json
import os
import re
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from tests.data import ROOT
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer, free_ports

DEMO_SECONDS = 30.0
OBJECTS = 224


def run(script: str, server: OrthancServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / script, *arguments],
        env=os.environ | credentials(server),
        capture_output=True,
        text=True,
        timeout=100,
    )


def credentials(server: OrthancServer) -> dict[str, str]:
    return {"ORTHANC_URL": server.url, "ORTHANC_CREDENTIALS": f"{server.user}:{server.password}"}


def test_the_demo_finds_the_lesion_in_every_examination(server: OrthancServer) -> None:
    fetched = run("demo.py", server)
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    assert f"{OBJECTS} objects: {OBJECTS} stored" in fetched.stdout
    assert fetched.stdout.count("not measured") == 3, "what nobody measured is not shown as a number"

    transforms = server.session.get("/imaging/transforms", params={"patientId": "DEMO-SYNTHETIC"}).json()[
        "transforms"
    ]
    origins = {one["origin"] for one in transforms if one["state"] == "usable"}
    assert origins == {"person"}, "the checks of automatic alignments would reject some of them"

    began = time.monotonic()
    again = run("demo.py", server)
    assert time.monotonic() - began < DEMO_SECONDS
    assert f"{OBJECTS} objects: 0 stored, {OBJECTS} there already" in again.stdout
    assert server.session.get("/statistics").json()["CountInstances"] == OBJECTS
    assert server.session.get("/statistics").json()["CountPatients"] == 1

    # the command it prints can be pasted into a shell, and gives the answer it prints
    command = re.search(r"  (curl .*?)\n\n", again.stdout, re.DOTALL)
    assert command is not None
    pasted = subprocess.run(
        ["bash", "-c", f"{command[1]} --silent"],
        env=os.environ | credentials(server),
        capture_output=True,
        text=True,
        timeout=20,
    )
    answer = json.loads(pasted.stdout)
    assert [match["studyDate"] for match in answer["matches"]] == ["2021-03-01", "2022-03-07", "2023-02-20"]
    assert [len(match["path"]) for match in answer["matches"]] == [0, 1, 2]
    assert len({match["frameOfReferenceUid"] for match in answer["matches"]}) == 3
    links = re.findall(r"  (http://\S+)", again.stdout.partition("View it:")[2])
    assert len(links) == 6
    for link in links:
        assert server.session.get(link).ok, link


def test_everything_in_the_demo_says_that_it_is_synthetic(server: OrthancServer) -> None:
    assert run("demo.py", server).returncode == 0
    for series in server.session.get("/series?expand").json():
        tags = server.session.get(f"/instances/{series['Instances'][0]}/simplified-tags").json()
        assert tags["PatientName"] == "DEMO^SYNTHETIC"
        assert tags["SeriesDescription"].startswith("SYNTHETIC")
        assert tags["StudyDescription"].startswith("SYNTHETIC")


def test_the_lesion_stands_out_where_the_answer_points(server: OrthancServer) -> None:
    """The images show what the transforms claim: dark in both T1 images, bright in the T2 one."""
    out = run("demo.py", server).stdout
    answer = json.loads(out[out.index("\n{") : out.index("\n}\n") + 2])
    values = []
    for match in answer["matches"]:
        rows = server.session.get(f"/instances/{match['orthancInstanceId']}/numpy?rescale=1").content
        row, column = round(match["row"]), round(match["column"])
        values.append(_pixel(rows, row, column))
    assert values[0] < 350
    assert values[1] < 350
    assert values[2] > 850


def _pixel(npy: bytes, row: int, column: int) -> float:
    return float(np.load(BytesIO(npy)).squeeze()[row, column])


def test_load_counts_what_it_sent(start_orthanc: StartOrthanc, tmp_path: Path) -> None:
    server = start_orthanc()
    assert run("demo.py", server).returncode == 0
    (instance, *_) = server.session.get("/instances").json()
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "image").write_bytes(server.session.get(f"/instances/{instance}/file").content)
    (folder / "README").write_text("no DICOM")
    server.session.delete(f"/instances/{instance}").raise_for_status()
    loaded = run("load.py", server, str(folder))
    assert "2 files: 1 stored, 0 there already, 1 refused" in loaded.stdout
    assert str(folder / "README") in loaded.stdout
    assert loaded.returncode == 0
    assert "1 there already" in run("load.py", server, str(folder)).stdout


@pytest.mark.parametrize(("script", "arguments"), [("demo.py", []), ("load.py", ["."])])
def test_without_a_server_they_say_how_to_start_one(script: str, arguments: list[str]) -> None:
    (port,) = free_ports(1)
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, *arguments],
        env=os.environ | {"ORTHANC_URL": f"http://127.0.0.1:{port}", "ORTHANC_CREDENTIALS": "a:b"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1
    assert "make run" in ended.stderr
