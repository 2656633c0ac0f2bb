"""Debian's nginx with a configuration of a test, on free ports, and never as a service."""

import re
import subprocess
from pathlib import Path

from tests.orthanc.proxy import Proxy

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


class Nginx(Proxy):
    """One nginx; `http` is what stands in its http block, `url` where it answers."""

    def __init__(self, folder: Path, http: str, url: str) -> None:
        arguments = ["-p", str(folder), "-c"], ["-e", "stderr"]
        super().__init__(folder, "nginx", _COMMON.format(folder=folder, http=http), arguments, url)
