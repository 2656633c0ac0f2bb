"""The signed document of a study (its links) or of a patient (declarations): JSON in the archive's user metadata.

The form is `{"content": {"links": [...], "declarations": [...]}, "signature": {...}}`. A document that no node of this
archive has signed counts as nothing: an image never appears in an exam because somebody wrote metadata.
"""

import hashlib
import logging
import time
from collections.abc import Callable

import msgspec

from longitudinal.access.keyring import Keyring
from longitudinal.errors import Conflict
from longitudinal.nesting import depth_of
from longitudinal.sidecar.tables.exams import ExamDeclaration, ExamLink
from longitudinal.transforms.signature import Signature, Subject, sign, verifies

LOGGER = logging.getLogger(__name__)

LONGEST_DOCUMENT = 2 * 1024 * 1024
"""Bytes: some 5,000 links of one study. The whole document is written for each change."""

_KIND = "exams"
_MAX_DEPTH = 16


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one study or patient carries."""

    links: tuple[ExamLink, ...] = ()
    declarations: tuple[ExamDeclaration, ...] = ()


class _Stored(msgspec.Struct, frozen=True):
    content: msgspec.Raw
    signature: Signature


EMPTY = Document()


class ExamDocuments:
    """Reads documents that count, and signs new ones.

    Parameters
    ----------
    problem
        Why this node signs nothing; None if it does.
    """

    def __init__(self, keyring: Keyring, problem: Callable[[], str | None]) -> None:
        self._keyring = keyring
        self._problem = problem

    def read(self, level: str, orthanc_id: str, text: str | None) -> Document:
        """The document of a resource; empty if there is none, or if it is not signed for this very resource."""
        stored = _decode(text)
        if stored is None:
            return EMPTY
        content = bytes(stored.content)
        if not verifies(self._keyring.keys, stored.signature, _KIND, _subject(level, orthanc_id), content):
            LOGGER.warning("Exams of %s %s are not signed by this archive and are ignored", level, orthanc_id)
            return EMPTY
        try:
            return msgspec.json.decode(content, type=Document)
        except msgspec.MsgspecError:
            LOGGER.warning("Exams of %s %s are of another version and are ignored", level, orthanc_id)
            return EMPTY

    def digest(self, text: str | None) -> str:
        """Tells two texts apart, and one text before and after the keys have changed; "" where there is none."""
        if text is None:
            return ""
        return hashlib.sha256(
            f"{self._keyring.fingerprint}|{text}".encode("utf-8", "surrogatepass")
        ).hexdigest()

    def write(self, level: str, orthanc_id: str, document: Document) -> str:
        """The signed text of a document.

        Raises
        ------
        Conflict
            This node cannot sign, or the document would be longer than documents may be.
        """
        if (problem := self._problem()) is not None:
            raise Conflict(f"this node cannot sign, so no exam can be changed here: {problem}")
        content = msgspec.json.encode(document)
        if len(content) > LONGEST_DOCUMENT:
            raise Conflict(
                f"the links of this study would have {len(content)} bytes; at most {LONGEST_DOCUMENT} are kept. Link the "
                "series or the study in place of its images"
            )
        counter = int(time.time() * 1000)
        signature = sign(self._keyring.keys[0], _KIND, _subject(level, orthanc_id), content, counter)
        return msgspec.json.encode(_Stored(msgspec.Raw(content), signature)).decode()


def _decode(text: str | None) -> _Stored | None:
    if not text or len(text) > 2 * LONGEST_DOCUMENT:
        return None
    try:
        raw = text.encode()
        if depth_of(raw, _MAX_DEPTH) > _MAX_DEPTH:
            return None
        return msgspec.json.decode(raw, type=_Stored)
    except (ValueError, RecursionError, OverflowError):
        return None


def _subject(level: str, orthanc_id: str) -> Subject:
    return Subject(f"{level}/{orthanc_id}", b"", 0)
