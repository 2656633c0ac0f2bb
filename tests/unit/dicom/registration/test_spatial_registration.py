"""Matrix REG: what others wrote, what is refused, and which way a matrix runs."""

import csv
import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import SpatialRegistrationStorage

from longitudinal.dicom.registration.spatial_registration import read_registration
from longitudinal.geometry import affine
from longitudinal.reasons import RegistrationRefusal
from tests.data import data

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
    path = data("openms_dicom/patient01") / "truth_points_study1_to_study2_LPSmm.csv"
    with path.open(newline="") as file:
        rows = np.array([[float(value) for value in row] for row in list(csv.reader(file))[1:]])
    return rows[:, :3], rows[:, 3:]


@pytest.mark.parametrize(
    ("name", "method", "mean_mm", "max_mm"),
    [("openms_p01_RIGID.dcm", "rigid", 0.12, 0.30), ("openms_p01_AFFINE.dcm", "affine", 0.01, 0.01)],
)
def test_matrix_of_other_software_maps_item_frame_into_registered_frame(name, method, mean_mm, max_mm):
    registration = read_registration(pydicom.dcmread(data("reg_independent") / name))
    study1, study2 = read_truth()
    (item,) = registration.transform_items
    assert (item.number, item.method, item.refusal) == (1, method, None)
    assert registration.items[1].own_frame
    errors = np.linalg.norm(affine.apply(item.matrix, study2) - study1, axis=1)
    assert errors.mean() <= mean_mm
    assert errors.max() <= max_mm


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("6c690a9eccdbcc3c58f4ae55bc081f07a614393e.dcm", RegistrationRefusal.NO_FRAME),
        ("838356188785bc2d5c53f95b6afce5fa565c3248.dcm", RegistrationRefusal.NOT_A_REGISTRATION),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_malformed_objects_are_refused_with_a_reason(name, refusal):
    registration = read_registration(pydicom.dcmread(data("reg_malformed") / name, force=True))
    refusals = {registration.refusal, *(item.refusal for item in registration.items)} - {None}
    assert refusals == {refusal}
    assert registration.transform_items == ()
    assert refusal.explanation


def test_first_matrix_of_a_sequence_is_applied_first():
    registration = read_registration(make_registration(make_item(TURN_90_ABOUT_Z, SHIFT_10_ALONG_X)))
    mapped = affine.apply(registration.items[0].matrix, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(mapped, [10.0, 1.0, 0.0], atol=1e-12)


def only_item(*matrices, **kwargs):
    return read_registration(make_registration(make_item(*matrices, **kwargs))).items[0]


def test_several_items_each_keep_their_number():
    registration = read_registration(
        make_registration(
            make_item(SHIFT_10_ALONG_X, frame="1.2.3.2"),
            make_item(IDENTITY, frame="1.2.3.1"),
            make_item([0.0] * 16, frame="1.2.3.3"),
            make_item(TURN_90_ABOUT_Z, frame="1.2.3.4"),
        )
    )
    assert [(item.number, item.frame_of_reference_uid) for item in registration.transform_items] == [
        (1, "1.2.3.2"),
        (4, "1.2.3.4"),
    ]
    assert registration.items[1].own_frame
    assert registration.items[2].refusal is RegistrationRefusal.BAD_MATRIX


def test_identity_between_two_frames_is_a_transform():
    item = only_item(IDENTITY)
    assert not item.own_frame
    np.testing.assert_array_equal(item.matrix, np.eye(4))


def test_frame_only_through_referenced_images():
    registration = read_registration(
        make_registration(make_item(SHIFT_10_ALONG_X, frame=None, images=["1.7", "1.8"]))
    )
    (item,) = registration.transform_items
    assert item.frame_of_reference_uid is None
    assert item.referenced_sop_instance_uids == ("1.7", "1.8")


def test_own_frame_through_the_images_of_the_identity_item():
    registration = read_registration(
        make_registration(
            make_item(IDENTITY, frame=None, images=["1.5", "1.6"]),
            make_item(SHIFT_10_ALONG_X, frame=None, images=["1.7"]),
            frame=None,
        )
    )
    assert registration.frame_of_reference_uid is None
    assert registration.referenced_sop_instance_uids == ("1.5", "1.6")
    assert [item.number for item in registration.transform_items] == [2]


def test_second_unnamed_identity_item_is_a_transform():
    registration = read_registration(
        make_registration(
            make_item(IDENTITY, frame=None, images=["1.5"]),
            make_item(IDENTITY, frame=None, images=["1.6"]),
            frame=None,
        )
    )
    assert [item.number for item in registration.transform_items] == [2]


def test_identity_item_that_names_the_own_frame_leaves_unnamed_identities_alone():
    registration = read_registration(
        make_registration(
            make_item(IDENTITY, frame=None, images=["1.6"]), make_item(IDENTITY, frame="1.2.3.1")
        )
    )
    assert registration.referenced_sop_instance_uids == ()
    assert [item.number for item in registration.transform_items] == [1]


def test_an_unnamed_identity_of_an_object_with_a_frame_is_judged_by_its_images():
    registration = read_registration(make_registration(make_item(IDENTITY, frame=None, images=["1.6"])))
    (item,) = registration.transform_items
    assert registration.referenced_sop_instance_uids == item.referenced_sop_instance_uids == ("1.6",)


def test_an_object_without_a_frame_has_that_of_its_identity_item():
    items = (
        make_item(SHIFT_10_ALONG_X, frame="1.2.3.2"),
        make_item(IDENTITY, frame="1.2.3.1", images=["1.5"]),
    )
    registration = read_registration(make_registration(*items, frame=None))
    assert registration.frame_of_reference_uid == "1.2.3.1"
    assert [item.number for item in registration.transform_items] == [1]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("frame", [None, "", " ", "Unknown", "0", "N/A", "1"])
def test_neither_frame_nor_images_is_refused(frame):
    assert only_item(IDENTITY, frame=frame).refusal is RegistrationRefusal.NO_FRAME


def test_object_without_a_frame_of_its_own_is_refused():
    registration = read_registration(
        make_registration(make_item(SHIFT_10_ALONG_X, images=["1.7"]), frame=None)
    )
    assert registration.items[0].refusal is RegistrationRefusal.NO_FRAME


def test_moving_the_own_frame_is_refused():
    item = only_item(SHIFT_10_ALONG_X, frame="1.2.3.1")
    assert item.refusal is RegistrationRefusal.SAME_FRAME
    assert item.matrix is None


@pytest.mark.parametrize(
    ("values", "refusal", "detail"),
    [
        (IDENTITY[:12], RegistrationRefusal.BAD_MATRIX, "12 values"),
        ([], RegistrationRefusal.BAD_MATRIX, "0 values"),
        ([*IDENTITY[:12], 0, 0, 0.5, 1], RegistrationRefusal.BAD_MATRIX, "last row"),
        ([*IDENTITY[:12], 0, 0, 0, 2], RegistrationRefusal.BAD_MATRIX, "last row"),
        ([float("nan"), *IDENTITY[1:]], RegistrationRefusal.BAD_MATRIX, "not finite"),
        ([float("inf"), *IDENTITY[1:]], RegistrationRefusal.BAD_MATRIX, "not finite"),
        ([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], RegistrationRefusal.SINGULAR, "no usable inverse"),
        ([*[0] * 15, 1], RegistrationRefusal.SINGULAR, "no usable inverse"),
        ([-1, *IDENTITY[1:]], RegistrationRefusal.MIRRORED, "negative"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_unusable_matrices_are_refused(values, refusal, detail):
    item = only_item(values)
    assert item.refusal is refusal
    assert detail in item.detail
    assert item.matrix is None


def test_text_that_is_no_number_is_refused():
    file = io.BytesIO()
    dataset = make_registration(make_item(IDENTITY))
    matrix = dataset.RegistrationSequence[0].MatrixRegistrationSequence[0].MatrixSequence[0]
    matrix.FrameOfReferenceTransformationMatrix = ["7.25"] * 16
    pydicom.dcmwrite(file, dataset, implicit_vr=True, little_endian=True)
    spoiled = file.getvalue().replace(b"7.25", b"x.25", 1)
    read = read_registration(pydicom.dcmread(io.BytesIO(spoiled), force=True))
    assert read.items[0].refusal is RegistrationRefusal.BAD_MATRIX


def test_item_without_a_matrix_is_refused():
    item = make_item(IDENTITY)
    del item.MatrixRegistrationSequence
    assert read_registration(make_registration(item)).items[0].refusal is RegistrationRefusal.NO_REGISTRATION


def test_item_with_two_matrix_registrations_is_refused():
    item = make_item(IDENTITY)
    item.MatrixRegistrationSequence.append(item.MatrixRegistrationSequence[0])
    assert read_registration(make_registration(item)).items[0].refusal is RegistrationRefusal.BAD_MATRIX


def test_two_mirrors_in_one_item_are_each_refused():
    mirror = [-1, *IDENTITY[1:]]
    assert only_item(mirror, mirror).refusal is RegistrationRefusal.MIRRORED


@pytest.mark.parametrize("sequence", [None, []])
def test_object_without_items_is_refused(sequence):
    dataset = make_registration()
    if sequence is None:
        del dataset.RegistrationSequence
    assert read_registration(dataset).refusal is RegistrationRefusal.NO_REGISTRATION


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5", None])
def test_other_sop_classes_are_refused(sop_class):
    dataset = make_registration(make_item(IDENTITY))
    dataset.SOPClassUID = sop_class
    assert read_registration(dataset).refusal is RegistrationRefusal.NOT_A_REGISTRATION


SCALED = [0.0, -2.2, 0, 5, 1.1, 0, 0, 0, 0, 0, 0.9, 0, 0, 0, 0, 1]
SHEARED = [1.0, 0.2, 0, 5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("values", "declared", "method", "remark"),
    [
        (TURN_90_ABOUT_Z, "RIGID", "rigid", ""),
        (TURN_90_ABOUT_Z, "AFFINE", "rigid", ""),
        (SCALED, "RIGID_SCALE", "affine", ""),
        (SHEARED, "RIGID_SCALE", "affine", "declared RIGID_SCALE"),
        (SHEARED, "AFFINE", "affine", ""),
        (SCALED, "RIGID", "affine", "declared RIGID,"),
    ],
)
def test_numbers_decide_what_a_matrix_is(values, declared, method, remark):
    item = only_item(values, matrix_type=declared)
    assert (item.refusal, item.method, item.matrix_type) == (None, method, declared)
    assert item.detail.startswith(remark)
    assert bool(item.detail) == bool(remark)


def test_unknown_matrix_type_is_no_obstacle():
    item = only_item(SHEARED, matrix_type="RIGID_SHEAR")
    assert (item.refusal, item.method, item.matrix_type) == (None, "affine", None)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_padding_is_no_part_of_a_uid():
    dataset = make_registration(make_item(IDENTITY, frame="1.2.3.1\0"), frame="1.2.3.1 ")
    assert read_registration(dataset).items[0].own_frame


@pytest.mark.parametrize(
    ("attributes", "created"),
    [
        ({"ContentDate": "20240102", "ContentTime": "030405.678"}, "2024-01-02T03:04:05.678000"),
        (
            {"ContentDate": "20240102", "ContentTime": "030405", "TimezoneOffsetFromUTC": "-0330"},
            "2024-01-02T03:04:05-03:30",
        ),
        ({"ContentDate": "20240102"}, "2024-01-02T00:00:00"),
        ({"ContentDate": "20240102", "ContentTime": "0304"}, "2024-01-02T03:04:00"),
        (
            {"ContentDate": "", "InstanceCreationDate": "20240101", "InstanceCreationTime": "10"},
            "2024-01-01T10:00:00",
        ),
        ({}, None),
    ],
)
def test_time_of_making(attributes, created):
    dataset = make_registration(make_item(IDENTITY))
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    assert read_registration(dataset).created == created


def test_header_tells_who_made_it():
    dataset = make_registration(make_item(IDENTITY))
    dataset.ContentLabel, dataset.ContentDescription = "FUSION", "by hand"
    dataset.ContentCreatorName, dataset.Manufacturer = "Doe^Jane", "ACME"
    read = read_registration(dataset)
    assert (read.content_label, read.content_description) == ("FUSION", "by hand")
    assert (read.creator_name, read.manufacturer) == ("Doe^Jane", "ACME")
    assert (read.sop_instance_uid, read.frame_of_reference_uid) == ("1.2.3", "1.2.3.1")


def test_every_refusal_is_explained():
    assert all(refusal.explanation.endswith(".") for refusal in RegistrationRefusal)


def test_every_refusal_is_documented():
    page = (Path(__file__).parents[4] / "docs" / "reason-codes.md").read_text(encoding="utf-8")
    section = page.split("## Registration objects", 1)[1].split("\n## ", 1)[0]
    missing = [refusal for refusal in RegistrationRefusal if f"| `{refusal}` |" not in section]
    assert missing == []
