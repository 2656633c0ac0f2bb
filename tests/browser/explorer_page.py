"""Drives Orthanc Explorer as a visitor would, and stores small studies for it to show."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests import builders as build
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer

SLICES = 3
ROOT_UID = "2.25.7042"
WITHIN_MS = 15_000


@dataclass
class Explorer:
    """Orthanc Explorer in a tab of a new visitor."""

    viewer: Viewer

    @property
    def page(self) -> Page:
        return self.viewer.page

    @property
    def panel(self) -> Locator:
        return self.page.locator(".longitudinal:visible")

    def open(self, level: str, uuid: str) -> Locator:
        self.page.goto(f"{self.viewer.url}/app/explorer.html#{level}?uuid={uuid}")
        expect(self.panel).to_have_count(1, timeout=WITHIN_MS)
        return self.panel

    def rows(self) -> list[list[str]]:
        """The cells of the table under its heading."""
        expect(self.panel.locator("tr").nth(1)).to_be_visible(timeout=WITHIN_MS)
        return [row.locator("td").all_inner_texts() for row in self.panel.locator("tr").all()[1:]]

    def asked(self, ending: str) -> int:
        return sum(url.endswith(ending) for url in self.viewer.requested)


def slices_of(patient: str, study: int, frame: str | None, **attributes: Any) -> list[bytes]:
    """A study of three axial slices; `study` numbers it among all of these tests."""
    uid = f"{ROOT_UID}.{study}"
    return [
        build.as_file(
            build.classic(
                (0, 0, 2.0 * number), PatientID=patient, StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1",
                SOPInstanceUID=f"{uid}.1.{number + 1}", FrameOfReferenceUID=frame, **attributes,
            )
        )
        for number in range(SLICES)
    ]  # fmt: skip


def report_of(patient: str, study: int, **attributes: Any) -> bytes:
    """A picture without a place in the patient, in a series of its own."""
    uid = f"{ROOT_UID}.{study}"
    return build.as_file(
        build.dataset(
            build.SECONDARY_CAPTURE, "OT", PatientID=patient, StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.2",
            SOPInstanceUID=f"{uid}.2.1", FrameOfReferenceUID=None, **attributes,
        )
    )  # fmt: skip


def store(server: OrthancServer, files: list[bytes], root: str = "/imaging") -> dict[str, Any]:
    """Store one study; return what Orthanc said of its last instance, once all of it is indexed."""
    stored = server.store_rest(files)[-1]

    def indexed() -> bool:
        answer = server.session.get(f"{root}/studies/{stored['ParentStudy']}/index-status")
        return bool(answer.ok and answer.json()["state"] == "done")

    server.wait_until(indexed, within=WITHIN_MS / 1000, what="the study is indexed")
    return stored
