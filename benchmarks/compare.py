"""Comparing studies on the timeline page, in headless Chromium: linked scrolling, same cut, blink, difference, 60 studies.

    .venv/bin/python -m benchmarks.compare [scroll] [cut] [lung] [same] [many] [--seconds 10] [--size 512] [--studies 60]

scroll   20 steps in six studies, each slice against brute force; then the wheel for so many seconds, all slices at hand
cut      the browser's cutter on stored values against SimpleITK, rigid and affine; milliseconds cold and warm, worker too
lung     a real deformable transform: the grid of the page against the exact map at 500 pixels; milliseconds
same     a scan and the same scan with its headers moved: blink, and the difference, which has to be nothing
many     as many studies as are said: first tile, last visible tile, longest task, memory of the tab through all pages

Prints one JSON object. Run it on a machine that is at rest.
"""

import argparse
import base64
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from playwright.sync_api import Browser, expect, sync_playwright

from benchmarks.longitudinal_patients import give_transforms
from benchmarks.made_patients.head import make_head
from tests.browser.chromium import FLAGS
from tests.browser.explorer_page import store
from tests.browser.made_patient import MadePatient, image_of, resampled
from tests.browser.timeline import WITHIN_MS, Tile, Timeline
from tests.browser.viewer import Viewer
from tests.data import data, dicom_files
from tests.orthanc.server import OrthancServer

Json = dict[str, Any]
SETTINGS = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
STEPS = 20
BORDER_MM = 0.01
WATCH = """
() => {
  window.frames_ = []; window.long_ = [];
  new PerformanceObserver((list) => list.getEntries().forEach((one) => window.long_.push(one.duration)))
    .observe({ type: 'longtask' });
  let last = performance.now();
  const tick = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}
"""
CUT = """
async ({ series, matrix, corner, right, down, width, height, address }) => {
  const at = '/imaging/app/timeline/';
  const [{ CutStack, cutInto }, { readNpy }, { readSeries }] = await Promise.all(
    ['compare/cut.js', 'render/npy.js', 'point/series.js'].map((path) => import(at + path)));
  const { sequences: [{ pictures }] } = readSeries(await (await fetch(`/imaging/series/${series}/stacks`)).json());
  const frames = await Promise.all(pictures.map(async ({ address, slope, intercept, padding }) => (
    { ...readNpy(await (await fetch(address)).arrayBuffer()), slope, intercept, padding })));
  const moved = ([x, y, z]) => matrix.slice(0, 3).map((row) => row[0] * x + row[1] * y + row[2] * z + row[3]);
  const [start, i, j] = [corner, right, down].map(moved);
  const place = { matrix: [...i.map((v, k) => v - start[k]), ...j.map((v, k) => v - start[k]), ...start] };
  const stack = new CutStack(pictures.map(({ plane }) => plane), pictures[0].reach[0]);
  const values = new Float32Array(width * height);
  const times = [];
  for (let run = 0; run < 10; run += 1) {
    const from = performance.now();
    cutInto(values, width, height, stack, frames, place);
    times.push(performance.now() - from);
  }
  const bytes = new Uint8Array(values.buffer);
  let text = '';
  for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192));
  return { values: btoa(text), times };
}
"""
GRID = """
async ({ source, target, plane, rows, columns, pixels }) => {
  const at = '/imaging/app/';
  const [{ Maps }, { gridOver, gridPlace }, { pointInto }, { Api }, { pointOf }] = await Promise.all(
    ['timeline/compare/maps.js', 'timeline/compare/plane_map.js', 'timeline/compare/cut.js', 'shared/api.js',
      'shared/geometry.js'].map((path) => import(at + path)));
  const api = new Api({ prefix: '', root: '/imaging' });
  const maps = new Maps(api, () => undefined);
  const { signal } = new AbortController();
  const from = performance.now();
  const grid = await gridOver(maps, { source, target, plane, rows, columns }, signal);
  const ms = performance.now() - from;
  const place = gridPlace([1, 0, 0, 0, 1, 0], { rows, columns }, grid);
  const exact = await maps.map('exact', source, target, pixels.map(([row, column]) => pointOf(plane, row, column)), signal);
  const point = new Float64Array(3);
  const offs = pixels.map(([row, column], k) => {
    pointInto(point, place, column, row);
    const true_ = exact.points[k];
    return true_ === null || point[0] !== point[0] ? null : Math.hypot(...true_.map((value, axis) => point[axis] - value));
  });
  return { ms, offs, side: grid.rows, requests: maps.requests - 1, between: grid.offMm };
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--size", type=int, choices=(320, 512), default=512)
    parser.add_argument("--studies", type=int, default=60)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, args=[*FLAGS, "--enable-precise-memory-info"]
        )
        found = {}
        for name in options.parts or list(PARTS):
            with (
                tempfile.TemporaryDirectory() as folder,
                OrthancServer(Path(folder) / "server", configuration=SETTINGS) as server,
            ):
                found[name] = PARTS[name](server, browser, Path(folder), options)
        browser.close()
    print(json.dumps(found, indent=1))


def viewer_of(server: OrthancServer, browser: Browser) -> Viewer:
    basic = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    viewer = Viewer(browser, server.url, headers={"Authorization": f"Basic {basic}"})
    viewer.page.set_viewport_size({"width": 1440, "height": 900})
    return viewer


def head_of(server: OrthancServer, folder: Path, studies: int, size: int) -> MadePatient:
    made = folder / "head"
    made.mkdir()
    patient = MadePatient(server, made, make_head(made, studies, size=size))
    give_transforms(patient.truth, server.url, 1.5, (server.user, server.password))
    return patient


def ask(timeline: Timeline, patient: MadePatient, place: int = 3) -> Tile:
    study = patient.studies[0]
    timeline.open(study=study["studyInstanceUid"])
    tile = timeline.tile(study["studyInstanceUid"])
    tile.wait_painted()
    column, row, at = study["pixels"][place]
    tile.locator.get_by_role("slider").fill(str(round(at) + 1))
    timeline.page.wait_for_timeout(600)
    timeline.ask(tile, row, column)
    tile.hover()
    return tile


def settled(timeline: Timeline) -> None:
    timeline.page.wait_for_timeout(60)
    expect(timeline.page.locator(".busy")).to_have_count(0, timeout=WITHIN_MS)
    timeline.page.wait_for_timeout(60)


def scroll(server: OrthancServer, browser: Browser, folder: Path, options: argparse.Namespace) -> Json:
    """Right slices, and the intervals between frames of the screen."""
    head = head_of(server, folder, 6, options.size)
    with viewer_of(server, browser) as viewer:
        timeline = Timeline(viewer, server)
        tile = ask(timeline, head)
        settled(timeline)
        source = head.slices(head.studies[0])
        start = source.uids.index(tile.painted().sop_instance_uid)
        place = source.point(start, *tile.crosshair())
        maps = count(viewer, "/points/map")
        right = wrong = outside = 0
        for _ in range(STEPS):
            viewer.page.keyboard.press("ArrowDown")
            settled(timeline)
            at = source.uids.index(tile.painted().sop_instance_uid)
            point = [*(place + source.normal * (source.heights[at] - source.heights[start])), 1]
            for study in head.studies[1:]:
                expected, margin = head.slices(study).holding(
                    (np.array(study["matrixFromFirst"]) @ point)[:3]
                )
                other = timeline.tile(study["studyInstanceUid"])
                said = other.locator.locator(".outside-word").count() > 0
                shown = None if said else other.painted().sop_instance_uid
                right += shown == expected
                wrong += shown != expected and margin > BORDER_MM
                outside += expected is None
        maps = count(viewer, "/points/map") - maps
        wheel(timeline, len(source.uids))  # every slice is fetched once
        viewer.page.evaluate(WATCH)
        cpu, until = cpu_of(browser), time.monotonic() + options.seconds
        fetched, turns = count(viewer, "/numpy"), 0
        while time.monotonic() < until:
            viewer.page.mouse.wheel(0, -100 if turns // 40 % 2 else 100)
            viewer.page.wait_for_timeout(16)
            turns += 1
        frames, long = viewer.page.evaluate("[window.frames_, window.long_]")
        return {
            "steps": STEPS,
            "slicesCompared": right + wrong,
            "wrong": wrong,
            "outside": outside,
            "requestsForPlaces": maps,
            "wheelTurns": turns,
            "mainThreadCpuMsPerTurn": round((cpu_of(browser) - cpu) / turns, 1),
            "frames": len(frames),
            "frameMsMedian": round(median(frames), 1),
            "frameMsP95": p95(frames),
            "longTasksOver50Ms": len(long),
            "longestTaskMs": max(long, default=0),
            "fetchedMeanwhile": count(viewer, "/numpy") - fetched,
        }


def wheel(timeline: Timeline, slices: int) -> None:
    for direction in (100, -100, 100):
        for _ in range(slices):
            timeline.page.mouse.wheel(0, direction)
            timeline.page.wait_for_timeout(40)
    settled(timeline)


def count(viewer: Viewer, end: str) -> int:
    return sum(end in url for url in viewer.requested)


def cut(server: OrthancServer, browser: Browser, folder: Path, options: argparse.Namespace) -> Json:
    """The browser's cutter and the worker's against SimpleITK."""
    head = head_of(server, folder, 3, options.size)
    first, second = head.studies[:2]
    slices, at = head.slices(first), 20
    corner, right, down = (slices.point(at, *pixel) for pixel in ((0, 0), (0, 1), (1, 0)))
    image = image_of(head, second)
    rigid = np.array(second["matrixFromFirst"])
    affine = rigid @ np.array([[1.06, 0.04, 0, 2], [-0.03, 0.95, 0.05, 0], [0.02, 0, 1.08, -3], [0, 0, 0, 1]])
    found: Json = {}
    with viewer_of(server, browser) as viewer:
        timeline = Timeline(viewer, server)
        timeline.open(study=first["studyInstanceUid"])
        for name, matrix in (("rigid", rigid), ("affine", affine)):
            got = viewer.page.evaluate(
                CUT,
                {
                    "series": second["seriesInstanceUid"],
                    "matrix": matrix.tolist(),
                    "width": 420,
                    "height": 420,
                    "corner": corner.tolist(),
                    "right": right.tolist(),
                    "down": down.tolist(),
                },
            )
            values = np.frombuffer(base64.b64decode(got["values"]), np.float32).reshape(420, 420)
            transform = sitk.AffineTransform(3)
            transform.SetMatrix(matrix[:3, :3].ravel().tolist())
            transform.SetTranslation(matrix[:3, 3].tolist())
            expected = resampled(image, corner, right - corner, down - corner, (420, 420), transform)
            both = ~np.isnan(values) & ~np.isnan(expected)
            off = np.abs(values - expected)[both]
            found[name] = {
                "pixels": int(both.sum()),
                "offMax": round(float(off.max()), 4),
                "differentlyOutside": int((np.isnan(values) != np.isnan(expected)).sum()),
                "ms420x420": round(median(got["times"]), 1),
            }
        tile = ask(timeline, head)
        found["browserMs"] = {"cold": press_s(timeline, second), "warm": press_s(timeline, second)}
        tile.hover()
    found["workerMs"] = {}
    for name, number in (("coldProcess", 10), ("newPlane", 11), ("kept", 11)):
        query = {"sopInstanceUid": slices.uids[number], "seriesInstanceUid": second["seriesInstanceUid"]}
        began = time.perf_counter()
        answer = server.session.get("/imaging/points/reslice", params=query)
        found["workerMs"][name] = round(1000 * (time.perf_counter() - began), 1)
        assert answer.status_code == 200, answer.text
    return found


def press_s(timeline: Timeline, study: Json) -> float:
    """Milliseconds from the key to the cut on the canvas; the cut is ended again."""
    watch = """
    (study) => {
      const canvas = document.querySelector(`.tile[data-study="${study}"] canvas`);
      window.cutAt = null;
      addEventListener('keydown', () => { window.pressedAt = performance.now(); }, { capture: true, once: true });
      new MutationObserver((_, self) => {
        if ((canvas.dataset.painted ?? '').includes('"from":["here"]')) {
          window.cutAt = performance.now();
          self.disconnect();
        }
      }).observe(canvas, { attributes: true, attributeFilter: ['data-painted'] });
    }
    """
    timeline.page.evaluate(watch, study["studyInstanceUid"])
    timeline.page.keyboard.press("s")
    timeline.page.wait_for_function("() => window.cutAt !== null", timeout=WITHIN_MS)
    took = timeline.page.evaluate("window.cutAt - window.pressedAt")
    timeline.page.keyboard.press("s")
    settled(timeline)
    return round(float(took), 1)


def lung(server: OrthancServer, browser: Browser, folder: Path, options: argparse.Namespace) -> Json:
    """A real chest whose registration another program wrote."""
    registration = data("reg_independent") / "elastix_lung_DEFORMABLE.dcm"
    names = {
        name: sorted(map(Path, map(str, dicom_files(f"elastix_3dct_lung/dicom/{name}"))))
        for name in ("baseline", "followup")
    }
    store(server, [path.read_bytes() for path in (*names["baseline"], *names["followup"], registration)])
    headers = {
        name: sorted(
            (pydicom.dcmread(path, stop_before_pixels=True) for path in paths),
            key=lambda one: float(one.ImagePositionPatient[2]),
        )
        for name, paths in names.items()
    }
    server.wait_until(lambda: server.health()["instances"] >= sum(map(len, names.values())), within=120)
    source, target = (str(headers[name][0].FrameOfReferenceUID) for name in ("baseline", "followup"))
    found: Json = {"planes": []}
    random = np.random.default_rng(5)
    with viewer_of(server, browser) as viewer:
        timeline = Timeline(viewer, server)
        timeline.open(study=str(headers["baseline"][0].StudyInstanceUID))
        for share in (0.3, 0.5, 0.7):
            header = headers["baseline"][int(share * len(headers["baseline"]))]
            rows, columns = int(header.Rows), int(header.Columns)
            pixels = np.column_stack([random.uniform(0, rows - 1, 500), random.uniform(0, columns - 1, 500)])
            got = viewer.page.evaluate(
                GRID,
                {
                    "source": source,
                    "target": target,
                    "rows": rows,
                    "columns": columns,
                    "pixels": pixels.tolist(),
                    "plane": {
                        "position": [float(v) for v in header.ImagePositionPatient],
                        "orientation": [float(v) for v in header.ImageOrientationPatient],
                        "spacing": [float(v) for v in header.PixelSpacing],
                    },
                },
            )
            offs = [off for off in got["offs"] if off is not None]
            found["planes"].append(
                {
                    "points": len(offs),
                    "offMmMax": round(max(offs, default=0), 3),
                    "offMmP95": p95(offs) if offs else None,
                    "nodesASide": got["side"],
                    "requests": got["requests"],
                    "ms": round(got["ms"], 1),
                }
            )
    return found


def same(server: OrthancServer, browser: Browser, folder: Path, options: argparse.Namespace) -> Json:
    """The first study again, its headers moved by a known motion."""
    made = folder / "head"
    made.mkdir()
    truth = make_head(made, 2, size=options.size)
    _, second = truth["studies"]
    motion = np.array(second["matrixFromFirst"])
    for path in made.rglob("*.dcm"):
        header = pydicom.dcmread(path)
        if header.StudyInstanceUID == second["studyInstanceUid"]:
            path.unlink()
    for number, path in enumerate(sorted(made.rglob("*.dcm"))):
        ds = pydicom.dcmread(path)
        position = motion @ [*map(float, ds.ImagePositionPatient), 1]
        ds.ImagePositionPatient = [f"{value:.10g}" for value in position[:3]]
        turned = [motion[:3, :3] @ np.array(ds.ImageOrientationPatient[k : k + 3], float) for k in (0, 3)]
        ds.ImageOrientationPatient = [f"{value:.10g}" for value in np.concatenate(turned)]
        ds.StudyInstanceUID, ds.SeriesInstanceUID = second["studyInstanceUid"], second["seriesInstanceUid"]
        ds.FrameOfReferenceUID, ds.StudyDate = (
            second["frameOfReferenceUid"],
            second["studyDate"].replace("-", ""),
        )
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = (
            f"{second['seriesInstanceUid'][:50]}.7.{number}"
        )
        ds.save_as(path.with_name(f"moved-{path.name}"))
    patient = MadePatient(server, made, truth)
    give_transforms(truth, server.url, 1.5, (server.user, server.password))
    with viewer_of(server, browser) as viewer:
        timeline = Timeline(viewer, server)
        ask(timeline, patient)
        tile = timeline.tile(second["studyInstanceUid"])
        tile.hover()
        viewer.page.keyboard.press("d")
        expect(tile.canvas).to_have_attribute("data-painted", HERE, timeout=WITHIN_MS)
        settled(timeline)
        seen = tile.pixels().astype(int)
        coloured = seen.max(axis=-1) > 0
        neutral = np.abs(seen - 48).max(axis=-1)
        window = tile.painted().window
        # a step of colour is half a window over 207
        step = window["width"] / 2 / 207
        return {
            "pixels": int(coloured.sum()),
            "scale": window["width"] / 2,
            "colourStepsOffMax": int(neutral[coloured].max()),
            "differenceMaxAboutValues": round(float(neutral[coloured].max() * step), 2),
            "pixelsOff": int((neutral[coloured] > 0).sum()),
        }


def many(server: OrthancServer, browser: Browser, folder: Path, options: argparse.Namespace) -> Json:
    """First tile, last visible tile, longest task, and memory through all pages."""
    head = head_of(server, folder, options.studies, 320)
    server.wait_until(
        lambda: server.session.get(f"/imaging/patients/{head.id}").json()["total"] == options.studies,
        within=120,
    )
    study = head.studies[0]
    with viewer_of(server, browser) as viewer:
        page = viewer.page
        page.add_init_script(f"({WATCH})()")
        timeline = Timeline(viewer, server)
        began = time.perf_counter()
        timeline.open(study=study["studyInstanceUid"])
        tile = timeline.tile(study["studyInstanceUid"])
        tile.wait_painted()
        first = 1000 * (time.perf_counter() - began)
        for one in timeline.tiles():
            one.wait_painted()
        last = 1000 * (time.perf_counter() - began)
        column, row, at = study["pixels"][3]
        tile.locator.get_by_role("slider").fill(str(round(at) + 1))
        page.wait_for_timeout(600)
        began = time.perf_counter()
        timeline.ask(tile, row, column)
        asked = 1000 * (time.perf_counter() - began)
        page.wait_for_timeout(1500)
        memory, pages = [memory_of(browser)], 1
        later = page.get_by_role("button", name="Later")
        while not later.is_disabled():
            later.click()
            pages += 1
            for one in timeline.tiles():
                expect(one.locator.locator("canvas[data-painted], .outside-word").first).to_be_attached(
                    timeout=WITHIN_MS
                )
            tile.hover()
            for _ in range(10):
                page.mouse.wheel(0, 100)
                page.wait_for_timeout(40)
            settled(timeline)
            memory.append(memory_of(browser))
        page.locator(".film-row").evaluate("(row) => { row.scrollLeft = row.scrollWidth; }")
        page.wait_for_timeout(1500)
        memory.append(memory_of(browser))
        long = page.evaluate("window.long_")
        return {
            "studies": len(head.studies),
            "pages": pages,
            "firstTileMs": round(first),
            "lastVisibleTileMs": round(last),
            "clickToWholePageMs": round(asked),
            "longestTaskMs": max(long, default=0),
            "tasksOver200Ms": sum(one > 200 for one in long),
            "tabMiBMax": max(memory),
            "tabMiBAtFirst": memory[0],
        }


def memory_of(browser: Browser) -> int:
    """MiB that the largest renderer has to itself."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return max(private_of(int(one["id"])) for one in processes if one["type"] == "renderer")


def cpu_of(browser: Browser) -> float:
    """Processor time of the main threads of all renderers, ms: what a busy machine does not change."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    ticks = 0
    for one in processes:
        stat = Path(f"/proc/{one['id']}/task/{one['id']}/stat")
        if one["type"] == "renderer" and stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def private_of(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    kib = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_", "Swap:")))
    return kib // 1024


def p95(values: list[float]) -> float:
    return round(float(np.percentile(values, 95)), 3)


HERE = re.compile(r'"from":\["here","here"\]')
PARTS: dict[str, Callable[[OrthancServer, Browser, Path, argparse.Namespace], Json]] = {
    "scroll": scroll,
    "cut": cut,
    "lung": lung,
    "same": same,
    "many": many,
}

if __name__ == "__main__":
    main()
