"""Drives OHIF as a user would, and looks at the pixels it draws."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response

CANVAS = "canvas.cornerstone-canvas"
IMAGE_SECONDS = 45.0
"""The first image takes 3 to 5 s on two idle cores."""

SETTLING_MS = 300

_LIT, _LEVELS = 0.05, 20
"""A head fills a tenth of a viewport or more; letters and lines alone have few levels of grey."""

_LOOK = """
(canvases) => canvases.filter((canvas) => canvas.width > 50).map((canvas) => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const levels = new Set(); let lit = 0;
  for (let at = 0; at < pixels.length; at += 4) { levels.add(pixels[at + 1]); lit += pixels[at + 1] > 25; }
  return { lit: lit / (pixels.length / 4), levels: levels.size };
})
"""
_HAS_IMAGE = f"""
() => ({_LOOK})([...document.querySelectorAll('{CANVAS}')]).some((seen) => seen.lit > {_LIT} && seen.levels > {_LEVELS})
"""


@dataclass(frozen=True)
class Seen:
    """One viewport: the share of its pixels that are not black, and how many levels of grey there are."""

    lit: float
    levels: int


class Viewer:
    """One visitor with an empty cache.

    Parameters
    ----------
    url
        Of the server, with the prefix of a proxy if there is one, without "/ohif".
    login
        User and password, for when the server asks.
    headers
        Of every request. Playwright turns the browser's cache off where it answers for a login, so what is about the
        cache, or about time, has its login here.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        login: tuple[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.url = url
        self._context = browser.new_context(
            viewport={"width": 1400, "height": 880},
            http_credentials=None if login is None else {"username": login[0], "password": login[1]},
            extra_http_headers=headers,
        )
        self.page: Page = self._context.new_page()
        self.errors: list[str] = []
        self.failed: list[str] = []
        self.requested: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", self._on_page_error)
        self._context.on("response", self._on_response)
        self.under_way: set[Request] = set()
        """Asked for, and neither here nor given up."""
        self._context.on("request", lambda request: self.under_way.add(request))
        self._context.on("requestfinished", lambda request: self.under_way.discard(request))
        self._context.on("requestfailed", lambda request: self.under_way.discard(request))
        self._session = self._context.new_cdp_session(self.page)
        self._session.send("Network.enable")
        self._session.on("Network.responseReceived", self._on_received)
        self._session.on("Network.loadingFinished", self._on_finished)
        self._urls: dict[str, str] = {}
        self.transferred: dict[str, int] = {}
        """Bytes on the wire by address, as often as it was fetched."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note("\n".join(["errors of the page:", *self.errors, "failed:", *self.failed]))
        self.page.unroute_all(behavior="ignoreErrors")  # an answer on its way would fail the next test
        self._context.close()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text[:300])

    def _on_page_error(self, error: Error) -> None:
        self.errors.append(str(error)[:300])

    def _on_response(self, response: Response) -> None:
        self.requested.append(response.url)
        if response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")

    def _on_received(self, event: dict[str, Any]) -> None:
        self._urls[event["requestId"]] = event["response"]["url"]

    def _on_finished(self, event: dict[str, Any]) -> None:
        url = self._urls.get(event["requestId"], "")
        self.transferred[url] = self.transferred.get(url, 0) + int(event["encodedDataLength"])

    def bytes_of_app(self) -> int:
        """Return how much of OHIF itself has come over the wire."""
        return sum(size for url, size in self.transferred.items() if url.startswith(f"{self.url}/ohif/"))

    def open_list(self) -> None:
        """Open the list of studies."""
        self.page.goto(f"{self.url}/ohif/")

    def open_studies(self, *studies: str) -> None:
        """Open the viewer with studies, and wait until an image is drawn."""
        query = urlencode({"StudyInstanceUIDs": ",".join(studies)})
        self.page.goto(f"{self.url}/ohif/viewer?{query}")
        self.wait_for_image()

    def wait_for_image(self) -> None:
        """Return when a viewport shows more than black, and again a moment later: a layout can still change."""
        for _ in range(2):
            self.page.wait_for_function(_HAS_IMAGE, timeout=IMAGE_SECONDS * 1000)
            self.page.wait_for_timeout(SETTLING_MS)

    def look(self) -> list[Seen]:
        """Return what each viewport shows."""
        return [Seen(**seen) for seen in self.page.eval_on_selector_all(CANVAS, _LOOK)]

    def shows_an_image(self) -> bool:
        """Tell whether a viewport shows more than black and a few letters."""
        return any(seen.lit > _LIT and seen.levels > _LEVELS for seen in self.look())

    def take_picture(self, path: Path) -> None:
        """Write a PNG of the window."""
        self.page.screenshot(path=path)
