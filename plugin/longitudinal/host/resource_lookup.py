"""What a request names, asked of Orthanc in its own process: which study holds a resource, and what rules ask of a study.

The relation of a resource to its study never changes, as Orthanc's ids are digests of both; so it is remembered. A UID can
come to name a second resource; that is looked up again after a moment.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import orthanc

from longitudinal.access.core_paths import Named
from longitudinal.access.policy import StudyFacts
from longitudinal.sight import StudyName

T = TypeVar("T")

_MOST_IDS = 200_000
_MOST_UIDS = 20_000
_MOST_FACTS = 50_000
_UID_SECONDS = 2.0
_FACTS_SECONDS = 5.0
_TYPES = {"patients": "Patient", "studies": "Study", "series": "Series", "instances": "Instance"}
_ID_LENGTH = 44


class ResourceLookup:
    """Answers from memory, or by one in-process read; from any thread."""

    def __init__(self) -> None:
        self._ids: _Recent[StudyName] = _Recent(_MOST_IDS, None)
        self._uids: _Recent[tuple[str, ...]] = _Recent(_MOST_UIDS, _UID_SECONDS)
        self._facts: _Recent[StudyFacts] = _Recent(_MOST_FACTS, _FACTS_SECONDS)

    def studies_of(self, named: Named) -> tuple[StudyName, ...]:
        """The studies that hold what is called so; those of a patient, all of theirs."""
        if len(named.name) == _ID_LENGTH and "-" in named.name:
            return self._of_id(named.level, named.name)
        key = f"{named.level} {named.name}"
        ids = self._uids.get(key, lambda: _lookup(named))
        found = {study: None for each in ids or () for study in self._of_id(named.level, each)}
        return tuple(found)

    def facts_of(self, study: str) -> StudyFacts | None:
        """Institution and labels of a study, no older than some seconds."""
        return self._facts.get(study, lambda: _facts(study))

    def _of_id(self, level: str, orthanc_id: str) -> tuple[StudyName, ...]:
        if level == "patients":
            patient = _get(f"/patients/{orthanc_id}") or {}
            return tuple(
                name for study in patient.get("Studies", ()) for name in self._of_id("studies", study)
            )
        path = f"/studies/{orthanc_id}" if level == "studies" else f"/{level}/{orthanc_id}/study"
        found = self._ids.get(f"{level} {orthanc_id}", lambda: _name(_get(path)))
        return () if found is None else (found,)


class _Recent(Generic[T]):
    """What was found, by key, for so many seconds at most (None: for good); what was not found is not remembered."""

    def __init__(self, most: int, seconds: float | None) -> None:
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._found: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def get(self, key: str, find: Callable[[], T | None]) -> T | None:
        now = time.monotonic()
        with self._lock:
            known = self._found.get(key)
        if known is not None and (self._seconds is None or now - known[0] < self._seconds):
            return known[1]
        found = find()
        with self._lock:
            if found is None:
                self._found.pop(key, None)
            else:
                self._found[key] = (now, found)
                self._found.move_to_end(key)
                while len(self._found) > self._most:
                    self._found.popitem(last=False)
        return found


def _get(path: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(orthanc.RestApiGet(path))
    except orthanc.OrthancException:
        return None
    return found


def _name(study: dict[str, Any] | None) -> StudyName | None:
    if study is None:
        return None
    uid = study["MainDicomTags"].get("StudyInstanceUID", "")
    patient = study.get("PatientMainDicomTags", {}).get("PatientID", "")
    return StudyName(study["ID"], patient or f"study:{uid}", uid)


def _lookup(named: Named) -> tuple[str, ...] | None:
    try:
        found = json.loads(orthanc.RestApiPost("/tools/lookup", named.name.encode()))
    except orthanc.OrthancException:
        return None
    return tuple(one["ID"] for one in found if one["Type"] == _TYPES[named.level]) or None


def _facts(orthanc_id: str) -> StudyFacts | None:
    study = _get(f"/studies/{orthanc_id}")
    if study is None:
        return None
    return StudyFacts(study["MainDicomTags"].get("InstitutionName", ""), frozenset(study.get("Labels", ())))
