"""Values over time on a real server, against the same files read with pydicom and numpy."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests.builders import CT, as_file, classic
from tests.orthanc.server import OrthancServer

Json = dict[str, Any]
PET = "1.2.840.10008.5.1.4.1.1.128"
ROWS, COLUMNS, SLICES, GAP = 40, 36, 30, 2.0
SPACING = (1.5, 1.25)
FRAME, OTHER_FRAME = generate_uid(), generate_uid()
PLACE = np.array([20.3, 31.1, 29.4])
STUDIES = {name: generate_uid() for name in ("ct", "mr", "pet", "noWeight", "moved", "dose", "hidden")}
SERIES = {name: generate_uid() for name in STUDIES}
TRACER = {
    "RadiopharmaceuticalStartTime": "100000",
    "RadionuclideTotalDose": 2e8,
    "RadionuclideHalfLife": 3600,
}
INDEXED_SECONDS = 30.0


def scan(name: str, year: int, frame: str = FRAME, **more: Any) -> list[Dataset]:
    """A study of noise; the slope differs from slice to slice, as that of PET does."""
    noise = np.random.default_rng(year).integers(0, 3000, (SLICES, ROWS, COLUMNS)).astype(np.uint16)
    found = []
    for number, pixels in enumerate(noise):
        ds = classic(
            (0, 0, number * GAP), spacing=SPACING, SliceThickness=GAP, PatientID="VALUES", FrameOfReferenceUID=frame,
            StudyInstanceUID=STUDIES[name], SeriesInstanceUID=SERIES[name], StudyDate=f"{year}0102", SeriesDescription=name,
            Rows=ROWS, Columns=COLUMNS, InstanceNumber=number + 1, PixelData=pixels.tobytes(), **more,
        )  # fmt: skip
        if "RescaleSlope" in ds:
            ds.RescaleSlope = str(float(ds.RescaleSlope) + number / 8)
        found.append(ds)
    return found


def pet(name: str, year: int, weight: str | None = "80") -> list[Dataset]:
    tracer = Dataset()
    for keyword, value in TRACER.items():
        setattr(tracer, keyword, value)
    times = {"SeriesDate": f"{year}0102", "SeriesTime": "110000", "AcquisitionDate": f"{year}0102"}
    return scan(
        name, year, SOPClassUID=PET, Modality="PT", Units="BQML", DecayCorrection="START", PatientWeight=weight,
        CorrectedImage=["DECY", "ATTN"], RadiopharmaceuticalInformationSequence=[tracer], RescaleSlope="2",
        RescaleIntercept="0", AcquisitionTime="110200", **times,
    )  # fmt: skip


CT_LOOK = {"SOPClassUID": CT, "Modality": "CT", "RescaleIntercept": "-1024", "RescaleSlope": "1"}


@pytest.fixture(scope="module")
def scans() -> dict[str, list[Dataset]]:
    return {
        "ct": scan("ct", 2020, **CT_LOOK),
        "mr": scan("mr", 2021),
        "pet": pet("pet", 2022),
        "noWeight": pet("noWeight", 2023, weight=None),
        "moved": scan("moved", 2024, OTHER_FRAME, **CT_LOOK),
        "dose": scan("dose", 2019, **CT_LOOK | {"RescaleType": "MGML"}),
    }


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, scans: dict[str, list[Dataset]]
) -> Iterator[OrthancServer]:
    configuration = {"Longitudinal": {"AlignOnArrival": False}, "HttpThreadsCount": 20}
    with OrthancServer(tmp_path_factory.mktemp("values"), configuration=configuration) as server:
        files = [as_file(ds) for name in scans for ds in scans[name]]
        server.store_rest(files)
        server.wait_indexed(
            lambda health: health["instances"] == len(files) and not health["queued"], INDEXED_SECONDS
        )
        given = {
            "sourceFrameOfReferenceUid": FRAME, "targetFrameOfReferenceUid": OTHER_FRAME, "expectedErrorMm": 2.0,
            "matrix": np.eye(4).tolist(),
        }  # fmt: skip
        response = server.session.post("/imaging/transforms", json=given)
        assert response.status_code == 201, response.text
        yield server


def ask(server: OrthancServer, status: int = 200, **more: Any) -> Json:
    x, y, z = PLACE.tolist()
    question = {"patientId": "VALUES", "frameOfReferenceUid": FRAME, "x": x, "y": y, "z": z} | more
    response = server.session.post("/imaging/points/timeline", json=question)
    assert response.status_code == status, response.text
    answer: Json = response.json()
    return answer


def by_name(answer: Json) -> dict[str, Json]:
    names = {uid: name for name, uid in STUDIES.items()}
    return {names[match["studyInstanceUid"]]: match for match in answer["matches"]}


def by_hand(datasets: list[Dataset], place: np.ndarray = PLACE, radius: float = 5.0) -> np.ndarray:
    """Every voxel of the files, rescaled by its own slope, within the radius."""
    found = []
    for ds in (pydicom.dcmread(io.BytesIO(as_file(ds))) for ds in datasets):
        rows, columns = np.mgrid[: ds.Rows, : ds.Columns]
        x = float(ds.ImagePositionPatient[0]) + columns * float(ds.PixelSpacing[1])
        y = float(ds.ImagePositionPatient[1]) + rows * float(ds.PixelSpacing[0])
        z = np.full_like(x, float(ds.ImagePositionPatient[2]))
        near = np.linalg.norm(np.stack([x, y, z], -1) - place, axis=-1) <= radius
        stored = np.frombuffer(ds.PixelData, np.uint16).reshape(ds.Rows, ds.Columns)[near].astype(float)
        found.append(stored * float(ds.get("RescaleSlope", 1)) + float(ds.get("RescaleIntercept", 0)))
    return np.concatenate(found)


@pytest.mark.parametrize(
    ("name", "quantity", "unit", "factor"),
    [
        ("ct", "HU", "HU", 1.0),
        ("mr", "raw", None, 1.0),
        ("pet", "SUVbw", "g/ml", 80_000 / 1e8),  # an hour is a half-life: 200 MBq are 100
        ("noWeight", "activity", "Bq/ml", 1.0),
        ("moved", "HU", "HU", 1.0),
        ("dose", "other", "MGML", 1.0),
    ],
)
def test_they_equal_the_voxels_read_by_hand(
    server: OrthancServer, scans: dict[str, list[Dataset]], name: str, quantity: str, unit: str | None, factor: float
) -> None:  # fmt: skip
    values = by_name(ask(server))[name]["values"]
    expected = by_hand(scans[name]) * factor
    assert (values["quantity"], values["unit"], values["reason"]) == (quantity, unit, None)
    assert values["voxels"] == len(expected) > 50
    figures = [values[key] for key in ("mean", "sd", "minimum", "maximum")]
    assert figures == pytest.approx(
        [np.mean(expected), np.std(expected), np.min(expected), np.max(expected)], rel=1e-12
    )
    assert values["suvReason"] == ("noWeight" if name == "noWeight" else None)


def test_the_range_is_that_of_the_sphere_moved_by_the_uncertainty(
    server: OrthancServer, scans: dict[str, list[Dataset]]
) -> None:
    matches = by_name(ask(server))
    moved = matches["moved"]
    assert moved["uncertaintyMm"] == 2.0
    steps = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)], float)
    steps /= np.maximum(np.linalg.norm(steps, axis=1), 1)[:, None]
    means = [by_hand(scans["moved"], PLACE + 2.0 * step).mean() for step in steps]
    assert (moved["values"]["leastMean"], moved["values"]["greatestMean"]) == pytest.approx(
        (min(means), max(means)), rel=1e-12
    )
    assert matches["mr"]["values"]["movedReason"] == "notMeasured"


def test_it_is_resolves_answer_and_filters_as_resolve_does(server: OrthancServer) -> None:
    x, y, z = PLACE.tolist()
    question = {
        "patientId": "VALUES",
        "frameOfReferenceUid": FRAME,
        "x": x,
        "y": y,
        "z": z,
        "modalities": ["PT"],
    }
    resolved = server.session.post("/imaging/points/resolve", json=question).json()
    answer = ask(server, modalities=["PT"])
    assert [{key: match[key] for key in match if key != "values"} for match in answer["matches"]] == resolved[
        "matches"
    ]
    assert answer["unresolved"] == resolved["unresolved"]
    assert (answer["job"], answer["radiusMm"], set(by_name(answer))) == (None, 5.0, {"pet", "noWeight"})


def test_half_outside_and_too_few_are_words_that_name_the_fix(server: OrthancServer) -> None:
    edge = by_name(ask(server, x=1.0, modalities=["CT"]))["ct"]["values"]
    assert (edge["reason"], edge["mean"], "smaller radius" in edge["detail"]) == ("partlyOutside", None, True)
    assert edge["voxels"] > 0
    assert edge["voxelsOutside"] > 0
    few = by_name(ask(server, radiusMm=1.0))["ct"]["values"]
    assert (few["reason"], "larger radius" in few["detail"]) == ("tooFew", True)
    refused = ask(server, 400, radiusMm=0)
    assert [error["field"] for error in refused["errors"]] == ["/radiusMm"]


def test_as_csv_it_is_the_same_by_accept_or_by_format(server: OrthancServer) -> None:
    x, y, z = PLACE.tolist()
    question = {"patientId": "VALUES", "frameOfReferenceUid": FRAME, "x": x, "y": y, "z": z}
    answer = ask(server)
    for body, headers in ((question | {"format": "csv"}, {}), (question, {"Accept": "text/csv"})):
        response = server.session.post("/imaging/points/timeline", json=body, headers=headers)
        assert response.headers["Content-Type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["studyDate"] for row in rows] == sorted(match["studyDate"] for match in answer["matches"])
        for row, match in zip(rows, answer["matches"], strict=True):
            assert float(row["mean"]) == match["values"]["mean"]
            assert (row["quantity"], row["unit"]) == (
                match["values"]["quantity"],
                match["values"]["unit"] or "",
            )


def test_asked_again_nothing_is_read_again(server: OrthancServer) -> None:
    first = ask(server)
    again = ask(server)
    assert again == first
    jobs = server.session.get("/imaging/jobs").json()["jobs"]
    newest = next(job for job in jobs if job["kind"] == "measure")
    assert newest["result"]["framesRead"] == 0


def test_an_image_that_is_deleted_is_no_longer_measured(server: OrthancServer) -> None:
    extra = scan("hidden", 2025, **CT_LOOK)
    ids = server.store_rest([as_file(ds) for ds in extra])
    server.wait_until(lambda: "hidden" in by_name(ask(server)), INDEXED_SECONDS, "it is indexed")
    server.session.delete(f"/studies/{ids[0]['ParentStudy']}").raise_for_status()
    assert "hidden" not in by_name(ask(server))
