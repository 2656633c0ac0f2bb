"""Which patient a path names: a PatientID is any text, and Orthanc does not hand on every text as it was written."""

from longitudinal.errors import Ambiguous, FieldError, NotFound
from longitudinal.patients.catalogue import Catalogue
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.browse import patients_written_as
from longitudinal.sidecar.tables.patients import patient_key_of, read_patient


def patient_of_path(readers: Readers, written: str, decoded: str) -> int | None:
    """The key of the patient that a path names; None where there is none.

    Parameters
    ----------
    written, decoded
        The name as it stands in the path, and decoded once more where it was encoded twice.

    Raises
    ------
    Ambiguous
        The path can be that of several patients: Orthanc drops dots at its end, and joins slashes.
    """
    connection = readers.connection()
    named = {key for name in (written, decoded) if (key := patient_key_of(connection, name)) is not None}
    found = named | patients_written_as(connection, decoded)
    if len(found) > 1:
        rows = [row for key in sorted(found) if (row := read_patient(connection, key)) is not None]
        listed = ", ".join(repr(row["patient_id"]) for row in rows)
        ids = [str(row["orthanc_id"]) for row in rows]
        raise Ambiguous(f"the path can name {listed}; name one by its Orthanc id", orthanc_ids=ids)
    return min(found, default=None)


def named_patient(readers: Readers, catalogue: Catalogue, written: str, decoded: str) -> PatientIndex:
    """The patient that a path names, in memory.

    Raises
    ------
    NotFound, Ambiguous
        No patient, or more than one, is called so.
    """
    key = patient_of_path(readers, written, decoded)
    index = None if key is None else catalogue.patient(key)
    if index is None:
        field = FieldError("patient", "unknown PatientID or Orthanc id")
        raise NotFound(f"there is no patient {decoded}", [field])
    return index
