"""Who acts where access is restricted: passwords, tokens beside a service account, tokens alone, a login behind nginx."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.data import ROOT
from tests.orthanc.access import PASSWORD, Login, add_users, bearing, restricted, session_of
from tests.orthanc.access_ward import study_of
from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.nginx import Nginx, recipes, tls_server
from tests.orthanc.server import OrthancServer, ServerSession
from tests.orthanc.wire import basic, form, send

VIEWERS = (
    {"Users": ["ann"], "Roles": ["viewer"], "Patients": ["P"]},
    {"Claims": {"tenant": "north"}, "Roles": ["reviewer"], "Everything": True},
)


def start(folder: Path, login: Login, *, authentication: bool) -> OrthancServer:
    access = restricted(*VIEWERS, Tokens=login.settings, ServiceAccounts=["proxy"])
    server = OrthancServer(folder, configuration=access, authentication=authentication)
    add_users(server, "ann", "ben", "proxy")
    return server


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Login:
    return Login(tmp_path_factory.mktemp("login"))


@pytest.fixture(scope="module", params=[True, False], ids=["orthanc checks", "only we check"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, login: Login
) -> Iterator[OrthancServer]:
    with start(tmp_path_factory.mktemp("server"), login, authentication=request.param) as server:
        yield server


def me(session: ServerSession | requests.Session, url: str = "") -> tuple[str, list[str]] | int:
    """Name and roles, or the status of a refusal."""
    response = session.get(f"{url}/imaging/me")
    return (response.json()["name"], response.json()["roles"]) if response.ok else response.status_code


def beside(server: OrthancServer, name: str, token: str) -> ServerSession:
    session = session_of(server, name)
    session.headers["X-Imaging-Token"] = token
    return session


def test_a_password_names_a_user(server: OrthancServer) -> None:
    assert me(server.session) == (server.user, ["admin"])
    assert me(session_of(server, "ann")) == ("ann", ["viewer"])


def test_who_is_nobody_gets_nothing(server: OrthancServer, login: Login) -> None:
    good = login.token("ann")
    strangers = {
        "nobody": session_of(server, None),
        "a wrong password": session_of(server, "ann", "wrong"),
        "a user without a role": session_of(server, "ben"),
        "an unknown user": session_of(server, "eve"),
        "a service account alone": session_of(server, "proxy"),
        "a service account with a forged token": beside(server, "proxy", good[:-6] + "AAAAAA"),
        "a service account with an expired token": beside(server, "proxy", login.token("ann", exp=1)),
        "a token beside a person": beside(server, "ann", good),
        "a token beside a wrong password": beside(server, "nobody", good),
        "a token that names the service account": beside(
            server, "proxy", login.token("proxy", tenant="north")
        ),
        "a token alone in its header": bearing(server, good, "X-Imaging-Token"),
        "a name in a header": session_of(server, None),
    }
    strangers["a name in a header"].headers["X-Remote-User"] = server.user
    for why, session in strangers.items():
        for path in ("/imaging/me", "/imaging/patients", "/system", "/patients", "/app/explorer.html"):
            assert session.get(path).status_code in (401, 403), (why, path)


def test_a_token_beside_the_service_account_acts(server: OrthancServer, login: Login) -> None:
    assert me(beside(server, "proxy", login.token("ann"))) == ("ann", ["viewer"])
    assert me(beside(server, "proxy", login.token("dr.who", tenant="north"))) == ("dr.who", ["reviewer"])
    assert me(beside(server, "proxy", login.token("dr.who", tenant="south"))) == 403


def test_a_bearer_counts_where_orthanc_checks_nothing(server: OrthancServer, login: Login) -> None:
    found = me(bearing(server, login.token("ann")))
    assert found == (401 if server.configuration["AuthenticationEnabled"] else ("ann", ["viewer"]))
    assert me(bearing(server, login.token("ann", exp=1))) in (401, 403)


def test_keys_are_rotated_while_it_runs(server: OrthancServer, login: Login) -> None:
    old = login.token("ann")
    assert me(beside(server, "proxy", old)) == ("ann", ["viewer"])
    login.rotate("next")
    threading.Event().wait(1.2)  # the file is looked at once a second
    assert me(beside(server, "proxy", login.token("ann"))) == ("ann", ["viewer"])
    assert me(beside(server, "proxy", old)) == 403


def test_no_part_of_a_form_acts(server: OrthancServer) -> None:
    head = [
        'Content-Disposition: form-data; name=f; filename="f.dcm"', f"Authorization: {basic('ann', PASSWORD)}", "Host: x",
    ]  # fmt: skip
    kind = "Content-Type: multipart/form-data; boundary=zz"
    assert send(server, "POST /imaging/uploads", [kind], form((head, b"{}")), login=False)[0] in (401, 403)
    for path in ("/imaging/uploads", "/imaging/grants", "/imaging/transforms"):
        status, _ = send(server, f"POST {path}", [kind], form((head, b"{}")))
        assert status == 403, path


def test_nobody_writes_grants_into_metadata(server: OrthancServer) -> None:
    unknown = "0" * 8 + "-" + "-".join(["0" * 8] * 4)
    for session in (server.session, session_of(server, "ann")):
        assert session.put(f"/patients/{unknown}/metadata/4008", data=b"{}").status_code == 403


def test_the_plugins_own_calls_are_let_in(server: OrthancServer) -> None:
    """Stores and grants go over loopback, whoever checks passwords."""
    (file, *_) = study_of("PatA", 2020, "1.2.78.65.1")
    sent = server.session.put("/imaging/uploads", data=file, headers={"Content-Type": "application/dicom"})
    assert sent.json()["stored"] == 1
    server.wait_indexed(lambda health: health["instances"] == 1)
    share = {"patientId": "PatA", "user": "ann", "until": "2999-01-01T00:00:00Z", "reason": "a test"}
    grant = server.session.post("/imaging/grants", json=share)
    assert grant.status_code == 201
    assert session_of(server, "ann").get("/imaging/patients/PatA").status_code == 200
    assert server.session.delete(f"/imaging/grants/{grant.json()['id']}").status_code == 200
    assert session_of(server, "ann").get("/imaging/patients/PatA").status_code == 404


class Door(BaseHTTPRequestHandler):
    """A login: a cookie says who is logged in, and the answer has a token for nginx."""

    login: Login

    def do_GET(self) -> None:
        _, _, name = self.headers.get("Cookie", "").partition("user=")
        self.send_response(200 if name else 401)
        if name:
            self.send_header("X-Imaging-Token", self.login.token(name))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def door(login: Login) -> Iterator[int]:
    handler = type("OwnDoor", (Door,), {"login": login})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_login_behind_nginx(tmp_path: Path, login: Login, door: int, start_orthanc: StartOrthanc) -> None:
    """docs/access.md, as it stands there but for addresses, keys and the password."""
    server = start(tmp_path / "orthanc", login, authentication=True)
    (text,) = recipes(ROOT / "docs" / "access.md")
    text, url = tls_server(text, tmp_path, server.http_port, door, PASSWORD)
    with server, Nginx(tmp_path / "nginx", text, url) as nginx:
        browser = requests.Session()
        browser.trust_env, browser.verify = False, False
        assert me(browser, nginx.url) == 401
        browser.headers["X-Imaging-Token"] = login.token("dr.who", tenant="north")  # replaced by nginx
        assert me(browser, nginx.url) == 401
        browser.headers["Cookie"] = "user=ann"
        assert me(browser, nginx.url) == ("ann", ["viewer"])
        browser.headers["Authorization"] = basic(server.user, server.password)
        assert me(browser, nginx.url) == ("ann", ["viewer"])
        browser.headers["Cookie"] = "user=eve"
        assert me(browser, nginx.url) == 403
