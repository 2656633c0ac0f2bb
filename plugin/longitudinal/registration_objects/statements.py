"""Statements about stored objects: signed if this node makes them, counted if their signature verifies."""

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO

from msgspec.structs import replace

from longitudinal.access.keyring import Keyring
from longitudinal.archive import Archive
from longitudinal.dicom.whole_library import load_pydicom
from longitudinal.errors import Conflict, SidecarUnavailable
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.tables.instances import InstanceWriter, Touched
from longitudinal.sidecar.tables.records import Notes
from longitudinal.sidecar.tables.statements import Row, read_memories, read_unknown_keys, write_memories
from longitudinal.transforms import statements
from longitudinal.transforms.annotation import read_items, write_annotation
from longitudinal.transforms.signature import Signature, Subject, sign, verifies
from longitudinal.transforms.statements import Memory

LOGGER = logging.getLogger(__name__)

_SOP_INSTANCE_UID = 0x00080018
Submit = Callable[[Callable[[sqlite3.Connection, InstanceWriter], Iterable[Touched]]], object]


class Memories:
    """What this node has seen of each object's statements: in memory at once, in the sidecar a moment later.

    Parameters
    ----------
    submit
        Submits a command to the sidecar's writer; nobody waits for it.
    """

    def __init__(self, readers: Readers, submit: Submit) -> None:
        self._readers = readers
        self._submit = submit
        self._lock = threading.Lock()
        self._known: dict[str, dict[int, Memory]] = {}
        self._unknown: dict[str, set[str]] = {}

    def of(self, orthanc_id: str) -> dict[int, Memory]:
        """By item number. Empty while the sidecar cannot be read."""
        with self._lock:
            if (known := self._known.get(orthanc_id)) is not None:
                return known
        try:
            rows = read_memories(self._readers.connection(), orthanc_id)
        except SidecarUnavailable:
            return {}
        read = {item: Memory(*row[:3], tuple(row[3].split()), row[4]) for item, row in rows.items()}
        with self._lock:
            if orthanc_id not in self._known:
                self._hold(orthanc_id, read)
            return self._known[orthanc_id]

    def keep(self, orthanc_id: str, memories: Mapping[int, Memory]) -> None:
        """Remember; counters never go back."""
        with self._lock:
            known = self._known.get(orthanc_id, {})
            changed = {
                item: memory for item, memory in memories.items() if memory != known.get(item, Memory())
            }
            if not changed:
                return
            self._hold(orthanc_id, {**known, **changed})
        rows: dict[int, Row] = {
            item: (
                memory.given,
                memory.review,
                memory.rejected,
                " ".join(memory.unsigned),
                memory.unknown_key,
            )
            for item, memory in changed.items()
        }

        def write(connection: sqlite3.Connection, _: InstanceWriter) -> Iterable[Touched]:
            write_memories(connection, orthanc_id, rows)
            return []

        self._submit(write)

    def _hold(self, orthanc_id: str, memories: dict[int, Memory]) -> None:
        self._known[orthanc_id] = memories
        self._unknown.pop(orthanc_id, None)
        if unknown := {memory.unknown_key for memory in memories.values() if memory.unknown_key}:
            self._unknown[orthanc_id] = unknown

    def unknown_keys(self) -> list[str]:
        """Ids of keys that statements of this archive name and this node does not have."""
        try:
            rows = read_unknown_keys(self._readers.connection())
        except SidecarUnavailable:
            rows = []
        with self._lock:
            older = {key for orthanc_id, key in rows if orthanc_id not in self._known}
            return sorted(older.union(*self._unknown.values()))


class Statements:
    """Signs statements, and decides which ones count.

    Parameters
    ----------
    archive
        Has the annotations as stored, whoever wrote them.
    """

    def __init__(self, archive: Archive, keyring: Keyring, memories: Memories) -> None:
        self._archive = archive
        self._keyring = keyring
        self._memories = memories

    # For others, such as values of other metadata: bytes about an item

    def sign(
        self, orthanc_id: str, item: int, kind: str, content: bytes, newer_than: int = 0
    ) -> Signature | None:
        """Sign a statement about a stored object; None if this node cannot sign, or the object no longer exists."""
        subject = self._subject(orthanc_id)
        if subject is None or self.problem is not None:
            return None
        counter = max(newer_than + 1, int(time.time() * 1000))
        return sign(self._keyring.keys[0], kind, replace(subject, item=item), content, counter)

    def verifies(self, orthanc_id: str, item: int, kind: str, content: bytes, signature: Signature) -> bool:
        """Whether a node of this archive signed exactly this about the stored object."""
        subject = self._subject(orthanc_id)
        return subject is not None and verifies(
            self._keyring.keys, signature, kind, replace(subject, item=item), content
        )

    @property
    def problem(self) -> str | None:
        """Why this node signs nothing; None if it does."""
        if self._keyring.problem is not None:
            return self._keyring.problem
        strange = self._keyring.strange(self._memories.unknown_keys())
        if not strange:
            return None
        return (
            f"statements in this archive are signed with a key that is not in {self._keyring.path}: {', '.join(strange)}. "
            'Copy the file of the node that has it; if nobody has it any more, name it in "lost" there. Then restart Orthanc'
        )

    # Annotations of registration objects

    def is_stored(self, orthanc_id: str, file: bytes) -> bool:
        """Whether exactly this file is stored; another one is if somebody has used its UID before."""
        stored = self._subject(orthanc_id)
        return stored is not None and stored.digest == _digest(file)

    def is_given(self, orthanc_id: str, item: int) -> bool:
        """Whether somebody has stated who made an item and when, signed or not."""
        said = read_items(self._archive.annotation(orthanc_id)).get(item)
        return said is not None and said.given_at is not None

    def give(self, orthanc_id: str, text: str | None, item: int, notes: Notes) -> str:
        """The annotation with the statement about a new object."""
        return statements.give(text, item, notes, self._seal(orthanc_id), self._known(orthanc_id, item))

    def decide(
        self, orthanc_id: str, text: str | None, item: int, decision: str, user: str, at: str, why: str = ""
    ) -> str:
        """The annotation with a reviewer's decision on one item.

        Raises
        ------
        Conflict
            This node cannot sign, so nothing can be accepted here; a rejection needs no signature.
        """
        if decision == "accepted" and (problem := self.problem) is not None:
            raise Conflict(f"this node cannot sign, so nothing can be accepted here: {problem}")
        known = self._known(orthanc_id, item)
        return statements.decide(text, item, decision, user, at, self._seal(orthanc_id), known, why)

    def restate(self, orthanc_id: str, text: str | None, item: int, change: Callable[[Notes], Notes]) -> str:
        """The annotation with the findings of newer checks about an item, signed again."""
        notes = self._believe(orthanc_id, text).get(item, Notes())
        known = self._known(orthanc_id, item)
        return statements.restate(text, item, notes, change(notes), self._seal(orthanc_id), known)

    def believed(self, orthanc_id: str) -> str | None:
        """The part of an object's annotation that counts, in the same form; None if nothing does."""
        text = self._archive.annotation(orthanc_id)
        if not self._memories.of(orthanc_id) and not read_items(text):
            return None
        notes = self._believe(orthanc_id, text)
        return write_annotation(notes) if notes else None

    def _believe(self, orthanc_id: str, text: str | None) -> dict[int, Notes]:
        """The part of a text that counts, by item number; cached."""
        known = self._memories.of(orthanc_id)
        subject = self._subject(orthanc_id)
        if subject is None:
            return {}

        def check(signature: Signature, kind: str, item: int, content: bytes) -> bool:
            return verifies(self._keyring.keys, signature, kind, replace(subject, item=item), content)

        notes, memories = statements.believe(text, check, known, self._keyring.has)
        self._memories.keep(orthanc_id, memories)
        return notes

    def unsigned(self, orthanc_id: str, item: int) -> tuple[str, ...]:
        """Which statements about an item exist but do not count: "given", "review"."""
        return self._memories.of(orthanc_id).get(item, Memory()).unsigned

    def _known(self, orthanc_id: str, item: int) -> Memory:
        return self._memories.of(orthanc_id).get(item, Memory())

    def _seal(self, orthanc_id: str) -> statements.Seal:
        return lambda kind, item, content, newest: self.sign(orthanc_id, item, kind, content, newest)

    def _subject(self, orthanc_id: str) -> Subject | None:
        try:
            file = self._archive.file(orthanc_id)
        except KeyError:
            return None
        return Subject(_sop_instance_uid(file), _digest(file), 0)


def _digest(file: bytes) -> bytes:
    return hashlib.sha256(file).digest()


def _sop_instance_uid(file: bytes) -> str:
    """Stop reading there."""
    load_pydicom()
    from pydicom.filereader import read_partial  # late: a start does not need pydicom

    def is_behind(tag: int, *_: object) -> bool:
        return tag > _SOP_INSTANCE_UID

    try:
        return str(read_partial(BytesIO(file), stop_when=is_behind, force=True).get("SOPInstanceUID", ""))
    except Exception:  # a file that pydicom cannot read still has a digest
        LOGGER.warning("The SOP Instance UID of a stored object cannot be read", exc_info=True)
        return ""
