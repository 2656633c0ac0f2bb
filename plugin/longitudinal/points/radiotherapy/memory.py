"""Objects decoded from the archive and kept for a while: a point is asked for again as soon as somebody scrolls."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import msgspec

from longitudinal.archive import Archive, StoredFile
from longitudinal.dicom.related.elements import Buffer, opened
from longitudinal.patients.patient_index import PatientIndex
from longitudinal.patients.related_objects import RelatedObject, read_objects
from longitudinal.patients.related_targets import Targets, find_targets
from longitudinal.patients.remembered import Remembered
from longitudinal.sidecar.connection import Readers

T = TypeVar("T")

MOST_BYTES: Final = 256 * 1024 * 1024
"""Some sixty structure sets or doses."""
MOST_PATIENTS: Final = 16


class _Kept(msgspec.Struct, frozen=True):
    stored: StoredFile
    value: Any
    size: int


class RadiotherapyPatient(msgspec.Struct, frozen=True):
    """The structure sets, segmentations, doses and plans of a patient, and where what they name is."""

    index: PatientIndex
    objects: tuple[RelatedObject, ...]
    targets: Targets


class ObjectMemory:
    """Reads objects of the archive once; the least recently used leave. For any thread.

    An object that was overwritten is read again.
    """

    def __init__(self, archive: Archive, readers: Readers, most_bytes: int = MOST_BYTES) -> None:
        self._archive = archive
        self._readers = readers
        self._patients: Remembered[int, tuple[PatientIndex, tuple[RelatedObject, ...]]] = Remembered(
            MOST_PATIENTS
        )
        self._radiotherapy: Remembered[int, RadiotherapyPatient] = Remembered(MOST_PATIENTS)
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0

    def of_patient(self, index: PatientIndex) -> tuple[RelatedObject, ...]:
        """The objects of a patient in memory, which is replaced as soon as anything of it changes."""
        return self._patients.get(
            id(index), lambda: (index, tuple(read_objects(self._readers.connection(), index)))
        )[1]

    def radiotherapy_of(self, index: PatientIndex) -> RadiotherapyPatient:
        """The objects that points and lines are asked of."""
        return self._radiotherapy.get(id(index), lambda: self._read_radiotherapy(index))

    def _read_radiotherapy(self, index: PatientIndex) -> RadiotherapyPatient:
        objects = tuple(
            each
            for each in self.of_patient(index)
            if each.content.structure_set
            or each.content.dose
            or each.content.segmentation
            or each.content.plan
            or each.content.damage
        )
        return RadiotherapyPatient(index, objects, find_targets(self._readers.connection(), index, objects))

    def get(self, orthanc_id: str, part: str, read: Callable[[Buffer], tuple[T, int]]) -> T:
        """What `read` makes of the file, with its size in memory.

        Raises
        ------
        KeyError
            The instance is gone.
        """
        key = (orthanc_id, part)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
        if kept is not None and self._archive.has_file(orthanc_id, kept.stored):
            return cast(T, kept.value)
        stored = self._archive.stored_file(orthanc_id)
        value, size = self._read(orthanc_id, stored, read)
        with self._lock:
            self._drop(key)
            self._kept[key] = _Kept(stored, value, size)
            self._bytes += size
            while self._bytes > self._most and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))
        return value

    def _read(
        self, orthanc_id: str, stored: StoredFile, read: Callable[[Buffer], tuple[T, int]]
    ) -> tuple[T, int]:
        if stored.path is None:
            return read(self._archive.file(orthanc_id))
        try:
            with opened(stored.path) as data:
                return read(data)
        except FileNotFoundError:  # deleted or overwritten meanwhile
            raise KeyError(orthanc_id) from None

    def _drop(self, key: tuple[str, str]) -> None:
        """With the lock held."""
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= dropped.size
