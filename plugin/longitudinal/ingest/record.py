"""Makes an InstanceRecord of any stored instance: it has planes, or the reason why it has none.

Images need no pydicom; it is imported for the first object that does.
"""

from __future__ import annotations

import hashlib
import logging
from functools import lru_cache

from longitudinal.archive import Archive, Parents
from longitudinal.dicom.character_sets import default_encoding
from longitudinal.dicom.header import Header, read_header
from longitudinal.dicom.planes.image_planes import ImagePlanes, read_planes
from longitudinal.dicom.reader_versions import reader_of
from longitudinal.dicom.related.content import encode_content, read_content
from longitudinal.dicom.related.elements import opened
from longitudinal.dicom.sop_classes import REGISTRATIONS, REPORTS, names_others
from longitudinal.dicom.tags import Tags
from longitudinal.dicom.uids import series_frame
from longitudinal.dicom.whole_library import load_pydicom
from longitudinal.sidecar.tables.records import InstanceRecord, PlaceRecord, TransformRecord
from longitudinal.transforms.annotation import read_statement

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
        load_pydicom()
        from longitudinal.ingest.registrations import read_transforms

        transforms, refusal, why = read_transforms(
            archive.file(orthanc_id),
            read_statement(archive.annotation(orthanc_id), archive.errors_at_place(orthanc_id)),
            default_encoding(archive.default_encoding()),
        )
        reason, detail = refusal or reason, why or detail
    places: tuple[PlaceRecord, ...] = ()
    if header.sop_class_uid in REPORTS:
        load_pydicom()
        from longitudinal.ingest.reports import read_places

        places = read_places(orthanc_id, archive)
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
    load_pydicom()
    from pydicom._uid_dict import UID_dictionary

    if sop_class_uid in UID_dictionary:
        return ""
    return f"SOP Class UID {sop_class_uid or '(none)'} is not in the DICOM standard; its content is not read"


def _frame(header: Header, found: object, series: str) -> str | None:
    """The frame the planes lie in: a series without FrameOfReferenceUID is a frame of its own."""
    if header.frame_of_reference_uid:
        return header.frame_of_reference_uid
    return series_frame(header.series_instance_uid, series) if isinstance(found, ImagePlanes) else None


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
