"""examples/python: the client from sign-in to a place in every study, against a real server."""

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests import builders as build
from tests.data import ROOT
from tests.orthanc.server import OrthancServer


@pytest.fixture(scope="module")
def client_module() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(
        "imaging_client", ROOT / "examples" / "python" / "imaging_client.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def slices(study: str, year: int) -> list[bytes]:
    return [
        build.as_file(
            build.classic(
                (0.0, 0.0, 2.0 * number), PatientID="EX-1", PatientName="Doe^Jane", StudyInstanceUID=study,
                SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.{number + 1}", FrameOfReferenceUID="1.2.3.99",
                InstanceNumber=number + 1, StudyDate=f"{year}0101",
            )
        )
        for number in range(3)
    ]  # fmt: skip


def test_from_upload_to_a_place_in_every_study(
    shared_server: OrthancServer, client_module: ModuleType, tmp_path: Path
) -> None:
    server = shared_server
    files = []
    for study, year in (("1.2.3.91", 2020), ("1.2.3.92", 2022)):
        for number, content in enumerate(slices(study, year)):
            files.append(tmp_path / f"{study}-{number}.dcm")
            files[-1].write_bytes(content)
    pacs = client_module.Client(server.url, server.user, server.password)
    wrong = pacs.upload(files[:1], patient_id="EX-2")
    assert (wrong.refused, wrong.files[0].reason) == (1, "otherPatient")
    upload = pacs.upload(files, patient_id="EX-1", patient_name="Jane Doe")
    assert (upload.stored, upload.refused) == (6, 0)
    first = upload.files[0].sop_instance_uid
    linked = pacs.link("EX-17", first, description="before")  # retried until it is indexed
    assert (linked.sop_instance_uid, linked.description, linked.is_stored) == (first, "before", True)
    assert [image.id for image in pacs.images_of("EX-17")] == [linked.id]
    deadline = time.monotonic() + 10
    while len(pacs.resolve(first, 1, 1).matches) < 2:
        assert time.monotonic() < deadline
    answer = pacs.resolve(first, 1, 1)
    other = next(match for match in answer.matches if not match.is_source)
    assert (other.study_instance_uid, other.row, other.column) == ("1.2.3.92", 1, 1)
    assert (other.uncertainty_mm, other.grade, other.reviewed) == (None, "unknown", False)
    assert pacs.picture(other.orthanc_instance_id).startswith(b"\x89PNG")
    assert {study.study_instance_uid for study in pacs.studies("EX-1")} == {"1.2.3.91", "1.2.3.92"}


def test_problems_are_exceptions_with_a_code(shared_server: OrthancServer, client_module: ModuleType) -> None:
    pacs = client_module.Client(shared_server.url, shared_server.user, shared_server.password, patience=0)
    with pytest.raises(client_module.Problem) as caught:
        pacs.resolve("1.9", -5, 1e9)
    assert (caught.value.status, caught.value.code, list(caught.value.fields)) == (
        400,
        "invalidRequest",
        ["/column"],
    )
    assert caught.value.request_id
    with pytest.raises(client_module.Problem) as caught:
        pacs.link("EX-18", "1.9")
    assert caught.value.code == "imageNotStored"
    nobody = client_module.Client(shared_server.url, "nobody", "x", patience=0)
    with pytest.raises(client_module.Problem) as caught:
        nobody.studies()
    assert caught.value.status == 401


def test_other_addresses_are_refused(client_module: ModuleType) -> None:
    for url in ("file:///etc/passwd", "ftp://pacs", "pacs:8042"):
        with pytest.raises(ValueError, match="not an http or https address"):
            client_module.Client(url, "u", "p")
