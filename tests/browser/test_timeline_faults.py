"""The page while something does not work, and by fingers: no worker, a server that is silent or gone for ten seconds."""

import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, CDPSession, expect

from benchmarks.longitudinal_patients import load
from benchmarks.made_patients.head import make_head
from tests.browser.timeline import WITHIN_MS, Tile, Timeline
from tests.browser.viewer import Viewer
from tests.data import data
from tests.orthanc import processes
from tests.orthanc.server import OrthancServer

CONFIGURATION = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
GONE_SECONDS = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("faults"), configuration=CONFIGURATION) as server:
        yield server


@pytest.fixture(scope="module")
def head(server: OrthancServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A moved head in two studies that nothing joins."""
    data("openms_dicom/patient01")
    folder = tmp_path_factory.mktemp("head")
    truth = make_head(folder, 2)
    count = load(folder, server.url, (server.user, server.password))
    server.wait_indexed(lambda health: health["instances"] >= count)
    return truth


@pytest.fixture
def timeline(browser: Browser, server: OrthancServer) -> Iterator[Timeline]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Timeline(viewer, server)


def opened(timeline: Timeline, head: dict[str, Any]) -> tuple[Tile, Tile]:
    """The page with a place asked for: a tile that has it, and one of a study that is not aligned."""
    first, second = (timeline.tile(one["studyInstanceUid"]) for one in head["studies"])
    timeline.open(study=first_uid(head))
    first.wait_painted()
    timeline.ask(first, 150, 140)
    return first, second


def first_uid(head: dict[str, Any]) -> str:
    return str(head["studies"][0]["studyInstanceUid"])


def test_a_server_that_is_silent_for_ten_seconds(
    timeline: Timeline, server: OrthancServer, head: dict[str, Any]
) -> None:
    first, _ = opened(timeline, head)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        first.click(180, 170)
        expect(timeline.page.get_by_role("alert")).to_contain_text("has not answered yet", timeout=5000)
        timeline.page.wait_for_timeout(1000 * (GONE_SECONDS - (time.monotonic() - start)))
    finally:
        os.kill(server.pid, signal.SIGCONT)
    expect(timeline.page.get_by_role("alert")).to_have_count(0, timeout=WITHIN_MS)
    timeline.rest()
    assert first.crosshair() == pytest.approx((180, 170), abs=1)


def test_a_server_that_is_gone_for_ten_seconds(
    timeline: Timeline, server: OrthancServer, head: dict[str, Any]
) -> None:
    first, _ = opened(timeline, head)
    server.stop()
    start = time.monotonic()
    first.click(180, 170)
    expect(timeline.page.get_by_role("alert")).to_contain_text("The server does not answer", timeout=5000)
    timeline.page.wait_for_timeout(1000 * max(0, GONE_SECONDS - (time.monotonic() - start)))
    server.start()
    expect(timeline.page.get_by_role("alert")).to_have_count(0, timeout=2 * WITHIN_MS)
    timeline.rest()
    assert first.crosshair() == pytest.approx((180, 170), abs=1)
    timeline.ask(first, 140, 150)


def fingers(timeline: Timeline, session: CDPSession, *paths: list[tuple[float, float]]) -> None:
    """Move so many fingers at once, each along its path."""
    for step, places in enumerate(zip(*paths, strict=True)):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        timeline.page.wait_for_timeout(30)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    timeline.rest()


def test_fingers_scroll_zoom_and_move_the_place(timeline: Timeline, head: dict[str, Any]) -> None:
    session = timeline.page.context.new_cdp_session(timeline.page)
    session.send(
        "Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2}
    )  # larger buttons, too
    first, _ = opened(timeline, head)
    box = first.picture.bounding_box()
    assert box
    place = first.locator.locator("g.place")
    x, y = (box[axis] + float(str(place.get_attribute(f"data-{axis}"))) for axis in "xy")
    before, painted = first.crosshair(), first.painted()
    fingers(timeline, session, [(x + 6 * step, y + 3 * step) for step in range(6)])
    moved = np.array(painted.pixel_at(30, 15)) - painted.pixel_at(0, 0)
    assert first.crosshair() == pytest.approx((before[0] + moved[0], before[1] + moved[1]), abs=0.6)
    left, top = box["x"] + 40, box["y"] + box["height"] - 60
    said = first.locator.locator(".slice").inner_text()
    fingers(timeline, session, [(left, top - 10 * step) for step in range(6)])
    assert first.locator.locator(".slice").inner_text() != said, "one finger scrolls"
    wide = first.painted().matrix[0, 0]
    middle = (box["x"] + box["width"] / 2, box["y"] + 60)
    fingers(
        timeline,
        session,
        [(middle[0] - 30 - 6 * step, middle[1]) for step in range(6)],
        [(middle[0] + 30 + 6 * step, middle[1]) for step in range(6)],
    )
    assert wide / first.painted().matrix[0, 0] == pytest.approx(2, rel=0.05), (
        "twice as far apart, twice as large"
    )


def test_without_a_worker_the_tile_says_so_and_the_rest_goes_on(
    timeline: Timeline, server: OrthancServer, head: dict[str, Any]
) -> None:
    first, second = opened(timeline, head)
    second.locator.get_by_role("button", name="Align").click()
    expect(second.locator.get_by_role("progressbar")).to_be_visible()
    killed: set[int] = set()
    end = time.monotonic() + 90
    while second.locator.get_by_role("progressbar").count() and time.monotonic() < end:
        worker = processes.worker_of(server.pid)
        if worker is not None and worker not in killed:
            processes.kill(worker)
            killed.add(worker)
        timeline.page.wait_for_timeout(50)
    assert killed
    expect(second.locator).to_contain_text(re.compile("worker was killed|could not be aligned|failed", re.I))
    expect(second.locator.get_by_role("button", name=re.compile("Align"))).to_be_visible()
    assert timeline.ask(first, 160, 150)
    assert first.crosshair() == pytest.approx((160, 150), abs=1)
