"""/exams: records of another system, and the images that belong to them."""

import re
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from longitudinal.errors import (
    Ambiguous,
    ArchiveFailed,
    Conflict,
    FieldError,
    ImageNotStored,
    InvalidRequest,
    NotFound,
    OtherPatient,
)
from longitudinal.exams.answer import (
    Exam,
    ExamImage,
    ExamImagePage,
    ExamPage,
    LinkAnswer,
    RemovedExam,
    RemovedImage,
)
from longitudinal.exams.description import Describer, deleted_images
from longitudinal.exams.exams import Exams, Given
from longitudinal.http.fields import Identifier, Limit, Offset
from longitudinal.http.parse import invalid
from longitudinal.http.router import Call, Route
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import patient_key_of

Text = Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]*$")]
Modality = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9_ ]{0,16}$", description="A DICOM code, as CT (CS).")]
AcquiredAt = Annotated[
    str,
    msgspec.Meta(max_length=40, description="A date or a date-time, ISO 8601: 2024-05-31T14:05:00+02:00."),
]
Url = Annotated[
    str,
    msgspec.Meta(
        max_length=2_000, description="An http or https address, or a path relative to the client's page."
    ),
]
_LEVELS = {"sop_instance_uid": "instances", "series_instance_uid": "series", "study_instance_uid": "studies"}
_WHAT = ("sopInstanceUid", "seriesInstanceUid", "studyInstanceUid")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")


class DeclareRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """What to declare of an exam; it replaces what was declared before."""

    patient_id: Identifier | None = None
    description: Text = ""


class DetailsRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """What the other system states of an image; it replaces what was stated before."""

    description: Text = ""
    modality: Modality | None = None
    acquired_at: AcquiredAt | None = None
    url: Url | None = None


class LinkRequest(DetailsRequest, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Exactly one of the three UIDs (or an Orthanc id in its place), and what the other system states of it."""

    sop_instance_uid: Identifier | None = None
    series_instance_uid: Identifier | None = None
    study_instance_uid: Identifier | None = None


class ExamQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which exams to list: all, or those of a patient (PatientID or Orthanc id)."""

    patient_id: Identifier | None = None
    limit: Limit = 100
    offset: Offset = 0


class ImageQuery(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Which page of an exam's images to list."""

    limit: Limit = 1_000
    offset: Offset = 0


def exam_routes(readers: Readers, exams: Exams, describe: Describer) -> list[Route]:
    """The routes of exams."""

    def listed(call: Call[ExamQuery, None]) -> ExamPage:
        query = call.query
        names = exams.names(_patient_key(readers, query.patient_id))
        page = names[query.offset : query.offset + query.limit]
        found = [state for name in page if (state := exams.state(name)) is not None]
        return ExamPage(len(names), query.limit, query.offset, [describe.exam(state) for state in found])

    def one(_: Call[None, None], exam: str) -> Exam:
        return describe.exam(exams.find(exam))

    def declare(call: Call[None, DeclareRequest], exam: str) -> Exam:
        asked = call.body
        return describe.exam(exams.declare(exam, asked.patient_id, asked.description, call.actor.name))

    def remove(_: Call[None, None], exam: str) -> RemovedExam:
        return RemovedExam(exam, exams.remove(exam))

    def images(call: Call[ImageQuery, None], exam: str) -> ExamImagePage:
        state, query = exams.find(exam), call.query
        page = [describe.image(link) for link in state.links[query.offset : query.offset + query.limit]]
        return ExamImagePage(
            exam, state.patient_id, len(state.links), query.limit, query.offset, page, deleted_images(state)
        )

    def link(call: Call[None, LinkRequest], exam: str) -> LinkAnswer:
        level, uid = _target(call.body)
        found, is_new = exams.link(exam, level, uid, _given(call.body), call.actor.name)
        return LinkAnswer(is_new, describe.image(found))

    def image(_: Call[None, None], exam: str, image: str) -> ExamImage:
        return describe.image(exams.link_of(exam, image))

    def change(call: Call[None, DetailsRequest], exam: str, image: str) -> ExamImage:
        return describe.image(exams.change(exam, image, _given(call.body)))

    def unlink(_: Call[None, None], exam: str, image: str) -> RemovedImage:
        exams.unlink(exam, image)
        return RemovedImage(exam, image)

    unknown, writes = (NotFound, InvalidRequest), (Conflict, ArchiveFailed)
    return [
        Route("GET", "/exams", listed, "Exams by name, page by page", ExamPage, query=ExamQuery,
              errors=(NotFound, Ambiguous), etag=True),
        Route("GET", "/exams/{exam}", one, "One exam, and the studies that belong to it", Exam, errors=unknown, etag=True),
        Route("PUT", "/exams/{exam}", declare, "Declare an exam of another system", Exam, body=DeclareRequest,
              errors=writes, calls_back=True),
        Route("DELETE", "/exams/{exam}", remove, "Remove an exam and its links; the images stay stored", RemovedExam,
              errors=(*unknown, *writes), calls_back=True),
        Route("GET", "/exams/{exam}/images", images, "The images of an exam, in the order they were linked",
              ExamImagePage, query=ImageQuery, errors=unknown, etag=True),
        Route("POST", "/exams/{exam}/images", link, "Link an image, a series or a study that is stored to an exam",
              LinkAnswer, body=LinkRequest, errors=(ImageNotStored, Ambiguous, OtherPatient, *writes), calls_back=True),
        Route("GET", "/exams/{exam}/images/{image}", image, "One image of an exam", ExamImage, errors=unknown),
        Route("PUT", "/exams/{exam}/images/{image}", change, "Change what is stated of an image of an exam", ExamImage,
              body=DetailsRequest, errors=(NotFound, *writes), calls_back=True),
        Route("DELETE", "/exams/{exam}/images/{image}", unlink, "Remove the link; the image itself stays stored",
              RemovedImage, errors=(*unknown, *writes), calls_back=True),
    ]  # fmt: skip


def _patient_key(readers: Readers, patient: str | None) -> int | None:
    if patient is None:
        return None
    key = patient_key_of(readers.connection(), patient)
    if key is None:
        raise NotFound(
            f"there is no patient {patient}", [FieldError("patientId", "unknown PatientID or Orthanc id")]
        )
    return key


def _target(asked: LinkRequest) -> tuple[str, str]:
    """The level and the UID of a request. Raises InvalidRequest."""
    given = [(level, uid) for name, level in _LEVELS.items() if (uid := getattr(asked, name)) is not None]
    if len(given) != 1:
        detail = f"give exactly one of {', '.join(_WHAT)}"
        raise invalid([FieldError(f"/{name}", detail) for name in _WHAT])
    return given[0]


def _given(asked: DetailsRequest) -> Given:
    """What is stated of an image. Raises InvalidRequest for a time or an address that is none."""
    errors = []
    if asked.acquired_at is not None and not _is_time(asked.acquired_at):
        errors.append(
            FieldError("/acquiredAt", "must be an ISO 8601 date or date-time, such as 2024-05-31T14:05:00")
        )
    if asked.url is not None and not is_safe_url(asked.url):
        errors.append(
            FieldError(
                "/url",
                "must be an http or https address without a login, or a relative path; no other scheme",
            )
        )
    if errors:
        raise invalid(errors)
    return Given(asked.description, asked.modality or "", asked.acquired_at or "", asked.url or "")


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None


def is_safe_url(url: str) -> bool:
    r"""Whether a browser that follows a link stays with http, https, or the client's own site.

    >>> [is_safe_url(each) for each in ("https://ris.example/7", "exams/7", "/7?a=b:c", "a.html#b:c")]
    [True, True, True, True]
    >>> [is_safe_url(each) for each in ("javascript:1", "//evil.example", "/\\evil.example", "http:evil", "j\tavascript:1")]
    [False, False, False, False, False]
    """
    if not url or _UNSAFE.search(url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme:
        return parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc
    is_relative = not parts.netloc and not url.startswith("//")
    return is_relative and ":" not in re.split("[/?#]", url, maxsplit=1)[0]
