"""Debian's nginx with a configuration of a test, on free ports, and never as a service."""

import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from tests.orthanc.server import wait_until

SECONDS = 10
_COMMON = """
daemon off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
}}
"""


def recipes(page: Path) -> list[str]:
    """The nginx blocks of a page of the documentation."""
    return re.findall(r"```nginx\n(.*?)```", page.read_text(), re.DOTALL)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate and its key, made for one name."""
    key, certified = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certified)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certified, key


class Nginx:
    """One nginx; `http` is what stands in its http block, `url` where it answers."""

    def __init__(self, folder: Path, http: str, url: str) -> None:
        self.url = url
        self._folder = folder
        self._http = http
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert program, "there is no nginx here: run `scripts/setup.sh test`"
        self._folder.mkdir(parents=True)
        path = self._folder / "nginx.conf"
        path.write_text(_COMMON.format(folder=self._folder, http=self._http))
        # killed when the starting thread dies
        self._process = subprocess.Popen(
            [
                "setpriv",
                "--pdeathsig",
                "TERM",
                program,
                "-p",
                str(self._folder),
                "-c",
                str(path),
                "-e",
                "stderr",
            ],
            stderr=(self._folder / "stderr.log").open("wb"),
        )
        wait_until(self._answers, SECONDS, f"nginx answers at {self.url}")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "stderr.log").read_text()
        try:
            requests.get(self.url, timeout=2, verify=False)
        except (requests.ConnectionError, requests.Timeout):
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(SECONDS)
