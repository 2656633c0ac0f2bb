"""The elements at the top of a plain DICOM file, found without reading the elements between them.

pydicom makes an object of every element it passes; the readers of this package need a third of those of a slice. Files that
are not plain are left to pydicom: without preamble, deflated, big endian, out of order, truncated, with a wanted sequence or
anything unusual.
"""

from __future__ import annotations

from collections.abc import Container
from io import BytesIO, FileIO
from os import PathLike
from struct import Struct
from typing import Final, NamedTuple

from longitudinal.dicom.sop_classes import RT_STRUCTURE_SET
from longitudinal.dicom.tag_names import READ_PRIVATE_TAGS, READ_TAGS, keys_of

# PS3.5 7.1.2: explicit VRs with a length of 32 bits after two reserved bytes, and all others.
_LONG: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT: Final = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
     b"ST", b"TM", b"UI", b"UL", b"US"}
)  # fmt: skip
_SEQUENCE: Final = b"SQ"
_IMPLICIT: Final = "1.2.840.10008.1.2"
# Deflated; big endian; and objects that only reference their pixels.
_NOT_PLAIN: Final = (
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.94",
    "1.2.840.10008.1.2.4.95",
)
_PREAMBLE: Final = 132
_META_GROUP_ENDS: Final = 0x0003_0000
_META_LENGTH: Final = (0x0002_0000, b"UL", 4)
_TRANSFER_SYNTAX: Final = 0x0002_0010
_PIXELS: Final = frozenset({0x7FE0_0008, 0x7FE0_0009, 0x7FE0_0010})
_FIRST_PIXELS: Final = min(_PIXELS)
PIXEL_HEADER: Final = 12
"""Bytes of tag, VR and length: pydicom refuses a file that ends before."""
# A structure set has megabytes of contours from here on, and nothing that is wanted.
_FIRST_CONTOURS: Final = 0x3006_0000
_SOP_CLASS: Final = 0x0008_0016
_STRUCTURE_SET: Final = RT_STRUCTURE_SET.encode()
_ITEM, _ITEM_ENDS, _SEQUENCE_ENDS = 0xFFFE_E000, 0xFFFE_E00D, 0xFFFE_E0DD
_UNDEFINED: Final = 0xFFFF_FFFF
_DEEPEST: Final = 12
# The header of most slices is in the first bytes; others have a hundred kilobytes of private elements.
HEAD: Final = 1 << 14
_LONGEST: Final = 1 << 20

_EXPLICIT_HEADER = Struct("<HH2sH")
_IMPLICIT_HEADER = Struct("<HHL")
_LENGTH = Struct("<L")

PRIVATE_GROUPS: Final = frozenset(int(wanted.group, 16) for wanted in READ_PRIVATE_TAGS)
# Headers of a hundred kilobytes are kept there, too; wanted values are a number or a word.
LONGEST_PRIVATE: Final = 1_024


class Element(NamedTuple):
    """An element as the file has it; `vr` is None in implicit files."""

    vr: str | None
    value: bytes


Elements = dict[int, Element]
"""By tag."""


WANTED: Final = keys_of(READ_TAGS)
"""The tags that the index reads, and their keys."""


class _NotPlain(Exception):
    """The file is not one that this module reads."""


def read_plain_file(path: str | PathLike[str], keep: frozenset[str] = READ_TAGS) -> Elements | None:
    """Find the wanted elements of a file, up to its pixels: those of `keep`, and of the private groups.

    Returns
    -------
    dict or None
        The elements, in the order of the file; if it has pixels, also their element, without a value. None if pydicom must
        read the file.

    Raises
    ------
    OSError
        The file cannot be opened.
    """
    with open(path, "rb", buffering=0) as file:
        try:
            return _Scan(file, keys_of(keep)).elements()
        except _NotPlain:
            return None


class Span(NamedTuple):
    """Where an element of a header lies: its `start`, where the `value` is, the `end`; bytes from the start of the file.

    `vr` is None in implicit files, `length_bytes` the size of the field before the value. `is_open`: it is a sequence of
    undefined length. The last span is of the pixels, and ends with their tag.
    """

    tag: int
    vr: str | None
    start: int
    value: int
    end: int
    length_bytes: int
    is_open: bool


def element_spans(data: bytes) -> list[Span] | None:
    """All elements of a plain file that begins with these bytes, those of its meta information too, up to the pixels.

    None if the pixels are not reached, or the file is not one for `read_plain_file`.
    """
    try:
        return _Scan(BytesIO(data), WANTED).spans()
    except _NotPlain:
        return None


class _Scan:
    """One pass over the elements of a file, which is read only as far as the pass gets."""

    def __init__(self, file: FileIO | BytesIO, wanted: Container[int]) -> None:
        self._file = file
        self._wanted = wanted
        self._data = file.read(HEAD) or b""

    def elements(self) -> Elements:
        """The wanted elements. Raises _NotPlain."""
        if self._data[128:_PREAMBLE] != b"DICM":
            raise _NotPlain
        position, syntax = self._meta()
        if not syntax or syntax in _NOT_PLAIN:
            raise _NotPlain
        return self._implicit(position) if syntax == _IMPLICIT else self._explicit(position)

    def spans(self) -> list[Span]:
        """Where all elements are, once `elements` has found the file plain. Raises _NotPlain."""
        self.elements()
        found, (begin, syntax), position = list[Span](), self._meta(), _PREAMBLE
        while True:
            is_explicit = position < begin or syntax != _IMPLICIT
            if is_explicit:
                tag, vr, start, length = self._explicit_header(position)
            else:
                (tag, length), vr, start = self._delimiter(position), b"", position + 8
            if tag >= _FIRST_PIXELS:
                return [*found, Span(tag, None, position, position + 4, position + 4, 0, True)]
            is_open = length == _UNDEFINED
            end = self._skip(start, is_explicit=is_explicit, depth=0) if is_open else start + length
            length_bytes = 2 if is_explicit and vr in _SHORT else 4
            found.append(Span(tag, vr.decode() or None, position, start, end, length_bytes, is_open))
            position = end

    def _meta(self) -> tuple[int, str]:
        """Where the file meta information ends (it is always explicit little endian), and the transfer syntax."""
        position, syntax = _PREAMBLE, ""
        while True:
            if self._delimiter(position)[0] >= _META_GROUP_ENDS:
                return position, syntax
            tag, vr, start, length = self._explicit_header(position)
            if position == _PREAMBLE and (tag, vr, length) != _META_LENGTH:
                raise _NotPlain
            if tag == _TRANSFER_SYNTAX:
                syntax = self._data[start : start + length].decode("latin-1").strip(" \0")
            if vr == _SEQUENCE or length == _UNDEFINED:
                raise _NotPlain
            position = start + length

    def _explicit_header(self, position: int) -> tuple[int, bytes, int, int]:
        """Tag, VR, start and length of the value of the element at a position."""
        self._reach(position + 8)
        group, element, vr, length = _EXPLICIT_HEADER.unpack_from(self._data, position)
        if vr in _SHORT:
            return group << 16 | element, vr, position + 8, length
        if vr in _LONG or vr == _SEQUENCE:
            self._reach(position + 12)
            return group << 16 | element, vr, position + 12, _LENGTH.unpack_from(self._data, position + 8)[0]
        raise _NotPlain

    def _explicit(self, position: int) -> Elements:
        found: Elements = {}
        data, end, last, wanted = self._data, len(self._data), 0, self._wanted
        header = _EXPLICIT_HEADER.unpack_from
        while True:
            if position + 12 > end:
                if self._is_end(position):
                    return found
                self._reach(position + 8)
                data, end = self._data, len(self._data)
            group, element, vr, length = header(data, position)
            tag = group << 16 | element
            if tag <= last:
                raise _NotPlain
            if tag >= _FIRST_PIXELS:
                return self._with_pixels(found, tag, position)
            if tag >= _FIRST_CONTOURS and self._is_structure_set(found):
                return found
            last = tag
            if vr in _SHORT:
                start = position + 8
            elif vr in _LONG or vr == _SEQUENCE:
                if position + 12 > end:
                    raise _NotPlain
                start, length = position + 12, _LENGTH.unpack_from(data, position + 8)[0]
            else:
                raise _NotPlain
            if vr == _SEQUENCE or length == _UNDEFINED:
                if vr != _SEQUENCE or self._is_wanted(tag):
                    raise _NotPlain
                position = (
                    self._skip(start, is_explicit=True, depth=0) if length == _UNDEFINED else start + length
                )
                continue
            position = start + length
            if tag in wanted or group in PRIVATE_GROUPS:
                self._keep(found, tag, vr.decode(), start, length)

    def _implicit(self, position: int) -> Elements:
        found: Elements = {}
        data, end, last = self._data, len(self._data), 0
        while True:
            if position + 8 > end:
                if self._is_end(position):
                    return found
                self._reach(position + 8)
                data, end = self._data, len(self._data)
            group, element, length = _IMPLICIT_HEADER.unpack_from(data, position)
            tag = group << 16 | element
            if tag <= last:
                raise _NotPlain
            if tag >= _FIRST_PIXELS:
                return self._with_pixels(found, tag, position)
            if tag >= _FIRST_CONTOURS and self._is_structure_set(found):
                return found
            last, start = tag, position + 8
            if length == _UNDEFINED:
                if self._is_wanted(tag):
                    raise _NotPlain
                position = self._skip(start, is_explicit=False, depth=0)
                continue
            position = start + length
            if self._is_wanted(tag):
                self._keep(found, tag, None, start, length)

    def _keep(self, found: Elements, tag: int, vr: str | None, start: int, length: int) -> None:
        if tag not in self._wanted and length > LONGEST_PRIVATE:
            return
        if start + length > len(self._data):
            self._reach(start + length)
        value = self._data[start : start + length]
        found[tag] = Element(vr, value)

    def _is_structure_set(self, found: Elements) -> bool:
        sop_class = found.get(_SOP_CLASS)
        return sop_class is not None and sop_class.value.strip(b" \0") == _STRUCTURE_SET

    def _is_end(self, position: int) -> bool:
        """Whether the file ends here: one without pixels ends with its last element."""
        if position + 12 > len(self._data):
            self._data += self._file.read(HEAD) or b""
        return position == len(self._data)

    def _reach(self, end: int) -> None:
        """Read so many bytes of the file. Raises _NotPlain if it is shorter, or its header very long."""
        while len(self._data) < end:
            more = self._file.read(max(HEAD, end - len(self._data))) if end <= _LONGEST else b""
            if not more:
                raise _NotPlain
            self._data += more

    def _with_pixels(self, found: Elements, tag: int, position: int) -> Elements:
        if tag not in _PIXELS:
            raise _NotPlain  # after the place of the pixels there is padding, or nothing at all
        self._reach(position + PIXEL_HEADER)
        found[tag] = Element("OW", b"")
        return found

    def _skip(self, position: int, *, is_explicit: bool, depth: int) -> int:
        """Where a sequence of undefined length ends that has items from a position on (PS3.5 7.5)."""
        if depth > _DEEPEST:
            raise _NotPlain
        while True:
            tag, length = self._delimiter(position)
            position += 8
            if tag == _SEQUENCE_ENDS:
                return position
            if tag != _ITEM:
                raise _NotPlain
            position = (
                self._skip_item(position, is_explicit, depth) if length == _UNDEFINED else position + length
            )

    def _skip_item(self, position: int, is_explicit: bool, depth: int) -> int:
        while True:
            tag, length = self._delimiter(position)
            if tag == _ITEM_ENDS:
                return position + 8
            if is_explicit:
                tag, vr, start, length = self._explicit_header(position)
                if length == _UNDEFINED and vr != _SEQUENCE:
                    raise _NotPlain
            else:
                start = position + 8
            if length == _UNDEFINED:
                position = self._skip(start, is_explicit=is_explicit, depth=depth + 1)
            else:
                position = start + length

    def _delimiter(self, position: int) -> tuple[int, int]:
        self._reach(position + 8)
        group, element, length = _IMPLICIT_HEADER.unpack_from(self._data, position)
        return group << 16 | element, length

    def _is_wanted(self, tag: int) -> bool:
        """Also those of some private groups, in which elements are found by the creator of their block."""
        return tag in self._wanted or tag >> 16 in PRIVATE_GROUPS
