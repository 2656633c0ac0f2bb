"""Somebody with a fresh browser, and every byte that it has received."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Page, Response
from playwright.sync_api import Error as PlaywrightError

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PICTURES = os.environ.get("LONGITUDINAL_SHARE_PICTURES")
DRAWN = """() => [...document.querySelectorAll('.tile canvas')].some((canvas) => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(pixels).size > 10;
})"""


class Visitor:
    """A fresh browser, and every byte that it has received; `login` are headers of a user."""

    def __init__(self, browser: Browser, headers: dict[str, str] | None = None) -> None:
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1280, "height": 800}, extra_http_headers=headers, service_workers="block"
        )
        self.page: Page = self.context.new_page()
        self.answers: list[Response] = []
        self.errors: list[str] = []
        self.context.on("response", lambda answer: self.answers.append(answer))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def received(self) -> Iterator[bytes]:
        """Bodies and headers of all answers, and the page as it is now."""
        for answer in self.answers:
            yield json.dumps(answer.headers_array()).encode()
            if answer.status not in (204, 302, 304):
                yield self._body(answer)
        yield self.page.content().encode()
        yield self.page.evaluate("document.body.innerText + document.title + location.href").encode()

    def _body(self, answer: Response) -> bytes:
        try:
            return answer.body()
        except (
            PlaywrightError
        ):  # the page had no use for it any more and broke it off: what it would have had
            return self.page.request.fetch(answer.request).body()

    def refused(self) -> set[str]:
        return {answer.url for answer in self.answers if answer.status >= 400}

    def picture(self, name: str) -> None:
        """For people to look at, where a folder is named."""
        if PICTURES:
            for width, height in ((1280, 800), (1920, 1080)):
                self.page.set_viewport_size({"width": width, "height": height})
                self.page.wait_for_timeout(400)
                self.page.screenshot(path=f"{PICTURES}/{name}-{width}.png")

    def faults(self) -> list[Any]:
        """What axe-core finds that is serious."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("async () => (await axe.run()).violations")
        return [
            (one["id"], one["nodes"][0]["html"][:200])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
