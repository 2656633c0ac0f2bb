"""GET /dicom-web/...: searches of DICOMweb (QIDO-RS, PS3.18 10.6) that find only what the caller may see.

The DICOMweb plugin searches, among the studies that the caller may see; what it finds is checked once more. Its answers
cannot be trimmed in their place: a filter of requests lets in or refuses.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from longitudinal.dicom.keywords import attribute_of, tag_of
from longitudinal.errors import Ambiguous, ArchiveFailed, FieldError, Forbidden, InvalidRequest, NotFound
from longitudinal.http.exchange import Response
from longitudinal.http.router import Call, Route
from longitudinal.patients.study_lookup import StudyLookup
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.browse import studies_by_uid
from longitudinal.sight import current_sight, seeing

Found = dict[str, Any]
Search = Callable[[str, Sequence[tuple[str, str]]], list[Found]]
"""Asks the DICOMweb plugin: path below its root and arguments. Raises ArchiveFailed where it does not answer."""

_DICOM_JSON = "application/dicom+json"
_STUDY_UID, _SERIES_UID, _PATIENT_ID, _RETRIEVE_URL = "0020000D", "0020000E", "00100020", "00081190"
_OF_STUDY = frozenset({"studyinstanceuid", _STUDY_UID.lower()})
_OF_SERIES = frozenset({"seriesinstanceuid", _SERIES_UID.lower()})
_PAGING = frozenset({"limit", "offset"})
# An address of so many UIDs has less than 8 KB.
_AT_ONCE = 100
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


class _Studies:
    """What the caller may see: for each StudyInstanceUID its PatientIDs."""

    def __init__(self, readers: Readers) -> None:
        self.visible = studies_by_uid(readers.connection())
        with seeing(None):
            everything = studies_by_uid(readers.connection(), self.visible)
        self._is_whole = {uid for uid, patients in self.visible.items() if everything.get(uid) == patients}

    def has(self, one: Mapping[str, Any]) -> bool:
        """Whether a result is of a study that is seen; without a PatientID in it, of one that no other patient has."""
        uid, patient = _value(one, _STUDY_UID), _value(one, _PATIENT_ID)
        if uid in self._is_whole:
            return True
        return patient is not None and (patient or f"study:{uid}") in self.visible.get(uid or "", ())


def dicom_web_routes(readers: Readers, lookup: StudyLookup, search: Search | None) -> list[Route]:
    """The routes; `search` is None where there is no DICOMweb plugin."""

    def among_all(level: str) -> Callable[[Call[None, None]], Response]:
        def found(call: Call[None, None]) -> Response:
            return _answer(
                _search_all(readers, _asked(search), level, call.request.query), call.request.query
            )

        return found

    def within(call: Call[None, None], path: str, study: str, is_series: bool) -> Response:
        _check_uids(study)
        lookup.find(study)
        names = _OF_STUDY | (_OF_SERIES if is_series else frozenset())
        arguments = [
            (name, value) for name, value in _checked(call.request.query) if _plain(name) not in names
        ]
        studies = _Studies(readers) if current_sight() is not None else None
        found = _asked(search)(path, [pair for pair in arguments if pair[0] not in _PAGING])
        return _answer([one for one in found if studies is None or studies.has(one)], call.request.query)

    def series(call: Call[None, None], study: str) -> Response:
        return within(call, f"/studies/{study}/series", study, False)

    def instances(call: Call[None, None], study: str) -> Response:
        return within(call, f"/studies/{study}/instances", study, False)

    def instances_of_series(call: Call[None, None], study: str, series: str) -> Response:
        _check_uids(series)
        return within(call, f"/studies/{study}/series/{series}/instances", study, True)

    errors = (InvalidRequest, ArchiveFailed)
    return [
        *(
            Route("GET", f"/dicom-web/{level}", among_all(level), f"Search {level} (QIDO-RS)", _DICOM_JSON, errors=errors)
            for level in ("studies", "series", "instances")
        ),
        Route(
            "GET", "/dicom-web/studies/{study}/series", series, "Search the series of a study (QIDO-RS)", _DICOM_JSON,
            errors=(NotFound, *errors, Ambiguous),
        ),
        Route(
            "GET", "/dicom-web/studies/{study}/instances", instances, "Search the instances of a study (QIDO-RS)",
            _DICOM_JSON, errors=(NotFound, *errors, Ambiguous),
        ),
        Route(
            "GET", "/dicom-web/studies/{study}/series/{series}/instances", instances_of_series,
            "Search the instances of a series (QIDO-RS)", _DICOM_JSON, errors=(NotFound, *errors, Ambiguous),
        ),
    ]  # fmt: skip


def _asked(search: Search | None) -> Search:
    if search is None:
        raise ArchiveFailed("there is no DICOMweb plugin here")
    return search


def _search_all(readers: Readers, search: Search, level: str, query: Mapping[str, str]) -> list[Found]:
    arguments = [(name, value) for name, value in _checked(query) if name not in _PAGING]
    if current_sight() is None:
        return search(f"/{level}", arguments)
    studies, wanted = _Studies(readers), set[str]()
    for name, value in arguments:
        if _plain(name) in _OF_STUDY:
            wanted.update(value.replace("\\", ",").split(","))
    others = [(name, value) for name, value in arguments if _plain(name) not in _OF_STUDY]
    if level != "studies":
        others.append(
            ("includefield", _PATIENT_ID)
        )  # which tells apart two patients with one StudyInstanceUID
    uids = sorted(uid for uid in studies.visible if not wanted or uid in wanted)
    found = [
        one
        for start in range(0, len(uids), _AT_ONCE)
        for one in search(
            f"/{level}", [*others, ("StudyInstanceUID", ",".join(uids[start : start + _AT_ONCE]))]
        )
    ]
    return [one for one in found if studies.has(one)]


def _checked(query: Mapping[str, str]) -> list[tuple[str, str]]:
    """The arguments. Raises Forbidden where one asks for what is hidden: whether it matches would tell its value."""
    sight = current_sight()
    hidden = frozenset() if sight is None else sight.hides
    for name in query:
        if attribute_of(name) & hidden:
            raise Forbidden(f"{name} cannot be searched for: your role does not see it")
    return list(query.items())


def _answer(found: Sequence[Found], query: Mapping[str, str]) -> Response:
    """One page; the address to retrieve from is left out, as Orthanc does not know under which name it was asked."""
    offset, limit = (_number(query, name) for name in ("offset", "limit"))
    page = found[offset or 0 :][: limit if limit else None]
    sight = current_sight()
    hidden = {_RETRIEVE_URL, *(tag_of(keyword) for keyword in (() if sight is None else sight.hides))}
    shown = [{tag: value for tag, value in one.items() if tag not in hidden} for one in page]
    return Response(json.dumps(shown).encode(), content_type=_DICOM_JSON)


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidRequest(
            f"{name} must be a whole number from 0", [FieldError(name, "must be a whole number from 0")]
        )
    return int(text)


def _plain(name: str) -> str:
    return name.lower().replace(",", "").strip()


def _value(one: Mapping[str, Any], tag: str) -> str | None:
    """A value as text, "" where the attribute is empty; None where it is not there."""
    attribute = one.get(tag)
    if not isinstance(attribute, dict):
        return None
    values = attribute.get("Value") or [""]
    return str(values[0])


def _check_uids(*uids: str) -> None:
    if not all(_UID.fullmatch(uid) for uid in uids):
        raise NotFound("a path of DICOMweb names studies and series by their UIDs")
