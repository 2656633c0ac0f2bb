"""Admission, and the way from Orthanc's HTTP threads to the pool and back."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest

from longitudinal.access.identity import Users
from longitudinal.http.admission import Admission
from longitudinal.http.exchange import Response
from longitudinal.http.headers import Guarded
from longitudinal.http.other_origins import OtherOrigins
from longitudinal.http.rate_limits import RateLimiter
from longitudinal.http.router import Call, Route, Router
from longitudinal.settings import RateLimits
from tests.fake_orthanc import JSON_FLAGS, FakeOrthanc

Serve = Callable[..., None]
USERS = Users(True, {"jörg": "p:w"})
JOERG = f"Basic {base64.b64encode('jörg:p:w'.encode()).decode()}"


@dataclass
class Output:
    """What Orthanc gives a callback to answer with, as of plugin 4.0."""

    status: int = 0
    body: str | bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def SetHttpHeader(self, name: str, value: str) -> None:  # noqa: N802 - Orthanc's name
        self.headers[name] = value

    def AnswerBuffer(self, body: bytes, content_type: str) -> None:  # noqa: N802
        self.status, self.body = 200, body
        self.headers["Content-Type"] = content_type

    def SendHttpStatus(self, status: int, body: str, length: int) -> None:  # noqa: N802
        assert length == len(body.encode())
        self.status, self.body = status, body

    def SendMethodNotAllowed(self, allowed: str) -> None:  # noqa: N802
        self.status, self.headers["Allow"] = 405, allowed


class LaterOutput(Output):
    """As of plugin 5.0, which counts for itself."""

    def SendHttpStatus(self, status: int, body: bytes) -> None:  # type: ignore[override]  # noqa: N802
        self.status, self.body = status, body


class Asked(msgspec.Struct):
    """What a route takes that answers some calls at once."""

    number: int
    more: list[int] = []


class Where(msgspec.Struct):
    """Which thread answered."""

    thread: str


def at_once(call: Call[None, Asked]) -> Where | None:
    if call.body.number == 13:
        raise RuntimeError("as nobody expected")
    return Where("the caller's") if call.body.number < 10 else None


class Gate:
    """Routes that wait until they may go on."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.running = 0
        self.threads: set[str] = set()
        self._lock = threading.Lock()

    def wait(self, call: Call[None, None]) -> Response:
        with self._lock:
            self.running += 1
            self.threads.add(threading.current_thread().name)
        assert self.opened.wait(10)
        return Response(
            json.dumps(
                {"path": call.request.path, "user": call.actor.name, "query": dict(call.request.query)}
            ).encode()
        )


def show(what: str) -> Callable[..., Response]:
    return lambda _, **names: Response((what + next(iter(names.values()))).encode())


def fail(_: Call[None, None]) -> Response:
    raise RuntimeError("as nobody expected")


@pytest.fixture
def gate() -> Gate:
    return Gate()


VIEWER = "https://viewer.example.org"


@pytest.fixture
def serve(fake_orthanc: FakeOrthanc, gate: Gate) -> Iterator[Callable[[int], Serve]]:
    """Give a function that starts a host for so many HTTP threads, and returns what Orthanc would call."""
    names = ("PATIENT", "STUDY", "SERIES", "INSTANCE")
    fake_orthanc.constant("ResourceType", SimpleNamespace(**{name: name for name in names}))
    fake_orthanc.constant(
        "DicomToJsonFlags", SimpleNamespace(**{name: 1 << bit for bit, name in enumerate(JSON_FLAGS)})
    )
    fake_orthanc.expect("RegisterRestCallback", "/imaging(/.*)?", ANY)
    hosts = []

    def start(http_threads: int, *, limits: bool = False) -> Serve:
        from longitudinal.host.rest import RestHost
        from longitudinal.http.addresses import Addresses

        class Here(Addresses):
            def of(self, path: str) -> str:
                return "10.0.0.1"

        routes = [
            Route("GET", "/wait", gate.wait, "", Response),
            Route("POST", "/call", gate.wait, "", Response, calls_back=True),
            Route("POST", "/form", gate.wait, "", Response, takes_forms=True),
            Route("GET", "/fail", fail, "", Response),
            Route("GET", "/fail/back", fail, "", Response, calls_back=True),
            Route("GET", "/now", lambda _: Response(b"{}"), "", Response),
            Route("GET", "/patients/{patient}", show(""), "", Response),
            Route("GET", "/patients/{patient}/relations", show("relations of "), "", Response),
            Route("GET", "/transforms/{transform}", show("transform "), "", Response),
            Route(
                "POST",
                "/quick",
                lambda _: Where("the pool's"),
                "",
                Where,
                body=Asked,
                at_once=at_once,
                takes_forms=True,
            ),
            Route("GET", "/else", lambda _: Response(status=302, location="/elsewhere"), "", Response),
        ]
        fake_orthanc.expect("CheckVersionAdvanced", 1, 12, 7, returns=0)
        host = RestHost(
            "/imaging", Router(routes), Admission(http_threads), USERS, Guarded([]), others=OtherOrigins([VIEWER]),
            limiter=RateLimiter(RateLimits(reads=10, changes=10), lambda: 0.0) if limits else None,
            addresses=Here(),
        )  # fmt: skip
        host.register()
        hosts.append(host)
        return fake_orthanc.calls[-1].args[1]

    yield start
    gate.opened.set()
    for host in hosts:
        host.stop()


def ask(serve: Serve, path: str, method: str = "GET", output: Output | None = None, **more: Any) -> Output:
    output, headers = output or Output(), more.pop("headers", {"host": "here", "authorization": JOERG})
    serve(output, f"/imaging{path}", method=method, headers=headers, groups=[], **more)
    return output


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def assert_busy(output: Output) -> None:
    assert output.status == 503
    assert output.headers["Retry-After"] == "1"
    assert output.headers["Content-Type"] == "application/problem+json"
    assert json.loads(output.body)["code"] == "busy"


def test_at_most_half_of_the_http_threads_wait_and_the_next_is_refused_at_once(
    serve: Callable[[int], Serve], gate: Gate
) -> None:
    callback = serve(8)
    with ThreadPoolExecutor(4) as http:
        waiting = [http.submit(ask, callback, "/wait") for _ in range(4)]
        until(lambda: gate.running == 4)
        assert_busy(ask(callback, "/now"))  # while the gate is closed: it did not wait
        gate.opened.set()
        assert [each.result().status for each in waiting] == [200] * 4
    assert ask(callback, "/now").status == 200


def test_at_most_a_quarter_calls_back_and_other_routes_go_on(
    serve: Callable[[int], Serve], gate: Gate
) -> None:
    callback = serve(8)
    with ThreadPoolExecutor(2) as http:
        waiting = [http.submit(ask, callback, "/call", "POST", body=b"") for _ in range(2)]
        until(lambda: gate.running == 2)
        assert_busy(ask(callback, "/call", "POST", body=b""))
        assert ask(callback, "/now").status == 200
        gate.opened.set()
        assert [each.result().status for each in waiting] == [200] * 2
    assert ask(callback, "/call", "POST", body=b"").status == 200


@pytest.mark.parametrize("path", ["/fail", "/fail/back"])
def test_a_place_is_given_back_by_what_fails(serve: Callable[[int], Serve], path: str) -> None:
    callback = serve(1)
    for _ in range(3):
        output = ask(callback, path)
        assert output.status == 500
        assert json.loads(output.body)["code"] == "internalError"
        assert "as nobody expected" not in str(output.body)
    assert ask(callback, "/now").status == 200


def test_a_server_of_one_thread_still_answers(serve: Callable[[int], Serve], gate: Gate) -> None:
    gate.opened.set()
    callback = serve(1)
    assert ask(callback, "/wait").status == 200
    assert ask(callback, "/call", "POST", body=b"").status == 200


def test_bodies_run_on_the_pool(serve: Callable[[int], Serve], gate: Gate) -> None:
    gate.opened.set()
    ask(serve(4), "/wait")
    assert all(name.startswith("longitudinal-http") for name in gate.threads)


@pytest.mark.parametrize(
    ("body", "thread"),
    [
        ('{"number": 1}', "the caller's"),
        ('{"number": 1, "more": [1, 2]}', "the caller's"),
        ('{"number": 11}', "the pool's"),  # it is not at hand
        ('{"number": 13}', "the pool's"),  # whatever it raises
        ('{"number": 1, "more": [' + "1, " * 1_000 + "1]}", "the pool's"),  # long
    ],
)
def test_what_is_at_hand_is_answered_on_the_caller_s_thread(
    serve: Callable[[int], Serve], body: str, thread: str
) -> None:
    answer = ask(serve(4), "/quick", "POST", body=body.encode())
    assert (answer.status, json.loads(answer.body)) == (200, {"thread": thread})


@pytest.mark.parametrize(
    "body", ['{"number": "one"}', '{"number": 1, "more": ' + "[" * 500, "", '{"number": 1']
)
def test_a_body_that_is_wrong_is_so_on_any_thread(serve: Callable[[int], Serve], body: str) -> None:
    answer = ask(serve(4), "/quick", "POST", body=body.encode())
    assert answer.status == 400


def test_path_arguments_and_user_are_decoded(serve: Callable[[int], Serve], gate: Gate) -> None:
    gate.opened.set()
    output = Output()
    serve(4)(
        output, "/imaging/%77ait/", method="GET", headers={"authorization": JOERG},
        get={"a%20b": "c+d%2B"}, groups=[],
    )  # fmt: skip
    assert json.loads(output.body) == {"path": "/wait", "user": "jörg", "query": {"a b": "c d+"}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/patients/A", "A"),
        ("/patients/A/B", "A/B"),
        ("/patients/A%2FB", "A/B"),
        ("/patients/x%2Fy%2F", "x/y/"),
        ("/patients/A%2E", "A."),
        ("/patients/a%252fb", "a%2fb"),
        ("/patients/%C3%84%2F", "Ä/"),
        ("/patients/A/B/relations", "relations of A/B"),
        ("/transforms/1.2%2F3", "transform 1.2/3"),
    ],
)
def test_names_of_a_path_are_split_before_they_are_decoded(
    serve: Callable[[int], Serve], path: str, value: str
) -> None:
    output = Output()
    serve(4)(output, f"/imaging{path}", method="GET", headers={}, groups=[])
    assert output.body == value.encode()


@pytest.mark.parametrize("authorization", ["", "Basic", "Basic !!!", "Basic \x00", "Bearer abc", "Basic YQ"])
def test_credentials_that_are_none_name_nobody(
    serve: Callable[[int], Serve], gate: Gate, authorization: str
) -> None:
    gate.opened.set()
    output = Output()
    serve(4)(output, "/imaging/wait", method="GET", headers={"authorization": authorization}, groups=[])
    assert json.loads(output.body)["user"] == ""


def test_nobody_writes_where_users_are_known(serve: Callable[[int], Serve], gate: Gate) -> None:
    gate.opened.set()
    callback = serve(4)
    for headers in ({"host": "here"}, {"host": "here", "authorization": "Bearer abc"}):
        output = ask(callback, "/call", "POST", body=b"", headers=headers)
        assert (output.status, json.loads(output.body)["code"]) == (403, "forbidden")
        assert ask(callback, "/now", headers=headers).status == 200
    assert not gate.running


def test_a_part_of_a_form_is_nobody_s_and_only_for_routes_that_take_forms(
    serve: Callable[[int], Serve], gate: Gate
) -> None:
    gate.opened.set()
    callback = serve(4)
    part = {"content-disposition": "form-data; name=a", "authorization": JOERG}
    with pytest.raises(RuntimeError, match="forbidden"):
        ask(callback, "/call", "POST", body=b"", headers=part)
    assert not gate.running
    output = ask(callback, "/form", "POST", body=b"", headers=part)
    assert json.loads(output.body)["user"] == ""


@pytest.mark.parametrize("output", [Output(), LaterOutput()], ids=["plugin 4.0", "plugin 5.0"])
def test_problems_are_sent_in_the_way_of_every_plugin_version(
    serve: Callable[[int], Serve], output: Output
) -> None:
    ask(serve(4), "/nothing", output=output)
    assert output.status == 404
    assert json.loads(output.body)["code"] == "notFound"
    assert output.headers["Content-Type"] == "application/problem+json"


def test_a_wrong_method_and_a_redirect_have_calls_of_their_own(serve: Callable[[int], Serve]) -> None:
    callback = serve(4)
    wrong = ask(callback, "/call", "DELETE")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")
    moved = ask(callback, "/else")
    assert (moved.status, moved.headers["Location"]) == (302, "/elsewhere")


def test_one_more_request_than_the_limit_is_told_when_to_come_again(serve: Callable[..., Serve]) -> None:
    callback = serve(8, limits=True)
    assert [ask(callback, "/now").status for _ in range(10)] == [200] * 10
    refused = ask(callback, "/now")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "6")
    problem = json.loads(refused.body)
    assert (problem["code"], problem["requestId"]) == ("rateLimited", refused.headers["X-Request-Id"])
    assert "RateLimits" in problem["detail"]
    nobody = {"host": "here", "authorization": "Bearer abc"}
    assert ask(callback, "/now", headers=nobody).status == 200, "who is nobody has the limit of the address"
    assert ask(callback, "/nothing").status == 404


def test_no_file_of_a_posted_form_is_refused_by_a_limit(serve: Callable[..., Serve], gate: Gate) -> None:
    gate.opened.set()
    callback = serve(8, limits=True)
    part = {"content-disposition": "form-data; name=a"}
    assert {ask(callback, "/form", "POST", body=b"", headers=part).status for _ in range(30)} == {200}


@pytest.mark.parametrize("path", ["/now", "/nothing", "/fail", "/else", "/wait"])
def test_every_answer_says_which_origin_may_read_it(
    serve: Callable[[int], Serve], gate: Gate, path: str
) -> None:
    gate.opened.set()
    callback = serve(8)
    for origin, allowed in ((VIEWER, VIEWER), ("https://evil.example", None), ("null", None), (None, None)):
        headers = {"host": "here", "authorization": JOERG} | ({"origin": origin} if origin else {})
        answer = ask(callback, path, headers=headers)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers
