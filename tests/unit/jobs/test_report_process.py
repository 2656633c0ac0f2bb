"""The process that writes reports, seen from Orthanc's: started, killed, hung, or not there at all."""

import os
import signal
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from msgspec.structs import replace

from longitudinal.dicom.reports.statement import PlaceStatement
from longitudinal.errors import WriterUnavailable
from longitudinal.jobs import report_process
from longitudinal.jobs.report_process import MODULE, ReportProcess
from longitudinal.jobs.worker_process import WorkerProcess, Workplace
from tests.builders import as_file, classic
from tests.unit.dicom.test_reports import FRAME, statement

IMAGE = as_file(classic(FrameOfReferenceUID=FRAME))
PLACE = Workplace(Path(sys.executable), "http://127.0.0.1:9", lambda: "none", 1, 2048)


@pytest.fixture
def worker() -> WorkerProcess:
    return WorkerProcess(PLACE, MODULE)


@pytest.fixture
def reports(worker: WorkerProcess) -> Iterator[ReportProcess]:
    reports = ReportProcess(worker)
    yield reports
    reports.close()


def names(reports: ReportProcess, *statements: PlaceStatement) -> list[str]:
    files = reports.write([(one, IMAGE) for one in statements])
    return [str(pydicom.dcmread(BytesIO(file)).SeriesDescription) for file in files]


def test_many_at_once_in_their_order(reports: ReportProcess) -> None:
    many = [replace(statement(), name=f"place {number}") for number in range(20)]
    assert names(reports, *many) == [f"Place: place {number}" for number in range(20)]


def test_a_process_that_is_killed_is_started_again(reports: ReportProcess, worker: WorkerProcess) -> None:
    assert names(reports, statement()) == ["Place: seg VII"]
    process = worker._process
    assert process is not None
    process.kill()
    process.wait()
    assert names(reports, statement()) == ["Place: seg VII"]


def test_a_process_that_hangs_is_given_up(
    reports: ReportProcess, worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert names(reports, statement()) == ["Place: seg VII"]
    process = worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(report_process, "_SECONDS", 0.5)
    with pytest.raises(WriterUnavailable, match="did not answer in time"):
        names(reports, statement())
    monkeypatch.undo()
    assert names(reports, statement()) == ["Place: seg VII"]


def test_without_an_interpreter_it_says_what_to_do(tmp_path: Path) -> None:
    reports = ReportProcess(WorkerProcess(replace(PLACE, python=tmp_path / "python"), MODULE))
    with pytest.raises(WriterUnavailable, match="make setup"):
        names(reports, statement())


def test_an_image_that_cannot_be_read_does_not_end_the_process(reports: ReportProcess) -> None:
    with pytest.raises(WriterUnavailable):
        reports.write([(statement(), b"no image")])
    assert names(reports, statement()) == ["Place: seg VII"]
