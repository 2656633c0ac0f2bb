"""Stored files are read beside Orthanc, and an index that was made so is the one that Orthanc's own process makes."""

import os
import signal
import sqlite3
from pathlib import Path

import pydicom

from longitudinal.dicom.registration.writer import file_bytes
from tests.data import dicom_files
from tests.index_dump import Dump, differences, dump
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.processes import command_line, session_members
from tests.orthanc.server import OrthancServer

HERE = """
import runpy
runpy.run_path({main!r}, run_name="__main__")
from longitudinal.jobs.reading import ReadingProcess
ReadingProcess._is_fit = lambda self: False
"""
REAL = ("openms_dicom/patient01", "dcm_decubitus_mr", "dcm_philips_classic_vs_enhanced", "reg_independent")
MOST = 30


def readers_of(server: OrthancServer) -> list[int]:
    return [pid for pid in session_members(server.pid) if "reading_worker" in command_line(pid)]


def real_files() -> list[Path]:
    return [file for name in REAL for file in dicom_files(name)[:MOST]]


def index_of(server: OrthancServer) -> Dump:
    path = next(server.folder.rglob("longitudinal-*.sqlite"))
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return dump(connection, without=("last_update", "file", "at", "reader"))
    finally:
        connection.close()


def copies(count: int) -> list[bytes]:
    dataset = pydicom.dcmread(dicom_files("openms_dicom/patient01")[0])
    made = []
    for number in range(count):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.InstanceNumber = number
        made.append(file_bytes(dataset))
    return made


def test_the_index_is_the_same_as_if_orthanc_had_read(start_orthanc: StartOrthanc, tmp_path: Path) -> None:
    files = real_files()
    script = tmp_path / "here.py"
    main = Path(__file__).resolve().parents[2] / "plugin" / "main.py"
    script.write_text(HERE.format(main=str(main)))
    indexes = []
    for options in ({"script": script}, {}):
        server = start_orthanc(**options)
        server.store_rest(files)
        count = server.session.get("/statistics").json()["CountInstances"]
        server.wait_indexed(lambda health, count=count: health["instances"] == count, 60)
        if not options:  # once more, when the process that was started by the first files is there
            server.wait_until(
                lambda server=server: readers_of(server), 30, "a process that reads has started"
            )
            for study in server.session.get("/studies").json():
                server.session.delete(f"/studies/{study}").raise_for_status()
            server.wait_indexed(lambda health: health["instances"] == 0, 30)
            server.store_rest(files)
            server.wait_indexed(lambda health, count=count: health["instances"] == count, 60)
        indexes.append(index_of(server))
    assert not differences(*indexes)


def test_a_reading_process_that_is_killed_while_stores_come_in_loses_nothing(
    start_orthanc: StartOrthanc,
) -> None:
    server, files = start_orthanc(), copies(60)
    server.store_rest(files[:20])
    server.wait_until(lambda: readers_of(server), 30, "a process that reads has started")
    for number, file in enumerate(files[20:]):
        server.store_rest([file])
        if number % 10 == 5:
            for pid in readers_of(server):
                os.kill(pid, signal.SIGKILL)
    server.wait_indexed(lambda health: health["instances"] == len(files), 30)
