"""REG objects of our own: valid, read back by us and by others, and the same object when made twice."""

import io
import subprocess
from datetime import UTC, datetime

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicomrt.reg.check import check_deformable_reg_iod, check_spatial_reg_iod
from pydicomrt.reg.parser import get_deformable_registrations, get_spatial_registrations

from longitudinal.dicom.registration.authorship import (
    NOT_REVIEWED,
    TRANSFORM_ITEM,
    Authorship,
    Equipment,
    RegistrationType,
)
from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.dicom.registration.registered_frame import ReferencedImage, RegisteredFrame
from longitudinal.dicom.registration.spatial_registration import read_registration
from longitudinal.dicom.registration.writer import file_bytes, write_registration
from longitudinal.geometry import affine

CT = "1.2.840.10008.5.1.4.1.1.2"
EARLIER_STUDY, LATER_STUDY = "1.2.3.10", "1.2.3.20"
TARGET, SOURCE = "1.2.3.10.9", "1.2.3.20.9"
CREATED = datetime(2026, 11, 21, 12, 30, 5, 250000, tzinfo=UTC)

RIGID = np.array([[0.0, -1, 0, 12.5], [1, 0, 0, -7.25], [0, 0, 1, 100], [0, 0, 0, 1]])
SHEARED = np.array([[1.0, 0.1, 0, 12.5], [0, 1.05, 0, -7.25], [0, 0, 0.95, 1 / 3], [0, 0, 0, 1]])


def make_reference(**changes):
    reference = Dataset()
    reference.SpecificCharacterSet = "ISO_IR 100"
    reference.PatientName = "Müller^Jürgen"
    reference.PatientID = "P-1"
    reference.PatientBirthDate = "19500102"
    reference.PatientSex = "M"
    reference.StudyInstanceUID = LATER_STUDY
    reference.StudyDate, reference.StudyTime = "20240102", "101112"
    reference.AccessionNumber, reference.StudyID = "A1", "S1"
    reference.ReferringPhysicianName = "Ärztin^A"
    for keyword, value in changes.items():
        setattr(reference, keyword, value)
    return reference


def make_images(study, series, count=3):
    return tuple(ReferencedImage(CT, f"{series}.{number}", series, study) for number in range(1, count + 1))


def make_frames(with_images=True):
    target_images = make_images(EARLIER_STUDY, f"{EARLIER_STUDY}.1") if with_images else ()
    source_images = make_images(LATER_STUDY, f"{LATER_STUDY}.1") if with_images else ()
    return {
        "target": RegisteredFrame(TARGET, target_images),
        "source": RegisteredFrame(SOURCE, source_images),
    }


def make_series_frames():
    return {
        "target": RegisteredFrame("series:1.2.3.10.1", make_images(EARLIER_STUDY, "1.2.3.10.1")),
        "source": RegisteredFrame("series:1.2.3.20.1", make_images(LATER_STUDY, "1.2.3.20.1")),
    }


def make_field(shape=(3, 4, 5), pre=None, post=None):
    vectors = np.random.default_rng(1).normal(0, 5, (*shape, 3)).astype(np.float32)
    vectors[0, 0, 0] = np.nan
    return DisplacementField(
        position=np.array([-100 / 3, 20.125, 1e-5 / 3]),
        orientation=np.array([0.8, 0.6, 0, -0.6, 0.8, 0]),
        resolution=np.array([2.732, 2.732, 5]),
        dimensions=shape[::-1],
        vectors=vectors,
        pre=np.eye(4) if pre is None else pre,
        post=np.eye(4) if post is None else post,
    )


def write(transform=RIGID, reference=None, frames=None, authorship=None, **arguments):
    """Write, encode and read the file again."""
    dataset = write_registration(
        transform,
        **(frames or make_frames()),
        reference=reference or make_reference(),
        authorship=authorship or Authorship(CREATED),
        **arguments,
    )
    return pydicom.dcmread(io.BytesIO(file_bytes(dataset)))


def find_errors(dataset, folder):
    path = folder / "registration.dcm"
    path.write_bytes(file_bytes(dataset))
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert any("SpatialRegistration" in line for line in said), said
    return [line for line in said if line.startswith("Error")]


VARIANTS = {
    "rigid": {},
    "affine, by landmarks": {
        "transform": SHEARED,
        "authorship": Authorship(
            CREATED,
            "LANDMARKS",
            "landmarks by Doe",
            "Doe^Jane",
            RegistrationType.FIDUCIALS,
            Equipment("A", "B", "C", "D"),
        ),
    },
    "no images": {"frames": make_frames(with_images=False)},
    "series frames": {"frames": make_series_frames()},
    "deformable": {"transform": make_field()},
    "deformable, pre and post": {"transform": make_field(pre=RIGID, post=SHEARED)},
    "deformable, series frames": {"transform": make_field(), "frames": make_series_frames()},
    "own root": {"uid_root": "1.2.826.0.1.3680043.10.999", "entropy": ["a", "b"]},
    "of its images' time": {"authorship": Authorship(None)},
    "zone": {"reference": make_reference(TimezoneOffsetFromUTC="+0100")},
    "bare patient": {
        "reference": make_reference(PatientName="", PatientID="", PatientSex="", PatientBirthDate="")
    },
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_dciodvfy_finds_no_error(variant, tmp_path):
    assert find_errors(write(**variant), tmp_path) == []


def test_dciodvfy_would_find_one(tmp_path):
    dataset = write()
    del dataset.ContentLabel
    assert find_errors(dataset, tmp_path)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_pydicomrt_finds_no_error(variant):
    dataset = write(**variant)
    check = check_deformable_reg_iod if "DeformableRegistrationSequence" in dataset else check_spatial_reg_iod
    assert check(dataset)["content"] == []


@pytest.mark.parametrize("matrix", [RIGID, SHEARED])
def test_others_and_we_read_back_the_same_matrix(matrix):
    dataset = write(matrix)
    registration = read_registration(dataset)
    (item,) = registration.transform_items
    assert (item.number, item.frame_of_reference_uid) == (TRANSFORM_ITEM, SOURCE)
    assert registration.frame_of_reference_uid == TARGET
    theirs = np.reshape(get_spatial_registrations(dataset)[TARGET][SOURCE], (4, 4))
    np.testing.assert_array_equal(item.matrix, theirs)
    np.testing.assert_allclose(item.matrix, matrix, atol=1e-12)
    assert item.matrix_type == ("RIGID" if matrix is RIGID else "AFFINE")
    assert item.detail == ""


@settings(max_examples=50, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-3.2, 3.2)] * 3),
    shift=st.tuples(*[st.floats(-2000, 2000)] * 3),
    scale=st.floats(0.5, 2),
)
def test_decimal_strings_lose_less_than_a_millionth_of_a_millimetre(angles, shift, scale):
    matrix = np.eye(4)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix[:3, :3] = turn @ matrix[:3, :3]
    matrix[:3, :3] *= scale
    matrix[:3, 3] = shift
    dataset = write(matrix)
    part = dataset.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]
    raw = part.get_item("FrameOfReferenceTransformationMatrix").value
    assert max(len(value.strip()) for value in raw.split(b"\\")) <= 16
    item = read_registration(dataset).items[1]
    corners = np.array(np.meshgrid(*[(-1000, 1000)] * 3)).reshape(3, -1).T
    assert np.abs(affine.apply(item.matrix, corners) - affine.apply(matrix, corners)).max() < 1e-6


def test_what_is_read_back_is_written_again_unchanged():
    first = read_registration(write(SHEARED @ RIGID)).items[1].matrix
    again = read_registration(write(first)).items[1].matrix
    np.testing.assert_array_equal(first, again)


def test_deformable_field_comes_back():
    field = make_field(pre=RIGID, post=SHEARED)
    dataset = write(field)
    (item,) = read_registration(dataset).transform_items
    assert (item.number, item.frame_of_reference_uid, item.method) == (TRANSFORM_ITEM, SOURCE, "deformable")
    np.testing.assert_array_equal(item.field.vectors, field.vectors)
    np.testing.assert_allclose(item.field.point_from_index, field.point_from_index, atol=1e-10)
    np.testing.assert_allclose(item.field.pre, field.pre, atol=1e-12)
    np.testing.assert_allclose(item.field.post, field.post, atol=1e-12)
    (theirs,) = get_deformable_registrations(dataset)
    assert theirs["SourceFrameOfReferenceUID"] == SOURCE
    np.testing.assert_array_equal(theirs["DeformableRegistrationGrid"]["VectorGridData"], field.vectors)
    np.testing.assert_array_equal(
        np.reshape(theirs["PreDeformationMatrixRegistration"], (4, 4)), item.field.pre
    )
    np.testing.assert_array_equal(
        np.reshape(theirs["PostDeformationMatrixRegistration"], (4, 4)), item.field.post
    )


def test_frames_without_a_uid_are_named_by_their_images():
    dataset = write(frames=make_series_frames())
    assert "FrameOfReferenceUID" not in dataset.RegistrationSequence[0]
    assert "FrameOfReferenceUID" not in dataset.RegistrationSequence[1]
    registration = read_registration(dataset)
    assert registration.referenced_sop_instance_uids == ("1.2.3.10.1.1", "1.2.3.10.1.2", "1.2.3.10.1.3")
    naming, item = registration.transform_items  # which of them names the object's frame, its images tell
    assert naming.referenced_sop_instance_uids == registration.referenced_sop_instance_uids
    assert item.frame_of_reference_uid is None
    assert item.referenced_sop_instance_uids == ("1.2.3.20.1.1", "1.2.3.20.1.2", "1.2.3.20.1.3")
    assert write(frames=make_series_frames()).FrameOfReferenceUID == dataset.FrameOfReferenceUID


def test_deformable_frames_without_a_uid_are_named_by_their_images_too():
    registration = read_registration(write(make_field(), frames=make_series_frames()))
    assert registration.referenced_sop_instance_uids[0] == "1.2.3.10.1.1"
    (item,) = registration.transform_items
    assert item.referenced_sop_instance_uids[0] == "1.2.3.20.1.1"
    assert item.frame_of_reference_uid not in (None, registration.frame_of_reference_uid)


def test_references_of_the_own_study_and_of_others_stand_apart():
    dataset = write()
    (own,) = dataset.ReferencedSeriesSequence
    assert own.SeriesInstanceUID == f"{LATER_STUDY}.1"
    assert [image.ReferencedSOPInstanceUID for image in own.ReferencedInstanceSequence] == [
        f"{LATER_STUDY}.1.{number}" for number in (1, 2, 3)
    ]
    (other,) = dataset.StudiesContainingOtherReferencedInstancesSequence
    assert other.StudyInstanceUID == EARLIER_STUDY
    assert len(other.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 3


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 144", "Иванов^Иван"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("ISO_IR 192", "Ångström^Ω"),
    ],
)
def test_names_survive_any_character_set(charset, name):
    reference = make_reference(SpecificCharacterSet=charset, PatientName=name, ReferringPhysicianName="")
    file = io.BytesIO()
    pydicom.dcmwrite(file, reference, implicit_vr=True, little_endian=True)
    file.seek(0)
    dataset = write(reference=pydicom.dcmread(file, force=True))
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert str(dataset.PatientName) == name
    assert name.encode() in file_bytes(dataset)


def test_patient_and_study_are_those_of_the_reference():
    reference = make_reference(IssuerOfPatientID="HOSPITAL", StudyDescription="Kopf")
    dataset = write(reference=reference)
    for keyword in (
        "PatientID",
        "IssuerOfPatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyDate",
    ):
        assert dataset[keyword].value == reference[keyword].value
    assert dataset.StudyDescription == "Kopf"
    assert "PatientIdentityRemoved" not in dataset


@pytest.mark.filterwarnings("ignore:.*[Vv]alue.*VR")
def test_values_that_break_their_vr_are_no_reason_to_fail():
    reference = make_reference()
    file = io.BytesIO()
    reference.AccessionNumber = "ACCESSION"
    pydicom.dcmwrite(file, reference, implicit_vr=True, little_endian=True)
    spoiled = file.getvalue().replace(b"19500102", b"2.1.1950").replace(b"ACCESSION", b"ACCES\\ION")
    dataset = write(reference=pydicom.dcmread(io.BytesIO(spoiled), force=True))
    assert dataset.PatientBirthDate == "2.1.1950"


def test_what_it_says_about_itself():
    registration = read_registration(write())
    assert (registration.content_label, registration.content_description) == ("AUTOMATIC", NOT_REVIEWED)
    assert registration.created == "2026-11-21T12:30:05.250000"
    assert registration.manufacturer == "orthanc-longitudinal"
    by_hand = read_registration(write(**VARIANTS["affine, by landmarks"]))
    assert (by_hand.content_description, by_hand.creator_name) == ("landmarks by Doe", "Doe^Jane")


def test_time_is_told_in_the_zone_of_the_study():
    registration = read_registration(write(reference=make_reference(TimezoneOffsetFromUTC="-0330")))
    assert registration.created == "2026-11-21T09:00:05.250000-03:30"


@pytest.mark.parametrize(
    ("dates", "created"),
    [
        ({"AcquisitionDate": "20240103", "AcquisitionTime": "0830"}, "2024-01-03T08:30:00"),
        ({"AcquisitionDate": "20240103"}, "2024-01-03T00:00:00"),
        ({"AcquisitionDateTime": "20240103083000+0200", "TimezoneOffsetFromUTC": "+0100"}, "2024-01-03T07:30:00+01:00"),
        ({"ContentDate": "20240104", "TimezoneOffsetFromUTC": "-0330"}, "2024-01-04T00:00:00-03:30"),
        ({}, "2024-01-02T10:11:12"),
        ({"StudyDate": "", "StudyTime": ""}, "1900-01-01T00:00:00"),
    ],
    ids=["acquisition", "date alone", "own zone", "content", "study", "none"],
)  # fmt: skip
def test_what_images_alone_determine_has_their_time_and_is_the_same_file_twice(dates, created):
    first, again = (
        write_registration(
            RIGID,
            **make_frames(),
            reference=make_reference(**dates),
            authorship=Authorship(None),
            entropy=["a"],
        )
        for _ in range(2)
    )
    assert file_bytes(first) == file_bytes(again)
    assert read_registration(first).created == created
    assert "InstanceCreationDate" not in first
    assert "SeriesDate" not in first


def test_same_entropy_gives_the_same_object():
    first, again, other = (write(entropy=entropy) for entropy in (["a", "b"], ["a", "b"], ["ab", ""]))
    assert file_bytes(first) == file_bytes(again)
    assert first.SOPInstanceUID.startswith("2.25.")
    assert first.SOPInstanceUID != other.SOPInstanceUID
    assert first.SeriesInstanceUID not in (first.SOPInstanceUID, other.SeriesInstanceUID)


def test_without_entropy_every_object_is_another():
    assert write().SOPInstanceUID != write().SOPInstanceUID


@pytest.mark.parametrize("root", ["1.2.826.0.1.3680043.10.999", "1.2.826.0.1.3680043.10.999."])
def test_new_uids_stand_under_the_root(root):
    dataset = write(frames=make_series_frames(), uid_root=root, entropy=["a"])
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        uid = dataset[keyword].value
        assert uid.startswith("1.2.826.0.1.3680043.10.999.")
        assert uid.is_valid


@pytest.mark.parametrize(
    "matrix", [np.zeros((4, 4)), np.diag([1.0, 1, -1, 1]), np.full((4, 4), np.nan), np.eye(3)], ids=range(4)
)
def test_unusable_matrices_are_not_written(matrix):
    with pytest.raises(ValueError, match="not a usable point map"):
        write(matrix)


def test_a_frame_is_not_registered_to_itself():
    with pytest.raises(ValueError, match="same frame"):
        write(frames={"target": RegisteredFrame(TARGET), "source": RegisteredFrame(TARGET)})


@pytest.mark.parametrize("images", [(), make_images(LATER_STUDY, "1.2.3.20.2")])
def test_a_series_frame_is_named_by_its_own_images(images):
    with pytest.raises(ValueError, match="images of its series"):
        RegisteredFrame("series:1.2.3.20.1", images)


@settings(max_examples=150, deadline=None)
@given(
    deformable=st.booleans(),
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5),
    kept=st.floats(0.3, 1.5),
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_refused_and_never_raise(deformable, damage, kept):
    data = bytearray(DAMAGEABLE[deformable])
    for where, patch in damage:
        at = 160 + int(where * (len(data) - 170))
        data[at : at + len(patch)] = patch
    try:
        dataset = pydicom.dcmread(io.BytesIO(bytes(data[: int(kept * len(data))])), force=True)
    except Exception:  # not even a dataset: that is told before anybody asks for a registration
        return
    registration = read_registration(dataset)
    for item in registration.items:
        usable = (item.matrix is not None) != (item.field is not None)
        assert usable == (item.refusal is None)


DAMAGEABLE = {False: file_bytes(write()), True: file_bytes(write(make_field(pre=RIGID, post=SHEARED)))}
