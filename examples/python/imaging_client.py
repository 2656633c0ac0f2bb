"""A small client of orthanc-longitudinal: standard library only, one file to copy. Not for primary diagnosis.

    from imaging_client import Client

    pacs = Client("http://localhost:8042", "anna", "password")
    upload = pacs.upload([Path("slice.dcm")], patient_id="P1")
    pacs.link("RIS-17", upload.files[0].sop_instance_uid)
    for match in pacs.resolve(upload.files[0].sop_instance_uid, row=100, column=120).matches:
        print(match.study_date, match.row, match.column, match.grade, match.uncertainty_mm)

What can succeed later (503, 429, an image that has not arrived yet) is asked again after the time that the server names.
Whoever shows a match shows its `grade`; `uncertainty_mm` None means "not measured", never 0.
"""

import base64
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import GenericAlias, UnionType
from typing import Any, TypeVar, get_args, get_type_hints
from urllib.parse import quote, urlencode, urlsplit

T = TypeVar("T")
Json = dict[str, Any]
_RETRIED = frozenset({"busy", "rateLimited", "tooManyJobs", "imageNotStored", "sidecarUnavailable"})
_LEAST_WAIT, _SECONDS = 0.5, 60.0


class Problem(Exception):
    """An error of the server (RFC 9457). `code` is for programs, `detail` for people, `request_id` for the log."""

    def __init__(self, status: int, body: Json) -> None:
        self.status = status
        self.code = str(body.get("code", ""))
        self.detail = str(body.get("detail", ""))
        self.request_id = str(body.get("requestId", ""))
        self.fields = {str(one["field"]): str(one["detail"]) for one in body.get("errors", [])}
        super().__init__(f"{status} {self.code}: {self.detail}")


@dataclass(frozen=True)
class Study:
    """A study in a list; dates are YYYY-MM-DD, "" if unknown."""

    study_instance_uid: str
    orthanc_study_id: str
    patient_id: str
    study_date: str
    study_description: str
    modalities: list[str]


@dataclass(frozen=True)
class Warned:
    """Where the header of a file breaks the standard."""

    fault: str
    keyword: str
    detail: str


@dataclass(frozen=True)
class UploadedFile:
    """What became of one file: stored, alreadyStored or refused (with a reason)."""

    name: str
    status: str
    sop_instance_uid: str = ""
    study_instance_uid: str = ""
    orthanc_instance_id: str = ""
    modality: str = ""
    frame_count: int | None = None
    acquisition_date_time: str | None = None
    duplicate_of: str | None = None
    reason: str | None = None
    detail: str = ""
    warnings: list[Warned] = field(default_factory=list)


@dataclass(frozen=True)
class Upload:
    """Every file that was sent."""

    stored: int
    already_stored: int
    refused: int
    files: list[UploadedFile]


@dataclass(frozen=True)
class ExamImage:
    """An image of an exam."""

    id: str
    exam: str
    study_instance_uid: str
    sop_instance_uid: str | None
    orthanc_instance_id: str | None
    modality: str
    acquisition_date_time: str | None
    description: str
    is_stored: bool


@dataclass(frozen=True)
class Match:
    """The place in one study. `row` and `column` are 0-based, the centre of the first pixel is (0, 0); LPS, mm."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    orthanc_instance_id: str
    is_source: bool
    frame_number: int
    row: float
    column: float
    distance_mm: float
    study_date: str
    modality: str
    grade: str
    uncertainty_mm: float | None
    uncertainty_source: str
    reviewed: bool


@dataclass(frozen=True)
class Unresolved:
    """A study without a match, and why."""

    study_instance_uid: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Answer:
    """Every study of the patient that passes the filters is in one of the two."""

    matches: list[Match]
    unresolved: list[Unresolved]


class Client:
    """One server, one user.

    Parameters
    ----------
    token
        A bearer token, where the server takes one, in place of user and password.
    patience
        Seconds for which what may succeed later is asked again.
    """

    def __init__(
        self, url: str, user: str = "", password: str = "", *, token: str | None = None, root: str = "/imaging",
        patience: float = 30.0,
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url} is not an http or https address")
        self._url = url.rstrip("/") + root
        basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._login = basic if token is None else f"Bearer {token}"
        self._patience = patience

    def studies(self, patient_id: str | None = None, *, limit: int = 100) -> list[Study]:
        """Studies, newest first."""
        query: dict[str, str | int] = {"limit": limit}
        if patient_id is not None:
            query["patientId"] = patient_id
        return _list(Study, self._ask("GET", f"/studies?{urlencode(query)}")["studies"])

    def upload(
        self, files: Sequence[Path], *, patient_id: str | None = None, patient_name: str | None = None
    ) -> Upload:
        """Store files or zips. A file of another patient than the one stated is refused; nothing is overwritten."""
        stated = {"patientID": patient_id, "patientName": patient_name}
        boundary = uuid.uuid4().hex
        parts = [_part(boundary, name, value.encode()) for name, value in stated.items() if value is not None]
        parts += [_part(boundary, "file", path.read_bytes(), path.name) for path in files]
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        return _read(Upload, self._ask("PUT", "/uploads", body, f"multipart/form-data; boundary={boundary}"))

    def link(self, exam: str, sop_instance_uid: str, **details: str) -> ExamImage:
        """Link a stored image to an exam; the same link twice is one. Details: description, modality, acquiredAt, url."""
        body = {"sopInstanceUid": sop_instance_uid, **details}
        answer = self._ask("POST", f"/exams/{quote(exam, safe='')}/images", body)
        return _read(ExamImage, answer["image"])

    def images_of(self, exam: str) -> list[ExamImage]:
        """The images of an exam, in the order they were linked."""
        return _list(ExamImage, self._ask("GET", f"/exams/{quote(exam, safe='')}/images")["images"])

    def resolve(
        self, sop_instance_uid: str, row: float, column: float, *, frame: int = 1, **filters: Any
    ) -> Answer:
        """Where is this pixel in every other study? Filters: modalities, from, to, exams, per ..."""
        body = {
            "sopInstanceUid": sop_instance_uid,
            "frameNumber": frame,
            "row": row,
            "column": column,
            **filters,
        }
        return _read(Answer, self._ask("POST", "/points/resolve", body))

    def picture(self, orthanc_instance_id: str) -> bytes:
        """A PNG of an instance."""
        return self._send("GET", f"/instances/{quote(orthanc_instance_id, safe='')}/preview", None, "")

    def _ask(
        self, method: str, path: str, body: Json | bytes | None = None, kind: str = "application/json"
    ) -> Json:
        sent = json.dumps(body).encode() if isinstance(body, dict) else body
        until = time.monotonic() + self._patience
        while True:
            try:
                answer: Json = json.loads(self._send(method, path, sent, kind))
                return answer
            except urllib.error.HTTPError as error:
                problem = _problem(error)
                wait = max(_LEAST_WAIT, float(error.headers.get("Retry-After") or 0))
                if problem.code not in _RETRIED or time.monotonic() + wait > until:
                    raise problem from None
                time.sleep(wait)

    def _send(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        headers = {"Authorization": self._login, **({"Content-Type": kind} if body is not None else {})}
        request = urllib.request.Request(self._url + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            content: bytes = answer.read()
            return content


def _problem(error: urllib.error.HTTPError) -> Problem:
    try:
        body = json.loads(error.read())
    except ValueError:  # Orthanc's or a proxy's own page
        body = {}
    return Problem(error.code, body if isinstance(body, dict) else {})


def _part(boundary: str, name: str, content: bytes, file: str | None = None) -> bytes:
    named = "" if file is None else '; filename="' + file.replace('"', "%22") + '"'
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def _list(kind: type[T], values: Sequence[Json]) -> list[T]:
    return [_read(kind, value) for value in values]


def _read(kind: type[T], value: Mapping[str, Any]) -> T:
    """A dataclass from an answer: camelCase names, and fields that a newer server has are left out."""
    hints, found = get_type_hints(kind), {}
    for one in fields(kind):  # type: ignore[arg-type]
        name = _camel(one.name)
        if name in value:
            found[one.name] = _convert(hints[one.name], value[name])
    return kind(**found)


def _convert(hint: Any, value: Any) -> Any:
    if isinstance(hint, GenericAlias) and isinstance(value, list):
        (inner,) = get_args(hint)
        return [_convert(inner, each) for each in value]
    if isinstance(hint, UnionType) or not isinstance(value, dict):
        return value
    return _read(hint, value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
