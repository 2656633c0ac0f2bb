"""Pages of somebody else's in a real browser that is logged in: nothing they ask for is done; what our own pages ask for is.

A browser tells more to a server that it trusts (HTTPS, or this machine by address) than to one by plain HTTP and a name, so
both are attacked, by another site and by another port of the same name.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Error, Page

from tests.browser.evil_site import EvilSite
from tests.orthanc.server import OrthancServer
from tests.orthanc.victim import CONFIGURATION, Victim, new_file
from tests.orthanc.wire import basic

SCRIPT = (Path(__file__).with_name("ways_to_ask.js")).read_text()
ACCEPT = json.dumps({"decision": "accepted"})
ANONYMIZE = json.dumps({"Replace": {"PatientName": "x"}})
FILE = b64encode(new_file()).decode()
LEAVING = {"textForm", "fileForm"}
SETTLE_MS = 250
# A browser on a crowded machine takes longer to open a window, or to tell a frame who is logged in.
ATTEMPTS = 10
DONE_SECONDS = 10.0

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
    ("fetchOfFile", "/imaging/uploads", "POST", ""),
    ("simplePost", "/imaging/index/pause", "POST", ""),
    ("fetch", "/instances/{registration}/metadata/4000", "DELETE", None),
]  # fmt: skip
# A browser asks whether it may send these (CORS), and Orthanc does not say yes.
ASKED_FIRST = {("fetch", "/studies/{study}"), ("override", "/studies/{study}")}
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


def ask(page: Page, how: str, url: str, method: str, body: str | None, file: str) -> None:
    """Have the page that is shown ask for something."""
    page.evaluate(SCRIPT)
    # not within the call where the page goes with it
    call = "setTimeout(() => window.ask[how](...rest))" if how in LEAVING else "window.ask[how](...rest)"
    page.evaluate(f"([how, ...rest]) => {call}", [how, url, method, body, file])


def go(page: Page, url: str, until: Literal["load", "networkidle"]) -> None:
    """Show another page, also while what the last one asked for still takes the browser elsewhere."""
    for attempt in range(ATTEMPTS):
        try:
            answer = page.goto(url, wait_until=until)
            break
        except Error as error:
            if "interrupted by another navigation" not in str(error) or attempt == ATTEMPTS - 1:
                raise
            page.wait_for_timeout(SETTLE_MS)
    assert answer is not None
    assert answer.ok


def forge(page: Page, evil: str, how: str, url: str, method: str, body: str | None) -> None:
    go(page, evil, "load")
    ask(page, how, url, method, body, FILE)
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
def test_without_the_plugin_it_is_done(
    browser: Browser, start_orthanc: Start, evil: EvilSite, host: str
) -> None:
    """So that the pages above are known to work."""
    bare = start_orthanc(plugin=False, configuration=CONFIGURATION)
    page = logged_in(browser, bare, host)

    def state() -> tuple[object, object]:
        return bare.session.get("/instances").json(), bare.session.get("/dicom-web/servers").json()

    for how, path, method, body in FORGERIES:
        if "imaging" in path or "metadata" in path:
            continue
        bare.store_rest([new_file(7)])
        (study,) = bare.session.get("/studies").json()
        before, url = state(), f"http://{host}:{bare.http_port}{path.format(study=study)}"
        for _ in range(ATTEMPTS):
            forge(page, f"http://evil.test:{evil.port}/", how, url, method, body)
            if state() != before:
                break
        assert (state() == before) == ((how, path) in ASKED_FIRST), (how, path)
        for each in bare.session.get("/studies").json():
            bare.session.delete(f"/studies/{each}")
        bare.session.put("/dicom-web/servers/other", json={"Url": "http://127.0.0.1:9/dicom-web/"})
    page.context.close()


# The same ways and addresses, from a page of ours; each changes something.
HONEST: list[tuple[str, str, str, str | None]] = [
    ("simplePost", "/studies/{study}/anonymize", "POST", ANONYMIZE),
    ("beacon", "/studies/{study}/anonymize", "POST", ANONYMIZE),
    ("textForm", "/studies/{study}/anonymize", "POST", ANONYMIZE),
    ("simplePostOfBytes", "/instances", "POST", ""),
    ("fileForm", "/instances", "POST", ""),
    ("framedFileForm", "/instances", "POST", ""),
    ("fetch", "/instances/{registration}/metadata/5000", "PUT", "x"),
    ("fetch", "/instances/{registration}/metadata/5000", "DELETE", None),
    ("fetch", "/dicom-web/servers/other", "DELETE", None),
    ("fetch", "/dicom-web/servers/other", "PUT", json.dumps({"Url": "http://127.0.0.1:9/dicom-web/"})),
    ("override", "/dicom-web/servers/other", "DELETE", ""),
    ("simplePost", "/imaging/transforms/{transform}/review", "POST", ACCEPT),
    ("fetch", "/imaging/transforms/{transform}/review", "POST", json.dumps({"decision": "rejected"})),
    ("beacon", "/imaging/transforms/{transform}/review", "POST", ACCEPT),
    ("fetchOfFile", "/imaging/uploads", "POST", ""),
    ("fileForm", "/imaging/uploads", "POST", ""),
    ("framedFileForm", "/imaging/uploads", "POST", ""),
    ("simplePost", "/imaging/index/pause", "POST", ""),
    ("fetch", "/imaging/index/resume", "POST", ""),
    ("fetch", "/imaging/transforms/{transform}", "DELETE", None),
    ("override", "/studies/{study}", "DELETE", ""),
]  # fmt: skip
# The documentation's own policy (form-action) has a browser send none.
FORMS = {"textForm", "fileForm", "framedFileForm"}
OWN_PAGES = {"Explorer": "/app/explorer.html", "OHIF": "/ohif/", "the documentation": "/imaging/docs"}


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
    names = {"study": victim.study, "transform": victim.transform, "registration": victim.registration}
    for number, (how, path, method, body) in enumerate(HONEST):
        if where == "the documentation" and how in FORMS:
            continue
        before, file = victim.state(), b64encode(new_file(10 + number)).decode()
        show(page, base + OWN_PAGES[where])
        with page.expect_navigation(wait_until="commit") if how in LEAVING else nullcontext():
            ask(page, how, base + path.format(**names), method, body, file)
        victim.server.wait_until(lambda: victim.state() != before, DONE_SECONDS, f"{how} {method} {path}")  # noqa: B023
    assert victim.study not in victim.server.session.get("/studies").json()
    assert "Refused" not in victim.server.log
    page.context.close()


def show(page: Page, url: str) -> None:
    """Go there, unless it is there."""
    if not page.url.startswith(url):
        go(page, url, "networkidle")
