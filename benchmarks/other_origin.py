"""The example viewer on another origin, through the proxies of docs/other-origins.md, in headless Chromium.

    .venv/bin/python -m benchmarks.other_origin [nginx] [apache]

For each proxy: from sign-in by a bearer token over list, frames, resolve and grid to upload and exam link, with the seconds
of each step and what the browser's console says; every way to ask from an origin that is not listed, in the browser and by
plain requests; and what the page says of tokens that do not count.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.chromium import driven
from tests.browser.explorer_page import slices_of, store
from tests.browser.test_example_viewer import FETCHES, FRAME, WITHIN_MS, Visit
from tests.orthanc.other_origin import Place, places
from tests.orthanc.server import wait_until
from tests.orthanc.test_other_origins import PATHS, WRONG

WAITED_FOR = "imageNotStored"


def visit_of(browser: Browser, place: Place, origin: str) -> Visit:
    """A new visitor of the page, on an origin."""
    page = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{origin}/index.html")
    return Visit(page, place)


def way(browser: Browser, place: Place, folder: Path, number: int) -> None:
    """From sign-in to the exam link, with the time of each step."""
    visit = visit_of(browser, place, place.origin)
    page, codes = visit.page, Counter[str]()
    page.on("response", lambda answer: codes.update([str(answer.status)]))
    files = []
    for index, content in enumerate(slices_of("VIEWER-1", number, FRAME, StudyDate="20220101")):
        files.append(folder / f"{number}-{index}.dcm")
        files[-1].write_bytes(content)

    def upload() -> None:
        page.get_by_label("Files").set_input_files(files)
        page.get_by_label("PatientID").fill("VIEWER-1")
        page.get_by_label("Exam").fill(f"RIS-{number}")
        page.get_by_role("button", name="Send").click()
        linked = page.locator("#outcomes li", has_text=f"linked to RIS-{number}")
        expect(linked).to_have_count(len(files), timeout=WITHIN_MS)

    def sign_in() -> None:
        visit.sign_in(place.token())
        visit.shows_studies()

    def show() -> None:
        page.locator("#studies button", has_text="2021-01-01").click()
        expect(page.locator("#picture img")).to_be_visible(timeout=WITHIN_MS)

    def resolve() -> None:
        page.locator("#picture img").click(position={"x": 100, "y": 120})
        expect(page.locator("figure").nth(1)).to_be_visible(timeout=WITHIN_MS)

    steps: dict[str, Callable[[], None]] = {
        "sign in and list": sign_in, "frame": show, "resolve and grid": resolve, "upload and exam link": upload,
    }  # fmt: skip
    for name, step in steps.items():
        began = time.perf_counter()
        step()
        print(f"  {name}: {time.perf_counter() - began:.2f} s")
    others = [text for text in visit.errors if "404" not in text]
    print(f"  console: {len(others)} errors {others}; {len(visit.errors) - len(others)} of {WAITED_FOR}")
    print(f"  answers by status: {dict(codes)}")
    page.context.close()


def strangers(browser: Browser, place: Place) -> None:
    """What an origin gets that is not listed."""
    visit = visit_of(browser, place, place.other)
    answers = visit.page.evaluate(FETCHES, [place.url, place.token()])
    nothing = sum(answer == "nothing" for answer in answers)
    print(f"  {place.other}: {nothing} of {len(answers)} fetches get nothing")
    visit.page.context.close()
    origins = [*WRONG, place.other, f"{place.origin}0", f"{place.origin}/", f"{place.origin}.evil.example"]
    asked = allowed = 0
    for origin in origins:
        for path in PATHS:
            for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
                answer = place.ask(
                    method, path, Origin=origin, Authorization=f"Bearer {place.token()}",
                )  # fmt: skip
                asked += 1
                allowed += any(name.lower().startswith("access-control-") for name in answer.headers)
    print(f"  plain requests from {len(origins)} origins: {allowed} of {asked} answers allow anything")


def tokens(browser: Browser, place: Place) -> None:
    """What the page says of tokens that do not count."""
    now = int(time.time())
    wrong = {
        "wrong": "not a token", "no role": place.login.token("ben"), "expired": place.token(exp=now - 60),
        "expires in use": place.token(exp=now + 15),
    }  # fmt: skip
    for name, token in wrong.items():
        visit = visit_of(browser, place, place.origin)
        visit.sign_in(token)
        if name == "expires in use":
            visit.shows_studies()
            wait_until(
                lambda sent=f"Bearer {token}": place.ask("GET", "/imaging/me", Authorization=sent).status_code == 403,
                30, "the server refuses the token",
            )  # fmt: skip
            visit.page.locator("#studies button").first.click()
        said = visit.page.locator("#message.problem")
        expect(said).not_to_have_text("", timeout=WITHIN_MS)
        hidden = not visit.page.locator("main").is_visible()
        print(f"  token {name}: {said.text_content()!r}, studies hidden: {hidden}")
        visit.page.context.close()


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("proxies", nargs="*", metavar="nginx|apache")
    names = parser.parse_args().proxies or ["nginx", "apache"]
    with driven() as browser, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # Apache gives up root
        with places(folder / "places", *names) as made:
            for number, year in ((95, 2020), (96, 2021)):
                store(made[0].server, slices_of("VIEWER-1", number, FRAME, StudyDate=f"{year}0101"))
            for number, (proxy, place) in enumerate(zip(names, made, strict=True)):
                print(proxy)
                way(browser, place, folder, 97 + number)
                strangers(browser, place)
                tokens(browser, place)


if __name__ == "__main__":
    main()
