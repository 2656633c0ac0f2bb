"""The image that a report is about: what the report copies of its header."""

from io import BytesIO

import pydicom
from pydicom import Dataset

from longitudinal.dicom.character_sets import CharacterSet
from longitudinal.dicom.dataset_tags import with_unicode
from longitudinal.dicom.registration.writer import file_bytes

# What a report copies from an image, or refers to it by.
_COPIED = ["SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientName",
           "PatientID", "PatientBirthDate", "PatientSex", "IssuerOfPatientID", "PatientIdentityRemoved",
           "DeidentificationMethod", "StudyDate", "StudyTime", "StudyDescription", "StudyID", "AccessionNumber",
           "ReferringPhysicianName", "TimezoneOffsetFromUTC", "NumberOfFrames", "FrameOfReferenceUID"]  # fmt: skip
_EVIDENCE = "CurrentRequestedProcedureEvidenceSequence"


def read_reference(source: str | BytesIO, default: CharacterSet) -> Dataset:
    """The header of an image. Raises FileNotFoundError."""
    return _read(source, default, _COPIED)


def read_reported_reference(source: str | BytesIO, default: CharacterSet) -> Dataset:
    """The same of the image that a report of the plugin is about, from the report. Raises FileNotFoundError."""
    reference = _read(source, default, [*_COPIED, _EVIDENCE])
    series = reference.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    image = series.ReferencedSOPSequence[0]
    reference.SeriesInstanceUID = series.SeriesInstanceUID
    reference.SOPClassUID, reference.SOPInstanceUID = (
        image.ReferencedSOPClassUID,
        image.ReferencedSOPInstanceUID,
    )
    del reference.CurrentRequestedProcedureEvidenceSequence
    return reference


def _read(source: str | BytesIO, default: CharacterSet, names: list[str]) -> Dataset:
    read = pydicom.dcmread(source, stop_before_pixels=True, specific_tags=[*names])
    reference = with_unicode(read, default)
    reference.SpecificCharacterSet = "ISO_IR 192"
    return reference


def reference_bytes(reference: Dataset) -> bytes:
    """The header of an image as a DICOM file."""
    header = Dataset()
    for element in reference:
        header[element.tag] = element
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = reference.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = reference.SOPInstanceUID
    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    return file_bytes(header)
