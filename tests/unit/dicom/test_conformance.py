"""Headers that break the standard, and those that do not."""

import struct
from io import BytesIO

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from longitudinal.dicom.conformance import MOST_WARNINGS, header_faults
from tests.builders import as_file, classic
from tests.data import dicom_files


def faults(file: bytes) -> list[tuple[str, str]]:
    return [(one.fault, one.keyword) for one in header_faults(file)]


def test_what_is_missing_or_empty() -> None:
    ds = classic()
    del ds.Modality
    ds.ImageOrientationPatient = None
    found = faults(as_file(ds))
    assert ("missing", "Modality") in found
    assert ("empty", "ImageOrientationPatient") in found


@pytest.mark.parametrize("uid", ["1.2.03", "1.2.", "abc", "1." + "2" * 64, "1..2"])
def test_uids_that_are_none(uid: str) -> None:
    file = as_file(classic(FrameOfReferenceUID="1.2.34567"))
    # written past pydicom, which warns about it: same even length
    ds = classic()
    ds.FrameOfReferenceUID = uid
    assert file != as_file(ds)
    assert ("badUid", "FrameOfReferenceUID") in faults(as_file(ds))


def test_a_wrong_vr() -> None:
    file = as_file(classic(PatientSex="F"))
    at = file.index(struct.pack("<HH", 0x0010, 0x0040) + b"CS")
    wrong = file[: at + 4] + b"DA" + file[at + 6 :]
    assert ("wrongVr", "PatientSex") in faults(wrong)


def test_a_value_that_is_none_of_its_vr() -> None:
    file = as_file(classic(StudyDate="20240101"))
    assert ("badValue", "StudyDate") in faults(file.replace(b"20240101", b"01.01.24"))


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
def test_values_are_looked_at_in_every_transfer_syntax(syntax: pydicom.uid.UID) -> None:
    ds = pydicom.dcmread(BytesIO(as_file(classic(StudyDate="20240101", FrameOfReferenceUID="1.2.3333"))))
    ds.file_meta.TransferSyntaxUID = syntax
    for keyword, text in (("StudyDate", b"01.01.24"), ("FrameOfReferenceUID", b"1.2.03.4")):
        ds[keyword] = pydicom.dataelem.RawDataElement(
            ds[keyword].tag, ds[keyword].VR, 8, text, 0, False, True
        )
    written = BytesIO()
    ds.save_as(
        written, enforce_file_format=True, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True
    )
    found = faults(written.getvalue())
    assert ("badValue", "StudyDate") in found
    assert ("badUid", "FrameOfReferenceUID") in found


def test_a_zero_is_a_value() -> None:
    """PixelRepresentation of every unsigned image is two zero bytes."""
    for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
        ds = pydicom.dcmread(BytesIO(as_file(classic(PixelRepresentation=0))))
        ds.file_meta.TransferSyntaxUID = syntax
        written = BytesIO()
        ds.save_as(written, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
        assert ("empty", "PixelRepresentation") not in faults(written.getvalue())


def test_a_file_that_names_another_object_than_it_has() -> None:
    ds = pydicom.dcmread(BytesIO(as_file(classic())))
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    written = BytesIO()
    ds.save_as(written)
    assert ("badUid", "MediaStorageSOPInstanceUID") in faults(written.getvalue())
    assert not {keyword for _, keyword in faults(as_file(classic()))} & {
        "TransferSyntaxUID", "MediaStorageSOPInstanceUID", "MediaStorageSOPClassUID",
    }  # fmt: skip


def test_a_file_without_file_meta_information() -> None:
    written = BytesIO()
    plain = pydicom.dcmread(BytesIO(as_file(classic())))
    pydicom.dcmwrite(written, pydicom.Dataset(plain), implicit_vr=True, little_endian=True)
    assert ("missing", "TransferSyntaxUID") in faults(written.getvalue())


def test_each_is_one_warning_and_there_are_not_endless_ones() -> None:
    assert len(header_faults(b"\0" * 128 + b"DICM")) <= MOST_WARNINGS
    assert len(header_faults(b"nothing of the kind")) <= MOST_WARNINGS


def test_real_images_have_no_faults_that_stop_anyone() -> None:
    """What is warned of real scans is what a validator says too: no wrong VR, no bad UID."""
    for path in dicom_files("openms_dicom/patient01")[:5]:
        assert {fault for fault, _ in faults(path.read_bytes())} <= {"missing"}
