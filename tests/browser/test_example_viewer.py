"""examples/viewer on another origin, behind the recipe of its README: from sign-in to a place in every study."""

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.explorer_page import slices_of, store
from tests.data import ROOT
from tests.orthanc.nginx import Nginx, recipes
from tests.orthanc.server import OrthancServer, free_ports

FOLDER = ROOT / "examples" / "viewer"
FRAME = "2.25.7042.950"
WITHIN_MS = 15_000


@dataclass(frozen=True)
class Place:
    """The viewer's own origin, the proxy and the server behind it."""

    origin: str
    nginx: Nginx
    server: OrthancServer


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("viewer")
    files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(FOLDER)))
    origin = f"http://127.0.0.1:{files.server_address[1]}"
    threading.Thread(target=files.serve_forever, daemon=True).start()
    configuration = {"Longitudinal": {"AlignOnArrival": False, "AllowedOrigins": [origin]}}
    (text,), (port,) = recipes(FOLDER / "README.md"), free_ports(1)
    with OrthancServer(folder / "orthanc", configuration=configuration) as server:
        for number, year in ((95, 2020), (96, 2021)):
            store(server, slices_of("VIEWER-1", number, FRAME, StudyDate=f"{year}0101"))
        text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace(
            "https://viewer.example.org", origin
        )
        text = text.replace("127.0.0.1:8042", f"127.0.0.1:{server.http_port}")
        with Nginx(folder / "proxy", text, f"http://127.0.0.1:{port}") as nginx:
            yield Place(origin, nginx, server)
    files.shutdown()
    files.server_close()


@pytest.fixture
def page(browser: Browser, place: Place) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{place.origin}/index.html")
    yield page
    context.close()


def sign_in(page: Page, place: Place, password: str) -> None:
    page.get_by_label("Server").fill(place.nginx.url)
    page.get_by_label("User").fill(place.server.user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_from_sign_in_to_the_grid(page: Page, place: Place, tmp_path: Path) -> None:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, place, place.server.password)
    expect(page.locator("#studies li")).to_have_count(2, timeout=WITHIN_MS)
    page.locator("#studies button").first.click()
    expect(page.locator("#picture img")).to_be_visible(timeout=WITHIN_MS)
    page.locator("#picture img").click(position={"x": 100, "y": 120})
    expect(page.locator("figure")).to_have_count(2, timeout=WITHIN_MS)
    expect(page.locator("#message")).to_have_text("found in 2 of 2 studies")
    expect(page.locator("figcaption", has_text="unknown: not measured")).to_have_count(1)
    if shots := os.environ.get("LONGITUDINAL_SHOTS"):
        page.screenshot(path=str(Path(shots) / "viewer.png"), full_page=True)
    assert errors == []
    files = []
    for number, content in enumerate(slices_of("VIEWER-1", 97, FRAME, StudyDate="20220101")):
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(content)
    page.get_by_label("Files").set_input_files(files)
    page.get_by_label("PatientID").fill("VIEWER-1")
    page.get_by_label("Exam").fill("RIS-9")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#outcomes li", has_text="stored, linked to RIS-9")).to_have_count(
        len(files), timeout=WITHIN_MS
    )
    assert place.server.session.get("/imaging/exams/RIS-9").json()["images"] == len(files)
    page.get_by_label("PatientID").fill("SOMEBODY-ELSE")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#outcomes li", has_text="refused")).to_have_count(len(files), timeout=WITHIN_MS)
    # the browser itself notes each imageNotStored, after which the page asks again
    assert {text for text in errors if "404" not in text} == set()


def test_a_wrong_password_is_said(page: Page, place: Place) -> None:
    sign_in(page, place, "wrong")
    expect(page.locator("#message.problem")).to_have_text(
        "The server does not accept this sign-in.", timeout=WITHIN_MS
    )
    expect(page.locator("main")).to_be_hidden()


def test_another_origin_sees_nothing(browser: Browser, place: Place) -> None:
    page = browser.new_page()
    page.goto(f"{place.origin.replace('127.0.0.1', 'localhost')}/index.html")
    sign_in(page, place, place.server.password)
    expect(page.locator("#message.problem")).to_contain_text("cannot be reached", timeout=WITHIN_MS)
    page.close()
