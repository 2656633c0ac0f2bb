"""The tags of files of which many are alike: slices of a series differ in a dozen elements.

Of each kind of file the bytes of one header are remembered, and which elements differed in others of its kind. A file whose
header has the same bytes everywhere else has the same elements: only those that differ are read, by the code that reads all
of them. Every other file is read in the ordinary way, and so is one that `read_plain_file` leaves to pydicom.
"""

from __future__ import annotations

import os
from os import PathLike
from struct import Struct
from typing import Any, Final, NamedTuple

from longitudinal.dicom.alike import Alike, AlikeTags
from longitudinal.dicom.character_sets import LATIN_1, CharacterSet
from longitudinal.dicom.file_tags import characters_of, read_file_tags, tags_of_elements
from longitudinal.dicom.plain_file import (
    HEAD,
    LONGEST_PRIVATE,
    PIXEL_HEADER,
    PRIVATE_GROUPS,
    WANTED,
    Element,
    Elements,
    Span,
    element_spans,
)  # fmt: skip
from longitudinal.dicom.raw_values import vr_of, written_value
from longitudinal.dicom.tag_names import SPECIFIC_CHARACTER_SET, number_of

_CHARACTER_SET: Final = number_of(SPECIFIC_CHARACTER_SET)
_LENGTHS: Final = {2: Struct("<H").unpack_from, 4: Struct("<L").unpack_from}
_UNDEFINED: Final = 0xFFFF_FFFF
_TAG_BYTES: Final = 4
# Studies that are read at the same time, of some series each.
_MOST_KINDS = 8
# After so many files that were like none before, only one in so many is remembered.
_VAIN, _ONE_IN = 20, 50
# Behind the header, to be sure that the pixels begin there.
_BEYOND = 1_024


class SimilarFiles:
    """Reads tags as `longitudinal.dicom.file_tags.read_file_tags` does, with the files before in mind; for one thread.

    Attributes
    ----------
    recognized
        How many files were like another one.
    """

    def __init__(self) -> None:
        self._kinds: list[_Kind] = []
        self._size = HEAD
        self._vain = 0
        self.recognized = 0

    def tags(self, path: str | PathLike[str], default: CharacterSet = LATIN_1) -> dict[str, Any]:
        """The tags of READ_TAGS of a stored file, `AlikeTags` of one that is like others.

        Raises what `read_file_tags` raises.
        """
        data = _beginning(path, self._size)
        for number, kind in enumerate(self._kinds):
            found = kind.tags(data, default)
            if found is not None:
                if number:
                    self._kinds.insert(0, self._kinds.pop(number))
                self._vain = 0
                self.recognized += 1
                return found
        tags = read_file_tags(path, default)
        self._vain += 1
        if self._vain < _VAIN or self._vain % _ONE_IN == 0:
            self._remember(path, default, tags)
        return tags

    def _remember(self, path: str | PathLike[str], default: CharacterSet, tags: dict[str, Any]) -> None:
        with open(path, "rb", buffering=0) as file:
            data = file.read(max(self._size, HEAD)) or b""
            spans = element_spans(data)
            if spans is None and len(data) == max(self._size, HEAD):
                data += file.read(15 * HEAD) or b""
                spans = element_spans(data)
        if spans is None:
            return
        fresh = _Kind(data, spans, default)
        for number, kind in enumerate(self._kinds):
            if kind.is_like(fresh):
                fresh.varying = kind.differences(fresh)
                del self._kinds[number]
                break
        fresh.settle()
        if fresh.tags(data, default) == tags:  # else there is something here that this code does not know
            self._kinds = [fresh, *self._kinds[: _MOST_KINDS - 1]]
            self._size = max(self._size, spans[-1].end + _BEYOND)


class _Part(NamedTuple):
    """What lies before an element that differs, and that element: its tag, its VR as the file has it.

    `key` and `known_vr` are of those whose bytes may be all that is needed to read them.
    """

    constant: bytes
    length_bytes: int
    tag: int
    vr: str | None
    is_wanted: bool
    is_private: bool
    key: str
    known_vr: str | None


class _Kind:
    """A header, and which of its elements differ in others like it."""

    def __init__(self, data: bytes, spans: list[Span], default: CharacterSet) -> None:
        self._data = data
        self._spans = spans
        self._default = default
        self._shape = [(span.tag, span.vr, span.is_open) for span in spans]
        self.varying: frozenset[int] = frozenset()

    def is_like(self, other: _Kind) -> bool:
        """Whether the other has the same elements, and text is written in the same way."""
        return (
            self._shape == other._shape
            and self._default == other._default
            and self._value_of(_CHARACTER_SET) == other._value_of(_CHARACTER_SET)
        )

    def differences(self, other: _Kind) -> frozenset[int]:
        """The numbers of elements that are known to differ, with those that do in the other."""
        differ = (
            number
            for number, (mine, theirs) in enumerate(zip(self._spans, other._spans, strict=True))
            if self._data[mine.start : mine.end] != other._data[theirs.start : theirs.end]
        )
        return self.varying | frozenset(differ)

    def settle(self) -> None:
        """Get ready for `tags`, once `varying` is known."""
        data, spans = self._data, self._spans
        varies_privately = any(self._is_private(spans[number]) for number in self.varying)
        self._parts: list[_Part] = []
        self._read_anew = Elements()
        constant: Elements = {spans[-1].tag: Element("OW", b"")}
        begin = 0
        for number, span in enumerate(spans[:-1]):
            tag, is_private = span.tag, self._is_private(span)
            is_wanted = is_private or tag in WANTED
            if number in self.varying:
                before = data[begin : span.value - span.length_bytes]
                key = WANTED.get(tag, "")
                known_vr = vr_of(tag, span.vr) if key else None
                self._parts.append(
                    _Part(before, span.length_bytes, tag, span.vr, is_wanted, is_private, key, known_vr)
                )
                begin = span.end
            elif is_wanted and not (is_private and span.end - span.value > LONGEST_PRIVATE):
                kept = self._read_anew if is_private and varies_privately else constant
                kept[tag] = Element(span.vr, data[span.value : span.end])
        self._tail = data[begin : spans[-1].end]
        self._can_match = not any(spans[number].is_open for number in self.varying)
        named = constant.get(_CHARACTER_SET)
        self._named = {} if named is None else {_CHARACTER_SET: named}
        self._constant = tags_of_elements(constant, default=self._default)
        self._characters = characters_of(constant, self._default)
        self._alike = Alike(varies_privately=varies_privately)

    def tags(self, data: bytes, default: CharacterSet) -> AlikeTags | None:
        """The tags of a file that begins with these bytes; None if it is not of this kind."""
        if not self._can_match or default != self._default:
            return None
        own: dict[str, Any] = {}
        raw = self._read_anew.copy()
        at = 0
        for constant, length_bytes, tag, vr, is_wanted, is_private, key, known_vr in self._parts:
            if not data.startswith(constant, at):
                return None
            value = at + len(constant) + length_bytes
            if value > len(data):
                return None
            (length,) = _LENGTHS[length_bytes](data, value - length_bytes)
            if length == _UNDEFINED:
                return None
            at = value + length
            if not is_wanted or (is_private and length > LONGEST_PRIVATE):
                continue
            written = None if known_vr is None else written_value(known_vr, data[value:at], self._characters)
            if written is None:
                raw[tag] = Element(vr, data[value:at])
            else:
                own[key] = written
        begins = at + len(self._tail) - _TAG_BYTES
        if not data.startswith(self._tail, at) or begins + PIXEL_HEADER > len(data):
            return None
        if raw:
            own |= tags_of_elements(raw | self._named, default=self._default)
        return AlikeTags(self._constant | own, own, self._alike)

    @staticmethod
    def _is_private(span: Span) -> bool:
        return span.tag >> 16 in PRIVATE_GROUPS and span.tag not in WANTED

    def _value_of(self, tag: int) -> bytes | None:
        return next((self._data[span.value : span.end] for span in self._spans if span.tag == tag), None)


def _beginning(path: str | PathLike[str], size: int) -> bytes:
    """The first bytes of a file, read at once: an object for the file would take longer than reading it."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, size)
    finally:
        os.close(file)
