"""The archive of record, read in Orthanc's own process."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import orthanc

from longitudinal.archive import GRANTS, SHARES, Parents, StoredFile, is_unchanged
from longitudinal.host.listed_files import ATTACHMENT, ListedFiles
from longitudinal.host.plain_storage import PlainStorage


class _Instance(msgspec.Struct, frozen=True):
    """What Orthanc says of an instance and its file in the list of a series; the size is that of the instance itself."""

    ID: str
    FileUuid: str
    FileSize: int


# Not strict: some versions write sizes as texts.
_INSTANCES = msgspec.json.Decoder(list[_Instance], strict=False)


class OrthancArchive:
    """Implements `longitudinal.archive.Archive` with in-process reads.

    Parameters
    ----------
    metadata
        The number of the user metadata that `annotation` is kept in; that of `attempts` is the next one, that of
        `errors_at_place` the one after.
    storage
        The folder that Orthanc itself stores files in.
    """

    def __init__(self, metadata: int, storage: PlainStorage) -> None:
        self._metadata = metadata
        self._storage = storage
        self._listed = ListedFiles(storage.path)

    def has_instance(self, orthanc_id: str, file: str | None = None) -> bool:
        """Whether the instance is stored. Its reception date is the cheapest thing to ask Orthanc for: 17 us."""
        if file is not None and self._storage.holds(file):
            return True
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

    def stored_file(self, orthanc_id: str) -> StoredFile:
        """Where the file is: Orthanc's own storage has it under its UUID, in two levels of folders."""
        return _if_unchanged(self._listed.one(orthanc_id))

    def listed_files(self, orthanc_ids: Sequence[str]) -> Iterator[StoredFile | None]:
        """One question a series from Orthanc 1.12.5 on, one an instance before."""
        return self._listed.many(orthanc_ids)

    def version(self, orthanc_id: str, file: str | None = None) -> str:
        """The UUID of its file: Orthanc never uses one twice."""
        if file is not None and self._storage.holds(file):
            return file
        try:
            return ATTACHMENT.decode(
                orthanc.RestApiGet(f"/instances/{orthanc_id}/attachments/dicom/info")
            ).Uuid
        except orthanc.OrthancException:
            raise KeyError(orthanc_id) from None

    def stored_files(self, series: str) -> Mapping[str, StoredFile]:
        """One call for a whole series; a file that is compressed has another size than the instance."""
        try:
            found = _INSTANCES.decode(orthanc.RestApiGet(f"/series/{series}/instances"))
        except orthanc.OrthancException:
            return {}
        path = self._storage.path
        return {one.ID: _if_unchanged(StoredFile(one.FileSize, path(one.FileUuid))) for one in found}

    def has_file(self, orthanc_id: str, stored: StoredFile) -> bool:
        """Whether an instance still has this file, which Orthanc removes before it answers a delete."""
        return self.has_instance(orthanc_id) if stored.name is None else self._storage.has_all((stored.name,))

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

    def grants(self, level: str, resource: str) -> str | None:
        """Who may see a patient or a study beyond what the settings say."""
        return _text(f"/{level}/{resource}/metadata/{self._metadata + GRANTS}")

    def shares(self, level: str, resource: str) -> str | None:
        """The links to a patient or a study."""
        return _text(f"/{level}/{resource}/metadata/{self._metadata + SHARES}")

    def exams(self, level: str, orthanc_id: str) -> str | None:
        """The number after that of errors at a place."""
        return _text(f"/{level}/{orthanc_id}/metadata/{self._metadata + 3}")


class BelievedArchive(OrthancArchive):
    """The same archive with only those annotations that count.

    Parameters
    ----------
    believed
        What counts of the annotation of an instance.
    """

    def __init__(self, metadata: int, storage: PlainStorage, believed: Callable[[str], str | None]) -> None:
        super().__init__(metadata, storage)
        self._believed = believed

    def annotation(self, orthanc_id: str) -> str | None:
        """The statements about a registration object that are signed."""
        return self._believed(orthanc_id)


def _if_unchanged(listed: StoredFile) -> StoredFile:
    """Without a path unless a file of this size lies there."""
    return listed if is_unchanged(listed.path, listed.size) else StoredFile(listed.size, None)


def _text(path: str) -> str | None:
    try:
        return bytes(orthanc.RestApiGet(path)).decode("utf-8", "replace")
    except orthanc.OrthancException:
        return None
