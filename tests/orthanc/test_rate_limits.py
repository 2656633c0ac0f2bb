"""Too many requests of one user on a real server, straight and through the nginx of docs/other-origins.md."""

import itertools
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests import builders as build
from tests.orthanc.access import add_users, session_of
from tests.orthanc.nginx import Nginx, certificate, recipes
from tests.orthanc.other_origin import PAGE, replaced
from tests.orthanc.server import OrthancServer, ServerSession, free_ports, wait_until

LIMITS = dict.fromkeys(("Pictures", "Reads", "Questions", "Uploads", "Changes"), 40)
CLICK = {"sopInstanceUid": "1.2.3", "row": 1, "column": 1}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    limited = OrthancServer(
        tmp_path_factory.mktemp("limited"),
        configuration={"Longitudinal": {"AlignOnArrival": False, "RateLimits": LIMITS}},
    )
    add_users(limited, *(f"user{number}" for number in range(20)))
    with limited as server:
        yield server


@pytest.fixture
def fresh(server: OrthancServer, names: Iterator[str]) -> ServerSession:
    """A user who has asked nothing yet."""
    return session_of(server, next(names))


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    return (f"user{number}" for number in itertools.count())


def until_refused(session: ServerSession, method: str, path: str, **more: object) -> requests.Response:
    """The first answer that is a refusal by the limit; the others are none."""
    for _ in range(500):
        answer = session.request(method, path, **more)
        if answer.status_code == 503:
            return answer
    raise AssertionError("never refused")


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [("GET", "/imaging/studies", {}), ("POST", "/imaging/points/resolve", {"json": CLICK}),
     ("POST", "/imaging/index/resume", {}), ("PUT", "/imaging/uploads", {"data": b"no DICOM"}),
     ("GET", "/imaging/instances/0/version", {})],
)  # fmt: skip
def test_one_user_is_refused_for_a_while_and_nobody_else(
    server: OrthancServer, fresh: ServerSession, names: Iterator[str], method: str, path: str, more: dict[str, object]
) -> None:  # fmt: skip
    if method == "PUT":
        more = more | {"headers": {"Content-Type": "application/dicom"}}
    refused = until_refused(fresh, method, path, **more)
    problem = refused.json()
    assert (problem["code"], problem["status"]) == ("rateLimited", 503)
    assert 1 <= int(refused.headers["Retry-After"]) <= 6
    assert problem["requestId"] == refused.headers["X-Request-Id"]
    assert session_of(server, next(names)).request(method, path, **more).status_code != 503  # type: ignore[arg-type]
    assert fresh.get("/system").ok, "Orthanc's own routes are not limited here"
    other = "/imaging/instances/0/version" if path.endswith("studies") else "/imaging/studies"
    assert fresh.get(other).status_code != 503, "another kind has a limit of its own"
    wait_until(
        lambda: fresh.request(method, path, **more).status_code != 503, 15, "the user is let in again"  # type: ignore[arg-type]
    )  # fmt: skip


def test_it_is_counted_and_is_no_error_of_the_server(server: OrthancServer, fresh: ServerSession) -> None:
    def metric(name: str) -> float:
        text = server.session.get("/tools/metrics-prometheus").text
        found = re.search(rf"^longitudinal_requests_{name}_total (\S+)", text, re.MULTILINE)
        return 0.0 if found is None else float(found[1])

    names = ("limited", "busy", "server_errors")
    before = {name: metric(name) for name in names}
    until_refused(fresh, "GET", "/imaging/studies")
    wait_until(lambda: metric("limited") > before["limited"], 15, "the metrics are taken")
    assert [metric(name) for name in names[1:]] == [before[name] for name in names[1:]]


def test_a_refused_request_does_nothing(server: OrthancServer, fresh: ServerSession) -> None:
    answers = [fresh.put(f"/imaging/exams/LIMIT-{number}", json={}).status_code for number in range(80)]
    assert set(answers) == {200, 503}
    found = [server.session.get(f"/imaging/exams/LIMIT-{number}").status_code for number in range(30, 60)]
    assert [status == 200 for status in found] == [status == 200 for status in answers[30:60]]


def test_the_plugins_own_requests_and_dicom_are_not_limited(
    server: OrthancServer, fresh: ServerSession, tmp_path: Path
) -> None:
    """An upload of many files is one request, and each of them a request of the plugin to Orthanc."""
    study = [
        build.as_file(
            build.classic(
                (0.0, 0.0, float(number)), PatientID="LIMITED", StudyInstanceUID="1.2.3.92", SeriesInstanceUID="1.2.3.92.1",
                SOPInstanceUID=f"1.2.3.92.1.{number}", FrameOfReferenceUID="1.2.3.92.9",
            )
        )
        for number in range(60)
    ]  # fmt: skip
    files = [("f", (f"{number}.dcm", content)) for number, content in enumerate(study[:40])]
    assert fresh.put("/imaging/uploads", files=files).json()["stored"] == 40
    for number, content in enumerate(study[40:]):
        (tmp_path / f"{number}.dcm").write_bytes(content)
    server.store_scu(sorted(tmp_path.iterdir()))
    found = server.session.get("/patients?expand").json()
    (patient,) = [one["ID"] for one in found if one["MainDicomTags"].get("PatientID") == "LIMITED"]
    assert len(server.session.get(f"/patients/{patient}/instances").json()) == 60


def test_where_nobody_signs_in_the_address_counts_that_a_proxy_hands_on(tmp_path: Path) -> None:
    """Several at once: Orthanc tells its filter the address, on the thread that then runs the route."""
    configuration = {"Longitudinal": {"AlignOnArrival": False, "RateLimits": LIMITS}}
    with OrthancServer(tmp_path / "open", configuration=configuration, authentication=False) as server:

        def ask(sender: str) -> list[int]:
            headers = {"X-Forwarded-For": f"10.9.9.9, {sender}"} if sender else {}
            with ServerSession(server.url, None) as session:
                return [session.get("/imaging/studies", headers=headers).status_code for _ in range(30)]

        senders = ["10.1.1.1", "10.1.1.2", "", ""] * 2
        with ThreadPoolExecutor(len(senders)) as pool:
            answers = list(zip(senders, pool.map(ask, senders), strict=True))
        for address in ("10.1.1.1", "10.1.1.2"):
            (first, second) = (found for sender, found in answers if sender == address)
            assert sorted({*first, *second}) == [200, 503], "60 requests of one address"
            assert 40 <= [*first, *second].count(200) < 60
        assert {status for sender, found in answers if not sender for status in found} == {200}
        assert ask("10.1.1.3") == [200] * 30


def test_a_proxy_limits_addresses_with_the_same_answer(
    server: OrthancServer, fresh: ServerSession, tmp_path: Path
) -> None:
    """Of the recipe, with a smaller burst: what reaches Orthanc's own routes is limited there."""
    (text,), (port,) = recipes(PAGE), free_ports(1)
    certified, key = certificate(tmp_path, "127.0.0.1")
    origin = "https://viewer.example.org"
    text = replaced(
        text, ("443 ssl", f"127.0.0.1:{port} ssl"), ("/etc/nginx/pacs.crt", str(certified)),
        ("/etc/nginx/pacs.key", str(key)), ("127.0.0.1:8042", f"127.0.0.1:{server.http_port}"),
        ("rate=200r/s", "rate=1r/s"), ("burst=2000", "burst=20"),
    )  # fmt: skip
    with Nginx(tmp_path / "nginx", text, f"https://127.0.0.1:{port}") as nginx:

        def ask(path: str) -> requests.Response:
            with ServerSession(nginx.url, fresh.auth) as session:  # type: ignore[arg-type]
                session.verify = False
                return session.get(path, headers={"Origin": origin})

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, ["/system"] * 40))
        refused = [answer for answer in answers if answer.status_code == 503]
        assert 10 <= len(refused) <= 25
        assert {answer.status_code for answer in answers} == {200, 503}
        for answer in refused:
            assert answer.raw.headers.getlist("Retry-After") == ["1"]
            assert answer.headers["Access-Control-Allow-Origin"] == origin
        wait_until(lambda: ask("/system").ok, 10, "the address is let in again")
    until_refused(fresh, "GET", "/imaging/studies")
    text = text.replace("rate=1r/s", "rate=200r/s").replace("burst=20", "burst=2000")
    with Nginx(tmp_path / "wide", text, f"https://127.0.0.1:{port}") as nginx:
        ours = until_refused_at(nginx.url, fresh)
        assert ours.json()["code"] == "rateLimited"
        (wait,) = ours.raw.headers.getlist("Retry-After")
        assert 1 <= int(wait) <= 6


def until_refused_at(url: str, like: ServerSession) -> requests.Response:
    with ServerSession(url, like.auth) as session:  # type: ignore[arg-type]
        session.verify = False
        return until_refused(session, "GET", "/imaging/studies")
