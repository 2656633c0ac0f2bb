"""Values over time on the page: figures as the route has them, one axis for one unit, words where there are none."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.measured_patient import FRAME, LESION, PATIENT
from tests.browser.measured_server import POINT, measured_server
from tests.browser.test_timeline_accessible import WIDTHS, check
from tests.browser.timeline import WITHIN_MS, Timeline
from tests.browser.viewer import Viewer
from tests.orthanc.server import OrthancServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with measured_server(tmp_path_factory.mktemp("measured")) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: OrthancServer) -> Iterator[Page]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        Timeline(viewer, server).open(point=POINT)
        viewer.page.get_by_role("button", name="Values", exact=True).click()
        expect(viewer.page.locator(".values-panel")).to_have_attribute(
            "aria-busy", "false", timeout=WITHIN_MS
        )
        expect(viewer.page.locator(".values-scale").first).to_be_visible(timeout=WITHIN_MS)
        yield viewer.page
        assert viewer.errors == []


def asked(server: OrthancServer, **more: Any) -> list[dict[str, Any]]:
    x, y, z = LESION.tolist()
    body = {"patientId": PATIENT, "frameOfReferenceUid": FRAME, "x": x, "y": y, "z": z} | more
    matches: list[dict[str, Any]] = server.session.post("/imaging/points/timeline", json=body).json()[
        "matches"
    ]
    return matches


def means(page: Page, scale: str) -> list[float]:
    section = page.locator(".values-scale").filter(has_text=scale)
    return [float(text.replace("−", "-")) for text in section.locator("tbody td strong").all_inner_texts()]


def test_each_unit_has_a_plot_and_a_table_of_its_own(page: Page, server: OrthancServer) -> None:
    titles = page.locator(".values-scale h3").all_inner_texts()
    assert titles == [
        "CT: Hounsfield units",
        "MR: pixel values without a unit",
        "PT: SUV by body weight (g/ml)",
    ]
    assert page.locator(".values-plot canvas").count() == 3
    for scale, modality, digits in (("Hounsfield", "CT", 0), ("SUV", "PT", 2), ("without a unit", "MR", 0)):
        served = [match["values"]["mean"] for match in asked(server, modalities=[modality])]
        assert means(page, scale) == [round(mean, digits) for mean in served], scale
    mr = page.locator(".values-scale").filter(has_text="without a unit")
    expect(mr.locator(".warning")).to_contain_text("cannot be compared")
    ct = page.locator(".values-scale").filter(has_text="Hounsfield")
    expect(ct.locator("tbody tr").first).to_contain_text("not measured")
    expect(ct.locator("tbody tr").last).to_contain_text("up to 2.0 mm")


def test_another_radius_measures_again_and_too_small_a_sphere_is_told(
    page: Page, server: OrthancServer
) -> None:
    radius = page.get_by_label("Radius")
    radius.fill("1")
    radius.press("Tab")
    expect(page.locator(".values-scale").first).to_contain_text("larger radius", timeout=WITHIN_MS)
    radius.fill("8")
    radius.press("Tab")
    served = [match["values"]["mean"] for match in asked(server, modalities=["CT"], radiusMm=8)]
    row = page.locator(".values-scale").first.locator("tbody tr").first
    expect(row.locator("strong")).to_have_text(str(round(served[0])), timeout=WITHIN_MS)


def test_the_table_can_be_taken_along(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    measured = [row for row in rows if row["mean"]]
    assert [(row["modality"], row["quantity"]) for row in measured] == [
        *[("CT", "HU")] * 4, ("MR", "raw"), ("PT", "SUVbw"),
    ]  # fmt: skip


def test_axe_finds_nothing(page: Page) -> None:
    for width, (across, down) in WIDTHS.items():
        page.set_viewport_size({"width": across, "height": down})
        check(page, f"values, {width}")
