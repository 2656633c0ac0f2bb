"""OHIF's panel in a browser: a place is found, shown, followed, kept; and what it says where it cannot.

LONGITUDINAL_OHIF=3.12.10 tests it in another version, which `scripts/ohif.py 3.12.10` has unpacked.
"""

import copy
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect

from tests.browser.ohif_panel import WITHIN_MS, OhifPanel, Pane, lps_of, plane_distance
from tests.browser.timeline import Timeline
from tests.browser.viewer import Viewer
from tests.builders import as_file
from tests.data import ROOT, data, dicom_files
from tests.orthanc import processes
from tests.orthanc.nginx import Nginx, recipes
from tests.orthanc.server import OrthancServer, free_ports

OPENMS = "openms_dicom/patient01"
UNALIGNED = "2.25.7018"
VERSION = os.environ.get("LONGITUDINAL_OHIF")
SETTINGS = {"AlignOnArrival": False} | ({} if VERSION is None else {"OhifPath": f".ohif/{VERSION}"})
CONFIGURATION = {"HttpCompressionEnabled": False, "Longitudinal": SETTINGS}
MARK_MM = 1.0
"""A click is on a whole CSS pixel (0.2 mm), the landmarks leave 0.1 mm."""
FLOAT32_MM = 0.1
OHIFS_OWN = (
    "`DialogContent` requires a `DialogTitle`",
    "Unable to preventDefault inside passive event listener",
)
"""Errors that OHIF logs without the extension too: a menu opens; the wheel is turned over an inactive viewport."""
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


class Head:
    """The real head in two studies that corresponding points join, and in a third that nothing joins with them."""

    def __init__(self, server: OrthancServer) -> None:
        read = [pydicom.dcmread(path) for path in dicom_files(OPENMS)]
        server.store_rest([*dicom_files(OPENMS), *(as_file(each) for each in _unaligned(read))])
        dates = sorted({(each.StudyDate, each.StudyInstanceUID, each.FrameOfReferenceUID) for each in read})
        (_, self.first, frame), (_, self.second, other) = dates
        self.images = {each.SOPInstanceUID: each for each in read}
        self.patient = str(read[0].PatientID)
        file = data(OPENMS) / "truth_points_study1_to_study2_LPSmm.csv"
        self.points = np.loadtxt(file, delimiter=",", skiprows=1)[:, :6]
        pairs = [{"source": row[:3], "target": row[3:]} for row in self.points[::10].tolist()]
        server.wait_indexed(lambda health: health["instances"] >= len(read))
        given = {"sourceFrameOfReferenceUid": frame, "targetFrameOfReferenceUid": other, "landmarks": pairs}
        answer = server.session.post("/imaging/transforms", json=given)
        assert answer.status_code == 201, answer.text

    def pair(self, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A point of the first study, and where the truth has it in the second."""
        return self.points[number, :3], self.points[number, 3:]


def _unaligned(read: list[pydicom.Dataset]) -> Iterator[pydicom.Dataset]:
    study = min(read, key=lambda each: each.StudyDate).StudyInstanceUID
    for number, original in enumerate(each for each in read if study == each.StudyInstanceUID):
        ds = copy.deepcopy(original)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = UNALIGNED, f"{UNALIGNED}.1"
        ds.FrameOfReferenceUID = f"{UNALIGNED}.2"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{UNALIGNED}.3.{number}"
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20130101"
        yield ds


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("panel"), configuration=CONFIGURATION) as server:
        yield server


@pytest.fixture(scope="module")
def head(server: OrthancServer) -> Head:
    return Head(server)


@pytest.fixture
def panel(browser: Browser, server: OrthancServer) -> Iterator[OhifPanel]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield OhifPanel(viewer)


def miss_mm(pane: Pane, truth: NDArray[np.float64]) -> float:
    """mm between a mark and the truth, in the slice."""
    assert pane.mark is not None
    assert pane.index is not None
    plane = pane.planes[pane.index]
    along, down = np.array(plane["orientation"][:3]), np.array(plane["orientation"][3:])
    off = pane.mark.world - truth
    return float(np.hypot(off @ along, off @ down))


def test_a_click_is_found_shown_and_followed_in_the_other_study(panel: OhifPanel, head: Head) -> None:
    source, truth = head.pair(150)
    panel.open(head.first)
    panel.ask(panel.panes()[0], source)
    first, second, third = panel.root.locator(".study").all()
    expect(first).to_contain_text("asked here")
    expect(second).to_contain_text("+7 mo")
    expect(third).to_contain_text("Not aligned with the other studies")
    expect(third.get_by_role("button", name="Align")).to_be_visible()
    pane = panel.open_study(head.second)
    assert pane.index == pane.nearest(truth)
    assert miss_mm(pane, truth) < MARK_MM
    assert pane.mark is not None
    assert pane.mark.is_off
    assert abs(pane.mark.off_mm) == pytest.approx(
        abs(plane_distance(pane.planes[pane.index], truth)), abs=MARK_MM
    )

    panel.link("Zoom")
    panel.link("Pan")
    panel.link("Window")
    panel.drag(panel.pane(head.first), "right", 0, -60)
    panel.drag(panel.pane(head.first), "middle", 40, 25)
    panel.drag(panel.pane(head.first), "left", 50, 30)
    panel.page.wait_for_timeout(500)
    one, other = (panel.view(panel.pane(study)) for study in (head.first, head.second))
    assert other.mm_per_pixel == pytest.approx(one.mm_per_pixel, rel=1e-3)
    assert other.window == pytest.approx(one.window, rel=1e-3)
    marks = [
        mark for mark in (panel.pane(study).mark for study in (head.first, head.second)) if mark is not None
    ]
    assert (marks[0].x, marks[0].y) == pytest.approx(
        (marks[1].x, marks[1].y), abs=2
    )  # the viewports are equally large

    panel.show_third(UNALIGNED)
    panel.link("Scroll")
    before = panel.pane(UNALIGNED).index
    for step in (1, 1, 1, -2, -2):
        panel.wheel(panel.pane(head.first), step)
        panel.page.wait_for_timeout(500)
        leads = panel.pane(head.first)
        assert leads.mark is not None
        assert leads.index is not None
        # the place goes along the normal of the slices that are scrolled through
        wanted = panel.mapped(leads.mark.world, head.first, head.second)
        follows = panel.pane(head.second)
        assert follows.index == follows.nearest(wanted)
    assert panel.pane(UNALIGNED).index == before
    assert "Not aligned" in panel.pane(UNALIGNED).note
    assert not panel.viewer.failed
    assert not errors_of_ours(panel)


def errors_of_ours(panel: OhifPanel) -> list[str]:
    return [error for error in panel.viewer.errors if not error.startswith(OHIFS_OWN)]


def test_the_menu_the_tool_and_an_inactive_viewport_ask_too(panel: OhifPanel, head: Head) -> None:
    source, _ = head.pair(150)
    panel.open(head.first)
    pane = panel.panes()[0]
    panel.to_slice(pane, pane.nearest(source))
    x, y = panel.position(pane, source)
    panel.page.mouse.click(x, y, button="right")
    panel.page.get_by_text("Find this place in the other studies").click()
    expect(panel.row(head.second)).to_be_visible(timeout=WITHIN_MS)
    by_menu = panel.answered_point()
    assert (
        np.linalg.norm(by_menu - source)
        < abs(plane_distance(pane.planes[pane.nearest(source)], source)) + MARK_MM
    )

    panel.page.locator('[data-cy="LongitudinalPoint"]').first.click()
    pane = panel.panes()[0]
    panel.page.mouse.click(*panel.position(pane, source))
    panel.wait_number(2)
    assert panel.answered_point() == pytest.approx(by_menu, abs=MARK_MM)
    panel.page.locator('[data-cy="WindowLevel"]').first.click()

    pane = panel.open_study(head.second)
    panel.ctrl_click(*panel.position(panel.pane(head.first), source))
    panel.wait_number(3)
    assert panel.answered_point() == pytest.approx(by_menu, abs=MARK_MM)

    # a short drag with the right button zooms, and opens no menu
    panel.page.mouse.move(x := pane.x + 50, y := pane.y + 300)
    panel.page.mouse.down(button="right")
    panel.page.mouse.move(x, y + 60, steps=3)
    panel.page.mouse.up(button="right")
    panel.page.wait_for_timeout(300)
    assert panel.page.get_by_text("Find this place in the other studies").count() == 0
    assert not errors_of_ours(panel)


def test_blink_stops_and_hold_goes_on_where_less_motion_is_wanted(panel: OhifPanel, head: Head) -> None:
    panel.open(head.first)
    panel.ask(panel.panes()[0], head.pair(150)[0])
    panel.open_study(head.second)
    blink = panel.root.get_by_role("button", name="Blink")
    blink.click()
    for count in (1, 0, 1):
        expect(panel.covered()).to_have_count(count)

    panel.page.emulate_media(reduced_motion="reduce")
    expect(blink).to_be_disabled()
    expect(blink).to_have_attribute("title", re.compile("less motion"))
    assert covers_seen(panel) == {0}
    panel.root.get_by_role("button", name="Hold").hover()
    panel.page.mouse.down()
    expect(panel.covered()).to_have_count(1)
    assert covers_seen(panel) == {1}
    panel.page.mouse.up()
    expect(panel.covered()).to_have_count(0)
    assert not panel.viewer.errors


def covers_seen(panel: OhifPanel) -> set[int]:
    """How many covers there were, over more than two turns of blinking."""
    seen = set()
    for _ in range(20):
        seen.add(panel.covered().count())
        panel.page.wait_for_timeout(100)
    return seen


def test_a_place_is_kept_and_opened_again(
    panel: OhifPanel, head: Head, browser: Browser, server: OrthancServer
) -> None:
    source, _ = head.pair(100)
    panel.open(head.first)
    panel.ask(panel.panes()[0], source)
    clicked = panel.answered_point()
    panel.root.get_by_label("Name of the place").fill("left temporal")
    panel.root.get_by_role("button", name="Keep", exact=True).click()
    kept = panel.root.locator(".place", has_text="left temporal")
    expect(kept).to_contain_text("marked by a person", timeout=WITHIN_MS)
    kept.get_by_role("button", name="Keep in all studies").click()
    expect(kept).to_contain_text("mapped", timeout=WITHIN_MS)
    (place,) = server.session.get("/imaging/places", params={"patientId": head.patient}).json()["places"]
    assert [place["x"], place["y"], place["z"]] == pytest.approx(clicked, abs=FLOAT32_MM)
    assert not panel.viewer.errors
    assert not panel.viewer.failed

    panel.page.evaluate(AXE)
    found = panel.page.evaluate(
        "async () => (await axe.run([['[data-longitudinal]', 'section.panel']])).violations.map((each) => each.id)"
    )
    assert found == []

    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        again = OhifPanel(viewer)
        again.open(head.second)  # another study than the one where it was placed
        again.show()
        again.root.locator(".go", has_text="left temporal").click()
        pane = again.wait_mark(head.first)
        assert pane.mark is not None
        assert pane.mark.world == pytest.approx(clicked, abs=FLOAT32_MM)
        assert not viewer.errors


def test_a_place_that_is_kept_here_is_the_same_in_the_timeline(
    panel: OhifPanel, head: Head, browser: Browser, server: OrthancServer
) -> None:
    panel.open(head.first)
    panel.ask(panel.panes()[0], head.pair(120)[0])
    panel.root.get_by_label("Name of the place").fill("seen in both")
    panel.root.get_by_role("button", name="Keep", exact=True).click()
    expect(panel.root.locator(".place", has_text="seen in both")).to_be_visible(timeout=WITHIN_MS)
    places = server.session.get("/imaging/places", params={"patientId": head.patient}).json()["places"]
    (kept,) = (place["id"] for place in places if place["name"] == "seen in both")
    answered = panel.answered()

    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        timeline = Timeline(viewer, server)
        timeline.open(place=kept)
        for study in (head.first, head.second):
            tile = timeline.tile(study)
            painted = tile.wait_painted()
            expect(tile.locator.locator("g.place")).to_be_visible()
            ds = head.images[painted.sop_instance_uid]
            point = answered[study]
            plane = {"orientation": ds.ImageOrientationPatient, "position": ds.ImagePositionPatient}
            off_mm = plane_distance(plane, point)
            shown = lps_of(ds, *tile.crosshair())
            normal = np.cross(ds.ImageOrientationPatient[:3], ds.ImageOrientationPatient[3:])
            assert shown + off_mm * normal == pytest.approx(point, abs=0.1 / np.sqrt(3))
            words = "on the slice" if abs(off_mm) < 0.05 else f"{abs(off_mm):.1f} mm"
            expect(tile.locator).to_contain_text(words)
        assert not viewer.errors


def test_behind_nginx_under_a_prefix_with_a_login_and_nothing_aligned(
    browser: Browser, server: OrthancServer, head: Head, tmp_path: Path
) -> None:
    """By the recipe of the documentation; nginx answers 404 for what is asked for outside of the prefix."""
    (port,) = free_ports(1)
    (recipe,) = recipes(ROOT / "docs" / "ohif.md")
    http = f"server {{ listen 127.0.0.1:{port}; {recipe.replace('8042', str(server.http_port))} }}"
    login = (server.user, server.password)
    with (
        Nginx(tmp_path / "nginx", http, f"http://127.0.0.1:{port}/pacs/") as nginx,
        Viewer(browser, nginx.url.rstrip("/"), login) as viewer,
    ):
        panel = OhifPanel(viewer)
        panel.open(UNALIGNED)
        panel.ask(panel.panes()[0], head.points[150, :3])
        expect(panel.root).to_contain_text("Found in 0 of 2 other studies.")
        row = panel.row(head.first)
        row.get_by_role("button", name="Align").click()
        expect(row.locator("progress")).to_be_visible(timeout=WITHIN_MS)
        row.get_by_role("button", name="Stop").click(timeout=WITHIN_MS)
        expect(row).to_contain_text("Stopped.", timeout=WITHIN_MS)
        assert not viewer.errors
        assert not viewer.failed


def test_work_that_was_begun_elsewhere_is_shown_and_can_be_stopped(
    panel: OhifPanel, server: OrthancServer, head: Head
) -> None:
    asked = {"studyInstanceUids": [head.first, UNALIGNED], "method": "deformable"}
    (job,) = server.session.post("/imaging/alignments", json=asked).json()["jobs"]
    panel.open(head.first)
    panel.ask(panel.panes()[0], head.points[150, :3])
    row = panel.row(UNALIGNED)
    expect(row.locator("progress")).to_be_visible(timeout=WITHIN_MS)
    row.get_by_role("button", name="Stop").click(timeout=WITHIN_MS)
    expect(row).to_contain_text("Stopped.", timeout=WITHIN_MS)
    assert server.session.get(f"/imaging/jobs/{job['id']}").json()["state"] == "cancelled"


def test_without_a_worker_the_study_says_so_and_the_rest_goes_on(
    panel: OhifPanel, server: OrthancServer, head: Head
) -> None:
    panel.open(head.first)
    panel.ask(panel.panes()[0], head.points[150, :3])
    row = panel.row(UNALIGNED)
    row.get_by_role("button", name=re.compile("^Align")).click()
    expect(row.locator("progress")).to_be_visible()
    killed: set[int] = set()
    end = time.monotonic() + 90
    while row.locator("progress").count() and time.monotonic() < end:
        worker = processes.worker_of(server.pid)
        if worker is not None and worker not in killed:
            processes.kill(worker)
            killed.add(worker)
        panel.page.wait_for_timeout(50)
    assert killed
    expect(row).to_contain_text("The alignment of this study failed")
    expect(row).to_contain_text("the worker was killed")
    expect(row.get_by_role("button", name="Align again")).to_be_enabled()

    source, truth = head.pair(100)
    panel.ask(panel.pane(head.first), source)
    assert miss_mm(panel.open_study(head.second), truth) < MARK_MM
    assert not panel.viewer.errors
    assert not panel.viewer.failed


def test_structures_without_their_images_are_named(panel: OhifPanel, server: OrthancServer) -> None:
    (file,) = [path for path in dicom_files("rt/rt-utils/tests/mock_data") if path.name == "rt.dcm"]
    ds = pydicom.dcmread(file)
    server.store_rest([file])
    panel.page.goto(f"{server.url}/ohif/viewer?StudyInstanceUIDs={ds.StudyInstanceUID}")
    series = (
        ds.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    )
    expect(panel.page.get_by_text(str(series.SeriesInstanceUID))).to_be_visible(timeout=WITHIN_MS)
    expect(panel.page.get_by_text("Studies", exact=True)).to_be_visible()  # the viewer is still there
    assert not panel.viewer.errors


def test_a_mark_goes_when_its_alignment_is_deleted(
    panel: OhifPanel, server: OrthancServer, head: Head
) -> None:
    """The last test: there is no alignment left after it."""
    panel.open(head.first)
    panel.ask(panel.panes()[0], head.points[150, :3])
    panel.open_study(head.second)
    stored = server.session.get("/imaging/transforms", params={"patientId": head.patient}).json()
    assert stored["transforms"]
    for transform in stored["transforms"]:
        assert server.session.delete(f"/imaging/transforms/{transform['id']}").ok
    row = panel.row(head.second)
    expect(row).to_contain_text("was deleted or rejected", timeout=WITHIN_MS)
    assert panel.pane(head.second).mark is None
    row.get_by_role("button", name="Ask again").click()
    expect(row).to_contain_text("Not aligned with the other studies", timeout=WITHIN_MS)
