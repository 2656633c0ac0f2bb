"""Structures and doses of real sets at points whose truth was computed independently, through the route."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import shapely

from longitudinal.dicom.radiotherapy.contour_data import read_contours
from longitudinal.dicom.related.elements import opened
from longitudinal.geometry.contours import Region, build_region
from tests.data import data, dicom_files
from tests.unit.http.served import Served

Json = dict[str, Any]
MARGIN_MM = 0.01
"""Points nearer than this to a face of a slab are not in the lists of truth, by their own rule; some lie exactly at it."""
CASES = (
    ("eclipse_prostate", "truth_points.csv", "rtstruct.dcm"),
    ("lung1_002", "truth_points.csv", "rtstruct.dcm"),
    ("sts_001", "truth_points_MR_T2.csv", "MR_T2/rtstruct.dcm"),
    ("sts_001", "truth_points_FDG_PET.csv", "FDG_PET/rtstruct.dcm"),
    ("pinnacle", "truth_points_dose.csv", None),
)  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("truth"))
    for name in ("eclipse_prostate", "lung1_002", "sts_001", "pinnacle"):
        for path in dicom_files(f"rt_truth/{name}"):
            served.store(pydicom.dcmread(path))
    yield served
    served.close()


def rows(name: str, file: str) -> list[dict[str, str]]:
    with Path(data(f"rt_truth/{name}/{file}")).open(encoding="utf-8") as opened_file:
        return list(csv.DictReader(opened_file))


def regions(path: Path) -> dict[str, Region]:
    names = {int(roi.ROINumber): str(roi.ROIName) for roi in pydicom.dcmread(path).StructureSetROISequence}
    with opened(path) as file:
        drawn = read_contours(file)
    built = {names[number]: build_region(each.closed) for number, each in drawn.items()}
    return {name: region for name, region in built.items() if isinstance(region, Region)}


def at_exclusion_margin(region: Region, point: np.ndarray) -> bool:  # type: ignore[type-arg]
    height = region.local(point)[2]
    faces = [face for plane in region.planes for face in (plane.low, plane.high)]
    return min(abs(height - face) for face in faces) <= MARGIN_MM * 1.001


def planes_beside_cover(region: Region, point: np.ndarray) -> list[bool]:  # type: ignore[type-arg]
    """Whether the contours of the planes below and above a height hold the point, by shapely: no slab is needed for that."""
    x, y, height = region.local(point)
    heights = np.array([plane.height for plane in region.planes])
    above = int(np.searchsorted(heights, height))
    found = []
    for plane in region.planes[above - 1 : above + 1]:
        area = shapely.Polygon()
        ends = [*plane.first[1:].tolist(), len(plane.edges)]
        for first, end in zip(plane.first.tolist(), ends, strict=True):
            area = area.symmetric_difference(shapely.make_valid(shapely.Polygon(plane.edges[first:end, :2])))
        found.append(bool(area.contains(shapely.Point(x, y))))
    return found


@pytest.mark.parametrize(("name", "file", "structures"), CASES[:4], ids=lambda value: str(value))
def test_no_point_is_on_the_wrong_side(name: str, file: str, structures: str) -> None:
    found = regions(data(f"rt_truth/{name}/{structures}"))
    differ, checked, at_margin = [], 0, 0
    for row in rows(name, file):
        point = np.array([float(row[key]) for key in ("x_mm", "y_mm", "z_mm")])
        for key, value in row.items():
            if not key.startswith("in:"):
                continue
            region = found[key[3:]]
            inside = region.is_inside(point)
            checked += 1
            assert (region.signed_distance_mm(point) < 0) == inside
            if inside == (value == "1"):
                continue
            # at exactly the margin the lists have points in no slab at all: the planes on both sides hold them
            if at_exclusion_margin(region, point) and planes_beside_cover(region, point) == [inside, inside]:
                at_margin += 1
            else:
                differ.append((key, point.tolist(), inside))
    assert (differ, checked > 1_900, at_margin <= 5) == ([], True, True)


@pytest.mark.parametrize(("name", "file", "structures"), CASES, ids=lambda value: str(value))
def test_the_route_says_the_same_and_the_dose_is_right(
    served: Served, name: str, file: str, structures: str | None
) -> None:
    """In one frame; a sample of the points, of all kinds."""
    first = pydicom.dcmread(dicom_files(f"rt_truth/{name}")[0])
    of_what = pydicom.dcmread(data(f"rt_truth/{name}/{structures or 'rtdose.dcm'}"))
    frame = (
        of_what.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID if structures else of_what.FrameOfReferenceUID
    )  # fmt: skip
    sample = rows(name, file)[::40]
    points = [
        {"patientId": first.PatientID, "frameOfReferenceUid": frame,
         **{axis: float(row[f"{axis}_mm"]) for axis in "xyz"}}
        for row in sample
    ]  # fmt: skip
    answers = served.ask("POST", "/points/radiotherapy", {"points": points}).json["results"]
    for row, answer in zip(sample, answers, strict=True):
        mine = {
            roi["name"]: roi
            for study in answer["studies"]
            for roi in study["structures"]
            if roi["sopInstanceUid"] == of_what.SOPInstanceUID
        }
        for key, value in row.items():
            if key.startswith("in:"):
                roi = mine[key[3:]]
                assert (roi["inside"], roi["path"], roi["membership"]) == (value == "1", [], "notMeasured"), (
                    key
                )
        doses = [dose for study in answer["studies"] for dose in study["doses"]]
        if name == "sts_001":
            assert doses == []
            continue
        (dose,) = doses
        if row["dose_gy"] == "":
            assert (dose["gy"], dose["reason"]) == (None, "outsideGrid")
        else:
            assert dose["gy"] == pytest.approx(float(row["dose_gy"]), abs=1e-3)
            assert (dose["minGy"], dose["maxGy"], dose["units"], dose["reason"]) == (None, None, "GY", None)


def test_every_dose_point(served: Served) -> None:
    """All 4,500 of them, without the route."""
    from longitudinal.dicom.file_tags import read_file_tags
    from longitudinal.dicom.planes.image_planes import ImagePlanes, read_planes
    from longitudinal.dicom.radiotherapy.dose_grid import read_dose_grid
    from longitudinal.geometry.grids import Grid

    worst, checked = 0.0, 0
    for name, file in (("eclipse_prostate", "truth_points.csv"), ("lung1_002", "truth_points.csv"),
                       ("pinnacle", "truth_points_dose.csv")):  # fmt: skip
        path = data(f"rt_truth/{name}/rtdose.dcm")
        planes = read_planes(read_file_tags(path))
        assert isinstance(planes, ImagePlanes)
        with opened(path) as opened_file:
            grid = read_dose_grid(opened_file, planes.planes)
        assert isinstance(grid, Grid)
        scaling = float(pydicom.dcmread(path, stop_before_pixels=True).DoseGridScaling)
        truth = rows(name, file)
        points = np.array([[float(row[f"{axis}_mm"]) for axis in "xyz"] for row in truth])
        found = grid.interpolate(points) * scaling
        expected = np.array([float(row["dose_gy"] or "nan") for row in truth])
        assert (np.isnan(found) == np.isnan(expected)).all()
        worst = max(worst, float(np.nanmax(np.abs(found - expected))))
        checked += len(truth)
    assert (worst < 1e-4, checked) == (True, 4_500)


def test_volumes_are_the_vendors() -> None:
    """Within 0.1 cc where no contours are copied or overlap; the copied lung is 1964 cc."""
    found = regions(data("rt_truth/lung1_002/rtstruct.dcm"))
    checked = 0
    for row in rows("lung1_002", "truth_volumes.csv"):
        region = found.get(row["roi"])
        if region is None:
            continue
        cc = region.volume_mm3 / 1_000
        assert cc == pytest.approx(float(row["even_odd_without_duplicates_cc"]), abs=0.01)
        if row["roi"] not in ("Lung L", "contrast"):
            assert cc == pytest.approx(float(row["vendor_cc"]), abs=0.1), row["roi"]
        assert region.duplicates == int(row["near_duplicates"])
        checked += 1
    assert checked == 10
    assert found["Lung L"].volume_mm3 / 1_000 == pytest.approx(1964, abs=5)


def test_volumes_of_the_other_sets() -> None:
    for name, file, path in (("eclipse_prostate", "truth_volumes.csv", "rtstruct.dcm"),
                             ("sts_001", "truth.csv", "MR_T2/rtstruct.dcm"),
                             ("sts_001", "truth.csv", "FDG_PET/rtstruct.dcm")):  # fmt: skip
        found = regions(data(f"rt_truth/{name}/{path}"))
        for row in rows(name, file):
            if row["roi"] in found and row["label"] in (path.split("/")[0], "", None):
                cc = found[row["roi"]].volume_mm3 / 1_000
                assert cc == pytest.approx(float(row["even_odd_without_duplicates_cc"]), rel=2e-4)


@pytest.mark.parametrize("name", ["GTV-1", "contrast", "Lung L"])
def test_planes_have_the_area_that_shapely_finds(name: str) -> None:
    region = regions(data("rt_truth/lung1_002/rtstruct.dcm"))[name]
    for plane in region.planes:
        total = shapely.Polygon()
        for start, end in zip(plane.first, [*plane.first[1:], len(plane.edges)], strict=True):
            total = total.symmetric_difference(
                shapely.make_valid(shapely.Polygon(plane.edges[start:end, :2]))
            )
        assert plane.area_mm2 == pytest.approx(total.area, rel=2e-3)


DVH_TOLERANCE = {"PTV": 0.05}


@pytest.mark.slow
def test_dose_volume_histograms_of_the_prostate() -> None:
    """Mean, D50 and D95 against Eclipse's own: 0.05 Gy for the PTV, 0.2 for the others."""
    from longitudinal.dicom.file_tags import read_file_tags
    from longitudinal.dicom.planes.image_planes import ImagePlanes, read_planes
    from longitudinal.dicom.radiotherapy.dose_grid import read_dose_grid
    from longitudinal.geometry.grids import Grid

    path = data("rt_truth/eclipse_prostate/rtdose.dcm")
    planes = read_planes(read_file_tags(path))
    assert isinstance(planes, ImagePlanes)
    with opened(path) as file:
        grid = read_dose_grid(file, planes.planes)
    assert isinstance(grid, Grid)
    scaling = float(pydicom.dcmread(path, stop_before_pixels=True).DoseGridScaling)
    found = regions(data("rt_truth/eclipse_prostate/rtstruct.dcm"))
    truth = {row["structure"]: row for row in rows("eclipse_prostate", "dose_statistics.csv")
             if row["source"] == "eclipse_table"}  # fmt: skip
    for name, region in found.items():
        if name == "BODY":
            continue
        points = []
        for plane in region.planes:
            low, high = plane.edges[:, :2].min(axis=0), plane.edges[:, :2].max(axis=0)
            x, y = np.meshgrid(*(np.arange(a + 0.25, b, 0.5) for a, b in zip(low, high, strict=True)))
            shape = shapely.Polygon()
            for start, end in zip(plane.first, [*plane.first[1:], len(plane.edges)], strict=True):
                shape = shape.symmetric_difference(
                    shapely.make_valid(shapely.Polygon(plane.edges[start:end, :2]))
                )
            inside = shapely.contains_xy(shape, x, y)
            for part in (0.25, 0.75):
                height = plane.low + part * (plane.high - plane.low)
                points.append(
                    np.stack((x[inside], y[inside], np.full(inside.sum(), height)), axis=1) @ region.axes
                )
        doses = grid.interpolate(np.concatenate(points)) * scaling
        doses = doses[~np.isnan(doses)]
        near = DVH_TOLERANCE.get(name, 0.2)
        assert doses.mean() == pytest.approx(float(truth[name]["mean_gy"]), abs=near), name
        for share, key in ((50, "D50_gy"), (95, "D95_gy")):
            assert np.percentile(doses, 100 - share) == pytest.approx(float(truth[name][key]), abs=near), (
                name,
                key,
            )
