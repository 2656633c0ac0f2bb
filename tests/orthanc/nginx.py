"""Debian's nginx with a configuration of a test, on free ports, and never as a service."""

import base64
import re
import subprocess
from pathlib import Path

from tests.orthanc.proxy import Proxy
from tests.orthanc.server import free_ports

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


def tls_server(text: str, folder: Path, orthanc: int, door: int, password: str) -> tuple[str, str]:
    """The server of docs/access.md with the addresses, keys and password of a test, and where it answers."""
    (port,), (certified, key) = free_ports(1), certificate(folder, "pacs.example.org")
    secret = base64.b64encode(f"proxy:{password}".encode()).decode()
    for before, after in (
        ("443 ssl", f"127.0.0.1:{port} ssl"), ("/etc/nginx/pacs.crt", str(certified)), ("/etc/nginx/pacs.key", str(key)),
        ("127.0.0.1:8042", f"127.0.0.1:{orthanc}"), ("127.0.0.1:9090", f"127.0.0.1:{door}"),
        ("cHJveHk6UEFTU1dPUkQ=", secret),
    ):  # fmt: skip
        assert before in text
        text = text.replace(before, after)
    return text, f"https://127.0.0.1:{port}"


class Nginx(Proxy):
    """One nginx; `http` is what stands in its http block, `url` where it answers."""

    def __init__(self, folder: Path, http: str, url: str) -> None:
        arguments = ["-p", str(folder), "-c"], ["-e", "stderr"]
        super().__init__(folder, "nginx", _COMMON.format(folder=folder, http=http), arguments, url)
