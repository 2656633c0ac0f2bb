"""What links to one patient open: a fresh browser for each case, every route for another patient, planted identifiers.

    .venv/bin/python -m benchmarks.shares

One server where the plugin asks for passwords itself. A patient has identifiers in every place where one can stand; what a
browser receives in a de-identified view, bodies and headers and the page itself, is searched for them, as they are and
encoded. The plain view of the same patient shows that the search finds them.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser.chromium import driven
from tests.browser.visitor import DRAWN, Visitor
from tests.orthanc.access import restricted, session_of
from tests.orthanc.access_ward import Known, bodies_of, known_of, study_of
from tests.orthanc.planted import PATIENT, Planted, plant
from tests.orthanc.server import OrthancServer, ServerSession
from tests.orthanc.test_transforms import fill, turned

WITHIN_MS = 30_000
OTHER = "PatB"


def link(server: OrthancServer, *, masked: bool = False, seconds: float = 3600) -> dict[str, Any]:
    """A link, with its whole address."""
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    asked = {"patientId": PATIENT, "until": until, "deIdentified": masked}
    made = server.session.post("/imaging/shares", json=asked)
    assert made.status_code == 201, made.text
    return {**made.json(), "url": server.url + made.json()["link"]}


def outcome(browser: Browser, url: str) -> tuple[str, Visitor]:
    """What a fresh browser shows: the patient, or why not."""
    visitor = Visitor(browser)
    visitor.page.goto(url)
    visitor.page.wait_for_selector(".share-banner, .share-end", timeout=WITHIN_MS)
    if visitor.page.locator(".share-end").count():
        return visitor.page.get_by_role("alert").inner_text(), visitor
    visitor.page.wait_for_function(DRAWN, timeout=WITHIN_MS)
    return "opened: " + visitor.page.locator("h1.patient").inner_text(), visitor


def cases(browser: Browser, server: OrthancServer, planted: Planted) -> None:
    """Each case in a browser of its own."""
    used, revoked, expired = link(server), link(server), link(server, seconds=1.2)
    server.session.delete(f"/imaging/shares/{revoked['id']}")
    gone = f"/imaging/shares?patientId={PATIENT}"
    server.wait_until(lambda: expired["id"] not in server.session.get(gone).text, 10, "the link has ended")
    named = [("opened", used), ("replayed", used), ("revoked", revoked), ("expired", expired)]
    for name, made in [*named, ("wrong secret", {"url": used["url"] + "x"})]:
        said, visitor = outcome(browser, made["url"])
        told = planted.found_in(visitor.received())
        print(f"{name:14} {said[:78]:80} identifiers received: {len(told)}")
        if name == "opened":
            visitor.page.goto(f"{server.url}/imaging/app/?patient={OTHER}")
            visitor.page.wait_for_selector(".message.warning", timeout=WITHIN_MS)
            shown = visitor.page.locator(".message").inner_text()
            print(f"{'other patient':14} {shown[:78]:80} its name received: {'NamePatB' in shown}")
        visitor.context.close()


def routes(server: OrthancServer, other: Known) -> None:
    """Every route, by a plain and by a de-identified view, about somebody else."""
    described = server.session.get("/imaging/openapi.json").json()["paths"]
    for masked in (False, True):
        answer = session_of(server, None).post(
            "/imaging/share-session", json={"secret": link(server, masked=masked)["link"].partition("=")[2]}
        )
        seen = session_of(server, None)
        seen.headers["Cookie"] = answer.headers["Set-Cookie"].partition(";")[0]
        asked, leaks, statuses = 0, 0, Counter[int]()
        for path, methods in described.items():
            for method in methods:
                for status, told in sent(seen, method.upper(), path, other):
                    asked, leaks = asked + 1, leaks + bool(told)
                    statuses[status] += 1
        view, found = "de-identified" if masked else "plain", dict(sorted(statuses.items()))
        print(f"{view} view, another patient: {asked} requests, {leaks} leaks, answers by status {found}")


def sent(session: ServerSession, method: str, path: str, other: Known) -> Iterable[tuple[int, set[str]]]:
    """Status and what is told of another patient that was not in the request."""
    for body in bodies_of(other).get((method, path), [None]):
        filled = f"/imaging{other.fill(path)}"
        answer = session.request(
            method, filled, json=body if method != "GET" else None, allow_redirects=False
        )
        asked = f"{filled} {body}"
        yield answer.status_code, {word for word in other.words if word not in asked and word in answer.text}


def identifiers(browser: Browser, server: OrthancServer, planted: Planted) -> None:
    """All that the page does in a view, and what of the planted identifiers arrives."""
    for masked in (False, True):
        _, visitor = outcome(browser, link(server, masked=masked)["url"])
        page = visitor.page
        box = page.locator(".tile canvas").first.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.get_by_role("button", name="Values").click()
        page.wait_for_selector(".work table", timeout=WITHIN_MS)
        for key in ("ArrowUp", "PageDown", "t", "s", "j", "d"):
            page.keyboard.press(key)
        page.wait_for_load_state("networkidle")
        texts = list(visitor.received())
        told = planted.found_in(texts)
        view = "de-identified" if masked else "plain"
        size, count = sum(map(len, texts)), f"{len(planted.kinds)} identifiers of {len(kinds(planted))} kinds"
        print(
            f"{view} view: {len(visitor.answers)} answers, {size:,} bytes searched for {count}: {len(told)} received"
        )
        if masked:
            print(sorted(told))
        visitor.context.close()


def kinds(planted: Planted) -> set[str]:
    """The kinds without the numbers of their instances."""
    return {re.sub(r" \d+$", "", kind) for kind in planted.kinds}


def main() -> None:
    """Print the figures."""
    configuration = restricted(Shares={"Roles": ["admin"]})
    configuration["Longitudinal"]["AlignOnArrival"] = False
    folder = Path(tempfile.mkdtemp())
    with OrthancServer(folder / "server", configuration=configuration, authentication=False) as server:
        frames = ("1.2.78.66.1", "1.2.78.66.2")
        fill(server, study_of(OTHER, 2020, frames[0]), study_of(OTHER, 2021, frames[1]))
        transform = {
            "sourceFrameOfReferenceUid": frames[1],
            "targetFrameOfReferenceUid": frames[0],
            "matrix": turned().tolist(),
        }
        given = server.session.post("/imaging/transforms", json=transform).json()
        other = known_of(server, OTHER, 2020, frames, given)
        planted = plant(server)
        with driven() as browser:
            cases(browser, server, planted)
            routes(server, other)
            identifiers(browser, server, planted)


if __name__ == "__main__":
    main()
