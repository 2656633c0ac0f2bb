"""Links to one patient in a browser: made on the page, opened once in a fresh one, over when they end, without names."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.visitor import DRAWN, Visitor
from tests.orthanc.access import PASSWORD, add_users, restricted
from tests.orthanc.access_ward import study_of
from tests.orthanc.planted import PATIENT, STUDIES, Planted, plant
from tests.orthanc.server import OrthancServer
from tests.orthanc.wire import basic

WITHIN_MS = 30_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """Where the plugin asks for passwords itself, and links are switched on."""
    configuration = restricted(
        {"Users": ["vera"], "Roles": ["viewer"], "Patients": [PATIENT]},
        Shares={"Roles": ["admin"], "Days": 10},
    )
    configuration["Longitudinal"]["AlignOnArrival"] = False
    server = OrthancServer(
        tmp_path_factory.mktemp("shares"), configuration={**configuration, "HttpCompressionEnabled": False},
        authentication=False,
    )  # fmt: skip
    add_users(server, "vera")
    with server:
        server.store_rest(study_of("PatB", 2020, "1.2.78.66.1"))
        yield server


@pytest.fixture(scope="module")
def planted(server: OrthancServer) -> Planted:
    return plant(server)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    visitor.context.close()
    assert visitor.errors == []


@pytest.fixture
def administrator(browser: Browser, server: OrthancServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, {"Authorization": basic(server.user, server.password)})
    yield visitor
    visitor.context.close()


def link(server: OrthancServer, *, masked: bool = False, **lasts: float) -> dict[str, Any]:
    until = datetime.now(UTC) + timedelta(**(lasts or {"hours": 1}))
    made = server.session.post(
        "/imaging/shares", json={"patientId": PATIENT, "until": until.isoformat(), "deIdentified": masked}
    )
    assert made.status_code == 201, made.text
    return {**made.json(), "url": server.url + made.json()["link"]}


def opened(visitor: Visitor, made: dict[str, Any]) -> Page:
    visitor.page.goto(made["url"])
    expect(visitor.page.locator(".share-banner")).to_be_visible(timeout=WITHIN_MS)
    visitor.page.wait_for_function(DRAWN, timeout=WITHIN_MS)
    return visitor.page


def click_a_place(page: Page) -> None:
    box = page.locator(".tile canvas").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".grade-line strong").first).to_be_visible(timeout=WITHIN_MS)


def test_a_link_shows_one_patient(visitor: Visitor, server: OrthancServer, planted: Planted) -> None:
    page = opened(visitor, link(server))
    assert "share" not in page.url
    assert "read only" in page.locator(".share-banner").inner_text()
    assert page.locator("h1.patient").inner_text().endswith(PATIENT)
    for name in ("Find", "Review", "Lesions", "Places", "Share"):
        assert page.get_by_role("button", name=name, exact=True).count() == 0, name
        assert page.get_by_role("link", name=name, exact=True).count() == 0, name
    click_a_place(page)
    page.wait_for_load_state("networkidle")
    visitor.picture("plain")
    assert visitor.faults() == []
    # before the link was exchanged nobody was known
    assert {url.removeprefix(server.url) for url in visitor.refused()} <= {"/imaging/me"}
    page.reload()
    expect(page.locator(".share-banner")).to_be_visible(timeout=WITHIN_MS)
    page.goto(f"{server.url}/imaging/app/?patient=PatB")
    expect(page.locator(".message")).to_contain_text("Not found", timeout=WITHIN_MS)
    assert "NamePatB" not in page.content()
    assert not page.evaluate("document.cookie")


def test_a_link_opens_once(
    browser: Browser, visitor: Visitor, server: OrthancServer, planted: Planted
) -> None:
    made = link(server)
    opened(visitor, made)
    second = Visitor(browser)
    second.page.goto(made["url"])
    expect(second.page.get_by_role("alert")).to_contain_text("opened before", timeout=WITHIN_MS)
    second.picture("used")
    assert second.faults() == []
    assert planted.found_in(second.received()) == set()
    second.context.close()


@pytest.mark.parametrize(
    ("state", "words"), [("revoked", "revoked"), ("expired", "expired"), ("unknown", "leads nowhere")]
)
def test_a_link_that_is_over_says_why(
    visitor: Visitor, server: OrthancServer, planted: Planted, state: str, words: str
) -> None:
    made = link(server, **({"seconds": 1.2} if state == "expired" else {}))
    if state == "revoked":
        assert server.session.delete(f"/imaging/shares/{made['id']}").ok
    if state == "expired":
        server.wait_until(lambda: not listed(server, made["id"]), 10, "the link has ended")
    visitor.page.goto(made["url"] + ("x" if state == "unknown" else ""))
    expect(visitor.page.get_by_role("alert")).to_contain_text(words, timeout=WITHIN_MS)
    visitor.picture(state)
    assert visitor.faults() == []
    assert planted.found_in(visitor.received()) == set()


def listed(server: OrthancServer, share: str) -> bool:
    answer = server.session.get(f"/imaging/shares?patientId={PATIENT}").json()
    return share in [one["id"] for one in answer["shares"]]


def test_a_view_that_is_revoked_while_it_is_open_ends(
    visitor: Visitor, server: OrthancServer, planted: Planted
) -> None:
    made = link(server)
    page = opened(visitor, made)
    assert server.session.delete(f"/imaging/shares/{made['id']}").ok
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("has ended", timeout=WITHIN_MS)


def test_somebody_with_a_login_does_not_use_up_a_link(
    administrator: Visitor, visitor: Visitor, server: OrthancServer, planted: Planted
) -> None:
    made = link(server)
    administrator.page.goto(made["url"])
    expect(administrator.page.get_by_role("alert")).to_contain_text("logged in as", timeout=WITHIN_MS)
    opened(visitor, made)


def test_the_page_makes_links_and_revokes_them(
    administrator: Visitor, visitor: Visitor, server: OrthancServer, planted: Planted
) -> None:
    page = administrator.page
    page.goto(f"{server.url}/imaging/app/?patient={PATIENT}")
    page.get_by_role("button", name="Share", exact=True).click(timeout=WITHIN_MS)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make link").click()
    field = dialog.locator(".share-link")
    expect(field).to_be_visible(timeout=WITHIN_MS)
    administrator.picture("dialog")
    assert administrator.faults() == []
    url = field.input_value()
    assert url.startswith(f"{server.url}/imaging/app/#share=")
    opened(visitor, {"url": url})
    assert "De-identified" in visitor.page.locator(".share-banner").inner_text()
    dialog.get_by_role("button", name="Revoke").first.click()
    expect(dialog.get_by_role("status")).to_have_text("The link was revoked.", timeout=WITHIN_MS)
    visitor.page.reload()
    expect(visitor.page.get_by_role("alert")).to_contain_text("has ended", timeout=WITHIN_MS)


def test_a_viewer_has_no_button(browser: Browser, server: OrthancServer, planted: Planted) -> None:
    vera = Visitor(browser, {"Authorization": basic("vera", PASSWORD)})
    vera.page.goto(f"{server.url}/imaging/app/?patient={PATIENT}")
    expect(vera.page.locator(".who")).to_have_text("vera viewer", timeout=WITHIN_MS)
    vera.page.wait_for_load_state("networkidle")
    assert vera.page.get_by_role("button", name="Share", exact=True).count() == 0
    vera.context.close()


def test_a_de_identified_view_receives_no_name(
    visitor: Visitor, server: OrthancServer, planted: Planted
) -> None:
    """Every byte that the browser received, encoded or not, and the page itself."""
    page = opened(visitor, link(server, masked=True))
    click_a_place(page)
    assert page.get_by_role("button", name="Values").count() == 0, "a job would measure them"
    page.wait_for_load_state("networkidle")
    visitor.picture("masked")
    assert visitor.faults() == []
    for key in ("ArrowUp", "ArrowDown", "PageDown", "t", "s", "r", "j", "d"):
        page.keyboard.press(key)
    page.wait_for_load_state("networkidle")
    series = page.locator("select.series").first
    for value in series.locator("option").evaluate_all("(options) => options.map((option) => option.value)"):
        series.select_option(value)
        page.wait_for_load_state("networkidle")
    expect(page.get_by_text("there may be text in this picture").first).to_be_visible(timeout=WITHIN_MS)
    visitor.picture("masked-hidden")
    assert sum("/shared/instances/" in answer.url for answer in visitor.answers) > 3
    assert {url.removeprefix(server.url) for url in visitor.refused()} <= {"/imaging/me"}
    assert planted.found_in(visitor.received()) == set()
    assert len(STUDIES) == page.locator(".tile").count()
