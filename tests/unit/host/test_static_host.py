"""Files on Orthanc's port, without Orthanc."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest

from longitudinal.http.exchange import Response
from tests.fake_orthanc import JSON_FLAGS, FakeOrthanc


class Output:
    """What a callback answers with."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.status = 0
        self.body = b""

    def SetHttpHeader(self, name: str, value: str) -> None:  # noqa: N802 - Orthanc's name
        self.headers[name] = value

    def AnswerBuffer(self, body: bytes, content_type: str) -> None:  # noqa: N802
        self.status, self.body, self.headers["Content-Type"] = 200, body, content_type

    def SendHttpStatusCode(self, status: int) -> None:  # noqa: N802
        self.status = status

    def SendMethodNotAllowed(self, allowed: str) -> None:  # noqa: N802
        self.status, self.headers["Allow"] = 405, allowed


def files(path: str, headers: Mapping[str, str]) -> Response:
    if path == "/broken.js":
        raise OSError("a bad disk")
    if path == "/missing.js":
        return Response(b"no such file", 404)
    if headers.get("if-none-match"):
        return Response(b"", 304, headers={"ETag": '"a"'})
    return Response(path.encode(), content_type="text/css", headers={"X-Frame": "own"})


@pytest.fixture
def serve(fake_orthanc: FakeOrthanc) -> Callable[..., Output]:
    names = ("PATIENT", "STUDY", "SERIES", "INSTANCE")
    fake_orthanc.constant("ResourceType", SimpleNamespace(**{name: name for name in names}))
    flags = {name: 1 << bit for bit, name in enumerate(JSON_FLAGS)}
    fake_orthanc.constant("DicomToJsonFlags", SimpleNamespace(**flags))
    fake_orthanc.expect("RegisterRestCallback", r"/page\.1(/.*)?", ANY)
    from longitudinal.host.static_host import StaticHost

    StaticHost("/page.1", files, {"X-Content-Type-Options": "nosniff", "X-Frame": "all"}).register()
    callback = fake_orthanc.calls[-1].args[1]

    def ask(path: str, method: str = "GET", **headers: str) -> Output:
        output = Output()
        arguments: dict[str, Any] = {"method": method, "headers": headers, "groups": []}
        callback(output, f"/page.1{path}", **arguments)
        return output

    return ask


def test_a_file_has_the_headers_of_all_and_its_own(serve: Callable[..., Output]) -> None:
    found = serve("/a.css")
    assert (found.status, found.body) == (200, b"/a.css")
    assert found.headers == {
        "X-Content-Type-Options": "nosniff",
        "X-Frame": "own",
        "Content-Type": "text/css",
    }


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/a.css", "POST", {}, 405),
        ("/missing.js", "GET", {}, 404),
        ("/broken.js", "GET", {}, 500),
        ("/a.css", "GET", {"if-none-match": '"a"'}, 304),
    ],
)
def test_what_is_no_file_is_a_status(
    serve: Callable[..., Output], path: str, method: str, headers: dict[str, str], status: int
) -> None:
    found = serve(path, method, **headers)
    assert (found.status, found.body, found.headers["X-Content-Type-Options"]) == (status, b"", "nosniff")
