"""RT Dose grids; all inputs are synthetic but pydicom's own test file."""

from pathlib import Path

import pydicom.data
import pytest

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.planes.image_planes import ImagePlanes, NoPlanes, Role, read_planes
from longitudinal.reasons import NotIndexableReason
from tests import builders as build

FEET_FIRST_PRONE = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
"""Axial, and its normal points to the feet."""


def reason_of(ds) -> NotIndexableReason:
    found = read_planes(tags_from_dataset(ds))
    assert isinstance(found, NoPlanes), found
    return found.reason


def heights(ds) -> list[float]:
    return build.planes_of(ds)["position"][:, 2].tolist()


def test_role() -> None:
    found = read_planes(tags_from_dataset(build.dose()))
    assert isinstance(found, ImagePlanes)
    assert found.role == Role.DOSE


def test_relative_offsets() -> None:
    assert heights(build.dose((0.0, 2.5, 7.5))) == [-100, -97.5, -92.5]
    assert heights(build.dose((0.0, -2.5))) == [-100, -102.5]


def test_relative_offsets_follow_the_normal() -> None:
    assert heights(build.dose((0.0, 2.5), ImageOrientationPatient=list(FEET_FIRST_PRONE))) == [-100, -102.5]
    sagittal = build.planes_of(build.dose((0.0, 2.5), ImageOrientationPatient=list(build.SAGITTAL)))
    assert sagittal["position"].tolist() == [[-50, -60, -100], [-52.5, -60, -100]]


def test_absolute_offsets_are_z() -> None:
    assert heights(build.dose((-100.0, -97.5, -95.0))) == [-100, -97.5, -95]
    assert heights(build.dose((-100.0, -97.5), ImageOrientationPatient=list(FEET_FIRST_PRONE))) == [
        -100,
        -97.5,
    ]


def test_absolute_offsets_keep_x_and_y() -> None:
    assert build.planes_of(build.dose((-100.0, -97.5)))["position"][1].tolist() == [-50, -60, -97.5]


@pytest.mark.parametrize(
    "ds",
    [
        build.dose((5.0, 7.5, 10.0)),
        build.dose((-100.0, -97.5), ImageOrientationPatient=list(build.CORONAL)),
        build.dose((-100.0, -97.5), ImageOrientationPatient=list(build.OBLIQUE)),
        build.dose((-99.9, -97.5)),
    ],
)
def test_ambiguous(ds) -> None:
    assert reason_of(ds) == NotIndexableReason.AMBIGUOUS_OFFSETS


def test_a_single_plane_needs_no_offsets() -> None:
    assert heights(build.dose(None)) == [-100]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_frame_needs_its_offset(count) -> None:
    assert reason_of(build.dose(NumberOfFrames=count)) == NotIndexableReason.FRAMES_WITHOUT_GEOMETRY


def test_absent_offsets_of_several_frames() -> None:
    assert reason_of(build.dose(None, NumberOfFrames=3)) == NotIndexableReason.FRAMES_WITHOUT_GEOMETRY


def test_offsets_cut_by_the_rest_route() -> None:
    tags = tags_from_dataset(build.dose()) | {"3004,000c": None}
    found = read_planes(tags)
    assert isinstance(found, NoPlanes)
    assert found.reason == NotIndexableReason.BAD_VALUE


def test_absurd_offsets() -> None:
    assert reason_of(build.dose((0.0, 1e7))) == NotIndexableReason.BAD_VALUE


def test_pydicoms_own_dose() -> None:
    """A real grid of 15 planes, 5 mm apart, from pydicom's package."""
    path = Path(pydicom.data.__file__).parent / "test_files" / "rtdose.dcm"
    found = read_planes(read_file_tags(path))
    assert isinstance(found, ImagePlanes)
    assert found.planes["position"][:, 2].tolist() == pytest.approx([-761.87 + 5 * n for n in range(15)])


@pytest.mark.filterwarnings("error")
def test_offsets_beyond_any_patient() -> None:
    for offsets in ([0.0, 1e308], [0.0, 1e307, 1e308]):
        assert reason_of(build.dose(offsets)) == NotIndexableReason.BAD_VALUE
