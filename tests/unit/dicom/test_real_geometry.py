"""The hard series of dicom2nifti's own tests, and the other real series, sorted into stacks."""

from pathlib import Path

import numpy as np
import pydicom.data
import pytest

from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.header import read_header
from longitudinal.dicom.planes.image_planes import ImagePlanes, Role, read_planes
from longitudinal.geometry.image_plane import Planes, patient_from_pixel
from longitudinal.geometry.stack import Stack, split_into_stacks
from longitudinal.geometry.stack_set import StackSet
from longitudinal.reasons import NotIndexableReason
from tests.data import dicom_files

FAILING = "dcm_dicom2nifti_geometry/failing/"


def series(folder: str) -> tuple[Planes, list[Stack]]:
    found = [read_planes(read_file_tags(path)) for path in dicom_files(folder)]
    planes = np.concatenate([one.planes for one in found if isinstance(one, ImagePlanes)])
    return planes, split_into_stacks(planes)


def test_gantry_tilt() -> None:
    planes, (stack,) = series(FAILING + "gantrytilting")
    # 5 mm apart along the table, 14 degrees of tilt
    tilt = np.degrees(np.arccos(abs(stack.normal[2])))
    assert tilt == pytest.approx(14.0, abs=0.5)
    assert stack.median_gap == pytest.approx(5 * np.cos(np.radians(tilt)), abs=1e-3)
    # one affine for the series would be wrong: the origin does not move along the normal
    moved = np.diff(planes["position"][stack.order], axis=0)
    assert np.abs(np.cross(moved, stack.normal)).max() > 1


def test_missing_slice() -> None:
    planes, (stack,) = series(FAILING + "sliceincrement")
    np.testing.assert_allclose(np.diff(stack.offsets), [5, 5, 10], atol=1e-4)
    stacks = StackSet.build(planes, [stack])
    in_the_hole = patient_from_pixel(planes[stack.order[2:3]], 10, 10) + 4.0 * stack.normal
    found = stacks.locate(in_the_hole)
    assert (found.slice_index[0], found.within_reach[0], found.in_gap[0]) == (2, True, True)
    assert found.distance_mm[0] == pytest.approx(4)


def test_mixed_orientations() -> None:
    _, stacks = series(FAILING + "sliceorientation")
    assert [len(stack.order) for stack in stacks] == [2, 2]
    assert abs(stacks[0].normal @ stacks[1].normal) < 0.1


def test_two_slices() -> None:
    _, (stack,) = series(FAILING + "slicecount")
    assert stack.median_gap == pytest.approx(1)


def test_none_of_them_has_a_frame_of_reference() -> None:
    paths = dicom_files(FAILING)
    assert len(paths) == 14
    assert {read_header(read_file_tags(path)).frame_of_reference_uid for path in paths} == {""}


@pytest.mark.parametrize(
    ("folder", "count", "gap"),
    [
        ("dcm_decubitus_mr/HFS", 35, 4.8),
        ("dcm_decubitus_mr/HFP", 35, 4.8),
        ("elastix_3dct_lung/dicom/baseline", 64, 5.0),
        ("openms_dicom/patient01/study1_FLAIR", 36, 4.0),
        ("rt/rt-utils/tests/oriented_data", 3, 4.5),
    ],
)
def test_ordinary_series_are_one_stack(folder, count, gap) -> None:
    _, (stack,) = series(folder)
    assert len(stack.order) == count
    assert stack.median_gap == pytest.approx(gap, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CT_small.dcm", Role.IMAGE),
        ("MR_small_bigendian.dcm", Role.IMAGE),
        ("MR_small_implicit.dcm", Role.IMAGE),
        ("J2K_pixelrep_mismatch.dcm", Role.IMAGE),
        ("dicomdirtests/98892003/MR1/4919", Role.IMAGE),
        ("dicomdirtests/77654033/CT2/17106", Role.IMAGE),
        ("dicomdirtests/98892001/CT5N/2062", Role.IMAGE),
        ("dicomdirtests/77654033/CR1/6154", NotIndexableReason.PROJECTION),
        ("rtdose.dcm", Role.DOSE),
        ("rtdose_rle_1frame.dcm", NotIndexableReason.FRAMES_WITHOUT_GEOMETRY),
        ("liver_1frame.dcm", NotIndexableReason.FRAMES_WITHOUT_GEOMETRY),
        ("badVR.dcm", NotIndexableReason.BAD_VALUE),
        ("SC_rgb_rle.dcm", NotIndexableReason.NO_GEOMETRY),
        ("examples_ybr_color.dcm", NotIndexableReason.FRAMES_WITHOUT_GEOMETRY),
        ("rtplan.dcm", NotIndexableReason.NOT_AN_IMAGE),
        ("reportsi.dcm", NotIndexableReason.NOT_AN_IMAGE),
        ("waveform_ecg.dcm", NotIndexableReason.NOT_AN_IMAGE),
    ],
)
def test_pydicoms_own_files(name, expected) -> None:
    found = read_planes(read_file_tags(Path(pydicom.data.__file__).parent / "test_files" / name))
    assert (found.role if isinstance(found, ImagePlanes) else found.reason) == expected
