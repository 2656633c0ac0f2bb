"""`make run` from the checkout: the shipped configuration, a private password, the plugin loaded."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.data import ROOT
from tests.orthanc.server import ServerSession, free_ports, wait_until


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path, int]]:
    """Run scripts/run.py with its storage elsewhere; give the process, its output and its HTTP port."""
    http_port, dicom_port = free_ports(2)
    environment = os.environ | {
        "HTTP_PORT": str(http_port),
        "DICOM_PORT": str(dicom_port),
        "ORTHANC_STORAGE": str(tmp_path / "storage"),
        "ORTHANC_INDEX": str(tmp_path / "index"),
    }
    output = tmp_path / "output"
    with output.open("wb") as file:
        command = [sys.executable, ROOT / "scripts" / "run.py"]
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    yield process, output, http_port
    if process.poll() is None:
        process.kill()
    process.wait(10)


def test_it_prints_how_to_log_in_and_stops_by_interrupt(
    running: tuple[subprocess.Popen[bytes], Path, int],
) -> None:
    process, output, http_port = running
    wait_until(lambda: "Orthanc has started" in output.read_text(), 20, "Orthanc has started")
    printed = re.search(r"User: +(\S+)\nPassword: +(\S+)", output.read_text())
    assert printed
    session = ServerSession(f"http://localhost:{http_port}", (printed[1], printed[2]))
    assert session.get("/system").json()["Name"] == "Longitudinal"
    assert {"python", "dicom-web", "gdcm"} <= set(session.get("/plugins").json())
    assert "NOT running" not in output.read_text()
    assert session.get("/imaging/health").status_code == 200
    for wrong in [None, (printed[1], ""), (printed[1], "orthanc")]:
        assert requests.get(f"{session.url}/system", auth=wrong, timeout=5).status_code == 401
    session.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_the_configuration_is_refused_without_users() -> None:
    """An Orthanc that nobody gave a password to must not start with an empty one."""
    environment = {name: value for name, value in os.environ.items() if name != "ORTHANC_USERS"}
    ended = subprocess.run(
        ["/usr/sbin/Orthanc", ROOT / "orthanc-config" / "orthanc.json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert ended.returncode != 0
    assert "does not follow the JSON syntax" in ended.stderr
