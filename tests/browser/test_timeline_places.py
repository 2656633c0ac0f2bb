"""Places on the timeline page: kept, named, opened again by their link, marked as stale, hidden and deleted."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from benchmarks.longitudinal_patients import give_transforms
from benchmarks.made_patients.head import make_head
from tests.browser.test_timeline_accessible import check
from tests.browser.test_timeline_point import CONFIGURATION, Patient
from tests.browser.timeline import WITHIN_MS, Timeline
from tests.browser.viewer import Viewer
from tests.data import data
from tests.orthanc.server import OrthancServer

KEPT_MM = 0.1
PICTURES = os.environ.get("LONGITUDINAL_PICTURES")
"""A folder for pictures of the page; none are taken without it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("places"), configuration=CONFIGURATION) as server:
        yield server


@pytest.fixture
def head(server: OrthancServer, tmp_path: Path) -> Iterator[Patient]:
    """A moved head in four studies, of which the last is joined to nothing."""
    data("openms_dicom/patient01")
    patient = Patient(server, tmp_path, make_head(tmp_path, 4))
    give_transforms(
        {**patient.truth, "studies": patient.studies[:3]}, server.url, 1.5, (server.user, server.password)
    )
    yield patient
    for study in server.session.get("/studies").json():
        server.session.delete(f"/studies/{study}")


@pytest.fixture
def timeline(browser: Browser, server: OrthancServer) -> Iterator[Timeline]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Timeline(viewer, server)


def picture(timeline: Timeline, name: str) -> None:
    if PICTURES:
        for width, height in ((1280, 800), (1920, 1080)):
            timeline.page.set_viewport_size({"width": width, "height": height})
            timeline.page.wait_for_timeout(700)
            timeline.page.screenshot(path=f"{PICTURES}/{name}-{width}.png")
        timeline.page.set_viewport_size({"width": 1400, "height": 880})


def places(timeline: Timeline, patient: Patient) -> list[dict[str, Any]]:
    answer = timeline.server.session.get("/imaging/places", params={"patientId": patient.id})
    return list(answer.json()["places"])


def keep(timeline: Timeline, patient: Patient, name: str, row: float = 150.2, column: float = 140.7) -> None:
    study = patient.studies[0]["studyInstanceUid"]
    timeline.open(study=study)
    tile = timeline.tile(study)
    tile.wait_painted()
    timeline.ask(tile, row, column)
    timeline.page.keyboard.press("m")
    field = timeline.page.get_by_label("Name of the place that is shown")
    expect(field).to_be_focused()
    field.fill(name)
    timeline.page.get_by_role("button", name="Keep", exact=True).click()
    expect(timeline.page.get_by_role("link", name=name, exact=True)).to_be_visible(timeout=WITHIN_MS)


def test_kept_and_opened_again_by_its_link_without_the_sidecar(timeline: Timeline, head: Patient) -> None:
    keep(timeline, head, "seg VII <b>bold</b>")
    page = timeline.page
    expect(page).to_have_url(re.compile(r"\?place=2\.25\.\d+$"))
    page.get_by_role("button", name="Keep in all studies").click()
    expect(page.get_by_text("Kept in 2 other studies; not possible in 1.")).to_be_visible(timeout=WITHIN_MS)
    expect(page.get_by_text("Not aligned with the other studies").first).to_be_visible()
    check(page, "the places panel")
    picture(timeline, "place-kept")
    (place,) = places(timeline, head)
    assert [report["saidBy"] for report in place["reports"]] == ["person", "plugin", "plugin"]
    truth = {one["studyInstanceUid"]: one for one in timeline.server.session.get(
        f"/imaging/places/{place['id']}").json()["answer"]["matches"]}  # fmt: skip

    assert timeline.viewer.errors == []
    page.goto("about:blank")  # while the server is off, it would be asked in vain
    server = timeline.server
    server.stop()
    for path in (server.folder / "index").glob("longitudinal-*.sqlite*"):
        path.unlink()
    server.start()
    server.wait_indexed(lambda health: health["instances"] >= len(head.files) + 2 + 3)
    timeline.open(place=place["id"])
    for study in head.studies[:3]:
        tile = timeline.tile(study["studyInstanceUid"])
        painted = tile.wait_painted()
        match = truth[study["studyInstanceUid"]]
        assert painted.sop_instance_uid == match["sopInstanceUid"]
        ds = head.dataset(match["sopInstanceUid"])
        spacing = np.array([float(value) for value in ds.PixelSpacing])
        off = (np.array(tile.crosshair()) - [match["row"], match["column"]]) * spacing
        assert np.linalg.norm(off) < KEPT_MM
    assert timeline.viewer.errors == []


def test_a_stale_report_is_marked_renewed_and_removed(timeline: Timeline, head: Patient) -> None:
    keep(timeline, head, "lesion")
    page = timeline.page
    page.get_by_role("button", name="Keep in all studies").click()
    expect(page.get_by_text("Kept in 2 other studies", exact=False)).to_be_visible(timeout=WITHIN_MS)
    (place,) = places(timeline, head)
    far = max(place["reports"], key=lambda report: len(report["path"]))
    timeline.server.session.post(
        f"/imaging/transforms/{far['path'][-1]}/review", json={"decision": "rejected"}
    )
    timeline.open(place=place["id"])
    expect(page.get_by_text("1 report no longer holds.")).to_be_visible(timeout=WITHIN_MS)
    line = page.locator(f'.place-studies li[data-study="{far["studyInstanceUid"]}"]')
    expect(line).to_contain_text("no longer holds: the alignment was rejected.")
    check(page, "a stale report")
    picture(timeline, "place-stale")
    line.get_by_role("button", name=re.compile("^Renew")).click()
    expect(page.get_by_text("Kept in 0 other studies; not possible in 1.")).to_be_visible(timeout=WITHIN_MS)
    line.get_by_role("button", name=re.compile("^Remove")).click()
    expect(page.get_by_text("The mapped report was removed.")).to_be_visible(timeout=WITHIN_MS)
    expect(page.locator(".place-list .warning")).to_have_count(0, timeout=WITHIN_MS)


def test_renamed_hidden_and_deleted(timeline: Timeline, head: Patient) -> None:
    keep(timeline, head, "one")
    keep(timeline, head, "two", 120.0, 150.0)
    page = timeline.page
    page.get_by_label("Name", exact=True).fill("two, renamed")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("link", name="two, renamed", exact=True)).to_be_visible(timeout=WITHIN_MS)
    page.get_by_role("button", name="Hide one in the list").click()
    expect(page.get_by_role("link", name="one", exact=True)).to_have_count(0)
    page.get_by_label("Show 1 hidden place").check()
    expect(page.get_by_role("link", name="one", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    check(page, "the question before a place is deleted")
    page.get_by_role("button", name="Cancel").click()
    assert len(places(timeline, head)) == 2
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete the place").click()
    expect(page.get_by_role("link", name="two, renamed", exact=True)).to_have_count(0, timeout=WITHIN_MS)
    assert [place["name"] for place in places(timeline, head)] == ["one"]


def test_on_the_patients_page_and_of_a_place_that_is_not_there(timeline: Timeline, head: Patient) -> None:
    keep(timeline, head, "lesion")
    page = timeline.page
    page.goto(f"{timeline.viewer.url}/imaging/app/?view=find&patient={head.id}")
    page.get_by_role("link", name="lesion", exact=True).scroll_into_view_if_needed()
    check(page, "the patient's page with places")
    picture(timeline, "place-patient")
    page.get_by_role("link", name="lesion", exact=True).click()
    expect(page.locator(".tile").first).to_be_visible(timeout=WITHIN_MS)
    page.goto(f"{timeline.viewer.url}/imaging/app/?place=1.2.3")
    expect(page.get_by_role("alert")).to_contain_text("there is no place 1.2.3", timeout=WITHIN_MS)
