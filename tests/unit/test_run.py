"""What `make run` says about ports and passwords, without starting Orthanc."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import run

from tests.data import ROOT


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("name", ["HTTP_PORT", "DICOM_PORT"])
def test_a_taken_port_is_named_with_its_owner(name: str, taken_port: int) -> None:
    with socket.socket() as other:
        other.bind(("", 0))
        free = other.getsockname()[1]
    ports = {"HTTP_PORT": str(free), "DICOM_PORT": str(free), name: str(taken_port)}
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / "run.py"],
        env=os.environ | ports,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert ended.returncode == 1
    assert f"port {taken_port} ({name}) is used by pid {os.getpid()} (" in ended.stderr
    assert f"{name}={taken_port + 1} make run" in ended.stderr


def test_every_owner_of_a_port_is_listed(taken_port: int) -> None:
    assert [owner.split(" (")[0] for owner in run.port_owners(taken_port)] == [f"pid {os.getpid()}"]
    assert not run.is_free(taken_port)


@pytest.mark.parametrize("text", ["zero", "0", "65536", "-1", "80.5"])
def test_a_wrong_port_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HTTP_PORT", text)
    with pytest.raises(SystemExit, match=f"HTTP_PORT={text} is not a port number"):
        run.chosen_port("HTTP_PORT")


def test_the_password_is_generated_once_and_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "PASSWORD_FILE", tmp_path / "var" / "password")
    first = run.password()
    assert len(first) == 20
    assert run.password() == first
    assert run.PASSWORD_FILE.stat().st_mode & 0o777 == 0o600
    run.PASSWORD_FILE.unlink()
    assert run.password() != first
