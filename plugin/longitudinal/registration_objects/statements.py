"""Statements about stored objects: signed when this node makes them, believed when they verify."""

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from io import BytesIO

from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from longitudinal.access.keyring import Keyring
from longitudinal.archive import Archive
from longitudinal.errors import Conflict, SidecarUnavailable
from longitudinal.sidecar.connection import Readers
from longitudinal.sidecar.instances import InstanceWriter, Touched
from longitudinal.sidecar.records import Notes
from longitudinal.sidecar.statements import Row, read_memories, read_unknown_keys, write_memories
from longitudinal.transforms import statements
from longitudinal.transforms.annotation import read_items, write_annotation
from longitudinal.transforms.signature import Signature, Subject, sign, verifies
from longitudinal.transforms.statements import Memory

LOGGER = logging.getLogger(__name__)

_SOP_INSTANCE_UID = 0x00080018
Submit = Callable[[Callable[[sqlite3.Connection, InstanceWriter], Iterable[Touched]]], object]


class Memories:
    """What was seen of each object's statements: here at once, in the sidecar a moment later.

    Parameters
    ----------
    submit
        Has the sidecar's writer do something; nobody waits for it.
    """

    def __init__(self, readers: Readers, submit: Submit) -> None:
        self._readers = readers
        self._submit = submit
        self._lock = threading.Lock()
        self._known: dict[str, dict[int, Memory]] = {}
        self._unknown: dict[str, set[str]] = {}

    def of(self, orthanc_id: str) -> dict[int, Memory]:
        """By item number. Empty where the sidecar cannot be read just now."""
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
        """Ids of keys that this archive's statements name and that were not here."""
        try:
            rows = read_unknown_keys(self._readers.connection())
        except SidecarUnavailable:
            rows = []
        with self._lock:
            older = {key for orthanc_id, key in rows if orthanc_id not in self._known}
            return sorted(older.union(*self._unknown.values()))


class Statements:
    """Signs and believes.

    Parameters
    ----------
    archive
        Where annotations are as anybody may have written them.
    """

    def __init__(self, archive: Archive, keyring: Keyring, memories: Memories) -> None:
        self._archive = archive
        self._keyring = keyring
        self._memories = memories

    # By others, such as values of other metadata: bytes about an item

    def sign(
        self, orthanc_id: str, item: int, kind: str, content: bytes, newer_than: int = 0
    ) -> Signature | None:
        """Sign a statement about a stored object; None where this node may not sign, or the object is gone."""
        subject = self._subject(orthanc_id)
        if subject is None or self.problem is not None:
            return None
        counter = max(newer_than + 1, int(time.time() * 1000))
        return sign(self._keyring.keys[0], kind, replace(subject, item=item), content, counter)

    def verifies(self, orthanc_id: str, item: int, kind: str, content: bytes, signature: Signature) -> bool:
        """Whether a node of this archive signed just this, about the object as it is stored."""
        subject = self._subject(orthanc_id)
        return subject is not None and verifies(
            self._keyring.keys, signature, kind, replace(subject, item=item), content
        )

    @property
    def problem(self) -> str | None:
        """Why this node signs nothing; None where it does."""
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
        """Whether this very file is what is stored; it is another where somebody was first with its UID."""
        stored = self._subject(orthanc_id)
        return stored is not None and stored.digest == _digest(file)

    def give(self, orthanc_id: str, text: str | None, item: int, notes: Notes) -> str:
        """The annotation with what is said about a new object."""
        return statements.give(text, item, notes, self._seal(orthanc_id), self._known(orthanc_id, item))

    def decide(self, orthanc_id: str, text: str | None, item: int, decision: str, user: str, at: str) -> str:
        """The annotation with a reviewer's decision on one item.

        Raises
        ------
        Conflict
            This node may not sign, so nothing can be accepted here; a rejection needs no signature.
        """
        if decision == "accepted" and (problem := self.problem) is not None:
            raise Conflict(f"this node signs nothing, so that nothing can be accepted here: {problem}")
        known = self._known(orthanc_id, item)
        return statements.decide(text, item, decision, user, at, self._seal(orthanc_id), known)

    def restate(self, orthanc_id: str, text: str | None, item: int, change: Callable[[Notes], Notes]) -> str:
        """The annotation with what counts of an item changed, as newer checks found it, and signed anew."""
        notes = self._believe(orthanc_id, text).get(item, Notes())
        known = self._known(orthanc_id, item)
        return statements.restate(text, item, notes, change(notes), self._seal(orthanc_id), known)

    def believed(self, orthanc_id: str) -> str | None:
        """What counts of the annotation of an object, in the same form; None where nothing does."""
        text = self._archive.annotation(orthanc_id)
        if not self._memories.of(orthanc_id) and not read_items(text):
            return None
        notes = self._believe(orthanc_id, text)
        return write_annotation(notes) if notes else None

    def _believe(self, orthanc_id: str, text: str | None) -> dict[int, Notes]:
        """What counts of a text, by item number; remembered."""
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
        """Which statements about an item are there and were not believed: "given", "review"."""
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
    """Read no further than that."""

    def is_behind(tag: BaseTag, *_: object) -> bool:
        return bool(tag > _SOP_INSTANCE_UID)

    try:
        return str(read_partial(BytesIO(file), stop_when=is_behind, force=True).get("SOPInstanceUID", ""))
    except Exception:  # what pydicom cannot read has a digest all the same
        LOGGER.warning("The SOP Instance UID of a stored object cannot be read", exc_info=True)
        return ""
