"""The Apache of docs/access.md as it stands there, which logs people in at a provider of OpenID Connect."""

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.data import ROOT
from tests.orthanc.access import AUDIENCE, ISSUER, PASSWORD, Login, add_users, restricted
from tests.orthanc.apache import Apache, recipes
from tests.orthanc.nginx import certificate
from tests.orthanc.other_origin import replaced
from tests.orthanc.server import OrthancServer, free_ports
from tests.orthanc.wire import basic

MODULES = ("auth_openidc", "headers", "proxy", "proxy_http", "ssl")


class Provider(BaseHTTPRequestHandler):
    """A provider that believes whoever the cookie names, as if they had typed a password."""

    login: Login
    nonces: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.startswith("/.well-known/"):
            self._json(self._about())
        elif url.path == "/keys":
            self._json(json.loads(self.login.path.read_text()))
        else:
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            found = re.search(r"user=(\w+)", self.headers.get("Cookie", ""))
            code = "nobody" if found is None else found[1]
            self.nonces[code] = asked["nonce"]
            self.send_response(302)
            answer = urlencode({"code": code, "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{answer}")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_POST(self) -> None:
        """The token for a code; Apache alone asks for it."""
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        name = sent["code"][0]
        token = self.login.token(name, nonce=self.nonces[name], iat=int(time.time()))
        self._json({"access_token": "unused", "token_type": "Bearer", "id_token": token, "expires_in": 300})

    def _about(self) -> dict[str, Any]:
        here = f"http://{self.headers['Host']}"
        return {
            "issuer": ISSUER, "authorization_endpoint": f"{here}/login", "token_endpoint": f"{here}/token",
            "jwks_uri": f"{here}/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }  # fmt: skip

    def _json(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def login(tmp_path: Path) -> Login:
    return Login(tmp_path / "login")


@pytest.fixture
def provider(login: Login) -> Iterator[str]:
    handler = type("OwnProvider", (Provider,), {"login": login})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(tmp_path: Path, login: Login) -> Iterator[OrthancServer]:
    ann = {"Users": ["ann"], "Roles": ["viewer"], "Everything": True}
    access = restricted(ann, Tokens=login.settings | {"Audience": AUDIENCE}, ServiceAccounts=["proxy"])
    server = OrthancServer(tmp_path / "orthanc", configuration=access)
    add_users(server, "proxy")
    with server:
        yield server


def browser() -> requests.Session:
    session = requests.Session()
    session.trust_env, session.verify = False, False
    return session


def test_a_login_by_apache(tmp_path: Path, server: OrthancServer, provider: str, login: Login) -> None:
    (text,), (port,) = recipes(ROOT / "docs" / "access.md"), free_ports(1)
    certified, key = certificate(tmp_path, "127.0.0.1")
    secret = base64.b64encode(f"proxy:{PASSWORD}".encode()).decode()
    text = replaced(
        text, ("*:443", f"127.0.0.1:{port}"), ("/etc/apache2/pacs.crt", str(certified)),
        ("/etc/apache2/pacs.key", str(key)), ("127.0.0.1:8042", f"127.0.0.1:{server.http_port}"),
        ("https://login.example.org", provider), ("https://pacs.example.org", f"https://127.0.0.1:{port}"),
        ("cHJveHk6UEFTU1dPUkQ=", secret),
    )  # fmt: skip
    url = f"https://127.0.0.1:{port}"
    with Apache(tmp_path / "apache", f"127.0.0.1:{port}", MODULES, text, url):
        ann = browser()
        first = ann.get(f"{url}/imaging/me", allow_redirects=False)
        assert (first.status_code, first.headers["Location"].split("?")[0]) == (302, f"{provider}/login")
        ann.cookies.set("user", "ann")
        assert ann.get(f"{url}/imaging/me").json()["name"] == "ann"
        # what the browser sends in place of the login is replaced
        headers = {
            "X-Imaging-Token": login.token("tester"),
            "Authorization": basic(server.user, server.password),
        }
        me = ann.get(f"{url}/imaging/me", headers=headers).json()
        assert (me["name"], me["roles"]) == ("ann", ["viewer"])
        # a PatientID with a slash arrives as one
        assert "A/B" in ann.get(f"{url}/imaging/patients/A%252FB").json()["detail"]
        assert ann.get(f"{url}/studies").status_code == 200
        assert ann.get(f"{url}/tools/reset", allow_redirects=False).status_code == 403
        eve = browser()
        eve.cookies.set("user", "eve")
        assert eve.get(f"{url}/imaging/me").status_code == 403
        assert browser().get(f"{url}/patients", headers=headers, allow_redirects=False).status_code == 302
