"""The patients in memory: read from the sidecar on first use, and again after a change."""

import threading
from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.series_planes import SeriesPlanes, read_series_planes
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables import patients, transforms
from longitudinal.sidecar.tables.headers import read_identities
from longitudinal.sidecar.tables.instances import Touched
from longitudinal.sidecar.tables.series_columns import read_columns
from longitudinal.sight import StudyName, current_sight, seeing
from longitudinal.touched import touch
from longitudinal.transforms.stored import GridCache, read_stored_transforms

# A plane takes about 500 bytes with its identifiers; 400,000 planes are some 200 MB and a dozen very large patients.
_MAX_PLANES = 400_000
# Clicked images whose owner is remembered: a reader scrolls through some hundreds.
_MAX_OWNERS = 20_000


class _Held(msgspec.Struct):
    """An index in memory; `changed` are the series that were written since it was read."""

    index: PatientIndex
    changed: set[int] = msgspec.field(default_factory=set)
    is_stale: bool = False


class Catalogue:
    """Patients by key, each an immutable `PatientIndex`; the least recently used are dropped when memory is full.

    Freshness: the writer calls `invalidate` after each commit. A reader that began before the commit may finish with the
    index of that moment, but never with half of a commit.

    Attributes
    ----------
    hits, misses
        How often a patient was in memory, and how often it had to be read.
    """

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._lock = threading.Lock()
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._owners: dict[str, list[patients.Owner]] = {}
        self._grids = GridCache()
        self._commits = 0
        self._planes = 0
        self._believes_files = False
        self.hits = self.misses = 0

    def patient(self, key: int) -> PatientIndex | None:
        """The current patient as the caller may see them; None if the sidecar has no such patient, or none of it is seen."""
        sight = current_sight()
        with seeing(None):
            index = self._whole(key)
        if index is None or sight is None:
            return _noted(index)
        visible = frozenset(
            study.orthanc_id
            for study in index.studies
            if sight.sees(StudyName(study.orthanc_id, index.patient_id, study.study_instance_uid))
        )
        return _noted(index.view(visible, bridges=sight.bridges) if visible else None)

    def held(self, sop_instance_uid: str) -> PatientIndex | None:
        """The whole current patient that owns an instance, if it is in memory and owns it alone; or else None."""
        owners = self._owners_of(sop_instance_uid)
        with self._lock:
            held = self._held.get(owners[0].patient_key) if len(owners) == 1 else None
            if held is None or held.is_stale:
                return None
            self._held.move_to_end(held.index.key)
            self.hits += 1
        touch("instances", owners[0].orthanc_id)
        return _noted(held.index)

    def _whole(self, key: int) -> PatientIndex | None:
        with self._lock:
            held = self._held.get(key)
            if held is not None and not held.is_stale:
                self._held.move_to_end(key)
                self.hits += 1
                return held.index
            self.misses += 1
            commits, believes_files = self._commits, self._believes_files
            unchanged = {} if held is None else {
                entry.key: entry for entry in held.index.series if entry.key not in held.changed
            }  # fmt: skip
        index = self._read(key, unchanged, believes_files=believes_files)
        with self._lock:
            if index is None:
                self._drop(key)
            elif self._commits == commits:
                self._keep(key, index)
            # Otherwise something was committed during the read: the result is consistent, but not kept.
        return index

    def owners_of_instance(self, sop_instance_uid: str) -> list[patients.Owner]:
        """Where a SOP Instance UID is stored, as far as the caller may see; remembered until the next commit."""
        owners = self._owners_of(sop_instance_uid)
        if len(owners) == 1:
            touch("instances", owners[0].orthanc_id)
        return owners

    def _owners_of(self, sop_instance_uid: str) -> list[patients.Owner]:
        if current_sight() is not None:
            return patients.owners_of_instance(self._readers.connection(), sop_instance_uid)
        with self._lock:
            owners, commits = self._owners.get(sop_instance_uid), self._commits
        if owners is None:
            owners = patients.owners_of_instance(self._readers.connection(), sop_instance_uid)
            with self._lock:
                if owners and self._commits == commits:
                    if len(self._owners) >= _MAX_OWNERS:
                        self._owners.clear()
                    self._owners[sop_instance_uid] = owners
        return owners

    def invalidate(self, touched: frozenset[Touched]) -> None:
        """Mark what changed. Called on the writer's thread after each commit."""
        with self._lock:
            self._commits += 1
            self._owners.clear()
            for patient_key, series_key in touched:
                held = self._held.get(patient_key)
                if held is not None:
                    held.is_stale = True
                    held.changed.add(series_key)

    def believe_files(self) -> None:
        """The archive was compared with the sidecar: files tell of the instances of what is read from now on.

        Not of what was read before: it may name what the comparison found gone, whose file was left behind.
        """
        with self._lock:
            self._believes_files = True
        self.forget()

    def forget(self) -> None:
        """Drop everything: the sidecar was opened again and may be another file. Called on the writer's thread."""
        with self._lock:
            self._commits += 1
            self._owners.clear()
            self._held.clear()
            self._planes = 0

    def _read(
        self, key: int, unchanged: Mapping[int, SeriesPlanes], *, believes_files: bool
    ) -> PatientIndex | None:
        connection = self._readers.connection()
        connection.execute("BEGIN")  # one snapshot for all the reads below
        try:
            patient = patients.read_patient(connection, key)
            if patient is None:
                return None
            series = [
                unchanged.get(row["key"]) or read_series_planes(row, read_columns(connection, row["key"]))
                for row in patients.read_series(connection, key)
            ]
            aliases = {uid: frame for entry in series for uid, frame in entry.aliases.items()}
            own = {stack.frame for entry in series for stack in entry.stacks}
            rows = transforms.read_transforms(connection, key)
            frame_of_image = _frames_of_images(series) if rows else {}
            stored = read_stored_transforms(
                rows,
                frame_of_image=frame_of_image.get,
                canonical=lambda uid: aliases.get(uid, uid),
                is_own=own.__contains__,
                is_foreign=lambda uid: (
                    uid not in own and bool(patients.patients_with_frame(connection, uid) - {key})
                ),
                grids=self._grids,
                read_grid=lambda transform: transforms.read_grid(connection, transform),
            )
            return PatientIndex(
                patient,
                patients.read_studies(connection, key),
                series,
                stored,
                read_identities(connection, key),
                believes_files=believes_files,
            )
        finally:
            connection.execute("COMMIT")

    def _keep(self, key: int, index: PatientIndex) -> None:
        """With the lock held."""
        self._drop(key)
        self._held[key] = _Held(index)
        self._planes += len(index.stack_set.planes)
        while self._planes > _MAX_PLANES and len(self._held) > 1:
            self._drop(next(iter(self._held)))

    def _drop(self, key: int) -> None:
        """With the lock held."""
        dropped = self._held.pop(key, None)
        if dropped is not None:
            self._planes -= len(dropped.index.stack_set.planes)


def _noted(index: PatientIndex | None) -> PatientIndex | None:
    if index is not None:
        touch("patients", index.patient_id)
    return index


def _frames_of_images(series: list[SeriesPlanes]) -> dict[str, str]:
    return {
        uid: frame
        for entry in series
        for uid, frame in zip(entry.sop_instance_uids, entry.instance_frames, strict=True)
        if frame is not None
    }
