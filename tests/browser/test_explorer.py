"""Orthanc Explorer's patient and study pages, as a visitor with a browser sees them."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from longitudinal.reasons import NotIndexableReason
from tests.browser.explorer_page import ROOT_UID, WITHIN_MS, Explorer, report_of, slices_of, store
from tests.browser.prefix_proxy import PrefixProxy
from tests.browser.viewer import Viewer
from tests.data import ROOT, dicom_files
from tests.orthanc.server import OrthancServer

FRAME = f"{ROOT_UID}.900"
SHIFT = [[1, 0, 0, 5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
SCRIPT = "<script>window.broken = 1</script>"
IMAGE = "<img src=x onerror='window.broken = 1'>"
POLL_MS = 1000
SLOW_POLL_MS = 5000
"""As in explorer.js."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """A server that aligns nothing by itself, so that each study stays as a test left it."""
    configuration = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("explorer"), configuration=configuration) as server:
        assert server.session.get("/ohif/").ok, "OHIF is not unpacked: run `make setup`"
        yield server


@pytest.fixture
def explorer(browser: Browser, server: OrthancServer) -> Iterator[Explorer]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Explorer(viewer)


@pytest.fixture(scope="module")
def patient(server: OrthancServer) -> dict[str, Any]:
    """Four studies, stored latest first: two in one frame, one joined to it by a transform, one in a frame of its own."""
    name = f"Evil^{SCRIPT}"
    alone = slices_of(
        "EXPLORER", 4, f"{FRAME}.3", PatientName=name, StudyDate="20240401", StudyDescription=IMAGE
    )
    report = report_of("EXPLORER", 4, PatientName=name, StudyDate="20240401", StudyDescription=IMAGE)
    ids = {"alone": store(server, [*alone, report])["ParentStudy"]}
    for key, number, frame, date in (
        ("joined", 3, f"{FRAME}.2", "20230301"),
        ("same", 2, f"{FRAME}.1", "20220201"),
        ("first", 1, f"{FRAME}.1", "20210101"),
    ):
        stored = store(server, slices_of("EXPLORER", number, frame, PatientName=name, StudyDate=date))
        ids[key] = stored["ParentStudy"]
    given = {
        "sourceFrameOfReferenceUid": f"{FRAME}.2",
        "targetFrameOfReferenceUid": f"{FRAME}.1",
        "matrix": SHIFT,
    }
    assert server.session.post("/imaging/transforms", json=given).status_code == 201
    return ids | {"patient": stored["ParentPatient"]}


def uids_of(link: str) -> list[str]:
    return link.split("StudyInstanceUIDs=")[1].split(",")


def test_a_patient_shows_the_studies_in_time_order_and_what_joins_them(
    explorer: Explorer, patient: dict[str, Any]
) -> None:
    explorer.open("patient", patient["patient"])
    rows = explorer.rows()
    assert [row[0].split()[0] for row in rows] == ["2021-01-01", "2022-02-01", "2023-03-01", "2024-04-01"]
    assert [row[1].split() for row in rows] == [
        ["3", "slices"], ["3", "slices"], ["3", "slices", "1", "skipped"], ["3", "slices", "1", "skipped"],
    ]  # fmt: skip
    assert [row[2] for row in rows] == ["A1", "A1", "A2", "B3"]
    assert [row[3] for row in rows] == [
        "reference", "same frame as the reference", "joined by a transform", "needs alignment",
    ]  # fmt: skip
    panel = explorer.panel
    assert panel.locator(".frame").all()[2].get_attribute("title") == f"{FRAME}.2"
    assert NotIndexableReason.NO_GEOMETRY.explanation in str(
        panel.get_by_title("noGeometry").get_attribute("title")
    )
    expect(panel).to_contain_text("same letter are joined by transforms")
    expect(panel).to_contain_text("Not for primary diagnosis")
    expect(panel).not_to_contain_text("Identity conflict")
    assert not explorer.viewer.failed
    assert not explorer.viewer.errors


def test_a_study_in_the_table_leads_to_its_page(explorer: Explorer, patient: dict[str, Any]) -> None:
    explorer.open("patient", patient["patient"]).get_by_text("2024-04-01").click()
    expect(explorer.panel).to_contain_text("Needs alignment", timeout=WITHIN_MS)
    assert explorer.page.url.endswith(f"#study?uuid={patient['alone']}")
    expect(explorer.page.locator(".longitudinal")).to_have_count(1)


def test_what_the_images_say_is_shown_as_text(explorer: Explorer, patient: dict[str, Any]) -> None:
    explorer.open("patient", patient["patient"])
    assert IMAGE in explorer.rows()[3][0]
    assert explorer.panel.locator("img, script").count() == 0
    explorer.open("study", patient["alone"])
    expect(explorer.panel).to_contain_text("Indexed")
    assert explorer.page.evaluate("window.broken") is None


@pytest.mark.parametrize(
    ("study", "alignment"),
    [
        ("first", "in the frame of reference of the patient’s first images"),
        ("joined", "joined to other images of the patient by a transform"),
        ("alone", "Needs alignment: no transform leads to the patient’s first images"),
    ],
)
def test_a_study_shows_how_it_is_aligned(
    explorer: Explorer, patient: dict[str, Any], study: str, alignment: str
) -> None:
    panel = explorer.open("study", patient[study])
    expect(panel).to_contain_text(alignment, timeout=WITHIN_MS)
    expect(panel).to_contain_text(f"Frame of reference: {FRAME}.")


def test_a_study_shows_what_is_indexed_and_what_was_skipped_and_why(
    explorer: Explorer, patient: dict[str, Any]
) -> None:
    panel = explorer.open("study", patient["alone"])
    expect(panel).to_contain_text("Indexed: 3 slices", timeout=WITHIN_MS)
    expect(panel).to_contain_text(
        f"Skipped: 1 instance (noGeometry). {NotIndexableReason.NO_GEOMETRY.explanation}"
    )
    expect(panel).to_contain_text("Not for primary diagnosis")
    address = panel.get_by_role("link", name="API").evaluate("(link) => link.href")
    assert address == f"{explorer.viewer.url}/imaging/docs"
    assert explorer.page.request.get(address).status == 200


def test_differing_identity_under_one_patient_id_is_said(explorer: Explorer, server: OrthancServer) -> None:
    for number, (date, birth) in enumerate((("20210101", "19700101"), ("20220101", "19800101"))):
        files = slices_of("CONFLICT", 10 + number, f"{FRAME}.10", StudyDate=date, PatientBirthDate=birth)
        stored = store(server, files)
    panel = explorer.open("patient", stored["ParentPatient"])
    expect(panel).to_contain_text("Identity conflict: birth date, sex or issuer differ", timeout=WITHIN_MS)


def test_studies_without_a_patient_id_send_the_reader_to_their_own_pages(
    explorer: Explorer, server: OrthancServer
) -> None:
    for number in (20, 21):
        stored = store(server, slices_of("", number, f"{FRAME}.{number}"))
    panel = explorer.open("patient", stored["ParentPatient"])
    expect(panel).to_contain_text("have no PatientID: each is a patient of its own", timeout=WITHIN_MS)
    expect(explorer.open("study", stored["ParentStudy"])).to_contain_text("Indexed: 3 slices")


def test_the_links_open_one_study_or_all_of_a_patient_in_ohif(
    explorer: Explorer, server: OrthancServer
) -> None:
    answers = server.store_rest(dicom_files("openms_dicom/patient01"))
    server.wait_until(
        lambda: len(server.session.get("/imaging/studies?patientId=OPENMS_P01").json().get("studies", [])) == 2,
        within=WITHIN_MS / 1000,
    )  # fmt: skip
    panel = explorer.open("patient", answers[0]["ParentPatient"])
    link = panel.get_by_role("link", name="Open in OHIF: 2 studies")
    expect(link).to_be_visible(timeout=WITHIN_MS)
    both = uids_of(str(link.get_attribute("href")))
    dates = [server.session.get(f"/imaging/studies/{uid}").json()["studyDate"] for uid in both]
    assert len(both) == 2
    assert dates == sorted(dates)
    panel = explorer.open("study", answers[0]["ParentStudy"])
    with explorer.page.context.expect_page() as opened:
        panel.get_by_role("link", name="Open in OHIF").click()
    tab = opened.value
    assert tab.url.startswith(f"{explorer.viewer.url}/ohif/viewer?StudyInstanceUIDs=")
    explorer.viewer.page = tab
    explorer.viewer.wait_for_image()


def without(viewer: Viewer, level: str, uuid: str, name: str) -> None:
    panel = Explorer(viewer).open(level, uuid)
    expect(panel).not_to_contain_text("Asking", timeout=WITHIN_MS)
    expect(panel.get_by_role("link", name="API")).to_be_visible()
    expect(panel.get_by_role("link", name=name)).to_have_count(0)


def test_without_ohif_there_is_no_link_to_it(browser: Browser, tmp_path: Path) -> None:
    with (
        OrthancServer(tmp_path, configuration={"Longitudinal": {"OhifRoot": None}}) as server,
        Viewer(browser, server.url, (server.user, server.password)) as viewer,
    ):
        stored = store(server, slices_of("NO OHIF", 30, FRAME))
        without(viewer, "patient", stored["ParentPatient"], "Open in OHIF")
        without(viewer, "study", stored["ParentStudy"], "Open in OHIF")
        expect(Explorer(viewer).panel.get_by_text("Index again")).to_be_visible()


# What takes its time, or fails: the answers of one route are put in its place


def answering(page: Page, path: str, answer: Callable[[Route], None]) -> None:
    page.route(re.compile(rf"/imaging/{path}$"), answer)


def status_of(state: str, progress: float) -> dict[str, Any]:
    return {
        "state": state, "progress": progress, "stage": "reading 30 of 120, 400 a second", "slices": 30, "skipped": [],
        "alignment": None, "job": "1", "error": None,
    }  # fmt: skip


@pytest.fixture
def scripted(explorer: Explorer) -> Iterator[list[dict[str, Any]]]:
    """A list of answers of index-status; the last one stays."""
    answers: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        route.fulfill(json=answers.pop(0) if len(answers) > 1 else answers[0])

    answering(explorer.page, "studies/[^/]*/index-status", answer)
    return answers


def test_progress_is_followed_until_it_is_done_and_no_longer(
    explorer: Explorer, patient: dict[str, Any], scripted: list[dict[str, Any]]
) -> None:
    scripted += [
        status_of("queued", 0),
        status_of("running", 0.25),
        status_of("running", 0.75),
        status_of("done", 1),
    ]
    panel = explorer.open("study", patient["first"])
    expect(panel).to_contain_text("Waits to be indexed", timeout=WITHIN_MS)
    expect(panel).to_contain_text("Indexing, 25 %: reading 30 of 120, 400 a second")
    assert panel.locator("progress").evaluate("(bar) => bar.value") == 0.25
    expect(panel).to_contain_text("Indexing, 75 %")
    expect(panel).to_contain_text("Indexed: 30 slices")
    expect(panel.locator("progress")).to_have_count(0)
    asked = explorer.asked("/index-status")
    assert asked == 4
    explorer.page.wait_for_timeout(2.5 * POLL_MS)
    assert explorer.asked("/index-status") == asked


def test_who_leaves_the_page_asks_no_more(
    explorer: Explorer, patient: dict[str, Any], scripted: list[dict[str, Any]]
) -> None:
    scripted += [status_of("running", 0.5)]
    panel = explorer.open("study", patient["first"])
    expect(panel).to_contain_text("Indexing, 50 %", timeout=WITHIN_MS)
    explorer.page.wait_for_timeout(2.5 * POLL_MS)
    assert explorer.asked("/index-status") >= 3
    explorer.page.get_by_role("link", name="Lookup").locator("visible=true").click()
    expect(explorer.page.locator("#lookup")).to_be_visible()
    asked = explorer.asked("/index-status")
    explorer.page.wait_for_timeout(2.5 * POLL_MS)
    assert explorer.asked("/index-status") <= asked + 1  # one may have been under way
    expect(explorer.page.locator(".longitudinal")).to_have_count(0)


def test_a_failed_index_says_why_and_is_not_asked_for_again(
    explorer: Explorer, patient: dict[str, Any], scripted: list[dict[str, Any]]
) -> None:
    scripted += [status_of("failed", 0.5) | {"error": f"3 of 120 instances cannot be read {SCRIPT}"}]
    panel = explorer.open("study", patient["first"])
    expect(panel).to_contain_text(
        f"Indexing failed: 3 of 120 instances cannot be read {SCRIPT}", timeout=WITHIN_MS
    )
    explorer.page.wait_for_timeout(1.5 * POLL_MS)
    assert explorer.asked("/index-status") == 1


@pytest.mark.parametrize(
    ("level", "path"), [("patient", "patients/[^/]*"), ("study", "studies/[^/]*/index-status")]
)
@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (404, json.dumps({"code": "notFound"}), "Not in the index yet."),
        (503, json.dumps({"code": "busy", "detail": "try again"}), "The index answers 503: try again"),
        (502, "<html>a proxy's page</html>", "The index answers 502: no reason given"),
    ],
)
def test_an_error_is_one_line_and_passes(
    explorer: Explorer, patient: dict[str, Any], level: str, path: str, status: int, body: str, line: str
) -> None:
    is_well = False

    def answer(route: Route) -> None:
        if is_well:
            route.continue_()
        else:
            route.fulfill(status=status, body=body)

    answering(explorer.page, path, answer)
    panel = explorer.open(level, patient["patient" if level == "patient" else "first"])
    told = panel.get_by_role("status")
    expect(told).to_have_text(line, timeout=WITHIN_MS)
    expect(panel).to_contain_text("Not for primary diagnosis")
    is_well = True
    expect(told).to_contain_text("3 slices", timeout=SLOW_POLL_MS + WITHIN_MS)


def test_where_nobody_answers_the_page_says_so(explorer: Explorer, patient: dict[str, Any]) -> None:
    answering(explorer.page, "patients/[^/]*", lambda route: route.abort())
    panel = explorer.open("patient", patient["patient"])
    expect(panel.get_by_role("status")).to_have_text("The index does not answer.", timeout=WITHIN_MS)


def test_an_error_that_will_not_pass_is_not_asked_for_again(
    explorer: Explorer, patient: dict[str, Any]
) -> None:
    problem = {"code": "internalError", "title": "The plugin failed"}
    answering(explorer.page, "patients/[^/]*", lambda route: route.fulfill(status=500, json=problem))
    panel = explorer.open("patient", patient["patient"])
    expect(panel.get_by_role("status")).to_have_text(
        "The index answers 500: The plugin failed", timeout=WITHIN_MS
    )
    explorer.page.wait_for_timeout(SLOW_POLL_MS + POLL_MS)
    assert explorer.asked(f"/imaging/patients/{patient['patient']}") == 1


def test_another_study_on_the_same_page_is_told_of_in_its_place(
    explorer: Explorer, patient: dict[str, Any]
) -> None:
    expect(explorer.open("study", patient["first"])).to_contain_text(
        "patient’s first images", timeout=WITHIN_MS
    )
    explorer.page.evaluate("(uuid) => { location.hash = `#study?uuid=${uuid}`; }", patient["alone"])
    expect(explorer.panel).to_contain_text("Needs alignment", timeout=WITHIN_MS)
    expect(explorer.page.locator(".longitudinal")).to_have_count(1)


def changing(page: Page, path: str, change: Callable[[dict[str, Any]], None]) -> None:
    """The server's own answers of a route, changed by us."""

    def answer(route: Route) -> None:
        response = route.fetch()
        content = response.json()
        change(content)
        route.fulfill(response=response, json=content)

    answering(page, path, answer)


def test_an_alignment_under_way_is_followed_to_its_end(
    explorer: Explorer, patient: dict[str, Any], scripted: list[dict[str, Any]]
) -> None:
    states = ["queued", "running", "aligned"]
    changing(explorer.page, "studies/[0-9a-f-]*", lambda study: study.update(alignment=states.pop(0)))
    scripted += [status_of("done", 1) | {"alignment": state} for state in states]
    panel = explorer.open("study", patient["alone"])
    expect(panel).to_contain_text("Alignment: waits for its turn", timeout=WITHIN_MS)
    expect(panel).to_contain_text("Alignment: under way")
    expect(panel).to_contain_text("joined to other images of the patient by a transform")
    explorer.page.wait_for_timeout(2.5 * POLL_MS)
    assert explorer.asked("/index-status") == 3


def test_an_alignment_that_failed_says_what_was_tried(explorer: Explorer, patient: dict[str, Any]) -> None:
    tried = [{"method": "rigid", "reason": f"there and back differ by 14.2 mm {SCRIPT}"}]
    changing(
        explorer.page,
        "studies/[0-9a-f-]*",
        lambda study: study.update(alignment="failed", failedAlignments=tried),
    )
    panel = explorer.open("study", patient["alone"])
    expect(panel).to_contain_text("Alignment failed", timeout=WITHIN_MS)
    expect(panel).to_contain_text(f"Tried: rigid. there and back differ by 14.2 mm {SCRIPT}")
    assert explorer.page.evaluate("window.broken") is None


def test_a_patient_is_looked_at_again_while_a_study_is_worked_on(
    explorer: Explorer, patient: dict[str, Any]
) -> None:
    answers = [("running", True), (None, False), ("needsAlignment", True)]

    def change(content: dict[str, Any]) -> None:
        alignment, indexed = answers.pop(0)
        content["studies"][3].update(alignment=alignment, indexed=indexed)

    changing(explorer.page, "patients/[^/]*", change)
    panel = explorer.open("patient", patient["patient"])
    expect(panel).to_contain_text("is being aligned", timeout=WITHIN_MS)
    expect(panel).to_contain_text("not indexed yet", timeout=SLOW_POLL_MS + WITHIN_MS)
    expect(panel).to_contain_text("needs alignment", timeout=SLOW_POLL_MS + WITHIN_MS)
    explorer.page.wait_for_timeout(SLOW_POLL_MS + POLL_MS)
    assert explorer.asked(f"/imaging/patients/{patient['patient']}") == 3


# On servers of their own


def test_a_study_from_before_the_plugin_is_indexed_when_asked_for(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "orthanc"
    with OrthancServer(folder, plugin=False) as bare:
        (*_, stored) = bare.store_rest(slices_of("BEFORE", 40, FRAME))
    settings = {"Longitudinal": {"BackfillOnStart": False, "AlignOnArrival": False}}
    with (
        OrthancServer(folder, configuration=settings) as server,
        Viewer(browser, server.url, (server.user, server.password)) as viewer,
    ):
        page = Explorer(viewer)
        server.wait_indexed(lambda health: health["reconciled"] > 0, within=WITHIN_MS / 1000)
        panel = page.open("study", stored["ParentStudy"])
        expect(panel).to_contain_text("Not indexed yet, 0 %: 0 slices so far", timeout=WITHIN_MS)
        panel.get_by_text("Index again").click()
        expect(panel).to_contain_text("Indexed: 3 slices", timeout=WITHIN_MS)
        assert page.page.url.endswith(f"#study?uuid={stored['ParentStudy']}")
        jobs = server.session.get("/imaging/jobs").json()["jobs"]
        assert [(job["subject"], job["state"]) for job in jobs] == [(stored["ParentStudy"], "done")]


def test_an_index_that_cannot_be_asked_for_says_why(explorer: Explorer, patient: dict[str, Any]) -> None:
    panel = explorer.open("study", patient["first"])
    expect(panel).to_contain_text("Indexed", timeout=WITHIN_MS)
    problem = {"code": "sidecarUnavailable", "detail": "the disk is full"}
    answering(explorer.page, "studies/[^/]*/index", lambda route: route.fulfill(status=503, json=problem))
    panel.get_by_text("Index again").click()
    expect(panel.get_by_role("status")).to_have_text("The index answers 503: the disk is full")


def test_behind_a_proxy_and_with_another_root_nothing_is_asked_outside(
    browser: Browser, tmp_path: Path
) -> None:
    root = "/research/imaging"
    with (
        OrthancServer(tmp_path, configuration={"Longitudinal": {"Root": root}}) as server,
        PrefixProxy(server.http_port, "/hospital/pacs") as proxy,
        Viewer(browser, proxy.url, (server.user, server.password)) as viewer,
    ):
        stored = store(server, slices_of("PROXY", 50, FRAME), root)
        page = Explorer(viewer)
        page.open("patient", stored["ParentPatient"])
        assert page.rows()[0][1:] == ["3 slices", "A1", "reference"]
        panel = page.open("study", stored["ParentStudy"])
        expect(panel).to_contain_text("Indexed: 3 slices", timeout=WITHIN_MS)
        links = {
            name: panel.get_by_role("link", name=name) for name in ("API", "Open in OHIF", "Index again")
        }
        assert links["API"].evaluate("(link) => link.href") == f"{proxy.url}{root}/docs"
        viewer_address = links["Open in OHIF"].evaluate("(link) => link.href")
        assert viewer_address == f"{proxy.url}/ohif/viewer?StudyInstanceUIDs={ROOT_UID}.50"
        with page.page.expect_response(re.compile(r"/index$")) as answered:
            links["Index again"].click()
        assert answered.value.status == 202
        assert answered.value.url.startswith(f"{proxy.url}{root}/studies/")
        assert page.page.request.get(viewer_address).status == 200
        assert not proxy.outside


def test_the_buttons_documented_for_explorer_2_lead_to_what_is_served(
    server: OrthancServer, patient: dict[str, Any]
) -> None:
    """Its page is at /ui/app/; names in braces are what it puts in."""
    (snippet,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "explorer.md").read_text(), re.DOTALL)
    buttons = json.loads(snippet)["OrthancExplorer2"]["UiOptions"]["CustomButtons"]
    assert set(buttons) == {"patient", "study", "bulk-studies"}
    values = {
        "{UUID}": patient["first"],
        "{StudyInstanceUID}": f"{ROOT_UID}.1",
        "{CommaSeparatedDicomIds}": f"{ROOT_UID}.1,{ROOT_UID}.2",
    }
    for level, button in [(level, button) for level, some in buttons.items() for button in some]:
        text = json.dumps({"url": button["Url"], "payload": button.get("Payload")})
        here = values | ({"{UUID}": patient["patient"]} if level == "patient" else {})
        for name, value in here.items():
            text = text.replace(name, value)
        filled = json.loads(text)
        url, payload = filled["url"], filled["payload"]
        assert "{" not in url
        answer = server.session.request(
            button["HttpMethod"], urljoin(f"{server.url}/ui/app/", url), json=payload
        )
        assert answer.status_code == {"GET": 200, "POST": 202}[button["HttpMethod"]], (url, answer.text)
