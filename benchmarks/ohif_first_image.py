"""OHIF's first image with the extension and without it: what the extension costs somebody who does not use it.

    .venv/bin/python -m benchmarks.ohif_first_image [--pairs 12]

Both are sent by the plugin, through a proxy that takes the extension out of the configuration of one of them. A new browser
profile each time, in pairs, the first of each pair in turn.
"""

import argparse
import tempfile
import time
from base64 import b64encode
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pydicom
from playwright.sync_api import Browser

from benchmarks.pairs import compare
from tests.browser.chromium import driven
from tests.browser.prefix_proxy import PrefixProxy
from tests.browser.viewer import SETTLING_MS, Viewer
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

PREFIX = "/pacs"
_OURS = (b"extensions: [extension],", b"document.head.append(ahead);")
_NONE = (b"extensions: [],", b"")


class Without(PrefixProxy):
    """A proxy that takes the extension out of the configuration."""

    def _handler(self, port: int, prefix: str) -> type[BaseHTTPRequestHandler]:
        class Handler(super()._handler(port, prefix)):  # type: ignore[misc]
            def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                if self.path.endswith("/app-config.js"):
                    for ours, none in zip(_OURS, _NONE, strict=True):
                        assert ours in body, f"the configuration has changed: {ours!r}"
                        body = body.replace(ours, none)
                super()._send(status, headers, body)

        return Handler


def first_image(browser: Browser, url: str, study: str, headers: dict[str, str], *, has_panel: bool) -> float:
    """Seconds until an image is on the screen."""
    with Viewer(browser, url, headers=headers) as viewer:
        began = time.perf_counter()
        viewer.open_studies(study)
        seconds = time.perf_counter() - began - 2 * SETTLING_MS / 1000
        assert not viewer.failed
        assert any("/longitudinal/ohif/extension/" in each for each in viewer.requested) == has_panel
        return seconds


def main() -> None:
    """Compare both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=12)
    pairs = parser.parse_args().pairs
    files = dicom_files("openms_dicom/patient01")
    study = str(pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(
            OrthancServer(Path(folder), configuration={"HttpCompressionEnabled": False})
        )
        server.store_rest(files)
        browser = stack.enter_context(driven())
        login = b64encode(f"{server.user}:{server.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}"}
        ours = stack.enter_context(PrefixProxy(server.http_port, PREFIX))
        without = stack.enter_context(Without(server.http_port, PREFIX))

        def seconds(proxy: PrefixProxy) -> list[float]:
            return [first_image(browser, proxy.url, study, headers, has_panel=proxy is ours)]

        seconds(ours), seconds(without)  # the files are in memory from here on
        (found,) = compare(lambda: seconds(ours), lambda: seconds(without), pairs)
        print(
            f"first image: with the extension {found.a:.2f} s, without it {found.b:.2f} s; ratio {found}, {pairs} pairs"
        )


if __name__ == "__main__":
    main()
