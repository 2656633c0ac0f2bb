"""PUT and POST /uploads: files from people, one outcome each.

Orthanc takes a POST of multipart/form-data apart itself, hands each part to us as a request of its own, throws our answers
away and answers 200 with nothing. A PUT it leaves whole. So forms are PUT; a part of one that was POSTed is stored all the
same; if it is refused, the host lets the whole request fail, as the client gets no other sign.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Literal

import msgspec

from longitudinal.access.roles import Need
from longitudinal.archive import ArchiveReceiver, Receipt
from longitudinal.dicom import tag_names as tag
from longitudinal.dicom.dates import dashed_date
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.header import Header, read_header
from longitudinal.dicom.header_fault import Fault
from longitudinal.dicom.named_study import NamedStudy, read_named_study
from longitudinal.dicom.nesting import is_too_deep
from longitudinal.dicom.tags import Tags
from longitudinal.dicom.whole_library import load_pydicom
from longitudinal.errors import (
    ArchiveFailed,
    BodyTooLarge,
    FieldError,
    MalformedBody,
    Unprocessable,
    UnsupportedMediaType,
)
from longitudinal.http.exchange import Request
from longitudinal.http.measures import Measures
from longitudinal.http.multipart import FORM, file_name, media_type, split_multipart
from longitudinal.http.router import Call, Route
from longitudinal.http.stated_patient import NOT_STATED, StatedPatient
from longitudinal.reasons import UploadRefusal
from longitudinal.sight import StudyName, current_sight
from longitudinal.touched import touch

if TYPE_CHECKING:
    from longitudinal.http.received_files import ReceivedFile

LOGGER = logging.getLogger(__name__)
_MULTIPART = (FORM, "multipart/mixed", "multipart/related")
_SINGLE = ("application/dicom", "application/zip", "application/x-zip-compressed", "application/octet-stream")
# The SOP Class of a DICOMDIR in its file meta information (PS3.10 8.1), which ends well before this.
_MEDIA_STORAGE_DIRECTORY = b"1.2.840.10008.1.3.10"
_FILE_META = 1024
_MIB = 1024 * 1024
_LONGEST_COUNT = 9
_NOT_COMPARED = "it cannot be read, so the patient that the form states cannot be compared with it"


class HeaderWarning(msgspec.Struct, rename="camel", frozen=True):
    """Where the header of a file breaks the standard; the file is stored all the same. `tag` is as 0020,000D."""

    fault: Fault
    tag: str
    keyword: str
    detail: str


class UploadedFile(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """What became of one file; `name` is as it was sent, in a zip with the path in it, "" where it had none.

    `stored`, `alreadyStored`: the ids and what the object says of itself, `frameCount` 0 where it has no pixels.
    `duplicateOf` names the file of the same upload that has the same SOP Instance UID, if there is one.
    `refused`: `reason` is a code, `detail` says more.
    """

    name: str
    status: Literal["stored", "alreadyStored", "refused"]
    orthanc_instance_id: str = ""
    orthanc_series_id: str = ""
    orthanc_study_id: str = ""
    orthanc_patient_id: str = ""
    patient_id: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    modality: str = ""
    frame_count: int | None = None
    acquisition_date_time: str | None = None
    study_date: str = ""
    rows: int | None = None
    columns: int | None = None
    size_bytes: int = 0
    duplicate_of: str | None = None
    warnings: list[HeaderWarning] = []
    reason: UploadRefusal | None = None
    detail: str = ""


class UploadAnswer(msgspec.Struct, rename="camel", frozen=True):
    """Every file that was sent, in the order it was sent, how many had which outcome, and how many have warnings."""

    stored: int
    already_stored: int
    refused: int
    with_warnings: int
    size_bytes: int
    files: list[UploadedFile]


def upload_routes(archive: ArchiveReceiver, max_upload_mib: int, measures: Measures) -> list[Route]:
    """The routes that take files."""

    def upload(call: Call[None, bytes]) -> UploadAnswer:
        stated, received = _received(call.request, max_upload_mib * _MIB)
        files = _with_duplicates([_store(archive, file, stated) for file in received])
        if call.request.is_form_part and any(file.status == "refused" for file in files):
            raise _form_refused(files)
        counts = Counter(file.status for file in files)
        measures.count("upload_files_stored_total", counts["stored"])
        measures.count("upload_files_already_stored_total", counts["alreadyStored"])
        measures.count("upload_files_refused_total", counts["refused"])
        measures.count("upload_bytes_total", sum(file.size_bytes for file in files))
        return UploadAnswer(
            counts["stored"], counts["alreadyStored"], counts["refused"], sum(bool(file.warnings) for file in files),
            sum(file.size_bytes for file in files), files,
        )  # fmt: skip

    errors = (MalformedBody, BodyTooLarge, UnsupportedMediaType)
    return [
        Route(
            "PUT", "/uploads", upload, "Store files: a form with many, one DICOM file, or a zip", UploadAnswer,
            takes=(*_MULTIPART, *_SINGLE), errors=errors, calls_back=True, need=Need.UPLOAD,
        ),
        Route(
            "POST", "/uploads", upload, "The same without forms, which Orthanc answers itself, with nothing", UploadAnswer,
            takes=_SINGLE, errors=errors, takes_forms=True, calls_back=True, need=Need.UPLOAD,
        ),
    ]  # fmt: skip


def _received(request: Request, max_bytes: int) -> tuple[StatedPatient, "Iterator[ReceivedFile]"]:
    """What the form states of the patient, and the files, one after another; it is refused as a whole before the first one.

    Raises
    ------
    MalformedBody, UnsupportedMediaType, BodyTooLarge
        The last for too many parts.
    """
    from longitudinal.http.received_files import MAX_FILES, Allowance, unpack  # late: with `zipfile`

    allowance = Allowance(max_bytes)
    content_type = request.headers.get("content-type", "")
    kind = media_type(content_type)
    if request.is_form_part:
        name = file_name(request.headers["content-disposition"])
        return NOT_STATED, unpack(name, request.body, allowance)
    if kind in _SINGLE:
        if not request.body:
            raise MalformedBody("the body is empty; send a DICOM file or a zip")
        return NOT_STATED, unpack("", request.body, allowance)
    if kind not in _MULTIPART:
        raise UnsupportedMediaType(
            f"{kind or 'a body without Content-Type'} is not accepted; send {', '.join((*_MULTIPART, *_SINGLE))}"
        )
    stated = StatedPatient.read(split_multipart(content_type, request.body, MAX_FILES))
    parts = (
        part
        for part in split_multipart(content_type, request.body, MAX_FILES)
        if not StatedPatient.takes(part)
    )
    first = next(parts, None)
    if first is None:
        raise MalformedBody("the body has no file")
    return stated, (
        file for part in chain([first], parts) for file in unpack(part.name, part.content, allowance)
    )


def _store(archive: ArchiveReceiver, file: "ReceivedFile", stated: StatedPatient) -> UploadedFile:
    return msgspec.structs.replace(_outcome(archive, file, stated), size_bytes=len(file.content))


def _outcome(archive: ArchiveReceiver, file: "ReceivedFile", stated: StatedPatient) -> UploadedFile:
    if file.refusal is not None:
        return _refused(file.name, file.refusal, file.detail)
    if _MEDIA_STORAGE_DIRECTORY in file.content[:_FILE_META]:
        return _refused(file.name, UploadRefusal.DICOMDIR)
    if is_too_deep(file.content):
        return _refused(file.name, UploadRefusal.TOO_DEEP)
    study = None if current_sight() is None else read_named_study(file.content)
    if not _may_add(study):
        return _refused(file.name, UploadRefusal.NOT_ALLOWED)
    if stated and (difference := stated.differs(file.content)) != "":
        if (
            difference is None
        ):  # Orthanc might read it all the same, and nobody would have checked whose it is
            return _refused(file.name, UploadRefusal.NOT_DICOM, _NOT_COMPARED)
        return _refused(file.name, UploadRefusal.OTHER_PATIENT, difference)
    try:
        receipt = archive.receive(file.content)
    except ArchiveFailed as error:
        return _refused(file.name, UploadRefusal.ARCHIVE_FAILED, error.detail)
    if receipt.outcome == "notDicom":
        return _refused(file.name, UploadRefusal.NOT_DICOM, receipt.detail)
    if receipt.outcome == "refused" or receipt.parents is None:
        return _refused(file.name, UploadRefusal.REFUSED_BY_ARCHIVE, receipt.detail)
    if (
        study is not None and receipt.parents.study != study.orthanc_id
    ):  # Orthanc reads another name in it than we do
        _withdraw(archive, receipt)
        return _refused(file.name, UploadRefusal.NOT_ALLOWED)
    touch("studies", receipt.parents.study)
    header, has_pixels, size = _header(file.content)
    return UploadedFile(
        name=file.name,
        status="stored" if receipt.outcome == "stored" else "alreadyStored",
        orthanc_instance_id=receipt.orthanc_id,
        orthanc_series_id=receipt.parents.series,
        orthanc_study_id=receipt.parents.study,
        orthanc_patient_id=receipt.parents.patient,
        patient_id=header.patient_id,
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        sop_instance_uid=header.sop_instance_uid,
        modality=header.modality,
        frame_count=(header.number_of_frames or 1) if has_pixels else 0,
        acquisition_date_time=header.acquisition_date_time,
        study_date=dashed_date(header.study_date or ""),
        rows=size[0],
        columns=size[1],
        warnings=_warnings(file.content),
    )


def _may_add(study: NamedStudy | None) -> bool:
    """Whether the caller may store an object of a study; who may see everything may, others only what can be read."""
    sight = current_sight()
    if sight is None or study is None:
        return sight is None
    patient = study.patient_id or f"study:{study.study_instance_uid}"
    return sight.may_add(StudyName(study.orthanc_id, patient, study.study_instance_uid), study.institution)


def _withdraw(archive: ArchiveReceiver, receipt: Receipt) -> None:
    LOGGER.error(
        "Instance %s was stored for another study than its file named, by %s",
        receipt.orthanc_id,
        receipt.outcome,
    )
    if receipt.outcome == "stored":
        archive.delete(receipt.orthanc_id)


def _with_duplicates(files: list[UploadedFile]) -> list[UploadedFile]:
    """Those that an earlier one of the same upload made duplicates name it."""
    first: dict[str, str] = {}
    named: list[UploadedFile] = []
    for file in files:
        earlier = first.get(file.orthanc_instance_id)
        is_again = file.orthanc_instance_id != "" and earlier is not None
        named.append(msgspec.structs.replace(file, duplicate_of=earlier) if is_again else file)
        first.setdefault(file.orthanc_instance_id, file.name)
    return named


def _header(content: bytes) -> tuple[Header, bool, tuple[int | None, int | None]]:
    """What an object that is stored says of itself, whether it has pixels, and rows and columns."""
    try:
        tags = read_file_tags(content)
    except Exception:  # Orthanc stores objects that pydicom cannot read
        LOGGER.warning("An object that was stored cannot be read", exc_info=True)
        tags = {}
    return (
        read_header(tags),
        tag.ROWS in tags and tag.COLUMNS in tags,
        (_count(tags, tag.ROWS), _count(tags, tag.COLUMNS)),
    )


def _warnings(content: bytes) -> list[HeaderWarning]:
    load_pydicom()
    from longitudinal.dicom.conformance import header_faults  # late: a start does not need pydicom

    return [HeaderWarning(one.fault, one.tag, one.keyword, one.detail) for one in header_faults(content)]


def _count(tags: Tags, name: str) -> int | None:
    text = str(tags.get(name, "")).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_COUNT else None


def _refused(name: str, refusal: UploadRefusal, detail: str = "") -> UploadedFile:
    return UploadedFile(name, "refused", reason=refusal, detail=detail or refusal.explanation)


def _form_refused(files: list[UploadedFile]) -> Unprocessable:
    errors = [
        FieldError(file.name, f"{file.reason}: {file.detail}") for file in files if file.status == "refused"
    ]
    return Unprocessable("; ".join(f"{error.field}: {error.detail}" for error in errors), errors)
