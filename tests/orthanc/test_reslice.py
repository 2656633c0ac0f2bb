"""Cuts by a real worker of a real server, against SimpleITK; and what becomes of one that nobody waits for."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.longitudinal_patients import give_transforms
from benchmarks.made_patients.head import make_head
from tests.browser.made_patient import MadePatient, image_of, resampled
from tests.browser.png16 import read_png16
from tests.data import data
from tests.orthanc.server import OrthancServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    settings = {"Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("reslice"), configuration=settings) as server:
        yield server


@pytest.fixture(scope="module")
def head(server: OrthancServer, tmp_path_factory: pytest.TempPathFactory) -> MadePatient:
    data("openms_dicom/patient01")
    folder: Path = tmp_path_factory.mktemp("head")
    patient = MadePatient(server, folder, make_head(folder, 2))
    give_transforms(patient.truth, server.url, 1.5, (server.user, server.password))
    return patient


def query(head: MadePatient, at: int, **more: object) -> dict[str, object]:
    first, second = head.studies
    return {
        "sopInstanceUid": head.slices(first).uids[at],
        "seriesInstanceUid": second["seriesInstanceUid"],
        **more,
    }


def reslices(server: OrthancServer) -> dict[str, str]:
    """The state of each job that cuts, by its id."""
    jobs = server.session.get("/imaging/jobs").json()["jobs"]
    return {job["id"]: job["state"] for job in jobs if job["kind"] == "reslice"}


def test_a_cut_is_what_simpleitk_resamples(server: OrthancServer, head: MadePatient) -> None:
    first, second = head.studies
    slices, at = head.slices(first), 20
    answer = server.session.get("/imaging/points/reslice", params=query(head, at))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/png"
    values, texts = read_png16(answer.content)
    corner, right, down = slices.point(at, 0, 0), slices.point(at, 0, 1), slices.point(at, 1, 0)
    motion = np.array(second["matrixFromFirst"])
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(motion[:3, :3].ravel().tolist())
    transform.SetTranslation(motion[:3, 3].tolist())
    expected = resampled(
        image_of(head, second), corner, right - corner, down - corner, values.shape, transform
    )
    both = ~np.isnan(values) & ~np.isnan(expected)
    assert (np.isnan(values) != np.isnan(expected)).mean() < 0.002
    assert np.abs(values - expected)[both].max() <= 1, "more than one stored value"
    assert float(texts["RescaleSlope"]) < 1
    jobs = reslices(server)
    assert server.session.get("/imaging/points/reslice", params=query(head, at)).content == answer.content
    assert reslices(server) == jobs, "it was cut once"


def test_a_cut_that_is_not_ready_says_so_and_nobody_who_waits_ends_it(
    server: OrthancServer, head: MadePatient
) -> None:
    answer = server.session.get("/imaging/points/reslice", params=query(head, 10, wait=0))
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
    until = time.monotonic() + 15
    while answer.status_code == 503 and time.monotonic() < until:
        answer = server.session.get("/imaging/points/reslice", params=query(head, 10, wait=1))
    assert answer.status_code == 200
    assert set(reslices(server).values()) == {"done"}
