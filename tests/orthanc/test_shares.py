"""Links to one patient on real servers: opened once, read only, over when they are over; de-identified without a name."""

import io
import os
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.data import ROOT
from tests.orthanc.access import PASSWORD, Login, add_users, restricted, session_of
from tests.orthanc.access_ward import study_of
from tests.orthanc.nginx import Nginx, recipes, tls_server
from tests.orthanc.planted import PATIENT, STUDIES, Planted, plant, texts_of
from tests.orthanc.server import OrthancServer, ServerSession, wait_until

Json = dict[str, Any]
OTHER = "PatB"
SHARES = {"Roles": ["reviewer", "admin"], "Days": 10}
RESTART_SECONDS = 20.0


def configured(folder: Path, *, authentication: bool = False, **access: Any) -> OrthancServer:
    rules = (
        {"Users": ["rene"], "Roles": ["reviewer"], "Patients": [PATIENT]},
        {"Users": ["rita"], "Roles": ["reviewer"], "Studies": [STUDIES[1]]},
        {"Users": ["vera"], "Roles": ["viewer"], "Patients": [PATIENT]},
    )
    configuration = restricted(*rules, **{"Shares": SHARES, **access})
    configuration["Longitudinal"]["AlignOnArrival"] = False
    server = OrthancServer(folder, configuration=configuration, authentication=authentication)
    add_users(server, "rene", "rita", "vera", "proxy")
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """Where the plugin asks for passwords itself."""
    with configured(tmp_path_factory.mktemp("shares")) as server:
        server.store_rest(study_of(OTHER, 2020, "1.2.78.66.1"))
        yield server


@pytest.fixture(scope="module")
def planted(server: OrthancServer) -> Planted:
    return plant(server)


def until(**more: float) -> str:
    return (datetime.now(UTC) + timedelta(**(more or {"hours": 1}))).isoformat()


def share(session: ServerSession, **more: Any) -> Json:
    made = session.post("/imaging/shares", json={"patientId": PATIENT, "until": until(), **more})
    assert made.status_code == 201, made.text
    return dict(made.json())


def secret_of(made: Json) -> str:
    return str(made["link"].partition("#share=")[2])


def exchanged(server: OrthancServer, made: Json) -> requests.Response:
    return session_of(server, None).post("/imaging/share-session", json={"secret": secret_of(made)})


def visitor(server: OrthancServer, made: Json) -> ServerSession:
    """Somebody who has opened the link, with the cookie in every request."""
    answer = exchanged(server, made)
    assert answer.status_code == 200, answer.text
    session = session_of(server, None)
    session.headers["Cookie"] = answer.headers["Set-Cookie"].partition(";")[0]
    return session


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_a_link_opens_once(server: OrthancServer, planted: Planted) -> None:
    made = share(server.session)
    answer = exchanged(server, made)
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert re.search(
        r"^longitudinal_share=[^;]+; Max-Age=(3600|35\d\d); HttpOnly; SameSite=Strict$", cookie
    ), cookie
    assert code(exchanged(server, made)) == (410, "shareUsed")
    (listed,) = [
        one
        for one in server.session.get(f"/imaging/shares?patientId={PATIENT}").json()["shares"]
        if one["id"] == made["id"]
    ]
    assert listed["opened"] is not None
    assert secret_of(made) not in server.session.get(f"/imaging/shares?patientId={PATIENT}").text


def test_over_https_the_cookie_is_secure(server: OrthancServer, planted: Planted) -> None:
    secret = secret_of(share(server.session))
    asked = session_of(server, None).post(
        "/imaging/share-session", json={"secret": secret},
        headers={"X-Forwarded-Proto": "https", "Host": "pacs.example", "Origin": "https://pacs.example"},
    )  # fmt: skip
    assert asked.status_code == 200, asked.text
    assert asked.headers["Set-Cookie"].endswith("; Secure")


def test_what_a_link_shows(server: OrthancServer, planted: Planted) -> None:
    seen = visitor(server, share(server.session))
    me = seen.get("/imaging/me").json()
    assert (me["how"], me["share"]["patientId"], me["share"]["deIdentified"]) == ("share", PATIENT, False)
    assert [
        one["studyInstanceUid"] for one in seen.get(f"/imaging/patients/{PATIENT}").json()["studies"]
    ] == list(STUDIES)
    click = {"sopInstanceUid": f"{STUDIES[0]}.1.2", "row": 30, "column": 30}
    answer = seen.post("/imaging/points/resolve", json=click).json()
    assert {one["studyInstanceUid"] for one in answer["matches"]} == set(STUDIES)
    instance = answer["matches"][0]["orthancInstanceId"]
    pixels = seen.get(f"/imaging/shared/instances/{instance}/frames/0/numpy")
    assert (pixels.status_code, pixels.content[:6]) == (200, b"\x93NUMPY")
    of_orthanc = server.session.get(f"/instances/{instance}/frames/0/numpy?rescale=false").content
    assert pixels.content == of_orthanc
    assert seen.get(f"/imaging/shared/instances/{instance}/frames/7/numpy").status_code == 404


def test_what_a_link_does_not_show(server: OrthancServer, planted: Planted) -> None:
    seen = visitor(server, share(server.session))
    click = {"sopInstanceUid": f"{STUDIES[0]}.1.2", "row": 30, "column": 30}
    study = server.session.post("/tools/lookup", data=STUDIES[0]).json()[0]["ID"]
    for path in ("/imaging/patients", "/imaging/studies", "/imaging/jobs", "/imaging/exams", "/imaging/grants",
                 "/imaging/reviews",
                 "/imaging/health", "/imaging/dicom-web/studies", f"/imaging/shares?patientId={PATIENT}"):  # fmt: skip
        assert seen.get(path).status_code == 403, path
    assert code(seen.get("/imaging/patients")) == (403, "notForShares")
    for path in ("/patients", "/studies", "/changes", "/system", f"/studies/{study}", f"/studies/{study}/archive", "/ohif/",
                 f"/dicom-web/studies/{STUDIES[0]}", "/dicom-web/studies", "/app/explorer.html", "/jobs"):  # fmt: skip
        assert seen.get(path).status_code == 403, path
    assert code(seen.post("/imaging/points/resolve", json={**click, "refine": True})) == (403, "notForShares")
    for path in (
        "/imaging/transforms",
        "/imaging/alignments",
        "/imaging/shares",
        "/imaging/places",
        f"/imaging/studies/{study}/index",
    ):
        assert seen.post(path, json={}).status_code == 403, path
    for path in (f"/imaging/patients/{OTHER}", "/imaging/studies/1.2.77.66.2020", "/imaging/series/1.2.77.66.2020.1/stacks",
                 "/imaging/shared/instances/1.2.77.66.2020.1.1/frames/0/numpy"):  # fmt: skip
        assert seen.get(path).status_code == 404, path
    assert seen.delete(f"/studies/{study}").status_code == 403
    assert seen.get(f"/studies/{study}?_method=DELETE").status_code == 403
    cross = {"Sec-Fetch-Site": "same-site", "Origin": "http://evil.localhost"}
    assert seen.post("/imaging/points/resolve", json=click, headers=cross).status_code == 403


def test_a_revoked_link_shows_nothing_at_once(server: OrthancServer, planted: Planted) -> None:
    made, unopened = share(server.session), share(server.session)
    seen = visitor(server, made)
    assert seen.get("/imaging/me").ok
    assert server.session.delete(f"/imaging/shares/{made['id']}").ok
    assert server.session.delete(f"/imaging/shares/{unopened['id']}").ok
    assert [seen.get(path).status_code for path in ("/imaging/me", f"/imaging/patients/{PATIENT}")] == [
        403,
        403,
    ]
    assert code(exchanged(server, made)) == (410, "shareRevoked")
    assert code(exchanged(server, unopened)) == (410, "shareRevoked")
    assert code(server.session.delete(f"/imaging/shares/{made['id']}")) == (404, "notFound")


def test_an_expired_link_shows_nothing(server: OrthancServer, planted: Planted) -> None:
    made = share(server.session, until=until(seconds=2.5))
    unopened = share(server.session, until=until(seconds=2.5))
    seen = visitor(server, made)
    assert seen.get("/imaging/me").ok
    wait_until(lambda: seen.get("/imaging/me").status_code == 403, 10, "the link has expired")
    assert code(exchanged(server, made)) == (410, "shareExpired")
    assert code(exchanged(server, unopened)) == (410, "shareExpired")


def test_a_secret_or_a_cookie_of_anybodys_opens_nothing(server: OrthancServer, planted: Planted) -> None:
    assert code(session_of(server, None).post("/imaging/share-session", json={"secret": "x"})) == (
        404,
        "notFound",
    )
    seen = visitor(server, share(server.session))
    real = str(seen.headers["Cookie"])
    for forged in (
        real[:-1] + ("0" if real[-1] != "0" else "1"),
        real.replace("=", "=0"),
        "longitudinal_share=",
        "longitudinal_share=a.b.1.c.d",
    ):
        seen.headers["Cookie"] = forged
        assert seen.get("/imaging/me").status_code == 403, forged


def test_who_may_make_links_and_to_what(server: OrthancServer, planted: Planted) -> None:
    rene, rita, vera = (session_of(server, name) for name in ("rene", "rita", "vera"))
    assert (rene.get("/imaging/me").json()["shareDays"], vera.get("/imaging/me").json()["shareDays"]) == (
        10,
        None,
    )
    asked = {"patientId": PATIENT, "until": until()}
    assert code(vera.post("/imaging/shares", json=asked)) == (403, "forbidden")
    assert code(rene.post("/imaging/shares", json={**asked, "patientId": "nobody"})) == (404, "notFound")
    assert code(rene.post("/imaging/shares", json={**asked, "until": until(days=11)})) == (
        400,
        "invalidRequest",
    )
    assert code(rene.post("/imaging/shares", json={**asked, "until": until(hours=-1)})) == (
        400,
        "invalidRequest",
    )
    # whoever sees one study shares that one, whatever else the patient has
    seen = visitor(server, share(rita))
    assert [
        one["studyInstanceUid"] for one in seen.get(f"/imaging/patients/{PATIENT}").json()["studies"]
    ] == [STUDIES[1]]
    assert code(rita.post("/imaging/shares", json={**asked, "studyInstanceUids": [STUDIES[0]]})) == (
        404,
        "notFound",
    )
    mine = share(rene)
    assert mine["id"] not in rita.get(f"/imaging/shares?patientId={PATIENT}").text
    assert code(rita.delete(f"/imaging/shares/{mine['id']}")) == (404, "notFound")
    assert rene.delete(f"/imaging/shares/{mine['id']}").ok


def test_without_a_login_there_is_the_page_and_nothing_else(server: OrthancServer) -> None:
    nobody = session_of(server, None)
    assert nobody.get("/imaging/app/").status_code == 200
    assert [
        nobody.get(path).status_code
        for path in ("/imaging/me", "/imaging", "/imaging/patients", "/", "/system")
    ] == [403] * 5
    form = nobody.post("/imaging/share-session", files={"secret": "x"})
    assert form.status_code == 403


def test_nobody_writes_shares_into_metadata(server: OrthancServer, planted: Planted) -> None:
    (patient,) = server.session.post("/tools/lookup", data=PATIENT).json()
    path = f"/patients/{patient['ID']}/metadata/4009"
    assert server.session.put(path, data="{}").status_code == 403
    kept = server.session.get(path).text
    made = share(server.session)
    assert secret_of(made) not in server.session.get(path).text
    assert kept != server.session.get(path).text


def pages_of(seen: ServerSession) -> Iterator[requests.Response]:
    """All that the page asks for in a de-identified view, and what it must not get."""
    yield (me := seen.get("/imaging/me"))
    name = me.json()["share"]["patientId"]
    yield (answer := seen.get(f"/imaging/patients/{name}"))
    for study in answer.json()["studies"]:
        yield seen.get(f"/imaging/studies/{study['studyInstanceUid']}")
        for series in study["series"]:
            yield (stacks := seen.get(f"/imaging/series/{series['orthancSeriesId']}/stacks"))
            for stack in stacks.json()["stacks"]:
                plane = stack["planes"][1]
                click = {"sopInstanceUid": plane["sopInstanceUid"], "row": 30, "column": 30}
                yield seen.post("/imaging/points/resolve", json=click)
                yield seen.post("/imaging/points/resolve", json={**click, "row": 1e5})
                yield seen.get(f"/imaging/shared/instances/{plane['orthancInstanceId']}/frames/0/numpy")
    for path in (f"/imaging/patients/{PATIENT}", f"/imaging/studies/{STUDIES[0]}", "/imaging/exams",
                 f"/imaging/places?patientId={PATIENT}",
                 f"/imaging/instances/{STUDIES[0]}.1.1/header", "/imaging/patients", f"/imaging/exams/{'x'}"):  # fmt: skip
        yield seen.get(path)


def test_a_de_identified_view_has_no_name(server: OrthancServer, planted: Planted) -> None:
    """Nothing of what was planted, which is in the plain view, reaches the client."""
    plain = visitor(server, share(server.session))
    answers = [plain.get(f"/imaging/patients/{PATIENT}"), plain.get(f"/imaging/places?patientId={PATIENT}")]
    texts = [text for answer in answers for text in texts_of(answer)]
    assert len(planted.found_in(texts)) > 10, "the search finds nothing"
    seen = visitor(server, share(server.session, deIdentified=True))
    answers = list(pages_of(seen))
    asked_for = {PATIENT, STUDIES[0]}  # what the test itself sends
    assert sum(answer.ok for answer in answers) > 15
    told = planted.found_in(text for answer in answers for text in texts_of(answer))
    assert told == set(), (told, asked_for)


def test_unused_bits_of_pixels_are_cleared(server: OrthancServer, planted: Planted) -> None:
    """Orthanc sends them, and anything can be in them."""
    plain, seen = (
        visitor(server, share(server.session)),
        visitor(server, share(server.session, deIdentified=True)),
    )
    values = []
    for session in (plain, seen):
        name = session.get("/imaging/me").json()["share"]["patientId"]
        series = session.get(f"/imaging/patients/{name}").json()["studies"][0]["series"][0]["orthancSeriesId"]
        plane = session.get(f"/imaging/series/{series}/stacks").json()["stacks"][0]["planes"][0]
        pixels = session.get(f"/imaging/shared/instances/{plane['orthancInstanceId']}/frames/0/numpy")
        assert pixels.status_code == 200, pixels.text
        values.append(np.load(io.BytesIO(pixels.content)))
    hidden = values[0][values[0] > 4095]
    assert hidden.size
    assert values[1].max() < 4096
    assert np.array_equal(values[0] & 4095, values[1])
    assert values[0].dtype == values[1].dtype


def test_burned_in_text_is_not_shown(server: OrthancServer, planted: Planted) -> None:
    seen = visitor(server, share(server.session, deIdentified=True))
    name = seen.get("/imaging/me").json()["share"]["patientId"]
    series = [
        one for study in seen.get(f"/imaging/patients/{name}").json()["studies"] for one in study["series"]
    ]
    reasons = {}
    for one in series:
        for stack in seen.get(f"/imaging/series/{one['seriesInstanceUid']}/stacks").json()["stacks"]:
            plane = stack["planes"][0]
            pixels = seen.get(f"/imaging/shared/instances/{plane['orthancInstanceId']}/frames/0/numpy")
            reasons[one["seriesNumber"], one["seriesInstanceUid"]] = (
                plane["links"]["pixelsReason"],
                pixels.status_code,
            )
    assert {found for (number, _), found in reasons.items() if number == 2} == {("mayIdentify", 403)}
    assert {found for (number, _), found in reasons.items() if number == 1} == {(None, 200)}


def test_shares_outlive_a_restart_and_the_index(server: OrthancServer, planted: Planted) -> None:
    made, other = share(server.session), share(server.session)
    seen = visitor(server, made)
    server.stop()
    for file in (server.folder / "index").glob("longitudinal-*.sqlite*"):
        os.unlink(file)
    server.start()
    server.wait_until(
        lambda: seen.get(f"/imaging/patients/{PATIENT}").ok, RESTART_SECONDS, "the patient is seen again"
    )
    assert code(exchanged(server, made)) == (410, "shareUsed")
    assert exchanged(server, other).ok


def test_where_links_cannot_work_making_one_says_so(tmp_path: Path) -> None:
    with configured(tmp_path / "orthanc", authentication=True) as server:
        server.store_rest(study_of(PATIENT, 2020, "1.2.78.1"))
        answer = server.session.post("/imaging/shares", json={"patientId": PATIENT, "until": until()})
        assert code(answer) == (409, "shareImpossible")
        assert "AuthenticationEnabled" in answer.json()["detail"]
        assert server.session.get("/imaging/me").json()["shareDays"] is None
        assert session_of(server, None).get("/imaging/app/").status_code == 401


@pytest.fixture
def door() -> Iterator[int]:
    """A login that nobody is logged in to but who has the cookie of ann; its port."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204 if "user=ann" in self.headers.get("Cookie", "") else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_links_behind_nginx(tmp_path: Path, door: int) -> None:
    """docs/sharing.md, within the server of docs/access.md, as both stand there but for addresses, keys and the password."""
    login = Login(tmp_path / "login")
    server = configured(
        tmp_path / "orthanc", authentication=True, Tokens=login.settings, ServiceAccounts=["proxy"]
    )
    (text,), (more,) = recipes(ROOT / "docs" / "access.md"), recipes(ROOT / "docs" / "sharing.md")
    text = text.rstrip().removesuffix("}") + more + "}"
    text, url = tls_server(text, tmp_path, server.http_port, door, PASSWORD)
    with server, Nginx(tmp_path / "nginx", text, url) as nginx:
        server.store_rest(study_of(PATIENT, 2020, "1.2.78.1"))
        server.wait_indexed(lambda health: health["instances"] >= 3)
        made = share(server.session)
        browser = requests.Session()
        browser.trust_env, browser.verify = False, False
        assert browser.get(f"{nginx.url}/imaging/app/").status_code == 200
        assert browser.get(f"{nginx.url}/imaging/me").status_code == 403
        assert browser.get(f"{nginx.url}/patients").status_code == 401
        opened = browser.post(f"{nginx.url}/imaging/share-session", json={"secret": secret_of(made)})
        assert opened.status_code == 200, opened.text
        assert opened.headers["Set-Cookie"].endswith("SameSite=Strict; Secure")
        (cookie,) = browser.cookies
        assert (cookie.path, cookie.secure) == ("/imaging", True)
        assert browser.get(f"{nginx.url}/imaging/patients/{PATIENT}").status_code == 200
        assert browser.get(f"{nginx.url}/imaging/patients").status_code == 403
        assert browser.get(f"{nginx.url}/studies").status_code == 401
        browser.headers["X-Imaging-Token"] = login.token("rene")  # replaced by nginx
        assert browser.get(f"{nginx.url}/imaging/me").json()["how"] == "share"
