"""The one look-up of a study by what a request calls it: a StudyInstanceUID or an Orthanc id."""

from collections.abc import Sequence

from longitudinal.errors import Ambiguous, FieldError, InvalidRequest, NotFound
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex, StudyEntry
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import patient_key_of, read_studies
from longitudinal.sidecar.tables.studies import FoundStudy, find_studies
from longitudinal.touched import touch


class StudyLookup:
    """Finds studies in the sidecar, and their patients in memory."""

    def __init__(self, readers: Readers, catalogue: Catalogue) -> None:
        self._readers = readers
        self._catalogue = catalogue

    def find(self, study: str, field: str = "study") -> FoundStudy:
        """One study.

        Parameters
        ----------
        field
            What names it in the request, for the problem.

        Raises
        ------
        NotFound
            There is no such study.
        Ambiguous
            The UID is stored under two patients; the Orthanc ids are named.
        """
        found = find_studies(self._readers.connection(), study)
        if not found:
            raise _unknown(study, field)
        if len(found) > 1:
            raise Ambiguous(
                f"StudyInstanceUID {study} is stored {len(found)} times; name one by its Orthanc id",
                orthanc_ids=[each.orthanc_id for each in found],
            )
        touch("studies", found[0].orthanc_id)
        return found[0]

    def entry(self, study: str, field: str = "study") -> tuple[PatientIndex, StudyEntry]:
        """The same study with its patient, as they are in memory. Raises as `find`."""
        found = self.find(study, field)
        index = self._catalogue.patient(found.patient_key)
        for entry in () if index is None else index.studies:
            if index is not None and entry.orthanc_id == found.orthanc_id:
                return index, entry
        raise _unknown(study, field)

    def chosen(self, study_instance_uids: Sequence[str] | None, patient_id: str | None) -> list[FoundStudy]:
        """The studies of a body's `studyInstanceUids`, or all of its `patientId`.

        Raises
        ------
        InvalidRequest
            Both are given, or neither.
        NotFound, Ambiguous
            Every study that is unknown is named.
        """
        if (study_instance_uids is None) == (patient_id is None):
            detail = "give either studyInstanceUids or patientId"
            fields = [FieldError("/studyInstanceUids", detail), FieldError("/patientId", detail)]
            raise InvalidRequest(detail, fields)
        if patient_id is not None:
            return self._of_patient(patient_id)
        return self._each_of(study_instance_uids or [])

    def _each_of(self, uids: Sequence[str]) -> list[FoundStudy]:
        found, missing = [], []
        for number, uid in enumerate(uids):
            try:
                found.append(self.find(uid))
            except NotFound as error:
                missing.append(FieldError(f"/studyInstanceUids/{number}", error.detail))
        if missing:
            raise NotFound("; ".join(f"{error.field}: {error.detail}" for error in missing), missing)
        return found

    def _of_patient(self, patient: str) -> list[FoundStudy]:
        connection = self._readers.connection()
        key = patient_key_of(connection, patient)
        if key is None:
            detail = f"there is no patient {patient}"
            raise NotFound(detail, [FieldError("/patientId", detail)])
        touch("patients", patient)
        return [
            FoundStudy(row["orthanc_id"], row["study_date"] or "", int(row["patient_key"]))
            for row in read_studies(connection, key)
        ]


def _unknown(study: str, field: str) -> NotFound:
    return NotFound(
        f"there is no study {study}", [FieldError(field, "unknown StudyInstanceUID or Orthanc id")]
    )
