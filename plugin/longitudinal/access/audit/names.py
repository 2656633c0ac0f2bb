"""What a request was about, as PatientID and StudyInstanceUID: asked of the index, and of Orthanc if it is not there yet."""

import time
from collections.abc import Callable, Iterable

from longitudinal.access.audit.core_events import Name
from longitudinal.access.audit.requests import StudyNames
from longitudinal.access.core_paths import Named
from longitudinal.errors import LongitudinalError
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import names_of_studies, patient_id_of
from longitudinal.sight import StudyName, seeing
from longitudinal.touched import Level

MOST_STUDIES = 50
"""Studies of one request that have an event each."""

_SECONDS, _MOST_KNOWN = 30.0, 100_000

AskArchive = Callable[[Named], Iterable[StudyName]]


class Names:
    """Finds the studies of names; for the thread of the audit.

    Parameters
    ----------
    ask_archive
        Which studies hold a resource, asked of Orthanc.
    """

    def __init__(self, readers: Readers, ask_archive: AskArchive) -> None:
        self._readers = readers
        self._ask_archive = ask_archive
        self._known: dict[Name, tuple[list[StudyNames], float]] = {}
        self._patients: dict[str, tuple[str, float]] = {}

    def of(self, touched: Iterable[Name], *, also_archive: bool = True) -> tuple[StudyNames, ...]:
        """One entry for each study; one without a study for a patient of whom no single study is named."""
        studies = dict[StudyNames, None]()
        patients = dict[str, None]()
        for level, name in touched:
            if level == "patients":
                patients[self._patient(name)] = None
            else:
                studies |= dict.fromkeys(self._studies(level, name, also_archive=also_archive))
        named = {study.patient_id for study in studies}
        alone = [StudyNames(patient) for patient in patients if patient not in named]
        return (*list(studies)[:MOST_STUDIES], *alone[:MOST_STUDIES])

    def _patient(self, name: str) -> str:
        """The PatientID of a patient by either name; the name itself of one that is not in the index."""
        known, at = self._patients.get(name, ("", 0.0))
        now = time.monotonic()
        if known and now - at < _SECONDS:
            return known
        try:
            with seeing(None):
                found = patient_id_of(self._readers.connection(), name)
        except LongitudinalError:
            found = None
        if found:
            if len(self._patients) >= _MOST_KNOWN:
                self._patients.clear()
            self._patients[name] = found, now
        return found or name

    def _studies(self, level: Level, name: str, *, also_archive: bool) -> list[StudyNames]:
        """Remembered for a while: which study holds an instance does not change, and a UID rarely comes to name a second."""
        known, at = self._known.get((level, name), ([], 0.0))
        now = time.monotonic()
        if known and now - at < _SECONDS:
            return known
        found = self._look_up(level, name, also_archive=also_archive)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[level, name] = found, now
        return found

    def _look_up(self, level: Level, name: str, *, also_archive: bool) -> list[StudyNames]:
        try:
            with seeing(None):
                rows = names_of_studies(self._readers.connection(), level, name)
        except LongitudinalError:  # without an index Orthanc is asked
            rows = []
        if not rows and also_archive:
            rows = [(one.patient_id, one.study_instance_uid) for one in self._ask_archive(Named(level, name))]
        return [StudyNames(*row) for row in rows]
