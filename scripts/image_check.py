"""Runs the image in a container of buildah's: scripts/image_check.py CONTAINER BUILDAH... (scripts/image.sh calls it).

It starts what the image starts, waits until the image's own health check is content, stores by C-STORE and by REST, gives a
transform, finds a point in another study, looks at OHIF, and stops it by the signal that the image names.

In a network namespace of its own: it raises the loopback there, and the ports are the image's.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "plugin")]

from tests.orthanc.server import ServerSession, wait_until  # noqa: E402
from tests.orthanc.test_transforms import FIRST, SECOND, scan  # noqa: E402

USERS = {"someone": 'a "quoted" password'}
SECRET = "/run/secrets/orthanc_users"
HTTP_PORT, DICOM_PORT = 8042, 4242
HEALTHY_SECONDS, INDEXED_SECONDS, STOP_SECONDS = 120.0, 30.0, 30.0
SHIFT = [[1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
# ioctls of netdevice(7)
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1


@dataclass(frozen=True)
class Container:
    """A working container, and how buildah is called."""

    name: str
    buildah: list[str]

    def image(self) -> dict[str, Any]:
        """What the image says of itself."""
        said = subprocess.run(
            [*self.buildah, "inspect", self.name], check=True, capture_output=True, text=True
        ).stdout
        configuration: dict[str, Any] = json.loads(said)["Docker"]["config"]
        return configuration

    def command(self, secret: Path, *command: str) -> list[str]:
        """How a command is run inside."""
        run = ["run", "--env", f"ORTHANC_USERS_FILE={SECRET}", "--volume", f"{secret}:{SECRET}:ro", self.name]
        return [*self.buildah, *run, "--", *command]


def main() -> None:
    """Do all of it; AssertionError where something is amiss."""
    container = Container(sys.argv[1], sys.argv[2:])
    raise_loopback()
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        Path(folder).chmod(0o755)
        secret = Path(folder) / "orthanc_users"
        secret.write_text(json.dumps(USERS))
        secret.chmod(0o444)
        check_libraries(container, secret)
        with running(container, secret, Path(folder) / "log"):
            session = ServerSession(f"http://127.0.0.1:{HTTP_PORT}", next(iter(USERS.items())))
            check_point(session, Path(folder))
            check_ohif(session)
            session.close()


def say(text: str) -> None:
    """Print a line at once."""
    print(f"image: {text}", flush=True)


def raise_loopback() -> None:
    """Have this namespace's lo up."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack("16xh14x", fcntl.ioctl(any_socket, _GET_FLAGS, request))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def check_libraries(container: Container, secret: Path) -> None:
    """What registers images can be loaded, without anything that was left out."""
    python = "/opt/orthanc-longitudinal/.venv/bin/python"
    command = container.command(secret, python, "-c", "import numpy, picsl_greedy, pydicom, SimpleITK")
    subprocess.run(command, check=True)


@contextlib.contextmanager
def running(container: Container, secret: Path, log: Path) -> Iterator[None]:
    """The image's own command, healthy; stopped by its own signal."""
    image = container.image()
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            container.command(secret, *image["Entrypoint"], *image["Cmd"]),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        health = container.command(secret, *image["Healthcheck"]["Test"][1:])

        def is_healthy() -> bool:
            assert process.poll() is None, "it ended"
            return subprocess.run(health, capture_output=True).returncode == 0

        wait_until(is_healthy, HEALTHY_SECONDS, "the image's health check is content")
        say(f"healthy after {time.monotonic() - began:.1f} s, as user {image['User']}")
        yield
        stop(process, getattr(signal, image["StopSignal"]))
        assert "NOT running" not in log.read_text()
    except BaseException as error:
        error.add_note(log.read_text()[-4_000:])
        raise
    finally:
        for pid in descendants(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)


def stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Ask Orthanc itself, the first process of a container, to stop."""
    (orthanc,) = [pid for pid in descendants(process.pid) if _name(pid) == "Orthanc"]
    began = time.monotonic()
    os.kill(orthanc, number)
    code = process.wait(STOP_SECONDS)
    assert code == 0, f"it ended with {code}"
    say(f"stopped by {number.name} in {time.monotonic() - began:.1f} s")


def descendants(pid: int) -> list[int]:
    """The processes below one, the last ones first."""
    threads = Path(f"/proc/{pid}/task").glob("[0-9]*/children")
    try:
        found = sorted({int(child) for thread in threads for child in thread.read_text().split()})
    except OSError:  # ended meanwhile
        return []
    return [one for child in found for one in (*descendants(child), child)]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def check_point(session: ServerSession, folder: Path) -> None:
    """Store two studies in two ways, join them, and ask for a point of one in the other."""
    first, second = scan(FIRST, 2020), scan(SECOND, 2021)
    paths = [folder / f"{number}.dcm" for number in range(len(first))]
    for path, file in zip(paths, first, strict=True):
        path.write_bytes(file)
    subprocess.run(
        ["storescu", "-aec", "LONGITUDINAL", "127.0.0.1", str(DICOM_PORT), *map(str, paths)], check=True
    )
    for file in second:
        session.post("/instances", data=file).raise_for_status()
    say(f"stored {len(first)} images by C-STORE and {len(second)} by REST")
    ends = {"sourceFrameOfReferenceUid": SECOND, "targetFrameOfReferenceUid": FIRST}
    given = {**ends, "patientId": "P", "matrix": SHIFT, "expectedErrorMm": 1.0}
    wait_until(lambda: is_known(session), INDEXED_SECONDS, "both studies are indexed")
    made = session.post("/imaging/transforms", json=given)
    assert made.status_code == 201, made.text
    asked = {"patientId": "P", "frameOfReferenceUid": SECOND, "x": 10.0, "y": 5.0, "z": 4.0}
    answer = session.post("/imaging/points/resolve", json=asked).json()
    (match,) = [match for match in answer["matches"] if match["frameOfReferenceUid"] == FIRST]
    assert (match["x"], match["y"], match["z"]) == (13.0, 5.0, 4.0), match
    assert match["path"] == [made.json()["id"]]
    assert made.json()["createdBy"] == next(iter(USERS)), made.text
    say(
        f"a point of the second study lies in the first at row {match['row']}, column {match['column']}, {match['grade']}"
    )


def is_known(session: ServerSession) -> bool:
    """Whether a patient with both studies is indexed."""
    answer = session.get("/imaging/patients/P")
    return answer.ok and len(answer.json()["studies"]) == 2


def check_ohif(session: ServerSession) -> None:
    """The viewer's page and its largest file."""
    page = session.get("/ohif/")
    assert page.ok, "OHIF is not in the image"
    name = next(
        word
        for word in page.text.replace("'", '"').split('"')
        if "app.bundle." in word and word.endswith(".js")
    )
    bundle = session.get(f"/ohif/{name.removeprefix('./').removeprefix('/')}")
    assert bundle.ok, name
    say(f"OHIF is served: {name.rpartition('/')[2]}, {len(bundle.content) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
