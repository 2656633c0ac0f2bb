"""Whether an image is there is told from its stored file, and a file without its instance proves nothing."""

import shutil
from pathlib import Path
from typing import Any

import pydicom

from tests import builders as build
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

FRAME = "1.2.826.0.1.1"


def images(studies: int) -> list[bytes]:
    """A slice at the same place in each of so many studies of one patient."""
    files = []
    for number in range(studies):
        uids = {
            name: pydicom.uid.generate_uid()
            for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        }
        ds = build.classic((0, 0, 0), FrameOfReferenceUID=FRAME, StudyDate=f"2020010{number + 1}", **uids)
        files.append(build.as_file(ds))
    return files


def ask(server: OrthancServer, file: bytes) -> set[str]:
    """The instances that an answer names, one of each study."""
    uid = pydicom.dcmread(pydicom.filebase.DicomBytesIO(file)).SOPInstanceUID
    answer = server.session.post(
        "/imaging/points/resolve", json={"sopInstanceUid": uid, "row": 1, "column": 1}
    )
    answer.raise_for_status()
    return {match["orthancInstanceId"] for match in answer.json()["matches"]}


def store(server: OrthancServer, files: list[bytes]) -> list[str]:
    stored = [each["ID"] for each in server.store_rest(files)]
    server.wait_indexed(lambda health: health["instances"] == len(files), 10)
    assert ask(server, files[0]) == set(stored)
    return stored


def compared(health: dict[str, Any]) -> bool:
    """Whether the archive was compared with the index, after which files are believed."""
    return bool(health["reconciled"])


def file_of(server: OrthancServer, instance: str) -> Path:
    uuid = server.session.get(f"/instances/{instance}/attachments/dicom/info").json()["Uuid"]
    return server.folder / "storage" / uuid[:2] / uuid[2:4] / uuid


def delete_one_by_one(server: OrthancServer, files: list[bytes], stored: list[str]) -> None:
    """What was deleted is not named by the very next answer."""
    for number in range(len(stored) - 1, 0, -1):
        server.session.delete(f"/instances/{stored[number]}").raise_for_status()
        assert ask(server, files[0]) == set(stored[:number])


def test_what_is_deleted_is_not_named_by_the_next_answer(start_orthanc: StartOrthanc) -> None:
    server, files = start_orthanc(), images(8)
    server.wait_indexed(compared, 10)
    stored = store(server, files)
    delete_one_by_one(server, files, stored)
    again = server.store_rest(files[1:])
    server.wait_until(lambda: ask(server, files[0]) == set(stored), 10, "all are indexed again")
    assert {each["ID"] for each in again} == set(stored[1:])
    delete_one_by_one(server, files, stored)


def test_a_deleted_registration_leads_nowhere_in_the_next_answer(start_orthanc: StartOrthanc) -> None:
    server = start_orthanc()
    server.wait_indexed(compared, 10)
    frames = (FRAME, f"{FRAME}.2")
    uids = [pydicom.uid.generate_uid() for _ in range(6)]
    files = [
        build.as_file(
            build.classic(
                (0, 0, 0), FrameOfReferenceUID=frame, StudyDate=f"2020010{number}", StudyInstanceUID=uids[number],
                SeriesInstanceUID=uids[number + 2], SOPInstanceUID=uids[number + 4],
            )
        )
        for number, frame in enumerate(frames)
    ]  # fmt: skip
    stored = [each["ID"] for each in server.store_rest(files)]
    server.wait_indexed(lambda health: health["instances"] == 2, 10)
    for _ in range(3):
        given = server.session.post(
            "/imaging/transforms",
            json={
                "sourceFrameOfReferenceUid": frames[0],
                "targetFrameOfReferenceUid": frames[1],
                "matrix": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
            },
        )
        given.raise_for_status()
        assert ask(server, files[0]) == set(stored)
        server.session.delete(f"/instances/{given.json()['orthancInstanceId']}").raise_for_status()
        assert ask(server, files[0]) == {stored[0]}


def test_of_compressed_files_orthanc_is_asked(start_orthanc: StartOrthanc) -> None:
    server, files = start_orthanc(configuration={"StorageCompression": True}), images(4)
    server.wait_indexed(compared, 10)
    delete_one_by_one(server, files, store(server, files))


def test_a_file_that_a_killed_server_left_behind_proves_nothing(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    server, files = start_orthanc(), images(4)
    stored = store(server, files)
    left = {instance: file_of(server, instance) for instance in stored[1:]}
    for instance, file in left.items():
        shutil.copy(file, tmp_path / instance)
    server.stop()
    script = server.configuration.pop("PythonScript")
    server.start()  # without the plugin: nobody tells the index
    for instance in left:
        server.session.delete(f"/instances/{instance}").raise_for_status()
    server.stop()
    for instance, file in left.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / instance, file)
    server.configuration["PythonScript"] = script
    server.start()
    assert ask(server, files[0]) == {stored[0]}
    server.wait_indexed(compared, 10)
    assert ask(server, files[0]) == {stored[0]}
