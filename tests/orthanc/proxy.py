"""A web server in front of Orthanc with a configuration of a test, on free ports, and never as a service."""

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from tests.orthanc.server import wait_until

SECONDS = 10


class Proxy:
    """One web server while the block lasts.

    Parameters
    ----------
    program
        Its name, as Debian has it.
    text
        Its whole configuration.
    arguments
        Before and after the path of the configuration.
    url
        Where it answers.
    """

    def __init__(
        self, folder: Path, program: str, text: str, arguments: tuple[list[str], list[str]], url: str
    ) -> None:
        self.url = url
        self._folder = folder
        self._program = program
        self._text = text
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = shutil.which(self._program, path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert program, f"there is no {self._program} here: run `scripts/setup.sh test`"
        self._folder.mkdir(parents=True)
        path = self._folder / f"{self._program}.conf"
        path.write_text(self._text)
        before, after = self._arguments
        # killed when the starting thread dies
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", program, *before, str(path), *after],
            stderr=(self._folder / "stderr.log").open("wb"),
        )
        wait_until(self._answers, SECONDS, f"{self._program} answers at {self.url}")
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
