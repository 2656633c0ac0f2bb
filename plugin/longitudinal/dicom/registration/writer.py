"""Registration objects made by the plugin: the form of a transform in the archive.

One object has one transform. Its Frame of Reference is the target's (the earlier study), item 1 is the
identity of that frame, item 2 the transform, and it is stored in the source's study (the later one). It is
read back like any other object: the API returns what is stored, rounding included.
"""

import io
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pydicom
from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VR
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    DeformableSpatialRegistrationStorage,
    ExplicitVRLittleEndian,
    SpatialRegistrationStorage,
)
from pydicom.valuerep import PersonName, format_number_as_ds

from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.dicom.dates import read_timezone
from longitudinal.dicom.header import read_header
from longitudinal.dicom.object_uids import object_uid
from longitudinal.dicom.registration.authorship import Authorship, RegistrationType
from longitudinal.dicom.registration.displacement_field import DisplacementField
from longitudinal.dicom.registration.matrix import text, value_of
from longitudinal.dicom.registration.references import list_references, reference_images
from longitudinal.dicom.registration.registered_frame import RegisteredFrame
from longitudinal.geometry import affine

WRITTEN_RIGID_TOLERANCE = 1e-4
"""A matrix further from a rotation than this is written as AFFINE: other readers refuse it as RIGID."""

SERIES_NUMBER = 9000
"""After the scanner's own series in every list; a DICOMDIR needs a number."""

NO_DATE = datetime(1900, 1, 1)
"""Of content that was made from images without any date."""

_PATIENT_AND_STUDY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
"""Type 1 and 2 of the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1): written even when empty."""

_PATIENT_AND_STUDY_OPTIONAL = (
    "IssuerOfPatientID",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "StudyDescription",
)
"""Copied when the reference has them: the issuer is part of who the patient is."""


def write_registration(
    transform: affine.Matrix | DisplacementField,
    *,
    source: RegisteredFrame,
    target: RegisteredFrame,
    reference: Dataset,
    authorship: Authorship,
    uid_root: str | None = None,
    entropy: Sequence[str] | None = None,
) -> Dataset:
    """Write a transform as a Spatial or Deformable Spatial Registration object.

    Parameters
    ----------
    transform
        (4, 4) *target from source*, mm; or a field, which maps the other way: *source from target*.
    source, target
        The later and the earlier study's frame.
    reference
        Any instance of the study to store the object in: patient and study come from it.
    uid_root
        Root for new UIDs; 2.25 when None.
    entropy
        The same entropy yields the same object when it is written twice; random UIDs if None.

    Returns
    -------
    Dataset
        Complete with file meta information, Explicit VR Little Endian, ISO_IR 192.

    Raises
    ------
    ValueError
        The frames are the same, or the matrix is not a usable point map.
    """
    if source.frame == target.frame:
        raise ValueError("source and target are the same frame")
    deformable = isinstance(transform, DisplacementField)
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = DeformableSpatialRegistrationStorage if deformable else SpatialRegistrationStorage
    _copy_patient_and_study(dataset, reference)
    dataset.SOPInstanceUID = object_uid(uid_root, entropy)
    dataset.SeriesInstanceUID = object_uid(uid_root, entropy, "series")
    _describe(dataset, authorship)
    _date(dataset, authorship.created, reference)
    dataset.FrameOfReferenceUID = _frame_uid(target, uid_root)
    dataset.PositionReferenceIndicator = ""
    if isinstance(transform, DisplacementField):
        dataset.DeformableRegistrationSequence = DicomSequence(
            [
                _deformable_item(None, target, uid_root, RegistrationType.IDENTITY),
                _deformable_item(transform, source, uid_root, authorship.registration_type),
            ]
        )
    else:
        dataset.RegistrationSequence = DicomSequence(
            [
                _matrix_item(np.eye(4), target, RegistrationType.IDENTITY),
                _matrix_item(transform, source, authorship.registration_type),
            ]
        )
    list_references(dataset, [*target.images, *source.images])
    dataset.file_meta = _file_meta(dataset)
    return dataset


def file_bytes(dataset: Dataset) -> bytes:
    """A written object as a DICOM file, ready to be stored."""
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _copy_patient_and_study(dataset: Dataset, reference: Dataset) -> None:
    """Copy unchanged: a value that violates its VR must not prevent the object."""
    for keyword in (*_PATIENT_AND_STUDY, *_PATIENT_AND_STUDY_OPTIONAL):
        value = value_of(reference, keyword)
        if value is None and keyword in _PATIENT_AND_STUDY_OPTIONAL:
            continue
        representation = dictionary_VR(keyword)
        copied = PersonName(str(value or "")) if representation == "PN" else value
        dataset[keyword] = DataElement(keyword, representation, copied or "", validation_mode=config.IGNORE)


def _date(dataset: Dataset, created: datetime | None, reference: Dataset) -> None:
    """When it was made (PS3.3 C.12.1, C.7.3.1, table 10-12), or of which time its content is (Content Date is type 1)."""
    timezone_offset = text(reference, "TimezoneOffsetFromUTC")
    zone = read_timezone(timezone_offset or "")
    prefixes = ("Content",) if created is None else ("InstanceCreation", "Series", "Content")
    moment = _time_of(reference) if created is None else created
    if zone is not None:
        dataset.TimezoneOffsetFromUTC = timezone_offset
        # a time of the reference without an offset of its own is in its zone
        moment = (
            moment.replace(tzinfo=zone) if created is None and not moment.tzinfo else moment.astimezone(zone)
        )
    for prefix in prefixes:
        setattr(dataset, f"{prefix}Date", moment.strftime("%Y%m%d"))
        setattr(dataset, f"{prefix}Time", moment.strftime("%H%M%S.%f"))


def _time_of(reference: Dataset) -> datetime:
    """When an image was acquired, or what it states instead."""
    stated = read_header(tags_from_dataset(reference)).acquisition_date_time
    return NO_DATE if stated is None else datetime.fromisoformat(stated)


def _describe(dataset: Dataset, authorship: Authorship) -> None:
    """Series, equipment and content identification (PS3.3 C.20.1, C.7.5.2, table 10-12)."""
    dataset.Modality = "REG"
    dataset.SeriesNumber = SERIES_NUMBER
    dataset.Laterality = ""  # type 2C: it is unknown whether the body part is paired
    dataset.SeriesDescription = authorship.content_description
    equipment = authorship.equipment
    dataset.Manufacturer = equipment.manufacturer
    dataset.ManufacturerModelName = equipment.model_name
    dataset.DeviceSerialNumber = equipment.device_serial_number
    dataset.SoftwareVersions = equipment.software_versions
    dataset.InstanceNumber = 1
    dataset.ContentLabel = authorship.content_label
    dataset.ContentDescription = authorship.content_description
    dataset.ContentCreatorName = authorship.creator_name


def _matrix_item(
    matrix: affine.Matrix, frame: RegisteredFrame, registration_type: RegistrationType | None
) -> Dataset:
    """An item of the Registration Sequence (PS3.3 C.20.2)."""
    registration = Dataset()
    registration.MatrixSequence = DicomSequence([_matrix(matrix)])
    registration.RegistrationTypeCodeSequence = _code(registration_type)
    item = Dataset()
    if frame.has_uid:
        item.FrameOfReferenceUID = frame.frame
    reference_images(item, frame)
    item.MatrixRegistrationSequence = DicomSequence([registration])
    return item


def _deformable_item(
    displacements: DisplacementField | None,
    frame: RegisteredFrame,
    uid_root: str | None,
    registration_type: RegistrationType | None,
) -> Dataset:
    """An item of the Deformable Registration Sequence (PS3.3 C.20.3), without a grid for the identity.

    Source Frame of Reference UID is type 1 here: a frame without a UID gets a new one beside its images.
    """
    item = Dataset()
    item.SourceFrameOfReferenceUID = _frame_uid(frame, uid_root)
    reference_images(item, frame)
    item.RegistrationTypeCodeSequence = _code(registration_type)
    if displacements is not None:
        if not affine.is_identity(displacements.pre, tolerance=0):
            item.PreDeformationMatrixRegistrationSequence = DicomSequence([_matrix(displacements.pre)])
        if not affine.is_identity(displacements.post, tolerance=0):
            item.PostDeformationMatrixRegistrationSequence = DicomSequence([_matrix(displacements.post)])
        item.DeformableRegistrationGridSequence = DicomSequence([_grid(displacements)])
    return item


def _grid(displacements: DisplacementField) -> Dataset:
    grid = Dataset()
    grid.ImagePositionPatient = _decimal_strings(displacements.position)
    grid.ImageOrientationPatient = _decimal_strings(displacements.orientation)
    grid.GridDimensions = [int(count) for count in displacements.dimensions]
    grid.GridResolution = [float(step) for step in displacements.resolution]
    grid.VectorGridData = displacements.vectors.astype("<f4").tobytes()
    return grid


def _matrix(matrix: affine.Matrix) -> Dataset:
    """An item with a Frame of Reference Transformation Matrix, row-major (PS3.3 C.20.2.1.1)."""
    fault = affine.find_fault(np.asarray(matrix, dtype=np.float64))
    if fault is not None:
        raise ValueError(f"the matrix is not a usable point map: {fault}")
    item = Dataset()
    rigid = affine.is_rigid(matrix, WRITTEN_RIGID_TOLERANCE)
    item.FrameOfReferenceTransformationMatrixType = "RIGID" if rigid else "AFFINE"
    values = np.array(matrix, dtype=np.float64)
    values[3] = (0, 0, 0, 1)
    item.FrameOfReferenceTransformationMatrix = _decimal_strings(values.ravel())
    return item


def _decimal_strings(values: affine.Points) -> list[str]:
    """At most 16 characters each (PS3.5 6.2): 13 decimals below one, 11 below a hundred mm."""
    return [format_number_as_ds(float(value) + 0.0) for value in values]


def _code(registration_type: RegistrationType | None) -> DicomSequence:
    if registration_type is None:
        return DicomSequence()
    item = Dataset()
    item.CodeValue, item.CodeMeaning = registration_type.value
    item.CodingSchemeDesignator = "DCM"
    return DicomSequence([item])


def _frame_uid(frame: RegisteredFrame, uid_root: str | None) -> str:
    """The frame's UID; for a frame without one, always the same new one, which names an RCS that no image has."""
    return frame.frame if frame.has_uid else object_uid(uid_root, [frame.frame], "frame")


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta
