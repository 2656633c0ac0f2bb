"""Makes an InstanceRecord of any stored instance: it has planes, or the reason why it has none."""

import hashlib
import logging
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO

import pydicom
from pydicom._uid_dict import UID_dictionary

from longitudinal.archive import Archive, Parents
from longitudinal.dicom.character_sets import CharacterSet, default_encoding
from longitudinal.dicom.file_tags import with_unicode
from longitudinal.dicom.header import Header, read_header
from longitudinal.dicom.planes.image_planes import ImagePlanes, read_planes
from longitudinal.dicom.reader_versions import reader_of
from longitudinal.dicom.registration.authorship import Equipment
from longitudinal.dicom.registration.spatial_registration import (
    Registration,
    RegistrationItem,
    read_registration,
)
from longitudinal.dicom.related.content import encode_content, read_content
from longitudinal.dicom.related.elements import opened
from longitudinal.dicom.sop_classes import REGISTRATIONS, REPORTS, names_others
from longitudinal.dicom.tags import Tags
from longitudinal.dicom.uids import series_frame
from longitudinal.ingest.reports import read_places
from longitudinal.reasons import RegistrationRefusal
from longitudinal.sidecar.tables.records import InstanceRecord, Notes, TransformRecord
from longitudinal.transforms.annotation import read_statement
from longitudinal.transforms.displacement_grid import DisplacementGrid
from longitudinal.transforms.grid_storage import LARGEST_EXACT_BYTES

LOGGER = logging.getLogger(__name__)


def read_record(orthanc_id: str, tags: Tags, archive: Archive) -> InstanceRecord:
    """Build the record of a stored instance from its tags.

    Parameters
    ----------
    orthanc_id
        The instance.
    tags
        Its tags in Orthanc's short form.
    archive
        Asked for the file of a registration object, and for parents if Orthanc's ids cannot be derived.

    Raises
    ------
    KeyError
        The archive was asked, and the instance is gone.
    """
    header = read_header(tags)
    found = read_planes(tags)
    transforms: tuple[TransformRecord, ...] = ()
    role = planes = reason = None
    detail = ""
    if isinstance(found, ImagePlanes):
        role, planes = str(found.role), found.planes.tobytes()
    else:
        reason, detail = str(found.reason), found.detail
        detail = "; ".join(why for why in (detail, _unknown_class(header.sop_class_uid)) if why)
    if header.sop_class_uid in REGISTRATIONS:
        transforms, refusal, why = _read_transforms(
            archive.file(orthanc_id),
            read_statement(archive.annotation(orthanc_id), archive.errors_at_place(orthanc_id)),
            default_encoding(archive.default_encoding()),
        )
        reason, detail = refusal or reason, why or detail
    places = read_places(orthanc_id, archive) if header.sop_class_uid in REPORTS else ()
    content = _read_content(orthanc_id, header.sop_class_uid, archive)
    parents = derive_parents(header, orthanc_id) or archive.parents(orthanc_id)
    # patients are Orthanc's, also where it cannot read their PatientID
    patient_id = header.patient_id if parents.patient_id is None else parents.patient_id
    return InstanceRecord(
        orthanc_id=orthanc_id,
        orthanc_series=parents.series,
        orthanc_study=parents.study,
        orthanc_patient=parents.patient,
        patient_id=patient_id or f"study:{header.study_instance_uid}",
        patient_name=header.patient_name,
        patient_birth_date=header.patient_birth_date,
        patient_sex=header.patient_sex,
        issuer_of_patient_id=header.issuer_of_patient_id,
        study_instance_uid=header.study_instance_uid,
        study_date=header.study_date,
        study_time=header.study_time,
        study_description=header.study_description,
        accession_number=header.accession_number,
        timezone_offset=header.timezone_offset,
        series_instance_uid=header.series_instance_uid,
        series_number=header.series_number,
        series_description=header.series_description,
        modality=header.modality,
        sop_instance_uid=header.sop_instance_uid,
        sop_class_uid=header.sop_class_uid,
        instance_number=header.instance_number,
        number_of_frames=header.number_of_frames or 1,
        image_type="\\".join(header.image_type),
        frame_of_reference_uid=_frame(header, found, parents.series),
        acquisition_date_time=header.acquisition_date_time,
        time_source=header.time_source,
        role=role,
        reason=reason,
        detail=detail,
        planes=planes,
        reader=reader_of(tags),
        transforms=transforms,
        places=places,
        content=content,
    )


def derive_parents(header: Header, orthanc_id: str) -> Parents | None:
    """Orthanc's ids of the patient, study and series, which are SHA-1 of the DICOM identifiers joined by "|".

    None if the same rule does not give the instance's own id (Orthanc normalised the identifiers).
    """
    above = (header.patient_id, header.study_instance_uid, header.series_instance_uid)
    if _orthanc_id("|".join((*above, header.sop_instance_uid))) != orthanc_id:
        return None
    return _parents(*above)


@lru_cache(maxsize=64)  # the instances of a series share them
def _parents(*uids: str) -> Parents:
    patient, study, series = (_orthanc_id("|".join(uids[: depth + 1])) for depth in range(len(uids)))
    return Parents(patient=patient, study=study, series=series)


def _orthanc_id(text: str) -> str:
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def _unknown_class(sop_class_uid: str) -> str:
    """The detail for a SOP class that is not in the standard; empty for one that is."""
    if sop_class_uid in UID_dictionary:
        return ""
    return f"SOP Class UID {sop_class_uid or '(none)'} is not in the DICOM standard; its content is not read"


def _frame(header: Header, found: object, series: str) -> str | None:
    """The frame the planes lie in: a series without FrameOfReferenceUID is a frame of its own."""
    if header.frame_of_reference_uid:
        return header.frame_of_reference_uid
    return series_frame(header.series_instance_uid, series) if isinstance(found, ImagePlanes) else None


def _read_transforms(
    file: bytes, notes: Mapping[int, Notes], default: CharacterSet
) -> tuple[tuple[TransformRecord, ...], str | None, str]:
    """The items of a registration object, and why none of them can be used."""
    try:
        registration = read_registration(with_unicode(pydicom.dcmread(BytesIO(file)), default))
    except (
        Exception
    ) as error:  # pydicom raises what it likes on a damaged file; the object stays stored all the same
        return (), str(RegistrationRefusal.NOT_A_REGISTRATION), f"the file cannot be read: {error}"
    # an item of the object's own frame is no transform, but its images may say that it lies elsewhere
    items = tuple(
        _transform_record(registration, item, notes.get(item.number, Notes()))
        for item in registration.items
        if not item.own_frame or item.referenced_sop_instance_uids
    )
    if registration.refusal is None and items and all(item.refusal for item in items):
        return items, items[0].refusal, "; ".join(f"item {item.item}: {item.detail}" for item in items)
    refusal = None if registration.refusal is None else str(registration.refusal)
    return items, refusal, registration.detail


def _read_content(orthanc_id: str, sop_class_uid: str, archive: Archive) -> bytes | None:
    """What an object that is there for others says; None for every other."""
    if not names_others(sop_class_uid):
        return None
    default = default_encoding(archive.default_encoding())
    stored = archive.stored_file(orthanc_id)
    if stored.path is None:
        return encode_content(read_content(archive.file(orthanc_id), sop_class_uid, default))
    try:
        with opened(stored.path) as data:
            return encode_content(read_content(data, sop_class_uid, default))
    except FileNotFoundError:  # deleted or overwritten meanwhile
        raise KeyError(orthanc_id) from None


def _largest_exact(registration: Registration) -> int:
    """A field made by the plugin has steps of 0.01 mm anyway; any other is kept unchanged if it is small."""
    return 0 if registration.manufacturer == Equipment().manufacturer else LARGEST_EXACT_BYTES


def _transform_record(registration: Registration, item: RegistrationItem, notes: Notes) -> TransformRecord:
    return TransformRecord(
        item=item.number,
        source_frame=item.frame_of_reference_uid,
        source_references=item.referenced_sop_instance_uids,
        target_frame=registration.frame_of_reference_uid,
        target_references=registration.referenced_sop_instance_uids,
        kind=item.method,
        matrix=None if item.matrix is None else item.matrix.astype("<f8").tobytes(),
        grid=None
        if item.field is None
        else DisplacementGrid(item.field).to_bytes(_largest_exact(registration)),
        refusal=None if item.refusal is None else str(item.refusal),
        detail=item.detail,
        origin="vendor",
        label=registration.content_label or "",
        created=registration.created,
        creator=registration.creator_name or "",
        maker=registration.manufacturer,
        notes=notes,
    )
