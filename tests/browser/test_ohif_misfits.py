"""OHIF's panel says which structure sets, segmentations and doses do not fit the series shown, before they are loaded."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import made_radiotherapy as made
from tests.browser.ohif_panel import WITHIN_MS, OhifPanel
from tests.browser.viewer import Viewer
from tests.builders import as_file
from tests.orthanc.server import OrthancServer
from tests.unit.relations import radiotherapy as rt

LOST = f"{made.UID}.66"


@pytest.fixture(scope="module")
def studies(ohif_server: OrthancServer) -> tuple[str, str]:
    """The planning scan and the follow-up; beside the right structure set one that was drawn on a series nobody has."""
    images = made.scan(made.PLANNING, made.FRAME, made.CENTRE * 0, "20240110")
    objects = [*images, *made.objects_on(images, made.CENTRE, made.PLANNING)]
    objects += made.scan(made.FOLLOW_UP, made.LATER_FRAME, made.SHIFT, "20240901")
    lost = made.objects_on(made.scan(LOST, f"{LOST}.8", made.SHIFT, "20240110"), made.CENTRE, LOST)[0]
    lost.StudyInstanceUID, lost.StructureSetLabel = made.PLANNING, "Lost"
    ohif_server.store_rest([as_file(one) for one in [*objects, lost]])

    def indexed() -> bool:
        answer = ohif_server.session.get(f"/imaging/patients/{made.PATIENT}/relations")
        nodes = answer.json()["nodes"] if answer.ok else []
        kept = {one["uid"] for one in nodes if one["present"] and one["kind"] == "instance"}
        return {f"{LOST}.2.1", f"{made.PLANNING}.2.1", f"{made.PLANNING}.4.1"} <= kept

    ohif_server.wait_until(indexed, what="the objects are indexed")
    return made.PLANNING, made.FOLLOW_UP


@pytest.fixture
def panel(browser: Browser, ohif_server: OrthancServer) -> Iterator[OhifPanel]:
    with Viewer(browser, ohif_server.url, (ohif_server.user, ohif_server.password)) as viewer:
        yield OhifPanel(viewer)


def test_what_does_not_fit_is_listed_with_the_reason(panel: OhifPanel, studies: tuple[str, str]) -> None:
    planning, follow_up = studies
    panel.open(planning)
    panel.show()
    listed = panel.root.locator(".misfits")
    expect(listed).to_contain_text("Does not fit the series shown", timeout=WITHIN_MS)
    lost = listed.locator(f'[data-object="instance:{LOST}.2.1"]')
    expect(lost).to_contain_text("RTSTRUCT “Lost”")
    expect(lost).to_contain_text('The series that this structure set "Lost" was drawn on is not here')
    # what was drawn on these very images is not listed
    expect(listed.locator(f'[data-object="instance:{rt.SETS}"]')).to_have_count(0)
    expect(listed.locator(f'[data-object="instance:{made.PLANNING}.2.1"]')).to_have_count(0)
    expect(listed.locator(f'[data-object="instance:{made.PLANNING}.4.1"]')).to_have_count(0)
    panel.put(follow_up, "CT")
    right = listed.locator(f'[data-object="instance:{made.PLANNING}.2.1"]')
    expect(right).to_contain_text("Drawn on another series: 2024-01-10 CT Head", timeout=WITHIN_MS)
    expect(right).to_contain_text("In another Frame of Reference than these images")
    expect(listed.locator(f'[data-object="instance:{made.PLANNING}.4.1"]')).to_contain_text(
        "In another Frame of Reference"
    )
    panel.put(planning, "CT")
    expect(right).to_have_count(0, timeout=WITHIN_MS)
    assert panel.viewer.failed == []
