"""examples/viewer on an origin of its own, Orthanc that takes bearer tokens, and a proxy by docs/other-origins.md."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.data import ROOT
from tests.orthanc import apache, nginx
from tests.orthanc.access import Login, restricted
from tests.orthanc.server import OrthancServer, free_ports

PAGE = ROOT / "docs" / "other-origins.md"
VIEWER = ROOT / "examples" / "viewer"
NAMED = "https://viewer.example.org"
READERS = {"Claims": {"groups": "radiology"}, "Roles": ["reviewer", "uploader"], "Everything": True}
APACHE_MODULES = ("headers", "proxy", "proxy_http", "rewrite", "setenvif", "ssl")


@dataclass(frozen=True)
class Place:
    """A viewer's own origin, the address of the proxy, the server behind it, and who signs tokens.

    `other` is an origin that serves the same files and that nobody allowed.
    """

    origin: str
    other: str
    url: str
    server: OrthancServer
    login: Login
    _session: requests.Session = field(default_factory=lambda: _session(), repr=False)

    def token(self, **claims: Any) -> str:
        """A token of somebody who may read and upload."""
        return self.login.token("ann", **({"groups": "radiology"} | claims))

    def ask(self, method: str, path: str, data: str | None = None, **headers: str) -> requests.Response:
        """A request through the proxy, by no browser."""
        return self._session.request(
            method, self.url + path, headers=headers, data=data, timeout=30, allow_redirects=False
        )


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env, session.verify = False, False
    return session


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def files_of(folder: Path) -> Iterator[int]:
    """A server of the files of a folder, for every name of this machine; its port."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """A recipe with the addresses and files of a test, each of which it has to have."""
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    return text


def behind_nginx(folder: Path, origin: str, orthanc: int) -> tuple[nginx.Nginx, str]:
    """nginx by the recipe, and its address."""
    (text,), (port,) = nginx.recipes(PAGE), free_ports(1)
    folder.mkdir()
    certified, key = nginx.certificate(folder, "127.0.0.1")
    text = replaced(
        text, ("443 ssl", f"127.0.0.1:{port} ssl"), ("/etc/nginx/pacs.crt", str(certified)),
        ("/etc/nginx/pacs.key", str(key)), ("127.0.0.1:8042", f"127.0.0.1:{orthanc}"), (NAMED, origin),
    )  # fmt: skip
    url = f"https://127.0.0.1:{port}"
    return nginx.Nginx(folder / "nginx", text, url), url


def behind_apache(folder: Path, origin: str, orthanc: int) -> tuple[apache.Apache, str]:
    """Apache by the recipe, and its address."""
    (text,), (port,) = apache.recipes(PAGE), free_ports(1)
    folder.mkdir()
    certified, key = nginx.certificate(folder, "127.0.0.1")
    text = replaced(
        text, ("*:443", f"127.0.0.1:{port}"), ("/etc/apache2/pacs.crt", str(certified)),
        ("/etc/apache2/pacs.key", str(key)), ("127.0.0.1:8042", f"127.0.0.1:{orthanc}"),
        (NAMED.replace(".", r"\."), origin.replace(".", r"\.")),
    )  # fmt: skip
    url = f"https://127.0.0.1:{port}"
    return apache.Apache(folder / "apache", f"127.0.0.1:{port}", APACHE_MODULES, text, url), url


Proxy = Callable[[Path, str, int], tuple[AbstractContextManager[Any], str]]
PROXIES: dict[str, Proxy] = {"nginx": behind_nginx, "apache": behind_apache}


@contextmanager
def places(folder: Path, *proxies: str, **longitudinal: Any) -> Iterator[list[Place]]:
    """One server, and a place for each proxy before it."""
    login = Login(folder / "login")
    with files_of(VIEWER) as port:
        origin, other = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        access = restricted(READERS, Tokens=login.settings | {"LeewaySeconds": 0})
        access["Longitudinal"] |= {"AlignOnArrival": False, "AllowedOrigins": [origin], **longitudinal}
        with OrthancServer(folder / "orthanc", configuration=access, authentication=False) as server:
            made = [(name, *PROXIES[name](folder / name, origin, server.http_port)) for name in proxies]
            with _all([proxy for _, proxy, _ in made]):
                yield [Place(origin, other, url, server, login) for _, _, url in made]


@contextmanager
def _all(proxies: list[AbstractContextManager[Any]]) -> Iterator[None]:
    if not proxies:
        yield
        return
    with proxies[0], _all(proxies[1:]):
        yield
