"""Who, what and when of one instance: what every object states about itself, image or not."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Literal

import msgspec
from msgspec.structs import replace

from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.alike import once_alike
from longitudinal.dicom.dates import plain_date, read_date, read_date_time, read_time, read_timezone
from longitudinal.dicom.tags import Tags, integer_if_valid, item, sequence, text, texts
from longitudinal.dicom.uids import frame_uid

TimeSource = Literal["acquisition", "content", "series", "study"]


class Header(msgspec.Struct, frozen=True):
    """What an instance states about its patient, study, series and itself.

    Strings are "" and numbers None if absent or malformed. Dates are YYYYMMDD, "" if they are not dates; times are as
    stored. A Frame of Reference UID that is not a UID names no frame and is "".

    Attributes
    ----------
    image_type : tuple of str
        ImageType (0008,0008), () where absent.
    number_of_frames : int or None
        NumberOfFrames (0028,0008); None if the object does not state it.
    acquisition_date_time : str or None
        ISO 8601, with offset if the object states one; only a date if no time is known.
    time_source : str or None
        Where it was found: acquisition, otherwise content, series, study.
    """

    patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    issuer_of_patient_id: str
    study_instance_uid: str
    study_date: str
    study_time: str
    study_description: str
    accession_number: str
    timezone_offset: str
    series_instance_uid: str
    series_number: int | None
    series_description: str
    modality: str
    series_date: str
    series_time: str
    laterality: str
    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None
    frame_of_reference_uid: str
    image_type: tuple[str, ...]
    number_of_frames: int | None
    acquisition_date_time: str | None
    time_source: TimeSource | None


def read_header(tags: Tags) -> Header:
    """Read the header of an instance; never raises because of its content."""
    moment, source = _find_time(tags)
    return replace(
        _shared(tags),
        sop_instance_uid=text(tags, tag.SOP_INSTANCE_UID),
        instance_number=integer_if_valid(tags, tag.INSTANCE_NUMBER),
        acquisition_date_time=moment,
        time_source=source,
    )


@once_alike
def _shared(tags: Tags) -> Header:
    """The header without what each slice of a series has of its own."""
    return Header(
        patient_id=text(tags, tag.PATIENT_ID),
        patient_name=text(tags, tag.PATIENT_NAME),
        patient_birth_date=plain_date(text(tags, tag.PATIENT_BIRTH_DATE)),
        patient_sex=text(tags, tag.PATIENT_SEX),
        issuer_of_patient_id=text(tags, tag.ISSUER_OF_PATIENT_ID),
        study_instance_uid=text(tags, tag.STUDY_INSTANCE_UID),
        study_date=plain_date(text(tags, tag.STUDY_DATE)),
        study_time=text(tags, tag.STUDY_TIME),
        study_description=text(tags, tag.STUDY_DESCRIPTION),
        accession_number=text(tags, tag.ACCESSION_NUMBER),
        timezone_offset=text(tags, tag.TIMEZONE_OFFSET_FROM_UTC),
        series_instance_uid=text(tags, tag.SERIES_INSTANCE_UID),
        series_number=integer_if_valid(tags, tag.SERIES_NUMBER),
        series_description=text(tags, tag.SERIES_DESCRIPTION),
        modality=text(tags, tag.MODALITY),
        series_date=plain_date(text(tags, tag.SERIES_DATE)),
        series_time=text(tags, tag.SERIES_TIME),
        laterality=text(tags, tag.IMAGE_LATERALITY) or text(tags, tag.LATERALITY),
        sop_instance_uid="",
        sop_class_uid=text(tags, tag.SOP_CLASS_UID),
        instance_number=None,
        frame_of_reference_uid=frame_uid(text(tags, tag.FRAME_OF_REFERENCE_UID)),
        image_type=texts(tags, tag.IMAGE_TYPE),
        number_of_frames=integer_if_valid(tags, tag.NUMBER_OF_FRAMES),
        acquisition_date_time=None,
        time_source=None,
    )


@once_alike
def acquisition_moment(tags: Tags) -> datetime | None:
    """Read when the pixels were acquired, to the second or better (PS3.3 C.7.6.1, C.7.6.16.2.2.1)."""
    zone = read_timezone(text(tags, tag.TIMEZONE_OFFSET_FROM_UTC))
    moment = read_date_time(text(tags, tag.ACQUISITION_DATE_TIME), zone)
    if moment:
        return moment
    day, clock = read_date(text(tags, tag.ACQUISITION_DATE)), read_time(text(tags, tag.ACQUISITION_TIME))
    return datetime.combine(day, clock, zone) if day and clock else None


def _find_time(tags: Tags) -> tuple[str | None, TimeSource | None]:
    """Find the first of acquisition, content, series and study time of which at least the date is valid."""
    zone = read_timezone(text(tags, tag.TIMEZONE_OFFSET_FROM_UTC))
    moment = acquisition_moment(tags) or _first_frame_moment(tags, zone)
    if moment:
        return moment.isoformat(), "acquisition"
    sources: tuple[tuple[TimeSource, str, str], ...] = (
        ("acquisition", tag.ACQUISITION_DATE, tag.ACQUISITION_TIME),
        ("content", tag.CONTENT_DATE, tag.CONTENT_TIME),
        ("series", tag.SERIES_DATE, tag.SERIES_TIME),
        ("study", tag.STUDY_DATE, tag.STUDY_TIME),
    )
    for source, date_key, time_key in sources:
        day, clock = read_date(text(tags, date_key)), read_time(text(tags, time_key))
        if day:
            found = datetime.combine(day, clock, zone).isoformat() if clock else day.isoformat()
            return found, source
    return None, None


def _first_frame_moment(tags: Tags, zone: timezone | None) -> datetime | None:
    """Read when the first frame was acquired; enhanced objects need not state it elsewhere."""
    for frame in sequence(tags, tag.PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)[:1]:
        content = item(frame, tag.FRAME_CONTENT_SEQUENCE)
        return read_date_time(text(content, tag.FRAME_ACQUISITION_DATE_TIME), zone)
    return None
