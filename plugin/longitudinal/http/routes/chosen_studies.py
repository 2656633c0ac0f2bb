"""Studies that a body names: some by StudyInstanceUID or Orthanc id, or all of a patient."""

from collections.abc import Sequence

from longitudinal.errors import Ambiguous, FieldError, InvalidRequest, NotFound
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.patients import patient_key_of, read_studies
from longitudinal.sidecar.tables.studies import FoundStudy, find_studies


def chosen_studies(
    readers: Readers, study_instance_uids: Sequence[str] | None, patient_id: str | None
) -> list[FoundStudy]:
    """The studies of a request's `studyInstanceUids` or `patientId`.

    Raises
    ------
    InvalidRequest
        Both are given, or neither.
    NotFound, Ambiguous
        Every study that is unknown is named.
    """
    if (study_instance_uids is None) == (patient_id is None):
        detail = "give either studyInstanceUids or patientId"
        raise InvalidRequest(
            detail, [FieldError("/studyInstanceUids", detail), FieldError("/patientId", detail)]
        )
    if patient_id is not None:
        return _of_patient(readers, patient_id)
    return _by_uids(readers, study_instance_uids or [])


def chosen_study(readers: Readers, study: str) -> FoundStudy:
    """One study by StudyInstanceUID or Orthanc id. Raises NotFound, Ambiguous."""
    found = find_studies(readers.connection(), study)
    if not found:
        raise NotFound(f"there is no study {study}")
    if len(found) > 1:
        raise Ambiguous(
            f"study {study} is stored {len(found)} times", orthanc_ids=[x.orthanc_id for x in found]
        )
    return found[0]


def _by_uids(readers: Readers, uids: Sequence[str]) -> list[FoundStudy]:
    found, missing = [], []
    for number, uid in enumerate(uids):
        try:
            found.append(chosen_study(readers, uid))
        except NotFound as error:
            missing.append(FieldError(f"/studyInstanceUids/{number}", error.detail))
    if missing:
        raise NotFound("; ".join(f"{error.field}: {error.detail}" for error in missing), missing)
    return found


def _of_patient(readers: Readers, patient: str) -> list[FoundStudy]:
    connection = readers.connection()
    key = patient_key_of(connection, patient)
    if key is None:
        detail = f"there is no patient {patient}"
        raise NotFound(detail, [FieldError("/patientId", detail)])
    return [
        FoundStudy(row["orthanc_id"], row["study_date"] or "", int(row["patient_key"]))
        for row in read_studies(connection, key)
    ]
