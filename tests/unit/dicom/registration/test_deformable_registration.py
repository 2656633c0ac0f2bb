"""Deformable REG: the grid as it stands in the file, and what is refused."""

import io

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeformableSpatialRegistrationStorage

from longitudinal.dicom.registration.spatial_registration import RegistrationRefusal, read_registration
from longitudinal.geometry import affine

TURN_90_ABOUT_Z = [0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
SHIFT_10_ALONG_X = [1, 0, 0, 10, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def make_matrix_item(values):
    item = Dataset()
    item.FrameOfReferenceTransformationMatrixType = "RIGID"
    item.FrameOfReferenceTransformationMatrix = values
    return item


def make_item(pre=None, post=None, vectors=None, frame="1.2.3.2"):
    """An item with a grid of 2 x 3 x 4 voxels along i, j, k, or without one."""
    item = Dataset()
    item.SourceFrameOfReferenceUID = frame
    if pre is not None:
        item.PreDeformationMatrixRegistrationSequence = Sequence([make_matrix_item(pre)])
    if post is not None:
        item.PostDeformationMatrixRegistrationSequence = Sequence([make_matrix_item(post)])
    item.DeformableRegistrationGridSequence = Sequence()
    if vectors is not None:
        grid = Dataset()
        grid.ImagePositionPatient = [-10, 20, 30]
        grid.ImageOrientationPatient = [0, 1, 0, 0, 0, 1]
        grid.GridDimensions = [2, 3, 4]
        grid.GridResolution = [5.0, 6.0, 7.0]
        grid.VectorGridData = vectors
        item.DeformableRegistrationGridSequence.append(grid)
    return item


VECTORS = np.arange(72, dtype="<f4")


def read(*items, frame="1.2.3.1", little_endian=True):
    dataset = Dataset()
    dataset.SOPClassUID = DeformableSpatialRegistrationStorage
    dataset.SOPInstanceUID = "1.2.3"
    dataset.FrameOfReferenceUID = frame
    dataset.DeformableRegistrationSequence = Sequence(items)
    file = io.BytesIO()
    pydicom.dcmwrite(
        file, dataset, implicit_vr=little_endian, little_endian=little_endian, force_encoding=True
    )
    file.seek(0)
    if little_endian:
        return read_registration(pydicom.dcmread(file, force=True))
    return read_registration(
        pydicom.filereader.read_dataset(file, is_implicit_VR=False, is_little_endian=False)
    )


@pytest.mark.parametrize(("dtype", "little_endian"), [("<f4", True), (">f4", False)])
def test_grid_runs_along_i_first(dtype, little_endian):
    data = VECTORS.astype(dtype).tobytes()
    (item,) = read(make_item(vectors=data), little_endian=little_endian).transform_items
    field = item.field
    assert field.vectors.shape == (4, 3, 2, 3)
    assert field.vectors[0, 0, 1].tolist() == [3, 4, 5]
    assert field.vectors[0, 1, 0].tolist() == [6, 7, 8]
    assert field.vectors[1, 0, 0].tolist() == [18, 19, 20]
    assert (item.method, item.matrix) == ("deformable", None)


def test_grid_axes_follow_orientation_and_resolution():
    field = read(make_item(vectors=VECTORS.tobytes())).items[0].field
    # i along +y by 5, j along +z by 6, k along their cross product +x by 7
    assert affine.apply(field.point_from_index, [1, 1, 1]).tolist() == [-3, 25, 36]


def test_pre_and_post_are_told_apart_and_absent_ones_are_identity():
    both = read(make_item(TURN_90_ABOUT_Z, SHIFT_10_ALONG_X, VECTORS.tobytes())).items[0].field
    assert both.pre.ravel().tolist() == TURN_90_ABOUT_Z
    assert both.post.ravel().tolist() == SHIFT_10_ALONG_X
    neither = read(make_item(vectors=VECTORS.tobytes())).items[0].field
    np.testing.assert_array_equal([neither.pre, neither.post], [np.eye(4)] * 2)


def test_item_without_a_grid_is_the_inverse_of_its_matrices():
    (item,) = read(make_item(TURN_90_ABOUT_Z, SHIFT_10_ALONG_X)).transform_items
    # registered (1, 0, 0) -> pre (0, 1, 0) -> post (10, 1, 0): the matrix of an item runs the other way
    np.testing.assert_allclose(affine.apply(item.matrix, [10.0, 1.0, 0.0]), [1, 0, 0], atol=1e-12)
    assert item.method == "rigid"


def test_identity_item_of_the_own_frame_is_no_transform():
    registration = read(make_item(frame="1.2.3.1"), make_item(vectors=VECTORS.tobytes()))
    assert registration.items[0].own_frame
    assert [item.number for item in registration.transform_items] == [2]


def test_warping_the_own_frame_is_refused():
    assert (
        read(make_item(vectors=VECTORS.tobytes(), frame="1.2.3.1")).items[0].refusal
        is RegistrationRefusal.SAME_FRAME
    )


def test_half_undefined_vectors_are_undefined():
    vectors = VECTORS.copy()
    vectors[4], vectors[6] = np.nan, np.inf
    field = read(make_item(vectors=vectors.tobytes())).items[0].field
    undefined = np.isnan(field.vectors)
    assert undefined[0, 0, 1].all()
    assert undefined[0, 1, 0].all()
    assert undefined.sum() == 6


@pytest.mark.parametrize(
    ("keyword", "value", "detail"),
    [
        ("ImagePositionPatient", [1, 2], "ImagePositionPatient"),
        ("ImageOrientationPatient", None, "ImageOrientationPatient"),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0], "perpendicular"),
        ("ImageOrientationPatient", [2, 0, 0, 0, 1, 0], "perpendicular"),
        ("GridDimensions", [2, 3], "GridDimensions"),
        ("GridDimensions", [2, 3, 0], "dimension below one"),
        ("GridDimensions", [2, 3, 5], "360"),
        ("GridResolution", [1.0, 2.0, float("nan")], "GridResolution"),
        ("GridResolution", [1.0, 2.0, -3.0], "not positive"),
        ("VectorGridData", VECTORS[:-3].tobytes(), "276 bytes"),
        ("VectorGridData", None, "0 bytes"),
        ("VectorGridData", np.full(72, np.nan, "<f4").tobytes(), "no vector"),
        ("VectorGridData", np.full(72, 3e38, "<f4").tobytes(), "3e+38 mm"),
        ("VectorGridData", np.full(72, -3e38, "<f4").tobytes(), "3e+38 mm"),
        ("VectorGridData", np.append(VECTORS[:-1], 1.001e4).astype("<f4").tobytes(), "10000 mm"),
        ("ImagePositionPatient", [1e300, 0, 0], "10000000 mm"),
        ("ImagePositionPatient", [0, -1.001e7, 0], "10000000 mm"),
        ("GridResolution", [1.0, 2.0, 1e300], "GridResolution"),
        ("GridResolution", [1.0, 1e-300, 1.0], "GridResolution"),
        ("GridDimensions", [2**31, 2**31, 2**31], "bytes"),
    ],
)
def test_unusable_grids_are_refused(keyword, value, detail):
    item = make_item(vectors=VECTORS.tobytes())
    setattr(item.DeformableRegistrationGridSequence[0], keyword, value)
    refused = read(item).items[0]
    assert refused.refusal is RegistrationRefusal.BAD_GRID
    assert detail in refused.detail
    assert refused.field is None


def test_two_grids_in_one_item_are_refused():
    item = make_item(vectors=VECTORS.tobytes())
    item.DeformableRegistrationGridSequence.append(item.DeformableRegistrationGridSequence[0])
    assert read(item).items[0].refusal is RegistrationRefusal.BAD_GRID


@pytest.mark.parametrize(
    ("pre", "post", "refusal"),
    [
        ([*TURN_90_ABOUT_Z[:10], 0, *TURN_90_ABOUT_Z[11:]], None, RegistrationRefusal.SINGULAR),
        (None, [-1, *SHIFT_10_ALONG_X[1:]], RegistrationRefusal.MIRRORED),
        ([1, 2, 3], None, RegistrationRefusal.BAD_MATRIX),
        ([1, 0, 0, 1e8, *SHIFT_10_ALONG_X[4:]], None, RegistrationRefusal.BAD_MATRIX),
        (None, [1, 0, 0, 1e300, *SHIFT_10_ALONG_X[4:]], RegistrationRefusal.BAD_MATRIX),
        (None, [1e300, *SHIFT_10_ALONG_X[1:]], RegistrationRefusal.SINGULAR),
        ([0.01, 0, 0, 1e6, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], None, RegistrationRefusal.BAD_MATRIX),
    ],
)
def test_unusable_matrices_are_refused(pre, post, refusal):
    assert read(make_item(pre, post, VECTORS.tobytes())).items[0].refusal is refusal


def test_two_matrices_before_the_deformation_are_refused():
    item = make_item(TURN_90_ABOUT_Z, None, VECTORS.tobytes())
    item.PreDeformationMatrixRegistrationSequence.append(make_matrix_item(SHIFT_10_ALONG_X))
    assert read(item).items[0].refusal is RegistrationRefusal.BAD_MATRIX


def test_item_without_a_source_frame_is_refused():
    assert (
        read(make_item(vectors=VECTORS.tobytes(), frame="")).items[0].refusal is RegistrationRefusal.NO_FRAME
    )
