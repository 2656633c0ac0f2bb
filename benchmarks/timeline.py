"""The timeline page in headless Chromium: from a click to the whole grid, and scrolling.

    .venv/bin/python -m benchmarks.timeline [--studies 6] [--size 512] [--clicks 30] [--slices 48]

A made head (benchmarks/longitudinal_patients.py) in as many studies, each in a frame of its own, joined by its true motion.
For each click: the time from the release of the button to the first and to the last tile of the answer, with its crosshair,
and to the words beside them; and, right after, what the same browser takes to fetch straight from Orthanc the frames that
this click had to fetch, and all frames of the grid (the page keeps what it has had before). First with linked scroll off,
so that the other tiles stand elsewhere and their frames are new; then as the page starts, with linked scroll, where most
frames are there before the click. Prints one JSON object.
"""

import argparse
import base64
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.longitudinal_patients import load
from benchmarks.made_patients.head import make_head
from tests.browser.chromium import FLAGS
from tests.browser.timeline import Timeline
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

# When the button was released, and when each tile showed the answer that came of it.
_WATCH = """
() => {
  window.released = 0; window.shown = []; window.screened = 0;
  addEventListener('pointerup', () => { window.released = performance.now(); window.shown = []; }, true);
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      window.shown.push([performance.now(), JSON.parse(target.dataset.painted || '{}').answer]);
    }
    requestAnimationFrame(() => { window.screened = performance.now(); }); // words come with this frame
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['data-painted'] });
}
"""
_STRAIGHT = """
async (addresses) => {
  const start = performance.now();
  const bodies = await Promise.all(addresses.map(
    async (address) => (await fetch(address, { cache: 'no-store' })).arrayBuffer()));
  return [performance.now() - start, bodies.reduce((sum, body) => sum + body.byteLength, 0)];
}
"""
_INTERVALS = """
() => {
  window.frames = [];
  let last = performance.now();
  const tick = (now) => { window.frames.push(now - last); last = now; window.ticking = requestAnimationFrame(tick); };
  window.ticking = requestAnimationFrame(tick);
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=6)
    parser.add_argument("--size", type=int, choices=(320, 512), default=512)
    parser.add_argument("--clicks", type=int, default=30)
    parser.add_argument("--slices", type=int, default=48)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = make_head(folder / "head", options.studies, size=options.size, registrations="chain")
        settings = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
        with (
            OrthancServer(folder / "server", configuration=settings) as server,
            sync_playwright() as playwright,
        ):
            login = (server.user, server.password)
            count = load(folder / "head", server.url, login)
            server.wait_indexed(lambda health: health["instances"] == count, within=60)
            server.wait_until(lambda: groups_of(server, truth) == {0}, within=60)
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", headless=True, args=FLAGS
            )
            basic = base64.b64encode(":".join(login).encode()).decode()
            with Viewer(browser, server.url, headers={"Authorization": f"Basic {basic}"}) as viewer:
                viewer.page.set_viewport_size({"width": 1440, "height": 900})
                timeline = Timeline(viewer, server)
                print(json.dumps(measure(timeline, truth, options.clicks, options.slices), indent=1))
            browser.close()


def groups_of(server: OrthancServer, truth: dict[str, Any]) -> set[int]:
    """{0} once transforms join all studies."""
    patient = server.session.get(f"/imaging/patients/{truth['patientId']}").json()
    return (
        {frame["group"] for frame in patient["frames"]}
        if patient["total"] == len(truth["studies"])
        else set()
    )


def measure(timeline: Timeline, truth: dict[str, Any], clicks: int, slices: int) -> dict[str, Any]:
    page, study = timeline.page, truth["studies"][0]
    timeline.open(study=study["studyInstanceUid"])
    tile = timeline.tile(study["studyInstanceUid"])
    tile.wait_painted()
    page.wait_for_timeout(1000)
    page.evaluate(_WATCH)
    page.keyboard.press("k")
    alone = rows_of(timeline, tile, study["pixels"], clicks)
    page.keyboard.press("k")
    linked = rows_of(timeline, tile, study["pixels"][::-1], clicks)
    return {
        "unlinked": figures(alone),
        "linked": {name: value for name, value in figures(linked).items() if name in OF_LINKED},
        "crosshairs": crosshairs(timeline, truth),
        "scrolling": scroll(timeline, tile, slices),
    }


OF_LINKED = (
    "clicks", "clicksThatFetched", "wholeGridMs", "gridWithWordsMs", "framesOfTheGridStraightMs", "ratioOfMediansToTheGrid"
)  # fmt: skip
"""What says something where most frames are there already."""


def rows_of(timeline: Timeline, tile: Any, pixels: list[list[float]], clicks: int) -> list[dict[str, float]]:
    return [one_click(timeline, tile, pixels[number % len(pixels)]) for number in range(clicks)]


def figures(rows: list[dict[str, float]]) -> dict[str, Any]:
    """Of one run of clicks; the times to fetch straight of those that fetched, all others of every click."""
    fetching = [row for row in rows if row["frames"] > 0]
    first, whole, words, grid = (
        [row[name] for row in rows] for name in ("first", "whole", "words", "straightGrid")
    )
    straight, after = ([row[name] for row in fetching] or [float("nan")] for name in ("straight", "whole"))
    return {
        "clicks": len(rows),
        "firstTileMs": {"median": median(first), "p95": p95(first), "max": max(first)},
        "wholeGridMs": {"median": median(whole), "p95": p95(whole)},
        "gridWithWordsMs": {"median": median(words), "p95": p95(words)},
        "sameFramesStraightMs": {"median": median(straight), "p95": p95(straight)},
        "framesOfTheGridStraightMs": {"median": median(grid), "p95": p95(grid)},
        "ratioOfMediansToTheGrid": round(median(whole) / median(grid), 2),
        "ratioOfP95ToTheGrid": round(p95(whole) / p95(grid), 2),
        "ratioOfMedians": round(median(after) / median(straight), 2),
        "ratioOfP95": round(p95(after) / p95(straight), 2),
        "resolvesPerClick": [min(row["resolves"] for row in rows), max(row["resolves"] for row in rows)],
        "framesPerClick": median(row["frames"] for row in rows),
        "bytesPerClick": median(row["bytes"] for row in rows),
        "clicksThatFetched": len(fetching),
    }


def one_click(timeline: Timeline, tile: Any, pixel: list[float]) -> dict[str, float]:
    page = timeline.page
    column, row, at = pixel
    tile.locator.get_by_role("slider").fill(str(round(at) + 1))
    page.wait_for_timeout(400)
    asked = len(timeline.viewer.requested)
    answer = timeline.ask(tile, row, column)
    told = page.evaluate("[window.released, window.shown, window.screened]")
    times = [when - told[0] for when, number in told[1] if number == answer]
    page.wait_for_timeout(300)
    new = timeline.viewer.requested[asked:]
    fetched = [url for url in new if "/numpy" in url]
    straight, size = page.evaluate(_STRAIGHT, fetched)
    shown = {"sopInstanceUid": tile.painted().sop_instance_uid, "row": row, "column": column}
    grid = [
        f"{timeline.viewer.url}/instances/{match['orthancInstanceId']}/frames/{match['frameNumber'] - 1}/numpy?rescale=false"
        for match in timeline.resolved(shown)["matches"]
    ]
    straight_grid, _ = page.evaluate(_STRAIGHT, grid)
    return {
        "first": round(min(times), 1),
        "whole": round(max(times), 1),
        "words": round(told[2] - told[0], 1),
        "straight": round(straight, 1),
        "straightGrid": round(straight_grid, 1),
        "bytes": size,
        "frames": len(fetched),
        "resolves": sum(url.endswith("/points/resolve") for url in new),
    }


def crosshairs(timeline: Timeline, truth: dict[str, Any]) -> dict[str, Any]:
    """Every place of the truth: the crosshair of each tile against resolve, and against the true motion."""
    first, *others = truth["studies"]
    matrices = {one["studyInstanceUid"]: np.array(one["matrixFromFirst"]) for one in others}
    tile = timeline.tile(first["studyInstanceUid"])
    off_pixels, off_mm = [], []
    for column, row, at in first["pixels"]:
        tile.locator.get_by_role("slider").fill(str(round(at) + 1))
        timeline.page.wait_for_timeout(300)
        timeline.ask(tile, row, column)
        asked, (seen_row, seen_column) = tile.painted(), tile.crosshair()
        pixel = {"sopInstanceUid": asked.sop_instance_uid, "row": seen_row, "column": seen_column}
        answer = timeline.resolved(pixel)
        point = np.array([answer["point"][axis] for axis in "xyz"] + [1])
        for match in answer["matches"]:
            place = timeline.tile(match["studyInstanceUid"]).crosshair()
            off_pixels.append(float(np.hypot(place[0] - match["row"], place[1] - match["column"])))
            if not match["isSource"]:
                true = (matrices[match["studyInstanceUid"]] @ point)[:3]
                off_mm.append(float(np.linalg.norm(true - [match[axis] for axis in "xyz"])))
    return {"places": len(first["pixels"]), "crosshairs": len(off_pixels), "offResolvePixelsMax": round(max(off_pixels), 3),
            "offTruthMmMax": round(max(off_mm), 3)}  # fmt: skip


def scroll(timeline: Timeline, tile: Any, slices: int) -> dict[str, float]:
    """The intervals between frames of the screen while the wheel turns once each."""
    page = timeline.page
    tile.locator.get_by_role("slider").fill("1")
    page.wait_for_timeout(500)
    tile.hover()
    page.evaluate(_INTERVALS)
    for _ in range(slices - 1):
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(20)
    page.wait_for_timeout(50)
    frames = page.evaluate("() => { cancelAnimationFrame(window.ticking); return window.frames; }")
    page.wait_for_timeout(500)
    text = tile.locator.locator(".slice").inner_text()
    return {"slices": slices, "frames": len(frames), "medianMs": round(median(frames), 1), "p95Ms": p95(frames),
            "endedAt": text}  # fmt: skip


def p95(values: list[float]) -> float:
    return round(float(np.percentile(values, 95)), 1)


if __name__ == "__main__":
    main()
