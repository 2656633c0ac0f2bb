"""Pages of somebody else's in a real browser that is logged in: nothing they ask for is done; what our own pages ask for is.

A browser tells more to a server that it trusts (HTTPS, or this machine by address) than to one by plain HTTP and a name, so
both are attacked, by another site and by another port of the same name.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.evil_site import EvilSite
from tests.orthanc.server import OrthancServer
from tests.orthanc.victim import CONFIGURATION, Victim, new_file
from tests.orthanc.wire import basic

SCRIPT = (Path(__file__).with_name("forgeries.js")).read_text()
ACCEPT = json.dumps({"decision": "accepted"})
ANONYMIZE = json.dumps({"Replace": {"PatientName": "x"}})
FILE = b64encode(new_file()).decode()
SETTLE_MS = 250

# How a page tries it, on which address, with which effective method and body.
FORGERIES = [
    ("link", "/studies/{study}", "DELETE", ""),
    ("quietLink", "/studies/{study}", "DELETE", ""),
    ("newWindow", "/studies/{study}", "DELETE", ""),
    ("refresh", "/studies/{study}", "DELETE", ""),
    ("redirect", "/studies/{study}", "DELETE", ""),
    ("picture", "/studies/{study}", "DELETE", ""),
    ("quietPicture", "/studies/{study}", "DELETE", ""),
    ("script", "/studies/{study}", "DELETE", ""),
    ("style", "/studies/{study}", "DELETE", ""),
    ("frame", "/studies/{study}", "DELETE", ""),
    ("object", "/studies/{study}", "DELETE", ""),
    ("simpleGet", "/studies/{study}", "DELETE", ""),
    ("fetch", "/studies/{study}", "DELETE", None),
    ("override", "/studies/{study}", "DELETE", ""),
    ("simplePost", "/studies/{study}/anonymize", "POST", ANONYMIZE),
    ("beacon", "/studies/{study}/anonymize", "POST", ANONYMIZE),
    ("textForm", "/studies/{study}/anonymize", "POST", ANONYMIZE),
    ("redirectedForm", "/studies/{study}/anonymize", "POST", ANONYMIZE),
    ("sandboxed", "/studies/{study}/anonymize", "POST", ANONYMIZE),
    ("simplePostOfBytes", "/instances", "POST", ""),
    ("fileForm", "/instances", "POST", ""),
    ("framedFileForm", "/instances", "POST", ""),
    ("link", "/dicom-web/servers/other", "DELETE", ""),
    ("picture", "/dicom-web/servers/other", "DELETE", ""),
    ("quietLink", "/imaging/transforms/{transform}", "DELETE", ""),
    ("picture", "/imaging/transforms/{transform}", "DELETE", ""),
    ("simplePost", "/imaging/transforms/{transform}/review", "POST", ACCEPT),
    ("sandboxed", "/imaging/transforms/{transform}/review", "POST", ACCEPT),
    ("valueForm", "/imaging/transforms/{transform}/review", "POST", ACCEPT),
    ("framedForm", "/imaging/transforms/{transform}/review", "POST", ACCEPT),
    ("fileForm", "/imaging/uploads", "POST", ""),
    ("simplePostOfBytes", "/imaging/uploads", "POST", ""),
    ("simplePost", "/imaging/index/pause", "POST", ""),
    ("fetch", "/instances/{registration}/metadata/4000", "DELETE", None),
]  # fmt: skip
PAIRS = {
    "this machine, another site": ("127.0.0.1", "evil.test"),
    "this machine, another port": ("127.0.0.1", "127.0.0.1"),
    "a name by plain HTTP, another site": ("pacs.test", "evil.test"),
    "a name by plain HTTP, another port": ("pacs.test", "pacs.test"),
    "a name by plain HTTP, another name of its domain": ("pacs.hospital.test", "wiki.hospital.test"),
}


Start = Callable[..., OrthancServer]


@pytest.fixture
def start_orthanc(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as servers:
        yield lambda **options: servers.enter_context(OrthancServer(tmp_path / "orthanc", **options))


@pytest.fixture(scope="module")
def evil() -> Iterator[EvilSite]:
    with EvilSite() as site:
        yield site


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with OrthancServer(tmp_path_factory.mktemp("victim"), configuration=CONFIGURATION) as server:
        yield Victim.on(server)


def logged_in(browser: Browser, server: OrthancServer, host: str) -> Page:
    """A page of a browser that logs in to the server whoever asks: it must not be the browser alone that protects it."""
    page = browser.new_context(
        extra_http_headers={"Authorization": basic(server.user, server.password)}
    ).new_page()
    assert page.goto(f"http://{host}:{server.http_port}/system").ok  # type: ignore[union-attr]
    return page


def forge(page: Page, evil: str, how: str, url: str, method: str, body: str | None) -> None:
    page.goto(evil)
    page.evaluate(SCRIPT)
    page.evaluate("([how, ...rest]) => window.forge[how](...rest)", [how, url, method, body, FILE])
    page.wait_for_timeout(SETTLE_MS)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.timeout(300)
def test_nothing_a_page_of_somebody_else_asks_for_is_done(
    browser: Browser, victim: Victim, evil: EvilSite, pair: str
) -> None:
    host, evil_host = PAIRS[pair]
    page, before = logged_in(browser, victim.server, host), victim.state()
    names = {"study": victim.study, "transform": victim.transform, "registration": victim.registration}
    for how, path, method, body in FORGERIES:
        url = f"http://{host}:{victim.server.http_port}{path.format(**names)}"
        forge(page, f"http://{evil_host}:{evil.port}/", how, url, method, body)
        assert victim.state() == before, (pair, how, path)
    assert victim.server.log.count("Refused") > len(FORGERIES) / 2
    page.context.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "pacs.test"])
@pytest.mark.timeout(300)
def test_without_the_plugin_most_of_it_is_done(
    browser: Browser, start_orthanc: Start, evil: EvilSite, host: str
) -> None:
    """So that the pages above are known to work."""
    bare = start_orthanc(plugin=False, configuration=CONFIGURATION)
    page, done = logged_in(browser, bare, host), []
    for how, path, method, body in FORGERIES:
        if "imaging" in path or "metadata" in path:
            continue
        bare.store_rest([new_file(7)])
        (study,) = bare.session.get("/studies").json()
        before = bare.session.get("/instances").json(), bare.session.get("/dicom-web/servers").json()
        url = f"http://{host}:{bare.http_port}{path.format(study=study)}"
        forge(page, f"http://evil.test:{evil.port}/", how, url, method, body)
        if (bare.session.get("/instances").json(), bare.session.get("/dicom-web/servers").json()) != before:
            done.append((how, path))
        for each in bare.session.get("/studies").json():
            bare.session.delete(f"/studies/{each}")
    assert len(done) >= 15, done
    page.context.close()


HONEST: list[tuple[str, str, str | None]] = [
    ("POST", "/studies/{study}/anonymize", ANONYMIZE),
    ("POST", "/instances", "file"),
    ("PUT", "/instances/{registration}/metadata/5000", "x"),
    ("DELETE", "/instances/{registration}/metadata/5000", None),
    ("DELETE", "/dicom-web/servers/other", None),
    ("POST", "/imaging/transforms/{transform}/review", ACCEPT),
    ("POST", "/imaging/index/pause", None),
    ("PUT", "/imaging/uploads", "form"),
    ("DELETE", "/imaging/transforms/{transform}", None),
    ("DELETE", "/studies/{study}", None),
]
OWN_PAGES = {"Explorer": "/app/explorer.html", "OHIF": "/ohif/", "the documentation": "/imaging/docs"}
ASK = """async ([method, url, body, file]) => {
    const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
    if (body === "file") body = bytes;
    if (body === "form") (body = new FormData()).append("f", new Blob([bytes]), "a.dcm");
    return (await fetch(url, {method, body})).status;
}"""


@pytest.mark.parametrize("host", ["127.0.0.1", "pacs.test"])
@pytest.mark.parametrize("where", OWN_PAGES)
@pytest.mark.timeout(300)
def test_what_our_own_pages_ask_for_is_done(
    browser: Browser, start_orthanc: Start, where: str, host: str
) -> None:
    victim = Victim.on(
        start_orthanc(configuration={**CONFIGURATION, "Longitudinal": {"AlignOnArrival": False}})
    )
    page = logged_in(browser, victim.server, host)
    base = f"http://{host}:{victim.server.http_port}"
    assert page.goto(base + OWN_PAGES[where]).ok  # type: ignore[union-attr]
    names = {"study": victim.study, "transform": victim.transform, "registration": victim.registration}
    files: dict[str, Any] = {"file": FILE, "form": b64encode(new_file(2)).decode()}
    for method, path, body in HONEST:
        before = victim.state() if "{registration}" not in path else None
        url = base + path.format(**names)
        status = page.evaluate(ASK, [method, url, body, files.get(body or "", FILE)])
        assert status == 200, (method, path, status)
        if before is not None and victim.study in victim.server.session.get("/studies").json():
            assert victim.state() != before, (method, path)
    assert victim.study not in victim.server.session.get("/studies").json()
    page.context.close()
