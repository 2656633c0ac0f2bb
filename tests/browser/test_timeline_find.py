"""Find: patients, their studies on a time axis, jobs and uploads, in a browser against a real server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.explorer_page import report_of, slices_of, store
from tests.browser.timeline_find import ALIGNED_MS, WITHIN_MS, Find
from tests.browser.viewer import Viewer
from tests.data import dicom_files
from tests.orthanc.server import OrthancServer

IMAGE = "<img src=x onerror=window.broken()>"
FRAME = "2.25.7042.800"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    """A server that aligns nothing by itself."""
    configuration = {"HttpCompressionEnabled": False, "Longitudinal": {"AlignOnArrival": False}}
    with OrthancServer(tmp_path_factory.mktemp("find"), configuration=configuration) as server:
        yield server


@pytest.fixture(scope="module")
def heads(server: OrthancServer) -> str:
    """Two studies of one head, in two frames; the patient's Orthanc id."""
    stored = server.store_rest(dicom_files("openms_dicom/patient01"))
    server.wait_until(
        lambda: len(patient_of(server, stored[0]["ParentPatient"]).get("studies", [])) == 2 or None,
        within=20,
        what="both studies are indexed",
    )
    return str(stored[0]["ParentPatient"])


@pytest.fixture(scope="module")
def evil(server: OrthancServer) -> dict[str, Any]:
    """A patient with markup for a name, studies at very different intervals, one without a date, one without a place."""
    for number, date, frame in (
        (80, "20200101", FRAME), (81, "20210101", FRAME), (82, "20240101", f"{FRAME}.2"), (83, "", f"{FRAME}.3"),
    ):  # fmt: skip
        stored = store(
            server,
            slices_of(
                "EVIL-80", number, frame, PatientName=f"Evil^{IMAGE}", StudyDate=date, StudyDescription=IMAGE
            ),
        )
    store(server, [report_of("EVIL-80", 84, PatientName=f"Evil^{IMAGE}", StudyDate="20240601")])
    return stored


def patient_of(server: OrthancServer, orthanc_id: str) -> dict[str, Any]:
    answer = server.session.get(f"/imaging/patients/{orthanc_id}")
    return answer.json() if answer.ok else {}


@pytest.fixture
def find(browser: Browser, server: OrthancServer) -> Iterator[Find]:
    with Viewer(browser, server.url, (server.user, server.password)) as viewer:
        yield Find(viewer)


@pytest.mark.usefixtures("heads", "evil")
def test_patients_are_found_by_name_id_and_date(find: Find) -> None:
    find.open()
    expect(find.page.locator(".search [role=status]")).to_have_text("2 patients", timeout=WITHIN_MS)
    find.search("openms, nobody")
    told = "No patient has “openms, nobody” in the name or id, or a study on that date."
    expect(find.page.locator(".search [role=status]")).to_have_text(told)
    find.search("p01", "OPENMS, P01")
    evil = find.page.locator(".patient-line", has_text="EVIL-80")
    find.page.get_by_role("searchbox").fill("vil-80")
    expect(evil).to_be_visible(timeout=WITHIN_MS)
    find.search("2012-07", "OPENMS, P01")
    find.page.get_by_role("searchbox").fill("20240101")
    expect(evil).to_be_visible(timeout=WITHIN_MS)
    expect(find.page.locator(".patient-line")).to_have_count(1)
    assert "query=20240101" in find.page.url
    find.page.reload()
    expect(find.page.get_by_role("searchbox")).to_have_value("20240101")
    expect(find.page.locator(".search [role=status]")).to_have_text("1 patient", timeout=WITHIN_MS)
    assert find.viewer.errors == []


def test_studies_lie_on_the_axis_as_far_apart_as_in_time(find: Find, evil: dict[str, Any]) -> None:
    find.open_patient(evil["ParentPatient"])
    dates = find.page.locator(".card-date").all_inner_texts()
    assert dates == ["2020-01-01", "2021-01-01", "2024-01-01", "2024-06-01", "no date"]
    marks = find.page.locator(".axis-mark")
    left = [mark.bounding_box()["x"] for mark in marks.all()]  # type: ignore[index]
    assert left == sorted(left)
    assert (left[1] - left[0]) / (left[3] - left[0]) == pytest.approx(366 / 1613, abs=0.005)
    assert (left[2] - left[0]) / (left[3] - left[0]) == pytest.approx(1461 / 1613, abs=0.005)
    assert find.page.locator(".card-head .quiet").all_inner_texts() == [
        "",
        "+1.0 y",
        "+4.0 y",
        "+4.4 y",
        "",
    ]
    states = find.page.locator(".state-word").all_inner_texts()
    assert states == [
        "Reference: the patient’s first images",
        "Same scanner coordinates as the first images",
        "Indexed, not aligned: a place cannot be followed here yet",
        "Indexed: its images have no position in the body",
        "Indexed, not aligned: a place cannot be followed here yet",
    ]
    assert find.card(1).locator(".modality").inner_text() == "MR"
    assert find.viewer.errors == []


def test_what_the_images_say_is_text_everywhere(find: Find, evil: dict[str, Any]) -> None:
    find.page.expose_function("broken", lambda: None)
    find.open_patient(evil["ParentPatient"])
    for place in (".patient-head h1", ".patient-line .name"):
        assert "<img src" in find.page.locator(place).first.inner_text()
    assert find.card(1).locator(".description").inner_text() == IMAGE
    assert find.page.locator("img, [onerror]").count() == 0
    find.page.get_by_role("link", name="Open the timeline").click()
    expect(find.page.locator("h1")).to_contain_text("<img src", timeout=WITHIN_MS)
    expect(find.page.locator(".tile").first).to_contain_text("slice", timeout=WITHIN_MS)
    find.page.keyboard.press("t")
    find.page.locator(".header-panel").get_by_role("searchbox").fill("study description")
    expect(find.page.locator(".attribute-value").first).to_have_text(IMAGE, timeout=WITHIN_MS)
    assert find.page.locator("img, [onerror]").count() == 0
    find.open("?view=find&query=" + IMAGE.replace("=", "%3D") + "nobody")
    expect(find.page.locator(".search [role=status]")).to_contain_text(f"{IMAGE}nobody", timeout=WITHIN_MS)
    assert find.page.locator("img").count() == 0


def test_a_thumbnail_is_drawn_from_stored_values(find: Find, heads: str) -> None:
    find.open_patient(heads)
    expect(find.card(2).locator(".thumbnail[data-state=drawn]")).to_be_visible(timeout=WITHIN_MS)
    levels = (
        find.card(2)
        .locator("canvas")
        .evaluate(
            """(canvas) => { const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return new Set(data.filter((_, at) => at % 4 === 0)).size; }"""
        )
    )
    assert levels > 50, "a head has many greys"
    assert any("/numpy" in url for url in find.viewer.requested)
    assert not any("preview" in url or "rendered" in url for url in find.viewer.requested)


def test_a_picture_that_cannot_be_had_is_a_word_and_the_rest_goes_on(find: Find, heads: str) -> None:
    find.page.route(re.compile(r"/numpy"), lambda route: route.abort())
    find.open_patient(heads)
    expect(find.card(1).locator(".thumbnail")).to_have_text("no picture", timeout=WITHIN_MS)
    expect(find.card(1).locator(".state-word")).to_have_text("Reference: the patient’s first images")


def test_an_alignment_is_followed_stopped_and_survives_a_reload(find: Find, heads: str) -> None:
    find.open_patient(heads)
    expect(find.card(2).locator(".state-word")).to_contain_text("not aligned", timeout=WITHIN_MS)
    find.card(2).get_by_role("checkbox").check()
    expect(find.page.locator(".find-actions")).to_contain_text("1 study selected")
    find.page.get_by_role("button", name="Align 1 study").click()
    expect(find.page.locator(".find-actions [role=status]")).to_have_text("1 alignment is going to be made.")
    job = find.page.locator(".job[data-state=running]")
    expect(job).to_contain_text(re.compile(r"\d+ %, "), timeout=WITHIN_MS)
    expect(job).to_contain_text("Align · OPENMS_P01 · 2012-07-31 · MR")
    find.page.reload()
    expect(find.page.locator(".job[data-state=running]")).to_contain_text(
        re.compile(r"\d+ %"), timeout=WITHIN_MS
    )
    expect(find.card(2).locator(".state-word")).to_contain_text("Being aligned")
    find.card(2).get_by_role("button", name="Stop").click()
    stopped = find.page.locator(".job[data-state=cancelled]").first
    expect(stopped).to_contain_text("Stopped", timeout=WITHIN_MS)
    expect(find.card(2).locator(".state-word")).to_contain_text("not aligned", timeout=WITHIN_MS)
    stopped.get_by_role("button", name="Try again").click()
    expect(find.card(2).locator(".state-word")).to_have_text(
        re.compile(r"Aligned, error typically up to \d+\.\d mm, not reviewed"), timeout=ALIGNED_MS
    )
    expect(find.page.locator(".job[data-state=done]").first).to_contain_text("Aligned")
    assert find.viewer.failed == []


def test_all_studies_can_be_chosen_and_indexed(find: Find, evil: dict[str, Any]) -> None:
    find.open_patient(evil["ParentPatient"])
    find.page.get_by_role("button", name="Select all").click()
    expect(find.page.locator(".find-actions")).to_contain_text("5 studies selected")
    find.page.get_by_role("button", name="Index 5 studies").click()
    expect(find.page.locator(".find-actions [role=status]")).to_have_text(
        "5 studies are going to be indexed."
    )
    expect(find.page.locator(".job").first).to_contain_text("Index · EVIL-80", timeout=WITHIN_MS)
    find.page.get_by_role("button", name="Select none").click()
    expect(find.page.locator(".find-actions")).to_contain_text("None selected: the buttons act on all")


def test_what_failed_says_why(find: Find, evil: dict[str, Any]) -> None:
    def answer(route: Route) -> None:
        response = route.fetch()
        patient = response.json()
        patient["studies"][2].update(
            alignment="failed", failedAlignments=[{"reason": f"there and back differ by 14.2 mm {IMAGE}"}]
        )
        patient["studies"][1].update(indexed=False)
        route.fulfill(response=response, json=patient)

    find.page.route(re.compile(r"/imaging/patients/[^?/]+$"), answer)
    find.open_patient(evil["ParentPatient"])
    expect(find.card(3)).to_contain_text("Alignment failed")
    expect(find.card(3).locator(".why")).to_have_text(f"there and back differ by 14.2 mm {IMAGE}")
    expect(find.card(2).locator(".state-word")).to_have_text("Not indexed: its slices cannot be found yet")


def test_a_refusal_of_the_server_is_told(find: Find, evil: dict[str, Any]) -> None:
    problem = {"code": "tooManyJobs", "title": "Too many jobs", "detail": "2,000 of your jobs wait already"}
    find.page.route(re.compile(r"/alignments$"), lambda route: route.fulfill(status=429, json=problem))
    find.open_patient(evil["ParentPatient"])
    find.page.get_by_role("button", name="Align 5 studies").click()
    expect(find.page.locator(".find-actions [role=alert]")).to_have_text("2,000 of your jobs wait already")


def test_a_server_that_is_gone_for_a_while_is_told_and_comes_back(find: Find, evil: dict[str, Any]) -> None:
    find.open_patient(evil["ParentPatient"])
    find.page.route(re.compile(r"/imaging/(jobs|patients)"), lambda route: route.abort())
    expect(find.page.locator(".work [role=alert]")).to_contain_text("does not answer", timeout=WITHIN_MS)
    expect(find.card(1)).to_contain_text("2020-01-01")
    find.page.unroute_all()
    expect(find.page.locator(".work [role=alert]")).to_have_count(0, timeout=WITHIN_MS)


def test_a_patient_who_is_gone_is_told(find: Find, server: OrthancServer) -> None:
    find.open("?view=find&patient=nobody")
    expect(find.page.locator(".find-main [role=alert]")).to_have_text(
        "This patient is not in the archive any more.", timeout=WITHIN_MS
    )


def test_dropped_files_have_an_outcome_each(find: Find, server: OrthancServer) -> None:
    files = dict(zip(("1.dcm", "2.dcm", "3.dcm"), slices_of("DROPPED", 90, FRAME), strict=True))
    find.open()
    find.drop({**files, "notes.txt": b"not an image", IMAGE: b"either"})
    expect(find.page.locator(".upload [role=status]")).to_contain_text(
        "Sent: 5 of 5 files", timeout=WITHIN_MS
    )
    expect(find.page.locator(".upload-counts")).to_have_text("2 refused, 3 stored")
    assert find.outcomes() == [
        ("notes.txt", "refused"), (IMAGE, "refused"), ("1.dcm", "stored"), ("2.dcm", "stored"), ("3.dcm", "stored"),
    ]  # fmt: skip
    expect(find.page.locator(".outcomes .why").first).to_contain_text("DICOM")
    find.drop(files)
    expect(find.page.locator(".upload-counts")).to_have_text("3 there already", timeout=WITHIN_MS)
    find.page.get_by_role("button", name="Open the patient").click()
    expect(find.page.locator(".patient-head")).to_contain_text("DROPPED", timeout=WITHIN_MS)
    expect(find.card(1)).to_contain_text("3 slices", timeout=WITHIN_MS)
    assert find.viewer.errors == []


def test_a_folder_can_be_chosen(find: Find, tmp_path: Path) -> None:
    folder = tmp_path / "disc" / "IMAGES"
    folder.mkdir(parents=True)
    for number, content in enumerate(slices_of("FOLDER", 91, FRAME)):
        (folder / f"{number}.dcm").write_bytes(content)
    find.open()
    with find.page.expect_file_chooser() as chosen:
        find.page.get_by_role("button", name="Choose a folder…").click()
    chosen.value.set_files(tmp_path / "disc")
    expect(find.page.locator(".upload-counts")).to_have_text("3 stored", timeout=WITHIN_MS)
    assert sorted(find.outcomes()) == [(f"disc/IMAGES/{number}.dcm", "stored") for number in range(3)]


def test_an_upload_that_the_server_does_not_take_says_so_for_each_file(find: Find) -> None:
    problem = {"code": "bodyTooLarge", "detail": "more than MaxUploadMiB"}
    find.page.route(
        re.compile(r"/uploads$"), lambda route: route.fulfill(status=413, body=json.dumps(problem))
    )
    find.open()
    find.drop({"1.dcm": b"x", "2.dcm": b"y"})
    expect(find.page.locator(".upload-counts")).to_have_text("2 not sent", timeout=WITHIN_MS)
    expect(find.page.locator(".outcomes .why").first).to_have_text("more than MaxUploadMiB")


def test_an_empty_archive_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    with (
        OrthancServer(tmp_path) as empty,
        Viewer(browser, empty.url, (empty.user, empty.password)) as viewer,
    ):
        find = Find(viewer)
        find.open()
        expect(find.page.locator(".search [role=status]")).to_have_text(
            "No patients yet. Upload images below, or send them to Orthanc.", timeout=WITHIN_MS
        )
        expect(find.page.locator(".work")).to_contain_text("Nothing is being indexed or aligned.")
        assert viewer.errors == []
