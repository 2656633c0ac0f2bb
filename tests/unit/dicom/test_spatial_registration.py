"""Matrix REG: what others wrote, what is refused, and which way a matrix runs."""

import csv
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from longitudinal.dicom.spatial_registration import REFUSALS, Refusal, read_registration
from longitudinal.geometry import affine
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import SpatialRegistrationStorage

DATA = Path(os.environ.get("LONGITUDINAL_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"LONGITUDINAL_TEST_DATA: no test data at {DATA}")

TURN_90_ABOUT_Z = [0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
SHIFT_10_ALONG_X = [1, 0, 0, 10, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
IDENTITY = np.eye(4).ravel().tolist()


def make_item(*matrices, frame="1.2.3.2", images=(), matrix_type="RIGID"):
    item = Dataset()
    if frame is not None:
        item.FrameOfReferenceUID = frame
    if images:
        item.ReferencedImageSequence = Sequence()
        for uid in images:
            reference = Dataset()
            reference.ReferencedSOPInstanceUID = uid
            item.ReferencedImageSequence.append(reference)
    registration = Dataset()
    registration.MatrixSequence = Sequence()
    for values in matrices:
        part = Dataset()
        part.FrameOfReferenceTransformationMatrixType = matrix_type
        part.FrameOfReferenceTransformationMatrix = [f"{value:.10g}" for value in values]
        registration.MatrixSequence.append(part)
    item.MatrixRegistrationSequence = Sequence([registration])
    return item


def make_registration(*items, frame="1.2.3.1"):
    dataset = Dataset()
    dataset.SOPClassUID = SpatialRegistrationStorage
    dataset.SOPInstanceUID = "1.2.3"
    if frame is not None:
        dataset.FrameOfReferenceUID = frame
    dataset.RegistrationSequence = Sequence(items)
    return dataset


def read_truth():
    path = DATA / "openms_dicom" / "patient01" / "truth_points_study1_to_study2_LPSmm.csv"
    with path.open(newline="") as file:
        rows = np.array([[float(value) for value in row] for row in list(csv.reader(file))[1:]])
    return rows[:, :3], rows[:, 3:]


@needs_data
@pytest.mark.parametrize(
    ("name", "method", "mean_mm", "max_mm"),
    [("openms_p01_RIGID.dcm", "rigid", 0.12, 0.30), ("openms_p01_AFFINE.dcm", "affine", 0.01, 0.01)],
)
def test_matrix_of_other_software_maps_item_frame_into_registered_frame(name, method, mean_mm, max_mm):
    registration = read_registration(pydicom.dcmread(DATA / "reg_independent" / name))
    study1, study2 = read_truth()
    (item,) = registration.transform_items
    assert (item.number, item.method, item.refusal) == (1, method, None)
    assert registration.items[1].own_frame
    errors = np.linalg.norm(affine.apply(item.matrix, study2) - study1, axis=1)
    assert errors.mean() <= mean_mm
    assert errors.max() <= max_mm


@needs_data
@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("6c690a9eccdbcc3c58f4ae55bc081f07a614393e.dcm", Refusal.NO_FRAME),
        ("838356188785bc2d5c53f95b6afce5fa565c3248.dcm", Refusal.NOT_A_REGISTRATION),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_malformed_objects_are_refused_with_a_reason(name, refusal):
    registration = read_registration(pydicom.dcmread(DATA / "reg_malformed" / name, force=True))
    refusals = {registration.refusal, *(item.refusal for item in registration.items)} - {None}
    assert refusals == {refusal}
    assert registration.transform_items == ()
    assert REFUSALS[refusal]


def test_first_matrix_of_a_sequence_is_applied_first():
    registration = read_registration(make_registration(make_item(TURN_90_ABOUT_Z, SHIFT_10_ALONG_X)))
    mapped = affine.apply(registration.items[0].matrix, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(mapped, [10.0, 1.0, 0.0], atol=1e-12)
