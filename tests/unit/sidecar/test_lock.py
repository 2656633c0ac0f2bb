"""One process for one sidecar."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from longitudinal.sidecar.fault import FaultReason, Faulty
from longitudinal.sidecar.lock import FileLock, network_file_system

PLUGIN = Path(__file__).parents[3] / "plugin"
HOLD = """
import sys, time
from pathlib import Path
from longitudinal.sidecar.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
lock.claim()
lock.note(number=7)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Another process that has the lock."""
    processes = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "x")],
            env=os.environ | {"PYTHONPATH": str(PLUGIN)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_the_second_is_refused_by_name_until_the_first_is_dead(
    tmp_path: Path, hold: Callable[[], subprocess.Popen[str]]
) -> None:
    other, lock = hold(), FileLock(tmp_path / "x")
    for _ in range(2):
        with pytest.raises(Faulty) as raised:
            lock.claim()
        assert raised.value.fault.reason == FaultReason.USED_BY_ANOTHER
        detail = raised.value.fault.detail
        assert detail.startswith(
            f"{tmp_path / 'x'} is in use by process {other.pid} on host {socket.gethostname()}"
        )
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert lock.claim()["number"] == 7, "the note of the one before"
    lock.note(number=8)
    assert lock.claim()["number"] == 8, "it is kept"
    lock.release()


def test_a_lock_whose_file_was_removed_is_taken_again(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "x")
    lock.claim()
    (tmp_path / "x.lock").unlink()
    lock.claim()
    assert (tmp_path / "x.lock").exists()
    lock.release()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/orthanc", None), ("/srv/pacs/db", "nfs4"), ("/srv/pacs/db/deeper", "nfs4"), ("/srv/pacs", None),
        ("/srv/pacs/dbx", None), ("/mnt/my share", "cifs"), ("/mnt/covered", None), ("/mnt/sshfs/x", "fuse.sshfs"),
    ],
)  # fmt: skip
def test_a_network_file_system_is_known_by_the_mount_the_folder_lies_on(
    tmp_path: Path, folder: str, kind: str | None
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        "30 27 0:40 / /srv/pacs/db rw shared:1 - nfs4 server:/export rw\n"
        "31 27 0:41 / /mnt/my\\040share rw master:2 propagate_from:1 - cifs //server/share rw\n"
        "32 27 0:42 / /mnt/covered rw - nfs server:/old rw\n"
        "33 32 0:43 / /mnt/covered rw - tmpfs tmpfs rw\n"
        "34 27 0:44 / /mnt/sshfs rw - fuse.sshfs me@there: rw\n"
    )
    assert network_file_system(Path(folder), mounts) == kind
    assert network_file_system(Path(folder), tmp_path / "none") is None


def test_it_is_refused_there_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longitudinal.sidecar.lock.network_file_system", lambda folder: "nfs4")
    with pytest.raises(Faulty, match=r"network file system \(nfs4\)") as raised:
        FileLock(tmp_path / "x").claim()
    assert raised.value.fault.reason == FaultReason.NETWORK_FILE_SYSTEM
    assert list(tmp_path.iterdir()) == []
