"""What a request was about, as PatientID and StudyInstanceUID: asked of the index, and of Orthanc if it is not there yet."""

from collections.abc import Callable, Iterable

from longitudinal.access.audit.core_events import Name
from longitudinal.access.audit.requests import StudyNames
from longitudinal.access.core_paths import Named
from longitudinal.errors import LongitudinalError
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import names_of_studies, patient_id_of
from longitudinal.sight import StudyName, seeing

MOST_STUDIES = 50
"""Studies of one request that have an event each."""

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
        try:
            with seeing(None):
                return patient_id_of(self._readers.connection(), name) or name
        except LongitudinalError:
            return name

    def _studies(self, level: str, name: str, *, also_archive: bool) -> list[StudyNames]:
        try:
            with seeing(None):
                rows = names_of_studies(self._readers.connection(), level, name)
        except LongitudinalError:  # without an index Orthanc is asked
            rows = []
        if not rows and also_archive:
            rows = [(one.patient_id, one.study_instance_uid) for one in self._ask_archive(Named(level, name))]
        return [StudyNames(*row) for row in rows]
