"""Python's state of Orthanc's threads is kept from one callback to the next, and is in nobody's way when Orthanc stops."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom

from longitudinal.dicom.registration.writer import file_bytes
from tests.data import dicom_files
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

SCRIPT = Path(__file__).with_name("thread_states.py")
WORKERS, REQUESTS = 4, 10


def copies(folder: Path, count: int) -> list[Path]:
    dataset = pydicom.dcmread(dicom_files("openms_dicom/patient01")[0])
    folder.mkdir()
    for number in range(count):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        (folder / f"{number}.dcm").write_bytes(file_bytes(dataset))
    return sorted(folder.iterdir())


def post(server: OrthancServer, files: list[Path]) -> list[bool]:
    with server.new_session() as session:
        return [session.post("/instances", data=file.read_bytes()).ok for file in files]


def test_each_thread_is_new_to_python_once_however_often_it_calls(
    start_orthanc: StartOrthanc, tmp_path: Path
) -> None:
    server = start_orthanc(script=SCRIPT)
    files = copies(tmp_path / "files", 20)
    server.store_scu(files[:10], associations=2)

    def ask(_: int) -> None:
        with server.new_session() as session:
            for _ in range(REQUESTS):
                session.get("/thread-states").raise_for_status()
                session.get("/imaging/health").raise_for_status()

    with ThreadPoolExecutor(WORKERS) as pool:
        assert all(pool.submit(post, server, files[10:]).result())
        list(pool.map(ask, range(WORKERS)))
    threads = server.session.get("/thread-states").json()
    assert sum(thread["calls"] for thread in threads) > WORKERS * REQUESTS
    assert max(thread["calls"] for thread in threads) > 1
    assert {thread["states"] for thread in threads} == {1}
    server.stop()  # with code 0, or this raises


def test_orthanc_stops_cleanly_while_its_threads_call(start_orthanc: StartOrthanc, tmp_path: Path) -> None:
    for run in range(2):
        server = start_orthanc()
        files = copies(tmp_path / f"files{run}", 40)
        with ThreadPoolExecutor(WORKERS) as pool:
            senders = [pool.submit(post, server, files[number::WORKERS]) for number in range(WORKERS)]
            server.wait_until(
                lambda server=server: server.session.get("/statistics").json()["CountInstances"] > WORKERS,
                30,
                "stores are under way",
            )
            server.stop()  # with code 0, or this raises
            for sender in senders:
                sender.exception()  # those that came too late were refused
