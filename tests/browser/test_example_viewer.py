"""examples/viewer on another origin, behind the proxies of docs/other-origins.md, signed in by a bearer token."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.explorer_page import slices_of, store
from tests.orthanc.other_origin import Place, places
from tests.orthanc.server import wait_until

FRAME = "2.25.7042.950"
WITHIN_MS = 15_000
REFUSED = "The server does not accept this token: it is wrong, withdrawn, or gives you no role here."


@pytest.fixture(scope="module")
def by_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    limits = {"RateLimits": {"Questions": 12}}
    with places(tmp_path_factory.mktemp("viewer"), "nginx", "apache", **limits) as (first, second):
        for number, year in ((95, 2020), (96, 2021)):
            store(first.server, slices_of("VIEWER-1", number, FRAME, StudyDate=f"{year}0101"))
        yield {"nginx": first, "apache": second}


@pytest.fixture
def place(request: pytest.FixtureRequest, by_proxy: dict[str, Place]) -> Place:
    """Behind nginx, unless a test asks for another proxy."""
    return by_proxy[getattr(request, "param", "nginx")]


BOTH = pytest.mark.parametrize("place", ["nginx", "apache"], indirect=True)


@dataclass
class Visit:
    """A visitor of the viewer's page."""

    page: Page
    place: Place
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type == "error" else None,
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, token: str = "", user: str = "", password: str = "") -> None:
        page = self.page
        page.get_by_label("Server").fill(self.place.url)
        for label, value in (("Token", token), ("User", user), ("Password", password)):
            page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Sign in").click()

    def shows_studies(self) -> None:
        expect(self.page.locator("#message")).to_contain_text("studies", timeout=WITHIN_MS)
        expect(self.page.locator("main")).to_be_visible()

    def says(self, problem: str) -> None:
        expect(self.page.locator("#message.problem")).to_contain_text(problem, timeout=WITHIN_MS)
        expect(self.page.locator("main")).to_be_hidden()


@pytest.fixture
def visit(browser: Browser, place: Place) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{place.origin}/index.html")
    yield Visit(page, place)
    context.close()


@BOTH
def test_from_sign_in_to_the_grid(
    visit: Visit, place: Place, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page, number = visit.page, 97 + ("apache" in request.node.callspec.id)
    visit.sign_in(place.token())
    visit.shows_studies()
    for year in (2020, 2021):
        expect(page.locator("#studies li", has_text=f"{year}-01-01")).to_have_count(1)
    page.locator("#studies button", has_text="2021-01-01").click()
    expect(page.locator("#picture img")).to_be_visible(timeout=WITHIN_MS)
    page.locator("#picture img").click(position={"x": 100, "y": 120})
    expect(page.locator("figure").nth(1)).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator("#message")).to_contain_text("found in ")
    expect(page.locator("figcaption", has_text="unknown: not measured").first).to_be_visible()
    if shots := os.environ.get("LONGITUDINAL_SHOTS"):
        page.screenshot(path=str(Path(shots) / "viewer.png"), full_page=True)
    assert visit.errors == []
    files = []
    for place_of, content in enumerate(slices_of("VIEWER-1", number, FRAME, StudyDate="20220101")):
        files.append(tmp_path / f"{place_of}.dcm")
        files[-1].write_bytes(content)
    page.get_by_label("Files").set_input_files(files)
    page.get_by_label("PatientID").fill("VIEWER-1")
    page.get_by_label("Exam").fill(f"RIS-{number}")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#outcomes li", has_text=f" stored, linked to RIS-{number}")).to_have_count(
        len(files), timeout=WITHIN_MS
    )
    assert place.server.session.get(f"/imaging/exams/RIS-{number}").json()["images"] == len(files)
    page.get_by_label("PatientID").fill("SOMEBODY-ELSE")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#outcomes li", has_text="refused")).to_have_count(len(files), timeout=WITHIN_MS)
    # the browser itself notes each imageNotStored, after which the page asks again
    assert {text for text in visit.errors if "404" not in text} == set()


def test_the_token_is_in_the_memory_of_the_page_alone(visit: Visit, place: Place) -> None:
    visit.sign_in(place.token())
    visit.shows_studies()
    kept = visit.page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href,"
        " document.documentElement.outerHTML, [...document.querySelectorAll('input')].map((one) => one.value)])"
    )
    assert "eyJ" not in kept
    visit.page.reload()
    expect(visit.page.locator("main")).to_be_hidden()


@pytest.mark.parametrize("wrong", ["not a token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."])
def test_a_wrong_token_is_said(visit: Visit, wrong: str) -> None:
    visit.sign_in(wrong)
    visit.says(REFUSED)


def test_a_token_without_a_role_is_said(visit: Visit, place: Place) -> None:
    visit.sign_in(place.login.token("ben"))
    visit.says(REFUSED)


def test_a_token_that_has_expired_is_said(visit: Visit, place: Place) -> None:
    visit.sign_in(place.token(exp=int(time.time()) - 60))
    visit.says("Your token expired at ")


def test_a_token_that_expires_meanwhile_is_said_and_another_goes_on(visit: Visit, place: Place) -> None:
    for seconds in (8, 30, 120):  # a crowded machine may take longer to sign in than the token lives
        token = place.token(exp=int(time.time()) + seconds)
        visit.sign_in(token)
        expect(visit.page.locator("#message")).not_to_have_text("", timeout=WITHIN_MS)
        if visit.page.locator("main").is_visible():
            break
    visit.shows_studies()
    wait_until(
        lambda: place.ask("GET", "/imaging/me", Authorization=f"Bearer {token}").status_code == 403,
        seconds + 5,
        "the server refuses the token",
    )
    visit.page.locator("#studies button", has_text="2020-01-01").click()
    visit.says("Your token expired at ")
    expect(visit.page.get_by_label("Token")).to_be_focused()
    expect(visit.page.get_by_label("Token")).to_have_value("")
    visit.sign_in(place.token())
    visit.shows_studies()
    visit.page.locator("#studies button", has_text="2020-01-01").click()
    expect(visit.page.locator("#picture img")).to_be_visible(timeout=WITHIN_MS)


def test_a_token_that_was_withdrawn_is_said(visit: Visit, place: Place) -> None:
    """Its key is not used any more."""
    visit.sign_in(place.token())
    visit.shows_studies()
    old = f"Bearer {place.token()}"
    place.login.rotate("next")
    wait_until(
        lambda: place.ask("GET", "/imaging/me", Authorization=old).status_code == 403, 10, "the key is read"
    )
    visit.page.locator("#studies button", has_text="2020-01-01").click()
    visit.says(REFUSED)


def test_name_and_password_do_as_well(visit: Visit, place: Place) -> None:
    visit.sign_in(user=place.server.user, password="wrong")
    visit.says("The server does not accept this sign-in.")
    visit.sign_in(user=place.server.user, password=place.server.password)
    visit.shows_studies()


FETCHES = """async ([server, token]) => {
  const asked = [];
  const bearer = {Authorization: `Bearer ${token}`};
  const body = JSON.stringify({sopInstanceUid: "1.2", row: 1, column: 1});
  for (const [path, init] of [
    ["/imaging/studies", {headers: bearer}],
    ["/imaging/studies", {}],
    ["/imaging/studies", {credentials: "include"}],
    ["/imaging/points/resolve", {method: "POST", headers: {...bearer, "Content-Type": "application/json"}, body}],
    ["/imaging/points/resolve", {method: "POST", headers: {"Content-Type": "text/plain"}, body}],
    ["/imaging/uploads", {method: "PUT", headers: bearer, body: "x"}],
    ["/imaging/exams/RIS-1", {method: "DELETE", headers: bearer}],
    ["/instances", {headers: bearer}],
    ["/dicom-web/studies", {headers: bearer}],
    ["/system", {}],
    ["/imaging/app/", {}],
  ]) {
    const answer = await fetch(server + path, init).catch((error) => error);
    asked.push(answer instanceof Error ? "nothing" : `${path} ${answer.status}`);
  }
  return asked;
}"""


@BOTH
def test_another_origin_gets_nothing(browser: Browser, place: Place) -> None:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{place.other}/index.html")
    stranger = Visit(page, place)
    stranger.sign_in(place.token())
    stranger.says("The server cannot be reached")
    assert set(page.evaluate(FETCHES, [place.url, place.token()])) == {"nothing"}
    # the same from the right one: so it is the origin that decides
    page.goto(f"{place.origin}/index.html")
    answers = page.evaluate(FETCHES, [place.url, place.token()])
    assert answers[0] == "/imaging/studies 200"
    # none allows what a browser adds by itself
    assert [number for number, answer in enumerate(answers) if answer == "nothing"] == [2], answers
    context.close()


def test_a_sandboxed_page_of_the_right_origin_gets_nothing(browser: Browser, place: Place) -> None:
    """Its origin is "null", which anybody can have."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{place.origin}/viewer.css")  # without the page's policy, which forbids frames
    frame = page.evaluate_handle(
        """() => new Promise((resolve) => {
          const frame = document.createElement('iframe');
          frame.sandbox = 'allow-scripts';
          frame.src = 'index.html?sandboxed';
          frame.addEventListener('load', () => resolve(frame));
          document.body.append(frame);
        })"""
    ).as_element()
    inner = None if frame is None else frame.content_frame()
    assert inner is not None
    assert inner.evaluate("self.origin") == "null"
    assert set(inner.evaluate(FETCHES, [place.url, place.token()])) == {"nothing"}
    context.close()


def test_more_requests_than_are_let_in_are_sent_again(visit: Visit, place: Place) -> None:
    page, answers = visit.page, []
    page.on("response", lambda answer: answers.append((answer.url.rpartition("/")[2], answer.status)))
    token = place.login.token("in-a-hurry", groups="radiology")
    visit.sign_in(token)
    visit.shows_studies()
    page.locator("#studies button", has_text="2021-01-01").click()
    expect(page.locator("#picture img")).to_be_visible(timeout=WITHIN_MS)
    sent = {"Authorization": f"Bearer {token}", "Origin": place.origin}
    answers_here = [place.ask("POST", "/imaging/points/resolve", "{}", **sent) for _ in range(30)]
    assert answers_here[-1].json()["code"] == "rateLimited"
    page.locator("#picture img").click(position={"x": 100, "y": 120})
    expect(page.locator("figure").nth(1)).to_be_visible(timeout=WITHIN_MS)
    asked = [status for name, status in answers if name == "resolve"]
    assert (asked[0], asked[-1]) == (503, 200)
