"""Each command of docs/dicomweb.md does what the page says, on a real Orthanc with DICOMweb and worklists."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests import builders as build
from tests.data import ROOT
from tests.orthanc.server import PLUGIN_FOLDER, PLUGINS, OrthancServer

PAGE = (ROOT / "docs" / "dicomweb.md").read_text()
BLOCKS = {
    match[1]: match[2]
    for match in re.finditer(r"^## ([^\n]+)\n(?:(?!^## ).)*?```sh\n(.*?)```", PAGE, re.M | re.S)
}
STUDY = "1.2.3.71"
SECONDS = 60


def image(number: int, study: str = STUDY) -> bytes:
    return build.as_file(
        build.classic(
            (0.0, 0.0, 2.0 * number), PatientID="DW-1", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.{number + 1}", FrameOfReferenceUID=f"{study}.9", InstanceNumber=number + 1,
            StudyDescription="Follow-up",
        )
    )  # fmt: skip


def worklist(folder: Path) -> None:
    """One planned MR."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.276.0.7230010.3.1.0.1", "1.2.3.72"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(str(folder / "one.wl"), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.PatientName, ds.PatientID, ds.StudyInstanceUID = "Planned^Patient", "DW-2", "1.2.3.73"
    ds.AccessionNumber, ds.RequestedProcedureID = "A1", "R1"
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = "MR", "MR1"
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = "20300101", "090000"
    ds.ScheduledProcedureStepSequence = [step]
    ds.save_as(folder / "one.wl", enforce_file_format=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    folder = tmp_path_factory.mktemp("dicomweb")
    (folder / "worklists").mkdir()
    worklist(folder / "worklists")
    configuration = {
        "Plugins": [str(PLUGIN_FOLDER / name) for name in (*PLUGINS, "libModalityWorklists.so")],
        "Worklists": {"Enable": True, "Database": str(folder / "worklists")},
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowFindWorklist": True,
        "Longitudinal": {"AlignOnArrival": False},
    }
    with OrthancServer(folder / "orthanc", configuration=configuration) as server:
        server.store_rest([image(number) for number in range(3)])
        server.wait_indexed(lambda health: health["instances"] == 3, 10)
        yield server


def run(server: OrthancServer, block: str, folder: Path) -> str:
    """What a block prints; it must succeed."""
    (folder / "new.dcm").write_bytes(image(0, "1.2.3.74"))
    environment = {
        **os.environ, "ORTHANC": server.url, "AUTH": f"{server.user}:{server.password}", "STUDY": STUDY,
        "SERIES": f"{STUDY}.1", "INSTANCE": f"{STUDY}.1.1", "NEW_STUDY": "1.2.3.74", "DICOM_PORT": str(server.dicom_port),
        "no_proxy": "*",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def blocks_of(heading: str) -> list[str]:
    section = PAGE.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"```sh\n(.*?)```", section, re.S)
    assert found, heading
    return found


# What each section prints, by the beginning of its heading; None where the commands check themselves.
PRINTS = {
    "Search": [f"{STUDY}\n1\n3\n"],
    "Metadata": ["true\n"],
    "Retrieve": [None],
    "One file": [None],
    "Pictures": [None, "2\n"],
    "Store": [None],
    "A whole study": [None],
    "Modality worklist": [None],
}


def test_no_section_is_left_out() -> None:
    assert {next(name for name in PRINTS if heading.startswith(name)) for heading in BLOCKS} == set(PRINTS)
    assert len(re.findall("```sh", PAGE)) == sum(len(blocks_of(name)) for name in PRINTS)


@pytest.mark.parametrize("name", PRINTS)
def test_its_commands_work(server: OrthancServer, tmp_path: Path, name: str) -> None:
    for block, expected in zip(blocks_of(name), PRINTS[name], strict=True):
        printed = run(server, block, tmp_path)
        if expected is not None:
            assert printed == expected
        if name == "Store":
            status, stored, _ = printed.splitlines()
            assert int(status) in (400, 409)
            assert stored == "1"


def test_dicomwebs_own_picture_still_refuses_a_browser(server: OrthancServer) -> None:
    """Why there are routes of ours; when this fails, the page can say less."""
    path = f"/dicom-web/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1/rendered"
    accept = {"Accept": "image/avif,image/webp,image/apng,*/*;q=0.8"}
    assert server.session.get(path, headers=accept).status_code == 400
    assert server.session.get(f"/imaging{path}", headers=accept).headers["Content-Type"].startswith("image/")
