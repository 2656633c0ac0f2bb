"""Debian's Apache with a configuration of a test, on free ports, and never as a service."""

import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from tests.orthanc.server import wait_until

SECONDS = 10
_MODULES = Path("/usr/lib/apache2/modules")
_COMMON = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
ServerName localhost
User www-data
Group www-data
Listen {listen}
{modules}
{rest}
"""
# What Debian loads by itself, as far as it is needed here.
_ALWAYS = ("mpm_event", "authn_core", "authz_core", "authz_user", "reqtimeout", "socache_shmcb")


def recipes(page: Path) -> list[str]:
    """The Apache blocks of a page of the documentation."""
    return re.findall(r"```apache\n(.*?)```", page.read_text(), re.DOTALL)


class Apache:
    """One Apache.

    Parameters
    ----------
    listen
        Address and port.
    modules
        That the configuration needs, as `a2enmod` calls them.
    rest
        The configuration under test.
    url
        Where it answers.
    """

    def __init__(self, folder: Path, listen: str, modules: tuple[str, ...], rest: str, url: str) -> None:
        self.url = url
        self._folder = folder
        loaded = "\n".join(
            f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in (*_ALWAYS, *modules)
        )
        self._text = _COMMON.format(folder=folder, listen=listen, modules=loaded, rest=rest)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = shutil.which("apache2", path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert program, "there is no Apache here: run `scripts/setup.sh test`"
        self._folder.mkdir(parents=True)
        path = self._folder / "apache.conf"
        path.write_text(self._text)
        # killed when the starting thread dies
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", program, "-f", str(path), "-DFOREGROUND"],
            stderr=(self._folder / "stderr.log").open("wb"),
        )
        wait_until(self._answers, SECONDS, f"Apache answers at {self.url}")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "stderr.log").read_text()
        try:
            requests.get(self.url, timeout=2, verify=False, allow_redirects=False)
        except (requests.ConnectionError, requests.Timeout):
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(SECONDS)
