"""plugin/main.py inside a real Orthanc: loaded by two settings, and never in Orthanc's way."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.data import ROOT
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import OrthancServer

NOT_RUNNING = "orthanc-longitudinal is NOT running"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a copy of the project's layout with a stub of `longitudinal.host` that says it was started."""
    package = tmp_path / "checkout" / "plugin" / "longitudinal"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "plugin" / "main.py", package.parent)
    (package / "__init__.py").touch()
    set_host(package, "import msgspec, numpy, pydicom\northanc.LogWarning('numpy of ' + numpy.__file__)")
    return package.parent.parent


def set_host(package: Path, body: str) -> None:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    (package / "host.py").write_text(f"import orthanc\ndef start():\n{lines}")


def test_the_environment_is_found_beside_the_plugin(checkout: Path, start_orthanc: StartOrthanc) -> None:
    (checkout / ".venv").symlink_to(sys.prefix)
    server = start_orthanc(script=checkout / "plugin" / "main.py")
    assert f"numpy of {checkout}/.venv/lib/" in server.log
    assert NOT_RUNNING not in server.log


def test_the_environment_is_a_setting(checkout: Path, start_orthanc: StartOrthanc) -> None:
    configuration = {"Longitudinal": {"Environment": sys.prefix}}
    server = start_orthanc(script=checkout / "plugin" / "main.py", configuration=configuration)
    assert f"numpy of {sys.prefix}/lib/" in server.log


def test_a_missing_environment_is_named_with_the_remedy(checkout: Path, start_orthanc: StartOrthanc) -> None:
    server = start_orthanc(script=checkout / "plugin" / "main.py")
    assert f"{NOT_RUNNING}: no Python environment at {checkout}/.venv/lib/python" in server.log
    assert f"Run `make setup` in {checkout}" in server.log
    assert server.session.get("/system").ok


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise OSError('the sidecar is locked')", f"{NOT_RUNNING}: the sidecar is locked"),
        ("import no_such_library", f"{NOT_RUNNING}: No module named 'no_such_library'"),
    ],
)
def test_a_failing_start_is_logged_and_orthanc_goes_on(
    checkout: Path, start_orthanc: StartOrthanc, body: str, message: str
) -> None:
    (checkout / ".venv").symlink_to(sys.prefix)
    set_host(checkout / "plugin" / "longitudinal", body)
    server = start_orthanc(script=checkout / "plugin" / "main.py")
    assert message in server.log
    assert "Traceback" in server.log
    assert server.session.get("/system").ok


@pytest.mark.parametrize("body", ["", "raise OSError('the sidecar is locked')"])
def test_garbage_is_collected_after_a_start_and_after_a_failed_one(
    checkout: Path, start_orthanc: StartOrthanc, body: str
) -> None:
    (checkout / ".venv").symlink_to(sys.prefix)
    set_host(
        checkout / "plugin" / "longitudinal",
        f"import gc\northanc.LogWarning(f'during: {{gc.isenabled()}}')\n{body}",
    )
    script = checkout / "plugin" / "watched.py"
    script.write_text(
        "import gc, runpy, orthanc\n"
        "runpy.run_path(__file__.replace('watched', 'main'))\n"
        "orthanc.LogWarning(f'after: {gc.isenabled()}, frozen: {gc.get_freeze_count() > 0}')\n"
    )
    server = start_orthanc(script=script)
    assert "during: False" in server.log
    assert "after: True, frozen: True" in server.log


class ConfiguredByFolder(OrthancServer):
    """Started with the folder of its configuration, written without a slash at its end."""

    def configure(self) -> Path:
        return super().configure().parent


@pytest.mark.parametrize("kind", [OrthancServer, ConfiguredByFolder])
def test_relative_paths_are_those_that_orthanc_takes(kind: type[OrthancServer], tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "orthanc"
    elsewhere.mkdir()
    configuration = {
        "StorageDirectory": "files",
        "IndexDirectory": "./index",
        "Longitudinal": {"JsonLogPath": "log.jsonl", "KeyPath": "keys.json"},
    }
    with kind(folder, configuration=configuration, started_in=elsewhere) as server:
        server.wait_until(lambda: server.session.get("/imaging/health/ready").ok, 10, "ready")
        assert (folder / "files").is_dir()
        assert {path.name for path in (folder / "index").iterdir()} >= {"index", "longitudinal-Test.sqlite"}
        assert (folder / "keys.json").is_file()
        assert (folder / "log.jsonl").is_file()
    assert list(elsewhere.iterdir()) == []


def test_a_start_loads_neither_pydicom_nor_tls(start_orthanc: StartOrthanc) -> None:
    """`tests/unit/host/test_start.py` sees what is imported; here what the wiring loads. Pillow comes with pydicom."""
    mapped = Path(f"/proc/{start_orthanc().pid}/maps").read_text()
    assert "/numpy/" in mapped
    assert "/PIL/" not in mapped
    assert "/_ssl." not in mapped
