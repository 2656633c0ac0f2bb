"""An archive in memory, for unit tests of what follows one: the same identifiers and change log as Orthanc's."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pydicom
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO

from longitudinal.archive import Parents, StoredFile
from longitudinal.dicom.dataset_tags import tags_from_dataset
from longitudinal.ingest.inventory import ArchivedStudy, Change, ChangePage
from tests.builders import as_file

STUDY_TAGS = ("StudyInstanceUID", "StudyDate", "PatientID", "PatientName")


def orthanc_ids(ds: Dataset) -> tuple[str, str, str, str]:
    """The Orthanc ids of patient, study, series and instance."""
    parts = [ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID]
    digests = [hashlib.sha1("|".join(parts[: depth + 1]).encode()).hexdigest() for depth in range(4)]
    ids = ["-".join(digest[start : start + 8] for start in range(0, 40, 8)) for digest in digests]
    return ids[0], ids[1], ids[2], ids[3]


@dataclass
class Stored:
    """One instance: its file, its ids and the number of its line in the change log."""

    file: bytes
    parents: Parents
    sequence: int
    tags: dict[str, str]


@dataclass
class FakeArchive:
    """Implements Archive and Inventory; counts what is asked for."""

    stored: dict[str, Stored] = field(default_factory=dict)
    sequence: int = 0
    log_begins_after: int = 0
    files_read: list[str] = field(default_factory=list)
    instance_lists: list[str] = field(default_factory=list)
    last_updates: dict[str, str] = field(default_factory=dict)
    tags_given: dict[str, str] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    annotations: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    exam_documents: dict[tuple[str, str], str] = field(default_factory=dict)
    overwrites: bool = True
    clock: int | None = None  # what LastUpdate counts, the sequence by default

    # What a test does to it

    def store(self, datasets: Iterable[Dataset]) -> list[str]:
        """Store, or overwrite; returns the instances' Orthanc ids."""
        made = []
        for ds in datasets:
            patient, study, series, instance = orthanc_ids(ds)
            self.sequence += 1
            tags = {name: str(ds.get(name, "")) for name in STUDY_TAGS}
            self.stored[instance] = Stored(as_file(ds), Parents(patient, study, series), self.sequence, tags)
            self.last_updates[series] = str(self.sequence if self.clock is None else self.clock)
            self.annotations.pop(instance, None)
            made.append(instance)
        return made

    def delete(self, *orthanc_ids: str) -> None:
        """Delete instances; the log says nothing."""
        for orthanc_id in orthanc_ids:
            del self.stored[orthanc_id]

    def datasets(self) -> list[tuple[str, Dataset]]:
        """Every instance by its Orthanc id."""
        return [(key, pydicom.dcmread(DicomBytesIO(entry.file))) for key, entry in self.stored.items()]

    def short_json(self, orthanc_id: str) -> str:
        """What the callback of a store is given."""
        ds = pydicom.dcmread(DicomBytesIO(self.stored[orthanc_id].file))
        return json.dumps(tags_from_dataset(ds))

    # Archive

    def has_instance(self, orthanc_id: str, file: str | None = None) -> bool:
        return orthanc_id in self.stored

    def has(self, level: str, orthanc_id: str) -> bool:
        return (
            orthanc_id
            in {
                "patients": {entry.parents.patient for entry in self.stored.values()},
                "studies": {entry.parents.study for entry in self.stored.values()},
                "series": {entry.parents.series for entry in self.stored.values()},
                "instances": set(self.stored),
            }[level]
        )

    def file(self, orthanc_id: str) -> bytes:
        self.tags_given: dict[str, str] = {}
        self.files_read.append(orthanc_id)
        if orthanc_id in self.unreadable:
            raise KeyError(orthanc_id)
        return self.stored[orthanc_id].file

    def stored_file(self, orthanc_id: str) -> StoredFile:
        return StoredFile(len(self.stored[orthanc_id].file), None)

    def listed_files(self, orthanc_ids: Sequence[str]) -> Iterator[StoredFile | None]:
        for orthanc_id in orthanc_ids:
            try:
                yield self.stored_file(orthanc_id)
            except KeyError:
                yield None

    def version(self, orthanc_id: str, file: str | None = None) -> str:
        return str(self.stored[orthanc_id].sequence)

    def stored_files(self, series: str) -> dict[str, StoredFile]:
        return {key: self.stored_file(key) for key in self._instances(series)}

    def has_file(self, orthanc_id: str, stored: StoredFile) -> bool:
        return orthanc_id in self.stored

    def parents(self, orthanc_id: str) -> Parents:
        return self.stored[orthanc_id].parents

    def annotation(self, orthanc_id: str) -> str | None:
        return self.annotations.get(orthanc_id)

    def errors_at_place(self, orthanc_id: str) -> str | None:
        return self.errors.get(orthanc_id)

    def default_encoding(self) -> str:
        return "Latin1"

    def attempts(self, study: str) -> str | None:
        return self.failed.get(study)

    def exams(self, level: str, orthanc_id: str) -> str | None:
        return self.exam_documents.get((level, orthanc_id)) if self.has(level, orthanc_id) else None

    # Inventory

    def changes(self, since: int, limit: int) -> ChangePage:
        since = max(since, self.log_begins_after)
        found = sorted((e.sequence, key) for key, e in self.stored.items() if e.sequence > since)
        page = tuple(Change(sequence, "NewInstance", key) for sequence, key in found[:limit])
        last = page[-1].sequence if len(page) < len(found) else self.sequence
        return ChangePage(page, last, len(page) == len(found))

    def last_change(self) -> int:
        return max((entry.sequence for entry in self.stored.values()), default=self.sequence)

    def is_ordered(self) -> bool:
        return False

    def studies(self, since: int, limit: int) -> list[str]:
        return list(dict.fromkeys(e.parents.study for e in self.stored.values()))[since : since + limit]

    def study(self, orthanc_id: str) -> ArchivedStudy:
        mine = [entry for entry in self.stored.values() if entry.parents.study == orthanc_id]
        if not mine:
            raise KeyError(orthanc_id)
        series = tuple(dict.fromkeys(entry.parents.series for entry in mine))
        return ArchivedStudy(orthanc_id, mine[0].parents.patient, series, mine[0].tags)

    def instances(self, series: str) -> list[str]:
        self.instance_lists.append(series)
        return self._instances(series)

    def _instances(self, series: str) -> list[str]:
        return [key for key, entry in self.stored.items() if entry.parents.series == series]

    def last_update(self, series: str) -> str:
        return self.last_updates.get(series, "")

    def tags(self, orthanc_id: str) -> str:
        return self.tags_given.get(orthanc_id) or self.short_json(orthanc_id)
