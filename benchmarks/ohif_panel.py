"""OHIF's panel on the real head: how exact marks and slices are, how long a click takes, what is fetched, and when.

    .venv/bin/python -m benchmarks.ohif_panel [--versions 3.13.2 3.12.10] [--points 20]

Each version is fetched by `scripts/ohif.py VERSION`. The two studies are aligned by the plugin itself; a third one is the
first head cut along tilted slices and moved, joined by its exact matrix. Points are those of the data's CSV.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect

from benchmarks.tilted_head import STUDY as TILTED
from benchmarks.tilted_head import TILT_DEGREES, tilted
from tests.browser.chromium import driven
from tests.browser.ohif_panel import WITHIN_MS, OhifPanel, Pane
from tests.browser.viewer import Viewer
from tests.data import ROOT, data, dicom_files
from tests.orthanc.server import OrthancServer, wait_until

sys.path.insert(0, str(ROOT / "scripts"))
from ohif import app_of

OPENMS = "openms_dicom/patient01"
ALIGN_SECONDS = 300
SCROLL_STEPS = 20
FOLLOW_MS = 600
SETTLED_MS = 800
_SESSION = "const session = await (await import(window.PUBLIC_URL + 'longitudinal/ohif/extension/extension.js')).current();"
_MPR = f"async () => {{ {_SESSION} session.grid.commands.runCommand('toggleHangingProtocol', {{ protocolId: 'mpr' }}); }}"
_CUT_AXIAL = f"""
async (point) => {{
  {_SESSION}
  const {{ viewport }} = session.grid.all().find((one) => one.viewport.type === 'orthographic');
  await session.mover.goTo(viewport, point, -1);
}}
"""
_MATCH = f"""
async (study) => {{
  {_SESSION}
  return session.question.answer.matches.find((one) => one.studyInstanceUid === study);
}}
"""
_NOTE_FIRST_IMAGE = """
document.addEventListener('CORNERSTONE_IMAGE_RENDERED', () => { window.firstImage ??= performance.now(); }, true)
"""
_FETCHED = """
() => performance.getEntriesByType('resource').filter((one) => /[/](longitudinal|imaging)[/]/.test(one.name))
  .map((one) => [one.startTime < window.firstImage, one.transferSize])
"""
# from the press to the frame on which the mark of this answer is drawn and the slice is the right one
_TIMED = f"""
async ([target]) => {{
  {_SESSION}
  const {{ viewport }} = session.grid.all().find((one) => session.images.shown(one.viewport).study === target);
  const before = session.question.number;
  window.timedClick = new Promise((resolve) => {{
    document.addEventListener('pointerup', () => {{
      const began = performance.now();
      const look = () => {{
        const {{ question }} = session;
        const match = question.number > before && session.matchIn(viewport);
        const group = viewport.element.querySelector('svg.longitudinal-marks g.place');
        const isThere = match && group !== null
          && viewport.getCurrentImageIdIndex() === session.images.indexOf(viewport, match.sopInstanceUid, match.frameNumber);
        if (isThere || performance.now() - began > 10000) resolve([performance.now() - began, question.resolveMs]);
        else requestAnimationFrame(look);
      }};
      look();
    }}, {{ capture: true, once: true }});
  }});
}}
"""


@dataclass(frozen=True)
class Patient:
    """The head in three studies, and the points of the truth between the first two."""

    first: str
    second: str
    patient_id: str
    points: NDArray[np.float64]


@contextmanager
def served(version: str) -> Iterator[tuple[OrthancServer, Patient]]:
    """A server with one version of OHIF and the patient, aligned."""
    settings = {"OhifPath": str(app_of(version)), "AlignOnArrival": False}
    configuration = {"HttpCompressionEnabled": False, "Longitudinal": settings}
    with (
        tempfile.TemporaryDirectory() as name,
        OrthancServer(Path(name), configuration=configuration) as server,
    ):
        yield server, load(server)


def load(server: OrthancServer) -> Patient:
    """Store the studies, align the real ones, give the matrix of the tilted one."""
    read = [pydicom.dcmread(path) for path in dicom_files(OPENMS)]
    (_, first), (_, second) = sorted({(each.StudyDate, each.StudyInstanceUID) for each in read})
    original = [each for each in read if each.StudyInstanceUID == first]
    files, moved = tilted(original)
    server.store_rest([*dicom_files(OPENMS), *files])
    server.wait_indexed(lambda health: health["instances"] >= len(read) + len(files))
    matrix = {"sourceFrameOfReferenceUid": str(original[0].FrameOfReferenceUID), "targetFrameOfReferenceUid": f"{TILTED}.2",
              "matrix": moved.tolist()}  # fmt: skip
    assert server.session.post("/imaging/transforms", json=matrix).status_code == 201
    asked = server.session.post("/imaging/alignments", json={"studyInstanceUids": [first, second]}).json()
    for job in asked["jobs"]:
        wait_until(
            lambda id_=job["id"]: _state(server, id_) == "done", ALIGN_SECONDS, "the studies are aligned"
        )
    file = data(OPENMS) / "truth_points_study1_to_study2_LPSmm.csv"
    return Patient(first, second, str(read[0].PatientID), np.loadtxt(file, delimiter=",", skiprows=1)[:, :6])


def _state(server: OrthancServer, job: str) -> str:
    return str(server.session.get(f"/imaging/jobs/{job}").json()["state"])


def miss(pane: Pane, truth: NDArray[np.float64]) -> tuple[float, float]:
    """mm between a mark and the truth, in the slice and along its normal."""
    assert pane.mark is not None
    assert pane.index is not None
    plane = pane.planes[pane.index]
    along, down = np.array(plane["orientation"][:3]), np.array(plane["orientation"][3:])
    off = truth - pane.mark.world
    return float(np.hypot(off @ along, off @ down)), abs(float(off @ np.cross(along, down)))


def check_marks(panel: OhifPanel, patient: Patient, count: int) -> None:
    """Ask at points of the CSV and compare the mark in the second study; time each click."""
    panel.open(patient.first)
    chosen = patient.points[np.linspace(0, len(patient.points) - 1, count).astype(int)]
    panel.ask(panel.panes()[0], chosen[0, :3])
    panel.open_study(patient.second)
    misses, times, shares = [], [], []
    for row in chosen:
        pane = panel.pane(patient.first)
        panel.to_slice(pane, pane.nearest(row[:3]))
        panel.page.wait_for_timeout(200)
        position = panel.position(pane, row[:3])
        panel.page.evaluate(_TIMED, [patient.second])
        panel.ctrl_click(*position)
        took, resolve = panel.page.evaluate("() => window.timedClick")
        times.append(took)
        shares.append(resolve / took)
        misses.append(miss(panel.wait_mark(patient.second), row[3:]))
    inside = [each for each, _ in misses]
    print(
        f"  marks against the CSV, {count} points, in the slice: median {statistics.median(inside):.2f} mm, "
        f"largest {max(inside):.2f} mm (along the normal, which the mark states: {max(off for _, off in misses):.2f} mm)"
    )
    print(
        f"  click to mark and slice in a loaded study: median {statistics.median(times):.0f} ms, "
        f"largest {max(times):.0f} ms; resolve is {100 * statistics.median(shares):.0f} % of it"
    )


def check_scrolling(panel: OhifPanel, patient: Patient) -> None:
    """Scroll the first of three viewports, and compare the others' slices with the nearest ones."""
    panel.open(patient.first)
    sources = patient.points[:, :3]
    middle = np.argmin(np.linalg.norm(sources - sources.mean(axis=0), axis=1))
    panel.ask(panel.panes()[0], sources[middle])
    panel.root.get_by_role("button", name="Show all").click()
    for study in (patient.second, TILTED):
        panel.wait_mark(study)
    panel.page.wait_for_timeout(SETTLED_MS)
    panel.link("Scroll")
    right, outside = 0, 0
    for step in range(SCROLL_STEPS):
        # down, and up again past where it began
        panel.wheel(panel.pane(patient.first), 1 if step < SCROLL_STEPS // 3 else -1)
        panel.page.wait_for_timeout(FOLLOW_MS)
        leads = panel.pane(patient.first)
        assert leads.mark is not None
        for study in (patient.second, TILTED):
            pane = panel.pane(study)
            if pane.note:
                outside += 1
                continue
            right += pane.index == pane.nearest(panel.mapped(leads.mark.world, patient.first, study))
    print(
        f"  slices right over {SCROLL_STEPS} steps in 3 viewports, one tilted by {TILT_DEGREES:.0f} degrees: {right} of "
        f"{2 * SCROLL_STEPS - outside}; {outside} times the place was beside the images, which the viewport says"
    )


def check_mpr(panel: OhifPanel, patient: Patient) -> None:
    """The same point clicked on a slice and in MPR."""
    panel.open(patient.first)
    pane = panel.panes()[0]
    source = patient.points[150, :3]
    panel.ask(pane, source)
    clicked = panel.answered_point()
    by_stack = match_in(panel, patient.second)
    panel.page.evaluate(_MPR)
    for _ in range(WITHIN_MS // 250):
        panel.page.wait_for_timeout(250)
        if len(panel.panes()) == 3:
            break
    panel.page.wait_for_timeout(4 * SETTLED_MS)
    panel.page.evaluate(_CUT_AXIAL, clicked.tolist())
    panel.page.wait_for_timeout(SETTLED_MS)
    panel.ctrl_click(*panel.position(panel.panes()[0], clicked))
    panel.wait_number(2)
    by_mpr = match_in(panel, patient.second)
    off = np.linalg.norm(np.array([by_mpr[axis] - by_stack[axis] for axis in "xyz"]))
    rows, columns, slices = (abs(by_mpr[key] - by_stack[key]) for key in ("row", "column", "sliceIndex"))
    print(
        f"  MPR against stack: the places in the second study are {off:.2f} mm apart: {rows:.2f} rows, "
        f"{columns:.2f} columns, {slices} slices"
    )


def match_in(panel: OhifPanel, study: str) -> dict[str, Any]:
    """The match of the last answer in a study."""
    found: dict[str, Any] = panel.page.evaluate(_MATCH, study)
    return found


def check_kept(panel: OhifPanel, browser: Browser, server: OrthancServer, patient: Patient) -> None:
    """Keep a place, and open it again in another tab and by its link to the timeline."""
    panel.open(patient.first)
    panel.ask(panel.panes()[0], patient.points[100, :3])
    clicked = panel.answered_point()
    panel.root.get_by_label("Name of the place").fill("benchmark")
    panel.root.get_by_role("button", name="Keep", exact=True).click()
    expect(panel.root.locator(".place", has_text="benchmark")).to_be_visible(timeout=WITHIN_MS)
    (place,) = server.session.get("/imaging/places", params={"patientId": patient.patient_id}).json()[
        "places"
    ]
    stored = np.array([place[axis] for axis in "xyz"])
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        again = OhifPanel(viewer)
        again.open(patient.second)
        again.show()
        again.root.locator(".go", has_text="benchmark").click()
        mark = again.wait_mark(patient.first).mark
        assert mark is not None
    print(
        f"  a kept place: stored {np.linalg.norm(stored - clicked):.4f} mm, reopened in OHIF "
        f"{np.linalg.norm(mark.world - clicked):.4f} mm from the click; timeline: {place['links']['timeline']}"
    )


def check_fetched(browser: Browser, server: OrthancServer, patient: Patient) -> None:
    """What of ours comes before OHIF's first image, and what after it."""
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        viewer.page.add_init_script(_NOTE_FIRST_IMAGE)
        viewer.open_studies(patient.first)
        viewer.page.wait_for_timeout(2 * SETTLED_MS)
        entries = viewer.page.evaluate(_FETCHED)
        before = [size for is_before, size in entries if is_before]
        after = [size for is_before, size in entries if not is_before]
        assert not viewer.failed
        print(
            f"  fetched before OHIF's first image: {len(before)} request, {sum(before)} bytes; "
            f"after it {len(after)} requests, {sum(after)} bytes; console errors: {len(viewer.errors)}"
        )


def main() -> None:
    """Every check, on each version."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--versions", nargs="+", default=["3.13.2", "3.12.10"])
    parser.add_argument("--points", type=int, default=20)
    asked = parser.parse_args()
    for version in asked.versions:
        with driven() as browser, served(version) as (server, patient):
            print(f"OHIF {version}", flush=True)
            check_fetched(browser, server, patient)
            for check in (
                lambda panel, patient=patient: check_marks(panel, patient, asked.points),
                lambda panel, patient=patient: check_scrolling(panel, patient),
                lambda panel, patient=patient: check_mpr(panel, patient),
                lambda panel, browser=browser, server=server, patient=patient: check_kept(
                    panel, browser, server, patient
                ),
            ):
                with Viewer(browser, server.url, (server.user, server.password)) as viewer:
                    check(OhifPanel(viewer))
                    print(
                        f"    console errors: {viewer.errors}; failed requests: {viewer.failed}", flush=True
                    )


if __name__ == "__main__":
    main()
