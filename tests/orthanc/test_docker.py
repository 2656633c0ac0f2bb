"""What the image runs, without an engine: its configuration, its install step, its entry script, its health check.

The image is Debian 13; `make compat` runs this in a root of it. Where we are root, it runs as the user of the image.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data import ROOT
from tests.orthanc.server import STOP_SECONDS, ServerSession, free_ports, wait_until

DOCKER = ROOT / "docker"
START_SECONDS = 30.0
USERS = {"someone": 'a "quoted" password'}


class Image:
    """The folders of the image, below another one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.etc, self.prefix, self.data = folder / "etc", folder / "opt", folder / "data"
        self.secret = folder / "orthanc_users"
        self.http_port, dicom_port = free_ports(2)
        self.environment = {
            "PATH": os.environ["PATH"] + ":/usr/sbin",
            "ORTHANC_USERS_FILE": str(self.secret),
            "ORTHANC_STORAGE": str(self.data / "storage"),
            "ORTHANC_INDEX": str(self.data / "index"),
            "HTTP_PORT": str(self.http_port),
            "DICOM_PORT": str(dicom_port),
        }

    def build(self) -> None:
        """Do what docker/Dockerfile does after apt-get."""
        self.etc.mkdir()
        (self.data / "storage").mkdir(parents=True)
        (self.data / "index").mkdir()
        shutil.copy(DOCKER / "orthanc.json", self.etc)
        subprocess.run(
            [ROOT / "scripts" / "install.sh", "--prefix", self.prefix, "--etc", self.etc],
            env=os.environ | {"OHIF": "no"},
            check=True,
        )
        self.secret.write_text(json.dumps(USERS))
        self.secret.chmod(0o400)
        if os.geteuid() == 0:
            for path in (self.secret, *self.data.iterdir()):
                shutil.chown(path, "orthanc", "orthanc")

    def command(self, *command: str | Path) -> list[str]:
        """A command as the image's user."""
        user = ["--reuid", "orthanc", "--regid", "orthanc", "--clear-groups"] if os.geteuid() == 0 else []
        return ["setpriv", *user, "--no-new-privs", "--pdeathsig", "KILL", *map(str, command)]

    def health(self) -> subprocess.CompletedProcess[str]:
        command = self.command(sys.executable, DOCKER / "health.py")
        if os.geteuid() == 0:  # that user cannot enter a checkout below /root
            shutil.copy(DOCKER / "health.py", self.folder)
            command = self.command("/usr/bin/python3", self.folder / "health.py")
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, cwd="/")


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        Path(folder).chmod(0o755)  # pytest's own folders are closed to the image's user
        made = Image(Path(folder))
        made.build()
        shutil.copy(DOCKER / "entrypoint.sh", folder)
        yield made


def enter(image: Image, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    script = image.command(image.folder / "entrypoint.sh", *command)
    given = image.environment | environment
    return subprocess.run(script, env=given, capture_output=True, text=True, cwd="/", timeout=20)


def test_it_starts_serves_and_stops(image: Image, tmp_path: Path) -> None:
    assert image.health().returncode == 1
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            image.command(image.folder / "entrypoint.sh", "Orthanc", image.etc),
            env=image.environment, cwd="/", stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until(
            lambda: image.health().returncode == 0 or process.poll() is not None, START_SECONDS, "healthy"
        )
        assert process.poll() is None, log.read_text()
        assert json.loads(image.health().stdout)["state"] == "ok"
        session = ServerSession(f"http://127.0.0.1:{image.http_port}", next(iter(USERS.items())))
        plugins = session.get("/plugins").json()
        assert {"python", "dicom-web", "gdcm", "postgresql-index"} <= set(plugins)
        assert session.get("/system").json()["DatabaseBackendPlugin"] is None
        assert list((image.data / "index").glob("longitudinal-Longitudinal.sqlite"))
        session.close()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_SECONDS)
    assert code == 0, log.read_text()
    assert "NOT running" not in log.read_text()


def test_secrets_come_from_files_and_from_nowhere_else(image: Image) -> None:
    shown = enter(image, "sh", "-c", 'printf %s "$ORTHANC_USERS"')
    assert json.loads(shown.stdout) == USERS
    missing = enter(image, "true", ORTHANC_USERS_FILE="/nowhere")
    assert (missing.returncode, "/nowhere cannot be read" in missing.stderr) == (1, True)
    nobody = enter(image, "true", ORTHANC_USERS_FILE="")
    assert (nobody.returncode, "no user could log in" in nobody.stderr) == (1, True)
    quoted = enter(image, "true", POSTGRES_PASSWORD='a"b')
    assert (quoted.returncode, "POSTGRES_PASSWORD may contain neither" in quoted.stderr) == (1, True)
    assert enter(image, "sh", "-c", "exit 7").returncode == 7


def test_the_configuration_asks_for_nothing_that_is_not_documented() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DOCKER / "orthanc.json").read_text())) - {"NAME"}
    described = set(re.findall(r"`([A-Z_]+)`", (DOCKER / "README.md").read_text()))
    assert asked <= described
