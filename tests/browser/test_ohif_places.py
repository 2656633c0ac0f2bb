"""A place that is kept, in OHIF: its report is shown as an annotation at the very point."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.test_ohif import OPENMS, store
from tests.browser.viewer import Viewer
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

KEPT_MM = 0.1
PICTURES = os.environ.get("LONGITUDINAL_PICTURES")
WITHIN_MS = 30_000
# OHIF hands out its services on the window; a double click on the report in the list of series does the same.
_SHOW = """
async (uid) => {
  const { displaySetService, viewportGridService } = window.services;
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  for (let turn = 0; turn < 100; turn += 1) {
    const found = displaySetService.getActiveDisplaySets().find((one) => one.SOPInstanceUID === uid);
    if (found) {
      const { activeViewportId } = viewportGridService.getState();
      const displaySetInstanceUIDs = [found.displaySetInstanceUID];
      viewportGridService.setDisplaySetsForViewport({ viewportId: activeViewportId, displaySetInstanceUIDs });
      return true;
    }
    await wait(200);
  }
  return displaySetService.getActiveDisplaySets().map((one) => `${one.Modality} ${one.SOPInstanceUID}`);
}
"""
_ANNOTATIONS = """
() => window.cornerstoneTools.annotation.state.getAllAnnotations()
  .filter((one) => one.metadata.toolName !== 'ReferenceLines').map((one) => JSON.parse(JSON.stringify({
  tool: one.metadata.toolName, frame: one.metadata.FrameOfReferenceUID, data: one.data })))
"""


@pytest.fixture
def place(ohif_server: OrthancServer) -> Iterator[dict[str, Any]]:
    """Kept in the first study, and mapped into the second."""
    studies = store(ohif_server, dicom_files(OPENMS))
    images = []
    for study in studies:
        (orthanc_id,) = ohif_server.session.post("/tools/lookup", data=study).json()[:1]
        found = ohif_server.session.get(f"/studies/{orthanc_id['ID']}/instances").json()
        images.append(found[len(found) // 2]["MainDicomTags"]["SOPInstanceUID"])
    ohif_server.wait_until(
        lambda: ohif_server.session.get(f"/imaging/studies/{studies[1]}").ok,
        what="the second study to be indexed",
    )
    frames = [
        ohif_server.session.post(
            "/imaging/points/resolve", json={"sopInstanceUid": image, "row": 9, "column": 9}
        ).json()
        for image in images
    ]
    if frames[0]["point"]["frameOfReferenceUid"] != frames[1]["point"]["frameOfReferenceUid"]:
        ohif_server.session.post("/imaging/transforms", json={
            "sourceFrameOfReferenceUid": frames[1]["point"]["frameOfReferenceUid"], "matrix": np.eye(4).tolist(),
            "targetFrameOfReferenceUid": frames[0]["point"]["frameOfReferenceUid"], "expectedErrorMm": 1.5,
        })  # fmt: skip
    click = {"sopInstanceUid": images[0], "row": 150.25, "column": 130.75}
    kept = ohif_server.session.post("/imaging/places", json={"name": "Cornerstone lesion", **click})
    assert kept.status_code == 201, kept.text
    second = {"studyInstanceUids": [studies[1]]}  # other tests store more of the patient's studies here
    ohif_server.session.post(f"/imaging/places/{kept.json()['id']}/studies", json=second).raise_for_status()
    yield ohif_server.session.get(f"/imaging/places/{kept.json()['id']}").json()
    ohif_server.session.delete(f"/imaging/places/{kept.json()['id']}").raise_for_status()


def test_the_reports_of_a_place_are_annotations_in_ohif(
    browser: Browser, ohif_server: OrthancServer, place: dict[str, Any], tmp_path: Path
) -> None:
    reports = place["place"]["reports"]
    assert [report["saidBy"] for report in reports] == ["person", "plugin"]
    for report in reports:
        with Viewer(browser, ohif_server.url, (ohif_server.user, ohif_server.password)) as viewer:
            viewer.open_studies(report["studyInstanceUid"])
            assert viewer.page.evaluate(_SHOW, report["sopInstanceUid"]) is True
            viewer.page.wait_for_function(f"() => ({_ANNOTATIONS})().length > 0", timeout=WITHIN_MS)
            (annotation,) = viewer.page.evaluate(_ANNOTATIONS)
            shown = points_of(annotation["data"])
            match = next(
                one
                for one in place["answer"]["matches"]
                if one["studyInstanceUid"] == report["studyInstanceUid"]
            )
            assert annotation["frame"] == match["frameOfReferenceUid"]
            assert np.linalg.norm(np.array(shown) - [match[axis] for axis in "xyz"], axis=-1).max() < KEPT_MM
            (label,) = annotation["data"]["labels"]
            # Another test may have stored a better transform on this server; the label says what the report says.
            said = (
                f" (mapped, error {report['uncertaintyMm']:.1f} mm)" if report["saidBy"] == "plugin" else ""
            )
            assert label["value"] == f"Cornerstone lesion{said}"
            if PICTURES:
                viewer.page.wait_for_timeout(2_000)
                viewer.take_picture(Path(PICTURES) / f"ohif-{report['saidBy']}.png")
            assert viewer.errors == []


def points_of(data: dict[str, Any]) -> list[list[float]]:
    """The points of an annotation, LPS mm."""
    rendered = data.get("renderableData")
    if rendered:
        return [point for shapes in rendered.values() for shape in shapes for point in shape]
    return list(data["handles"]["points"])
