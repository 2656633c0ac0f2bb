"""The stacks of a series on a real server: geometry as others read it, values of each frame, links that lead to pixels."""

import io
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom.spatial
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests import builders as build
from tests.builders import as_file
from tests.cases import CT, enhanced, of, volume
from tests.data import data, dicom_files
from tests.orthanc.server import OrthancServer

PIXELS = re.compile(r"/instances/[0-9a-f-]{44}/frames/[0-9]+/numpy\?rescale=false")
INDEXED_SECONDS = 30.0


def store(server: OrthancServer, files: Sequence[Path | bytes | Dataset]) -> None:
    server.store_rest([as_file(one) if isinstance(one, Dataset) else one for one in files])
    stored = server.session.get("/statistics").json()[
        "CountInstances"
    ]  # of two with the same UIDs one is kept
    server.wait_indexed(
        lambda health: health["instances"] == stored and not health["queued"], INDEXED_SECONDS
    )


def stacks_of(server: OrthancServer, series: str, status: int = 200) -> dict[str, Any]:
    response = server.session.get(f"/imaging/series/{series}/stacks")
    assert response.status_code == status, response.text
    return response.json()


def frame_at(server: OrthancServer, links: dict[str, str]) -> np.ndarray:
    """The one frame a link leads to: (rows, columns), or with samples."""
    answer = server.session.get(links["pixels"])
    assert answer.status_code == 200, answer.text
    return np.squeeze(np.load(io.BytesIO(answer.content)))


def click(server: OrthancServer, plane: dict[str, Any], row: float, column: float) -> dict[str, Any]:
    question = {
        "sopInstanceUid": plane["sopInstanceUid"], "frameNumber": plane["frameNumber"], "row": row, "column": column,
        "roles": ["image", "localizer", "dose", "segmentation", "derived"],
    }  # fmt: skip
    answer = server.session.post("/imaging/points/resolve", json=question)
    assert answer.status_code == 200, answer.text
    return next(match for match in answer.json()["matches"] if match["isSource"])


def in_patient(stack: dict[str, Any], plane: dict[str, Any], row: float, column: float) -> np.ndarray:
    """PS3.3 C.7.6.2.1.1, from nothing but the answer."""
    look = plane["ownGeometry"] or stack
    axes = np.array(look["imageOrientationPatient"]).reshape(2, 3)
    between_rows, between_columns = look["pixelSpacing"]
    return (
        np.array(plane["imagePositionPatient"])
        + column * between_columns * axes[0]
        + row * between_rows * axes[1]
    )


@pytest.mark.parametrize(
    "folder",
    [
        "openms_dicom/patient01/study2_FLAIR",
        "dcm_dicom2nifti_geometry/failing/gantrytilting/001",
        "elastix_3dct_lung/dicom/baseline",
    ],
)
def test_highdicom_agrees_about_places_order_and_spacing(shared_server: OrthancServer, folder: str) -> None:
    files = dicom_files(folder)
    headers = [pydicom.dcmread(path) for path in files]
    store(shared_server, list(files))
    by_uid = {ds.SOPInstanceUID: ds for ds in headers}
    (stack,) = stacks_of(shared_server, headers[0].SeriesInstanceUID)["stacks"]
    # Its own order runs along the same normal: right-handed, slices along rows x columns.
    spacing, positions = highdicom.spatial.get_series_volume_positions(
        headers, perpendicular_tol=1.0, rtol=0.05
    )
    assert [plane["sliceIndex"] for plane in stack["planes"]] == list(range(len(files)))
    if spacing is not None and positions is not None:
        in_order = [headers[k].SOPInstanceUID for k in np.argsort(positions)]
        mine = [plane["sopInstanceUid"] for plane in stack["planes"]]
        assert mine in (in_order, in_order[::-1])
        if "tilt" not in folder:
            assert stack["spacingMm"] == pytest.approx(spacing, abs=0.02)
    for plane in stack["planes"]:
        ds = by_uid[plane["sopInstanceUid"]]
        to_patient = highdicom.spatial.PixelToReferenceTransformer(
            [float(v) for v in ds.ImagePositionPatient],
            [float(v) for v in ds.ImageOrientationPatient],
            [float(v) for v in ds.PixelSpacing],
        )
        for column, row in ((0, 0), (ds.Columns - 1, 0), (3, ds.Rows - 1)):
            expected = to_patient(np.array([[column, row]]))[0]
            assert in_patient(stack, plane, row, column) == pytest.approx(expected, abs=1e-6)
        assert np.array_equal(frame_at(shared_server, plane["links"]), ds.pixel_array)


def test_classic_and_enhanced_files_of_one_scan_have_the_same_planes_and_values(
    shared_server: OrthancServer,
) -> None:
    files = dicom_files("dcm_philips_classic_vs_enhanced")
    store(shared_server, list(files))
    headers = {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, files)}
    (enhanced_uid,) = [uid for uid, ds in headers.items() if "NumberOfFrames" in ds]
    answers = [stacks_of(shared_server, uid) for uid in {ds.SeriesInstanceUID for ds in headers.values()}]
    planes = [plane for found in answers for stack in found["stacks"] for plane in stack["planes"]]
    planes.sort(key=lambda plane: plane["imagePositionPatient"])
    frames = [plane for plane in planes if plane["sopInstanceUid"] == enhanced_uid]
    classics = [plane for plane in planes if plane["sopInstanceUid"] != enhanced_uid]
    assert len(frames) == len(classics) == len(files) - 1
    same = ("rescaleSlope", "rescaleIntercept", "unit", "windowCenter", "windowWidth")
    for classic, frame in zip(classics, frames, strict=True):
        assert classic["imagePositionPatient"] == pytest.approx(frame["imagePositionPatient"], abs=1e-3)
        assert [frame[name] for name in same] == [classic[name] for name in same]
    for frame in frames[:: len(frames) // 4]:
        pixels = headers[enhanced_uid].pixel_array[frame["frameNumber"] - 1]
        assert np.array_equal(frame_at(shared_server, frame["links"]), pixels)


def test_the_slopes_of_a_pet_differ_from_slice_to_slice(shared_server: OrthancServer) -> None:
    heights = [float(4 * k) for k in range(6)]
    scan = volume("STACKS-PET", heights, Modality="PT", SOPClassUID=build.STORAGE + "128", Units="BQML")
    for number, ds in enumerate(scan):
        ds.RescaleSlope, ds.RescaleIntercept = f"{0.5 + number / 8}", "0"
        ds.PixelData = np.full((60, 60), 100 + number, "<u2").tobytes()
    store(shared_server, scan)
    (stack,) = stacks_of(shared_server, scan[0].SeriesInstanceUID)["stacks"]
    assert [plane["rescaleSlope"] for plane in stack["planes"]] == [0.5 + k / 8 for k in range(6)]
    assert {plane["unit"] for plane in stack["planes"]} == {"BQML"}
    for number, plane in enumerate(stack["planes"]):
        values = frame_at(shared_server, plane["links"]) * plane["rescaleSlope"] + plane["rescaleIntercept"]
        assert np.all(values == (100 + number) * (0.5 + number / 8))


def test_an_enhanced_image_has_values_by_frame(shared_server: OrthancServer) -> None:
    ds = enhanced("STACKS-ENHANCED", [4.0, 0.0, 2.0])
    for number, frame in enumerate(ds.PerFrameFunctionalGroupsSequence, 1):
        frame.PixelValueTransformationSequence = [
            build.change(Dataset(), {"RescaleSlope": number, "RescaleIntercept": -number})
        ]
    ds.PixelData = np.stack([np.full((ds.Rows, ds.Columns), 10 * k, "<u2") for k in (1, 2, 3)]).tobytes()
    store(shared_server, [ds])
    (stack,) = stacks_of(shared_server, ds.SeriesInstanceUID)["stacks"]
    assert [plane["frameNumber"] for plane in stack["planes"]] == [2, 3, 1]
    for plane in stack["planes"]:
        number = plane["frameNumber"]
        assert (plane["rescaleSlope"], plane["rescaleIntercept"]) == (number, -number)
        assert np.all(frame_at(shared_server, plane["links"]) == 10 * number)


@pytest.mark.parametrize("compressed", [False, True])
def test_headers_are_read_in_whatever_way_the_files_are_kept(start_orthanc: Any, compressed: bool) -> None:
    server = start_orthanc(configuration={"StorageCompression": compressed})
    scan = volume("STACKS-KEPT", [0.0, 2.0, 4.0], **CT, RescaleIntercept=-1000)
    for number, ds in enumerate(scan):
        ds.RescaleSlope = 1 + number
    store(server, scan)
    (stack,) = stacks_of(server, scan[0].SeriesInstanceUID)["stacks"]
    assert [plane["rescaleSlope"] for plane in stack["planes"]] == [1, 2, 3]
    assert {plane["unit"] for plane in stack["planes"]} == {"HU"}


def test_a_single_slice_is_a_stack(shared_server: OrthancServer) -> None:
    (one,) = volume("STACKS-SINGLE", [7.0], **CT, RescaleSlope=1, RescaleIntercept=-1000, SliceThickness=5)
    store(shared_server, [one])
    (stack,) = stacks_of(shared_server, one.SeriesInstanceUID)["stacks"]
    assert stack["spacingMm"] is None
    (plane,) = stack["planes"]
    assert (plane["reachMm"], plane["unit"]) == ([2.5, 2.5], "HU")


def test_colour_and_ultrasound_without_a_place_are_listed_with_what_draws_them(
    shared_server: OrthancServer,
) -> None:
    series = generate_uid()
    colours = np.arange(8 * 6 * 3, dtype="u1").reshape(8, 6, 3)
    capture = of(
        build.dataset(build.SECONDARY_CAPTURE, "OT", SamplesPerPixel=3, PhotometricInterpretation="RGB",
                      PlanarConfiguration=0, BitsAllocated=8, BitsStored=8, HighBit=7),
        "STACKS-COLOUR", SeriesInstanceUID=series,
    )  # fmt: skip
    capture.PixelData = colours.tobytes()
    cine = of(
        build.dataset(build.STORAGE + "3.1", "US", NumberOfFrames=4, BitsAllocated=8, BitsStored=8, HighBit=7),
        "STACKS-COLOUR", SeriesInstanceUID=series, StudyInstanceUID=capture.StudyInstanceUID,
    )  # fmt: skip
    frames = np.arange(4 * 8 * 6, dtype="u1").reshape(4, 8, 6)
    cine.PixelData = frames.tobytes()
    store(shared_server, [capture, cine])
    found = stacks_of(shared_server, series)
    assert found["stacks"] == []
    listed = {entry["sopInstanceUid"]: entry for entry in found["notIndexed"]}
    picture, moving = listed[capture.SOPInstanceUID], listed[cine.SOPInstanceUID]
    assert (picture["reason"], picture["samplesPerPixel"], picture["photometricInterpretation"]) == (
        "noGeometry", 3, "RGB",
    )  # fmt: skip
    assert (picture["rows"], picture["columns"], picture["rescaleSlope"]) == (8, 6, None)
    assert "RGB" in picture["rescaleReason"]
    assert np.array_equal(frame_at(shared_server, picture["links"]), colours)
    assert (moving["numberOfFrames"], moving["samplesPerPixel"]) == (4, 1)
    third = {"pixels": moving["links"]["pixels"].replace("/frames/0/", "/frames/2/")}
    assert np.array_equal(frame_at(shared_server, third), frames[2])


def test_what_is_unknown_is_404_and_a_uid_that_names_two_is_409(shared_server: OrthancServer) -> None:
    missing = stacks_of(shared_server, "1.2.3.4.5.6.7", 404)
    assert (missing["code"], missing["errors"][0]["field"]) == ("notFound", "series")
    one, other = volume("STACKS-TWICE", [0.0]) + volume("STACKS-AGAIN", [0.0])
    other.SeriesInstanceUID, other.StudyInstanceUID = one.SeriesInstanceUID, one.StudyInstanceUID
    other.SOPInstanceUID = one.SOPInstanceUID
    store(shared_server, [one, other])
    problem = stacks_of(shared_server, one.SeriesInstanceUID, 409)
    assert (problem["code"], len(problem["orthancIds"])) == ("ambiguous", 2)
    patients = {stacks_of(shared_server, name)["patientId"] for name in problem["orthancIds"]}
    assert patients == {"STACKS-TWICE", "STACKS-AGAIN"}


def test_what_was_deleted_or_overwritten_is_gone_from_the_answer(server: OrthancServer) -> None:
    scan = volume("STACKS-CHANGED", [0.0, 2.0, 4.0, 6.0], **CT, RescaleSlope=1, RescaleIntercept=0)
    store(server, scan)
    uid = scan[0].SeriesInstanceUID
    planes = stacks_of(server, uid)["stacks"][0]["planes"]
    server.session.delete(f"/instances/{planes[1]['orthancInstanceId']}").raise_for_status()
    server.wait_indexed(lambda health: health["instances"] == 3)
    left = stacks_of(server, uid)["stacks"][0]["planes"]
    assert [plane["imagePositionPatient"][2] for plane in left] == [0, 4, 6]
    server.session.delete(f"/instances/{planes[2]['orthancInstanceId']}").raise_for_status()
    scan[2].RescaleSlope = 3
    store(server, [scan[2]])
    again = stacks_of(server, uid)["stacks"][0]["planes"]
    assert [plane["rescaleSlope"] for plane in again] == [1, 3, 1]


def all_series(server: OrthancServer) -> list[dict[str, Any]]:
    page = server.session.get("/imaging/studies", params={"limit": 1000}).json()
    return [
        series
        for study in page["studies"]
        for series in server.session.get(f"/imaging/studies/{study['orthancStudyId']}").json()["series"]
    ]


def assert_whole(server: OrthancServer, series: dict[str, Any]) -> None:
    """Every plane of a series is in its stacks, where resolve puts it, and no link leads to a rendering."""
    found = stacks_of(server, series["orthancSeriesId"])
    assert sum(len(stack["planes"]) for stack in found["stacks"]) == series["planes"]
    assert len(found["stacks"]) == series["stacks"]
    reasons = {entry["reason"] for entry in found["notIndexed"] if entry["frameNumbers"] is None}
    assert reasons == {entry["reason"] for entry in series["skipped"]}
    for stack in found["stacks"]:
        heights = [np.dot(plane["imagePositionPatient"], stack["normal"]) for plane in stack["planes"]]
        if stack["isUniform"]:
            assert heights == sorted(heights)
        for plane in stack["planes"][:: max(1, len(stack["planes"]) // 3)]:
            row, column = (stack["rows"] - 1) / 2, 1.25
            match = click(server, plane, row, column)
            place = in_patient(stack, plane, row, column)
            assert (match["x"], match["y"], match["z"]) == pytest.approx(tuple(place), abs=1e-9)
            assert (match["sliceIndex"], match["frameOfReferenceUid"]) == (
                plane["sliceIndex"], stack["frameOfReferenceUid"],
            )  # fmt: skip
    for entry in [*(plane for stack in found["stacks"] for plane in stack["planes"]), *found["notIndexed"]]:
        link = entry["links"]["pixels"]
        assert link is None or PIXELS.fullmatch(link)
    assert server.session.get("/system").ok


@pytest.mark.parametrize(
    "folder", ["dcm_dicom2nifti_geometry", "dcm_decubitus_mr", "dcm_philips_classic_vs_enhanced", "rt", "rt_truth"]
)  # fmt: skip
def test_every_kind_of_real_object_is_described_as_resolve_answers(start_orthanc: Any, folder: str) -> None:
    server = start_orthanc(configuration={"Longitudinal": {"AlignOnArrival": False}})
    files = dicom_files(folder)
    store(server, files)
    series = all_series(server)
    assert series
    for one in series:
        assert_whole(server, one)


def test_every_kind_of_difficult_case_is_described_as_resolve_answers(
    start_orthanc: Any, tmp_path: Path
) -> None:
    script = data("../cases/build_cases.py")
    subprocess.run([sys.executable, script, tmp_path / "cases"], check=True, capture_output=True)
    server = start_orthanc(configuration={"Longitudinal": {"AlignOnArrival": False}})
    store(server, sorted((tmp_path / "cases").rglob("*.dcm")))
    series = all_series(server)
    assert len(series) >= 10
    for one in series:
        assert_whole(server, one)
