"""The archive of record, read in Orthanc's own process."""

import json

import orthanc

from longitudinal.archive import Parents


class OrthancArchive:
    """Implements `longitudinal.archive.Archive` with in-process reads.

    Parameters
    ----------
    metadata
        The number of the user metadata that `annotation` is kept in; that of `attempts` is the next one, that of
        `errors_at_place` the one after.
    """

    def __init__(self, metadata: int) -> None:
        self._metadata = metadata

    def has_instance(self, orthanc_id: str) -> bool:
        """Whether the instance is stored. Its reception date is the cheapest thing to ask for: 17 us."""
        try:
            orthanc.RestApiGet(f"/instances/{orthanc_id}/metadata/ReceptionDate")
        except orthanc.OrthancException:
            return self.has("instances", orthanc_id)
        return True

    def has(self, level: str, orthanc_id: str) -> bool:
        """Whether a resource of a level is stored."""
        try:
            orthanc.RestApiGet(f"/{level}/{orthanc_id}")
        except orthanc.OrthancException:
            return False
        return True

    def file(self, orthanc_id: str) -> bytes:
        """The DICOM file of an instance."""
        try:
            return bytes(orthanc.GetDicomForInstance(orthanc_id))
        except orthanc.OrthancException:
            raise KeyError(orthanc_id) from None

    def parents(self, orthanc_id: str) -> Parents:
        """The resources above an instance."""
        try:
            patient, study, series = (
                json.loads(orthanc.RestApiGet(f"/instances/{orthanc_id}/{level}"))
                for level in ("patient", "study", "series")
            )
        except orthanc.OrthancException:
            raise KeyError(orthanc_id) from None
        patient_id = patient["MainDicomTags"].get("PatientID", "")
        return Parents(patient["ID"], study["ID"], series["ID"], patient_id)

    def annotation(self, orthanc_id: str) -> str | None:
        """The user metadata of ours, by its number: a name would have to be registered in the configuration."""
        return _text(f"/instances/{orthanc_id}/metadata/{self._metadata}")

    def errors_at_place(self, orthanc_id: str) -> str | None:
        """A number of its own: an annotation is read for every answer, this only when it has changed."""
        return _text(f"/instances/{orthanc_id}/metadata/{self._metadata + 2}")

    def default_encoding(self) -> str:
        """Orthanc's setting DefaultEncoding, which can be changed while it runs."""
        return bytes(orthanc.RestApiGet("/tools/default-encoding")).decode()

    def attempts(self, study: str) -> str | None:
        """The same of a study."""
        return _text(f"/studies/{study}/metadata/{self._metadata + 1}")


def _text(path: str) -> str | None:
    try:
        return bytes(orthanc.RestApiGet(path)).decode("utf-8", "replace")
    except orthanc.OrthancException:
        return None
