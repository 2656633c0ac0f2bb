"""Whatever is stored, overwritten, modified and deleted, and whatever callbacks bring or not: the index equals the archive.

A state machine acts on an archive in memory and on an index that follows it. After each run, and now and then within one,
the index must say what one says that was made anew from the same archive. LONGITUDINAL_EXAMPLES sets the number of runs.
"""

import json
import os
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydicom.dataset import Dataset

from longitudinal.dicom.character_sets import CharacterSet
from longitudinal.dicom.file_tags import read_file_tags
from longitudinal.dicom.tags import Tags
from longitudinal.ingest import stored_objects
from longitudinal.ingest.annotations import Annotations
from longitudinal.ingest.changes import Changes
from longitudinal.ingest.inventory import ArchivedStudy
from longitudinal.ingest.on_stored import Ingest
from longitudinal.ingest.reconcile import Reconcile
from longitudinal.ingest.stored_objects import StoredObjects
from longitudinal.sidecar import writer as writing
from longitudinal.sidecar.connection import Readers, open_writer
from longitudinal.sidecar.tables.studies import known_instances
from longitudinal.sidecar.writer import Writer
from tests import builders as build
from tests.annotations import decide
from tests.exam_documents import exam_documents
from tests.fake_archive import FakeArchive, orthanc_ids
from tests.index_dump import differences, dump

pytestmark = pytest.mark.timeout(3_600)

EXAMPLES = int(os.environ.get("LONGITUDINAL_EXAMPLES", "200"))
STEPS = 25
ROOT = "1.2.826.0.1.3680043.8.498.7"
# Enough passes for whatever one of them leaves to the next.
PASSES = 3

UIDS = st.tuples(st.sampled_from(["", "A", "B"]), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3))
SAID = st.fixed_dictionaries(
    {
        "PatientName": st.sampled_from(["", "Ann^A", "Bob^B"]),
        "PatientBirthDate": st.sampled_from(["", "19700101", "19800202"]),
        "PatientSex": st.sampled_from(["", "F", "M"]),
        "StudyDate": st.sampled_from(["", "20200101", "20210101"]),
        "StudyTime": st.sampled_from(["", "120000"]),
        "StudyDescription": st.sampled_from(["", "Head", "Chest"]),
        "AccessionNumber": st.sampled_from(["", "7"]),
        "SeriesNumber": st.sampled_from([None, 1, 2]),
        "SeriesDescription": st.sampled_from(["", "T1"]),
        "Modality": st.sampled_from(["CT", "MR"]),
        "FrameOfReferenceUID": st.sampled_from([None, f"{ROOT}.901", f"{ROOT}.902"]),
        "ImagePositionPatient": st.sampled_from([None, [0, 0, 0], [0, 0, 5], [100, 0, 0]]),
        "SOPClassUID": st.sampled_from([build.CT, build.MR, "1.2.3.4"]),
        "InstanceNumber": st.integers(1, 3),
    }
)


def image(uids: tuple[str, int, int, int], said: dict[str, Any]) -> Dataset:
    patient, study, series, number = uids
    return build.classic(
        PatientID=patient,
        StudyInstanceUID=f"{ROOT}.{study}",
        SeriesInstanceUID=f"{ROOT}.{study}.{series}",
        SOPInstanceUID=f"{ROOT}.{study}.{series}.{number}",
        **said,
    )


def registration(uids: tuple[str, int, int, int], shift: float) -> Dataset:
    """A registration object with the identifiers that an image may have had before it."""
    ds = image(uids, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.1", "Modality": "REG", "Rows": None})
    ds.FrameOfReferenceUID = f"{ROOT}.901"
    ds.RegistrationSequence = [build.registration_item(f"{ROOT}.902", shift)]
    return ds


@cache
def _empty_sidecar() -> bytes:
    """A migrated sidecar with nothing in it: the migrations have tests of their own, and take most of an opening."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite"
        connection = open_writer(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.read_bytes()


@cache
def _tags_of(file: bytes, default: CharacterSet) -> str:
    return json.dumps(read_file_tags(file, default))


def _read_once(file: bytes, default: CharacterSet) -> Tags:
    """As `read_file_tags`, where the same bytes were read before: each pass and each new index reads all files again."""
    tags: Tags = json.loads(_tags_of(file, default))
    return tags


class Index:
    """A sidecar and what keeps it, on an archive."""

    def __init__(self, path: Path, archive: FakeArchive) -> None:
        self.archive = archive
        if not path.exists():
            path.write_bytes(_empty_sidecar())
        self.readers = Readers(path)
        self.writer = Writer(self.readers, lambda touched: None)
        self.writer.start()
        self.ingest = Ingest(self.writer, archive, StoredObjects(archive, archive))
        self.annotations = Annotations(self.writer, archive, exam_documents(self.readers.path))
        self.changes = Changes(archive, self.readers, self.writer, self.ingest, self.annotations.refresh)
        self.changes.begin()
        self.queued: list[str] = []

    def reconcile(self) -> None:
        def queue(studies: list[ArchivedStudy]) -> None:
            self.queued += [study.orthanc_id for study in studies]

        passing = Reconcile(self.archive, self.readers, self.ingest, queue, self.annotations.refresh)
        for _ in passing.steps():
            pass
        for study in self.queued:
            self.read_missing(study)
        self.queued.clear()

    def read_missing(self, study: str) -> None:
        """What an index job does."""
        stored = [key for key, entry in self.archive.stored.items() if entry.parents.study == study]
        known = known_instances(self.readers.connection(), stored)
        for _ in self.ingest.index_all([key for key in stored if key not in known]):
            pass
        self.ingest.settle()

    def settle(self) -> None:
        self.changes.follow()
        for _ in range(PASSES):
            self.reconcile()
        self.ingest.settle()

    def dump(self) -> dict[str, Any]:
        return dump(self.readers.connection())

    def close(self) -> None:
        self.readers.close()
        self.writer.stop()


class ArchiveAndIndex(RuleBasedStateMachine):
    """What may happen to an archive, and what its callbacks may tell, late, twice, out of order or never."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._linger, writing._LINGER_SECONDS = writing._LINGER_SECONDS, 0.0
        stored_objects.read_file_tags = _read_once
        self.archive = FakeArchive(clock=0)
        self.index = self._open("live")
        self.callbacks: list[tuple[str, str, str]] = []
        self.is_log_cleared = False

    def _open(self, name: str) -> Index:
        return Index(Path(self._folder.name) / f"{name}.sqlite", self.archive)

    def teardown(self) -> None:
        try:
            self.check()
        finally:
            self.index.close()
            self._folder.cleanup()
            writing._LINGER_SECONDS = self._linger
            stored_objects.read_file_tags = read_file_tags

    @initialize(overwrites=st.booleans())
    def begin(self, overwrites: bool) -> None:
        """OverwriteInstances is a setting of the archive."""
        self.archive.overwrites = overwrites

    # What happens to the archive

    @rule(uids=UIDS, said=SAID)
    def store(self, uids: tuple[str, int, int, int], said: dict[str, Any]) -> None:
        self._send(image(uids, said))

    @rule(uids=UIDS, shift=st.sampled_from([1.0, 2.0]))
    def store_registration(self, uids: tuple[str, int, int, int], shift: float) -> None:
        self._send(registration(uids, shift))

    @rule(uids=UIDS, said=SAID)
    def store_the_study_whole(self, uids: tuple[str, int, int, int], said: dict[str, Any]) -> None:
        for series in (1, 2):
            for number in (1, 2, 3):
                self._send(image((*uids[:2], series, number), said))

    @rule(uids=UIDS, said=SAID)
    def modify_with_kept_uids(self, uids: tuple[str, int, int, int], said: dict[str, Any]) -> None:
        """Each instance of a study is stored once more under its own identifiers, whatever the setting."""
        study = orthanc_ids(image(uids, said))[1]
        changed = {key: said[key] for key in ("StudyDate", "StudyDescription", "PatientName", "PatientSex")}
        for orthanc_id, ds in self.archive.datasets():
            if self.archive.stored[orthanc_id].parents.study == study:
                self.callbacks.append(("deleted", "instances", orthanc_id))
                self._tell(self.archive.store([build.change(deepcopy(ds), changed)]))

    @precondition(lambda self: self.archive.stored)
    @rule(
        chance=st.randoms(use_true_random=False),
        level=st.sampled_from(["instances", "series", "studies", "patients"]),
    )
    def delete(self, chance: Any, level: str) -> None:
        parents = {
            key: {"series": e.parents.series, "studies": e.parents.study, "patients": e.parents.patient}.get(level, key)
            for key, e in self.archive.stored.items()
        }  # fmt: skip
        gone = chance.choice(sorted(parents.values()))
        self.archive.delete(*[key for key, parent in parents.items() if parent == gone])
        self.callbacks.append(("deleted", level, gone))

    @precondition(lambda self: self.archive.stored)
    @rule(chance=st.randoms(use_true_random=False), decision=st.sampled_from(["accepted", "rejected"]))
    def review(self, chance: Any, decision: str) -> None:
        orthanc_id = chance.choice(sorted(self.archive.stored))
        before = self.archive.annotations.get(orthanc_id)
        self.archive.annotations[orthanc_id] = decide(before, 1, decision, "somebody", "2026-01-01")
        self.callbacks.append(("annotated", "instances", orthanc_id))

    @rule()
    def a_second_passes(self) -> None:
        self.archive.clock += 1

    @rule()
    def clear_the_log(self) -> None:
        """What it told of and nobody has followed is found by the callbacks alone: of these none is lost then.

        An object that is overwritten within the second of the last look, of which neither a line nor a callback is left,
        cannot be noticed: LastUpdate counts seconds.
        """
        self.archive.log_begins_after = self.archive.sequence
        self.is_log_cleared = True

    def _send(self, ds: Dataset) -> None:
        """As a modality does: what is there already stays, and the callback comes all the same."""
        orthanc_id = orthanc_ids(ds)[3]
        is_there = orthanc_id in self.archive.stored
        if not is_there or self.archive.overwrites:
            if is_there:
                self.callbacks.append(("deleted", "instances", orthanc_id))
            self.archive.store([ds])
        self._tell([orthanc_id])

    def _tell(self, orthanc_ids_: list[str]) -> None:
        self.callbacks += [("stored", "instances", orthanc_id) for orthanc_id in orthanc_ids_]

    # What the plugin hears of it, and does

    @precondition(lambda self: self.callbacks)
    @rule(chance=st.randoms(use_true_random=False), is_lost=st.booleans())
    def one_callback(self, chance: Any, is_lost: bool) -> None:
        callback = self.callbacks.pop(chance.randrange(len(self.callbacks)))
        if not is_lost or self.is_log_cleared:
            self._deliver(callback)

    @rule()
    def all_callbacks(self) -> None:
        for callback in self.callbacks:
            self._deliver(callback)
        self.callbacks.clear()

    def _deliver(self, callback: tuple[str, str, str]) -> None:
        kind, level, orthanc_id = callback
        if kind == "stored":
            self.index.ingest.stored(orthanc_id)
        elif kind == "deleted":
            self.index.ingest.deleted(level, orthanc_id)
        else:
            self.index.annotations.refresh(orthanc_id)

    @rule()
    def follow(self) -> None:
        self.index.changes.follow()

    @rule()
    def reconcile(self) -> None:
        self.index.reconcile()

    @precondition(lambda self: self.archive.stored)
    @rule(chance=st.randoms(use_true_random=False), uids=UIDS, said=SAID)
    def stored_while_it_is_read(
        self, chance: Any, uids: tuple[str, int, int, int], said: dict[str, Any]
    ) -> None:
        """An index job has read a file, and before that is written another store is followed."""
        orthanc_id, read = chance.choice(sorted(self.archive.stored)), self.archive.file

        def meanwhile(asked: str) -> bytes:
            file = read(asked)
            del self.archive.file
            self._send(image(uids, said))
            self.all_callbacks()
            self.index.changes.follow()
            return file

        self.archive.file = meanwhile  # type: ignore[method-assign]
        try:
            self.index.ingest.index(orthanc_id)
        finally:
            self.archive.__dict__.pop("file", None)
        self.index.ingest.settle()

    @rule()
    def restart(self) -> None:
        """Callbacks that have not come by then never come."""
        if self.is_log_cleared:
            self.all_callbacks()
            self.index.changes.follow()
            self.is_log_cleared = False
        self.index.close()
        self.callbacks.clear()
        self.archive.clock += 1
        self.index = self._open("live")

    # What must hold

    @rule()
    def check(self) -> None:
        if self.is_log_cleared:
            self.all_callbacks()
        self.archive.clock += 1  # whatever is overwritten from now on shows in LastUpdate
        self.index.settle()
        rebuilt = self._open("rebuilt")
        try:
            rebuilt.settle()
            assert differences(self.index.dump(), rebuilt.dump()) == []
            assert len(self.index.dump()["instances"]) == len(self.archive.stored)
        finally:
            rebuilt.close()
            for path in Path(self._folder.name).glob("rebuilt.sqlite*"):
                path.unlink()

    @invariant()
    def the_writer_is_sound(self) -> None:
        assert self.index.writer.health.fault is None


TestArchiveAndIndex = pytest.mark.slow(ArchiveAndIndex.TestCase)
TestArchiveAndIndex.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
