"""Which requests are let in, rule by rule."""

import pytest

from longitudinal.access.hosts import Host, Origin
from longitudinal.access.request_filter import Incoming, RequestFilter, Rules

FIREFOX = {"user-agent": "Mozilla/5.0 (X11)", "accept-language": "en"}
HERE = {"host": "pacs:8042"}
FORM = {"content-type": "multipart/form-data; boundary=x"}
WRITES = ("POST", "PUT", "DELETE")


def refusal(
    headers: dict[str, str], method: str = "POST", path: str = "/studies/x", **rules: object
) -> str | None:
    return RequestFilter(Rules(**rules)).refusal(Incoming(method, path, headers))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "cross-site, same-origin", "Same-Origin"])
def test_a_page_of_another_site_does_not_write(method: str, site: str) -> None:
    headers = {**HERE, **FIREFOX, "sec-fetch-site": site, "origin": "http://pacs:8042"}
    assert "AllowedOrigins" in (refusal(headers, method) or "")
    assert refusal(headers, "GET") is None
    assert refusal(headers, method, allowed_origins=frozenset([Origin("http", "pacs", 8042)])) is None


@pytest.mark.parametrize("method", WRITES)
def test_our_own_pages_write(method: str) -> None:
    assert (
        refusal({**HERE, **FIREFOX, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, method)
        is None
    )
    assert refusal({**HERE, **FIREFOX, "origin": "http://pacs:8042"}, method) is None


@pytest.mark.parametrize(
    ("origin", "headers"),
    [("http://pacs", {"host": "pacs"}), ("https://pacs", {"host": "pacs"}), ("https://pacs", {"host": "PACS:443"}),
     ("http://pacs:8080", {"host": "127.0.0.1:8042", "x-forwarded-host": "other, pacs:8080"}),
     ("http://[::1]:8042", {"host": "[::1]:8042"}), ("http://pacs.example.org", {"host": "pacs.example.org."})],
)  # fmt: skip
def test_without_fetch_metadata_the_origin_is_the_host(origin: str, headers: dict[str, str]) -> None:
    assert refusal({**headers, "origin": origin}) is None


@pytest.mark.parametrize(
    ("origin", "headers"),
    [("http://evil", HERE), ("null", HERE), ("", HERE), ("http://pacs", HERE), ("http://pacs:8043", HERE),
     ("http://pacs:8080", {"host": "pacs"}), ("http://pacs.evil:8042", HERE), ("http://evil/pacs:8042", HERE),
     ("http://evil@pacs:8042", HERE), ("file://", HERE), ("http://pacs:8042", {}), ("http://pacs:8042", {"host": "a b"}),
     ("http://evil", {**HERE, "referer": "http://pacs:8042/"})],
)  # fmt: skip
def test_any_other_origin_does_not_write(origin: str, headers: dict[str, str]) -> None:
    assert "AllowedOrigins" in (refusal({**headers, "origin": origin}) or "")


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": "curl/8"},
        {"user-agent": "python-requests/2", "accept": "*/*"},
        {"user-agent": "node", "accept-language": "*", "sec-fetch-mode": "cors"},
        {"user-agent": "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1"},
        {},
    ],
)
@pytest.mark.parametrize("method", WRITES)
def test_programs_write(headers: dict[str, str], method: str) -> None:
    assert refusal({**HERE, **headers}, method) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"upgrade-insecure-requests": "1", "user-agent": "Mozilla/5.0"},
        {"accept-language": "*", "user-agent": "Mozilla/5.0"},
        {**FIREFOX, "sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
        {**FIREFOX, "sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"},
    ],
)
def test_a_link_is_no_delete(headers: dict[str, str]) -> None:
    for method in ("PUT", "DELETE"):
        assert "_method" in (refusal({**HERE, **headers}, method) or "")


VIEWER = frozenset([Origin("https", "viewer.example", 443)])
FROM_VIEWER = {**HERE, **FIREFOX, "sec-fetch-site": "cross-site", "origin": "https://viewer.example"}
BASIC, COOKIE, TOKEN = {"authorization": "Basic eA=="}, {"cookie": "user=ann"}, {"x-imaging-token": "a.b.c"}


@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_a_page_of_an_allowed_origin_says_itself_who_acts(method: str) -> None:
    own = ({"authorization": "Bearer a.b.c"}, {"authorization": "bearer a.b.c", **COOKIE}, {**BASIC, **TOKEN})
    for headers in own:
        asked = {**FROM_VIEWER, **headers}
        assert refusal(asked, method, allowed_origins=VIEWER, token_header="x-imaging-token") is None
        assert method == "GET" or refusal(asked, method, token_header="x-imaging-token")
    assert refusal({**FROM_VIEWER, **BASIC}, method, allowed_origins=VIEWER) is None


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(
    "kept",
    [BASIC, COOKIE, {**BASIC, **COOKIE}, {**BASIC, **TOKEN, **COOKIE}, {}, {"authorization": "Bearerx"}],
)
def test_and_does_not_leave_it_to_what_the_browser_keeps(method: str, kept: dict[str, str]) -> None:
    rules = {"allowed_origins": VIEWER, "token_header": "x-imaging-token"}
    for headers in ({**FROM_VIEWER, **kept}, {**HERE, "origin": "https://viewer.example", **kept}):
        assert "Authorization: Bearer" in (refusal(headers, method, **rules) or "")
    assert refusal({**FROM_VIEWER, **kept, "sec-fetch-site": "same-origin"}, method, **rules) is None
    assert "Authorization" in (refusal({**FROM_VIEWER, **COOKIE}, method, allowed_origins=VIEWER) or "")


@pytest.mark.parametrize("method", WRITES)
def test_an_origin_that_is_none_is_never_allowed(method: str) -> None:
    bears = {"authorization": "Bearer a.b.c"}
    for origin in ("null", "", "*", "https://viewer.example.evil", "http://viewer.example"):
        for site in ({}, {"sec-fetch-site": "cross-site"}):
            headers = {**HERE, **bears, **site, "origin": origin}
            assert refusal(headers, method, allowed_origins=VIEWER, token_header="x-imaging-token"), origin


def test_forms_are_taken_where_files_are() -> None:
    for path in (
        "/imaging/transforms/x/review",
        "/imaging",
        "/imaging/uploads/x",
        "/imaging/uploads/../index",
    ):
        assert "/imaging/uploads" in (refusal({**HERE, **FORM}, path=path) or "")
        assert refusal({**HERE, "content-type": " Multipart/Form-Data;boundary=x"}, path=path)
    for path in ("/imaging/uploads", "/imaging/uploads/", "/instances", "/dicom-web/studies", "/imagingx"):
        assert refusal({**HERE, **FORM}, path=path) is None
    assert refusal({**HERE, **FORM}, "PUT", "/imaging/uploads") is None


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("name", ["4000", "4009", "04001", "+4002", " 4003", "Reviewed"])
@pytest.mark.parametrize("level", ["instances", "studies", "series", "patients"])
def test_our_statements_are_nobody_else_s(method: str, name: str, level: str) -> None:
    names = {"metadata_names": {"Reviewed": 4000, "Other": 5000}}
    assert "MetadataBase" in (refusal(HERE, method, f"/{level}/x/metadata/{name}", **names) or "")
    assert "MetadataBase" in (refusal(HERE, method, f"//{level}//x/metadata/{name}/", **names) or "")
    for other in ("4010", "3999", "Other", "Unknown", "1024"):
        assert refusal(HERE, method, f"/{level}/x/metadata/{other}", **names) is None
    assert refusal(HERE, "GET", f"/{level}/x/metadata/{name}", **names) is None


KNOWN = [
    "127.0.0.1",
    "10.1.2.3:8042",
    "[::1]:8042",
    "localhost",
    "LOCALHOST:8042",
    "a.localhost",
    "this",
    "this:8042",
    "pacs.",
]


@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_where_nobody_needs_a_password_only_known_names_are_let_in(method: str) -> None:
    rules = {"own_names": lambda: frozenset(["this"]), "allowed_hosts": frozenset(["pacs"])}
    for host in KNOWN:
        assert refusal({"host": host}, method, checks_host=True, **rules) is None
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "",
        "a b",
        "127.1",
        "this.evil",
        "[::1",
    ):
        headers = {"host": host, "x-forwarded-host": "localhost"}
        assert "AllowedHosts" in (refusal(headers, method, checks_host=True, **rules) or "")
        assert refusal(headers, method, **rules) is None
    assert refusal({}, method, checks_host=True, **rules) is None


def test_names_are_remembered_and_not_without_end() -> None:
    asked = []

    def own_names() -> frozenset[str]:
        asked.append(1)
        return frozenset()

    decides = RequestFilter(Rules(checks_host=True, own_names=own_names))
    for number in range(1_500):
        assert decides.refusal(Incoming("GET", "/", {"host": f"h{number}"}))
    assert len(asked) == 1
    assert len(decides._known) <= 1_000


def test_what_a_stranger_writes_is_cut_in_the_log() -> None:
    said = refusal({**HERE, "origin": "http://" + "x" * 5_000 + "\n"}) or ""
    assert "\n" not in said
    assert len(said) < 1_000


def test_hosts_that_are_none() -> None:
    assert [Host.read(text) for text in ("", "a:b", "a:1:2", "http://a", "a/b", "a@b", "a:999999")] == [
        None
    ] * 7
