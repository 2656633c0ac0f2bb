"""Where the settings have a section Access, whatever goes wrong at the start leaves a server that answers nobody."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.data import ROOT
from tests.orthanc.access import ADMIN
from tests.orthanc.server import OrthancServer, wait_until

NOT_RUNNING = "orthanc-longitudinal is NOT running"
PATHS = [
    "/system",
    "/patients",
    "/app/explorer.html",
    "/dicom-web/studies",
    "/imaging/me",
    "/imaging/app/",
    "/nonsense",
]
ACCESS: dict[str, Any] = {"Rules": [ADMIN]}


class Closed(OrthancServer):
    """A server that counts as started once it answers at all."""

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Orthanc ended with {self._process.returncode} at its start"
        try:
            return self.session.get("/system", timeout=1).status_code > 0
        except (requests.ConnectionError, requests.Timeout):
            return False

    def stop(self) -> float:
        """Killed: how a server stops that did not start is Orthanc's own matter, and takes seconds."""
        self.kill()
        return 0.0


def copied(folder: Path) -> Path:
    """A copy of the plugin that a test may break, with the environment of this one."""
    checkout = folder / "checkout"
    shutil.copytree(ROOT / "plugin", checkout / "plugin", ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / ".venv").symlink_to(sys.prefix)
    return checkout


def without(checkout: Path, module: str) -> None:
    """Importing it fails, as where a library is missing."""
    (checkout / "plugin" / f"{module}.py").write_text(
        f"raise ModuleNotFoundError('No module named {module}')\n"
    )


def an_environment_is_missing(checkout: Path) -> None:
    (checkout / ".venv").unlink()


def a_library_is_missing(checkout: Path) -> None:
    without(checkout, "msgspec")


def the_tokens_library_is_missing(checkout: Path) -> None:
    without(checkout, "jwt")


def a_module_has_a_typo(checkout: Path) -> None:
    path = checkout / "plugin" / "longitudinal" / "access" / "policy.py"
    path.write_text(path.read_text() + "\ndef broken(:\n")


def the_program_exits(checkout: Path) -> None:
    path = checkout / "plugin" / "longitudinal" / "__init__.py"
    path.write_text(path.read_text() + "\nraise SystemExit(0)\n")


def the_policy_fails(checkout: Path) -> None:
    path = checkout / "plugin" / "longitudinal" / "access" / "policy.py"
    path.write_text(
        path.read_text().replace(
            "        self._by_user: dict", "        1 / 0\n        self._by_user: dict", 1
        )
    )


def the_signing_keys_are_open_to_all(checkout: Path) -> None:
    path = checkout / "keys.json"
    path.write_text("{}")
    path.chmod(0o644)


def nothing(_: Path) -> None: ...


def tokens(**changes: object) -> dict[str, Any]:
    return ACCESS | {"Tokens": {"Keys": "/nowhere/jwks.json", "Issuer": "i", "Audience": "a", **changes}}


WAYS: dict[str, tuple[dict[str, Any], Callable[[Path], None], str]] = {
    "a setting of the section is misspelt": ({"Access": {"Rulez": []}}, nothing, "Rulez"),
    "the section is misspelt": ({"Acess": ACCESS}, nothing, "Acess"),
    "the section is in lower case": ({"access": ACCESS}, nothing, "access"),
    "the section is null": ({"Access": None}, nothing, "must be a JSON object"),
    "the section is a list": ({"Access": [ACCESS]}, nothing, "Access"),
    "a role does not exist": ({"Access": {"Rules": [{"Users": ["x"], "Roles": ["boss"]}]}}, nothing, "boss"),
    "a rule is for nobody": ({"Access": {"Rules": [{"Roles": ["admin"]}]}}, nothing, "for nobody"),
    "another setting is wrong": ({"Access": ACCESS, "MaxBodyMiB": "much"}, nothing, "MaxBodyMiB"),
    "the keys of tokens are missing": ({"Access": tokens()}, nothing, "cannot be used"),
    "an algorithm is none that signs": ({"Access": tokens(Algorithms=["none"])}, nothing, "Algorithms"),
    "the environment is missing": ({"Access": ACCESS}, an_environment_is_missing, "no Python environment"),
    "a library is missing": ({"Access": ACCESS}, a_library_is_missing, "msgspec"),
    "the library of tokens is missing": ({"Access": tokens()}, the_tokens_library_is_missing, "jwt"),
    "a module cannot be read": ({"Access": ACCESS}, a_module_has_a_typo, "invalid syntax"),
    "the start ends the program": ({"Access": ACCESS}, the_program_exits, NOT_RUNNING),
    "the policy cannot be made": ({"Access": ACCESS}, the_policy_fails, "division by zero"),
    "others can read the signing keys": (
        {"Access": ACCESS, "KeyPath": "{checkout}/keys.json"}, the_signing_keys_are_open_to_all, "grants cannot be checked",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_start_that_fails_leaves_a_closed_server(way: str, tmp_path: Path) -> None:
    section, breaks, why = WAYS[way]
    checkout = copied(tmp_path)
    section = json.loads(json.dumps(section).replace("{checkout}", str(checkout)))
    breaks(checkout)
    server = Closed(
        tmp_path / "server", script=checkout / "plugin" / "main.py", configuration={"Longitudinal": section}
    )
    with server:
        wait_until(lambda: NOT_RUNNING in server.log, 20, "the log says so")
        assert why in server.log
        assert "every request is refused" in server.log
        for method in ("GET", "PUT", "POST", "DELETE"):
            assert {server.session.request(method, path).status_code for path in PATHS} == {403}


@pytest.mark.parametrize("name", ["longitudinal", "Longitudnal", "LONGITUDINAL"])
def test_a_misspelt_name_of_our_section_closes_too(name: str, tmp_path: Path) -> None:
    with Closed(tmp_path / "server", configuration={name: {"Access": ACCESS}}) as server:
        assert server.session.get("/system").status_code == 403
        assert NOT_RUNNING in server.log


def test_the_keys_of_tokens_may_not_be_private(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", str(path), "2048"], check=True, capture_output=True)
    section = {"Access": tokens(Keys=str(path))}
    with Closed(tmp_path / "server", configuration={"Longitudinal": section}) as server:
        assert server.session.get("/system").status_code == 403
        assert "private key" in server.log


def test_without_the_section_a_failing_start_leaves_orthanc_as_it_is(tmp_path: Path) -> None:
    with Closed(
        tmp_path / "server", configuration={"Longitudinal": {"Acceptance": {"LeastBlocks": -1}}}
    ) as server:
        assert server.session.get("/system").ok
        assert NOT_RUNNING in server.log
