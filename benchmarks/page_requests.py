"""What the timeline page asks of the server while somebody hurries, beside the limits of one user (RateLimits).

    .venv/bin/python -m benchmarks.page_requests [--studies 60] [--seconds 60]

A patient with so many studies is opened in headless Chromium, by a server with the default limits: all studies load, then
for so many seconds a place is clicked, the wheel turned, the next page of studies shown, and a click follows again, as fast
as the page answers. Prints the requests of each kind in the fullest minute, as the limits count them, and the answers by
status.
"""

import argparse
import random
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Request, expect

from benchmarks.compare import head_of, viewer_of
from longitudinal.http.rate_limits import Cost, weight_of
from longitudinal.settings import RateLimits
from tests.browser.chromium import driven
from tests.browser.timeline import Timeline
from tests.orthanc.server import OrthancServer

_PICTURES = re.compile(r"/(preview|reslice|rendered|thumbnail|version|frames/[0-9]+)$")
_MINUTE = 60.0
SEED = 7


def cost(request: Request) -> Cost | None:
    """The kind of a request as the routes have it; None for what is not limited."""
    path = urlsplit(request.url).path
    if not path.startswith("/imaging/") or path.startswith("/imaging/app"):
        return None
    if request.method == "GET":
        return Cost.PICTURE if _PICTURES.search(path) else Cost.READ
    if path.endswith("/uploads"):
        return Cost.UPLOAD
    return Cost.QUESTION if "/points/" in path or path.endswith("/overlays") else Cost.CHANGE


def fullest(times: Sequence[tuple[float, int]]) -> int:
    """The most that was asked within one minute."""
    return max(
        (sum(weight for at, weight in times if begin <= at < begin + _MINUTE) for begin, _ in times),
        default=0,
    )


def hurry(timeline: Timeline, tile_of: str, pixel: tuple[float, float], seconds: float) -> int:
    """Click, scroll and page for so many seconds; returns the clicks."""
    page, clicks, chance = timeline.page, 0, random.Random(SEED)
    later, earlier = (page.get_by_role("button", name=name) for name in ("Later", "Earlier"))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        tile = timeline.tile(tile_of)
        timeline.ask(tile, pixel[0] + chance.uniform(-9, 9), pixel[1] + chance.uniform(-9, 9))
        clicks += 1
        tile.hover()
        for _ in range(5):
            page.mouse.wheel(0, chance.choice((-100, 100)))
            page.wait_for_timeout(40)
        for button in (later, earlier):
            if not button.is_disabled():
                button.click()
        expect(tile.locator).to_be_visible()
    return clicks


def measure(folder: Path, studies: int, seconds: float) -> None:
    """One run."""
    limits = RateLimits()
    given = {one: getattr(limits, one.value) for one in Cost}
    configuration = {
        "HttpCompressionEnabled": False,
        "Longitudinal": {
            "AlignOnArrival": False, "RateLimits": {kind.value.title(): most for kind, most in given.items()},
        },
    }  # fmt: skip
    refused: Counter[int] = Counter()
    asked: dict[Cost, list[tuple[float, int]]] = defaultdict(list)
    questions: list[Request] = []
    with driven() as browser, OrthancServer(folder / "server", configuration=configuration) as server:
        head = head_of(server, folder, studies, 320)
        server.wait_until(
            lambda: server.session.get(f"/imaging/patients/{head.id}").json()["total"] == studies, within=120
        )
        with viewer_of(server, browser) as viewer:
            viewer.page.on("request", lambda request: note(request, asked))
            viewer.page.on(
                "request", lambda one: questions.append(one) if cost(one) is Cost.QUESTION else None
            )
            viewer.page.on("response", lambda response: refused.update([response.status]))
            timeline, study = Timeline(viewer, server), head.studies[0]
            timeline.open(study=study["studyInstanceUid"])
            tile = timeline.tile(study["studyInstanceUid"])
            tile.wait_painted()
            column, row, at = study["pixels"][3]
            tile.locator.get_by_role("slider").fill(str(round(at) + 1))
            viewer.page.wait_for_timeout(600)
            clicks = hurry(timeline, study["studyInstanceUid"], (row, column), seconds)
    print(f"{studies} studies, {clicks} clicks in {seconds:.0f} s; answers by status: {dict(refused)}")
    paths = Counter(urlsplit(one.url).path for one in questions)
    print(f"questions: {dict(paths)}, bytes of the longest {max(map(_bytes, questions), default=0)}")
    for kind, most in given.items():
        count = fullest(asked[kind])
        print(f"{kind.value:10} {count:6} in the fullest minute, limit {most:6}: {100 * count / most:.1f} %")


def _bytes(request: Request) -> int:
    return len(request.post_data_buffer or b"")


def note(request: Request, asked: dict[Cost, list[tuple[float, int]]]) -> None:
    """A request of the page, as the limits count it."""
    kind = cost(request)
    if kind is not None:
        asked[kind].append((time.monotonic(), weight_of(kind, _bytes(request))))


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.studies, options.seconds)


if __name__ == "__main__":
    main()
