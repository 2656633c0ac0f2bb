"""What the plugin asks of the archive (Orthanc) it runs in, as protocols; `host` implements them.

All reads here run in Orthanc's own process and take microseconds, `file` excepted.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

GRANTS = 8
"""The grants of a patient or a study are in the user metadata MetadataBase + 8."""
SHARES = 9
"""The shares of a patient or a study are in the user metadata MetadataBase + 9."""


class Parents(msgspec.Struct, frozen=True):
    """The Orthanc identifiers above one instance.

    `patient_id` is PatientID (0010,0020) as Orthanc reads it, which may be another text than the file's; None where nobody
    asked.
    """

    patient: str
    study: str
    series: str
    patient_id: str | None = None


class StoredFile(msgspec.Struct, frozen=True):
    """The file of one instance as the archive keeps it.

    `size` is in bytes. `path` is where it lies unchanged in the file system; None where only the archive can read it
    (compressed, or in a storage of another kind).
    """

    size: int
    path: str | None

    @property
    def name(self) -> str | None:
        """The name of the file, which no other one ever gets; None without a path."""
        return None if self.path is None else self.path.rpartition("/")[2]


def is_unchanged(path: str | None, size: int) -> bool:
    """Whether a file of this size lies at a path: not one that was compressed, encrypted or cut off."""
    try:
        return path is not None and os.stat(path).st_size == size
    except OSError:
        return False


FilesThere = Callable[[Sequence[str]], bool]
"""Whether all stored files of these names are there, and prove that their instances are; takes microseconds."""


class Receipt(msgspec.Struct, frozen=True):
    """What became of a file that was sent to the archive.

    `refused` is about a well-formed object, `notDicom` about anything else; both without ids, with what the archive said.
    """

    outcome: Literal["stored", "alreadyStored", "notDicom", "refused"]
    orthanc_id: str = ""
    parents: Parents | None = None
    detail: str = ""


class Archive(Protocol):
    """The archive of record, read only."""

    def has_instance(self, orthanc_id: str, file: str | None = None) -> bool:
        """Whether the instance is stored at this moment.

        `file` is the name of the file that it had (`StoredFile.name`): where that proves it, the archive need not be asked.
        """

    def has(self, level: str, orthanc_id: str) -> bool:
        """Whether a resource of `level` ("patients", "studies", "series", "instances") is stored."""

    def file(self, orthanc_id: str) -> bytes:
        """The DICOM file of an instance. Raises KeyError where it is gone."""

    def stored_file(self, orthanc_id: str) -> StoredFile:
        """Where the DICOM file of an instance is at this moment. Raises KeyError where it is gone."""

    def listed_files(self, orthanc_ids: Sequence[str]) -> Iterator[StoredFile | None]:
        """Where the files of instances lie according to the archive, in order; None for what is gone.

        Nobody has looked at the files: whoever reads one finds out whether it lies there unchanged.
        """

    def stored_files(self, series: str) -> Mapping[str, StoredFile]:
        """The files of a series by the Orthanc ids of its instances, asked for at once; empty where it is gone."""

    def version(self, orthanc_id: str, file: str | None = None) -> str:
        """Tells the file of an instance from one that overwrites it. Raises KeyError where it is gone.

        `file` is the name of the file that it had: where that is there still, the archive need not be asked.
        """

    def has_file(self, orthanc_id: str, stored: StoredFile) -> bool:
        """Whether an instance still is what it was when `stored` was found: neither deleted nor overwritten, as far as
        can be told in microseconds. Without a path an overwritten one is not noticed."""

    def parents(self, orthanc_id: str) -> Parents:
        """The resources above an instance. Raises KeyError where it is gone."""

    def annotation(self, orthanc_id: str) -> str | None:
        """What we have said about a registration object (JSON in user metadata); None where nothing was said."""

    def errors_at_place(self, orthanc_id: str) -> str | None:
        """What was measured of a registration object's errors, place by place (JSON in user metadata of its own)."""

    def default_encoding(self) -> str:
        """What Orthanc takes text for that names no character set: "Latin1", "Utf8"..."""

    def attempts(self, study: str) -> str | None:
        """Alignments of a study (Orthanc id) that failed (JSON in its user metadata); None where there are none."""

    def exams(self, level: str, orthanc_id: str) -> str | None:
        """The document of exams that a study or a patient carries, as stored (JSON in its user metadata); None without."""


class ArchiveWriter(Protocol):
    """What stores, changes and deletes in the archive: never in Orthanc's process, where it can deadlock.

    Each method raises `longitudinal.errors.ArchiveFailed` when the archive refuses or does not answer in time.
    """

    def store(self, file: bytes) -> str:
        """Store a DICOM file; returns its Orthanc id."""

    def delete(self, orthanc_id: str) -> None:
        """Delete an instance; one that is gone already is no error."""

    def change_annotation(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        """Replace what is said about an instance by what `change` makes of it; raises InstanceGone where it is gone.

        `change` may be called again, with what another node has written meanwhile.
        """

    def change_errors_at_place(self, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        """Replace what was measured of a registration object's errors, in the same way."""

    def change_attempts(self, study: str, change: Callable[[str | None], str]) -> None:
        """Replace what is said about a study's failed alignments, in the same way."""

    def change_exams(self, level: str, orthanc_id: str, change: Callable[[str | None], str]) -> None:
        """Replace the document of exams of a study or patient, in the same way."""


class ArchiveReceiver(Protocol):
    """What takes files that users send; the same care as `ArchiveWriter`."""

    def receive(self, file: bytes) -> Receipt:
        """Store a file of whatever content. Raises ArchiveFailed when the archive does not answer in time."""

    def delete(self, orthanc_id: str) -> None:
        """Delete an instance; one that is gone already is no error."""
