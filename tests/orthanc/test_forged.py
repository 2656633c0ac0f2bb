"""Requests that somebody else's page has a browser send, byte by byte: none changes anything; sent honestly they do."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.orthanc.conftest import StartOrthanc
from tests.orthanc.server import ANOTHER_HAND, OrthancServer
from tests.orthanc.victim import CONFIGURATION, Victim, new_file
from tests.orthanc.wire import basic, form, send

FORM = "Content-Type: multipart/form-data; boundary=zz"
TEXT = "Content-Type: text/plain"
BROWSER = ("User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Accept-Language: en")
FILE = 'Content-Disposition: form-data; name=f; filename="a.dcm"'
ACCEPT = json.dumps({"decision": "accepted"}).encode()
CROSS, SAME_SITE, NONE = "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: none"
EVIL, SANDBOX = "Origin: http://evil.example", "Origin: null"
Request = tuple[str, list[str], bytes]


def other_port(victim: Victim) -> str:
    return f"Origin: http://127.0.0.1:{victim.server.http_port + 1}"


def part(victim: Victim, *more: str) -> bytes:
    """A review in a form, in the name of a user who is there, by a password that is not theirs."""
    head = [
        "Content-Disposition: form-data; name=a",
        f"Authorization: {basic(victim.server.user, 'guess')}",
        *more,
    ]
    return form((head, ACCEPT))


# What a page would do -> the request, as a browser over HTTPS or plain HTTP sends it.
FORGED: dict[str, Callable[[Victim], Request]] = {
    "core: a link deletes a study, https": lambda v: (f"GET /studies/{v.study}?_method=DELETE", [CROSS], b""),
    "core: a link deletes a study, http": lambda v: (
        f"GET /studies/{v.study}?_method=DELETE", ["Upgrade-Insecure-Requests: 1"], b""),
    "core: a link in a mail deletes a study": lambda v: (
        f"GET /studies/{v.study}?_method=DELETE", [NONE, "Sec-Fetch-Mode: navigate"], b""),
    "core: a link with the argument in other letters": lambda v: (
        f"GET /studies/{v.study}?a=1&_method=delete", ["Referer: http://evil.example/"], b""),
    "core: a picture deletes a study": lambda v: (
        f"GET /studies/{v.study}?_method=DELETE", ["Accept: image/webp", "Referer: http://evil.example/"], b""),
    "core: a script of another port deletes": lambda v: (f"DELETE /studies/{v.study}", [other_port(v)], b""),
    "core: the method in a header": lambda v: (
        f"POST /studies/{v.study}", [EVIL, "X-HTTP-Method-Override: DELETE", "Content-Length: 0"], b""),
    "core: the method in a header of a GET": lambda v: (
        f"GET /studies/{v.study}", [CROSS, "X-HTTP-Method-Override: DELETE"], b""),
    "core: a form plants a file": lambda v: ("POST /instances", [EVIL, FORM], form(([FILE], new_file()))),
    "core: a script plants a file": lambda v: ("POST /instances", [CROSS, TEXT], new_file()),
    "core: a sandboxed frame plants a file": lambda v: ("POST /instances", [SANDBOX, TEXT], new_file()),
    "core: a form anonymises a study": lambda v: (
        f"POST /studies/{v.study}/anonymize", [SAME_SITE, EVIL, TEXT], b'{"Replace": {"PatientName": "x"}}'),
    "core: a statement is written": lambda v: (
        f"PUT /instances/{v.registration}/metadata/4000", [], b'{"items": {"2": {"decision": "accepted"}}}'),
    "core: a statement is removed": lambda v: (f"DELETE /instances/{v.registration}/metadata/4000", [], b""),
    "core: a statement is removed, by another spelling": lambda v: (
        f"DELETE //instances/{v.registration}/./metadata/%304000/", [], b""),
    "DICOMweb: a form stores": lambda v: (
        "POST /dicom-web/studies", [EVIL, "Content-Type: multipart/related; type=\"application/dicom\"; boundary=zz"],
        form((["Content-Type: application/dicom"], new_file()))),
    "DICOMweb: a link takes a server away": lambda v: ("GET /dicom-web/servers/other?_method=DELETE", [CROSS], b""),
    "DICOMweb: a link takes a server away, http": lambda v: (
        "GET /dicom-web/servers/other?_method=DELETE", ["Upgrade-Insecure-Requests: 1"], b""),
    "ours: a script of another port accepts": lambda v: (
        f"POST /imaging/transforms/{v.transform}/review", [other_port(v), TEXT], ACCEPT),
    "ours: a sandboxed frame accepts": lambda v: (
        f"POST /imaging/transforms/{v.transform}/review", [SANDBOX, CROSS, TEXT], ACCEPT),
    "ours: a form accepts as somebody": lambda v: (
        f"POST /imaging/transforms/{v.transform}/review", [EVIL, FORM], part(v)),
    "ours: a user accepts as somebody, in a part": lambda v: (
        f"POST /imaging/transforms/{v.transform}/review", [FORM], part(v)),
    "ours: a user accepts as somebody, in a part with a Host": lambda v: (
        f"POST /imaging/transforms/{v.transform}/review", [FORM], part(v, "Host: 127.0.0.1", "Content-Length: 24")),
    "ours: a user accepts as somebody, in a part, by another spelling": lambda v: (
        f"POST //imaging/./transforms/{v.transform}/review/", ["content-TYPE: Multipart/Form-Data;boundary=zz"],
        part(v, "Host: 127.0.0.1")),
    "ours: a link deletes a transform": lambda v: (f"GET /imaging/transforms/{v.transform}?_method=DELETE", [CROSS], b""),
    "ours: a picture deletes a transform, http": lambda v: (
        f"GET /imaging/transforms/{v.transform}?_method=DELETE", ["Referer: http://evil.example/"], b""),
    "ours: a form uploads a file": lambda v: ("POST /imaging/uploads", [EVIL, FORM], form(([FILE], new_file()))),
    "ours: a script pauses the backfill": lambda v: ("POST /imaging/index/pause", [CROSS, "Content-Length: 0"], b""),
}  # fmt: skip

HONEST: dict[str, Callable[[Victim], Request]] = {
    "core: anonymises": lambda v: (f"POST /studies/{v.study}/anonymize", [TEXT], b'{"Replace": {"PatientName": "x"}}'),
    "core: stores": lambda v: ("POST /instances", [TEXT], new_file(1)),
    "core: stores by a form": lambda v: ("POST /instances", [FORM], form(([FILE], new_file(2)))),
    "core: writes metadata": lambda v: (f"PUT /instances/{v.registration}/metadata/5000", [TEXT], b"x"),
    "core: deletes metadata": lambda v: (f"DELETE /instances/{v.registration}/metadata/5000", [], b""),
    "core: stores, labelled": lambda v: ("POST /instances", ["Content-Type: application/dicom"], new_file(6)),
    "core: stores, without a type": lambda v: ("POST /instances", [], new_file(7)),
    "core: writes metadata of another number": lambda v: (
        f"PUT /instances/{v.registration}/metadata/5001", [TEXT], b"y"),
    "core: deletes that by the method in a header": lambda v: (
        f"POST /instances/{v.registration}/metadata/5001", ["X-HTTP-Method-Override: DELETE", "Content-Length: 0"], b""),
    "DICOMweb: names a server": lambda v: (
        "PUT /dicom-web/servers/third", [TEXT], b'{"Url": "http://127.0.0.1:9/dicom-web/"}'),
    "DICOMweb: stores": lambda v: (
        "POST /dicom-web/studies", ["Content-Type: multipart/related; type=\"application/dicom\"; boundary=zz"],
        form((["Content-Type: application/dicom"], new_file(3)))),
    "DICOMweb: takes a server away": lambda v: ("DELETE /dicom-web/servers/other", [], b""),
    "ours: accepts": lambda v: (f"POST /imaging/transforms/{v.transform}/review", [TEXT], ACCEPT),
    "ours: rejects": lambda v: (
        f"POST /imaging/transforms/{v.transform}/review", [TEXT], b'{"decision": "rejected"}'),
    "ours: uploads": lambda v: ("POST /imaging/uploads", ["Content-Type: application/dicom"], new_file(4)),
    "ours: uploads a form": lambda v: ("POST /imaging/uploads", [FORM], form(([FILE], new_file(5)))),
    "ours: pauses": lambda v: ("POST /imaging/index/pause", ["Content-Length: 0"], b""),
    "ours: resumes": lambda v: ("POST /imaging/index/resume", ["Content-Length: 0"], b""),
    "core: the method in a header": lambda v: (
        f"POST /studies/{v.study}", ["X-HTTP-Method-Override: DELETE", "Content-Length: 0"], b""),
    "ours: deletes a transform": lambda v: (f"DELETE /imaging/transforms/{v.transform}", [], b""),
}  # fmt: skip

SENDERS: dict[str, Callable[[OrthancServer], list[str]]] = {
    "a program": lambda _: ["User-Agent: curl/8"],
    "Node.js": lambda _: ["User-Agent: node", "Accept-Language: *", "Sec-Fetch-Mode: cors"],
    "our page, https": lambda _: [*BROWSER, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"],
    "our page, http": lambda s: [*BROWSER, f"Origin: http://127.0.0.1:{s.http_port}"],
    "our page behind a proxy": lambda _: [
        *BROWSER,
        "Origin: https://pacs.example",
        "X-Forwarded-Host: pacs.example",
    ],
    "an allowed page": lambda _: [*BROWSER, CROSS, "Origin: https://viewer.example"],
}


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with OrthancServer(tmp_path_factory.mktemp("victim"), configuration=CONFIGURATION) as server:
        yield Victim.on(server)


@pytest.mark.parametrize("what", FORGED)
def test_nothing_that_is_forged_changes_anything(victim: Victim, what: str) -> None:
    request, headers, body = FORGED[what](victim)
    before, lines = victim.state(), len(victim.server.log.splitlines())
    status, _ = send(victim.server, request, [*BROWSER, *headers], body)
    assert status == 403, status
    assert victim.state() == before
    (said,) = [line for line in victim.server.log.splitlines()[lines:] if "Refused" in line]
    assert any(word in said for word in ("AllowedOrigins", "no setting", "MetadataBase", "/imaging/uploads"))


@pytest.mark.parametrize("sender", SENDERS)
def test_the_same_is_done_where_it_is_honest(start_orthanc: StartOrthanc, sender: str) -> None:
    allowed = {"Longitudinal": {"AllowedOrigins": ["https://viewer.example"], "AlignOnArrival": False}}
    victim = Victim.on(start_orthanc(configuration={**CONFIGURATION, **allowed}))
    for what, make in HONEST.items():
        request, headers, body = make(victim)
        before = victim.state()
        status, answer = send(victim.server, request, [*SENDERS[sender](victim.server), *headers], body)
        assert status == 200, (what, status, answer)
        assert victim.state() != before, what


def test_without_the_plugin_orthanc_does_what_is_forged(start_orthanc: StartOrthanc) -> None:
    """So that the requests above are known to be ones that Orthanc would carry out."""
    bare = start_orthanc(plugin=False)
    bare.store_rest([new_file()])
    (study,) = bare.session.get("/studies").json()
    status, _ = send(bare, f"GET /studies/{study}?_method=DELETE", [*BROWSER, CROSS])
    assert (status, bare.session.get("/studies").json()) == (200, [])


def test_names_that_lead_here_by_a_trick_are_refused_where_no_password_is_asked_for(
    start_orthanc: StartOrthanc,
) -> None:
    allowed = {"Longitudinal": {"AllowedHosts": ["pacs.example"]}}
    server = start_orthanc(authentication=False, configuration=allowed)
    for host in ("evil.example", "127.0.0.1.evil.example:8042", "rebind"):
        for path in ("/system", "/imaging/patients", "/dicom-web/studies", "/ohif/", "/app/explorer.html"):
            assert send(server, f"GET {path}", [f"Host: {host}"], login=False)[0] == 403
    assert "AllowedHosts" in server.log
    for host in ("127.0.0.1", "[::1]:8042", "localhost:8042", "pacs.example", "PACS.example:8042"):
        assert send(server, "GET /imaging/patients", [f"Host: {host}"], login=False)[0] == 200
    closed = start_orthanc()
    assert send(closed, "GET /imaging/patients", ["Host: any.example"])[0] == 200


def test_another_hand_is_a_hand(start_orthanc: StartOrthanc) -> None:
    """What other tests write past the filter does arrive."""
    victim = Victim.on(start_orthanc(script=ANOTHER_HAND))
    path = f"/another-hand/instances/{victim.registration}/metadata/4000"
    assert victim.server.session.put(path, data="x").ok
    assert victim.state()["said"] == "x"
