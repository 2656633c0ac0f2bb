"""Drives the Find view of the timeline page as a visitor would."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.browser.viewer import Viewer

WITHIN_MS = 15_000
ALIGNED_MS = 110_000
"""Two heads of 36 and 46 slices take 6 s alone on two cores."""


@dataclass
class Find:
    """The page in a tab of a new visitor."""

    viewer: Viewer

    @property
    def page(self) -> Page:
        return self.viewer.page

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.viewer.url}/imaging/app/{query}")

    def open_patient(self, orthanc_id: str) -> None:
        self.open(f"?view=find&patient={orthanc_id}")
        expect(self.page.locator(".card").first).to_be_visible(timeout=WITHIN_MS)

    def card(self, number: int) -> Locator:
        """Of the study `number`, 1-based, in time order."""
        return self.page.locator(".card").nth(number - 1)

    def search(self, text: str, *finds: str) -> None:
        """Type, and see the patients of these names."""
        self.page.get_by_role("searchbox").fill(text)
        expect(self.page.locator(".patient-line .name")).to_have_text(list(finds), timeout=WITHIN_MS)

    def drop(self, files: dict[str, bytes]) -> None:
        """Let go of files over the page."""
        contents = {name: list(content) for name, content in files.items()}
        transfer = self.page.evaluate_handle(
            """(files) => {
              const transfer = new DataTransfer();
              for (const [name, bytes] of Object.entries(files)) {
                transfer.items.add(new File([new Uint8Array(bytes)], name));
              }
              return transfer;
            }""",
            contents,
        )
        self.page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
        expect(self.page.get_by_text("Drop to upload")).to_be_visible()
        self.page.dispatch_event("main", "drop", {"dataTransfer": transfer})

    def outcomes(self) -> list[tuple[str, str]]:
        """Name and outcome of each uploaded file."""
        lines = self.page.locator(".outcomes li")
        return [
            (line.locator(".file").inner_text(), line.locator(".outcome").inner_text())
            for line in lines.all()
        ]
