"""Kinds of fault that viewers have: each is stored in a real Orthanc, and the right value comes back over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests import builders as build
from tests import cases
from tests.cases import CT
from tests.orthanc.server import OrthancServer

INDEXED_SECONDS = 20.0
WORD = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
PLAIN = ["ORIGINAL", "PRIMARY", "M", "ND"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    folder = tmp_path_factory.mktemp("cases")
    # nothing is aligned meanwhile: these are about what is known without
    with OrthancServer(folder, configuration={"Longitudinal": {"AlignOnArrival": False}}) as server:
        yield server
        assert "A request failed" not in server.log


def store(server: OrthancServer, *datasets: Dataset) -> None:
    before = server.session.get("/statistics").json()["CountInstances"]
    server.store_rest([build.as_file(ds) for ds in datasets])
    count = before + len(datasets)
    server.wait_indexed(lambda health: health["instances"] == count and not health["queued"], INDEXED_SECONDS)


def click(server: OrthancServer, ds: Dataset, row: float = 3, column: float = 2, **more: Any) -> Any:
    question = {"sopInstanceUid": ds.SOPInstanceUID, "row": row, "column": column} | more
    return server.session.post("/imaging/points/resolve", json=question)


def answer(server: OrthancServer, ds: Dataset, row: float = 3, column: float = 2, **more: Any) -> Any:
    response = click(server, ds, row, column, **more)
    assert response.status_code == 200, response.text
    return response.json()


def assert_refused(server: OrthancServer, ds: Dataset, reason: str, *values: str) -> None:
    """Reason and value stand in index-status, in the study, in what resolve lists, and in the problem of a click."""
    study = f"/imaging/studies/{ds.StudyInstanceUID}"
    skipped = server.session.get(f"{study}/index-status").json()["skipped"]
    series = server.session.get(study).json()["series"]
    mine = [
        entry
        for one in series
        if one["seriesInstanceUid"] == ds.SeriesInstanceUID
        for entry in one["skipped"]
    ]
    response = click(server, ds)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "notIndexable")
    said = [
        "; ".join(detail for entry in skipped if entry["reason"] == reason for detail in entry["details"]),
        "; ".join(detail for entry in mine if entry["reason"] == reason for detail in entry["details"]),
        problem["errors"][0]["detail"],
    ]
    assert problem["errors"][0]["detail"].startswith(f"{reason}: ")
    for value in values:
        assert all(value in text for text in said), (value, said)


# Kind A, tiles and slices:

TILES: dict[str, Callable[[str], Dataset]] = {
    "count and text": lambda p: cases.with_private(
        cases.with_private(mr(p, 384, PLAIN, AcquisitionMatrix=[64, 0, 0, 64]), 0x0019, "SIEMENS MR HEADER", 0x0A, "US", 36),
        0x0051, "SIEMENS MR HEADER", 0x16, "LO", "p2 M/ND/MOSAIC",
    ),
    "count of unknown VR": lambda p: cases.with_private(
        mr(p, 384, PLAIN), 0x0019, "SIEMENS MR HEADER", 0x0A, "UN", b"\x24\0"
    ),
    "grid": lambda p: cases.with_private(mr(p, 384, PLAIN), 0x0065, "Image Private Header", 0x50, "DS", "36"),
    "private elements removed": lambda p: mr(p, 384, WORD, AcquisitionMatrix=[64, 0, 0, 64]),
    "sizes alone": lambda p: mr(p, 384, PLAIN, AcquisitionMatrix=[0, 64, 64, 0]),
}  # fmt: skip
SLICES: dict[str, Callable[[str], Dataset]] = {
    "word alone": lambda p: mr(p, 128, WORD, 2.0),
    "as large as acquired": lambda p: mr(p, 64, WORD, AcquisitionMatrix=[64, 0, 0, 64]),
    "count left behind": lambda p: cases.with_private(
        mr(p, 64, WORD, AcquisitionMatrix=[64, 0, 0, 64]), 0x0019, "SIEMENS MR HEADER", 0x0A, "US", 36
    ),
    "interpolated": lambda p: mr(p, 256, PLAIN, 0.9, AcquisitionMatrix=[64, 0, 0, 64]),
}


def mr(patient: str, size: int, kind: list[str], mm: float = 3.0, **attributes: Any) -> Dataset:
    return cases.of(
        build.classic(spacing=(mm, mm)), patient, Rows=size, Columns=size, ImageType=kind, **attributes
    )


@pytest.mark.parametrize("name", TILES)
def test_tiles_have_no_one_place(server: OrthancServer, name: str) -> None:
    ds = TILES[name](f"tiles {name}")
    store(server, ds)
    assert_refused(server, ds, "mosaic", "384 x 384")


@pytest.mark.parametrize("name", SLICES)
def test_slices_are_slices_whatever_they_are_called(server: OrthancServer, name: str) -> None:
    ds = SLICES[name](f"slices {name}")
    store(server, ds)
    spacing = float(ds.PixelSpacing[0])
    point = answer(server, ds)["point"]
    assert (point["x"], point["y"], point["z"]) == pytest.approx((2 * spacing, 3 * spacing, 0))


def test_enhanced_planes_labelled_mosaic(server: OrthancServer) -> None:
    ds = cases.enhanced("enhanced label", [3.0 * k for k in range(20)], ImageType=WORD)
    store(server, ds)
    found = answer(server, ds, frameNumber=5)
    assert [found["point"][name] for name in "xyz"] == [2, 3, 12]
    assert (found["matches"][0]["frameNumber"], found["matches"][0]["sliceIndex"]) == (5, 4)


# Kind B, projections:


def scan(patient: str, **attributes: Any) -> list[Dataset]:
    return cases.volume(patient, [0, 2, 4, 6, 8], **CT | attributes)


PICTURES: dict[str, dict[str, Any]] = {
    "scout": CT | {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    "scout by its options": CT | {"ScanOptions": "SURVIEW"},
    "MIP of finer pixels": CT | {"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "CT_SOM5 MIP"], "PixelSpacing": [0.2, 0.2]},
    "MIP that calls itself original": CT | {"ImageType": ["ORIGINAL", "PRIMARY", "MAX_IP"]},
    "projection image": {"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]},
    "curved": CT | {"ImageType": ["DERIVED", "SECONDARY", "CURVED_MPR"]},
    "distorted": CT | {"VolumetricProperties": "DISTORTED"},
    "technique": CT | {"VolumeBasedCalculationTechnique": "MIN_IP"},
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_without_one_place_gives_none_and_the_scan_beside_it_answers(
    server: OrthancServer, name: str
) -> None:
    patient = f"picture {name}"
    clicked = scan(patient)
    later = scan(patient, FrameOfReferenceUID=clicked[0].FrameOfReferenceUID, StudyDate="20210101")
    picture = build.classic((-30, -30, 4), (1, 0, 0, 0, 1, 0))
    store(server, *clicked, *cases.beside(patient, picture, later, Rows=60, Columns=60, **PICTURES[name]))
    assert_refused(server, picture, "projection", " is ")
    matches = answer(server, clicked[2], 20, 20)["matches"]
    assert [match["sopInstanceUid"] for match in matches] == [
        clicked[2].SOPInstanceUID,
        later[2].SOPInstanceUID,
    ]


def test_localizers_of_mr_are_slices(server: OrthancServer) -> None:
    ds = cases.of(
        build.classic((1, 2, 3), build.CORONAL), "MR scout", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]
    )
    store(server, ds)
    found = answer(server, ds)
    assert [found["point"][name] for name in "xyz"] == [3, 2, 0]
    assert found["matches"][0]["sopInstanceUid"] == ds.SOPInstanceUID


# Kind C, what is no image:


@pytest.mark.parametrize(
    ("sop_class", "modality", "pixels"),
    [
        (cases.SPECTROSCOPY, "MR", False), (cases.RT_PLAN, "RTPLAN", False), (cases.RT_STRUCTURES, "RTSTRUCT", False),
        (cases.RAW_DATA, "OT", False), (cases.SPECTROSCOPY, "MR", True), (build.MR, "MR", False),
    ],
)  # fmt: skip
def test_pixels_make_an_image_not_rows(
    server: OrthancServer, sop_class: str, modality: str, pixels: bool
) -> None:
    patient = f"no image {sop_class} {pixels}"
    clicked = cases.volume(patient)
    later = cases.volume(patient, FrameOfReferenceUID=clicked[0].FrameOfReferenceUID, StudyDate="20210101")
    ds = build.classic((-30, -30, 2), SOPClassUID=sop_class, Modality=modality, PixelSpacing=[0.1, 0.1])
    if not pixels:
        del ds.PixelData
    store(server, *clicked, *cases.beside(patient, ds, later, Rows=600, Columns=600))
    assert_refused(server, ds, "notAnImage", sop_class)
    matches = answer(server, clicked[1], 20, 20)["matches"]
    assert matches[1]["sopInstanceUid"] == later[1].SOPInstanceUID
    preview = server.session.get(f"/imaging/instances/{ds.SOPInstanceUID}/preview", allow_redirects=False)
    assert (preview.status_code, preview.json()["code"]) == (422, "noPicture")


# Kind D, identity by placeholder:


@pytest.mark.parametrize(
    "frame", ["Unknown", "0", "1", "N/A", "1\\2", "", "0.0.0.0", "1.2." + "7" * 64, "1.2.840.10008.1.2"]
)
def test_what_is_no_uid_joins_nothing(server: OrthancServer, frame: str) -> None:
    patient = f"placeholder {frame}"
    first, second = (
        cases.volume(patient, FrameOfReferenceUID=frame, StudyDate=f"202{k}0101") for k in range(2)
    )
    store(server, *first, *second)
    found = answer(server, first[0])
    assert found["point"]["frameOfReferenceUid"] == f"series:{first[0].SeriesInstanceUID}"
    assert [(item["studyInstanceUid"], item["reason"]) for item in found["unresolved"]] == [
        (second[0].StudyInstanceUID, "needsAlignment")
    ]


# Kind E, registration objects:


def transforms(server: OrthancServer, patient: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.session.get(
        "/imaging/transforms", params={"patientId": patient}
    ).json()["transforms"]
    return found


def pair(patient: str, **attributes: Any) -> tuple[list[Dataset], list[Dataset]]:
    a = cases.volume(patient, **attributes)
    return a, cases.volume(patient, StudyDate="20210101", corner=(-31.0, -32.0), **attributes)


def test_an_identity_by_reference_joins_two_frames(server: OrthancServer) -> None:
    a, b = pair("identity")
    reg = cases.registration(a[0], cases.registration_item(b))
    store(server, *a, *b, reg)
    (found,) = transforms(server, "identity")
    frames = (b[0].FrameOfReferenceUID, a[0].FrameOfReferenceUID)
    assert (found["sourceFrameOfReferenceUid"], found["targetFrameOfReferenceUid"]) == frames
    assert (found["state"], found["matrix"]) == ("usable", np.eye(4).tolist())
    _, match = answer(server, a[1])["matches"]
    assert (match["row"], match["column"], match["path"]) == (5, 3, [found["id"]])


@pytest.mark.parametrize("where", ["frame of images", "placeholder", "no frame"])
def test_the_own_frame_by_the_images_of_its_identity(server: OrthancServer, where: str) -> None:
    patient = f"own frame {where}"
    a, b = pair(patient)
    own = {"frame of images": a[0].FrameOfReferenceUID, "placeholder": "Unknown", "no frame": None}[where]
    items = cases.registration_item(a), cases.registration_item(b, shift=(1, 2, 0))
    store(server, *a, *b, cases.registration(a[0], *items, FrameOfReferenceUID=own))
    (found,) = transforms(server, patient)
    assert (found["state"], found["targetFrameOfReferenceUid"]) == ("usable", a[0].FrameOfReferenceUID)
    _, match = answer(server, a[1], 10, 10)["matches"]
    assert (match["row"], match["column"]) == pytest.approx((10, 10))


@pytest.mark.parametrize(
    "name",
    [
        "uid of the other",
        "two frames",
        "unknown uid",
        "own uid, images elsewhere",
        "own uid moves images elsewhere",
    ],
)
def test_uid_and_images_that_disagree_are_a_conflict(server: OrthancServer, name: str) -> None:
    patient = f"conflict {name}"
    a, b = pair(patient)
    own, other = a[0].FrameOfReferenceUID, b[0].FrameOfReferenceUID
    item = {
        "uid of the other": cases.registration_item(a, other, (1, 0, 0)),
        "two frames": cases.registration_item([a[0], b[0]], shift=(1, 0, 0)),
        "unknown uid": cases.registration_item(b, "1.2.3.4.5", (1, 0, 0)),
        "own uid, images elsewhere": cases.registration_item(b, own),
        "own uid moves images elsewhere": cases.registration_item(b, own, (1, 0, 0)),
    }[name]
    store(server, *a, *b, cases.registration(a[0], item))
    (found,) = transforms(server, patient)
    assert (found["state"], found["refusal"]) == ("refused", "frameConflict")
    assert other in found["detail"]
    assert [item["reason"] for item in answer(server, a[0])["unresolved"]] == ["needsAlignment"]


def test_the_object_of_one_frame_is_no_registration(server: OrthancServer) -> None:
    a, b = pair("one frame")
    store(server, *a, *b, cases.registration(a[0], cases.registration_item(a)))
    (found,) = transforms(server, "one frame")
    assert (found["state"], found["refusal"]) == ("refused", "noRegistration")


# Kind F, noise:

NOISE = {
    "even": ([3.0 * k for k in range(40)], 0.0012, 1.55),
    "stronger": ([3.0 * k for k in range(40)], 0.003, 1.65),
    "descending": ([120.0 - 3 * k for k in range(40)], 0.0012, 1.55),
    "fine": ([1.0 * k for k in range(120)], 0.0012, 0.55),
}


@pytest.mark.parametrize("name", NOISE)
def test_the_nearest_of_noisy_planes_answers(server: OrthancServer, name: str) -> None:
    heights, sigma, most = NOISE[name]
    patient = f"noise {name}"
    planes = cases.noisy(patient, heights, sigma)
    store(server, *planes)
    (series,) = server.session.get(f"/imaging/studies/{planes[0].StudyInstanceUID}").json()["series"]
    assert (series["stacks"], series["planes"]) == (1, len(heights))
    frame = planes[0].FrameOfReferenceUID
    points = [
        {"patientId": patient, "frameOfReferenceUid": frame, "x": 0, "y": y, "z": z}
        for y in (0, 60)
        for z in np.arange(6, 110, 0.7)
    ]
    results = server.session.post("/imaging/points/resolve", json={"points": points}).json()["results"]
    found = [result["matches"][0] for result in results]
    assert len(found) == len(points)
    for point, match in zip(points, found, strict=True):
        number = sorted(heights).index(
            heights[[ds.SOPInstanceUID for ds in planes].index(match["sopInstanceUid"])]
        )
        assert match["sliceIndex"] == number
        assert not match["inGap"]
        if point["y"] == 0:
            assert abs(match["distanceMm"]) <= most


# Kind G, dates:


def test_one_reader_for_a_date(server: OrthancServer) -> None:
    frame = build.FRAME_OF_REFERENCE + ".9"
    written = ["2026.08.18", "20260819", "20263419", "2026.08.17", "20260230"]
    births = ["19700101", "1970.01.01", "", "19700101", "19700000"]
    scans = [
        cases.volume("dates", FrameOfReferenceUID=frame, StudyDate=date, PatientBirthDate=birth)[0]
        for date, birth in zip(written, births, strict=True)
    ]
    store(server, *scans)
    uids = [ds.StudyInstanceUID for ds in scans]
    everything = answer(server, scans[0])
    days = [
        (match["studyInstanceUid"], match["studyDate"], match["acquisitionDateTime"])
        for match in everything["matches"]
    ]
    expected = [(uids[3], "2026-08-17"), (uids[0], "2026-08-18"), (uids[1], "2026-08-19")]
    assert days[:3] == [(uid, day, day) for uid, day in expected]
    assert sorted(days[3:]) == sorted((uids[k], "", None) for k in (2, 4))
    assert everything["flags"] == []
    listed = server.session.get("/imaging/studies", params={"patientId": "dates"}).json()["studies"]
    assert [line["studyDate"] for line in listed] == ["2026-08-19", "2026-08-18", "2026-08-17", "", ""]
    for first, last in (("2026-08-18", "2026-08-31"), ("20260818", "20260831"), ("2026.08.18", "2026.08.31")):
        some = answer(server, scans[0], **{"from": first, "to": last})
        assert [match["studyInstanceUid"] for match in some["matches"]] == [uids[0], uids[1]]
        page = {"patientId": "dates", "from": first, "to": last}
        lines = server.session.get("/imaging/studies", params=page).json()["studies"]
        assert [line["studyInstanceUid"] for line in lines] == [uids[1], uids[0]]
    refused = server.session.get("/imaging/studies", params={"from": "20263419", "to": "2026-02-30"})
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (
        400,
        ["from", "to"],
    )
    assert click(server, scans[0], **{"from": "2026-02-30"}).json()["errors"][0]["field"] == "/from"
    patients = server.session.get("/imaging/patients", params={"query": "dates"}).json()["patients"]
    assert patients[0]["latestStudyDate"] == "2026-08-19"


# Kind H, attributes one by one, reasons with their value:


def test_attributes_are_looked_up_one_by_one(server: OrthancServer) -> None:
    shared = build.functional_groups(
        PlaneOrientationSequence={"ImageOrientationPatient": list(build.AXIAL)},
        PixelMeasuresSequence={"PixelSpacing": [2.0, 2.0]},
    )
    frames = [
        build.functional_groups(
            PlanePositionSequence=build.place((0, 0, 5 * k)), PixelMeasuresSequence={"SliceThickness": 5.0}
        )
        for k in range(3)
    ]
    ds = cases.of(build.enhanced(frames, shared), "one by one")
    store(server, ds)
    assert [answer(server, ds, frameNumber=3)["point"][name] for name in "xyz"] == [4, 6, 10]


REASONS: dict[str, tuple[Callable[[], Dataset], str, list[str]]] = {
    "no spacing": (lambda: build.classic(PixelSpacing=None), "noGeometry", ["PixelSpacing is absent"]),
    "no rows": (lambda: build.classic(Rows=None), "noGeometry", ["Rows is absent"]),
    "of a frame": (
        lambda: build.enhanced(
            [build.functional_groups(PlanePositionSequence=build.place((0, 0, 0))), build.functional_groups()]
        ),
        "noGeometry", ["ImagePositionPatient is absent (frame 2)"],
    ),
    "several rows": (lambda: build.classic(Rows=[8, 8]), "badValue", ["Rows", "8\\8"]),
    "far away": (lambda: build.classic((1e6, 0, 0)), "badValue", ["ImagePositionPatient", "1e+06"]),
    "two values": (lambda: build.classic(ImagePositionPatient=[1, 2]), "badValue",
                   ["ImagePositionPatient has 2 values", "1, 2"]),
    "overflow": (lambda: build.classic(ImagePositionPatient=["1e308", "1e308", "1e308"]), "badValue",
                 ["ImagePositionPatient", "1e+308"]),
    "zero": (lambda: build.classic(spacing=(0, 1)), "zeroSpacing", ["PixelSpacing is 0, 1"]),
    "degenerate": (lambda: build.classic(orientation=(1, 0, 0, 1, 0, 0)), "degenerateOrientation",
                   ["ImageOrientationPatient is 1, 0, 0, 1, 0, 0"]),
    "frames": (lambda: build.classic(NumberOfFrames=5), "framesWithoutGeometry", ["NumberOfFrames is 5"]),
    "offsets": (lambda: build.dose([3.0, 4.0]), "ambiguousOffsets", ["GridFrameOffsetVector starts at 3"]),
    "detector": (lambda: build.classic(PixelSpacing=None, ImagerPixelSpacing=[0.1, 0.1]), "projection",
                 ["ImagerPixelSpacing", "0.1"]),
    "radiograph": (lambda: build.classic(SOPClassUID=build.STORAGE + "1.1"), "projection",
                   ["SOPClassUID is " + build.STORAGE + "1.1"]),
    "slide": (lambda: build.classic(SOPClassUID=build.STORAGE + "77.1.6"), "wholeSlide", [build.STORAGE + "77.1.6"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_every_reason_names_attribute_and_value(server: OrthancServer, name: str) -> None:
    make, reason, values = REASONS[name]
    ds = build.change(make(), cases.new_uids(f"reason {name}"))
    store(
        server,
        ds,
        *cases.volume(f"reason {name}", FrameOfReferenceUID=ds.FrameOfReferenceUID, StudyDate="20210101"),
    )
    assert_refused(server, ds, reason, *values)
    point = {
        "patientId": f"reason {name}",
        "frameOfReferenceUid": ds.FrameOfReferenceUID,
        "x": 0,
        "y": 0,
        "z": 2,
    }
    (unresolved,) = server.session.post("/imaging/points/resolve", json=point).json()["unresolved"]
    assert unresolved["reason"] == "notIndexable"
    assert all(value in unresolved["detail"] for value in (reason, *values))


# A PatientID in a path


@pytest.mark.parametrize("patient", ["PID/A", "PID.", "PID/B/", "a%2Fb", "PID\\C", "PÄ/ß"])
def test_any_patient_id_can_be_named(server: OrthancServer, patient: str) -> None:
    ds = cases.of(build.classic(SpecificCharacterSet="ISO_IR 192"), patient)
    store(server, ds)
    once = quote(patient, safe="")
    for path in (once, quote(once.replace(".", "%2E"), safe="")):
        assert server.session.get(f"/imaging/patients/{path}").json().get("patientId") == patient, path


def test_ids_that_a_path_cannot_tell_apart_are_not_guessed(server: OrthancServer) -> None:
    store(server, cases.of(build.classic(), "TWIN"), cases.of(build.classic(), "TWIN."))
    both = server.session.get("/imaging/patients/TWIN")
    assert (both.status_code, both.json()["code"], len(both.json()["orthancIds"])) == (409, "ambiguous", 2)
    assert server.session.get("/imaging/patients/TWIN%252E").json()["patientId"] == "TWIN."
    for one in both.json()["orthancIds"]:
        assert server.session.get(f"/imaging/patients/{one}").status_code == 200
