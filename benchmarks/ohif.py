"""OHIF's first image from Orthanc's own port, against the same app on nginx; and what a viewer costs a running C-STORE.

    .venv/bin/python -m benchmarks.ohif [--rounds 7]

Needs nginx (Debian: nginx-light). The rival is nginx with the same patched files, compressed beforehand, that hands
everything else on to Orthanc. So that its hop is not counted against it, the plugin's OHIF is fetched through nginx too,
which then hands everything on; the figure without nginx stands beside it. A new browser profile each time, rounds
interleaved.

The second part streams images over one association and prints the longest wait for a store response: alone, while OHIF
opens a study and 100 previews are fetched, and the same with OHIF from nginx (the browser draws on the same processors).
"""

import argparse
import gzip
import itertools
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from playwright.sync_api import Browser, sync_playwright
from pydicom.uid import generate_uid

from longitudinal.ohif.app import read_table
from longitudinal.ohif.site import Roots, Site, our_modules
from tests.browser.chromium import FLAGS
from tests.browser.viewer import SETTLING_MS, Viewer
from tests.data import ROOT, dicom_files
from tests.orthanc.server import OrthancServer, free_ports, wait_until

APP = ROOT / ".ohif" / "app"
STREAM = 400
PREVIEWS = 100
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  types {{ text/javascript js mjs; application/wasm wasm; text/css css; text/html html; application/json json;
           font/woff2 woff2; image/svg+xml svg; image/png png; image/x-icon ico; }}
  access_log off; sendfile on; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream orthanc {{ server 127.0.0.1:{orthanc}; keepalive 16; }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host:$server_port;
  server {{ listen 127.0.0.1:{through}; location / {{ proxy_pass http://orthanc; }} }}
  server {{
    listen 127.0.0.1:{static};
    location / {{ proxy_pass http://orthanc; }}
    location /ohif/ {{ root {folder}/www; gzip_static on; try_files $uri /ohif/index.html; }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, orthanc: int) -> Iterator[tuple[str, str]]:
    """Run nginx as a hop to Orthanc, and as a static server of OHIF; give the two addresses."""
    www = folder / "www" / "ohif"
    site = Site(APP, Roots(), sends_compressed=False)
    for file in read_table(APP).files:
        target = www / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(site.answer(file.path, {}).body)
        if file.compressed:
            shutil.copy(APP / "files" / file.path, f"{target}.gz")
    for path in our_modules():
        target = www / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body := site.answer(path, {}).body)
        Path(f"{target}.gz").write_bytes(gzip.compress(body))
    for name, path in (("index.html", "viewer"), ("app-config.js", "app-config.js")):
        body = site.answer(path, {}).body
        (www / name).write_bytes(body)
        (www / f"{name}.gz").write_bytes(gzip.compress(body))
    through, static = free_ports(2)
    (folder / "nginx.conf").write_text(
        NGINX.format(folder=folder, orthanc=orthanc, through=through, static=static)
    )
    folder.chmod(0o755)
    executable = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
    process = subprocess.Popen([executable, "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (folder / "nginx.pid").exists(), 10, "nginx has started")
        yield f"http://127.0.0.1:{through}", f"http://127.0.0.1:{static}"
    finally:
        process.terminate()
        process.wait(10)


@dataclass(frozen=True)
class Visit:
    """A study to open, how to log in, and an image to make a stream of."""

    study: str
    headers: dict[str, str]
    source: Path


def first_image(browser: Browser, url: str, visit: Visit) -> tuple[float, int, int]:
    """Return seconds until an image is on screen, and bytes of the app and of everything."""
    with Viewer(browser, url, headers=visit.headers) as viewer:
        began = time.perf_counter()
        viewer.open_studies(visit.study)
        seconds = time.perf_counter() - began - 2 * SETTLING_MS / 1000
        assert not viewer.failed
        return seconds, viewer.bytes_of_app(), sum(viewer.transferred.values())


def compare_first_images(browser: Browser, places: dict[str, str], visit: Visit, rounds: int) -> None:
    """Print the median of the ratios of each round."""
    seconds: dict[str, list[float]] = {place: [] for place in places}
    first_image(browser, places["plugin"], visit)  # the files are in the page cache from here on
    for number in range(rounds):
        for place in list(places) if number % 2 else reversed(places):
            taken, app, everything = first_image(browser, places[place], visit)
            seconds[place].append(taken)
            print(
                f"  {place:20} {taken * 1000:6.0f} ms  {app / 1e6:.2f} MB of app, {everything / 1e6:.2f} MB in all"
            )
    for place, all_taken in seconds.items():
        print(f"{place:20} median {statistics.median(all_taken) * 1000:.0f} ms")
    for place in ("plugin", "plugin behind nginx"):
        ratios = [ours / theirs for ours, theirs in zip(seconds[place], seconds["nginx"], strict=True)]
        print(
            f"first image, {place} / nginx: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        )


def copies(folder: Path, source: Path, count: int) -> list[Path]:
    """Write so many different images of one new series."""
    dataset = pydicom.dcmread(source)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    paths = []
    for number in range(count):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = number + 1
        paths.append(folder / f"{number:04d}.dcm")
        dataset.save_as(paths[-1])
    return paths


def stream(server: OrthancServer, paths: list[Path]) -> tuple[float, float]:
    """Store over one association; return images a second, and the longest wait between two responses, seconds."""
    command = [
        "storescu",
        "--verbose",
        "--call",
        "ORTHANC",
        "127.0.0.1",
        str(server.dicom_port),
        *map(str, paths),
    ]
    moments = []
    with subprocess.Popen(
        command, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        moments = [time.perf_counter() for line in process.stdout if "Received Store Response" in line]
    assert process.returncode == 0
    assert len(moments) == len(paths)
    return len(paths) / (moments[-1] - moments[0]), max(b - a for a, b in itertools.pairwise(moments))


def fetch_previews(server: OrthancServer) -> None:
    """Fetch 100 previews, four at a time as a browser would at least."""
    ids = server.session.get("/instances").json()
    wanted = list(itertools.islice(itertools.cycle(ids[:80]), PREVIEWS))

    def fetch(part: list[str]) -> None:
        with server.new_session() as session:
            for instance in part:
                assert session.get(f"/instances/{instance}/preview").ok

    threads = [threading.Thread(target=fetch, args=(wanted[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def stream_beside(server: OrthancServer, browser: Browser, url: str, visit: Visit) -> tuple[float, float]:
    """Stream while a viewer at `url` opens a study and previews are fetched."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        streamed = pool.submit(stream, server, copies(Path(name), visit.source, STREAM))
        previews = pool.submit(fetch_previews, server)
        first_image(browser, url, visit)
        previews.result()
        return streamed.result()


def compare_stalls(
    browser: Browser, server: OrthancServer, places: dict[str, str], visit: Visit, rounds: int
) -> None:
    """Print the longest wait of a stream, alone and beside viewers."""
    waits: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            results = {"alone": stream(server, copies(Path(name), visit.source, STREAM))}
        for place in ("plugin", "nginx"):
            results[f"beside OHIF from {place}"] = stream_beside(server, browser, places[place], visit)
        for name, (rate, wait) in results.items():
            waits.setdefault(name, []).append(wait)
            print(f"  C-STORE {name:26} {rate:4.0f}/s, longest wait {wait * 1000:4.0f} ms")
    for name, all_waits in waits.items():
        print(
            f"longest wait for a store response, {name}: median {statistics.median(all_waits) * 1000:.0f} ms"
        )


def main() -> None:
    """Run both parts on one server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    configuration = {"HttpCompressionEnabled": False}
    with (
        tempfile.TemporaryDirectory() as name,
        OrthancServer(Path(name), configuration=configuration) as server,
        sync_playwright() as playwright,
    ):
        files = dicom_files("openms_dicom/patient01")
        server.store_rest(files)
        login = b64encode(f"{server.user}:{server.password}".encode()).decode()
        study = str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
        visit = Visit(study, {"Authorization": f"Basic {login}"}, files[20])
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with (
            tempfile.TemporaryDirectory() as folder,
            nginx(Path(folder), server.http_port) as (through, static),
        ):
            places = {"plugin": server.url, "plugin behind nginx": through, "nginx": static}
            compare_first_images(browser, places, visit, rounds)
            compare_stalls(browser, server, places, visit, max(1, rounds // 2))
        browser.close()


if __name__ == "__main__":
    main()
