"""Makes records of the places that a stored structured report states."""

from io import BytesIO

import msgspec
import pydicom

from longitudinal.archive import Archive
from longitudinal.dicom.character_sets import CharacterSet, default_encoding
from longitudinal.dicom.dataset_tags import with_unicode
from longitudinal.dicom.reports.group import Report, ReportedGroup
from longitudinal.dicom.reports.reader import LARGEST_REPORT, MOST_GROUPS, TooManyGroups, read_report
from longitudinal.reasons import PlaceFault
from longitudinal.sidecar.tables.records import PlaceRecord

_LONGEST_DETAIL = 500
# Most reports are text: those without the value type of coordinates (SCOORD, SCOORD3D) are not parsed.
_COORDINATES = b"SCOORD"
_DEFLATED, _HEAD = b"1.2.840.10008.1.2.1.99", 1024


def read_places(orthanc_id: str, archive: Archive) -> tuple[PlaceRecord, ...]:
    """The places that a report states; one record, of number 0, with the reason if it cannot be read.

    Raises
    ------
    KeyError
        The instance is gone.
    """
    size = archive.stored_file(orthanc_id).size
    if size > LARGEST_REPORT:
        return (_unread(PlaceFault.REPORT_TOO_LARGE, f"the file has {size} bytes"),)
    file = archive.file(orthanc_id)
    if _COORDINATES not in file and _DEFLATED not in file[:_HEAD]:
        return ()
    try:
        report = _read(file, default_encoding(archive.default_encoding()))
    except TooManyGroups:
        return (_unread(PlaceFault.REPORT_TOO_LARGE, f"it has more than {MOST_GROUPS} groups"),)
    except (
        Exception
    ) as error:  # pydicom raises any exception on a damaged file; the object stays stored all the same
        return (_unread(PlaceFault.UNREADABLE_REPORT, f"{type(error).__name__}: {error}"[:_LONGEST_DETAIL]),)
    return tuple(_record(report, group) for group in report.groups)


def _read(file: bytes, default: CharacterSet) -> Report:
    return read_report(with_unicode(pydicom.dcmread(BytesIO(file)), default))


def _record(report: Report, group: ReportedGroup) -> PlaceRecord:
    return PlaceRecord(
        number=group.number,
        tracking_uid=group.tracking_uid,
        name=group.name,
        label=group.label,
        kind=group.kind,
        frame=group.frame_of_reference_uid,
        image_uid=group.image_uid,
        frame_number=group.frame_number,
        evidence_uid=report.evidence_uid,
        lines=msgspec.json.encode(group.lines).decode(),
        mapping=None if group.mapping is None else msgspec.json.encode(group.mapping).decode(),
        creator=report.observer,
        created=report.written_at,
        maker=report.manufacturer,
        is_own=report.is_own,
        instance_number=report.instance_number,
        refusal=None if group.refusal is None else str(group.refusal),
        detail=group.detail,
    )


def _unread(fault: PlaceFault, detail: str) -> PlaceRecord:
    return PlaceRecord(
        number=0, tracking_uid=None, name="", label="", kind="point", frame=None, image_uid=None, frame_number=1,
        evidence_uid=None, lines="[]", mapping=None, creator="", created=None, maker="", is_own=False, instance_number=1,
        refusal=str(fault), detail=detail,
    )  # fmt: skip
